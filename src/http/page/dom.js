// Elements, made from values. Text is only ever set as text, so a name or a message can't become anything else.

/** @typedef {Node | string | number | false | undefined | null} Part */

/**
 * Attributes, properties (`.value`) and listeners (`onclick`) of an element.
 * @typedef {Record<string, string | number | boolean | null | undefined | ((event: never) => unknown)>} Attributes
 */

/**
 * An element, and what is in it.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Attributes} [attributes] @param {...(Part | Part[])} parts
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes = {}, ...parts) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false || value === null) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (name.startsWith('.')) Reflect.set(element, name.slice(1), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  fill(element, ...parts);
  return element;
}

/** @param {Element} element @param {...(Part | Part[])} parts */
export function fill(element, ...parts) {
  const nodes = parts.flat().filter((part) => part !== false && part !== undefined && part !== null);
  element.replaceChildren(.../** @type {(Node | string)[]} */ (nodes.map((part) => (part instanceof Node ? part : String(part)))));
}

/** A value as text, to see whether it is another one. @param {unknown} value */
export const print = (value) => JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part));

/**
 * A drawing: paths on a field of 24 by 24.
 * @param {string} path @param {string} [name] For who doesn't see it; none for a decoration.
 */
export function icon(path, name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  if (name) {
    svg.setAttribute('role', 'img');
    svg.setAttribute('aria-label', name);
  } else svg.setAttribute('aria-hidden', 'true');
  const drawn = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  drawn.setAttribute('d', path);
  svg.append(drawn);
  return svg;
}

/** The page's drawings, of our own hand. */
export const ICONS = {
  microphone: 'M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM6 11v1a6 6 0 0 0 12 0v-1M12 18v3M9 21h6',
  muted: 'M9 9v3a3 3 0 0 0 4.5 2.6M15 11V6a3 3 0 0 0-6-.7M6 11v1a6 6 0 0 0 9.5 4.9M18 11v1a6 6 0 0 1-.6 2.6M12 18v3M9 21h6M4 3l16 18',
  headphones: 'M4 15v-2a8 8 0 0 1 16 0v2M4 15a2 2 0 0 1 4 0v3a2 2 0 0 1-4 0zM16 15a2 2 0 0 1 4 0v3a2 2 0 0 1-4 0z',
  deaf: 'M4 15v-2a8 8 0 0 1 1.6-4.8M9 5.6A8 8 0 0 1 20 13v2M4 15a2 2 0 0 1 4 0v3a2 2 0 0 1-4 0zM16 18a2 2 0 0 0 2 2M20 15v2M4 3l16 18',
  account: 'M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4 20c0-3.5 3.6-6 8-6s8 2.5 8 6z',
  settings: 'M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4M4 12h3M11 12h9M9 10v4',
  leave: 'M14 4h4a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2h-4M10 8l-4 4 4 4M6 12h9',
  more: 'M6 12h.01M12 12h.01M18 12h.01',
  send: 'M4 12l16-8-6 16-3-6z',
  link: 'M10 14a4 4 0 0 0 5.7 0l3-3a4 4 0 0 0-5.7-5.7l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3a4 4 0 0 0 5.7 5.7l1-1',
  close: 'M6 6l12 12M18 6L6 18',
  lock: 'M6 11h12v9H6zM8 11V8a4 4 0 0 1 8 0v3',
  clock: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4l3 2',
  record: 'M12 6a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM12 10a2 2 0 1 0 0 4 2 2 0 0 0 0-4z',
  ear: 'M7 16a5 5 0 0 0 5 5c3 0 3-3 5-5s2-4 2-6A7 7 0 0 0 5 10M9 11a3 3 0 1 1 5 2c-1 1-2 1-2 3',
  whisper: 'M4 5h16v11H10l-4 4v-4H4zM8 9h8M8 12h5',
  priority: 'M4 10v4h3l6 4V6L7 10zM16 9a4 4 0 0 1 0 6M18 6a8 8 0 0 1 0 12',
  away: 'M18 15A7 7 0 1 1 9 5a6 6 0 0 0 9 10z',
  shield: 'M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6zM9 12l2 2 4-4',
  people: 'M9 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM3 19c0-3 2.7-5 6-5s6 2 6 5M16 5a3 3 0 0 1 0 6M18 14c2 .6 3 2.4 3 5',
  star: 'M12 4l2.4 5 5.6.8-4 4 1 5.6-5-2.7-5 2.7 1-5.6-4-4 5.6-.8z',
  forbidden: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM6.5 6.5l11 11',
};
