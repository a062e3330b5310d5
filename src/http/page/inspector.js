// The inspector: why somebody may do something or may not, step by step; and what a change would change.

import { Bound } from './bounds.js';
import { Permission, StepKind } from './codes.js';
import { Dialog, channelOptions, choice, field, unique } from './dialog.js';
import { fill, h } from './dom.js';
import { characters } from './limit.js';
import { ON_CHANNEL, PERMISSIONS, difference, may } from './permission.js';
import { permissionName, stepWords, verdict } from './reason.js';
import { explain } from './refusal.js';
import { t } from './text.js';

/** @typedef {import('./session.js').Session} Session */

/** @typedef {import('./permission.js').PermissionName} PermissionName */

/** Differences that are listed. */
const SHOWN = 100;

/** Permissions, as options. @param {PermissionName[]} names @returns {[string, string][]} */
const named = (names) => names.map((name) => [name, permissionName(name)]);

export class Inspector {
  /** @param {Session} session @param {{name?: string, session?: number, channel: number, fixed?: boolean}} about The channel may be fixed. */
  constructor(session, { name = '', session: of = 0, channel, fixed = false }) {
    this.session = session;
    this.known = new Map([...session.members.values()].map((member) => [member.name, member.session]));
    if (of) this.known.set(name, of);
    const list = unique('people');
    this.who = field(t('person'), { list, autocomplete: 'off', ...characters(Bound.maxUserName), '.value': name, onchange: () => this.ask() });
    this.people = h('datalist', { id: list }, [...this.known.keys()].map((one) => h('option', { value: one })));
    this.where = choice(t('channel'), [[0, t('everywhere')], ...channelOptions(session)], channel, { onchange: () => this.ask() });
    this.where.element.hidden = fixed;
    this.what = choice(t('permission'), named(fixed ? ON_CHANNEL : PERMISSIONS.filter((name) => name !== 'administer')), 'speak', { onchange: () => this.ask() });
    this.answer = h('div', { class: 'answer', role: 'status' });
    this.element = h('section', { class: 'inspector', 'aria-label': t('inspector') }, h('h3', {}, t('inspector')),
      h('p', { class: 'hint' }, t('inspectorLead')), this.who.element, this.people, this.where.element, this.what.element,
      h('button', { type: 'button', onclick: () => this.ask() }, t('inspectorAsk')), this.answer);
  }

  /** Asks about a permission. */
  async ask() {
    const asked = /** @type {PermissionName} */ (this.what.select.value);
    const who = this.who.input.value.trim();
    const of = this.known.get(who) ?? 0;
    const present = this.session.members.has(of);
    try {
      this.show(await this.session.why({
        session: present ? of : 0, user: present ? '' : who, channel: Number(this.where.select.value), permissions: Permission[asked],
      }), asked);
    } catch (error) {
      fill(this.answer, h('p', { class: 'problem' }, explain(error)));
    }
  }

  /** @param {import('./messages.js').Explanation} explanation @param {PermissionName} permission */
  show(explanation, permission) {
    // A grant of something else decides nothing.
    const steps = explanation.steps.filter((step) => step.kind !== StepKind.grant || may(step.allow, permission));
    const words = { name: explanation.name, permission: permissionName(permission), channel: explanation.channelPath || t('everywhere') };
    fill(this.answer,
      h('p', { class: explanation.allowed ? 'yes' : 'no' }, h('strong', {}, explanation.allowed ? t('theyMay', words) : t('theyMayNot', words)), ' ', verdict(explanation, permission, false)),
      h('ol', { class: 'steps' }, steps.map((step) => h('li', {}, stepWords(step, permission), ' ',
        h('span', { class: may(step.after, permission) ? 'yes' : 'no' }, may(step.after, permission) ? t('afterAllowed') : t('afterDenied'))))),
      steps.length === 0 && h('p', { class: 'hint' }, t('stepNone')));
  }
}

/** The inspector in a dialog of its own. @param {Session} session @param {{name: string, session: number, channel: number}} about */
export async function inspectorDialog(session, about) {
  const dialog = new Dialog(t('whyPerson', { name: about.name }));
  const inspector = new Inspector(session, about);
  dialog.show(inspector.element);
  await inspector.ask();
}

/** What a change would change, in lines. @param {Session} session @param {import('./messages.js').WhatIf} change */
export async function preview(session, change) {
  const { differences, count } = await session.request('whatIf', change);
  if (count === 0) return h('p', {}, t('changesNothing'));
  const list = (/** @type {PermissionName[]} */ names) => names.map(permissionName).join(', ');
  return h('div', {}, h('p', {}, t('changesFor', { count })), h('ul', { class: 'differences' }, differences.slice(0, SHOWN).map((one) => {
    const { gained, lost } = difference(one.before, one.after);
    return h('li', {}, h('strong', {}, one.name), ` ${one.channelPath ? t('inPlace', { channel: one.channelPath }) : t('everywhere')}: `,
      gained.length > 0 && h('span', { class: 'yes' }, t('gains', { permissions: list(gained) })), gained.length > 0 && lost.length > 0 && '; ',
      lost.length > 0 && h('span', { class: 'no' }, t('loses', { permissions: list(lost) })));
  })), count > SHOWN && h('p', { class: 'hint' }, t('andMore', { count: count - SHOWN })));
}
