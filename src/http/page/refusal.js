// What went wrong, and why a session ended: as values, and in words for a person.

import { CloseCode, ErrorCode } from './codes.js';
import { refusal, t, when } from './text.js';
import { wordsOf } from './words.js';

/** What the server refused; or, with code 0, that it can't be reached. */
export class Refusal extends Error {
  /** @param {Partial<import('./messages.js').Error>} error */
  constructor({ code = 0, message = 'unreachable', retryAfterMs = 0, reason = '', untilMs = 0 } = {}) {
    super(message);
    this.code = code;
    this.retryAfter = retryAfterMs;
    /** Of whoever keeps one out, and until when; 0 for good. */
    this.reason = reason;
    this.until = untilMs;
  }
}

/** What went wrong, said for a person already. */
export class Problem extends Error {}

/** Whether something that failed is a refusal for one reason. @param {unknown} error @param {number} code @returns {error is Refusal} */
export const isRefusal = (error, code) => error instanceof Refusal && error.code === code;

/** What went wrong, for a person. @param {unknown} error @returns {string} */
export function explain(error) {
  if (error instanceof Problem) return error.message;
  if (!(error instanceof Refusal)) return t('failed', { reason: wordsOf(error) });
  if (error.code === 0) return t('unreachable');
  if (error.code === ErrorCode.banned) return keptOut(error.reason, error.until);
  const wait = error.retryAfter > 0 ? ` ${t('retryIn', { seconds: Math.ceil(error.retryAfter / 1000) })}` : '';
  const known = refusal(error.code);
  if (known) return known + (error.code === ErrorCode.tooManyAttempts ? wait : '');
  // What it says is in English; better than nothing.
  return `${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}.`;
}

/** That one is banned: until when, and why. @param {string} reason @param {number} until 0 for good. */
function keptOut(reason, until) {
  const words = until > 0 ? t('bannedUntil', { when: when(until) }) : t('bannedForGood');
  return reason ? `${words} ${t('bannedFor', { reason })}` : words;
}

/**
 * Why a session ended, the reason that a person gave, and until when one is kept out; or what coming back was refused with.
 * @typedef {{code: number | undefined, reason: string, until?: number, refusal?: Refusal}} End
 */

/** Why a session ended, for a person. @param {End | undefined} end */
export function ending(end) {
  if (end?.refusal) return explain(end.refusal);
  switch (end?.code) {
    case CloseCode.banned: return keptOut(end.reason, end.until ?? 0);
    case CloseCode.replaced: return t('endedReplaced');
    case CloseCode.disabled: return t('endedDisabled');
    case CloseCode.accountDeleted: return t('endedDeleted');
    case CloseCode.noSuchOrganization: return t('errorNoSuchOrganization');
    case CloseCode.organizationDeleted: return t('endedOrganization');
    case CloseCode.kicked: return end.reason ? t('endedKickedFor') : t('endedKicked');
    case CloseCode.versionRefused: return t('endedVersion');
    case CloseCode.loggedOut: return t('endedLoggedOut');
    default: return t('endedLost');
  }
}
