// One flow: what it is for and how it went, what its owner does with it, and what everybody thinks of it.

import { Action, actions } from './action.js';
import { Dialog, choice, folded } from './dialog.js';
import { ICONS, fill, h } from './dom.js';
import { editor } from './editor.js';
import { arrange, offer, refresh } from './keep.js';
import { FlowOff } from './codes.js';
import { about, isByHand, isByWebhook, outlined } from './outline.js';
import { HOME } from './place.js';
import { run } from './run.js';
import { runs } from './runs.js';
import { t, when } from './text.js';
import { Values } from './values.js';

/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./messages.js').FlowShown} FlowShown */
/** @typedef {import('./messages.js').Flow} Flow */

/** The most stars that there are. */
const STARS = 5;

/** @param {Session} session @param {string} name @param {() => void} closed */
export async function flow(session, name, closed) {
  const dialog = new Dialog(t('flowNamed', { flow: name }), 'wide');
  const say = (/** @type {string} */ sentence) => dialog.say(sentence);
  const said = h('div', { class: 'hint' });
  const does = h('div', {});
  const made = h('div', { class: 'factor', role: 'status' });
  const bar = h('div', { class: 'actions' });
  const own = actions(session, say);
  const edit = (/** @type {import('./messages.js').RequestBody["editFlow"]} */ change, /** @type {string} */ sentence) => dialog.act(async () => {
    await session.request('editFlow', change);
    await draw();
    return sentence;
  });

  // What everybody says of it.
  const star = new Action(session, say);
  const stars = choice(t('flowStars'), [[0, t('flowStarsNone')], ...Array.from({ length: STARS }, (_, i) => /** @type {[number, string]} */ ([i + 1, '★'.repeat(i + 1)]))], 0, {
    onchange: () => dialog.act(async () => {
      await session.request('rateFlow', { name, stars: Number(stars.select.value) });
      await draw();
      return t('flowRated');
    }),
  });

  stars.element.classList.add('short');

  // What its owner does.
  const set = new Values(session, true);
  const settings = folded(t('flowSettings'), h('p', { class: 'hint' }, t('flowSettingsLead')), set.element, dialog.button(t('save'), async () => {
    await session.request('editFlow', { name, settings: set.given() });
    await draw();
    return t('saved');
  }));
  const input = new Values(session, false);
  const byHand = folded(t('flowRunWith'), h('p', { class: 'hint' }, t('flowRunLead')), input.element, dialog.button(t('flowRun'), async () => {
    const { id } = await session.request('runFlow', { name, input: input.given().values });
    await run(session, id, '', () => dialog.act(draw));
  }));
  const source = h('pre', { class: 'source', tabindex: 0, 'aria-label': t('flowSource') });
  const versions = choice(t('flowVersion'), [], undefined, { onchange: () => dialog.act(() => version(Number(versions.select.value))) });
  const takes = dialog.button(t('flowVersionTake'), async () => {
    await session.request('editFlow', { name, source: source.textContent ?? '' });
    await draw();
    return t('flowVersionTaken');
  });
  const copies = dialog.button(t('flowCopy'), async () => editor(session, { source: source.textContent ?? '', done: (added) => flow(session, added, closed) }));
  const saysSource = folded(t('flowSource'), versions.element, source, h('div', { class: 'actions' }, takes, copies));
  const remove = dialog.button(t('flowRemoveIt'), async () => {
    await session.request('removeFlow', { name });
    dialog.close();
  }, { class: 'danger' });
  const removes = folded(t('flowRemove'), h('p', {}, t('flowRemoveLead')), remove);

  /** Shows what it says by a version. @param {number} number */
  const version = async (number) => {
    const shown = await session.request('showFlow', { name, version: number });
    fill(source, shown.source);
    takes.hidden = !shown.flow?.own || number === shown.flow.version;
  };
  /** @param {Flow} now @param {FlowShown} shown */
  const buttons = (now, shown) => own([
    now.own && !now.skill && {
      key: 'on', name: now.off === FlowOff.on ? t('flowTurnOff') : t('flowTurnOn'), needs: [],
      act: () => edit({ name, on: now.off !== FlowOff.on }, now.off === FlowOff.on ? t('flowIsOff') : t('flowIsOn')),
    },
    now.own && { key: 'share', name: now.shared ? t('flowUnshare') : t('flowShare'), needs: [], act: () => edit({ name, shared: !now.shared }, now.shared ? t('flowUnshared') : t('flowShared')) },
    now.own && { key: 'edit', name: t('flowEdit'), needs: [], act: () => editor(session, { name, source: shown.source, done: () => dialog.act(draw) }) },
    (now.builtIn || (now.own && !now.skill)) && { key: 'runs', name: t('flowsRuns'), needs: [], act: () => runs(session, name) },
    now.own && isByWebhook(shown.outline) && {
      key: 'secret', name: t('flowSecret'), needs: [],
      act: () => dialog.act(async () => {
        const { secret, path } = await session.request('makeFlowSecret', { name });
        const address = new URL(`${HOME}${path.replace(/^\//, '')}`, session.page || location.origin).href;
        fill(made, h('p', {}, t('flowSecretMade', { address })), h('p', {}, h('code', {}, secret)));
        made.scrollIntoView({ block: 'nearest' });
      }),
    },
  ]);
  const draw = async () => {
    const shown = await session.request('showFlow', { name, version: 0 });
    const { flow: now, outline } = shown;
    if (!now) return;
    refresh(said, about(now));
    refresh(does, now.builtIn ? t('flowBuiltIn') : outline ? outlined(outline) : t('flowUnread'));
    arrange(bar, [...buttons(now, shown), !now.builtIn && star.element]);
    stars.element.hidden = now.builtIn;
    saysSource.hidden = now.builtIn;
    star.draw({
      name: t('favourite'), drawing: ICONS.star, needs: [], pressed: now.favourite, label: t('flowFavourite', { flow: name }),
      act: (on) => dialog.act(async () => {
        await session.request('rateFlow', { name, favourite: on });
        await draw();
      }),
    });
    stars.select.value = String(now.ownStars);
    set.draw(outline?.parameters ?? [], shown.settings);
    settings.hidden = !now.own || now.skill || set.isEmpty;
    input.draw(outline?.parameters ?? [], []);
    byHand.hidden = !now.own || !isByHand(outline);
    removes.hidden = !now.own;
    offer(versions.select, shown.versions.map((one) => [one.version, t('flowVersionOf', { version: one.version, when: when(one.atMs) })]));
    versions.select.value = String(now.version);
    versions.element.hidden = !now.own;
    if (!now.builtIn) await version(now.version);
  };
  dialog.element.addEventListener('close', closed);
  dialog.show(said, does, bar, made, stars.element, byHand, settings,
    saysSource, removes);
  await dialog.act(draw);
}
