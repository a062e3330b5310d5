// The dialog of one's own account: devices, password, one-time codes.

import { goFor } from './away.js';
import { Bound } from './bounds.js';
import { h, fill } from './dom.js';
import { grants } from './grants.js';
import { hooks } from './hooks.js';
import { Rows, arrange, mark, write } from './keep.js';
import { bytes, characters } from './limit.js';
import { setOf } from './permission.js';
import { kept } from './place.js';
import { waiting } from './press.js';
import { explain } from './refusal.js';
import { profile } from './profile.js';
import { t, when } from './text.js';

/** What a key that is made here may do: see, join, speak and write. */
const SCOPES = setOf('view', 'join', 'speak', 'text');

/** A QR code of so many modules a side, a bit each. @param {number} side @param {Uint8Array} bits @param {string} name */
function qrCode(side, bits, name) {
  const quiet = 4;
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', `0 0 ${side + 2 * quiet} ${side + 2 * quiet}`);
  svg.setAttribute('class', 'qr');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', name);
  let path = '';
  for (let i = 0; i < side * side; i++) {
    if (bits[i >> 3] & (128 >> (i & 7))) path += `M${(i % side) + quiet} ${Math.floor(i / side) + quiet}h1v1h-1z`;
  }
  const dark = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  dark.setAttribute('d', path);
  svg.append(dark);
  return svg;
}

/** Goes to another server to link a log-in there with the account that this page keeps the session of. @param {string} id */
const beginLink = (id) => goFor(id, { session: kept.get('token') ?? '' });

/** @param {import('./session.js').Session} session */
export async function account(session) {
  const problem = h('p', { class: 'problem', role: 'alert' });
  const said = h('p', { class: 'notice', role: 'status', hidden: true });
  const devices = h('ul', { class: 'devices' });
  const factor = h('div', { class: 'factor' });

  /** Does something, and says what came of it. @param {() => Promise<string | void>} work */
  const act = async (work) => {
    fill(problem);
    said.hidden = true;
    try {
      const sentence = await work();
      if (sentence) {
        fill(said, sentence);
        said.hidden = false;
      }
    } catch (error) {
      fill(problem, explain(error));
    }
  };
  /** @param {string} name @param {() => Promise<string | void>} work */
  const button = (name, work) => {
    /** @type {HTMLButtonElement} */
    const made = h('button', { type: 'button', onclick: () => waiting(made, act(work)) }, name);
    return made;
  };
  /** A row of a list: whom or what it is about, more of it, and what ends it. @param {string} name @param {() => Promise<string | void>} work */
  const row = (name, work) => {
    const title = h('strong');
    const note = h('span');
    const hint = h('div', { class: 'hint' });
    const end = button(name, work);
    const element = h('li', {}, h('div', {}, title, note), hint, end);
    return {
      element,
      /** @param {{called: string, noted?: string, hints: (string | false)[], ends: string | false}} now */
      draw({ called, noted = '', hints, ends }) {
        write(title, called);
        write(note, noted);
        write(hint, hints.filter(Boolean).join(' · '));
        end.hidden = ends === false;
        mark(end, 'aria-label', ends);
      },
    };
  };
  /** @param {string} id @param {string} name @param {import('./dom.js').Attributes} attributes */
  const field = (id, name, attributes) => {
    const input = h('input', { id, required: true, ...attributes });
    return { input, element: h('div', { class: 'field' }, h('label', { for: id }, name), input) };
  };

  const deviceRows = new Rows((/** @type {number} */ id) => row(t('logOut'), async () => {
    await session.request('endDevice', { session: id });
    await showDevices();
  }));
  const showDevices = async () => {
    const { devices: list } = await session.request('listDevices', {});
    arrange(devices, deviceRows.draw(list.map((device) => [device.session, {
      called: device.name || device.client, noted: device.this ? ` (${t('thisDevice')})` : '', hints: [device.client, device.address, when(device.usedMs)],
      ends: !device.this && t('endDevice', { device: device.name || device.client }),
    }])));
  };

  const showFactor = async () => {
    const own = await session.request('getAccount', {});
    if (own.secondFactor) {
      const proof = field('factor-proof', t('factorProof'), { autocomplete: 'one-time-code', ...characters(Bound.maxPassword) });
      fill(factor, h('p', {}, t('factorOn', { codes: own.recoveryCodes })), proof.element, button(t('factorRemove'), async () => {
        await session.request('removeSecondFactor', { proof: proof.input.value });
        await showFactor();
        return t('factorRemoved');
      }));
      return;
    }
    fill(factor, h('p', {}, t('factorOff')), button(t('factorSetUp'), async () => {
      const secret = await session.request('setUpSecondFactor', {});
      const code = field('factor-code', t('factorCode'), { autocomplete: 'one-time-code', inputmode: 'numeric', maxlength: 7 });
      fill(factor, h('p', {}, t('factorScan')), qrCode(secret.qrSide, secret.qr, t('factorQr')), h('p', {}, t('factorType'), ' ', h('code', {}, secret.secret)),
        code.element, button(t('factorConfirm'), async () => {
          const { codes } = await session.request('confirmSecondFactor', { code: code.input.value });
          fill(factor, h('p', {}, t('recoveryLead')), h('ul', { class: 'codes' }, codes.map((one) => h('li', {}, h('code', {}, one)))));
        }));
      code.input.focus();
    }));
  };

  const sends = session.greeting?.sendsEmails;
  const email = h('div', { class: 'factor' });
  const emailState = h('p');
  const address = field('email', t('email'), { type: 'email', autocomplete: 'email', ...bytes(Bound.maxEmail) });
  const proof = field('email-password', t('passwordOld'), { type: 'password', autocomplete: 'current-password', ...characters(Bound.maxPassword) });
  const code = field('email-code', t('emailCode'), { autocomplete: 'one-time-code', maxlength: 32 });
  const emailSet = button(t('emailSet'), async () => {
    await session.request('setEmail', { email: address.input.value.trim(), password: proof.input.value });
    proof.input.value = '';
    await showEmail();
    return !address.input.value ? undefined : sends ? t('emailSent') : t('emailWaits');
  });
  const emailProve = button(t('emailProve'), async () => {
    await session.request('verifyEmail', { code: code.input.value.trim() });
    code.input.value = '';
    await showEmail();
    return t('emailVerified');
  });
  const showEmail = async () => {
    const own = await session.request('getAccount', {});
    // What was typed waits for its code; an address that an administrator set has none.
    const waits = own.emailPending || (own.email && !own.emailVerified);
    const unproven = sends ? t('emailUnproven') : t('emailUnprovenByHand');
    const none = sends ? t('emailNone') : t('emailNoneByHand');
    write(emailState, waits ? unproven : own.email ? t('emailYours') : none);
    address.input.value = own.emailPending || own.email;
    const proving = !!own.emailPending;
    arrange(email, [emailState, address.element, proof.element, emailSet, proving && code.element, proving && emailProve]);
  };

  // Keys end with the password, unless one says that they stay; whoever has none isn't asked.
  const keep = h('input', { type: 'checkbox', id: 'keep-keys', 'aria-describedby': 'keep-keys-hint' });
  const keepHint = h('p', { class: 'hint', id: 'keep-keys-hint' });
  const keepKeys = h('div', { hidden: true }, h('label', { class: 'choice' }, keep, t('keepKeys')), keepHint);
  /** @param {number} count */
  const keysLeft = (count) => {
    keepKeys.hidden = count === 0;
    fill(keepHint, count === 1 ? t('keyEnds') : t('keysEnd', { count }));
  };

  const keys = h('div', { class: 'factor' });
  const keyList = h('ul', { class: 'devices' });
  const made = h('p', { role: 'status' });
  const name = field('key-name', t('keyName'), characters(Bound.maxSentence));
  const keyRows = new Rows((/** @type {number} */ id) => row(t('revoke'), async () => {
    await session.request('revokeApiKey', { id });
    await showKeys();
  }));
  const showKeys = async () => {
    const { keys: list } = await session.request('listApiKeys', {});
    keysLeft(list.length);
    arrange(keyList, keyRows.draw(list.map((key) => [key.id, {
      called: key.name || key.prefix, hints: [`${key.prefix}…`, key.usedMs > 0 ? t('keyUsed', { when: when(key.usedMs) }) : t('keyNotUsed')],
      ends: t('keyRevoke', { key: key.name || key.prefix }),
    }])));
    keyList.hidden = list.length === 0;
  };
  keys.append(made, h('p', {}, t('keysLead')), keyList, name.element, button(t('keyCreate'), async () => {
    const { key } = await session.request('createApiKey', { name: name.input.value.trim(), scopes: SCOPES, lifeMs: 0 });
    name.input.value = '';
    fill(made, t('keyMade'), ' ', h('code', {}, key));
    await showKeys();
  }));

  const linked = h('div', { class: 'factor' });
  const linkedLead = h('p');
  const linkedList = h('ul', { class: 'devices' });
  const linkedRows = new Rows((/** @type {number} */ id) => row(t('unlinkIt'), async () => {
    await session.request('removeLinkedLogIn', { id });
    await showLinked();
  }));
  const providers = session.greeting?.providers ?? [];
  const showLinked = async () => {
    const { logIns } = await session.request('listLinkedLogIns', {});
    write(linkedLead, t(logIns.length > 0 ? 'linkedLead' : 'linkedNone'));
    arrange(linkedList, linkedRows.draw(logIns.map((one) => [one.id, {
      called: t('linkedOf', { name: one.name || '?', provider: one.provider || one.issuer }), hints: [one.issuer, when(one.usedMs)],
      ends: t('unlinkOne', { provider: one.provider || one.issuer }),
    }])));
    linkedList.hidden = logIns.length === 0;
  };
  linked.append(linkedLead, linkedList, ...providers.map(({ id, name: provider }) => button(t('link', { provider }), () => beginLink(id))));

  const old = field('password-old', t('passwordOld'), { type: 'password', autocomplete: 'current-password', ...characters(Bound.maxPassword) });
  const fresh = field('password-new', t('passwordNew', { count: Bound.minPassword }), {
    type: 'password', autocomplete: 'new-password', ...characters(Bound.maxPassword), minlength: Bound.minPassword,
  });
  const change = h('form', {
    onsubmit: (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      act(async () => {
        const changed = await session.request('changePassword', { old: old.input.value, new: fresh.input.value, keepKeys: keep.checked });
        [old.input.value, fresh.input.value] = ['', ''];
        keep.checked = false;
        await showDevices();
        await showKeys();
        await programs.show();
        const { sessions, apiKeys, invites, programs: ended } = changed;
        return t('passwordChanged', { sessions, apiKeys, invites, programs: ended });
      });
    },
  }, old.element, fresh.element, keepKeys, h('button', { type: 'submit' }, t('passwordChange')));

  const programs = grants(session, button);
  const shown = profile(session, act);
  const dialog = h('dialog', { 'aria-labelledby': 'account-title', class: 'preferences account' },
    h('h2', { id: 'account-title' }, t('account')), problem, said,
    shown.element,
    h('fieldset', {}, h('legend', {}, t('yourDevices')), devices, button(t('endOthers'), async () => {
      await session.request('endOtherDevices', {});
      await showDevices();
      await programs.show();
    }), h('p', { class: 'hint' }, t('endOthersAbout'))),
    h('fieldset', {}, h('legend', {}, t('secondFactor')), factor),
    h('fieldset', {}, h('legend', {}, t('password')), change),
    providers.length > 0 && h('fieldset', {}, h('legend', {}, t('linked')), linked),
    h('fieldset', {}, h('legend', {}, t('email')), email),
    h('fieldset', {}, h('legend', {}, t('keys')), keys),
    h('fieldset', {}, h('legend', {}, t('grants')), programs.element),
    h('fieldset', {}, h('legend', {}, t('hooks')), h('p', { class: 'hint' }, t('hooksLead')), h('button', { type: 'button', onclick: () => { dialog.close(); hooks(session); } }, t('hooksOpen'))),
    h('form', { method: 'dialog' }, h('button', { class: 'primary' }, t('close'))));
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  await act(shown.show);
  await act(showDevices);
  await act(showFactor);
  await act(showEmail);
  if (providers.length > 0) await act(showLinked);
  await act(showKeys);
  await act(programs.show);
}
