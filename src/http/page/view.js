// What is there, as the server's events say it: channels, members and roles, and what one may do.

import { NONE, may } from './permission.js';

/** @typedef {import('./messages.js').Channel} Channel */
/** @typedef {import('./messages.js').Member} Member */
/** @typedef {import('./messages.js').Role} Role */
/** @typedef {import('./permission.js').PermissionName} PermissionName */

/** How somebody was and is; nothing before they come and after they go. @typedef {{before?: Member, after?: Member}} Moved */

/**
 * What a session tells of, with what it says.
 * @typedef {object} Told
 * @property {import('./session.js').Phase} phase
 * @property {undefined} change
 * @property {undefined} arrived The snapshot is there.
 * @property {undefined} rights One's own roles, or what roles grant, are others.
 * @property {undefined} busy
 * @property {Moved} moved
 * @property {import('./messages.js').Text} text
 * @property {number} profile An account that shows something else of itself.
 * @property {string} preference Under which name something else follows one from device to device; empty for favourites.
 * @property {import('./worker.js').Talking} talking
 * @property {import('./worker.js').Spoken} mouth
 * @property {import('./worker.js').Counts} counts
 */

/** What a session sees, kept up to date, and whoever listens told what is different. */
export class View extends EventTarget {
  constructor() {
    super();
    /** The session that this page is. */
    this.self = 0;
    /** Why it ended. @type {import('./refusal.js').End | undefined} */
    this.end = undefined;
    /** @type {Map<number, Channel>} */
    this.channels = new Map();
    /** @type {Map<number, Member>} */
    this.members = new Map();
    /** @type {Map<number, Role>} */
    this.roles = new Map();
    /** What everybody meets. @type {import('./messages.js').Organization | undefined} */
    this.organization = undefined;
    /** What one may do wherever no channel is meant. */
    this.everywhere = NONE;
    /** SSRCs of those who talk now. @type {Set<number>} */
    this.talking = new Set();
    /** Of those, who speaks to chosen people only. @type {Set<number>} */
    this.whispering = new Set();
  }

  /** @template {keyof Told} T @param {T} type @param {Told[T]} detail */
  say(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** @template {keyof Told} T @param {T} type @param {(detail: Told[T]) => void} act @param {AbortSignal} [signal] */
  on(type, act, signal) {
    this.addEventListener(type, (event) => act(/** @type {CustomEvent<Told[T]>} */ (event).detail), { signal });
  }

  /** The member that this page is. */
  get me() {
    return this.members.get(this.self);
  }

  /** Whether one may do something in a channel, or, with 0, wherever none is meant. @param {number} channel @param {PermissionName} name */
  may(channel, name) {
    return may(channel ? this.channels.get(channel)?.permissions ?? NONE : this.everywhere, name);
  }

  /** What somebody has of the roles that are known. @param {Member | undefined} member */
  rolesOf(member) {
    return (member?.roles ?? []).flatMap((id) => this.roles.get(id) ?? []);
  }

  /** The rank of somebody: that of their highest role. @param {Member | undefined} member */
  rank(member) {
    return Math.max(0, ...this.rolesOf(member).map(({ rank }) => rank));
  }

  /** Whether somebody can't be acted on: their rank is one's own, or above. @param {Member} member */
  outranks(member) {
    return this.roles.size > 0 && this.rank(member) >= this.rank(this.me);
  }

  /** The path of a channel, for people. @param {number} id */
  path(id) {
    const names = [];
    for (let channel = this.channels.get(id); channel; channel = this.channels.get(channel.parent)) names.unshift(channel.name);
    return names.join('/');
  }

  forget() {
    this.channels.clear();
    this.members.clear();
    this.roles.clear();
    this.talking.clear();
    this.whispering.clear();
  }

  /** @param {import('./messages.js').Event} event */
  apply(event) {
    if (event.snapshot) {
      this.forget();
      for (const channel of event.snapshot.channels) this.channels.set(channel.id, channel);
      for (const member of event.snapshot.members) this.members.set(member.session, member);
      this.self = event.snapshot.selfSession;
      this.organization = event.snapshot.organization;
      this.rolesAre(event.snapshot.roles);
      this.say('arrived', undefined);
    } else if (event.organizationIs) this.organization = event.organizationIs;
    else if (event.rolesAre) this.rolesAre(event.rolesAre);
    else if (event.suppressed) this.suppress(event.suppressed);
    else if (event.channelIs) this.channels.set(event.channelIs.id, event.channelIs);
    else if (event.channelGone !== undefined) this.channels.delete(event.channelGone);
    else if (event.memberIs) {
      const before = this.members.get(event.memberIs.session);
      this.members.set(event.memberIs.session, event.memberIs);
      if (event.memberIs.session === this.self && String(before?.roles) !== String(event.memberIs.roles)) this.say('rights', undefined);
      this.say('moved', { before, after: event.memberIs });
    } else if (event.memberGone !== undefined) {
      const before = this.members.get(event.memberGone);
      this.members.delete(event.memberGone);
      if (before) this.talking.delete(before.ssrc);
      if (before) this.whispering.delete(before.ssrc);
      this.say('moved', { before, after: undefined });
    } else if (event.profileChanged) this.say('profile', event.profileChanged.user);
    else if (event.preferenceChanged) {
      this.say('preference', event.preferenceChanged.name);
      return;
    } else if (event.text) {
      this.say('text', event.text);
      return;
    } else if (event.goodbye) {
      const { code, reason, untilMs } = event.goodbye;
      this.end = { code, reason, until: untilMs };
      return;
    }
    this.say('change', undefined);
  }

  /** @param {import('./messages.js').Suppressed} turned */
  suppress({ sessions, noMore }) {
    const turn = (/** @type {number[]} */ some, /** @type {boolean} */ suppressed) => {
      for (const session of some) {
        const before = this.members.get(session);
        if (!before) continue;
        const after = { ...before, suppressed };
        this.members.set(session, after);
        this.say('moved', { before, after });
      }
    };
    turn(sessions, true);
    turn(noMore, false);
  }

  /** @param {import('./messages.js').Roles | undefined} roles */
  rolesAre(roles) {
    this.roles = new Map((roles?.roles ?? []).map((role) => [role.id, role]));
    // A server that tells no roles yet knows no question about them.
    if (this.roles.size > 0) this.say('rights', undefined);
  }
}
