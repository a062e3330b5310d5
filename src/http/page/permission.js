// What one may do, as bits, and what is read from them. Nothing here knows the page, so that it is tested alone.

/** Permission bits, as docs/protocol.md lists them. */
export const PERMISSION = {
  view: 0, join: 1, speak: 2, text: 3, createChannel: 4, editChannel: 5, moveOthers: 6, manageUsers: 7, invite: 8, ban: 9, whisper: 10,
  listen: 11, muteOthers: 12, kick: 13, manageRoles: 14, manageOrganization: 15, record: 16, priority: 17, share: 18, inspect: 19,
  createTemporary: 20, administer: 63,
};

/** All of them, the lowest first. */
export const BITS = Object.values(PERMISSION);

/** Those that are asked about the organization and never about a channel. */
const ELSEWHERE = [PERMISSION.manageUsers, PERMISSION.invite, PERMISSION.ban, PERMISSION.manageOrganization, PERMISSION.administer];

/** Those that mean something on a channel. */
export const ON_CHANNEL = BITS.filter((bit) => !ELSEWHERE.includes(bit));

/** Every bit but that of an owner. */
export const NAMED = BITS.filter((bit) => bit < 63).reduce((all, bit) => all + 2 ** bit, 0);

/**
 * Whether permissions have a bit; those of an owner (bit 63) have all.
 * @param {number} permissions @param {number} bit
 */
export function may(permissions, bit) {
  return permissions >= 2 ** 63 || Math.floor(permissions / 2 ** bit) % 2 === 1;
}

/** Permissions with a bit, or without. @param {number} permissions @param {number} bit @param {boolean} on */
export function having(permissions, bit, on) {
  if (may(permissions, bit) === on || permissions >= 2 ** 63) return permissions;
  return on ? permissions + 2 ** bit : permissions - 2 ** bit;
}

/** What came and what went. @param {number} before @param {number} after */
export function difference(before, after) {
  return {
    gained: BITS.filter((bit) => !may(before, bit) && may(after, bit)),
    lost: BITS.filter((bit) => may(before, bit) && !may(after, bit)),
  };
}

/** @typedef {"inherit" | "allow" | "deny"} State */
/** @typedef {{allow: number, deny: number, reach: number}} Cells What an overwrite says. */

/** What an overwrite says about a permission. @param {{allow: number, deny: number}} cells @param {number} bit @returns {State} */
export function state({ allow, deny }, bit) {
  if (may(allow, bit)) return 'allow';
  return may(deny, bit) ? 'deny' : 'inherit';
}

/**
 * The same overwrite with another state.
 * @template {Cells} T @param {T} cells @param {number} bit @param {State} to @returns {T}
 */
export function stated(cells, bit, to) {
  return { ...cells, allow: having(cells.allow, bit, to === 'allow'), deny: having(cells.deny, bit, to === 'deny') };
}

/** The state that comes after another. @param {State} now @returns {State} */
export function turned(now) {
  return now === 'inherit' ? 'allow' : now === 'allow' ? 'deny' : 'inherit';
}

/** Kinds of a step that decided, by their numbers. */
export const STEP = { grant: 1, factorLacking: 2, owner: 3, overwrite: 4, unseen: 5, key: 6 };

/**
 * The step that decided about one permission: the last that changed whether it is allowed. None when no role grants it.
 * @param {{allowed: boolean, steps: any[]}} explanation @param {number} bit
 */
export function decider({ allowed, steps }, bit) {
  const decides = (/** @type {any} */ step) => {
    if (allowed) return step.kind === STEP.owner || ([STEP.grant, STEP.overwrite].includes(step.kind) && may(step.allow, bit));
    return [STEP.unseen, STEP.key, STEP.factorLacking].includes(step.kind) || (step.kind === STEP.overwrite && may(step.deny, bit));
  };
  return steps.findLast(decides);
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
