// The permissions of a channel: a matrix of roles and people by permissions, with the inspector beside it. Nothing is changed
// before it is saved, and what would be different can be looked at first.

import { Bound } from './bounds.js';
import { Reach } from './codes.js';
import { Dialog, choice, field, unique } from './dialog.js';
import { fill, h } from './dom.js';
import { Inspector, preview } from './inspector.js';
import { Rows, arrange, mark, refresh, write } from './keep.js';
import { characters } from './limit.js';
import { NONE, ON_CHANNEL, state, stated, turned } from './permission.js';
import { badge } from './person.js';
import { guarded, lacking, needed, permissionAbout, permissionName, reaches, shade } from './reason.js';
import { t } from './text.js';

/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./messages.js').SetOverwrite} SetOverwrite */

/** Whom a row is for. @typedef {{role: number, user?: undefined} | {role?: undefined, user: string}} Subject */
/** What the channel says for them, and what it said when that was read. @typedef {Subject & {name: string, now: Cells, before: Cells}} Row */
/** @typedef {import('./permission.js').Cells} Cells */
/** @typedef {import('./permission.js').PermissionName} PermissionName */

/** @type {Cells} */
const NOTHING = { allow: NONE, deny: NONE, reach: Reach.both };

const SIGN = { inherit: '·', allow: '✓', deny: '✕' };

/** What a state is called. @param {import('./permission.js').State} now */
const stateName = (now) => ({ inherit: t('stateInherit'), allow: t('stateAllow'), deny: t('stateDeny') })[now];

/** @param {Session} session @param {number} channel */
export async function matrix(session, channel) {
  const shown = new Matrix(session, channel);
  await shown.open();
}

class Matrix {
  /** @param {Session} session @param {number} channel */
  constructor(session, channel) {
    this.session = session;
    this.channel = channel;
    this.dialog = new Dialog(t('permissionsOf', { channel: session.path(channel) }), 'wide matrix');
    this.inspector = new Inspector(session, { name: session.me?.name, session: session.self, channel, fixed: true });
    /** @type {Row[]} */
    this.rows = [];
    /** The cell that the Tab key comes to. @type {[number, number]} */
    this.at = [0, 0];
    this.body = h('tbody');
    this.lines = new Rows((/** @type {number | string} */ _) => this.line());
    this.grid = h('div', { class: 'grid' }, h('table', { role: 'grid', 'aria-label': t('permissionsOf', { channel: session.path(channel) }) },
      h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, t('whom')),
        ON_CHANNEL.map((name) => h('th', { scope: 'col', class: 'upright', title: permissionAbout(name) }, h('span', {}, permissionName(name)))),
        h('th', { scope: 'col' }, t('reach')))),
      this.body));
    this.changes = h('div', { class: 'preview', role: 'status' });
  }

  /** What changing needs. @returns {import('./reason.js').Need[]} */
  get needs() {
    return needed('setOverwrite', this.channel);
  }

  async open() {
    const { session, dialog } = this;
    const say = (/** @type {string} */ sentence) => dialog.say(sentence);
    const list = unique('people');
    const person = field(t('personAdd'), { list, autocomplete: 'off', ...characters(Bound.maxUserName) });
    const names = [...session.members.values()].filter((member) => member.user).map((member) => member.name);
    const add = guarded(h('button', { type: 'button' }, t('add')), session, this.needs, () => {
      const name = person.input.value.trim();
      if (!name) return;
      if (!this.rows.some((row) => row.user === name)) this.rows.push({ user: name, name, now: NOTHING, before: NOTHING });
      person.input.value = '';
      this.at = [this.rows.length - 1, 0];
      this.draw(true);
    }, say);
    dialog.show(h('p', { class: 'lead' }, t('matrixLead')), h('p', { class: 'hint' }, t('matrixKeys')),
      h('div', { class: 'beside' },
        h('div', { class: 'column' }, this.grid,
          h('div', { class: 'range' }, person.element, h('datalist', { id: list }, names.map((name) => h('option', { value: name }))), add),
          h('div', { class: 'actions' },
            guarded(h('button', { type: 'button', class: 'primary' }, t('save')), session, this.needs, () => dialog.act(() => this.save()), say),
            guarded(h('button', { type: 'button' }, t('whatChanges')), session, this.needs, () => dialog.act(() => this.look()), say)),
          this.changes),
        this.inspector.element));
    await dialog.act(() => this.load());
    await this.inspector.ask();
  }

  async load() {
    const { session, channel } = this;
    const { overwrites } = await session.request('listOverwrites', { channel });
    const forRole = new Map(overwrites.map((one) => [one.role, one]));
    const ranked = [...session.roles.values()].sort((a, b) => b.rank - a.rank || a.name.localeCompare(b.name));
    /** @param {Subject & {name: string}} whom @param {Cells} [says] @returns {Row} */
    const row = (whom, { allow, deny, reach } = NOTHING) => ({ ...whom, now: { allow, deny, reach }, before: { allow, deny, reach } });
    this.rows = [
      ...ranked.map(({ id, name }) => row({ role: id, name }, forRole.get(id))),
      ...overwrites.filter((one) => one.user !== undefined).map((one) => row({ user: one.name, name: one.name }, one)),
    ];
    this.draw();
  }

  /** @param {boolean} [focus] Whether the cell gets the focus. */
  draw(focus = false) {
    arrange(this.body, this.lines.draw(this.rows.map((row, y) => [row.role ?? `user ${row.user}`, y])));
    if (focus) this.focus();
  }

  /** The line of a row: it stays while the row is there, whatever is said in it. */
  line() {
    let y = 0;
    const whom = h('th', { scope: 'row' });
    const { select } = choice(t('reach'), reaches(), undefined, {
      onchange: () => {
        this.rows[y].now = { ...this.rows[y].now, reach: Number(select.value) };
        this.mark(y);
      },
    });
    const cells = ON_CHANNEL.map((name, x) => this.cell(name, x, () => y));
    const element = h('tr', {}, whom, cells.map((cell) => h('td', {}, cell.element)), h('td', {}, select));
    return {
      element,
      draw: (/** @type {number} */ at) => {
        y = at;
        const row = this.rows[y];
        const role = row.role ? this.session.roles.get(row.role) : undefined;
        mark(element, 'class', changed(row) && 'changed');
        refresh(whom, role ? badge(role) : row.name);
        mark(select, 'aria-label', t('reachOf', { name: row.name }));
        select.disabled = !!this.fixed(row);
        if (select.value !== String(row.now.reach)) select.value = String(row.now.reach);
        for (const cell of cells) cell.draw(row);
      },
    };
  }

  /** Why a row stays as it is. @param {Row} row */
  fixed(row) {
    return lacking(this.session, this.needsOf(row));
  }

  /** What changing a row needs: a role has to be below one's own. @param {Row} row @returns {import('./reason.js').Need[]} */
  needsOf(row) {
    const role = row.role ? this.session.roles.get(row.role) : undefined;
    return [...this.needs, { refused: role && role.rank >= this.session.rank(this.session.me) && t('roleAbove', { role: role.name }) }];
  }

  /** @param {PermissionName} permission @param {number} x @param {() => number} line In which line it is now. */
  cell(permission, x, line) {
    const needs = () => [...this.needsOf(this.rows[line()]), { channel: this.channel, permission }];
    const element = h('button', {
      type: 'button',
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event, line(), x),
      onfocus: () => this.go(line(), x),
    });
    const turn = () => this.set(line(), x, turned(state(this.rows[line()].now, permission)));
    const draw = (/** @type {Row} */ row) => {
      const now = state(row.now, permission);
      write(element, SIGN[now]);
      mark(element, 'class', `cell ${now}`);
      mark(element, 'data-cell', `${line()} ${x}`);
      mark(element, 'tabindex', this.at[0] === line() && this.at[1] === x ? 0 : -1);
      mark(element, 'aria-label', t('cell', { name: row.name, permission: permissionName(permission), state: stateName(now) }));
      shade(element, this.session, needs());
    };
    guarded(element, this.session, needs, turn, (sentence) => this.dialog.say(sentence));
    return { element, draw };
  }

  /** @param {number} y @param {number} x @param {import('./permission.js').State} to */
  set(y, x, to) {
    this.rows[y].now = stated(this.rows[y].now, ON_CHANNEL[x], to);
    this.mark(y);
    this.at = [y, x];
    this.focus();
  }

  /** Draws a row as it is now. @param {number} y */
  mark(y) {
    const row = this.rows[y];
    this.lines.rows.get(row.role ?? `user ${row.user}`)?.draw(y);
    fill(this.changes);
  }

  /** The cell that has, or would get, the focus. @param {number} y @param {number} x */
  go(y, x) {
    const [a, b] = this.at;
    this.grid.querySelector(`[data-cell="${a} ${b}"]`)?.setAttribute('tabindex', '-1');
    this.grid.querySelector(`[data-cell="${y} ${x}"]`)?.setAttribute('tabindex', '0');
    this.at = [y, x];
  }

  focus() {
    const [y, x] = this.at;
    /** @type {HTMLElement | null} */ (this.grid.querySelector(`[data-cell="${y} ${x}"]`))?.focus();
  }

  /** @param {KeyboardEvent} event @param {number} y @param {number} x */
  key(event, y, x) {
    /** @type {Record<string, [number, number]>} */
    const to = {
      ArrowUp: [y - 1, x], ArrowDown: [y + 1, x], ArrowLeft: [y, x - 1], ArrowRight: [y, x + 1], Home: [y, 0], End: [y, ON_CHANNEL.length - 1],
    };
    const place = to[event.key];
    if (!place) return;
    event.preventDefault();
    this.go(Math.max(0, Math.min(this.rows.length - 1, place[0])), Math.max(0, Math.min(ON_CHANNEL.length - 1, place[1])));
    this.focus();
  }

  /** What is sent for a row. @param {Row} row @returns {SetOverwrite} */
  request({ role, user, now }) {
    const said = { channel: this.channel, ...now };
    return role === undefined ? { ...said, user } : { ...said, role };
  }

  async look() {
    const dirty = this.rows.filter(changed);
    if (dirty.length === 0) {
      fill(this.changes, h('p', {}, t('nothingChanged')));
      return;
    }
    // One after the other: each is asked about alone.
    const found = [];
    for (const row of dirty) found.push(h('h3', {}, row.name), await preview(this.session, { setOverwrite: this.request(row) }));
    fill(this.changes, found);
  }

  async save() {
    for (const row of this.rows.filter(changed)) await this.session.request('setOverwrite', this.request(row));
    await this.load();
    fill(this.changes);
    await this.inspector.ask();
    return t('saved');
  }
}

/** @param {Row} row */
function changed({ now, before }) {
  if (now.allow !== before.allow || now.deny !== before.deny) return true;
  // Where nothing is said, the reach says nothing either.
  return (now.allow | now.deny) !== NONE && now.reach !== before.reach;
}
