// Where this page is: the organization that its address names, what else the address says, and what is kept in this
// browser for it.

const address = /^\/\+([^/]+)/.exec(location.pathname);

/** The tag of the organization; empty for the first one of the server. */
export const TAG = address ? address[1].toLowerCase() : '';

/** Where its page is. */
export const HOME = TAG ? `/+${TAG}/` : '/';

/** What the address says after that. */
const below = () => location.pathname.slice(address ? address[0].length : 0);

/**
 * The code in a link, or nothing: of an invite (`i/CODE`), or of an e-mail that proves an address (`v/CODE`) or resets a
 * password (`r/CODE`).
 * @param {"i" | "v" | "r"} kind
 */
export function codeIn(kind) {
  const path = below();
  if (!path.startsWith(`/${kind}/`)) return '';
  try {
    return decodeURIComponent(path.slice(3));
  } catch {
    // It is no code; the server says so.
    return path.slice(3);
  }
}

/** The link to a channel. @param {string[]} path The names of those above it, and its own. */
export const channelLink = (path) => (path.length > 0 ? `${HOME}#/${path.map(encodeURIComponent).join('/')}` : HOME);

/**
 * The same for others: at the address that the server's owner gives the page, else at the one that it has here, as the commands say it.
 * @param {string[]} path @param {string} page The address that the owner gives it, or nothing.
 */
export const linkForOthers = (path, page) => new URL(channelLink(path), page || location.origin).href;

/** Whether a link leads everybody to their own machine. @param {string} link */
export const isOfThisMachine = (link) => /^((.*\.)?localhost\.?|127(\.\d+){3}|0\.0\.0\.0|\[::1?\])$/.test(new URL(link).hostname);

/** The address keeps no code that was used. @param {string[]} path Of the channel that is meant. */
export const forget = (path = []) => history.replaceState(null, '', channelLink(path));

/** Under which name something is kept. All organizations of a server share what a browser keeps for its address. @param {string} name */
const key = (name) => (TAG ? `parlour.+${TAG}.${name}` : `parlour.${name}`);

/** @typedef {"token" | "name" | "settings" | "welcomed" | "invited"} Kept */

/** What is kept in this browser, of this organization alone. */
export class Keep {
  /** @param {Storage} storage */
  constructor(storage) {
    this.storage = storage;
  }

  /** @param {Kept} name */
  get(name) {
    return this.storage.getItem(key(name));
  }

  /** @param {Kept} name @param {string} text */
  set(name, text) {
    this.storage.setItem(key(name), text);
  }

  /** @param {Kept} name */
  remove(name) {
    this.storage.removeItem(key(name));
  }

  /** What was kept for the first organization of the server. @param {Kept} name */
  first(name) {
    return this.storage.getItem(`parlour.${name}`);
  }
}

/** What stays. */
export const kept = new Keep(localStorage);

/** What stays until the window is closed. */
export const shown = new Keep(sessionStorage);
