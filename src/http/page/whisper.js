// Speaking to chosen people: whom, and only while a key or a button is held.

import { ICONS, h, icon } from './dom.js';
import { write } from './keep.js';
import { keyName } from './preferences.js';
import { FLOW } from './rtp.js';
import { settings } from './settings.js';
import { t } from './text.js';

/** @typedef {import('./messages.js').VoiceTarget} Target */

export class Whisper {
  /** @param {import('./session.js').Session} session @param {() => void} changed @param {(doing: Promise<unknown>) => void} act */
  constructor(session, changed, act) {
    this.session = session;
    this.changed = changed;
    this.act = act;
    /** @type {Target | undefined} */
    this.target = undefined;
    this.name = '';
    this.held = false;
    this.button = h('button', { type: 'button', class: 'talk' });
    this.end = h('button', { type: 'button', class: 'tool', 'aria-label': t('whisperEnd'), title: t('whisperEnd'), onclick: () => act(this.to(undefined, '')) }, icon(ICONS.close));
    this.sign = h('p', { class: 'visually-hidden', role: 'status' });
    this.element = h('div', { class: 'whisper' }, this.button, this.end, this.sign);
    const hold = (/** @type {boolean} */ down) => (/** @type {Event} */ event) => {
      if (event instanceof KeyboardEvent && ![' ', 'Enter'].includes(event.key)) return;
      event.preventDefault();
      this.hold(down);
    };
    for (const type of ['pointerdown', 'keydown']) this.button.addEventListener(type, hold(true));
    for (const type of ['pointerup', 'pointerleave', 'pointercancel', 'keyup', 'blur']) this.button.addEventListener(type, hold(false));
    this.button.addEventListener('contextmenu', (event) => event.preventDefault());
    this.draw();
  }

  /** The flow that the voice goes on now, where it is a whisper. */
  get flow() {
    return this.held && this.target ? FLOW.whisper : 0;
  }

  /** Chooses to whom; nobody without. @param {Target | undefined} target @param {string} name */
  async to(target, name) {
    this.hold(false);
    await this.session.request('setVoiceTarget', { flow: FLOW.whisper, targets: target ? [target] : [] });
    this.target = target;
    this.name = name;
    this.draw();
    this.changed();
  }

  /** Says it again to a server that one came back to. */
  again() {
    if (this.target) this.act(this.session.request('setVoiceTarget', { flow: FLOW.whisper, targets: [this.target] }));
  }

  /** Who is gone isn't whispered to. */
  look() {
    const { session, channel } = this.target ?? {};
    if ((session && !this.session.members.has(session)) || (channel && !this.session.channels.has(channel))) {
      this.act(this.to(undefined, ''));
    }
  }

  /** @param {boolean} held */
  hold(held) {
    const now = held && !!this.target;
    if (this.held === now) return;
    this.held = now;
    this.draw();
    this.changed();
  }

  draw() {
    this.element.hidden = !this.target;
    const words = { name: this.name, key: keyName(settings.whisperKey) };
    const channel = !!this.target?.channel;
    const speaks = channel ? t('youShout', words) : t('youWhisper', words);
    const shown = this.held ? speaks : channel ? t('holdToShout', words) : t('holdToWhisper', words);
    write(this.button, shown);
    this.button.classList.toggle('pressed', this.held);
    write(this.sign, this.held ? speaks : '');
  }
}
