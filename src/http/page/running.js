// How runs of flows and their steps are called, how long they took, and what they were given, for people.

import { FlowRunState, FlowStepState } from './codes.js';
import { h } from './dom.js';
import { language, t } from './text.js';

/** @typedef {import('./messages.js').FlowRun} FlowRun */
/** @typedef {import('./messages.js').FlowStep} FlowStep */

/** The states of a run by which a list of them is narrowed, as the server knows them, each with its name. */
export const STATES = () => /** @type {[string, string][]} */ ([
  ['', t('runAnyState')], ['queued', t('runQueued')], ['in-progress', t('runInProgress')], ['completed', t('runCompleted')],
  ['failed', t('runFailed')], ['rolled-back', t('runRolledBack')], ['cancelled', t('runCancelled')],
]);

/** How far a run is. @param {number} state */
export const runState = (state) => ({
  [FlowRunState.queued]: t('runQueued'), [FlowRunState.inProgress]: t('runInProgress'), [FlowRunState.rollingBack]: t('runRollingBack'),
  [FlowRunState.completed]: t('runCompleted'), [FlowRunState.failed]: t('runFailed'), [FlowRunState.rolledBack]: t('runRolledBack'),
  [FlowRunState.cancelled]: t('runCancelled'),
})[state] ?? '';

/** Whether a run hasn't ended. @param {number} state */
export const goesOn = (state) => state === FlowRunState.queued || state === FlowRunState.inProgress || state === FlowRunState.rollingBack;

/** How far a step is. @param {FlowStep} step */
export const stepState = ({ state, undoes }) => ({
  [FlowStepState.begun]: undoes > 0 ? t('stepUndoing') : t('stepBegun'), [FlowStepState.done]: undoes > 0 ? t('stepUndone') : t('stepDone'),
  [FlowStepState.skipped]: t('stepSkipped'), [FlowStepState.failed]: t('stepFailed'),
})[state] ?? '';

/** A length of time in its largest unit. @param {number} milliseconds */
export function lasted(milliseconds) {
  const [unit, size] = milliseconds < 1000 ? ['millisecond', 1] : milliseconds < 120_000 ? ['second', 1000] : milliseconds < 7_200_000 ? ['minute', 60_000] : ['hour', 3_600_000];
  return new Intl.NumberFormat(language(), { style: 'unit', unit: String(unit), unitDisplay: 'short', maximumFractionDigits: 1 }).format(milliseconds / Number(size));
}

/** How long something took that has ended; nothing before. @param {{beganMs: number, endedMs: number}} times */
export const took = ({ beganMs, endedMs }) => (beganMs > 0 && endedMs > 0 ? t('tookTime', { time: lasted(endedMs - beganMs) }) : '');

/** JSON as it is read easily; what is none, as it is. @param {string} text */
function laidOut(text) {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    return text;
  }
}

/** A text of a run's with its name; nothing where there is none. @param {string} name @param {string} text @returns {HTMLElement[]} */
export const kept = (name, text) => (text === '' || text === 'null' ? []
  : [h('figure', { class: 'kept' }, h('figcaption', {}, name), h('pre', { tabindex: 0 }, laidOut(text)))]);
