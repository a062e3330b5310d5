// Programs of others that act for oneself (OAuth 2, OpenID Connect), as a part of the account; and what their scopes mean.

import { h } from './dom.js';
import { Rows, arrange, mark, refresh, write } from './keep.js';
import { PERMISSIONS } from './permission.js';
import { permissionName } from './reason.js';
import { t, when } from './text.js';

/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./messages.js').OauthGrant} OauthGrant */
/** @typedef {import('./permission.js').PermissionName} PermissionName */

/** Scopes by which a program is told something, in the order in which they are shown. */
export const TOLD = /** @type {const} */ (['openid', 'profile', 'email', 'groups', 'offline_access']);

/** What a scope is that tells something. @param {typeof TOLD[number]} scope */
export const toldName = (scope) => ({
  openid: t('scopeOpenid'), profile: t('scopeProfile'), email: t('scopeEmail'), groups: t('scopeGroups'), offline_access: t('scopeOffline'),
})[scope];

/** The scope of a permission. @param {PermissionName} name */
export const scopeOf = (name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** What scopes mean: a line of what is told, and one of what may be done. @param {string} scope @param {"scopesTold" | "scopesAsked"} told @param {"scopesMay" | "scopesMayAsk"} may */
export function lines(scope, told, may) {
  const all = scope.split(' ');
  const what = TOLD.filter((one) => all.includes(one)).map(toldName).join(', ');
  const permitted = PERMISSIONS.filter((name) => all.includes(scopeOf(name))).map(permissionName);
  const does = [...permitted, ...(all.includes('destructive') ? [t('scopeDestructive')] : [])].join(', ');
  return [what && t(told, { what }), does && t(may, { what: does })].filter(Boolean);
}

/** @param {(string | false)[]} said */
export const facts = (said) => said.filter(Boolean).map((line) => h('div', {}, String(line)));

/**
 * The programs that act for oneself.
 * @param {Session} session @param {(name: string, work: () => Promise<string | void>) => HTMLButtonElement} button Makes one that says what came of it.
 */
export function grants(session, button) {
  const list = h('ul', { class: 'devices' });
  const nothing = h('li', { class: 'hint' }, t('grantsNone'));
  const rows = new Rows((/** @type {number} */ id) => {
    const title = h('strong');
    const about = h('div', { class: 'hint' });
    const end = button(t('grantEnd'), async () => {
      const program = title.textContent;
      await session.request('revokeOauthGrant', { id });
      await show();
      return t('grantEnded', { program });
    });
    return {
      element: h('li', {}, h('div', {}, title), about, end),
      draw: (/** @type {OauthGrant} */ grant) => {
        write(title, grant.name);
        const times = [t('grantSince', { when: when(grant.createdMs) }), grant.usedMs > 0 && t('keyUsed', { when: when(grant.usedMs) })];
        refresh(about, facts([
          ...lines(grant.scope, 'scopesTold', 'scopesMay'), grant.byItself && t('grantByItself'), times.filter(Boolean).join(' · '),
        ]));
        mark(end, 'aria-label', t('grantEndOf', { program: grant.name }));
      },
    };
  });
  const show = async () => {
    const { grants: all } = await session.request('listOauthGrants', {});
    arrange(list, [all.length === 0 && nothing, ...rows.draw(all.map((grant) => [grant.id, grant]))]);
  };
  return { element: h('div', { class: 'column' }, h('p', { class: 'hint' }, t('grantsLead')), list), show };
}
