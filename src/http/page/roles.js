// The roles: what each grants and who has it, for everybody to see; and to change, for who may.

import { Bound } from './bounds.js';
import { Dialog, field, lifeChoice } from './dialog.js';
import { fill, h } from './dom.js';
import { preview } from './inspector.js';
import { Rows, arrange, mark, refresh, write } from './keep.js';
import { characters } from './limit.js';
import { PERMISSIONS, css, having, may, setOf } from './permission.js';
import { badge } from './person.js';
import { guarded, lacking, needed, permissionAbout, permissionName } from './reason.js';
import { t, when } from './text.js';

/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./reason.js').Need} Need */
/** @typedef {import('./messages.js').Role} Role */
/** @typedef {import('./permission.js').PermissionName} PermissionName */

/** @param {Session} session */
export function roles(session) {
  new Roles(session).open();
}

class Roles {
  /** @param {Session} session */
  constructor(session) {
    this.session = session;
    this.dialog = new Dialog(t('roles'), 'wide');
    this.list = h('ul', { class: 'roles' });
    this.editor = h('section', { class: 'editor', 'aria-label': t('role') });
    /** The role that is shown; 0 for a new one. */
    this.chosen = 0;
    this.rows = new Rows((/** @type {number} */ id) => {
      const button = h('button', { type: 'button', 'data-key': `role ${id}`, onclick: () => this.choose(id) });
      return {
        element: h('li', {}, button),
        draw: (/** @type {Role} */ role) => {
          refresh(button, badge(role), h('span', { class: 'hint' }, t('rankOf', { rank: role.rank })));
          mark(button, 'aria-current', id === this.chosen && 'true');
        },
      };
    });
  }

  /** The roles, the highest rank first. */
  get sorted() {
    return [...this.session.roles.values()].sort((a, b) => b.rank - a.rank || a.name.localeCompare(b.name));
  }

  open() {
    const { session, dialog } = this;
    const create = guarded(h('button', { type: 'button' }, t('roleNew')), session, needed('createRole'), () => this.choose(0), (sentence) => dialog.say(sentence));
    dialog.show(h('p', { class: 'lead' }, t('rolesLead')), h('div', { class: 'beside' }, h('div', { class: 'column' }, this.list, create), this.editor));
    dialog.follow(session, () => this.drawList());
    const first = this.sorted[0];
    this.drawList();
    if (first) this.choose(first.id);
  }

  drawList() {
    arrange(this.list, this.rows.draw(this.sorted.map((role) => [role.id, role])));
  }

  /** @param {number} id */
  choose(id) {
    this.chosen = id;
    this.drawList();
    this.drawEditor(this.session.roles.get(id));
  }

  /** @param {Role} [role] The one to change; none for a new one. */
  drawEditor(role) {
    const { session, dialog } = this;
    const say = (/** @type {string} */ sentence) => dialog.say(sentence);
    const own = session.rank(session.me);
    /** @type {Need[]} */
    const needs = [...needed(role ? 'editRole' : 'createRole'), { refused: role && role.rank >= own && t('roleAbove', { role: role.name }) }];
    const fixed = !!lacking(session, needs);
    const name = field(t('name'), { required: true, ...characters(Bound.maxChannelName), autocomplete: 'off', readonly: fixed, '.value': role?.name ?? '' });
    const rank = field(t('rank'), { type: 'number', min: 0, max: 999, readonly: fixed, '.value': String(role?.rank ?? Math.max(0, Math.min(20, own - 1))) });
    const colour = field(t('colour'), { type: 'color', disabled: fixed, '.value': css(role?.colour || 0x0e5a63) });
    const plain = h('input', { type: 'checkbox', disabled: fixed, checked: !role?.colour });
    let allow = role?.allow ?? setOf('view');
    const boxes = this.boxes(allow, needs, (name, on) => { allow = having(allow, name, on); });
    const said = () => ({ name: name.input.value.trim(), rank: Number(rank.input.value), colour: plain.checked ? 0 : Number.parseInt(colour.input.value.slice(1), 16), allow });
    const changes = h('div', { class: 'preview', role: 'status' });
    const form = h('form', {
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        dialog.act(async () => {
          if (role) await session.request('editRole', { role: role.id, ...changed(role, said()) });
          else this.chosen = (await session.request('createRole', said())).id;
          fill(changes);
          return role ? t('saved') : t('roleMade', { role: name.input.value.trim() });
        });
      },
    }, h('div', { class: 'fields' }, name.element, rank.element, colour.element, h('label', { class: 'choice' }, plain, t('colourNone'))), boxes,
    !fixed && h('div', { class: 'actions' }, h('button', { type: 'submit', class: 'primary' }, role ? t('save') : t('roleMake')),
      role && dialog.button(t('whatChanges'), async () => fill(changes, await preview(session, { editRole: { role: role.id, ...changed(role, said()) } })))), changes);
    fill(this.editor, h('h3', {}, role ? role.name : t('roleNew')),
      fixed && h('p', { class: 'hint' }, ...this.whyFixed(needs)), form, role && this.more(role, needs, say));
    if (!role) name.input.focus();
  }

  /** @param {Need[]} needs */
  whyFixed(needs) {
    const lack = /** @type {Need} */ (lacking(this.session, needs));
    return ['permission' in lack ? t('mayNot', { permission: permissionName(lack.permission) }) : String(lack.refused)];
  }

  /** What a role grants, to be ticked. @param {bigint} allow @param {Need[]} needs @param {(name: PermissionName, on: boolean) => void} change */
  boxes(allow, needs, change) {
    const { session, dialog } = this;
    return h('fieldset', { class: 'permissions' }, h('legend', {}, t('roleGrants')), PERMISSIONS.map((permission) => {
      const box = h('input', { type: 'checkbox', checked: may(allow, permission), onchange: () => { change(permission, box.checked); } });
      const own = [...needs, { refused: permission === 'administer' && t('ownerOnly') }, { channel: 0, permission }];
      guarded(box, session, own, () => {}, (sentence) => dialog.say(sentence));
      return h('label', { class: 'permission' }, box, h('span', {}, h('strong', {}, permissionName(permission)), h('span', { class: 'hint' }, permissionAbout(permission))));
    }));
  }

  /** The second factor, who has the role, and removing it. @param {Role} role @param {Need[]} needs @param {(sentence: string) => void} say */
  more(role, needs, say) {
    const { session, dialog } = this;
    const factor = h('input', {
      type: 'checkbox', checked: role.secondFactor,
      onchange: async () => {
        const done = await dialog.act(async () => {
          await session.request('requireSecondFactor', { role: role.name, required: factor.checked });
          return t('saved');
        });
        if (!done) factor.checked = !factor.checked;
      },
    });
    guarded(factor, session, needed('requireSecondFactor'), () => {}, say);
    const holders = h('ul', { class: 'devices' });
    const user = field(t('accountName'), { autocomplete: 'off', ...characters(Bound.maxUserName), list: 'role-people' });
    const people = h('datalist', { id: 'role-people' }, [...session.members.values()].filter((member) => member.user).map((member) => h('option', { value: member.name })));
    const life = lifeChoice();
    const nobody = h('li', { class: 'hint' }, t('holdersNone'));
    const rows = new Rows((/** @type {string} */ holder) => {
      const end = h('div', { class: 'hint' });
      const revoke = guarded(h('button', { type: 'button', 'aria-label': t('revokeRole', { role: role.name, name: holder }) }, t('revoke')), session, needs, () => dialog.act(async () => {
        await session.request('revokeRole', { user: holder, role: role.id });
        await draw();
      }), say);
      return {
        element: h('li', {}, h('div', {}, h('strong', {}, holder)), end, revoke),
        draw: (/** @type {number} */ untilMs) => write(end, untilMs > 0 ? t('until', { when: when(untilMs) }) : t('forGood')),
      };
    });
    const draw = async () => {
      const { holders: all } = await session.request('listHolders', { role: role.id });
      arrange(holders, [all.length === 0 && nobody, ...rows.draw(all.map(({ name, untilMs }) => [name, untilMs]))]);
    };
    const granting = h('div', { class: 'folded' }, user.element, people, life.element,
      guarded(h('button', { type: 'button' }, t('grant')), session, needs, () => dialog.act(async () => {
        const name = user.input.value.trim();
        await session.request('grantRole', { user: name, role: role.id, lifeMs: Number(life.select.value) });
        user.input.value = '';
        await draw();
        return t('granted');
      }), say));
    const seen = !lacking(session, needed('listHolders'));
    if (seen) dialog.act(draw);
    return h('div', { class: 'column' }, h('label', { class: 'choice' }, factor, t('roleFactor')),
      seen && h('fieldset', {}, h('legend', {}, t('holders')), holders, granting),
      guarded(h('button', { type: 'button', class: 'danger' }, t('roleRemove', { role: role.name })), session, needs, () => dialog.act(async () => {
        await session.request('removeRole', { role: role.id });
        const [first] = this.sorted.filter((one) => one.id !== role.id);
        if (first) this.choose(first.id);
        return t('roleRemoved', { role: role.name });
      }), say));
  }
}

/** What of a role is to be different. @param {Role} role @param {Omit<import('./messages.js').CreateRole, "id">} said */
function changed(role, { name, rank, colour, allow }) {
  return {
    ...(name !== role.name && { name }), ...(rank !== role.rank && { rank }),
    ...(colour !== role.colour && { colour }), ...(allow !== role.allow && { allow }),
  };
}
