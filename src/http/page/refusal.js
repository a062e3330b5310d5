// What went wrong, and why a session ended: as values, and in words for a person.

import { CloseCode, ErrorCode } from './codes.js';
import { refusal, t } from './text.js';
import { wordsOf } from './words.js';

/** What the server refused; or, with code 0, that it can't be reached. */
export class Refusal extends Error {
  /** @param {Partial<import('./messages.js').Error>} error */
  constructor({ code = 0, message = 'unreachable', retryAfterMs = 0 } = {}) {
    super(message);
    this.code = code;
    this.retryAfter = retryAfterMs;
  }
}

/** Whether something that failed is a refusal for one reason. @param {unknown} error @param {number} code @returns {error is Refusal} */
export const isRefusal = (error, code) => error instanceof Refusal && error.code === code;

/** What went wrong, for a person. @param {unknown} error @returns {string} */
export function explain(error) {
  if (!(error instanceof Refusal)) return t('failed', { reason: wordsOf(error) });
  if (error.code === 0) return t('unreachable');
  const wait = error.retryAfter > 0 ? ` ${t('retryIn', { seconds: Math.ceil(error.retryAfter / 1000) })}` : '';
  const known = refusal(error.code);
  if (known) return known + (error.code === ErrorCode.tooManyAttempts ? wait : '');
  // What it says is in English; better than nothing.
  return `${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}.`;
}

/**
 * Why a session ended, and the reason that a person gave; a code of its own when who comes back is banned.
 * @typedef {{code: number | undefined, reason: string, banned?: boolean}} End
 */

/** Why a session ended, for a person. @param {End | undefined} end */
export function ending(end) {
  if (end?.banned) return explain(new Refusal({ code: ErrorCode.banned, message: end.reason }));
  switch (end?.code) {
    case CloseCode.replaced: return t('endedReplaced');
    case CloseCode.disabled: return t('endedDisabled');
    case CloseCode.noSuchOrganization: return t('errorNoSuchOrganization');
    case CloseCode.organizationDeleted: return t('endedOrganization');
    case CloseCode.kicked: return end.reason ? t('endedKickedFor') : t('endedKicked');
    case CloseCode.versionRefused: return t('endedVersion');
    case CloseCode.loggedOut: return t('endedLoggedOut');
    default: return t('endedGuest');
  }
}
