// What can be done with a channel: the dialog behind the "…" of its row, its password, and the forms to make and change one.

import { action, actions } from './action.js';
import { Bound } from './bounds.js';
import { ErrorCode } from './codes.js';
import { Dialog, area, channelOptions, choice, field, folded } from './dialog.js';
import { ICONS, h, icon, print } from './dom.js';
import { Rows, arrange, mark, offer, refresh, write } from './keep.js';
import { bytes, characters } from './limit.js';
import { keyName } from './preferences.js';
import { lacking, needed, since } from './reason.js';
import { isRefusal } from './refusal.js';
import { settings } from './settings.js';
import { t } from './text.js';

/** @typedef {import('./reason.js').Need} Need */
/** @typedef {import('./room.js').Room} Room */
/** @typedef {import('./messages.js').Channel} Channel */

/** How long a temporary channel stays empty, in milliseconds. */
const TEMPORARY = 60_000;

/** Asks for a channel's password, and goes in. @param {Room} room @param {Channel} channel */
export const password = (room, channel) => asked(channel, t('join', { channel: channel.name }), t('goIn'), (word) => room.session.join(channel.id, word));

/** Asks for a channel's password. @param {Channel} channel @param {string} title @param {string} action @param {(word: string) => Promise<void>} enter */
function asked(channel, title, action, enter) {
  const dialog = new Dialog(title);
  const { input, element } = field(t('channelPassword'), { type: 'password', autocomplete: 'off', required: true, ...bytes(Bound.maxChannelPassword) });
  dialog.show(h('p', { class: 'lead' }, t('passwordAsked', { channel: channel.name })), h('form', {
    onsubmit: async (/** @type {Event} */ event) => {
      event.preventDefault();
      if (await dialog.act(() => enter(input.value))) dialog.close();
      else input.select();
    },
  }, element, h('button', { type: 'submit', class: 'primary' }, action)));
  input.focus();
}

/** @param {Room} room @param {Channel} shown */
export function channelMenu(room, shown) {
  new Menu(room, shown).open();
}

class Menu {
  /** @param {Room} room @param {Channel} shown */
  constructor(room, shown) {
    this.room = room;
    this.session = room.session;
    this.id = shown.id;
    this.name = shown.name;
    this.dialog = new Dialog(shown.name, 'person');
    this.about = h('div', { class: 'about-person' });
    this.actions = h('div', { class: 'actions' });
    this.choices = actions(this.session, (sentence) => this.dialog.say(sentence));
    this.links = this.linking();
    this.drawn = '';
  }

  get channel() {
    return this.session.channels.get(this.id);
  }

  open() {
    const { dialog, session, id } = this;
    const temporary = onlyTemporary(session, id);
    dialog.show(this.about, this.actions, this.listening(),
      this.fold(t('shout'), ICONS.whisper, needed('setVoiceTarget', id), this.shout()),
      this.fold(t('links'), ICONS.link, needed('linkChannels', id), this.links.element),
      this.fold(t('channelEdit'), ICONS.settings, needed('editChannel', id), channelForm(session, dialog, this.channel, 0)),
      this.fold(t('channelCreate'), ICONS.people, creating(session, id), channelForm(session, dialog, undefined, id, temporary)),
      this.fold(t('channelRemove'), ICONS.close, needed('removeChannel', id), this.removal()));
    this.draw();
    dialog.follow(session, () => (this.channel ? this.draw() : dialog.close()));
  }

  draw() {
    const { channel, session, dialog } = this;
    if (!channel) return;
    const facts = print([channel, this.room.following.favourites.has(channel.id), session.me, session.everywhere, [...session.channels.keys()]]);
    if (facts === this.drawn) return;
    this.drawn = facts;
    write(dialog.title, channel.name);
    refresh(this.about, channel.description && h('p', { class: 'status' }, channel.description),
      channel.recordedBy && h('p', { class: 'recording' }, icon(ICONS.record), t('recordedBy', { name: channel.recordedBy, when: since(channel.recordedSinceMs) })),
      h('p', { class: 'hint' }, this.facts(channel).join(' · ')));
    arrange(this.actions, this.choices(this.buttons(channel)));
    this.links.draw(channel);
  }

  /** @param {Channel} channel */
  facts(channel) {
    const { bitrate = 0, frameMs = 0, lastSpeakers = 0 } = channel.voice ?? {};
    return [
      channel.password && t('hasPassword'), channel.temporaryMs !== undefined && t('temporary'),
      channel.userLimit > 0 && t('limitOf', { limit: channel.userLimit }), bitrate > 0 && t('bitrateOf', { rate: bitrate / 1000 }),
      frameMs > 0 && t('frameOf', { value: frameMs }), lastSpeakers > 0 && t('speakersOf', { count: lastSpeakers }),
    ].filter(Boolean);
  }

  /** A button that is greyed with its reason, where one may not do what it stands for. @param {string} name @param {string} drawing @param {Need[]} needs */
  greyed(name, drawing, needs) {
    return action(this.session, (sentence) => this.dialog.say(sentence), { name, drawing, needs, act: () => {} });
  }

  /** @param {string} name @param {string} drawing @param {Need[]} needs @param {...import('./dom.js').Part} parts */
  fold(name, drawing, needs, ...parts) {
    return lacking(this.session, needs) ? this.greyed(name, drawing, needs) : folded(name, ...parts);
  }

  /** @param {Channel} channel */
  buttons(channel) {
    const { session, dialog, room, id } = this;
    const here = session.me?.channel === id;
    const leave = (/** @type {() => void} */ act) => () => {
      dialog.close();
      act();
    };
    const recorded = !!channel.recordedBy;
    const mine = recorded && channel.recordedBy === session.me?.name;
    const recordNeeds = recorded
      ? (mine ? [] : needed('stopRecording', id))
      : [{ refused: !here && t('recordHere') }, ...needed('startRecording', id)];
    return [
      !here && { key: 'join', name: t('join', { channel: channel.name }), drawing: ICONS.leave, needs: needed('join', id), act: leave(() => room.join(channel)) },
      {
        key: 'favourite', name: t('favourite'), drawing: ICONS.star, needs: [{ refused: !session.user && t('guestsNoFavourites') }], pressed: room.following.favourites.has(id),
        act: (/** @type {boolean} */ on) => dialog.act(() => room.following.favour(id, on)),
      },
      {
        key: 'record', name: recorded ? t('recordStop') : t('record'), drawing: ICONS.record, needs: recordNeeds, pressed: recorded,
        act: (/** @type {boolean} */ on) => dialog.act(async () => {
          if (on) await session.request('startRecording', { channel: id });
          else await session.request('stopRecording', { channel: id });
          return on ? t('recordStarted') : t('recordStopped');
        }),
      },
      {
        key: 'recordings', name: t('recordings'), drawing: ICONS.headphones, needs: needed('fetchRecording', id),
        act: leave(() => room.lazy(import('./recordings.js'), ({ recordings }) => recordings(session))),
      },
      {
        key: 'overwrites', name: t('channelPermissions'), drawing: ICONS.shield, needs: needed(lacking(session, needed('why', id)) ? 'listOverwrites' : 'why', id),
        act: leave(() => room.lazy(import('./matrix.js'), ({ matrix }) => matrix(session, id))),
      },
      { key: 'copy', name: t('copyLink'), drawing: ICONS.link, needs: [], act: leave(() => room.copyLink(id)) },
    ];
  }

  /** Hearing the channel without being there. */
  listening() {
    const { session, dialog, id } = this;
    const needs = needed('listen', id);
    if (lacking(session, needs)) return this.greyed(t('listen'), ICONS.ear, needs);
    const now = session.me?.listening?.find((one) => one.channel === id);
    const shown = h('output', {}, t('percent', { value: now?.volume || 100 }));
    const volume = field(t('listenVolume'), {
      type: 'range', min: 5, max: 200, step: 5, '.value': String(now?.volume || 100),
      oninput: () => write(shown, t('percent', { value: volume.input.value })),
      onchange: () => {
        if (box.checked) dialog.act(() => session.listen(id, true, Number(volume.input.value)));
      },
    });
    const range = h('div', { class: 'range' });
    volume.input.replaceWith(range);
    range.append(volume.input, shown);
    const box = h('input', {
      type: 'checkbox', checked: !!now,
      onchange: () => dialog.act(async () => {
        try {
          await session.listen(id, box.checked, Number(volume.input.value));
        } catch (error) {
          box.checked = !box.checked;
          const { channel } = this;
          if (!channel || !isRefusal(error, ErrorCode.channelPassword)) throw error;
          session.passwords.delete(id);
          dialog.close();
          asked(channel, t('listen'), t('listen'), (word) => session.listen(id, true, Number(volume.input.value), word));
        }
      }),
    });
    return h('div', { class: 'folded' }, h('label', { class: 'choice' }, box, t('listen')), volume.element);
  }

  shout() {
    const { dialog, room, id } = this;
    const below = h('input', { type: 'checkbox' });
    const linked = h('input', { type: 'checkbox' });
    const key = keyName(settings.whisperKey);
    return h('div', { class: 'folded' }, h('label', { class: 'choice' }, below, t('withBelow')), h('label', { class: 'choice' }, linked, t('withLinks')),
      dialog.button(t('shoutTo', { key }), async () => {
        await room.whisper.to({ channel: id, subtree: below.checked, links: linked.checked }, this.name);
        return t('whisperReady', { name: this.name, key });
      }));
  }

  /** The channels it is linked with, and the way to link it with another one. */
  linking() {
    const { session, dialog, id } = this;
    const link = (/** @type {number} */ other, /** @type {boolean} */ on) => session.request('linkChannels', { channel: id, other, linked: on });
    const list = h('ul', { class: 'devices' });
    const { select, element } = choice(t('linkWith'), []);
    const add = dialog.button(t('linkIt'), async () => { await link(Number(select.value), true); });
    const rows = new Rows((/** @type {number} */ other) => {
      const name = h('span');
      const unlink = dialog.button(t('unlink'), async () => { await link(other, false); });
      return {
        element: h('li', {}, name, unlink),
        draw: () => {
          write(name, session.path(other) || t('unseenChannel'));
          mark(unlink, 'aria-label', t('unlinkFrom', { channel: session.path(other) || t('unseenChannel') }));
        },
      };
    });
    const draw = (/** @type {Channel} */ channel) => {
      const others = channelOptions(session, (one) => one.id !== id && !channel.links.includes(one.id) && !lacking(session, needed('linkChannels', one.id)));
      arrange(list, rows.draw(channel.links.map((other) => [other, undefined])));
      offer(select, others);
      list.hidden = channel.links.length === 0;
      element.hidden = others.length === 0;
      add.hidden = others.length === 0;
    };
    return { draw, element: h('div', { class: 'folded' }, h('p', { class: 'hint' }, t('linksLead')), list, element, add) };
  }

  removal() {
    const { session, dialog, id } = this;
    return h('div', { class: 'folded' }, h('p', {}, t('channelRemoveLead')),
      dialog.button(t('channelRemoveIt'), async () => { await session.request('removeChannel', { channel: id }); }, { class: 'danger' }));
  }
}

/** Whether one may make channels below another only for a while. @param {import('./session.js').Session} session @param {number} parent */
export const onlyTemporary = (session, parent) => !session.may(parent, 'createChannel') && session.may(parent, 'createTemporary');

/** What making one there needs. @param {import('./session.js').Session} session @param {number} parent @returns {Need[]} */
export const creating = (session, parent) => (onlyTemporary(session, parent) ? [{ channel: parent, permission: 'createTemporary' }] : needed('createChannel', parent));

/**
 * The form to change a channel, or to make one.
 * @param {import('./session.js').Session} session @param {Dialog} dialog @param {Channel | undefined} channel The one to change.
 * @param {number} parent Of the one to make. @param {boolean} [temporarily]
 */
export function channelForm(session, dialog, channel, parent, temporarily = false) {
  const name = field(t('name'), { required: true, ...characters(Bound.maxChannelName), autocomplete: 'off', '.value': channel?.name ?? '' });
  const description = area(t('description'), { ...bytes(Bound.maxDescription), '.value': channel?.description ?? '' });
  const limit = field(t('userLimit'), { type: 'number', min: 0, max: Bound.maxUserLimit, '.value': String(channel?.userLimit ?? 0) });
  const secret = field(channel?.password ? t('passwordOther') : t('channelPassword'), { type: 'password', autocomplete: 'new-password', ...bytes(Bound.maxChannelPassword) });
  const open = h('input', { type: 'checkbox' });
  const temporary = h('input', { type: 'checkbox', checked: temporarily, disabled: temporarily });
  const rate = field(t('bitrate'), { type: 'number', min: 0, max: Bound.maxBitrate / 1000, step: 'any', '.value': String((channel?.voice?.bitrate ?? 0) / 1000) });
  const frame = choice(t('frameLength'), [[0, t('any')], [10, '10 ms'], [20, '20 ms'], [40, '40 ms'], [60, '60 ms']], channel?.voice?.frameMs ?? 0);
  const speakers = field(t('lastSpeakers'), { type: 'number', min: 0, max: Bound.maxLastSpeakers, '.value': String(channel?.voice?.lastSpeakers ?? 0) });
  const said = () => ({
    name: name.input.value.trim(), description: description.input.value, userLimit: Number(limit.input.value),
    voice: { bitrate: Math.round(Number(rate.input.value) * 1000), frameMs: Number(frame.select.value), lastSpeakers: Number(speakers.input.value) },
  });
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    dialog.act(async () => {
      if (channel) {
        const word = open.checked ? '' : secret.input.value || undefined;
        await session.request('editChannel', { channel: channel.id, ...said(), password: word });
        return t('saved');
      }
      await session.request('createChannel', {
        parent, ...said(), password: secret.input.value, position: 0, temporaryMs: temporary.checked ? TEMPORARY : undefined,
      });
      return t('channelCreated', { channel: name.input.value.trim() });
    });
  };
  return h('form', { onsubmit: submit }, name.element, description.element, limit.element, secret.element,
    channel?.password && h('label', { class: 'choice' }, open, t('passwordNone')),
    !channel && h('label', { class: 'choice' }, temporary, t('temporaryLong')),
    h('fieldset', {}, h('legend', {}, t('voicePolicy')), rate.element, frame.element, speakers.element),
    h('button', { type: 'submit' }, channel ? t('save') : t('channelCreateIt')));
}
