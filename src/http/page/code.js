// A text of many lines with their numbers beside it, at which is marked where something is wrong.

import { unique } from './dialog.js';
import { fill, h } from './dom.js';
import { t } from './text.js';

/** @typedef {import('./messages.js').FlowProblem} FlowProblem */

/** Where a place of the server's is in a text. @param {string} text @param {FlowProblem} problem */
function place(text, { line, column }) {
  const lines = text.split('\n');
  const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const own = lines[line - 1] ?? '';
  // The server counts characters, of which a browser counts some as two.
  const from = before + [...own].slice(0, column - 1).join('').length;
  return { from, to: Math.max(from, before + own.trimEnd().length), share: (line - 1) / Math.max(1, lines.length) };
}

/** A flow's source, to be written, and what is wrong with it. */
export class Code {
  /** @param {string} name @param {string} source */
  constructor(name, source) {
    const id = unique('code');
    const list = unique('problems');
    this.problems = h('ol', { class: 'problems', id: list });
    this.numbers = h('div', { class: 'numbers', 'aria-hidden': 'true' });
    this.input = h('textarea', {
      id, rows: 18, wrap: 'off', spellcheck: 'false', autocomplete: 'off', autocapitalize: 'off', 'aria-describedby': list, '.value': source,
      oninput: () => this.number(), onscroll: () => { this.numbers.scrollTop = this.input.scrollTop; },
    });
    this.lines = 0;
    /** @type {FlowProblem[]} */
    this.found = [];
    this.element = h('div', { class: 'field' }, h('label', { for: id }, name), h('div', { class: 'code' }, this.numbers, this.input), this.problems);
    this.number();
  }

  get source() {
    return this.input.value;
  }

  /** Numbers the lines, where there are more or fewer. */
  number() {
    const lines = this.input.value.split('\n').length;
    if (lines === this.lines) return;
    this.lines = lines;
    this.mark();
  }

  mark() {
    const wrong = new Set(this.found.map(({ line }) => line));
    fill(this.numbers, Array.from({ length: this.lines }, (_, i) => h('div', { class: wrong.has(i + 1) ? 'wrong' : undefined }, i + 1)));
    this.numbers.scrollTop = this.input.scrollTop;
  }

  /** Shows what is wrong: a way to each place, and at its line a mark. @param {FlowProblem[]} problems */
  tell(problems) {
    this.found = problems;
    this.input.setAttribute('aria-invalid', String(problems.length > 0));
    fill(this.problems, problems.map((problem) => h('li', {},
      h('button', { type: 'button', class: 'link', onclick: () => this.go(problem) }, t('problemAt', { line: problem.line, column: problem.column })), ' ',
      problem.key !== '' && h('code', {}, problem.key), problem.key !== '' && ' ', problem.message)));
    this.mark();
  }

  /** Shows the place, with what stands there chosen. @param {FlowProblem} problem */
  go(problem) {
    const { from, to, share } = place(this.input.value, problem);
    this.input.focus();
    this.input.setSelectionRange(from, to);
    this.input.scrollTop = Math.max(0, share * this.input.scrollHeight - this.input.clientHeight / 3);
  }
}
