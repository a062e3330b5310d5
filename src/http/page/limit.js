// How much may be typed: attributes of an input that takes no more than the server does.

/** @typedef {import('./dom.js').Attributes} Attributes */

const encoder = new TextEncoder();

/** @param {number} most What it could be in the units of a browser. @param {(text: string) => string} cut @returns {Attributes} */
const upTo = (most, cut) => ({
  maxlength: most,
  oninput: (/** @type {Event} */ { target }) => {
    const input = /** @type {HTMLInputElement | HTMLTextAreaElement} */ (target);
    const fits = cut(input.value);
    if (fits !== input.value) input.value = fits;
  },
});

/** Text of so many bytes at most. @param {number} most */
export const bytes = (most) => upTo(most, (text) => text.slice(0, encoder.encodeInto(text, new Uint8Array(most)).read));

/** Text of so many characters at most, of which a browser counts some as two. @param {number} most */
export const characters = (most) => upTo(2 * most, (text) => (text.length > most ? [...text].slice(0, most).join('') : text));
