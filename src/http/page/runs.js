// What ran: the runs of one's flows, the latest first, and which of them go on.

import { Dialog, choice, field } from './dialog.js';
import { h } from './dom.js';
import { facts } from './grants.js';
import { Rows, arrange, mark, refresh, write } from './keep.js';
import { run as one } from './run.js';
import { STATES, goesOn, runState, took } from './running.js';
import { t, when } from './text.js';

/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./messages.js').FlowRun} FlowRun */

/** Runs that are asked for at once. */
const MANY = 50;

/** Milliseconds until it is looked again, while one of them goes on. */
const LOOK = 2000;

/** @param {Session} session @param {string} flow Only its runs; all without one. */
export async function runs(session, flow) {
  const dialog = new Dialog(flow ? t('runsOf', { flow }) : t('runs'), 'wide');
  const list = h('ul', { class: 'devices hooks' });
  const nothing = h('li', { class: 'hint' }, t('runsNone'));
  const query = field(t('runsSearch'), { type: 'search', autocomplete: 'off', maxlength: 200, onchange: () => again() });
  const state = choice(t('runsState'), STATES(), '', { onchange: () => again() });
  /** How many are shown. */
  let count = MANY;
  const rows = new Rows((/** @type {number} */ number) => {
    const title = h('strong');
    const said = h('div', { class: 'hint' });
    const opens = dialog.button(t('runOpen'), async () => one(session, number, flow, () => dialog.act(draw)), { 'aria-label': t('runOpenOf', { run: number }) });
    return {
      element: h('li', {}, h('div', {}, title), said, h('div', { class: 'actions' }, opens)),
      draw: (/** @type {FlowRun} */ run) => {
        write(title, t('runTitle', { run: number, flow: run.flow || '?', state: runState(run.state) }));
        refresh(said, facts([
          [t('runBegunBy', { trigger: run.trigger }), when(run.queuedMs), took(run), goesOn(run.state) && t('runProgress', { percent: run.progress }), run.again > 0 && t('runAgainOf', { run: run.again })]
            .filter(Boolean).join(' · '),
          run.error,
        ]));
        mark(opens, 'data-state', run.state);
      },
    };
  });
  let asked = 0;
  const draw = async () => {
    asked += 1;
    const turn = asked;
    /** @type {[number, FlowRun][]} */
    const all = [];
    // The server answers with so many at once.
    for (let before = 0; all.length < count;) {
      const { runs: some } = await session.request('listRuns', { flow, state: state.select.value, query: query.input.value.trim(), before, limit: MANY });
      all.push(...some.map((run) => /** @type {[number, FlowRun]} */ ([run.run, run])));
      before = some.at(-1)?.run ?? 0;
      more.hidden = some.length < MANY;
      if (some.length < MANY) break;
    }
    if (turn !== asked) return;
    arrange(list, [all.length === 0 && nothing, ...rows.draw(all)]);
    clearTimeout(looks);
    if (all.some(([, run]) => goesOn(run.state)) && dialog.element.open) looks = setTimeout(() => draw().catch(() => {}), LOOK);
  };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let looks;
  const again = () => {
    count = MANY;
    dialog.act(draw);
  };
  const more = dialog.button(t('runsMore'), async () => {
    count += MANY;
    await draw();
  });
  more.hidden = true;
  dialog.element.addEventListener('close', () => clearTimeout(looks));
  dialog.show(h('p', { class: 'lead' }, t('runsLead')),
    h('form', { class: 'find', role: 'search', onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); again(); } }, query.element, state.element),
    list, more, dialog.button(t('runsLook'), draw));
  await dialog.act(draw);
}
