// The second step: can you be heard?

import { isMissing } from './audio.js';
import { h, fill } from './dom.js';
import { arrange, write } from './keep.js';
import { waiting } from './press.js';
import { settings } from './settings.js';
import { t } from './text.js';

/**
 * A bar that shows how loud it is, and the threshold of voice activation.
 * @param {string} name
 */
export function meter(name) {
  const bar = h('div', { class: 'bar' });
  const mark = h('div', { class: 'mark' });
  const element = h('div', { class: 'meter', role: 'meter', 'aria-label': name, 'aria-valuemin': -100, 'aria-valuemax': 0, 'aria-valuenow': -100 }, bar, mark);
  const place = (/** @type {number} */ db) => Math.max(0, Math.min(1, (db + 80) / 80));
  return {
    element,
    /** @param {number} db */
    set(db) {
      bar.style.setProperty('transform', `scaleX(${place(db)})`);
      mark.style.setProperty('left', `${place(settings.threshold) * 100}%`);
      element.setAttribute('aria-valuenow', String(Math.round(db)));
      element.classList.toggle('above', db > settings.threshold);
    },
  };
}

/** What a refused microphone means, for a person. @param {unknown} error */
export function microphoneProblem(error) {
  const { name } = /** @type {Error} */ (error);
  if (name === 'NotAllowedError' || name === 'SecurityError') return t('micRefused');
  if (isMissing(error)) return t('micMissing');
  return t('micBusy');
}

/**
 * @param {import('./session.js').Session} session @param {import('./audio.js').Audio} audio @param {import('./worker.js').VoiceWorker} worker
 * @param {() => void} done
 * @returns {HTMLElement}
 */
export function microphone(session, audio, worker, done) {
  const level = meter(t('level'));
  const hint = h('p', { class: 'lead', role: 'status' });
  const problem = h('p', { class: 'problem', role: 'alert' });
  const controls = h('div', { class: 'column' });
  let echo = false;

  const stop = new AbortController();
  session.on('mouth', ({ level: db }) => {
    level.set(db);
    if (db > settings.threshold) write(hint, t('heardWell'));
  }, stop.signal);

  const leave = () => {
    stop.abort();
    worker.postMessage({ kind: 'gate', gate: { echo: false } });
    done();
  };

  const echoButton = h('button', {
    type: 'button',
    'aria-pressed': 'false',
    onclick: () => {
      echo = !echo;
      worker.postMessage({ kind: 'gate', gate: { echo } });
      echoButton.setAttribute('aria-pressed', String(echo));
      fill(echoButton, echo ? t('stopHearing') : t('hearYourself'));
    },
  }, t('hearYourself'));

  const echoHint = h('p', { class: 'hint' }, t('hearYourselfHint'));
  const goIn = h('button', { type: 'button', class: 'primary', onclick: leave }, t('goIn'));
  /** @type {HTMLButtonElement} */
  const first = h('button', { type: 'button', class: 'primary', onclick: () => waiting(first, allow()) }, t('allow'));
  /** @type {HTMLButtonElement} */
  const listening = h('button', { type: 'button', onclick: () => waiting(listening, audio.start().then(leave, leave)) }, t('goInListening'));

  async function allow() {
    fill(problem);
    try {
      await audio.listen(settings);
      audio.addEventListener('change', () => fill(problem, !audio.stream && t('microphoneGone')), { signal: stop.signal });
      if (settings.loudspeaker) await audio.playOn(settings.loudspeaker).catch(() => {});
      fill(hint, t('speakNow'));
      arrange(controls, [level.element, echoButton, echoHint, goIn]);
      goIn.focus();
    } catch (error) {
      fill(problem, microphoneProblem(error), ' ', t('micWithout'));
      // One that is plugged in now is tried at once.
      if (isMissing(error)) navigator.mediaDevices.addEventListener('devicechange', allow, { once: true, signal: stop.signal });
      write(first, t('tryAgain'));
      arrange(controls, [first, listening]);
      first.focus();
    }
  }

  fill(hint, t('microphoneLead'));
  arrange(controls, [first, listening]);
  queueMicrotask(() => first.focus());
  return h('main', { class: 'card', id: 'microphone' },
    h('p', { class: 'server' }, session.greeting?.name ?? ''),
    h('h1', {}, t('microphone')), hint, problem, controls);
}
