// What the dialogs have in common: a title, what went wrong, what was done, and a way out.

import { fill, h } from './dom.js';
import { waiting } from './press.js';
import { explain } from './refusal.js';
import { language, t } from './text.js';

const HOUR = 3_600_000;

/** @typedef {import('./dom.js').Attributes} Attributes */
/** @typedef {import('./dom.js').Part} Part */

/** How long something holds, in milliseconds. */
const LIVES = [0, HOUR, 24 * HOUR, 7 * 24 * HOUR, 30 * 24 * HOUR];

let made = 0;

/** A name for an element that labels another. @param {string} word */
export function unique(word) {
  made += 1;
  return `${word}-${made}`;
}

export class Dialog {
  /** @param {string} title @param {string} [kind] */
  constructor(title, kind = '') {
    const id = unique('dialog');
    this.problem = h('p', { class: 'problem', role: 'alert' });
    this.notice = h('p', { class: 'notice', role: 'status' });
    this.body = h('div', { class: 'dialog-body' });
    this.title = h('h2', { id }, title);
    this.stop = new AbortController();
    this.element = h('dialog', { 'aria-labelledby': id, class: kind || undefined },
      this.title, this.problem, this.notice, this.body,
      h('form', { method: 'dialog' }, h('button', { class: 'primary' }, t('close'))));
    this.element.addEventListener('close', () => {
      this.stop.abort();
      this.element.remove();
    });
  }

  /** @param {...(Part | Part[])} parts */
  show(...parts) {
    fill(this.body, ...parts);
    document.body.append(this.element);
    this.element.showModal();
    return this;
  }

  close() {
    this.element.close();
  }

  /** @param {string} sentence */
  say(sentence) {
    fill(this.problem);
    fill(this.notice, sentence);
    this.notice.scrollIntoView({ block: 'nearest' });
  }

  /** Does something, and says what came of it. Answers whether it was done. @param {() => Promise<string | void>} work */
  async act(work) {
    fill(this.problem);
    fill(this.notice);
    try {
      const sentence = await work();
      if (sentence) this.say(sentence);
      return true;
    } catch (error) {
      fill(this.problem, explain(error));
      this.problem.scrollIntoView({ block: 'nearest' });
      return false;
    }
  }

  /** @param {string} name @param {() => Promise<string | void>} work @param {Attributes} [attributes] */
  button(name, work, attributes = {}) {
    /** @type {HTMLButtonElement} */
    const button = h('button', { type: 'button', onclick: () => waiting(button, this.act(work)), ...attributes }, name);
    return button;
  }

  /** When something is different, while it is open. @param {import('./session.js').Session} session @param {() => void} act */
  follow(session, act) {
    session.on('change', act, this.stop.signal);
  }
}

/** An input below its name. @param {string} name @param {Attributes} [attributes] */
export function field(name, attributes = {}) {
  const id = String(attributes.id ?? unique('field'));
  const input = h('input', { ...attributes, id });
  return { input, element: h('div', { class: 'field' }, h('label', { for: id }, name), input) };
}

/** Several lines below their name. @param {string} name @param {Attributes} [attributes] */
export function area(name, attributes = {}) {
  const id = String(attributes.id ?? unique('field'));
  const input = h('textarea', { rows: 3, ...attributes, id });
  return { input, element: h('div', { class: 'field' }, h('label', { for: id }, name), input) };
}

/**
 * A choice below its name.
 * @param {string} name @param {[string | number, string][]} options @param {string | number} [chosen] @param {Attributes} [attributes]
 */
export function choice(name, options, chosen, attributes = {}) {
  const id = String(attributes.id ?? unique('field'));
  const select = h('select', { ...attributes, id },
    options.map(([value, label]) => h('option', { value, selected: String(value) === String(chosen) }, label)));
  return { select, element: h('div', { class: 'field' }, h('label', { for: id }, name), select) };
}

/** How long something holds, as a choice. */
export function lifeChoice() {
  const names = LIVES.map((life) => {
    if (life === 0) return t('forGood');
    const [value, unit] = life < 24 * HOUR ? [life / HOUR, 'hour'] : [life / (24 * HOUR), 'day'];
    return new Intl.NumberFormat(language(), { style: 'unit', unit, unitDisplay: 'long' }).format(value);
  });
  return choice(t('howLong'), LIVES.map((life, i) => [life, names[i]]), 0);
}

/** Something that is opened where it stands. @param {string} name @param {...Part} parts */
export function folded(name, ...parts) {
  return h('details', {}, h('summary', {}, name), h('div', { class: 'folded' }, ...parts));
}

/** Channels by their paths, as options. @param {import('./session.js').Session} session @param {(channel: import('./messages.js').Channel) => boolean} [wanted] @returns {[number, string][]} */
export function channelOptions(session, wanted = () => true) {
  return [...session.channels.values()].filter(wanted)
    .map((channel) => /** @type {[number, string]} */ ([channel.id, session.path(channel.id)])).sort(([, a], [, b]) => a.localeCompare(b));
}
