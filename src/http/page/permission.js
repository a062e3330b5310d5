// What one may do, and what is read from it: permissions by name, and sets of them as BigInt. Nothing here knows the page,
// so that it is tested alone.

import { Permission, StepKind } from './codes.js';
import { operations } from './operations.js';

/** @typedef {import('./messages.js').Step} Step */
/** @typedef {keyof typeof Permission} PermissionName */

/** All of them, the lowest bit first. */
export const PERMISSIONS = /** @type {PermissionName[]} */ (Object.keys(Permission));

/** Where an operation acts that is about no channel, nor about anything in one: on the organization, or an account. @type {string[]} */
const NO_CHANNEL = ['', 'name', 'subject'];

/** Whether a permission is asked about the organization and never about a channel. @param {PermissionName} name */
function isElsewhere(name) {
  const needing = Object.values(operations).filter(({ permission }) => permission === name);
  return name === 'administer' || (needing.length > 0 && needing.every(({ on }) => NO_CHANNEL.includes(on)));
}

/** Those that mean something on a channel. */
export const ON_CHANNEL = PERMISSIONS.filter((name) => !isElsewhere(name));

/** No permission. */
export const NONE = 0n;

/** A set of them. @param {PermissionName[]} names */
export const setOf = (...names) => names.reduce((all, name) => all | Permission[name], NONE);

/** Every permission but that of an owner. */
export const NAMED = setOf(...PERMISSIONS.filter((name) => name !== 'administer'));

/** Whether a set is an owner's, who may do everything. @param {bigint} set */
const owns = (set) => (set & Permission.administer) !== NONE;

/** Whether a set has a permission; an owner's has all. @param {bigint} set @param {PermissionName} name */
export const may = (set, name) => owns(set) || (set & Permission[name]) !== NONE;

/** A set with a permission, or without; an owner's stays as it is. @param {bigint} set @param {PermissionName} name @param {boolean} on */
export function having(set, name, on) {
  if (owns(set)) return set;
  return on ? set | Permission[name] : set & ~Permission[name];
}

/** What came and what went. @param {bigint} before @param {bigint} after */
export function difference(before, after) {
  return {
    gained: PERMISSIONS.filter((name) => !may(before, name) && may(after, name)),
    lost: PERMISSIONS.filter((name) => may(before, name) && !may(after, name)),
  };
}

/** @typedef {"inherit" | "allow" | "deny"} State */
/** @typedef {{allow: bigint, deny: bigint, reach: number}} Cells What an overwrite says. */

/** What an overwrite says about a permission. @param {{allow: bigint, deny: bigint}} cells @param {PermissionName} name @returns {State} */
export function state({ allow, deny }, name) {
  if (may(allow, name)) return 'allow';
  return may(deny, name) ? 'deny' : 'inherit';
}

/**
 * The same overwrite with another state.
 * @template {Cells} T @param {T} cells @param {PermissionName} name @param {State} to @returns {T}
 */
export function stated(cells, name, to) {
  return { ...cells, allow: having(cells.allow, name, to === 'allow'), deny: having(cells.deny, name, to === 'deny') };
}

/** The state that comes after another. @param {State} now @returns {State} */
export function turned(now) {
  return now === 'inherit' ? 'allow' : now === 'allow' ? 'deny' : 'inherit';
}

/**
 * The step that decided about one permission: the last that changed whether it is allowed. None when no role grants it.
 * @template {Pick<Step, "kind" | "allow" | "deny">} T
 * @param {{allowed: boolean, steps: T[]}} explanation @param {PermissionName} name
 */
export function decider({ allowed, steps }, name) {
  return steps.findLast(({ kind, allow, deny }) => {
    switch (kind) {
      case StepKind.owner: return allowed;
      case StepKind.grant: return allowed && may(allow, name);
      case StepKind.overwrite: return may(allowed ? allow : deny, name);
      case StepKind.unseen:
      case StepKind.key:
      case StepKind.factorLacking: return !allowed;
      default: return false;
    }
  });
}

/** How bright a colour is (WCAG 2, relative luminance). @param {number} colour 0xRRGGBB */
function luminance(colour) {
  const [red, green, blue] = [16, 8, 0].map((shift) => {
    const part = ((colour >> shift) & 255) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Whether words of a colour can be read on another (WCAG 2, level AA). @param {number} words @param {number} ground */
export function legible(words, ground) {
  const [dark, bright] = [luminance(words), luminance(ground)].sort((a, b) => a - b);
  return (bright + 0.05) / (dark + 0.05) >= 4.5;
}

/** A colour as CSS writes it. @param {number} colour */
export const css = (colour) => `#${colour.toString(16).padStart(6, '0')}`;
