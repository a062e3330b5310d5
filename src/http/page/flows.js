// The catalogue of flows: one's own, those that others share, and those that come with the server.

import { Action } from './action.js';
import { Dialog, choice, field, folded } from './dialog.js';
import { ICONS, h } from './dom.js';
import { editor } from './editor.js';
import { flow as one } from './flow.js';
import { Rows, arrange, mark, refresh, write } from './keep.js';
import { about, outlined } from './outline.js';
import { runs } from './runs.js';
import { t } from './text.js';

/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./messages.js').Flow} Flow */
/** @typedef {import('./messages.js').ShippedFlow} ShippedFlow */

/** Milliseconds of quiet after which what was typed is looked for. */
const QUIET = 250;

/** In which order there may be flows. */
const ORDERS = () => /** @type {[string, string][]} */ ([
  ['', t('orderFit')], ['popularity', t('orderPopularity')], ['rating', t('orderRating')], ['changed', t('orderChanged')], ['name', t('orderName')],
]);

/** What somebody sees of a flow first. @param {{title: string, name: string}} flow */
const called = ({ title, name }) => (title ? `${title} (${name})` : name);

/** The flows of the organization. @param {Session} session */
export async function flows(session) {
  const dialog = new Dialog(t('flows'), 'wide');
  const list = h('ul', { class: 'devices hooks' });
  const nothing = h('li', { class: 'hint' }, t('flowsNone'));
  const query = field(t('flowsSearch'), { type: 'search', autocomplete: 'off', maxlength: 200, oninput: () => soon() });
  const order = choice(t('flowsOrder'), ORDERS(), '', { onchange: () => dialog.act(draw) });
  const only = (/** @type {string} */ words) => {
    const box = h('input', { type: 'checkbox', onchange: () => dialog.act(draw) });
    return { box, element: h('label', { class: 'choice' }, box, words) };
  };
  const [own, favourites] = [only(t('flowsOwn')), only(t('flowsFavourites'))];

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waits;
  const soon = () => {
    clearTimeout(waits);
    waits = setTimeout(() => dialog.act(draw), QUIET);
  };
  const open = (/** @type {string} */ name) => one(session, name, () => dialog.act(draw));
  const rows = new Rows((/** @type {string} */ name) => {
    const title = h('strong');
    const said = h('div', { class: 'hint' });
    const opens = dialog.button(t('flowOpen'), async () => open(name), { 'aria-label': t('flowOpenOf', { flow: name }) });
    const star = new Action(session, (sentence) => dialog.say(sentence));
    return {
      element: h('li', {}, h('div', {}, title), said, h('div', { class: 'actions' }, opens, star.element)),
      draw: (/** @type {Flow} */ flow) => {
        write(title, called(flow));
        refresh(said, about(flow));
        star.element.hidden = flow.builtIn;
        star.draw({
          name: t('favourite'), drawing: ICONS.star, needs: [], pressed: flow.favourite, label: t('flowFavourite', { flow: name }),
          act: (on) => dialog.act(async () => {
            await session.request('rateFlow', { name, favourite: on });
            await draw();
          }),
        });
      },
    };
  });
  let asked = 0;
  const draw = async () => {
    asked += 1;
    const turn = asked;
    const { flows: all } = await session.request('listFlows', {
      query: query.input.value.trim(), order: order.select.value, own: own.box.checked, favourites: favourites.box.checked,
    });
    // What was asked for last is shown, whatever is answered last.
    if (turn !== asked) return;
    arrange(list, [all.length === 0 && nothing, ...rows.draw(all.map((flow) => [flow.name, flow]))]);
  };
  const added = async (/** @type {string} */ name) => {
    await dialog.act(draw);
    await open(name);
  };
  dialog.element.addEventListener('close', () => clearTimeout(waits));
  dialog.show(h('p', { class: 'lead' }, t('flowsLead')),
    h('div', { class: 'actions' },
      dialog.button(t('flowWrite'), async () => editor(session, { done: added })),
      dialog.button(t('flowsRuns'), async () => runs(session, ''))),
    h('form', { class: 'find', role: 'search', onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); dialog.act(draw); } },
      query.element, order.element, own.element, favourites.element),
    list, shipped(session, dialog, added));
  await dialog.act(draw);
}

/** The flows that come with the server, to be looked at and added. @param {Session} session @param {Dialog} dialog @param {(name: string) => void} done */
function shipped(session, dialog, done) {
  const list = h('ul', { class: 'devices hooks' });
  const fold = folded(t('flowsShipped'), h('p', { class: 'hint' }, t('flowsShippedLead')), list);
  const row = (/** @type {ShippedFlow} */ { outline, source }) => {
    if (!outline) return undefined;
    const adds = dialog.button(t('flowShippedAdd'), async () => editor(session, { source, done }));
    mark(adds, 'aria-label', t('flowShippedAddOf', { flow: outline.name }));
    return h('li', {}, h('div', {}, h('strong', {}, called(outline))), h('div', { class: 'hint' }, h('div', {}, outline.description), ...outlined(outline)), h('div', { class: 'actions' }, adds));
  };
  fold.addEventListener('toggle', () => {
    if (!fold.open || list.childElementCount > 0) return;
    dialog.act(async () => {
      const { flows: all } = await session.request('listShippedFlows', {});
      arrange(list, all.map(row));
    });
  });
  return fold;
}
