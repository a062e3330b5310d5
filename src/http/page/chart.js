// The quality of the connection: three figures, and the delay of the last minute as a line.

import { h, fill } from './dom.js';
import { t } from './text.js';

/** Points: one each two seconds. */
const POINTS = 30;
const WIDTH = 120;
const HEIGHT = 28;

export class Quality {
  constructor() {
    /** @type {number[]} */
    this.delays = [];
    this.loss = 0;
    this.buffer = 0;
    this.way = '';
    this.figures = h('dl', { class: 'figures' });
    this.drawing = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    this.drawing.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
    this.drawing.setAttribute('role', 'img');
    this.line = document.createElementNS('http://www.w3.org/2000/svg', 'polyline');
    this.drawing.append(this.line);
    this.element = h('section', { class: 'quality', 'aria-label': t('quality') }, this.drawing, this.figures);
    this.draw();
  }

  /** @param {number} delay Milliseconds there and back. */
  point(delay) {
    this.delays.push(delay);
    if (this.delays.length > POINTS) this.delays.shift();
    this.draw();
  }

  draw() {
    const now = this.delays.at(-1) ?? 0;
    const most = Math.max(...this.delays, 1);
    // From 50 ms on the whole height is used; below, a small delay looks small.
    const scale = Math.max(most, 50);
    const step = WIDTH / (POINTS - 1);
    const first = POINTS - this.delays.length;
    this.line.setAttribute('points', this.delays.map((delay, i) => `${((first + i) * step).toFixed(1)},${(HEIGHT - 2 - (delay / scale) * (HEIGHT - 4)).toFixed(1)}`).join(' '));
    const ms = (/** @type {number} */ value) => t('milliseconds', { value: Math.round(value) });
    this.drawing.setAttribute('aria-label', t('chart', { now: ms(now), most: ms(most) }));
    const figure = (/** @type {string} */ name, /** @type {string} */ value) => h('div', {}, h('dt', {}, name), h('dd', {}, value));
    fill(
      this.figures,
      figure(t('delay'), ms(now)),
      figure(t('loss'), t('percent', { value: (this.loss * 100).toFixed(this.loss > 0 && this.loss < 0.1 ? 1 : 0) })),
      figure(t('buffer'), ms(this.buffer)),
    );
    this.element.dataset.health = this.loss > 0.05 || now > 400 ? 'bad' : this.loss > 0.01 || now > 150 ? 'fair' : 'good';
  }
}
