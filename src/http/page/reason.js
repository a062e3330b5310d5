// Why one may do something or may not, in words; and what one may not do shown greyed, with the reason on asking.

import { Permission, Reach, StepKind } from './codes.js';
import { mark } from './keep.js';
import { operations } from './operations.js';
import { decider } from './permission.js';
import { waiting } from './press.js';
import { explain } from './refusal.js';
import { capital, language, t, when } from './text.js';

/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./permission.js').PermissionName} PermissionName */
/** @typedef {import('./messages.js').Explanation} Explanation */
/** @typedef {import('./messages.js').Step} Step */

/**
 * What an action needs: a permission in a channel (0: wherever none is meant), or something else that one lacks or not.
 * @typedef {{channel: number, permission: PermissionName} | {refused: string | false | undefined}} Need
 */

/**
 * What an operation needs, by the protocol's table: its permission where it acts.
 * @param {keyof typeof operations} name @param {number} [channel] The channel that it acts on, or in which somebody is on whom it acts.
 * @returns {Need[]}
 */
export function needed(name, channel = 0) {
  const { permission, on } = operations[name];
  return permission ? [{ channel: on ? channel : 0, permission }] : [];
}

/** What a permission is called. @param {PermissionName} name */
export const permissionName = (name) => t(/** @type {const} */ (`permission${capital(name)}`));

/** What it is for. @param {PermissionName} name */
export const permissionAbout = (name) => t(/** @type {const} */ (`permissionAbout${capital(name)}`));

/** The same, where today needs no date. @param {number} milliseconds */
export function since(milliseconds) {
  const time = new Date(milliseconds);
  if (time.toDateString() !== new Date().toDateString()) return when(milliseconds);
  return time.toLocaleTimeString(language(), { timeStyle: 'short' });
}

/** Where an overwrite holds, as options. @returns {[number, string][]} */
export const reaches = () => [[Reach.both, t('reachBoth')], [Reach.thisChannel, t('reachThis')], [Reach.below, t('reachBelow')]];

/** Where an overwrite holds. @param {number} reach */
const reachName = (reach) => reaches().find(([one]) => one === reach)?.[1] ?? '';

/** A step of a decision, for a person. @param {Step} step @param {PermissionName} permission */
export function stepWords(step, permission) {
  const words = { role: step.role, user: step.user, channel: step.channelPath || t('channelUnseen'), reach: reachName(step.reach) };
  switch (step.kind) {
    case StepKind.grant: return step.untilMs > 0 ? t('stepGrantUntil', { ...words, when: when(step.untilMs) }) : t('stepGrant', words);
    case StepKind.factorLacking: return t('stepFactor', words);
    case StepKind.owner: return t('stepOwner');
    case StepKind.unseen: return t('stepUnseen', words);
    case StepKind.key: return t('stepKey');
    case StepKind.overwrite: {
      const allows = decider({ allowed: true, steps: [step] }, permission) !== undefined;
      if (step.role) return allows ? t('stepAllowRole', words) : t('stepDenyRole', words);
      return allows ? t('stepAllowUser', words) : t('stepDenyUser', words);
    }
    default: return '';
  }
}

/** What decided, in a sentence. @param {Explanation} explanation @param {PermissionName} permission @param {boolean} [own] Whether it is about oneself. */
export function verdict(explanation, permission, own = true) {
  const step = decider(explanation, permission);
  if (!step) return own ? t('noRoleGrants') : t('noRoleGrantsThem');
  const words = { role: step.role, user: step.user, channel: step.channelPath || t('channelUnseen') };
  if (step.kind !== StepKind.overwrite) return stepWords(step, permission);
  if (explanation.allowed) return step.role ? t('allowedByRole', words) : t('allowedByUser', words);
  return step.role ? t('deniedByRole', words) : t('deniedByUser', words);
}

/**
 * Asks why one may not do something. Answers with a sentence.
 * @param {Session} session @param {number} channel @param {PermissionName} permission @returns {Promise<string>}
 */
export async function whyNot(session, channel, permission) {
  const name = permissionName(permission);
  try {
    const explanation = await session.why({ channel, permissions: Permission[permission] });
    const what = channel && explanation.channelPath ? t('mayNotIn', { permission: name, channel: explanation.channelPath }) : t('mayNot', { permission: name });
    return explanation.allowed ? t('mayNow') : `${what} ${verdict(explanation, permission)}`;
  } catch (error) {
    return `${t('mayNot', { permission: name })} ${explain(error)}`;
  }
}

/** What of some needs is lacking. @param {Session} session @param {Need[]} needs */
export function lacking(session, needs) {
  return needs.find((need) => ('permission' in need ? !session.may(need.channel, need.permission) : need.refused));
}

/** Greys a button for who may not, and says in short why. @param {Element} button @param {Session} session @param {Need[]} needs */
export function shade(button, session, needs) {
  const lack = lacking(session, needs);
  const short = lack && ('permission' in lack ? t('mayNot', { permission: permissionName(lack.permission) }) : String(lack.refused));
  mark(button, 'aria-disabled', lack && 'true');
  mark(button, 'aria-description', short && `${short} ${t('askWhy')}`);
  mark(button, 'title', short);
}

/**
 * Makes a button that does something for who may. For who may not it is greyed, stays within reach of the keyboard, and tells
 * the reason when it is pressed.
 * @template {HTMLElement} T
 * @param {T} button @param {Session} session @param {Need[] | (() => Need[])} needs Now, where they are others each time.
 * @param {() => unknown} act Answers with a promise where it takes time.
 * @param {(sentence: string) => void} say
 * @returns {T}
 */
export function guarded(button, session, needs, act, say) {
  const now = () => (typeof needs === 'function' ? needs() : needs);
  shade(button, session, now());
  button.addEventListener('click', async (event) => {
    const lack = lacking(session, now());
    if (!lack) {
      await waiting(button, act());
      return;
    }
    event.preventDefault();
    await waiting(button, 'permission' in lack ? whyNot(session, lack.channel, lack.permission).then(say) : say(String(lack.refused)));
  });
  return button;
}
