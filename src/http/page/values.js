// A form for what a flow is given, by what the server says of each parameter. What fits is the server's to say.

import { channelOptions, unique } from './dialog.js';
import { fill, h, print } from './dom.js';
import { t } from './text.js';

/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./messages.js').FlowParameter} FlowParameter */
/** @typedef {import('./messages.js').FlowValue} FlowValue */
/** @typedef {HTMLInputElement | HTMLSelectElement} Control */

/** How much of it there may be, in words. @param {FlowParameter} parameter */
function bounds({ kind, least, most }) {
  const said = least && most ? t('boundsBoth', { least, most }) : least ? t('boundsLeast', { least }) : most ? t('boundsMost', { most }) : '';
  if (!said) return '';
  return kind === 'string' ? t('boundsCharacters', { bounds: said }) : kind === 'list' ? t('boundsCount', { bounds: said }) : t('boundsValue', { bounds: said });
}

/** How it is written, where that isn't plain. @param {FlowParameter} parameter */
const written = ({ kind }) => ({ duration: t('kindDuration'), time: t('kindTime'), user: t('kindUser'), list: t('kindList'), any: t('kindAny') })[kind] ?? '';

/** What there is to choose from, by the value that is sent; nothing of what is typed. @param {Session} session @param {FlowParameter} parameter @returns {[string, string][] | undefined} */
function options(session, { kind, choices }) {
  if (choices.length > 0) return choices.map((one) => [one, one]);
  switch (kind) {
    case 'boolean': return [['true', t('yes')], ['false', t('no')]];
    case 'channel': return channelOptions(session).map(([id, path]) => [String(id), path]);
    case 'role': return [...session.roles.values()].map(({ id, name }) => [String(id), name]);
    case 'session': return [...session.members.values()].map((member) => [String(member.session), member.name]);
    default: return undefined;
  }
}

/** Which of the options is meant by a value that somebody set: by itself, or by its name. @param {[string, string][]} all @param {string} value */
function meant(all, value) {
  const folded = value.toLowerCase();
  const truth = ['yes', 'on'].includes(folded) ? 'true' : ['no', 'off'].includes(folded) ? 'false' : folded;
  const found = all.find(([one]) => one === value) ?? all.find(([one, name]) => one.toLowerCase() === truth || name.toLowerCase() === folded);
  return found?.[0] ?? value;
}

/** @param {FlowParameter} parameter @param {string} value What is set; of what is secret, whether something is. @returns {import('./dom.js').Attributes} */
function typed({ kind, defaultValue, least, most }, value) {
  const rest = { autocomplete: 'off', spellcheck: 'false', placeholder: defaultValue };
  switch (kind) {
    case 'secret': return { ...rest, type: 'password', autocomplete: 'new-password', placeholder: value ? t('secretSet') : '' };
    case 'integer': return { ...rest, type: 'number', step: 1, min: least || undefined, max: most || undefined, '.value': value };
    case 'number': return { ...rest, type: 'number', step: 'any', min: least || undefined, max: most || undefined, '.value': value };
    default: return { ...rest, type: 'text', '.value': value };
  }
}

/** One value below its name. @param {Session} session @param {FlowParameter} parameter @param {string} value */
function field(session, parameter, value) {
  const [id, hint] = [unique('value'), unique('hint')];
  const all = options(session, parameter);
  const labelled = { id, 'aria-describedby': hint };
  /** @type {Control} */
  let control;
  if (all) {
    const chosen = value === '' ? '' : meant(all, value);
    const unset = parameter.defaultValue ? t('valueDefault', { value: all.find(([one]) => one === parameter.defaultValue)?.[1] ?? parameter.defaultValue }) : t('valueNone');
    const offered = /** @type {[string, string][]} */ ([['', unset], ...all, ...(chosen === '' || all.some(([one]) => one === chosen) ? [] : [[chosen, chosen]])]);
    control = h('select', labelled, offered.map(([one, name]) => h('option', { value: one, selected: one === chosen }, name)));
  } else control = h('input', { ...labelled, ...typed(parameter, value) });
  const said = [parameter.description, written(parameter), bounds(parameter), parameter.required && t('valueRequired')].filter(Boolean).join(' ');
  return {
    control,
    element: h('div', { class: 'field' }, h('label', { for: id }, parameter.name), control, h('span', { class: 'hint', id: hint }, said)),
  };
}

/** The values of a flow's parameters. */
export class Values {
  /** @param {Session} session @param {boolean} secrets Whether what is secret is given here, too. */
  constructor(session, secrets) {
    this.session = session;
    this.secrets = secrets;
    this.element = h('div', { class: 'values' });
    this.drawn = '';
    /** @type {{parameter: FlowParameter, control: Control, set: boolean}[]} */
    this.fields = [];
  }

  /** Shows a field for each parameter, with what is set of it. @param {FlowParameter[]} parameters @param {FlowValue[]} set */
  draw(parameters, set) {
    const now = print([parameters, set]);
    // What is typed stays, unless it would be about something else.
    if (this.drawn === now) return;
    this.drawn = now;
    const wanted = parameters.filter(({ kind, of }) => this.secrets || (kind !== 'secret' && of !== 'secret'));
    const made = wanted.map((parameter) => {
      const value = set.find(({ name }) => name === parameter.name)?.value ?? '';
      const hidden = parameter.kind === 'secret' || parameter.of === 'secret';
      const { control, element } = field(this.session, hidden ? { ...parameter, kind: 'secret' } : parameter, value);
      return { element, field: { parameter, control, set: hidden && value !== '' } };
    });
    this.fields = made.map((one) => one.field);
    fill(this.element, made.length > 0 ? made.map(({ element }) => element) : h('p', { class: 'hint' }, t('valuesNone')));
  }

  /** Goes to the first of them. */
  focus() {
    this.fields[0]?.control.focus();
  }

  get isEmpty() {
    return this.fields.length === 0;
  }

  /** What is given, and of what nobody is shown, what stays as it is set. @returns {{values: FlowValue[], keep: string[]}} */
  given() {
    const values = this.fields.filter(({ control }) => control.value !== '').map(({ parameter, control }) => ({ name: parameter.name, value: control.value }));
    const keep = this.fields.filter(({ control, set }) => set && control.value === '').map(({ parameter }) => parameter.name);
    return { values, keep };
  }
}
