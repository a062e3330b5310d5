// Elements that outlive a redraw. Whatever can be pressed, typed into, scrolled or opened is made once and brought up to date where
// it stands: a browser drops the click when what was pressed is gone before the button of the mouse is let go of, and with an
// element go its focus, its selection and its place.

import { fill, h } from './dom.js';

/** Sets an element's text, where it is another one. @param {Element} element @param {string} text */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets an attribute, or takes it away, where it is another one. @param {Element} element @param {string} name @param {string | number | boolean | null | undefined} value */
export function mark(element, name, value) {
  if (value === undefined || value === false || value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value === true ? '' : value)) element.setAttribute(name, value === true ? '' : String(value));
}

/** Puts a node before another one. @param {Element} parent @param {Node} node @param {Node | null} before */
function put(parent, node, before) {
  // A move leaves focus and scroll position alone, where the browser knows one.
  if (parent.moveBefore && node.isConnected && parent.isConnected) parent.moveBefore(node, before);
  else parent.insertBefore(node, before);
}

/** Puts nodes in their order, and touches none that is in its place. @param {Element} parent @param {Node[]} wanted */
export function place(parent, wanted) {
  const stays = new Set(wanted);
  /** @param {Node | null} node */
  const next = (node) => {
    let at = node;
    while (at && !stays.has(at)) at = at.nextSibling;
    return at;
  };
  let at = next(parent.firstChild);
  for (const node of wanted) {
    const after = at && next(at.nextSibling);
    if (node === at) at = after;
    // What stands at this place goes further down: it is taken along when its turn comes.
    else if (node === after) at = next(node.nextSibling);
    else put(parent, node, at);
  }
}

/** Takes away what isn't wanted. @param {Element} parent @param {Node[]} wanted */
export function prune(parent, wanted) {
  const stays = new Set(wanted);
  for (const child of [...parent.childNodes]) if (!stays.has(child)) child.remove();
}

/** Does something to the document, after which the focus is where it was. @param {() => void} change */
export function keepingFocus(change) {
  const focused = document.activeElement;
  change();
  if (focused instanceof HTMLElement && focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}

/** What an element holds, in order. What it holds already stays as it is. @param {Element} parent @param {(Node | false | undefined | null)[]} wanted */
export function arrange(parent, wanted) {
  const nodes = wanted.filter((node) => node instanceof Node);
  keepingFocus(() => {
    prune(parent, nodes);
    place(parent, nodes);
  });
}

/** Draws anew what nobody can press, where it is different. @param {Element} element @param {...(import('./dom.js').Part | import('./dom.js').Part[])} parts */
export function refresh(element, ...parts) {
  const fresh = h('div', {}, ...parts);
  const kept = [...element.childNodes];
  const nodes = [...fresh.childNodes];
  if (kept.length === nodes.length && kept.every((node, i) => node.isEqualNode(nodes[i]))) return;
  fill(element, ...nodes);
}

/**
 * Something that is drawn again and again, with one element for as long as it is there.
 * @template V @typedef {{element: Element, draw(value: V): void}} Row
 */

/**
 * The rows of a list, each of which keeps its element while its key is in the list.
 * @template K
 * @template V
 * @template {Row<V>} [R=Row<V>]
 */
export class Rows {
  /** @param {(key: K) => R} make */
  constructor(make) {
    this.make = make;
    /** @type {Map<K, R>} */
    this.rows = new Map();
  }

  /** Brings every row up to date, and forgets the others. Answers with their elements in order. @param {[K, V][]} entries @returns {Element[]} */
  draw(entries) {
    const before = this.rows;
    this.rows = new Map();
    return entries.map(([key, value]) => {
      const row = before.get(key) ?? this.make(key);
      this.rows.set(key, row);
      row.draw(value);
      return row.element;
    });
  }
}

/** What there is to choose: an open list of choices stays open, and what is chosen stays chosen. @param {HTMLSelectElement} select @param {[string | number, string][]} options */
export function offer(select, options) {
  const known = new Map([...select.options].map((option) => [option.value, option]));
  arrange(select, options.map(([value, label]) => {
    const option = known.get(String(value)) ?? h('option', { value });
    write(option, label);
    return option;
  }));
}
