// The page's language: what was chosen, else what the browser prefers, else English.

import { ErrorCode } from './codes.js';
import { text as de } from './text.de.js';
import { text as en } from './text.en.js';
import { settings } from './settings.js';

/** @type {Record<string, typeof en>} */
export const LANGUAGES = { en, de };

/** The language in use. */
export function language() {
  const wanted = [settings.language, ...navigator.languages.map((one) => one.slice(0, 2))];
  return wanted.find((one) => one in LANGUAGES) ?? 'en';
}

/** @template {string} T @param {T} word @returns {Capitalize<T>} */
export const capital = (word) => /** @type {Capitalize<T>} */ (word.charAt(0).toUpperCase() + word.slice(1));

/**
 * What an error code of the server means; nothing for one that has no sentence of its own here.
 * @param {number} code @returns {string | undefined}
 */
export function refusal(code) {
  const name = Object.keys(ErrorCode).find((one) => ErrorCode[/** @type {keyof typeof ErrorCode} */ (one)] === code);
  /** @type {Record<string, string>} */
  const sentences = LANGUAGES[language()];
  return name && sentences[`error${capital(name)}`];
}

/**
 * A sentence, with words put in.
 * @param {keyof typeof en} key @param {Record<string, string | number>} [words]
 */
export function t(key, words = {}) {
  return LANGUAGES[language()][key].replace(/\{(\w+)\}/g, (_, word) => String(words[word] ?? ''));
}

/** A time, for people. @param {number} milliseconds */
export const when = (milliseconds) => new Date(milliseconds).toLocaleString(language(), { dateStyle: 'medium', timeStyle: 'short' });
