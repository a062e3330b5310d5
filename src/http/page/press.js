// That something was pressed, shown at once.

import { mark } from './keep.js';

/**
 * Shows that a button was pressed, until what it does is done.
 * @template T
 * @param {Element} button @param {T | Promise<T>} doing
 */
export async function waiting(button, doing) {
  if (!(doing instanceof Promise)) return doing;
  mark(button, 'aria-busy', 'true');
  try {
    return await doing;
  } finally {
    button.removeAttribute('aria-busy');
  }
}
