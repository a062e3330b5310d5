// Why one may do something or may not, in words; and what one may not do shown greyed, with the reason on asking.

import { explain } from './entry.js';
import { STEP, decider } from './permission.js';
import { language, t } from './text.js';

/** @typedef {import('./session.js').Session} Session */

/**
 * What an action needs: a permission in a channel (0: wherever none is meant), or something else that one lacks or not.
 * @typedef {{channel: number, bit: number} | {refused: string | false | undefined}} Need
 */

/** What a permission is called. @param {number} bit */
export const permissionName = (bit) => t(/** @type {any} */ (`permission${bit}`));

/** @param {number | bigint} milliseconds */
export const when = (milliseconds) => new Date(Number(milliseconds)).toLocaleString(language(), { dateStyle: 'medium', timeStyle: 'short' });

/** The same, where today needs no date. @param {number} milliseconds */
export function since(milliseconds) {
  const time = new Date(milliseconds);
  if (time.toDateString() !== new Date().toDateString()) return when(milliseconds);
  return time.toLocaleTimeString(language(), { timeStyle: 'short' });
}

/** Where an overwrite holds. @param {number} reach */
export const reachName = (reach) => [t('reachBoth'), t('reachThis'), t('reachBelow')][reach] ?? '';

/** A step of a decision, for a person. @param {any} step @param {number} bit */
export function stepWords(step, bit) {
  const words = { role: step.role, user: step.user, channel: step.channelPath, reach: reachName(step.reach) };
  switch (step.kind) {
    case STEP.grant: return Number(step.untilMs) > 0 ? t('stepGrantUntil', { ...words, when: when(step.untilMs) }) : t('stepGrant', words);
    case STEP.factorLacking: return t('stepFactor', words);
    case STEP.owner: return t('stepOwner');
    case STEP.unseen: return t('stepUnseen', words);
    case STEP.key: return t('stepKey');
    case STEP.overwrite: {
      const allows = decider({ allowed: true, steps: [step] }, bit) !== undefined;
      if (step.role) return allows ? t('stepAllowRole', words) : t('stepDenyRole', words);
      return allows ? t('stepAllowUser', words) : t('stepDenyUser', words);
    }
    default: return '';
  }
}

/** What decided, in a sentence. @param {any} explanation @param {number} bit @param {boolean} [own] Whether it is about oneself. */
export function verdict(explanation, bit, own = true) {
  const step = decider(explanation, bit);
  if (!step) return own ? t('noRoleGrants') : t('noRoleGrantsThem');
  const words = { role: step.role, user: step.user, channel: step.channelPath };
  if (step.kind !== STEP.overwrite) return stepWords(step, bit);
  if (explanation.allowed) return step.role ? t('allowedByRole', words) : t('allowedByUser', words);
  return step.role ? t('deniedByRole', words) : t('deniedByUser', words);
}

/**
 * Asks why one may not do something. Answers with a sentence.
 * @param {Session} session @param {number} channel @param {number} bit @returns {Promise<string>}
 */
export async function whyNot(session, channel, bit) {
  try {
    const { explanation } = await session.request('why', { channel, permissions: 2 ** bit });
    const what = channel && explanation.channelPath
      ? t('mayNotIn', { permission: permissionName(bit), channel: explanation.channelPath }) : t('mayNot', { permission: permissionName(bit) });
    return explanation.allowed ? t('mayNow') : `${what} ${verdict(explanation, bit)}`;
  } catch (error) {
    return `${t('mayNot', { permission: permissionName(bit) })} ${explain(error)}`;
  }
}

/** What of some needs is lacking. @param {Session} session @param {Need[]} needs */
export function lacking(session, needs) {
  return needs.find((need) => ('bit' in need ? !session.may(need.channel, need.bit) : need.refused));
}

/**
 * Makes a button that does something for who may. For who may not it is greyed, stays within reach of the keyboard, and tells
 * the reason when it is pressed.
 * @template {HTMLElement} T
 * @param {T} button @param {Session} session @param {Need[]} needs @param {() => void} act @param {(sentence: string) => void} say
 * @returns {T}
 */
export function guarded(button, session, needs, act, say) {
  const shown = lacking(session, needs);
  if (shown) {
    button.setAttribute('aria-disabled', 'true');
    const short = 'bit' in shown ? t('mayNot', { permission: permissionName(shown.bit) }) : String(shown.refused);
    button.setAttribute('aria-description', `${short} ${t('askWhy')}`);
    button.title = short;
  }
  button.addEventListener('click', async (event) => {
    const lack = lacking(session, needs);
    if (!lack) {
      act();
      return;
    }
    event.preventDefault();
    if ('bit' in lack) say(await whyNot(session, lack.channel, lack.bit));
    else say(String(lack.refused));
  });
  return button;
}
