// Buttons that are drawn again and again: each is one element, which shows at once that it was pressed.

import { h } from './dom.js';
import { Rows, mark, write } from './keep.js';
import { guarded, shade } from './reason.js';

/** @typedef {import('./reason.js').Need} Need */
/** @typedef {import('./session.js').Session} Session */

/**
 * What a button is now.
 * @typedef {object} Said
 * @property {string} name
 * @property {string} [drawing] One of `ICONS`.
 * @property {Need[]} needs
 * @property {(on: boolean) => unknown} act Told whether it is to be on. Answers with `false`, or a promise of it, where nothing came of it.
 * @property {boolean} [pressed] Of what is turned on and off.
 * @property {string} [label] For whoever doesn't see it, where its name isn't enough.
 */

/** A drawing whose paths can become another's. */
function drawn() {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  svg.append(path);
  return { svg, path };
}

/** A button with a drawing and a name. */
export class Face {
  /** @param {HTMLButtonElement} button */
  constructor(button) {
    const { svg, path } = drawn();
    this.button = button;
    this.svg = svg;
    this.path = path;
    this.words = h('span');
    button.append(svg, this.words);
  }

  /** @param {string} name @param {string} [drawing] @param {boolean} [pressed] */
  draw(name, drawing, pressed) {
    if (drawing) mark(this.path, 'd', drawing);
    this.svg.toggleAttribute('hidden', !drawing);
    write(this.words, name);
    mark(this.button, 'aria-pressed', pressed === undefined ? undefined : String(pressed));
  }
}

/** A button that is greyed for whoever may not, and looks pressed as soon as it is. */
export class Action {
  /** @param {Session} session @param {(sentence: string) => void} say @param {import('./dom.js').Attributes} [attributes] */
  constructor(session, say, attributes = {}) {
    this.session = session;
    this.element = h('button', { type: 'button', ...attributes });
    this.face = new Face(this.element);
    /** @type {Said} */
    this.said = { name: '', needs: [], act: () => {} };
    /** What it was turned to by presses that aren't done yet, and how many there are. @type {boolean | undefined} */
    this.wanted = undefined;
    this.under = 0;
    /** @type {Promise<unknown>} */
    this.turn = Promise.resolve();
    guarded(this.element, session, () => this.said.needs, () => this.press(), say);
  }

  /** @param {Said} said */
  draw(said) {
    this.said = said;
    this.face.draw(said.name, said.drawing, said.pressed === undefined ? undefined : this.wanted ?? said.pressed);
    mark(this.element, 'aria-label', said.label);
    shade(this.element, this.session, said.needs);
  }

  /** Does it, after what was pressed before. It looks done from now on, and no longer where nothing came of it. */
  async press() {
    const { said } = this;
    const on = !(this.wanted ?? said.pressed);
    if (said.pressed !== undefined) {
      this.wanted = on;
      this.draw(said);
    }
    this.under += 1;
    const doing = this.under > 1 ? this.turn.then(() => said.act(on)) : said.act(on);
    this.turn = Promise.resolve(doing).catch(() => {});
    let done = false;
    try {
      done = (await doing) !== false;
    } finally {
      this.under -= 1;
      if (this.under === 0) this.wanted = undefined;
      // What is done is drawn when the server tells of it, which may be a moment later.
      if (!done) this.draw(this.said);
    }
  }
}

/** One button. @param {Session} session @param {(sentence: string) => void} say @param {Said} said @param {import('./dom.js').Attributes} [attributes] */
export function action(session, say, said, attributes) {
  const made = new Action(session, say, attributes);
  made.draw(said);
  return made.element;
}

/** Buttons by their keys. @param {Session} session @param {(sentence: string) => void} say */
export function actions(session, say) {
  const rows = new Rows((/** @type {string} */ key) => new Action(session, say, { 'data-key': key }));
  /** @param {(false | (Said & {key: string}))[]} said */
  return (said) => rows.draw(said.flatMap((one) => (one ? [/** @type {[string, Said]} */ ([one.key, one])] : [])));
}
