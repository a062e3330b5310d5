// A session as the page has it: connecting, logging in, what is there, and coming back by itself.

const TOKEN = 'parlour.token';
const NAME = 'parlour.name';

/** Versions of the protocol that this page speaks. */
const VERSIONS = { versionMin: 1, versionMax: 1 };

/** Milliseconds between tries to come back: the first, and the longest. */
const AGAIN = [250, 8000];

/** Error codes and close codes of docs/protocol.md that mean something to this page. */
export const REFUSED = { logIn: 7, attempts: 8, token: 9, guests: 10, claim: 11, factor: 29, code: 30 };
export const CLOSED = { normal: 0, shuttingDown: 1, loggedOut: 2, replaced: 3, version: 4, full: 8, disabled: 9 };

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
    /** SSRCs of those who talk now. @type {Set<number>} */
    this.talking = new Set();
    /** The channel to be in, also after coming back. */
    this.home = 0;
    this.ownState = { mute: false, deaf: false };
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
    this.talking.clear();
  }

  /** @param {number} channel */
  async join(channel) {
    await this.request('join', { channel });
    this.home = channel;
  }

  /** @param {{mute?: boolean, deaf?: boolean}} change */
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
        if (data.talking) this.talking.add(data.ssrc);
        else this.talking.delete(data.ssrc);
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
      this.settle();
    } else if (event.channelIs) this.channels.set(event.channelIs.id, event.channelIs);
    else if (event.channelGone !== undefined) this.channels.delete(event.channelGone);
    else if (event.memberIs) {
      const before = this.members.get(event.memberIs.session);
      this.members.set(event.memberIs.session, event.memberIs);
      if (event.memberIs.session === this.self) this.home = event.memberIs.channel || this.home;
      this.say('moved', { before, after: event.memberIs });
    } else if (event.memberGone !== undefined) {
      const before = this.members.get(event.memberGone);
      this.members.delete(event.memberGone);
      if (before) this.talking.delete(before.ssrc);
      this.say('moved', { before, after: undefined });
    } else if (event.text) {
      this.say('text', event.text);
      return;
    } else if (event.goodbye) {
      this.end = { code: event.goodbye.code, reason: event.goodbye.message };
      return;
    }
    this.say('change');
  }

  /** After coming back: to the same channel, as mute and deaf as before. */
  settle() {
    const { mute, deaf } = this.ownState;
    if (mute || deaf) this.request('setSelf', { mute, deaf }).catch(() => {});
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
    this.end = { code: known, reason };
    this.talking.clear();
    const final = [CLOSED.loggedOut, CLOSED.replaced, CLOSED.disabled, CLOSED.version];
    if (known !== undefined && final.includes(known)) {
      if (known !== CLOSED.replaced) localStorage.removeItem(TOKEN);
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
