// What follows a person from device to device: their favourite channels, and how loud they chose to hear somebody.

import { choose, settings } from './settings.js';
import { Bound } from './bounds.js';

/** Under which name the volumes are kept: in JSON, by account. */
const VOLUMES = 'page.volumes';

/** Milliseconds after the last change in which there is none, before it is sent. */
const SETTLED = 800;

/** How an account is called in the settings of this browser. */
const PERSON = 'user ';

export class Following {
  /** @param {import('./session.js').Session} session @param {AbortSignal} signal @param {() => void} changed When the volumes are others. */
  constructor(session, signal, changed) {
    this.session = session;
    this.changed = changed;
    /** Favourite channels. @type {Set<number>} */
    this.favourites = new Set();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    session.on('arrived', () => this.read(), signal);
    session.on('preference', () => this.read(), signal);
    signal.addEventListener('abort', () => clearTimeout(this.timer));
    this.read();
  }

  /** Reads what the server has. What it doesn't answer stays as it is here. */
  async read() {
    const { session } = this;
    if (!session.user) return;
    let found;
    try {
      found = await session.request('getPreferences', {});
    } catch {
      return;
    }
    this.favourites = new Set(found.favourites);
    // Another account may have been here before, in the same browser.
    const others = settings.whose !== 0 && settings.whose !== session.user;
    const kept = found.preferences.find(({ name }) => name === VOLUMES)?.value;
    if (kept !== undefined || others) this.take(kept ?? '{}');
    else if (Object.keys(this.own()).length > 0) this.save();
    choose({ whose: session.user });
    session.say('change', undefined);
  }

  /** Volumes as the server has them, in place of those of here. @param {string} text */
  take(text) {
    // What is changed here just now is sent in a moment.
    if (this.timer) return;
    const guests = Object.entries(settings.volumes).filter(([who]) => !who.startsWith(PERSON));
    const people = Object.entries(volumesIn(text)).map(([user, volume]) => [`${PERSON}${user}`, volume]);
    choose({ volumes: Object.fromEntries([...guests, ...people]) });
    this.changed();
  }

  /** The volumes of accounts that aren't as they came. @returns {Record<string, number>} */
  own() {
    const people = Object.entries(settings.volumes).filter(([who, volume]) => who.startsWith(PERSON) && volume !== 1);
    return Object.fromEntries(people.map(([who, volume]) => [who.slice(PERSON.length), volume]));
  }

  /** Sends the volumes in a moment: a slider that moves changes them many times. */
  save() {
    if (!this.session.user) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(async () => {
      const people = Object.entries(this.own());
      let value = JSON.stringify(Object.fromEntries(people));
      while (value.length > Bound.maxPreference) {
        people.shift();
        value = JSON.stringify(Object.fromEntries(people));
      }
      try {
        await this.session.request('setPreference', { name: VOLUMES, value });
      } catch { /* Then it stays in this browser alone. */ }
      this.timer = undefined;
    }, SETTLED);
  }

  /** A channel is a favourite from now on, or is it no more. @param {number} channel @param {boolean} favourite */
  async favour(channel, favourite) {
    await this.session.request('setFavourite', { channel, favourite });
    this.favourites[favourite ? 'add' : 'delete'](channel);
    this.session.say('change', undefined);
  }
}

/** Volumes by account, whatever else somebody's program put there. @param {string} text @returns {Record<string, number>} */
function volumesIn(text) {
  try {
    const entries = Object.entries(/** @type {Record<string, unknown>} */ (JSON.parse(text)));
    return Object.fromEntries(entries.flatMap(([user, volume]) => (/^\d+$/.test(user) && typeof volume === 'number' && volume >= 0 && volume <= 2 ? [[user, volume]] : [])));
  } catch {
    return {};
  }
}
