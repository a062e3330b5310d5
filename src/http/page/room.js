// The main view: who is where and who talks, what is written, and how you are heard.

import { account } from './account.js';
import { Face } from './action.js';
import { Bound } from './bounds.js';
import { Quality } from './chart.js';
import { ErrorCode } from './codes.js';
import { ICONS, fill, h, icon } from './dom.js';
import { Following } from './following.js';
import { Rows, arrange, refresh, write } from './keep.js';
import { bytes } from './limit.js';
import { meter } from './microphone.js';
import { isOfThisMachine, linkForOthers, shown } from './place.js';
import { keyName, preferences } from './preferences.js';
import { loudness } from './loudness.js';
import { Profiles } from './profiles.js';
import { lacking, needed, since } from './reason.js';
import { explain, isRefusal } from './refusal.js';
import { settings } from './settings.js';
import { soundNotice } from './sound.js';
import { t } from './text.js';
import { Tree } from './tree.js';
import { Whisper } from './whisper.js';

/** Messages kept for a channel. */
const KEPT = 300;

/** @typedef {import('./messages.js').Channel} Channel */
/** @typedef {import('./messages.js').Member} Member */

/** @typedef {{from: string, text: string, at: number, own: boolean, notice: boolean, aside?: string}} Line */

export class Room {
  /**
   * @param {import('./session.js').Session} session @param {import('./audio.js').Audio} audio @param {import('./worker.js').VoiceWorker} worker
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
    this.profiles = new Profiles(session, this.stop.signal);
    this.following = new Following(session, this.stop.signal, () => this.volumes());
    this.tree = new Tree(this);
    this.whisper = new Whisper(session, () => this.gate(), (doing) => this.act(doing));
    this.recording = h('p', { class: 'recording', role: 'status' });
    this.welcome = h('section', { class: 'welcome', 'aria-label': t('welcomeText'), hidden: true });
    this.list = h('ol');
    this.nothing = h('li', { class: 'empty' }, t('noMessages'));
    this.said = new Rows((/** @type {Line} */ line) => ({ element: lineOf(line), draw: () => {} }));
    this.log = h('div', { class: 'log', role: 'log', tabindex: 0 }, this.list);
    this.title = h('h1', { tabindex: -1 });
    this.about = h('p', { class: 'about' });
    this.banner = h('div', { class: 'banner', role: 'status' });
    this.input = h('input', { id: 'message', autocomplete: 'off', ...bytes(Bound.maxText) });
    this.talk = h('button', { type: 'button', class: 'talk' });
    this.mute = new Face(h('button', { type: 'button', onclick: () => this.change('mute') }));
    this.deaf = new Face(h('button', { type: 'button', onclick: () => this.change('deaf') }));
    this.element = this.frame();
    this.drawn = 0;
    this.follow();
    this.holds();
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
      h('header', {}, h('p', { class: 'server' }, this.session.greeting?.name ?? ''), this.recording,
        tool(t('organization'), ICONS.shield, () => this.lazy(import('./organization.js'), ({ organization }) => organization(this.session))),
        tool(t('copyLink'), ICONS.link, () => this.copyLink()),
        this.session.user !== 0 && tool(t('account'), ICONS.account, () => account(this.session)),
        tool(t('settings'), ICONS.settings, () => preferences(this.session, this.audio, () => this.settled())),
        tool(t('logOut'), ICONS.leave, () => this.session.logOut())),
      this.banner,
      this.tree.element,
      h('main', { class: 'messages', id: 'messages', tabindex: -1 }, this.title, this.about, this.welcome, this.log, composer),
      h('footer', {}, soundNotice(this.audio, this.stop.signal), h('div', { class: 'self' }, this.level.element, this.talk), this.whisper.element,
        h('div', { class: 'switches' }, this.mute.button, this.deaf.button), this.quality.element));
  }

  follow() {
    const { signal } = this.stop;
    /** @type {import('./session.js').Session["on"]} */
    const on = (type, act) => this.session.on(type, act, signal);
    on('change', () => this.drawSoon());
    on('talking', ({ ssrc, talking, whisper }) => {
      this.tree.talking(ssrc, talking, whisper);
      this.volumes();
    });
    on('mouth', ({ level, speaking, whisper }) => {
      this.level.set(level);
      this.tree.talking(this.session.ssrc, speaking, whisper);
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
        this.whisper.again();
      }
    });
    this.audio.addEventListener('change', () => this.gate(), { signal });
    this.audio.addEventListener('happened', (event) => {
      const { what, name } = /** @type {CustomEvent<import('./audio.js').Happened>} */ (event).detail;
      this.say(t(what, { name }), 8000);
    }, { signal });
    this.audio.onspeakers = (speakers) => {
      const active = speakers.filter((one) => one.active);
      this.quality.buffer = active.length > 0 ? Math.max(...active.map((one) => one.waiting)) : 0;
    };
    addEventListener('keydown', (event) => this.key(event, true), { signal });
    addEventListener('keyup', (event) => this.key(event, false), { signal });
    addEventListener('blur', () => {
      this.press(false);
      this.whisper.hold(false);
    }, { signal });
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
    const whispers = event.code === settings.whisperKey && this.whisper.target;
    const talks = settings.mode === 'push' && event.code === settings.key;
    if ((!whispers && !talks) || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    const { target } = event;
    const writes = target instanceof HTMLInputElement || target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement;
    if (down && (writes || document.querySelector('dialog[open]'))) return;
    // Let go of without having been held here, it is another's: in a dialog it presses a button.
    if (!down && !(whispers ? this.whisper.held : this.pressed)) return;
    // The key speaks; on a button it would also press that.
    if (event.code === 'Space' || event.code === 'Enter') event.preventDefault();
    if (whispers) this.whisper.hold(down);
    else this.press(down);
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
        mode: settings.mode, threshold: settings.threshold, pressed: this.pressed, echo: false, whisper: this.whisper.flow,
        muted: mute || !!me?.muted || !this.audio.stream, open: !!me?.channel && !me?.suppressed,
      },
    });
    this.worker.postMessage({ kind: 'policy', policy: this.session.channels.get(me?.channel ?? 0)?.voice });
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
    this.whisper.look();
    this.whisper.draw();
    this.profiles.ask();
    this.tree.draw();
    const recorded = here?.recordedBy ? t('recordedBy', { name: here.recordedBy, when: since(here.recordedSinceMs) }) : '';
    // What says the same again would be read out again.
    refresh(this.recording, recorded && icon(ICONS.record), recorded);
    this.welcomed();
    write(this.title, here ? here.name : t('channels'));
    write(this.about, here ? here.description : t('noChannel'));
    const label = here ? t('writeTo', { channel: here.name }) : t('noChannel');
    this.input.placeholder = label;
    this.input.setAttribute('aria-label', label);
    this.input.disabled = !here || !!lacking(session, needed('sendText', here.id));
    this.log.setAttribute('aria-label', here ? t('messages', { channel: here.name }) : t('noChannel'));
    this.drawLines();
    this.switches();
    this.talk.hidden = settings.mode !== 'push';
    write(this.talk, t('holdToTalk', { key: keyName(settings.key) }));
    this.volumes();
  }

  /** How loud everybody is. */
  volumes() {
    const { session } = this;
    const { me, talking, whispering } = session;
    this.audio.volumes(loudness({
      members: session.members.values(), me, here: session.channels.get(me?.channel ?? 0), talking, whispering,
      own: (member) => settings.volumes[this.person(member)] ?? 1,
    }));
  }

  /** Shows the organization's welcome, once after each log-in. */
  welcomed() {
    const words = this.session.organization?.welcome;
    if (!words || !this.welcome.hidden || shown.get('welcomed') === `${this.session.self} ${words}`) return;
    shown.set('welcomed', `${this.session.self} ${words}`);
    this.welcome.hidden = false;
    fill(this.welcome, h('p', { class: 'text' }, words), h('button', {
      type: 'button', class: 'tool', 'aria-label': t('welcomeRead'), title: t('welcomeRead'),
      onclick: () => {
        fill(this.welcome);
        this.welcome.hidden = true;
        this.log.focus();
      },
    }, icon(ICONS.close)));
  }

  /** What a person is remembered by. @param {Member} member */
  person(member) {
    return member.user ? `user ${member.user}` : `guest ${member.name}`;
  }

  /** Channels that a member can be moved to. @param {Member} member */
  destinations(member) {
    const { session } = this;
    const movable = (/** @type {number} */ channel) => !lacking(session, needed('moveSession', channel));
    if (session.channels.has(member.channel) && !movable(member.channel)) return [];
    return [...session.channels.values()].filter(({ id }) => id !== member.channel && movable(id));
  }

  /** What can be done with somebody. @param {Member} member */
  menu(member) {
    this.lazy(import('./person.js'), ({ person }) => person(this, member));
  }

  /** What can be done with a channel. @param {Channel} channel */
  channelMenu(channel) {
    this.lazy(import('./channel.js'), ({ channelMenu }) => channelMenu(this, channel));
  }

  /** What is loaded only when it is wanted. @template T @param {Promise<T>} loading @param {(module: T) => unknown} open */
  lazy(loading, open) {
    this.act(loading.then(open));
  }

  /** Goes into a channel, and asks for its password where there is one. @param {Channel} channel */
  async join(channel) {
    const { session } = this;
    const known = session.passwords.has(channel.id) || !lacking(session, needed('editChannel', channel.id));
    const ask = () => this.lazy(import('./channel.js'), ({ password }) => password(this, channel));
    if (channel.password && !known) {
      ask();
      return;
    }
    try {
      await session.join(channel.id);
    } catch (error) {
      if (isRefusal(error, ErrorCode.channelPassword)) {
        session.passwords.delete(channel.id);
        ask();
      } else this.say(explain(error), 6000);
    }
  }

  /** @param {"mute" | "deaf"} what */
  change(what) {
    const { ownState } = this.session;
    const change = { [what]: !ownState[what] };
    // It holds and shows here at once, whatever the way to the server is like.
    const done = this.session.setSelf(change);
    this.holds();
    this.act(done.finally(() => this.holds()));
  }

  /** Shows what one is now, muted or deaf, and does it. */
  holds() {
    const { deaf } = this.session.ownState;
    this.switches();
    if (this.audio.deaf !== deaf) this.audio.deafen(deaf);
    this.gate();
    this.drawSoon();
  }

  switches() {
    const { mute, deaf } = this.session.ownState;
    this.mute.draw(mute ? t('unmute') : t('mute'), mute ? ICONS.muted : ICONS.microphone, mute);
    this.deaf.draw(deaf ? t('undeafen') : t('deafen'), deaf ? ICONS.deaf : ICONS.headphones, deaf);
  }

  /** @param {Promise<unknown>} doing */
  async act(doing) {
    try {
      await doing;
    } catch (error) {
      this.say(explain(error), 6000);
    }
  }

  /** @param {string} sentence @param {number} [time] Milliseconds; until the next one without. */
  say(sentence, time) {
    write(this.banner, sentence);
    clearTimeout(this.saying);
    if (time) this.saying = setTimeout(() => write(this.banner, ''), time);
  }

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  saying = undefined;

  /** @param {number} [of] A channel; the one that one is in without. */
  async copyLink(of = this.session.me?.channel ?? 0) {
    const path = [];
    let channel = this.session.channels.get(of);
    while (channel) {
      path.unshift(channel.name);
      channel = this.session.channels.get(channel.parent);
    }
    const link = linkForOthers(path, this.session.page);
    try {
      await navigator.clipboard.writeText(link);
      if (isOfThisMachine(link)) this.say(t('copiedHere'), 12_000);
      else this.say(t('copied'), 3000);
    } catch (error) {
      this.say(explain(error), 6000);
    }
  }

  send() {
    const text = this.input.value.trim();
    const channel = this.session.me?.channel;
    if (!text || !channel) return;
    this.act(this.session.request('sendText', { channel, text }).then(() => {
      this.input.value = '';
    }));
  }

  /** @param {import('./messages.js').Text} text */
  write(text) {
    const { session } = this;
    const channel = text.channel ?? session.me?.channel ?? 0;
    const own = text.fromSession === session.self;
    const aside = text.session === undefined ? undefined : own ? t('toOnly', { name: session.members.get(text.session)?.name ?? '' }) : t('toYouOnly');
    this.line(channel, { from: text.fromName, text: text.text, at: text.sentMs, own, notice: false, aside });
  }

  /** @param {number} channel @param {Line} line */
  line(channel, line) {
    const lines = this.lines.get(channel) ?? [];
    lines.push(line);
    if (lines.length > KEPT) lines.shift();
    this.lines.set(channel, lines);
    this.drawLines();
  }

  /** @param {import('./view.js').Moved} change */
  moved({ before, after }) {
    const here = this.session.me?.channel;
    const member = after ?? before;
    if (before && after && after.session === this.session.self) this.silenced(before, after);
    if (!member || before?.channel === after?.channel) return;
    const notice = (/** @type {string} */ text) => ({ from: '', text, at: Date.now(), own: false, notice: true });
    if (member.session === this.session.self) {
      const channel = this.session.channels.get(here ?? 0);
      if (channel) this.line(channel.id, notice(t('youWereMoved', { channel: channel.name })));
    } else if (here && after?.channel === here) this.line(here, notice(t('came', { name: member.name })));
    else if (here && before?.channel === here) this.line(here, notice(t('went', { name: member.name })));
  }

  /** Says what somebody else did to one's voice. @param {Member} before @param {Member} after */
  silenced(before, after) {
    if (after.muted !== before.muted) this.say(after.muted ? t('youSilenced') : t('youSpeakAgain'), 8000);
    else if (after.deafened !== before.deafened) this.say(after.deafened ? t('youDeafened') : t('youHearAgain'), 8000);
  }

  drawLines() {
    const here = this.session.me?.channel ?? 0;
    const lines = this.lines.get(here) ?? [];
    const follows = this.log.scrollTop + this.log.clientHeight >= this.log.scrollHeight - 40;
    arrange(this.list, [lines.length === 0 && !!here && this.nothing, ...this.said.draw(lines.map((line) => [line, undefined]))]);
    if (follows) this.log.scrollTop = this.log.scrollHeight;
  }

  /** Asks now and then how long the way to the server and back is. */
  async measure() {
    while (!this.stop.signal.aborted) {
      if (this.session.phase === 'in') {
        const asked = performance.now();
        try {
          await this.session.request('ping', {});
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

/** What was written, or happened. @param {Line} line */
function lineOf({ from, text, at, own, notice, aside }) {
  const time = new Intl.DateTimeFormat(navigator.languages.find((one) => one.startsWith(document.documentElement.lang)), { hour: '2-digit', minute: '2-digit' });
  return h('li', { class: notice ? 'event' : own ? 'own' : undefined },
    !notice && h('span', { class: 'from' }, from), aside && h('span', { class: 'aside' }, aside), h('time', {}, time.format(at)), h('span', { class: 'text' }, text));
}
