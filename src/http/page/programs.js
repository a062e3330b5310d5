// Programs of others that may ask the people of the organization (OAuth 2, OpenID Connect), for whoever looks after it.

import { Bound } from './bounds.js';
import { Dialog, area, choice, field, folded } from './dialog.js';
import { fill, h } from './dom.js';
import { TOLD, facts, lines, scopeOf, toldName } from './grants.js';
import { Rows, arrange, mark, refresh, write } from './keep.js';
import { bytes, characters } from './limit.js';
import { PERMISSIONS } from './permission.js';
import { permissionAbout, permissionName } from './reason.js';
import { t } from './text.js';

/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./messages.js').OauthClient} OauthClient */

/** The programs that may ask the people of the organization. @param {Session} session */
export async function programs(session) {
  const dialog = new Dialog(t('programs'), 'programs');
  const list = h('ul', { class: 'devices' });
  const nothing = h('li', { class: 'hint' }, t('programsNone'));
  const made = h('div', { class: 'factor', role: 'status' });
  const rows = new Rows((/** @type {number} */ id) => {
    const title = h('strong');
    const about = h('div', { class: 'hint' });
    const end = dialog.button(t('revoke'), async () => {
      const program = title.textContent;
      await session.request('revokeOauthClient', { id });
      fill(made);
      await draw();
      return t('programRevoked', { program });
    });
    return {
      element: h('li', {}, h('div', {}, title), about, end),
      draw: (/** @type {OauthClient} */ client) => {
        write(title, client.name);
        refresh(about, facts([
          t('programNumber', { id: client.id }), ...lines(client.scope, 'scopesAsked', 'scopesMayAsk'),
          ...client.redirectUris.map((address) => t('programBack', { address })),
          client.public && t('programPublic'), client.device && t('programDevice'), client.account !== '' && t('programActs', { name: client.account }),
        ]));
        mark(end, 'aria-label', t('programRevoke', { program: client.name }));
      },
    };
  });
  const draw = async () => {
    const { clients } = await session.request('listOauthClients', {});
    arrange(list, [clients.length === 0 && nothing, ...rows.draw(clients.map((client) => [client.id, client]))]);
  };
  const create = registration(session, dialog, async ({ id, secret }, program) => {
    fill(made, h('p', {}, t('programMade', { program })), h('p', {}, 'client_id ', h('code', {}, id)), secret !== '' && h('p', {}, 'client_secret ', h('code', {}, secret)));
    await draw();
    made.scrollIntoView({ block: 'nearest' });
  });
  dialog.show(h('p', { class: 'lead' }, t('programsLead')), made, list, folded(t('programAdd'), create));
  await dialog.act(draw);
}

/**
 * What registers a program.
 * @param {Session} session @param {Dialog} dialog @param {(made: import('./messages.js').OauthClientMade, name: string) => Promise<void>} done
 */
function registration(session, dialog, done) {
  /** @type {Set<string>} */
  const scopes = new Set(TOLD);
  /** @param {string} scope @param {string} name @param {string} [hint] */
  const scopeBox = (scope, name, hint) => {
    const box = h('input', { type: 'checkbox', checked: scopes.has(scope), onchange: () => { scopes[box.checked ? 'add' : 'delete'](scope); } });
    return h('label', { class: 'permission' }, box, h('span', {}, hint ? h('strong', {}, name) : name, hint && h('span', { class: 'hint' }, hint)));
  };
  const check = (/** @type {string} */ words) => {
    const box = h('input', { type: 'checkbox' });
    return { box, element: h('label', { class: 'permission' }, box, h('span', {}, words)) };
  };
  const addresses = (/** @type {string} */ words) => area(words, { rows: 2, spellcheck: 'false', autocomplete: 'off', ...bytes(Bound.maxText) });
  const name = field(t('programName'), { required: true, autocomplete: 'off', ...characters(Bound.maxSentence) });
  const [back, out, resources] = [addresses(t('programAddresses')), addresses(t('programLogouts')), addresses(t('programResources'))];
  const [isPublic, device, agent] = [check(t('programIsPublic')), check(t('programIsDevice')), check(t('programIsAgent'))];
  const algorithm = choice(t('programAlgorithm'), [['ES256', 'ES256'], ['EdDSA', 'EdDSA']]);
  const all = (/** @type {HTMLTextAreaElement} */ { value }) => value.split(/\s+/).filter(Boolean);
  const form = h('form', {
    onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      dialog.act(async () => {
        const called = name.input.value.trim();
        const answer = await session.request('createOauthClient', {
          name: called, redirectUris: all(back.input), logoutUris: all(out.input), resources: all(resources.input), scope: [...scopes].join(' '),
          public: isPublic.box.checked, device: device.box.checked, account: agent.box.checked ? session.me?.name ?? '' : '', algorithm: algorithm.select.value,
        });
        form.reset();
        scopes.clear();
        for (const one of TOLD) scopes.add(one);
        await done(answer, called);
      });
    },
  }, name.element, back.element,
  h('fieldset', {}, h('legend', {}, t('programTells')), TOLD.map((scope) => scopeBox(scope, toldName(scope)))),
  folded(t('programDoes'), h('p', { class: 'hint' }, t('programDoesLead')), h('fieldset', { class: 'permissions' },
    PERMISSIONS.filter((one) => one !== 'administer').map((one) => scopeBox(scopeOf(one), permissionName(one), permissionAbout(one))),
    scopeBox('destructive', t('programDestructive'), t('programDestructiveAbout')))),
  folded(t('programMore'), isPublic.element, device.element, agent.element, out.element, resources.element, algorithm.element),
  h('button', { type: 'submit' }, t('programRegister')));
  return form;
}
