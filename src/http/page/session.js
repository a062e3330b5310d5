// A session as the page has it: connecting, logging in, what is there, and coming back by itself.

import { NAMED, may } from './permission.js';

const TOKEN = 'parlour.token';
const NAME = 'parlour.name';

/** Versions of the protocol that this page speaks. */
const VERSIONS = { versionMin: 1, versionMax: 1 };

/** Milliseconds between tries to come back: the first, and the longest. */
const AGAIN = [250, 8000];

/** Error codes and close codes of docs/protocol.md that mean something to this page. */
export const REFUSED = { logIn: 7, attempts: 8, token: 9, guests: 10, claim: 11, factor: 29, code: 30, banned: 33, channelPassword: 37 };
export const CLOSED = { normal: 0, shuttingDown: 1, loggedOut: 2, replaced: 3, version: 4, full: 8, disabled: 9, kicked: 12 };

/** What the server says to who is kicked for no reason that was given. */
const KICKED = 'a moderator ended the connection';

/** What the server refused, or that it can't be reached. */
export class Refusal extends Error {
  /** @param {{code?: number, message: string, retryAfterMs?: number}} error */
  constructor({ code, message, retryAfterMs }) {
    super(message);
    this.code = code ?? 0;
    this.retryAfter = retryAfterMs ?? 0;
  }
}

/**
 * @typedef {object} Greeting What the server says before anything else.
 * @property {string} name
 * @property {string} version
 * @property {string[]} certificateHashes
 * @property {boolean} guests
 * @property {"invite" | "open" | "closed"} registration
 * @property {boolean} unclaimed A claim code waits to be used.
 * @property {boolean} administered
 */

/** @typedef {"out" | "connecting" | "in" | "returning" | "ended"} Phase */

export class Session extends EventTarget {
  /** @param {Worker} worker */
  constructor(worker) {
    super();
    this.worker = worker;
    /** @type {Phase} */
    this.phase = 'out';
    /** @type {Greeting | undefined} */
    this.greeting = undefined;
    /** @type {any} */
    this.limits = {};
    this.way = '';
    this.blocked = '';
    this.self = 0;
    this.ssrc = 0;
    /** The account; 0 for a guest. */
    this.user = 0;
    /** @type {{ token: Uint8Array, until: number } | undefined} */
    this.access = undefined;
    /** What the server has to tell about the account. */
    this.notice = '';
    /** @type {Map<number, any>} */
    this.channels = new Map();
    /** @type {Map<number, any>} */
    this.members = new Map();
    /** @type {Map<number, any>} */
    this.roles = new Map();
    /** What everybody meets. @type {any} */
    this.organization = undefined;
    /** What one may do wherever no channel is meant. */
    this.everywhere = 0;
    /** SSRCs of those who talk now. @type {Set<number>} */
    this.talking = new Set();
    /** Of those, who speaks to chosen people only. @type {Set<number>} */
    this.whispering = new Set();
    /** Passwords of channels that were right, until the page goes. @type {Map<number, string>} */
    this.passwords = new Map();
    /** Channels to listen to, also after coming back, and how loud, in percent. @type {Map<number, number>} */
    this.listened = new Map();
    /** The channel to be in, also after coming back. */
    this.home = 0;
    this.ownState = { mute: false, deaf: false, away: false, status: '' };
    /** Why it ended, for a person. @type {{code: number | undefined, reason: string} | undefined} */
    this.end = undefined;
    this.next = 0;
    /** @type {Map<number, {resolve: (answer: any) => void, reject: (error: Error) => void}>} */
    this.waiting = new Map();
    worker.addEventListener('message', ({ data }) => this.hear(data));
    addEventListener('online', () => this.hurry?.());
    /** @type {(() => void) | undefined} */
    this.hurry = undefined;
  }

  /** @param {string} type @param {any} [detail] */
  say(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** @param {Phase} phase */
  become(phase) {
    this.phase = phase;
    this.say('phase', phase);
  }

  /** The member that this page is. */
  get me() {
    return this.members.get(this.self);
  }

  /** Whether one may do something in a channel, or, with 0, wherever none is meant. @param {number} channel @param {number} bit */
  may(channel, bit) {
    return may(channel ? this.channels.get(channel)?.permissions ?? 0 : this.everywhere, bit);
  }

  /** The rank of somebody: that of their highest role. @param {any} member */
  rank(member) {
    return Math.max(0, ...(member?.roles ?? []).map((/** @type {number} */ id) => this.roles.get(id)?.rank ?? 0));
  }

  /** Whether somebody can't be acted on: their rank is one's own, or above. @param {any} member */
  outranks(member) {
    return this.roles.size > 0 && this.rank(member) >= this.rank(this.me);
  }

  /** The path of a channel, for people. @param {number} id */
  path(id) {
    const names = [];
    for (let channel = this.channels.get(id); channel; channel = this.channels.get(channel.parent)) names.unshift(channel.name);
    return names.join('/');
  }

  get knowsToken() {
    return localStorage.getItem(TOKEN) !== null;
  }

  get lastName() {
    return localStorage.getItem(NAME) ?? '';
  }

  /** @param {any} message @returns {Promise<any>} */
  ask(message) {
    this.next += 1;
    const id = this.next;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ ...message, id });
    });
  }

  /**
   * Does a request, and answers with what the server answered.
   * @param {string} name @param {any} [body] @returns {Promise<any>}
   */
  async request(name, body = {}) {
    const answer = await this.ask({ kind: 'request', name, body });
    if (answer.error) throw new Refusal(answer.error);
    return answer;
  }

  /** What the server says of itself. */
  async greet() {
    let answer;
    try {
      answer = await fetch('/parlour.json', { cache: 'no-store' });
    } catch {
      throw new Refusal({ message: 'unreachable' });
    }
    if (!answer.ok) throw new Refusal({ message: 'unreachable' });
    this.greeting = /** @type {Greeting} */ (await answer.json());
    return this.greeting;
  }

  /** @returns {Promise<void>} */
  async connect() {
    const greeting = await this.greet();
    const hashes = greeting.certificateHashes.map((text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
    const way = new URLSearchParams(location.search).get('way') === 'websocket' ? 'websocket' : 'auto';
    let made;
    try {
      made = await this.ask({ kind: 'connect', url: location.origin, hashes, way });
    } catch {
      throw new Refusal({ message: 'unreachable' });
    }
    this.way = made?.way ?? '';
    this.blocked = made?.blocked ?? '';
    const { welcome } = await this.request('hello', {
      ...VERSIONS, features: ['audio-level'], client: `Parlour in a browser ${greeting.version}`,
    });
    this.limits = welcome.limits;
  }

  /**
   * Logs in: by "logInPassword", "logInGuest", "register" or "redeemClaim".
   * @param {string} how @param {any} body
   */
  async logIn(how, body) {
    this.become('connecting');
    try {
      await this.connect();
      await this.enter(how, { ...body, device: navigator.platform || 'browser' });
    } catch (error) {
      this.worker.postMessage({ kind: 'close' });
      this.become('out');
      throw error;
    }
  }

  /** Something for who isn't logged in. @param {string} name @param {any} body */
  async before(name, body) {
    this.become('connecting');
    try {
      await this.connect();
      return await this.request(name, body);
    } finally {
      this.worker.postMessage({ kind: 'close' });
      this.become('out');
    }
  }

  /** Comes back with the token of before, if there is one. Answers whether it did. */
  async resume() {
    if (!this.knowsToken) return false;
    this.become('connecting');
    try {
      await this.connect();
      await this.enterByToken();
      return true;
    } catch (error) {
      if (error instanceof Refusal && error.code === REFUSED.token) {
        localStorage.removeItem(TOKEN);
        this.worker.postMessage({ kind: 'close' });
        this.become('out');
        return false;
      }
      throw error;
    }
  }

  async enterByToken() {
    // The short one changes nothing, so that an answer that gets lost does no harm.
    const { access } = this;
    this.access = undefined;
    if (access && access.until > Date.now() + 10_000) {
      try {
        return await this.enter('logInToken', { token: access.token });
      } catch (error) {
        if (!(error instanceof Refusal && error.code === REFUSED.token)) {
          this.access = access;
          throw error;
        }
      }
    }
    const text = localStorage.getItem(TOKEN) ?? '';
    await this.enter('logInToken', { token: Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)) });
  }

  /** @param {string} how @param {any} body */
  async enter(how, body) {
    const { loggedIn } = await this.request(how, body);
    this.ssrc = loggedIn.ssrc;
    this.self = loggedIn.session;
    this.user = loggedIn.user;
    if (loggedIn.token.length > 0) localStorage.setItem(TOKEN, btoa(String.fromCharCode(...loggedIn.token)));
    if (loggedIn.accessToken.length > 0) this.access = { token: loggedIn.accessToken, until: Number(loggedIn.accessTokenExpiresMs) };
    this.notice = loggedIn.notice;
    localStorage.setItem(NAME, loggedIn.name);
    this.worker.postMessage({ kind: 'identity', ssrc: this.ssrc });
    this.end = undefined;
    this.become('in');
  }

  async logOut() {
    localStorage.removeItem(TOKEN);
    this.home = 0;
    this.ownState = { mute: false, deaf: false, away: false, status: '' };
    this.passwords.clear();
    this.listened.clear();
    try {
      await this.request('logOut');
    } catch { /* Then it is forgotten here, and ends there by itself. */ }
    this.worker.postMessage({ kind: 'close' });
    this.forget();
    this.become('out');
  }

  forget() {
    this.channels.clear();
    this.members.clear();
    this.roles.clear();
    this.talking.clear();
    this.whispering.clear();
  }

  /** @param {number} channel @param {string} [password] */
  async join(channel, password = this.passwords.get(channel) ?? '') {
    await this.request('join', { channel, password });
    if (password) this.passwords.set(channel, password);
    this.home = channel;
  }

  /** Hears a channel without being there, or no more. @param {number} channel @param {boolean} on @param {number} [volume] In percent. */
  async listen(channel, on, volume = 100) {
    await this.request('listen', { channel, on, volume });
    if (on) this.listened.set(channel, volume);
    else this.listened.delete(channel);
  }

  /** Asks what one may do wherever no channel is meant. */
  async askEverywhere() {
    try {
      const { explanation } = await this.request('why', { permissions: NAMED });
      this.everywhere = explanation.has;
    } catch {
      this.everywhere = 0;
    }
    this.say('change');
  }

  /** @param {{mute?: boolean, deaf?: boolean, away?: boolean, status?: string}} change */
  async setSelf(change) {
    Object.assign(this.ownState, change);
    await this.request('setSelf', change);
  }

  /** @param {any} data */
  hear(data) {
    switch (data.kind) {
      case 'answer': {
        const waiting = this.waiting.get(data.id);
        this.waiting.delete(data.id);
        if (data.failed !== undefined) waiting?.reject(new Refusal({ message: data.failed }));
        else waiting?.resolve(data.answer);
        break;
      }
      case 'event':
        this.apply(data.event);
        break;
      case 'talking':
        this.talking[data.talking ? 'add' : 'delete'](data.ssrc);
        this.whispering[data.whisper ? 'add' : 'delete'](data.ssrc);
        this.say('talking', data);
        break;
      case 'closed':
        this.closed(data);
        break;
      default:
        this.say(data.kind, data);
    }
  }

  /** @param {any} event */
  apply(event) {
    if (event.snapshot) {
      this.forget();
      for (const channel of event.snapshot.channels) this.channels.set(channel.id, channel);
      for (const member of event.snapshot.members) this.members.set(member.session, member);
      this.self = event.snapshot.selfSession;
      this.organization = event.snapshot.organization;
      this.rolesAre(event.snapshot.roles);
      this.settle();
      this.say('arrived');
    } else if (event.organizationIs) this.organization = event.organizationIs;
    else if (event.rolesAre) this.rolesAre(event.rolesAre);
    else if (event.suppressed) this.suppress(event.suppressed);
    else if (event.channelIs) this.channels.set(event.channelIs.id, event.channelIs);
    else if (event.channelGone !== undefined) this.channels.delete(event.channelGone);
    else if (event.memberIs) {
      const before = this.members.get(event.memberIs.session);
      this.members.set(event.memberIs.session, event.memberIs);
      if (event.memberIs.session === this.self) {
        this.home = event.memberIs.channel || this.home;
        if (String(before?.roles) !== String(event.memberIs.roles)) this.askEverywhere();
      }
      this.say('moved', { before, after: event.memberIs });
    } else if (event.memberGone !== undefined) {
      const before = this.members.get(event.memberGone);
      this.members.delete(event.memberGone);
      if (before) this.talking.delete(before.ssrc);
      if (before) this.whispering.delete(before.ssrc);
      this.say('moved', { before, after: undefined });
    } else if (event.text) {
      this.say('text', event.text);
      return;
    } else if (event.goodbye) {
      // Without a reason the server says what the code means, for which the page has words of its own.
      const { code, message } = event.goodbye;
      this.end = { code, reason: message === KICKED ? '' : message };
      return;
    }
    this.say('change');
  }

  /** @param {{ sessions: number[], noMore: number[] }} turned */
  suppress(turned) {
    for (const [sessions, suppressed] of /** @type {[number[], boolean][]} */ ([
      [turned.sessions, true],
      [turned.noMore, false],
    ])) {
      for (const session of sessions ?? []) {
        const before = this.members.get(session);
        if (!before) continue;
        const after = { ...before, suppressed };
        this.members.set(session, after);
        this.say('moved', { before, after });
      }
    }
  }

  /** @param {any} roles */
  rolesAre(roles) {
    this.roles = new Map((roles?.roles ?? []).map((/** @type {any} */ role) => [role.id, role]));
    // A server that tells no roles yet knows no question about them.
    if (this.roles.size > 0) this.askEverywhere();
  }

  /** After coming back: to the same channel, as mute and deaf as before, and listening where one listened. */
  settle() {
    const { mute, deaf, away, status } = this.ownState;
    if (mute || deaf || away || status) this.request('setSelf', this.ownState).catch(() => {});
    const hears = (this.me?.listening ?? []).map((/** @type {any} */ one) => one.channel);
    for (const [channel, volume] of this.listened) {
      if (!hears.includes(channel)) this.listen(channel, true, volume).catch(() => this.listened.delete(channel));
    }
    if (this.home && this.channels.has(this.home) && this.me?.channel !== this.home) {
      this.join(this.home).catch(() => {});
    }
  }

  /** @param {{code: number | undefined, reason: string}} end */
  closed({ code, reason }) {
    for (const { reject } of this.waiting.values()) reject(new Refusal({ message: 'unreachable' }));
    this.waiting.clear();
    if (this.phase !== 'in') return;
    const known = code === undefined || code === CLOSED.normal ? this.end?.code ?? code : code;
    // What was said on the way out is whole; a close may cut it short.
    this.end = { code: known, reason: known === this.end?.code && this.end?.reason ? this.end.reason : reason };
    this.talking.clear();
    this.whispering.clear();
    const final = [CLOSED.loggedOut, CLOSED.replaced, CLOSED.disabled, CLOSED.version, CLOSED.kicked];
    if (known !== undefined && final.includes(known)) {
      if (known !== CLOSED.replaced && known !== CLOSED.kicked) localStorage.removeItem(TOKEN);
      this.become('ended');
    } else if (this.knowsToken) {
      this.comeBack();
    } else {
      this.become('ended');
    }
  }

  async comeBack() {
    this.become('returning');
    let [pause] = AGAIN;
    for (;;) {
      try {
        await this.connect();
        await this.enterByToken();
        return;
      } catch (error) {
        if (error instanceof Refusal && error.code === REFUSED.token) {
          localStorage.removeItem(TOKEN);
          this.end = { code: CLOSED.loggedOut, reason: '' };
          this.become('ended');
          return;
        }
        if (error instanceof Refusal && error.code === REFUSED.banned) {
          // Their number is none of a close code.
          this.end = { code: REFUSED.banned, reason: error.message };
          this.become('ended');
          return;
        }
      }
      // A phase that somebody else changed meanwhile stands.
      if (this.phase !== 'returning') return;
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, pause * (0.75 + Math.random() / 2));
        this.hurry = () => {
          clearTimeout(timer);
          resolve(undefined);
        };
      });
      this.hurry = undefined;
      pause = Math.min(2 * pause, AGAIN[1]);
    }
  }
}
