// What people show of themselves: asked for once, for all with whom one is in a channel, and again when it is said to be different.

import { h } from './dom.js';
import { t } from './text.js';

/** @typedef {import('./messages.js').Member} Member */
/** @typedef {import('./messages.js').Profile} Profile */

/** People of a channel who are asked about by themselves, at most: in a larger one nobody looks at each. */
const COMPANY = 64;

/** As many as one request takes. */
const TOGETHER = 32;

/** Milliseconds for which those who come are gathered; and until the next try, where one failed. */
const GATHERED = 300;
const AGAIN = 5000;

/** People who are remembered, at most. */
const REMEMBERED = 2000;

export class Profiles {
  /** @param {import('./session.js').Session} session @param {AbortSignal} signal */
  constructor(session, signal) {
    this.session = session;
    /** By account; nothing for whoever shows nothing. @type {Map<number, Profile | undefined>} */
    this.known = new Map();
    /** Accounts that showed something else while they were asked about. @type {Set<number>} */
    this.stale = new Set();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    session.on('profile', (user) => {
      this.known.delete(user);
      this.stale.add(user);
    }, signal);
    session.on('arrived', () => this.known.clear(), signal);
    signal.addEventListener('abort', () => clearTimeout(this.timer));
  }

  /** What somebody shows, as far as it is known. @param {Member | undefined} member */
  of(member) {
    return member?.user ? this.known.get(member.user) : undefined;
  }

  /** What somebody is called. @param {Member} member */
  name(member) {
    return this.of(member)?.displayName || member.name;
  }

  /** With whom one is in a channel and of whom nothing is known yet. */
  get strangers() {
    const { session, known } = this;
    const here = session.me?.channel;
    const company = here ? [...session.members.values()].filter((member) => member.channel === here && member.user) : [];
    return company.length > COMPANY ? [] : company.filter((member) => !known.has(member.user)).slice(0, TOGETHER);
  }

  /** Asks about those, in a moment. */
  ask() {
    if (this.timer || this.strangers.length === 0) return;
    this.timer = setTimeout(() => this.meet(), GATHERED);
  }

  async meet() {
    const { session, strangers, known } = this;
    let pause = 0;
    this.stale.clear();
    try {
      const { profiles } = await session.request('listProfiles', { sessions: strangers.map((member) => member.session) });
      if (known.size > REMEMBERED) known.clear();
      for (const { user } of strangers) known.set(user, profiles.find((one) => one.user === user));
      for (const user of this.stale) known.delete(user);
    } catch {
      pause = AGAIN;
    }
    this.timer = setTimeout(() => {
      this.timer = undefined;
      session.say('change', undefined);
    }, pause);
  }

  /** Asks about one, who may be anywhere. @param {Member} member */
  async look(member) {
    if (!member.user) return;
    this.known.set(member.user, await this.session.request('getProfile', { session: member.session }));
    this.session.say('change', undefined);
  }
}

/** Somebody's picture, where they show one. @param {Profile | undefined} profile @param {number} side In pixels. @param {string} [name] For whoever doesn't see it, where the name isn't beside it. */
export const picture = (profile, side, name) => !!profile?.picture && h('img', {
  class: 'picture', src: profile.picture, width: side, height: side, alt: name ? t('pictureOf', { name }) : '',
});
