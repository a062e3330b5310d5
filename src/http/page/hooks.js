// Webhooks: where what happens is sent to, whether it came there, and what was answered.

import { Bound } from './bounds.js';
import { HookDeliveryState, HookOff } from './codes.js';
import { Dialog, field, folded } from './dialog.js';
import { fill, h } from './dom.js';
import { facts } from './grants.js';
import { Rows, arrange, mark, refresh, write } from './keep.js';
import { bytes, characters } from './limit.js';
import { t, when } from './text.js';

/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./messages.js').Hook} Hook */
/** @typedef {import('./messages.js').HookDelivery} HookDelivery */
/** @typedef {import('./messages.js').HookTry} HookTry */

/** The kinds of what is sent, each with what it is. */
const KINDS = () => ({
  channels: t('hookChannels'), rights: t('hookRights'), accounts: t('hookAccounts'), presence: t('hookPresence'),
  moderation: t('hookModeration'), texts: t('hookTexts'), recordings: t('hookRecordings'), elements: t('hookElements'),
});

/** Why nothing is sent. @param {number} off */
const whyOff = (off) => ({
  [HookOff.owner]: t('hookOffOwner'), [HookOff.gone]: t('hookOffGone'), [HookOff.failing]: t('hookOffFailing'),
  [HookOff.notLetIn]: t('hookOffNotLetIn'), [HookOff.closed]: t('hookOffClosed'),
})[off] ?? t('hookOffOwner');

/** What has become of a message. @param {HookDelivery} delivery */
const become = ({ state, nextMs }) => ({
  [HookDeliveryState.waiting]: nextMs > 0 ? t('deliveryNext', { when: when(nextMs) }) : t('deliveryWaits'),
  [HookDeliveryState.delivered]: t('deliveryDone'), [HookDeliveryState.givenUp]: t('deliveryGivenUp'),
  [HookDeliveryState.withheld]: t('deliveryWithheld'),
})[state] ?? '';

/** What is said of a webhook. @param {Hook} hook */
function about({ description, kinds, off, waiting, failingMs, formerUntilMs }) {
  const names = Object.entries(KINDS()).filter(([kind]) => kinds.includes(kind)).map(([, name]) => name);
  return facts([
    description, kinds.length === 0 ? t('hookAll') : t('hookOnly', { kinds: names.join(', ') }), off !== HookOff.on && whyOff(off),
    waiting > 0 && t('hookWaiting', { count: waiting }), failingMs > 0 && t('hookFailing', { when: when(failingMs) }),
    formerUntilMs > 0 && t('hookFormer', { when: when(formerUntilMs) }),
  ]);
}

/** One's own webhooks. @param {Session} session */
export async function hooks(session) {
  const dialog = new Dialog(t('hooks'), 'programs');
  const list = h('ul', { class: 'devices hooks' });
  const nothing = h('li', { class: 'hint' }, t('hooksNone'));
  const made = h('div', { class: 'factor', role: 'status' });
  /** @param {string} sentence @param {string} secret */
  const show = (sentence, secret) => {
    fill(made, h('p', {}, sentence), h('p', {}, h('code', {}, secret)));
    made.scrollIntoView({ block: 'nearest' });
  };
  const rows = new Rows((/** @type {number} */ id) => {
    const title = h('strong');
    const said = h('div', { class: 'hint' });
    let isOn = true;
    /** @param {string} name @param {(url: string) => Promise<string | void>} work */
    const button = (name, work) => dialog.button(name, async () => {
      const sentence = await work(title.textContent ?? '');
      await draw();
      return sentence;
    });
    const named = /** @type {[HTMLButtonElement, Parameters<typeof t>[0]][]} */ ([
      [button(t('hookTest'), async (url) => {
        await session.request('testHook', { id });
        return t('hookTested', { url });
      }), 'hookTestOf'],
      [dialog.button(t('deliveries'), async () => deliveries(session, id, title.textContent ?? '')), 'deliveriesOf'],
      [button(t('hookRotate'), async (url) => {
        const { secret } = await session.request('rotateHookSecret', { id });
        show(t('hookRotated', { url }), secret);
      }), 'hookRotateOf'],
      [button(t('hookRemove'), async (url) => {
        await session.request('removeHook', { id });
        fill(made);
        return t('hookRemoved', { url });
      }), 'hookRemoveOf'],
    ]);
    const turn = button('', async () => {
      await session.request('editHook', { id, on: !isOn });
    });
    return {
      element: h('li', {}, h('div', {}, title), said, h('div', { class: 'actions' }, turn, ...named.map(([one]) => one))),
      draw: (/** @type {Hook} */ hook) => {
        isOn = hook.off === HookOff.on;
        write(title, hook.url);
        refresh(said, about(hook));
        write(turn, isOn ? t('hookTurnOff') : t('hookTurnOn'));
        mark(turn, 'aria-label', t(isOn ? 'hookTurnOffOf' : 'hookTurnOnOf', { url: hook.url }));
        for (const [one, words] of named) mark(one, 'aria-label', t(words, { url: hook.url }));
      },
    };
  });
  const draw = async () => {
    const { hooks: all } = await session.request('listHooks', {});
    arrange(list, [all.length === 0 && nothing, ...rows.draw(all.map((hook) => [hook.id, hook]))]);
  };
  const create = form(session, dialog, async (secret, url) => {
    show(t('hookMade', { url }), secret);
    await draw();
  });
  dialog.show(h('p', { class: 'lead' }, t('hooksLead')), made, list, folded(t('hookAdd'), create));
  await dialog.act(draw);
}

/** What makes a webhook. @param {Session} session @param {Dialog} dialog @param {(secret: string, url: string) => Promise<void>} done */
function form(session, dialog, done) {
  /** @type {Set<string>} */
  const kinds = new Set();
  const url = field(t('hookUrl'), { type: 'url', required: true, autocomplete: 'off', placeholder: 'https://', ...bytes(Bound.maxHookAddress) });
  const description = field(t('hookDescription'), { autocomplete: 'off', ...characters(Bound.maxSentence) });
  const boxes = Object.entries(KINDS()).map(([kind, name]) => {
    const box = h('input', { type: 'checkbox', onchange: () => { kinds[box.checked ? 'add' : 'delete'](kind); } });
    return h('label', { class: 'permission' }, box, h('span', {}, name));
  });
  const made = h('form', {
    onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      dialog.act(async () => {
        const to = url.input.value.trim();
        const { secret } = await session.request('createHook', { url: to, description: description.input.value.trim(), kinds: [...kinds] });
        made.reset();
        kinds.clear();
        await done(secret, to);
      });
    },
  }, url.element, description.element, h('fieldset', { class: 'permissions' }, h('legend', {}, t('hookKinds')), boxes),
  h('button', { type: 'submit' }, t('hookCreate')));
  return made;
}

/** What became of the messages to a webhook. @param {Session} session @param {number} id @param {string} url */
async function deliveries(session, id, url) {
  const dialog = new Dialog(t('deliveriesOf', { url }), 'wide');
  const list = h('ul', { class: 'devices hooks' });
  const nothing = h('li', { class: 'hint' }, t('deliveriesNone'));
  const rows = new Rows((/** @type {number} */ number) => {
    const title = h('strong');
    const said = h('div', { class: 'hint' });
    const tries = h('ol', { class: 'tries' });
    const opened = folded(t('deliveryTries'), tries);
    const again = dialog.button(t('deliveryAgain'), async () => {
      await session.request('replayHook', { id, delivery: number, onwards: false });
      await draw();
      return t('deliveryQueued', { number });
    });
    return {
      element: h('li', {}, h('div', {}, title), said, h('div', { class: 'actions' }, again), opened),
      draw: (/** @type {HookDelivery} */ delivery) => {
        write(title, `${number} · ${delivery.type}`);
        refresh(said, facts([when(delivery.atMs), become(delivery)]));
        refresh(tries, delivery.tries.map(line));
        opened.hidden = delivery.tries.length === 0;
        again.hidden = delivery.state === HookDeliveryState.waiting && delivery.nextMs === 0;
        mark(again, 'aria-label', t('deliveryAgainOf', { number }));
      },
    };
  });
  const draw = async () => {
    const { deliveries: all } = await session.request('listHookDeliveries', { id, before: 0, limit: 0 });
    arrange(list, [all.length === 0 && nothing, ...rows.draw(all.map((delivery) => [delivery.number, delivery]))]);
  };
  dialog.show(h('p', { class: 'lead' }, t('deliveriesLead')), dialog.button(t('deliveriesAnew'), draw), list);
  await dialog.act(draw);
}

/** One try: when, how long it took, and what came of it. @param {HookTry} tried */
function line({ atMs, tookMs, status, error, answer }) {
  const what = status > 0 ? t('tryStatus', { status, ms: tookMs }) : error;
  return h('li', {}, `${when(atMs)} · ${what}`, answer !== '' && h('pre', { class: 'answer' }, answer));
}
