// A session as the page has it: connecting, logging in, what is there, and coming back by itself.

import { CloseCode, ErrorCode } from './codes.js';
import { operations } from './operations.js';
import { NAMED, NONE } from './permission.js';
import { HOME, TAG, kept } from './place.js';
import { Refusal, isRefusal } from './refusal.js';
import { View } from './view.js';

/** Versions of the protocol that this page speaks. */
const VERSIONS = { versionMin: 1, versionMax: 1 };

/** Milliseconds between tries to come back: the first, and the longest. */
const AGAIN = [250, 8000];

/** What this device is called in the list of one's devices. */
export const DEVICE = navigator.platform || 'browser';

/** Close codes after which a session doesn't come back by itself. @type {number[]} */
const FINAL = [
  CloseCode.loggedOut, CloseCode.replaced, CloseCode.disabled, CloseCode.versionRefused, CloseCode.kicked, CloseCode.noSuchOrganization,
  CloseCode.organizationDeleted, CloseCode.banned, CloseCode.accountDeleted,
];

/** Of those, the ones after which its token is still good. @type {number[]} */
const KEEPS_TOKEN = [CloseCode.replaced, CloseCode.kicked, CloseCode.banned];

/** Refusals of somebody who comes back that waiting doesn't help against. @type {number[]} */
const LASTING = [ErrorCode.banned, ErrorCode.guestsRefused, ErrorCode.nameTaken, ErrorCode.nameInvalid];

/** What one says of oneself. @typedef {{mute: boolean, deaf: boolean, away: boolean, status: string}} OwnState */

/** @type {OwnState} */
const AS_ONE_COMES = { mute: false, deaf: false, away: false, status: '' };

/** @typedef {import('./messages.js').RequestBody} RequestBody */
/** @typedef {import('./messages.js').Answers} Answers */
/** @typedef {import('./worker.js').Answered} Answered */
/** @typedef {import('./worker.js').FromWorker} FromWorker */

/** @typedef {"logInPassword" | "logInToken" | "logInGuest" | "register" | "redeemClaim"} LogIn */

/** Another server by which one logs in. @typedef {{ id: string, name: string, icon: boolean }} ByProvider */

/**
 * @typedef {object} Greeting What the server says before anything else.
 * @property {string} name
 * @property {string} version
 * @property {string[]} certificateHashes
 * @property {boolean} guests
 * @property {"invite" | "open" | "closed"} registration
 * @property {ByProvider[]} providers
 * @property {boolean} passwords Whether a password logs everybody in, not owners alone.
 * @property {boolean} sendsEmails Else they wait with whoever runs the server.
 * @property {boolean} unclaimed A claim code waits to be used.
 * @property {boolean} administered
 */

/** @typedef {"out" | "connecting" | "in" | "returning" | "ended"} Phase */

export class Session extends View {
  /** @param {import('./worker.js').VoiceWorker} worker */
  constructor(worker) {
    super();
    this.worker = worker;
    /** @type {Phase} */
    this.phase = 'out';
    /** @type {Greeting | undefined} */
    this.greeting = undefined;
    this.way = '';
    this.blocked = '';
    /** Where others reach the page, where the server's owner says it. */
    this.page = '';
    this.ssrc = 0;
    /** The account; 0 for a guest. */
    this.user = 0;
    /** The name that a guest came by, who has nothing else to come back with. */
    this.guest = '';
    /** @type {{ token: Uint8Array, until: number } | undefined} */
    this.access = undefined;
    /** What the server has to tell about the account. */
    this.notice = '';
    /** Passwords of channels that were right, until the page goes. @type {Map<number, string>} */
    this.passwords = new Map();
    /** Channels to listen to, also after coming back, and how loud, in percent. @type {Map<number, number>} */
    this.listened = new Map();
    /** The channel to be in, also after coming back. */
    this.home = 0;
    /** @type {OwnState} */
    this.ownState = { ...AS_ONE_COMES };
    /** What of it the server took. @type {OwnState} */
    this.granted = { ...AS_ONE_COMES };
    /** The last of the changes of it. @type {Promise<void>} */
    this.turn = Promise.resolve();
    this.next = 0;
    /** @type {Map<number, {resolve: (answer: Answered) => void, reject: (error: Error) => void}>} */
    this.waiting = new Map();
    worker.addEventListener('message', ({ data }) => this.hear(data));
    this.on('arrived', () => this.settle());
    this.on('rights', () => this.askEverywhere());
    this.on('moved', ({ after }) => {
      if (after?.session === this.self) this.home = after.channel || this.home;
    });
    addEventListener('online', () => this.hurry?.());
    /** @type {(() => void) | undefined} */
    this.hurry = undefined;
  }

  /** @param {Phase} phase */
  become(phase) {
    this.phase = phase;
    this.say('phase', phase);
  }

  get knowsToken() {
    return kept.get('token') !== null;
  }

  get lastName() {
    return kept.get('name') ?? '';
  }

  /** @param {import('./worker.js').Question} question @returns {Promise<Answered>} */
  ask(question) {
    this.next += 1;
    const id = this.next;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ ...question, id });
    });
  }

  /**
   * Does a request, and answers with what the server answered. What lasts isn't made by the short token by which one
   * came back: then one comes by the long one, and asks again.
   * @template {keyof RequestBody} N
   * @param {N} name @param {RequestBody[N]} body @returns {Promise<Answers[N]>}
   */
  async request(name, body) {
    try {
      return await this.requestOnce(name, body);
    } catch (error) {
      if (!isRefusal(error, ErrorCode.logInAnew) || this.phase !== 'in' || !this.knowsToken) throw error;
      this.access = undefined;
      await this.comeBack();
      return this.requestOnce(name, body);
    }
  }

  /**
   * @template {keyof RequestBody} N
   * @param {N} name @param {RequestBody[N]} body @returns {Promise<Answers[N]>}
   */
  async requestOnce(name, body) {
    // By way of what nothing is known of: to compare each body with each other one takes the checker of types half a minute.
    const request = /** @type {unknown} */ ({ organization: '', [name]: body });
    const { response } = await this.ask({ kind: 'request', request: /** @type {import('./messages.js').Request} */ (request) });
    if (response?.error) throw new Refusal(response.error);
    const answer = response?.[operations[name].answer];
    if (answer === undefined) throw new Error('the answer doesn’t fit the request');
    return /** @type {Answers[N]} */ (answer);
  }

  /** What the server says of itself. */
  async greet() {
    let answer;
    try {
      answer = await fetch(`${HOME}parlour.json`, { cache: 'no-store' });
    } catch {
      throw new Refusal();
    }
    if (answer.status === 404) throw new Refusal({ code: ErrorCode.noSuchOrganization });
    if (!answer.ok) throw new Refusal();
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
      ({ made } = await this.ask({ kind: 'connect', url: location.origin, hashes, way }));
    } catch {
      throw new Refusal();
    }
    this.way = made?.way ?? '';
    this.blocked = made?.blocked ?? '';
    ({ publicPage: this.page } = await this.request('hello', {
      ...VERSIONS, features: ['audio-level', 'profiles'], client: `Parlour in a browser ${greeting.version}`, organization: TAG,
    }));
  }

  /** @template {LogIn} H @param {H} how @param {RequestBody[H]} body */
  async logIn(how, body) {
    this.become('connecting');
    try {
      await this.connect();
      await this.enter(how, body);
    } catch (error) {
      this.worker.postMessage({ kind: 'close' });
      this.become('out');
      throw error;
    }
  }

  /**
   * Something for whoever isn't logged in.
   * @template {keyof RequestBody} N @param {N} name @param {RequestBody[N]} body @returns {Promise<Answers[N]>}
   */
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
      if (isRefusal(error, ErrorCode.tokenInvalid)) {
        kept.remove('token');
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
        if (!isRefusal(error, ErrorCode.tokenInvalid)) {
          this.access = access;
          throw error;
        }
      }
    }
    const text = kept.get('token') ?? '';
    await this.enter('logInToken', { token: Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)) });
  }

  /** @template {LogIn} H @param {H} how @param {RequestBody[H]} body */
  async enter(how, body) {
    const loggedIn = await this.request(how, body);
    this.guest = how === 'logInGuest' ? /** @type {RequestBody["logInGuest"]} */ (body).name : '';
    this.ssrc = loggedIn.ssrc;
    this.self = loggedIn.session;
    this.user = loggedIn.user;
    if (loggedIn.token.length > 0) kept.set('token', btoa(String.fromCharCode(...loggedIn.token)));
    if (loggedIn.accessToken.length > 0) this.access = { token: loggedIn.accessToken, until: loggedIn.accessTokenExpiresMs };
    this.notice = loggedIn.notice;
    kept.set('name', loggedIn.name);
    this.worker.postMessage({ kind: 'identity', ssrc: this.ssrc });
    this.end = undefined;
    this.become('in');
  }

  async logOut() {
    kept.remove('token');
    this.guest = '';
    this.home = 0;
    this.ownState = { ...AS_ONE_COMES };
    this.granted = { ...AS_ONE_COMES };
    this.passwords.clear();
    this.listened.clear();
    // The connection may be closed before the answer is there: that is no end that has to be explained.
    this.phase = 'out';
    try {
      await this.request('logOut', {});
    } catch { /* Then it is forgotten here, and ends there by itself. */ }
    this.worker.postMessage({ kind: 'close' });
    this.forget();
    this.become('out');
  }

  /** @param {number} channel @param {string} [password] */
  async join(channel, password = this.passwords.get(channel) ?? '') {
    await this.request('join', { channel, password });
    if (password) this.passwords.set(channel, password);
    this.home = channel;
  }

  /** Hears a channel without being there, or no more. @param {number} channel @param {boolean} on @param {number} [volume] In percent. @param {string} [password] */
  async listen(channel, on, volume = 100, password = this.passwords.get(channel) ?? '') {
    await this.request('listen', { channel, on, volume, password: on ? password : '' });
    if (on && password) this.passwords.set(channel, password);
    if (on) this.listened.set(channel, volume);
    else this.listened.delete(channel);
  }

  /** Why one, or somebody else, may do something or may not. @param {Partial<RequestBody["why"]>} about */
  why(about) {
    return this.request('why', { session: 0, user: '', channel: 0, permissions: NONE, ...about });
  }

  /** Asks what one may do wherever no channel is meant. */
  async askEverywhere() {
    try {
      this.everywhere = (await this.why({ permissions: NAMED })).has;
    } catch {
      this.everywhere = NONE;
    }
    this.say('change', undefined);
  }

  /** Holds here at once, and is taken back where the server refuses it. @param {Partial<OwnState>} change */
  async setSelf(change) {
    Object.assign(this.ownState, change);
    // One after the other: each request is a stream of its own, and streams overtake each other.
    const turn = this.turn.then(() => this.request('setSelf', change));
    this.turn = turn.then(() => {}, () => {});
    try {
      await turn;
      Object.assign(this.granted, change);
    } catch (error) {
      // What nobody answered stays, and is said again after coming back.
      if (error instanceof Refusal && error.code === 0) return;
      this.takeBack(change);
      throw error;
    }
  }

  /** What was refused is as the server has it, unless it was changed again meanwhile. @param {Partial<OwnState>} change */
  takeBack(change) {
    const { granted, ownState } = this;
    for (const key of /** @type {(keyof OwnState)[]} */ (Object.keys(change))) {
      if (ownState[key] === change[key]) Object.assign(ownState, { [key]: granted[key] });
    }
    this.say('change', undefined);
  }

  /** @param {FromWorker} data */
  hear(data) {
    switch (data.kind) {
      case 'answer': {
        const waiting = this.waiting.get(data.id);
        this.waiting.delete(data.id);
        if (data.failed !== undefined) waiting?.reject(new Refusal({ message: data.failed }));
        else waiting?.resolve(data);
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
        this.closed(data.code);
        break;
      case 'mouth':
        this.say('mouth', data);
        break;
      case 'counts':
        this.say('counts', data);
        break;
      case 'busy':
        this.say('busy', undefined);
        break;
      default:
    }
  }

  /** After coming back: to the same channel, as mute and deaf as before, and listening where one listened. */
  settle() {
    const { mute, deaf, away, status } = this.ownState;
    if (mute || deaf || away || status) this.setSelf({ ...this.ownState }).catch(() => {});
    const hears = (this.me?.listening ?? []).map((one) => one.channel);
    for (const [channel, volume] of this.listened) {
      if (!hears.includes(channel)) this.listen(channel, true, volume).catch(() => this.listened.delete(channel));
    }
    if (this.home && this.channels.has(this.home) && this.me?.channel !== this.home) {
      this.join(this.home).catch(() => {});
    }
  }

  /** @param {number | undefined} code What the connection was closed with, where the server closed it. */
  closed(code) {
    for (const { reject } of this.waiting.values()) reject(new Refusal());
    this.waiting.clear();
    if (this.phase !== 'in') return;
    const known = code === undefined || code === CloseCode.normal ? this.end?.code ?? code : code;
    // A reason is said on the way out; a close has none.
    const said = known === this.end?.code ? this.end : undefined;
    this.end = { code: known, reason: said?.reason ?? '', until: said?.until };
    this.talking.clear();
    this.whispering.clear();
    const final = known !== undefined && FINAL.includes(known);
    if (final && !KEEPS_TOKEN.includes(known)) kept.remove('token');
    if (!final && (this.knowsToken || this.guest)) this.comeBack();
    else this.become('ended');
  }

  /** What coming back ends with; nothing where it may come to something later. @param {unknown} error @returns {import('./refusal.js').End | undefined} */
  over(error) {
    if (!(error instanceof Refusal)) return undefined;
    switch (error.code) {
      case ErrorCode.tokenInvalid:
        kept.remove('token');
        return { code: CloseCode.loggedOut, reason: '' };
      case ErrorCode.noSuchOrganization: return { code: CloseCode.noSuchOrganization, reason: '' };
      case ErrorCode.version: return { code: CloseCode.versionRefused, reason: '' };
      default: return LASTING.includes(error.code) ? { code: undefined, reason: '', refusal: error } : undefined;
    }
  }

  async comeBack() {
    this.become('returning');
    let [pause] = AGAIN;
    for (;;) {
      try {
        await this.connect();
        if (this.guest) await this.enter('logInGuest', { name: this.guest, device: DEVICE });
        else await this.enterByToken();
        return;
      } catch (error) {
        const end = this.over(error);
        if (end) {
          this.end = end;
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
