// The main view: who is where and who talks, what is written, and how you are heard.

import { account } from './account.js';
import { Quality } from './chart.js';
import { ICONS, fill, h, icon } from './dom.js';
import { explain } from './entry.js';
import { meter } from './microphone.js';
import { keyName, preferences } from './preferences.js';
import { choose, settings } from './settings.js';
import { t } from './text.js';
import { PERMISSION, may } from './wire.js';

/** Messages kept for a channel. */
const KEPT = 300;

/** The kind of a dragged person. */
const PERSON = 'application/x-parlour-session';

const BROWSER = 2;

/** @typedef {{from: string, text: string, at: number, own: boolean, notice: boolean}} Line */

export class Room {
  /**
   * @param {import('./session.js').Session} session @param {import('./audio.js').Audio} audio @param {Worker} worker
   */
  constructor(session, audio, worker) {
    this.session = session;
    this.audio = audio;
    this.worker = worker;
    /** @type {Map<number, Line[]>} */
    this.lines = new Map();
    this.pressed = false;
    this.stop = new AbortController();
    this.quality = new Quality();
    this.level = meter(t('level'));
    this.tree = h('nav', { class: 'tree', 'aria-label': t('channels') });
    this.list = h('ol');
    this.log = h('div', { class: 'log', role: 'log', tabindex: 0 }, this.list);
    this.title = h('h1', { tabindex: -1 });
    this.about = h('p', { class: 'about' });
    this.banner = h('div', { class: 'banner', role: 'status' });
    this.input = h('input', { id: 'message', autocomplete: 'off', maxlength: 2000 });
    this.talk = h('button', { type: 'button', class: 'talk' });
    this.muteButton = h('button', { type: 'button', onclick: () => this.change('mute') });
    this.deafButton = h('button', { type: 'button', onclick: () => this.change('deaf') });
    this.element = this.frame();
    this.drawn = 0;
    this.follow();
    this.gate();
    this.draw();
    this.measure();
  }

  frame() {
    const composer = h('form', {
      class: 'composer',
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        this.send();
      },
    }, this.input, h('button', { type: 'submit', 'aria-label': t('send'), title: t('send') }, icon(ICONS.send)));
    const tool = (/** @type {string} */ name, /** @type {string} */ drawing, /** @type {() => void} */ act) => h('button', {
      type: 'button', class: 'tool', 'aria-label': name, title: name, onclick: act,
    }, icon(drawing));
    return h('div', { class: 'room', id: 'room' },
      h('a', { class: 'skip', href: '#messages' }, t('skip')),
      h('header', {}, h('p', { class: 'server' }, this.session.greeting?.name ?? ''),
        tool(t('copyLink'), ICONS.link, () => this.copyLink()),
        this.session.user !== 0 && tool(t('account'), ICONS.account, () => account(this.session)),
        tool(t('settings'), ICONS.settings, () => preferences(this.session, this.audio, () => this.settled())),
        tool(t('logOut'), ICONS.leave, () => this.session.logOut())),
      this.banner,
      this.tree,
      h('main', { class: 'messages', id: 'messages', tabindex: -1 }, this.title, this.about, this.log, composer),
      h('footer', {}, h('div', { class: 'self' }, this.level.element, this.talk),
        h('div', { class: 'switches' }, this.muteButton, this.deafButton), this.quality.element));
  }

  follow() {
    const { signal } = this.stop;
    const on = (/** @type {string} */ type, /** @type {(detail: any) => void} */ act) => {
      this.session.addEventListener(type, (event) => act(/** @type {CustomEvent} */ (event).detail), { signal });
    };
    on('change', () => this.drawSoon());
    on('talking', ({ ssrc, talking }) => this.showTalking(ssrc, talking));
    on('mouth', ({ level, speaking }) => {
      this.level.set(level);
      this.showTalking(this.session.ssrc, speaking);
      this.element.classList.toggle('speaking', speaking);
    });
    on('text', (text) => this.write(text));
    on('moved', (change) => this.moved(change));
    on('busy', () => this.say(t('busy'), 4000));
    on('counts', ({ expected, received }) => {
      this.quality.loss = expected > 0 ? Math.max(0, 1 - received / expected) : 0;
    });
    on('phase', (phase) => {
      if (phase === 'returning') this.say(t('returning'));
      else if (phase === 'in') {
        this.say(t('back'), 3000);
        this.gate();
      }
    });
    this.audio.onspeakers = (speakers) => {
      const active = speakers.filter((one) => one.active);
      this.quality.buffer = active.length > 0 ? Math.max(...active.map((one) => one.waiting)) : 0;
    };
    addEventListener('keydown', (event) => this.key(event, true), { signal });
    addEventListener('keyup', (event) => this.key(event, false), { signal });
    addEventListener('blur', () => this.press(false), { signal });
    const hold = (/** @type {boolean} */ down) => (/** @type {Event} */ event) => {
      if (event instanceof KeyboardEvent && ![' ', 'Enter'].includes(event.key)) return;
      event.preventDefault();
      this.press(down);
    };
    for (const type of ['pointerdown', 'keydown']) this.talk.addEventListener(type, hold(true));
    for (const type of ['pointerup', 'pointerleave', 'pointercancel', 'keyup']) this.talk.addEventListener(type, hold(false));
    this.talk.addEventListener('contextmenu', (event) => event.preventDefault());
    if (this.session.blocked && this.session.way === 'websocket') {
      this.say(t('udpBlocked', { port: location.port || '443' }), 20_000);
    }
    if (this.session.notice) {
      this.say(this.session.notice, 60_000);
      this.session.notice = '';
    }
  }

  /** @param {KeyboardEvent} event @param {boolean} down */
  key(event, down) {
    if (settings.mode !== 'push' || event.code !== settings.key || event.repeat) return;
    const { target } = event;
    const writes = target instanceof HTMLInputElement || target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement;
    if (down && (writes || document.querySelector('dialog[open]'))) return;
    // The key speaks; on a button it would also press that.
    if (event.code === 'Space' || event.code === 'Enter') event.preventDefault();
    this.press(down);
  }

  /** @param {boolean} pressed */
  press(pressed) {
    if (this.pressed === pressed) return;
    this.pressed = pressed;
    this.talk.classList.toggle('pressed', pressed);
    this.gate();
  }

  /** Tells the worker when the voice is sent. */
  gate() {
    const { me } = this.session;
    const { mute } = this.session.ownState;
    this.worker.postMessage({
      kind: 'gate',
      gate: {
        mode: settings.mode, threshold: settings.threshold, pressed: this.pressed, echo: false,
        muted: mute || !!me?.suppressed, open: !!me?.channel,
      },
    });
  }

  settled() {
    this.gate();
    this.draw();
  }

  drawSoon() {
    if (this.drawn) return;
    this.drawn = requestAnimationFrame(() => {
      this.drawn = 0;
      this.gate();
      this.draw();
    });
  }

  draw() {
    const { session } = this;
    const here = session.channels.get(session.me?.channel ?? 0);
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset?.key;
    fill(this.tree, h('h2', {}, t('channels')), this.branch(0));
    if (focused) /** @type {HTMLElement | null} */ (this.tree.querySelector(`[data-key="${focused}"]`))?.focus();
    fill(this.title, here ? here.name : t('channels'));
    fill(this.about, here ? here.description : t('noChannel'));
    const label = here ? t('writeTo', { channel: here.name }) : t('noChannel');
    this.input.placeholder = label;
    this.input.setAttribute('aria-label', label);
    this.input.disabled = !here || !may(here.permissions, PERMISSION.text);
    this.log.setAttribute('aria-label', here ? t('messages', { channel: here.name }) : t('noChannel'));
    this.drawLines();
    const { mute, deaf } = session.ownState;
    this.switch(this.muteButton, mute, mute ? t('unmute') : t('mute'), mute ? ICONS.muted : ICONS.microphone);
    this.switch(this.deafButton, deaf, deaf ? t('undeafen') : t('deafen'), deaf ? ICONS.deaf : ICONS.headphones);
    this.talk.hidden = settings.mode !== 'push';
    fill(this.talk, t('holdToTalk', { key: keyName(settings.key) }));
    for (const member of session.members.values()) {
      this.audio.volume(member.ssrc, settings.volumes[this.person(member)] ?? 1);
    }
  }

  /** @param {HTMLButtonElement} button @param {boolean} on @param {string} name @param {string} drawing */
  switch(button, on, name, drawing) {
    button.setAttribute('aria-pressed', String(on));
    fill(button, icon(drawing), h('span', {}, name));
  }

  /** What a person is remembered by. @param {any} member */
  person(member) {
    return member.user ? `user ${member.user}` : `guest ${member.name}`;
  }

  /** @param {number} parent @returns {HTMLElement | false} */
  branch(parent) {
    const { session } = this;
    const channels = [...session.channels.values()].filter((channel) => channel.parent === parent || (parent === 0 && !session.channels.has(channel.parent)));
    if (channels.length === 0) return false;
    channels.sort((a, b) => a.position - b.position || a.name.localeCompare(b.name));
    return h('ul', {}, channels.map((channel) => this.channel(channel)));
  }

  /** @param {any} channel */
  channel(channel) {
    const { session } = this;
    const here = session.me?.channel === channel.id;
    const members = [...session.members.values()].filter((member) => member.channel === channel.id);
    members.sort((a, b) => a.name.localeCompare(b.name));
    const joins = may(channel.permissions, PERMISSION.join);
    const button = h('button', {
      type: 'button', class: 'channel', 'data-key': `channel ${channel.id}`, 'aria-current': here ? 'true' : undefined, disabled: !joins && !here,
      onclick: () => !here && this.act(session.join(channel.id)),
    }, h('span', { class: 'name' }, channel.name), members.length > 0 && h('span', { class: 'count', 'aria-hidden': 'true' }, members.length));
    const item = h('li', { class: here ? 'here' : undefined }, button,
      members.length > 0 && h('ul', { class: 'members' }, members.map((member) => this.member(member))), this.branch(channel.id));
    button.addEventListener('dragover', (event) => {
      if (event.dataTransfer?.types.includes(PERSON)) {
        event.preventDefault();
        button.classList.add('target');
      }
    });
    button.addEventListener('dragleave', () => button.classList.remove('target'));
    button.addEventListener('drop', (event) => {
      event.preventDefault();
      button.classList.remove('target');
      const moved = Number(event.dataTransfer?.getData(PERSON));
      if (moved) this.act(session.request('moveSession', { session: moved, channel: channel.id }));
    });
    return item;
  }

  /** Channels that a member can be moved to. @param {any} member */
  destinations(member) {
    const { channels } = this.session;
    const from = channels.get(member.channel);
    if (from && !may(from.permissions, PERMISSION.moveOthers)) return [];
    return [...channels.values()].filter((channel) => channel.id !== member.channel && may(channel.permissions, PERMISSION.moveOthers));
  }

  /** @param {any} member */
  member(member) {
    const { session } = this;
    const own = member.session === session.self;
    const movable = !own && this.destinations(member).length > 0;
    const states = [
      member.mute && icon(ICONS.muted, t('muted')), member.deaf && icon(ICONS.deaf, t('deafened')),
      member.suppressed && h('span', { class: 'state' }, t('suppressed')),
    ];
    const talking = session.talking.has(member.ssrc);
    const element = h('li', {
      class: talking ? 'member talking' : 'member', 'data-ssrc': member.ssrc, draggable: movable ? 'true' : undefined,
      title: member.kind === BROWSER ? t('viaBrowser') : member.client,
    },
    h('span', { class: 'lamp', 'aria-hidden': 'true' }),
    h('span', { class: 'name' }, member.name, own && h('span', { class: 'you' }, ` (${t('you')})`)),
    h('span', { class: 'visually-hidden says' }, talking ? t('talking') : ''), ...states,
    !own && h('button', {
      type: 'button', class: 'more', 'data-key': `member ${member.session}`, 'aria-label': t('actions', { name: member.name }), 'aria-haspopup': 'dialog',
      onclick: () => this.menu(member),
    }, icon(ICONS.more)));
    element.addEventListener('dragstart', (event) => event.dataTransfer?.setData(PERSON, String(member.session)));
    return element;
  }

  /** What can be done with somebody. @param {any} member */
  menu(member) {
    const person = this.person(member);
    const gain = settings.volumes[person] ?? 1;
    const shown = h('output', {}, t('percent', { value: Math.round(gain * 100) }));
    const slider = h('input', {
      type: 'range', id: 'volume', min: 0, max: 200, step: 5, '.value': String(Math.round(gain * 100)),
      oninput: () => {
        const value = Number(slider.value) / 100;
        choose({ volumes: { ...settings.volumes, [person]: value } });
        this.audio.volume(member.ssrc, value);
        fill(shown, t('percent', { value: slider.value }));
      },
    });
    const places = this.destinations(member);
    const select = h('select', {
      id: 'move',
      onchange: () => {
        this.act(this.session.request('moveSession', { session: member.session, channel: Number(select.value) }));
        dialog.close();
      },
    }, h('option', { value: '' }, t('chooseChannel')), places.map((channel) => h('option', { value: channel.id }, channel.name)));
    const dialog = h('dialog', { 'aria-labelledby': 'menu-title' },
      h('h2', { id: 'menu-title' }, member.name),
      h('div', { class: 'field' }, h('label', { for: 'volume' }, t('volumeOf', { name: member.name })), h('div', { class: 'range' }, slider, shown)),
      places.length > 0 && h('div', { class: 'field' }, h('label', { for: 'move' }, t('moveTo', { name: member.name })), select),
      h('form', { method: 'dialog' }, h('button', { class: 'primary' }, t('close'))));
    this.show(dialog);
  }

  /** @param {HTMLDialogElement} dialog */
  show(dialog) {
    dialog.addEventListener('close', () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }

  /** @param {number} ssrc @param {boolean} talking */
  showTalking(ssrc, talking) {
    const element = this.tree.querySelector(`[data-ssrc="${ssrc}"]`);
    if (!element || element.classList.contains('talking') === talking) return;
    element.classList.toggle('talking', talking);
    const says = element.querySelector('.says');
    if (says) fill(says, talking ? t('talking') : '');
  }

  /** @param {"mute" | "deaf"} what */
  change(what) {
    const { ownState } = this.session;
    const change = { [what]: !ownState[what] };
    // It holds here at once, whatever the way to the server is like.
    if (what === 'deaf') this.audio.deafen(!ownState.deaf);
    const done = this.session.setSelf(change);
    this.gate();
    this.draw();
    this.act(done);
  }

  /** @param {Promise<any>} doing */
  async act(doing) {
    try {
      await doing;
    } catch (error) {
      this.say(explain(error), 6000);
    }
  }

  /** @param {string} sentence @param {number} [time] Milliseconds; until the next one without. */
  say(sentence, time) {
    fill(this.banner, sentence);
    clearTimeout(this.saying);
    if (time) this.saying = setTimeout(() => fill(this.banner), time);
  }

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  saying = undefined;

  async copyLink() {
    const path = [];
    let channel = this.session.channels.get(this.session.me?.channel ?? 0);
    while (channel) {
      path.unshift(encodeURIComponent(channel.name));
      channel = this.session.channels.get(channel.parent);
    }
    await this.act(navigator.clipboard.writeText(`${location.origin}/#/${path.join('/')}`));
    this.say(t('copied'), 3000);
  }

  send() {
    const text = this.input.value.trim();
    const channel = this.session.me?.channel;
    if (!text || !channel) return;
    this.act(this.session.request('sendText', { channel, text }).then(() => {
      this.input.value = '';
    }));
  }

  /** @param {any} text */
  write(text) {
    const channel = text.channel ?? this.session.me?.channel ?? 0;
    this.line(channel, { from: text.fromName, text: text.text, at: text.sentMs, own: text.fromSession === this.session.self, notice: false });
  }

  /** @param {number} channel @param {Line} line */
  line(channel, line) {
    const lines = this.lines.get(channel) ?? [];
    lines.push(line);
    if (lines.length > KEPT) lines.shift();
    this.lines.set(channel, lines);
    this.drawLines();
  }

  /** @param {{before: any, after: any}} change */
  moved({ before, after }) {
    const here = this.session.me?.channel;
    const member = after ?? before;
    if (!member || before?.channel === after?.channel) return;
    const notice = (/** @type {string} */ text) => ({ from: '', text, at: Date.now(), own: false, notice: true });
    if (member.session === this.session.self) {
      const channel = this.session.channels.get(here);
      if (channel) this.line(channel.id, notice(t('youWereMoved', { channel: channel.name })));
    } else if (here && after?.channel === here) this.line(here, notice(t('came', { name: member.name })));
    else if (here && before?.channel === here) this.line(here, notice(t('went', { name: member.name })));
  }

  drawLines() {
    const here = this.session.me?.channel ?? 0;
    const lines = this.lines.get(here) ?? [];
    const follows = this.log.scrollTop + this.log.clientHeight >= this.log.scrollHeight - 40;
    const time = new Intl.DateTimeFormat(navigator.languages.find((one) => one.startsWith(document.documentElement.lang)), { hour: '2-digit', minute: '2-digit' });
    fill(this.list, lines.length === 0 && !!here && h('li', { class: 'empty' }, t('noMessages')), lines.map((line) => h('li', { class: line.notice ? 'event' : line.own ? 'own' : undefined },
      !line.notice && h('span', { class: 'from' }, line.from), h('time', {}, time.format(line.at)), h('span', { class: 'text' }, line.text))));
    if (follows) this.log.scrollTop = this.log.scrollHeight;
  }

  /** Asks now and then how long the way to the server and back is. */
  async measure() {
    while (!this.stop.signal.aborted) {
      if (this.session.phase === 'in') {
        const asked = performance.now();
        try {
          await this.session.request('ping');
          this.quality.point(performance.now() - asked);
        } catch { /* Coming back is the session's affair. */ }
        this.worker.postMessage({ kind: 'counts' });
      }
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }

  close() {
    this.stop.abort();
    cancelAnimationFrame(this.drawn);
    for (const dialog of document.querySelectorAll('dialog')) dialog.remove();
  }
}
