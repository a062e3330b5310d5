// The inspector: why somebody may do something or may not, step by step; and what a change would change.

import { Dialog, channelOptions, choice, field, unique } from './dialog.js';
import { fill, h } from './dom.js';
import { explain } from './entry.js';
import { BITS, ON_CHANNEL, PERMISSION, STEP, difference, may } from './permission.js';
import { permissionName, stepWords, verdict } from './reason.js';
import { t } from './text.js';

/** @typedef {import('./session.js').Session} Session */

/** Names of permissions, as options. @param {number[]} bits @returns {[number, string][]} */
const named = (bits) => bits.map((bit) => [bit, permissionName(bit)]);

export class Inspector {
  /** @param {Session} session @param {{name?: string, session?: number, channel: number, fixed?: boolean}} about The channel may be fixed. */
  constructor(session, { name = '', session: of = 0, channel, fixed = false }) {
    this.session = session;
    this.known = new Map([...session.members.values()].map((member) => [member.name, member.session]));
    if (of) this.known.set(name, of);
    const list = unique('people');
    this.who = field(t('person'), { list, autocomplete: 'off', maxlength: 64, '.value': name, onchange: () => this.ask() });
    this.people = h('datalist', { id: list }, [...this.known.keys()].map((one) => h('option', { value: one })));
    this.where = choice(t('channel'), [[0, t('everywhere')], ...channelOptions(session)], channel, { onchange: () => this.ask() });
    this.where.element.hidden = fixed;
    this.what = choice(t('permission'), named(fixed ? ON_CHANNEL : BITS.filter((bit) => bit !== PERMISSION.administer)), PERMISSION.speak, { onchange: () => this.ask() });
    this.answer = h('div', { class: 'answer', role: 'status' });
    this.element = h('section', { class: 'inspector', 'aria-label': t('inspector') }, h('h3', {}, t('inspector')),
      h('p', { class: 'hint' }, t('inspectorLead')), this.who.element, this.people, this.where.element, this.what.element,
      h('button', { type: 'button', onclick: () => this.ask() }, t('inspectorAsk')), this.answer);
  }

  /** Asks about a permission. @param {number} [bit] @param {string} [name] */
  async ask(bit, name) {
    if (bit !== undefined) this.what.select.value = String(bit);
    if (name !== undefined) this.who.input.value = name;
    const asked = Number(this.what.select.value);
    const who = this.who.input.value.trim();
    const of = this.known.get(who) ?? 0;
    const present = this.session.members.has(of);
    try {
      const { explanation } = await this.session.request('why', {
        session: present ? of : 0, user: present ? '' : who, channel: Number(this.where.select.value), permissions: 2 ** asked,
      });
      this.show(explanation, asked);
    } catch (error) {
      fill(this.answer, h('p', { class: 'problem' }, explain(error)));
    }
  }

  /** @param {any} explanation @param {number} bit */
  show(explanation, bit) {
    // A grant of something else decides nothing.
    const steps = explanation.steps.filter((/** @type {any} */ step) => step.kind !== STEP.grant || may(step.allow, bit));
    const words = { name: explanation.name, permission: permissionName(bit), channel: explanation.channelPath || t('everywhere') };
    fill(this.answer,
      h('p', { class: explanation.allowed ? 'yes' : 'no' }, h('strong', {}, explanation.allowed ? t('theyMay', words) : t('theyMayNot', words)), ' ', verdict(explanation, bit, false)),
      h('ol', { class: 'steps' }, steps.map((/** @type {any} */ step) => h('li', {}, stepWords(step, bit), ' ',
        h('span', { class: may(step.after, bit) ? 'yes' : 'no' }, may(step.after, bit) ? t('afterAllowed') : t('afterDenied'))))),
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

/** What a change would change, in lines. @param {Session} session @param {any} change A body of WhatIf. */
export async function preview(session, change) {
  const { differences } = await session.request('whatIf', change);
  const { differences: all, count } = differences;
  if (count === 0) return h('p', {}, t('changesNothing'));
  const list = (/** @type {number[]} */ bits) => bits.map(permissionName).join(', ');
  return h('div', {}, h('p', {}, t('changesFor', { count })), h('ul', { class: 'differences' }, all.slice(0, 100).map((/** @type {any} */ one) => {
    const { gained, lost } = difference(one.before, one.after);
    return h('li', {}, h('strong', {}, one.name), ` ${one.channelPath ? t('inPlace', { channel: one.channelPath }) : t('everywhere')}: `,
      gained.length > 0 && h('span', { class: 'yes' }, t('gains', { permissions: list(gained) })), gained.length > 0 && lost.length > 0 && '; ',
      lost.length > 0 && h('span', { class: 'no' }, t('loses', { permissions: list(lost) })));
  })), all.length > 100 && h('p', { class: 'hint' }, t('andMore', { count: count - 100 })));
}
