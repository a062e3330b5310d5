// What a flow says of itself, for people: what begins it, what it does, and what its owner has to be permitted.

import { FlowOff } from './codes.js';
import { facts } from './grants.js';
import { PERMISSIONS, may } from './permission.js';
import { permissionName } from './reason.js';
import { lasted } from './running.js';
import { language, t, when } from './text.js';

/** @typedef {import('./messages.js').Flow} Flow */
/** @typedef {import('./messages.js').FlowOutline} FlowOutline */
/** @typedef {import('./messages.js').FlowTrigger} FlowTrigger */

/** What begins a flow. @param {FlowTrigger} trigger */
const begins = ({ on, what }) => ({
  event: t('beginsEvent', { what }), cron: t('beginsCron', { what }), webhook: t('beginsWebhook'), command: t('beginsCommand', { what }),
  workflow: t('beginsWorkflow', { what }), hand: t('beginsHand'),
})[on] ?? on;

/** Whether somebody may begin it by hand. @param {FlowOutline | undefined} outline */
export const isByHand = (outline) => !!outline?.triggers.some(({ on }) => on === 'hand');

/** Whether somebody else's server may begin it. @param {FlowOutline | undefined} outline */
export const isByWebhook = (outline) => !!outline?.triggers.some(({ on }) => on === 'webhook');

/** What a flow does, in lines. @param {FlowOutline} outline */
export function outlined({ skill, triggers, steps, needs }) {
  const needed = PERMISSIONS.filter((name) => name !== 'administer' && may(needs, name)).map(permissionName);
  return facts([
    skill ? t('flowSkill') : t('flowBegins', { what: triggers.map(begins).join('; ') }),
    steps.length > 0 && t('flowSteps', { steps: steps.join(', ') }),
    needed.length > 0 ? t('flowNeeds', { permissions: needed.join(', ') }) : t('flowNeedsNothing'),
  ]);
}

/** Why a flow begins nothing. @param {number} off */
const whyOff = (off) => ({
  [FlowOff.owner]: t('flowOffOwner'), [FlowOff.notLetIn]: t('flowOffNotLetIn'), [FlowOff.closed]: t('flowOffClosed'),
})[off];

/** How a flow is rated. @param {Flow} flow */
function rating({ raters, stars }) {
  if (raters === 0) return false;
  return t('flowRating', { stars: new Intl.NumberFormat(language(), { maximumFractionDigits: 1 }).format(stars / raters), count: raters });
}

/** How the runs of a flow ended. @param {Flow} flow */
function counts(flow) {
  const parts = /** @type {[number, Parameters<typeof t>[0]][]} */ ([
    [flow.completed, 'countCompleted'], [flow.failed, 'countFailed'], [flow.rolledBack, 'countRolledBack'], [flow.cancelled, 'countCancelled'], [flow.dropped, 'countDropped'],
  ]);
  const said = parts.filter(([count]) => count > 0).map(([count, words]) => t(words, { count }));
  return said.length > 0 && t('flowRuns', { counts: said.join(', ') });
}

/** What is said of a flow in the catalogue. @param {Flow} flow */
export function about(flow) {
  const whose = flow.builtIn ? t('flowOfServer') : flow.own ? t('flowYours') : t('flowOf', { name: flow.owner || '?' });
  return facts([
    flow.description,
    [flow.skill && t('flowIsSkill'), flow.edition, flow.author && t('flowBy', { author: flow.author }), whose, flow.own && flow.shared && t('flowIsShared'), flow.tags.join(', ')]
      .filter(Boolean).join(' · '),
    [rating(flow), flow.favourites > 0 && t('flowFavouriteOf', { count: flow.favourites }), counts(flow), flow.averageMs > 0 && t('flowTakes', { time: lasted(flow.averageMs) }),
      flow.lastMs > 0 && t('flowLast', { when: when(flow.lastMs) })].filter(Boolean).join(' · '),
    whyOff(flow.off) ?? false,
  ]);
}
