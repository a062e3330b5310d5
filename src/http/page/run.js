// One run of a flow, as it goes: how far it is, and what each step was given, answered and took.

import { FlowRunState } from './codes.js';
import { Dialog } from './dialog.js';
import { fill, h } from './dom.js';
import { facts } from './grants.js';
import { Rows, arrange, refresh, write } from './keep.js';
import { explain } from './refusal.js';
import { goesOn, kept, runState, stepState, took } from './running.js';
import { t, when } from './text.js';

/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./messages.js').FlowRun} FlowRun */
/** @typedef {import('./messages.js').FlowStep} FlowStep */

/** Milliseconds until it is looked again how far it is. */
const LOOK = 500;

/** What a step was, in its line. @param {FlowStep} step */
function stepTitle(step) {
  const name = step.index === undefined ? step.name : t('stepItem', { step: step.name, number: step.index + 1 });
  return [step.undoes > 0 ? t('stepUndoes', { step: name }) : name, stepState(step), took(step)].filter(Boolean).join(' · ');
}

/** @param {Session} session @param {number} number @param {string} flow Whose it is; one's own number without. @param {() => void} [closed] */
export async function run(session, number, flow, closed = () => {}) {
  const dialog = new Dialog(t('runOf', { run: number }), 'wide');
  const state = h('p', { role: 'status' });
  const bar = h('progress', { max: 100, 'aria-label': t('runHowFar') });
  const about = h('div', { class: 'hint' });
  const given = h('div', { class: 'column' });
  const steps = h('ol', { class: 'run-steps' });
  const none = h('li', { class: 'hint' }, t('stepsNone'));
  const rows = new Rows((/** @type {string} */ key) => {
    const title = h('summary');
    const more = h('div', { class: 'folded' });
    const error = h('p', { class: 'step-error' });
    return {
      element: h('li', { 'data-key': key }, h('details', {}, title, more), error),
      draw: (/** @type {FlowStep} */ step) => {
        write(title, stepTitle(step));
        write(error, step.error);
        error.hidden = step.error === '';
        refresh(more, facts([when(step.beganMs), step.attempts > 1 && t('stepTries', { count: step.attempts }), step.untilMs > 0 && t('stepWaits', { when: when(step.untilMs) })]),
          kept(t('stepInput'), step.input), kept(t('stepOutput'), step.output));
      },
    };
  });
  const draw = (/** @type {FlowRun} */ now) => {
    const on = goesOn(now.state);
    const result = [t('runStateOf', { flow: now.flow || '?', state: runState(now.state) }), took(now), now.error].filter(Boolean).join(' · ');
    write(state, result);
    bar.value = now.progress;
    bar.hidden = !on;
    refresh(about, facts([
      [t('runBegunBy', { trigger: now.trigger }), t('runVersion', { version: now.version }), now.depth > 1 && t('runDepth', { depth: now.depth }), now.again > 0 && t('runAgainOf', { run: now.again })]
        .filter(Boolean).join(' · '),
      [t('runQueuedAt', { when: when(now.queuedMs) }), now.beganMs > 0 && t('runBeganAt', { when: when(now.beganMs) }), now.endedMs > 0 && t('runEndedAt', { when: when(now.endedMs) })]
        .filter(Boolean).join(' · '),
    ]));
    refresh(given, kept(t('runEvent'), now.event), kept(t('runInput'), now.input === '{}' ? '' : now.input));
    arrange(steps, [now.steps.length === 0 && none, ...rows.draw(now.steps.map((step) => [`${step.number}`, step]))]);
    // What the server does for itself is read, and nothing else.
    actions.hidden = flow.startsWith('server.');
    cancel.hidden = !on;
    back.hidden = now.state === FlowRunState.rollingBack || now.state === FlowRunState.rolledBack;
    again.hidden = on;
  };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let looks;
  const { signal } = dialog.stop;
  /** Shows how far it is, until it has ended. */
  const follow = async () => {
    clearTimeout(looks);
    const now = await session.request('showRun', { run: number, flow });
    draw(now);
    if (goesOn(now.state) && !signal.aborted) looks = setTimeout(later, LOOK);
  };
  const later = async () => {
    try {
      await follow();
    } catch (error) {
      fill(dialog.problem, explain(error));
      // A connection that is gone comes back.
      if (!signal.aborted) looks = setTimeout(later, 4 * LOOK);
    }
  };
  const cancel = dialog.button(t('runCancel'), async () => {
    await session.request('cancelRun', { run: number });
    await follow();
    return t('runCancelAsked');
  });
  const back = dialog.button(t('runRollBack'), async () => {
    await session.request('rollBackRun', { run: number });
    await follow();
    return t('runRollBackAsked');
  });
  const again = dialog.button(t('runAgain'), async () => {
    const { id } = await session.request('runAgain', { run: number });
    dialog.close();
    await run(session, id, '', closed);
  });
  dialog.element.addEventListener('close', () => {
    clearTimeout(looks);
    closed();
  });
  const actions = h('div', { class: 'actions' }, cancel, back, again);
  dialog.show(h('div', { class: 'run-state' }, state, bar), about, actions, given, h('h3', {}, t('steps')), steps);
  await dialog.act(follow);
}
