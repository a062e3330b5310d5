// The first step: who are you?

import { goFor } from './away.js';
import { Bound } from './bounds.js';
import { ErrorCode } from './codes.js';
import { h, fill } from './dom.js';
import { write } from './keep.js';
import { bytes, characters } from './limit.js';
import { HOME, codeIn, forget, shown } from './place.js';
import { explain, isRefusal } from './refusal.js';
import { DEVICE } from './session.js';
import { t } from './text.js';

/** What a guest's name begins with. */
const GUEST_MARK = '~';

/** @typedef {import('./session.js').Session} Session */
/** @typedef {"logIn" | "guest" | "claim" | "register" | "forgot" | "reset"} Way */

/**
 * @param {Session} session @param {string} [notice] What happened before.
 * @returns {HTMLElement}
 */
export function entry(session, notice) {
  const greeting = /** @type {import('./session.js').Greeting} */ (session.greeting);
  // Whoever was a guest here last is asked for no account; the server puts the mark before their name itself, and one with a number
  // after it where there are two of that name.
  const guest = session.lastName.startsWith(GUEST_MARK) ? session.lastName.split(GUEST_MARK)[1] : '';
  /** @type {Way} */
  let way = greeting.unclaimed && !greeting.administered ? 'claim' : guest && greeting.guests ? 'guest' : 'logIn';
  // Where an invite leads to is asked of the server.
  const invite = codeIn('i');
  let path = '';
  if (invite) way = 'register';
  const reset = codeIn('r');
  if (reset) way = 'reset';
  const card = h('main', { class: 'card', id: 'entry' });
  const problem = h('p', { class: 'problem', role: 'alert', id: 'problem' });
  const lead = h('p', { class: 'lead' });
  const leadsTo = () => (path ? t('inviteTo', { channel: path }) : t('registerLead'));

  /** @param {string} name @param {import('./dom.js').Attributes} attributes */
  const field = (name, attributes) => {
    const id = `field-${attributes.name}`;
    return h('div', { class: 'field' }, h('label', { for: id }, name), h('input', { id, required: true, ...attributes }));
  };
  const nameField = () => field(t('name'), {
    name: 'name', autocomplete: way === 'guest' ? 'nickname' : 'username', '.value': way === 'guest' ? guest : guest ? '' : session.lastName, ...characters(Bound.maxUserName), autocapitalize: 'none', spellcheck: 'false',
  });
  const passwordField = () => field(t('password'), {
    name: 'password', type: 'password', autocomplete: ['claim', 'register', 'reset'].includes(way) ? 'new-password' : 'current-password', ...characters(Bound.maxPassword),
  });

  /** @param {SubmitEvent} event */
  async function submit(event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const fields = new FormData(form);
    const given = (/** @type {string} */ field) => String(fields.get(field) ?? '');
    const code = given('code').trim();
    const [name, password, device] = [given('name'), given('password'), DEVICE];
    const button = /** @type {HTMLButtonElement} */ (form.querySelector('button[type=submit]'));
    const label = button.textContent;
    button.disabled = true;
    fill(button, t('working'));
    fill(problem);
    try {
      if (way === 'guest') await session.logIn('logInGuest', { name, device });
      else if (way === 'forgot') {
        await session.before('requestReset', { email: given('email').trim() });
        way = 'reset';
        notice = greeting.sendsEmails ? t('emailSent') : t('emailWaits');
        draw();
      } else if (way === 'reset') {
        const { sessions, apiKeys, invites, programs } = await session.before('resetPassword', { code, password, keepKeys: fields.has('keep') });
        forget();
        way = 'logIn';
        notice = t('resetDone', { sessions, apiKeys, invites, programs });
        draw();
      } else if (way === 'register') {
        await session.logIn('register', { invite: given('invite').trim(), name, password, device });
        // The code is used, and the address keeps no secret.
        forget(path ? path.split('/') : []);
      } else if (way === 'claim') await session.logIn('redeemClaim', { code, name, password, device });
      else await session.logIn('logInPassword', { name, password, device, code: given('factor').trim() });
    } catch (error) {
      fill(problem, explain(error));
      button.disabled = false;
      fill(button, label);
      if (isRefusal(error, ErrorCode.secondFactorNeeded) && !form.elements.namedItem('factor')) {
        problem.before(field(t('oneTimeCode'), { name: 'factor', autocomplete: 'one-time-code', inputmode: 'text', maxlength: 32 }));
      }
      const first = form.querySelector('input[name=factor]') ?? form.querySelector('input[type=password]') ?? form.querySelector('input');
      /** @type {HTMLInputElement} */ (first).focus();
    }
  }

  /** @param {import('./session.js').ByProvider} provider */
  const picture = ({ id, icon }) => icon && h('img', { src: `${HOME}oidc/${id}/icon`, alt: '' });

  /** The way to another server by which one logs in. @param {import('./session.js').ByProvider} provider */
  const providerLink = (provider) => h('a', { class: 'provider', href: `${HOME}oidc/${provider.id}/start` },
    picture(provider), t('logInBy', { provider: provider.name }));

  /** The same to have an account by the invite, without a password. @param {import('./session.js').ByProvider} provider */
  const providerButton = (provider) => h('button', {
    type: 'button',
    class: 'provider',
    onclick: async () => {
      const code = /** @type {HTMLInputElement} */ (card.querySelector('input[name=invite]')).value.trim();
      fill(problem);
      try {
        // Whoever comes back is shown where the invite leads to.
        shown.set('invited', path);
        await goFor(provider.id, { invite: code });
      } catch (error) {
        fill(problem, explain(error));
      }
    },
  }, picture(provider), t('takeUpBy', { provider: provider.name }));

  function draw() {
    const head = { forgot: t('forgot'), reset: t('reset'), register: t('register'), logIn: t('logIn'), guest: t('guest'), claim: t('claim') }[way];
    write(lead, { forgot: greeting.sendsEmails ? t('forgotLead') : t('forgotLeadByHand'), reset: t('resetLead'), register: leadsTo(), logIn: t('logInLead'), guest: t('guestLead'), claim: t('claimLead') }[way]);
    const verb = { forgot: greeting.sendsEmails ? t('sendEmail') : t('makeCode'), reset: t('resetIt'), register: t('registerIt'), logIn: t('logIn'), guest: t('enterAsGuest'), claim: t('claimIt') }[way];
    /** @type {[Way, string][]} */
    const others = [];
    if (way !== 'logIn') others.push(['logIn', t('orLogIn')]);
    if (way !== 'guest' && greeting.guests) others.push(['guest', t('orGuest')]);
    if (way === 'logIn') others.push(['forgot', t('orForgot')]);
    if (way !== 'register' && greeting.registration !== 'closed') others.push(['register', t('orRegister')]);
    if (way !== 'claim' && greeting.unclaimed) others.push(['claim', t('orClaim')]);
    fill(
      card,
      h('p', { class: 'server' }, t('welcome', { server: greeting.name })),
      h('h1', {}, head),
      lead,
      notice && h('p', { class: 'notice', role: 'status' }, notice),
      way === 'logIn' && greeting.providers.length > 0 && h('div', { class: 'providers' }, greeting.providers.map(providerLink)),
      way === 'logIn' && greeting.providers.length > 0 && h('p', { class: 'hint' }, t(greeting.passwords ? 'orPassword' : 'ownersPassword')),
      way === 'register' && greeting.providers.length > 0 && h('div', { class: 'providers' }, greeting.providers.map(providerButton)),
      way === 'register' && greeting.providers.length > 0 && h('p', { class: 'hint' }, t('orNewPassword')),
      h('form', { onsubmit: submit },
        way === 'claim' && field(t('claimCode'), { name: 'code', autocomplete: 'off', autocapitalize: 'characters', spellcheck: 'false' }),
        way === 'register' && field(t('inviteCode'), {
          name: 'invite', autocomplete: 'off', autocapitalize: 'characters', spellcheck: 'false', '.value': invite, required: greeting.registration !== 'open',
        }),
        way === 'reset' && field(t('emailCode'), { name: 'code', autocomplete: 'one-time-code', autocapitalize: 'characters', spellcheck: 'false', '.value': reset }),
        way === 'forgot' && field(t('email'), { name: 'email', type: 'email', autocomplete: 'email', ...bytes(Bound.maxEmail) }),
        way !== 'reset' && way !== 'forgot' && nameField(),
        way !== 'guest' && way !== 'forgot' && passwordField(),
        way === 'reset' && h('label', { class: 'choice' }, h('input', { type: 'checkbox', name: 'keep', 'aria-describedby': 'keep-hint' }), t('keepKeys')),
        way === 'reset' && h('p', { class: 'hint', id: 'keep-hint' }, t('keysEndAll')),
        problem,
        h('button', { type: 'submit', class: 'primary' }, verb)),
      others.length > 0 && h('div', { class: 'others' }, others.map(([other, name]) => h('button', {
        type: 'button',
        class: 'link',
        onclick: () => {
          way = other;
          notice = undefined;
          fill(problem);
          draw();
        },
      }, name))),
    );
    /** @type {HTMLInputElement[]} */
    const inputs = [...card.querySelectorAll('input')];
    queueMicrotask(() => (inputs.find(({ value }) => !value) ?? inputs[0])?.focus());
  }
  draw();
  if (invite) {
    session.before('lookAtInvite', { code: invite }).then(({ channelPath }) => {
      path = channelPath;
      // What is typed already stays.
      if (way === 'register') write(lead, leadsTo());
    }, (error) => fill(problem, explain(error)));
  }
  return card;
}
