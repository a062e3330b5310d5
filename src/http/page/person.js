// What can be done with a person, or about oneself: the dialog behind the "…" of a row.

import { Action, action, actions } from './action.js';
import { Bound } from './bounds.js';
import { Dialog, choice, field, folded, lifeChoice } from './dialog.js';
import { ICONS, h, print } from './dom.js';
import { Rows, arrange, mark, offer, refresh, write } from './keep.js';
import { bytes, characters } from './limit.js';
import { css } from './permission.js';
import { keyName } from './preferences.js';
import { picture } from './profiles.js';
import { lacking, needed } from './reason.js';
import { choose, settings } from './settings.js';
import { language, t } from './text.js';

/** @typedef {import('./reason.js').Need} Need */
/** @typedef {import('./room.js').Room} Room */
/** @typedef {import('./messages.js').Member} Member */

/** A role, with its colour before it. @param {import('./messages.js').Role} role */
export const badge = (role) => {
  const dot = h('span', { class: 'dot', 'aria-hidden': 'true' });
  if (role.colour) dot.style.setProperty('--dot', css(role.colour));
  return h('span', { class: 'badge' }, role.colour > 0 && dot, role.name);
};

/** @param {Room} room @param {Member} shown */
export function person(room, shown) {
  if (shown.session === room.session.self) self(room);
  else new Menu(room, shown).open();
}

class Menu {
  /** @param {Room} room @param {Member} shown */
  constructor(room, shown) {
    this.room = room;
    this.session = room.session;
    this.id = shown.session;
    this.name = shown.name;
    this.dialog = new Dialog(shown.name, 'person');
    this.about = h('div', { class: 'about-person' });
    this.actions = h('div', { class: 'actions' });
    this.choices = actions(this.session, (sentence) => this.dialog.say(sentence));
    this.idle = '';
    /** What is drawn now, to draw only what is different. */
    this.drawn = '';
  }

  get member() {
    return this.session.members.get(this.id);
  }

  open() {
    const { dialog, member } = this;
    if (!member) return;
    dialog.show(this.about, this.volume(member), this.moving(member), this.actions, this.message(member), this.kick(member), this.ban(member), this.roles(member));
    this.draw();
    dialog.follow(this.session, () => (this.member ? this.draw() : dialog.close()));
    // A server of before knows no profiles.
    this.room.profiles.look(member).catch(() => {});
    this.session.request('list', { after: 0 }).then(({ snapshot }) => {
      const idle = snapshot?.members.find((one) => one.session === this.id)?.idleMs ?? 0;
      if (idle < 60_000) return;
      const minutes = new Intl.NumberFormat(language(), { style: 'unit', unit: 'minute', unitDisplay: 'long' }).format(Math.floor(idle / 60_000));
      this.idle = t('idleFor', { time: minutes });
      this.draw();
    }, () => {});
  }

  draw() {
    const { member, session, dialog } = this;
    if (!member) return;
    const profile = this.room.profiles.of(member);
    const facts = print([member, profile, this.idle, session.me, session.channels.get(member.channel)?.permissions, session.everywhere, [...session.roles.values()], this.room.whisper.target]);
    if (facts === this.drawn) return;
    this.drawn = facts;
    const roles = session.rolesOf(member);
    write(dialog.title, profile?.displayName || member.name);
    refresh(this.about, !!(profile?.picture || profile?.displayName || profile?.about) && h('div', { class: 'shown' }, picture(profile, 96, member.name),
      h('div', {}, !!profile.displayName && h('p', { class: 'hint' }, t('accountOf', { name: member.name })), !!profile.about && h('p', { class: 'text' }, profile.about))),
    roles.length > 0 && h('p', { class: 'badges' }, roles.map(badge)),
      member.status && h('p', { class: 'status' }, member.status),
      h('p', { class: 'hint' }, [member.away && t('away'), this.idle, member.muted && t('mutedByOthers'), member.deafened && t('deafenedByOthers'), member.client].filter(Boolean).join(' · ')));
    arrange(this.actions, this.choices(this.buttons(member)));
  }

  /** @param {Member} member */
  volume(member) {
    const who = this.room.person(member);
    const gain = settings.volumes[who] ?? 1;
    const shown = h('output', {}, t('percent', { value: Math.round(gain * 100) }));
    const { input, element } = field(t('volumeOf', { name: member.name }), {
      type: 'range', min: 0, max: 200, step: 5, '.value': String(Math.round(gain * 100)),
      oninput: () => {
        choose({ volumes: { ...settings.volumes, [who]: Number(input.value) / 100 } });
        this.room.volumes();
        this.room.following.save();
        write(shown, t('percent', { value: input.value }));
      },
    });
    const range = h('div', { class: 'range' });
    input.replaceWith(range);
    range.append(input, shown);
    return element;
  }

  /** A button that is greyed with its reason, where one may not do what it stands for. @param {string} name @param {string} drawing @param {Need[]} needs */
  greyed(name, drawing, needs) {
    return action(this.session, (sentence) => this.dialog.say(sentence), { name, drawing, needs, act: () => {} });
  }

  /** Who has a rank that one can't act on. @param {Member} member @returns {Need} */
  outranked(member) {
    return { refused: this.session.outranks(member) && t('outranked', { name: member.name }) };
  }

  /** @param {Member} member */
  buttons(member) {
    const { session, dialog, room } = this;
    const { channel } = member;
    const set = (/** @type {"mute" | "deaf" | "suppress" | "priority"} */ what) => (/** @type {boolean} */ on) => dialog.act(async () => {
      await session.request('moderate', { session: member.session, [what]: on });
    });
    const others = [...needed('moderate', channel), this.outranked(member)];
    // What holds everywhere is for whoever may by a role.
    const everywhere = [...needed('moderate'), this.outranked(member)];
    const whispers = room.whisper.target?.session === member.session;
    const key = keyName(settings.whisperKey);
    return [
      {
        key: 'whisper', name: whispers ? t('whisperEnd') : t('whisperTo', { key }), drawing: ICONS.whisper, needs: needed('setVoiceTarget', channel), pressed: whispers,
        act: (/** @type {boolean} */ on) => dialog.act(async () => {
          await room.whisper.to(on ? { session: member.session, subtree: false, links: false } : undefined, member.name);
          this.draw();
          return on ? t('whisperReady', { name: member.name, key }) : undefined;
        }),
      },
      { key: 'mute', name: member.muted ? t('unmuteOther') : t('muteOther'), drawing: ICONS.muted, needs: everywhere, act: set('mute'), pressed: member.muted },
      { key: 'deaf', name: member.deafened ? t('undeafenOther') : t('deafenOther'), drawing: ICONS.deaf, needs: everywhere, act: set('deaf'), pressed: member.deafened },
      { key: 'suppress', name: member.suppressed ? t('unsuppressOther') : t('suppressOther'), drawing: ICONS.forbidden, needs: others, act: set('suppress'), pressed: member.suppressed },
      {
        key: 'priority', name: member.priority ? t('priorityOff') : t('priorityOn'), drawing: ICONS.priority, needs: [...others, { channel, permission: /** @type {const} */ ('priority') }],
        act: set('priority'), pressed: member.priority,
      },
      !!room.profiles.of(member) && !lacking(session, needed('clearProfile')) && {
        key: 'clear', name: t('profileClear'), drawing: ICONS.close, needs: [...needed('clearProfile'), this.outranked(member)],
        act: () => dialog.act(async () => {
          await session.request('clearProfile', { name: member.name });
          return t('profileCleared', { name: member.name });
        }),
      },
      {
        key: 'why', name: t('whyPerson', { name: member.name }), drawing: ICONS.shield, needs: needed('why', channel),
        act: () => {
          dialog.close();
          room.lazy(import('./inspector.js'), ({ inspectorDialog }) => inspectorDialog(session, { name: member.name, session: member.session, channel }));
        },
      },
    ];
  }

  /** @param {Member} member */
  moving(member) {
    const { session, room, dialog } = this;
    const places = room.destinations(member);
    if (places.length === 0) {
      const refused = [...session.channels.values()].find(({ id }) => id !== member.channel && lacking(session, needed('moveSession', id)));
      const needs = [...needed('moveSession', member.channel), ...(refused ? needed('moveSession', refused.id) : [{ refused: t('nowhereElse') }])];
      return this.greyed(t('moveTo', { name: member.name }), ICONS.people, needs);
    }
    const { select, element } = choice(t('moveTo', { name: member.name }), [['', t('chooseChannel')],
      // Its own name first, so that one finds it by typing.
      ...places.map((channel) => /** @type {[number, string]} */ ([channel.id, channel.parent ? `${channel.name} (${session.path(channel.parent)})` : channel.name]))
        .sort(([, a], [, b]) => a.localeCompare(b))], '', {
      onchange: () => {
        room.act(session.request('moveSession', { session: member.session, channel: Number(select.value) }));
        dialog.close();
      },
    });
    return element;
  }

  /**
   * What is opened where it stands, for who may; a greyed button for who may not.
   * @param {string} name @param {string} drawing @param {Need[]} needs @param {...import('./dom.js').Part} parts
   */
  fold(name, drawing, needs, ...parts) {
    return lacking(this.session, needs) ? this.greyed(name, drawing, needs) : folded(name, ...parts);
  }

  /** @param {Member} member */
  message(member) {
    const { session, dialog } = this;
    const needs = session.roles.size === 0 || !lacking(session, needed('sendText')) ? [] : needed('sendText', member.channel);
    const { input, element } = field(t('messageTo', { name: member.name }), { ...bytes(Bound.maxText), autocomplete: 'off', required: true });
    const form = h('form', {
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        dialog.act(async () => {
          await session.request('sendText', { session: member.session, text: input.value.trim() });
          input.value = '';
          return t('messageSent');
        });
      },
    }, element, h('button', { type: 'submit' }, t('send')));
    return this.fold(t('message'), ICONS.send, needs, form);
  }

  /** @param {Member} member */
  kick(member) {
    const { session, dialog } = this;
    const needs = [...needed('kick'), this.outranked(member)];
    const { input, element } = field(t('reasonTold'), { ...bytes(Bound.maxReason), autocomplete: 'off' });
    const form = h('form', {
      onsubmit: async (/** @type {Event} */ event) => {
        event.preventDefault();
        if (await dialog.act(() => session.request('kick', { session: member.session, reason: input.value.trim() }).then(() => {}))) dialog.close();
      },
    }, element, h('button', { type: 'submit', class: 'danger' }, t('kickIt', { name: member.name })));
    return this.fold(t('kick'), ICONS.leave, needs, form);
  }

  /** @param {Member} member */
  ban(member) {
    const { session, dialog } = this;
    const needs = [...needed('createBan'), { refused: !member.user && t('guestsHaveNone') }, this.outranked(member)];
    const { input, element } = field(t('reasonTold'), { ...characters(Bound.maxSentence), autocomplete: 'off' });
    const life = lifeChoice();
    const form = h('form', {
      onsubmit: async (/** @type {Event} */ event) => {
        event.preventDefault();
        if (await dialog.act(() => session.request('createBan', { user: member.name, reason: input.value.trim(), lifeMs: Number(life.select.value) }).then(() => {}))) dialog.close();
      },
    }, element, life.element, h('button', { type: 'submit', class: 'danger' }, t('banIt', { name: member.name })));
    return this.fold(t('ban'), ICONS.forbidden, needs, form);
  }

  /** @param {Member} member */
  roles(member) {
    const { session, dialog } = this;
    const needs = [...needed('grantRole'), { refused: !member.user && t('guestsNoRoles') }, this.outranked(member)];
    const list = h('ul', { class: 'devices' });
    const place = h('div', { class: 'folded' });
    const life = lifeChoice();
    const rows = new Rows((/** @type {number} */ id) => {
      const shown = h('span');
      const revoke = dialog.button(t('revoke'), async () => {
        await session.request('revokeRole', { user: member.name, role: id });
      });
      return {
        element: h('li', {}, shown, revoke),
        draw: (/** @type {import('./messages.js').Role} */ role) => {
          refresh(shown, badge(role));
          mark(revoke, 'aria-label', t('revokeRole', { role: role.name, name: member.name }));
        },
      };
    });
    const { select, element } = choice(t('role'), []);
    const grant = dialog.button(t('grant'), async () => {
      await session.request('grantRole', { user: member.name, role: Number(select.value), lifeMs: Number(life.select.value) });
      return t('granted');
    });
    place.append(element, life.element, grant);
    const draw = () => {
      const has = session.rolesOf(this.member);
      arrange(list, rows.draw(has.map((role) => [role.id, role])));
      const grants = [...session.roles.values()].filter((role) => !has.includes(role));
      offer(select, grants.map((role) => [role.id, role.name]));
      place.hidden = grants.length === 0;
    };
    draw();
    let before = String(member.roles);
    dialog.follow(session, () => {
      const now = `${this.member?.roles} ${[...session.roles.keys()]}`;
      if (now === before) return;
      before = now;
      draw();
    });
    return this.fold(t('rolesOf', { name: member.name }), ICONS.shield, needs, list, place);
  }
}

/** What one says of oneself. @param {Room} room */
function self(room) {
  const { session } = room;
  const dialog = new Dialog(t('ownActions'), 'person');
  const { me } = session;
  const status = field(t('statusLine'), { ...bytes(Bound.maxStatus), autocomplete: 'off', '.value': me?.status ?? session.ownState.status });
  const roles = session.rolesOf(me);
  const away = h('input', {
    type: 'checkbox', checked: !!me?.away,
    onchange: async () => {
      // It is taken back where the server refuses it.
      if (!await dialog.act(() => session.setSelf({ away: away.checked }))) away.checked = session.ownState.away;
    },
  });
  const priority = new Action(session, (sentence) => dialog.say(sentence));
  const channel = me?.channel ?? 0;
  const draw = () => {
    const on = !!session.me?.priority;
    priority.draw({
      name: on ? t('priorityOff') : t('priorityOn'), drawing: ICONS.priority, needs: [{ channel, permission: 'priority' }], pressed: on,
      act: (wanted) => dialog.act(async () => {
        await session.request('moderate', { session: session.self, priority: wanted });
      }),
    });
  };
  draw();
  dialog.follow(session, draw);
  dialog.show(
    roles.length > 0 && h('p', { class: 'badges' }, roles.map(badge)),
    h('label', { class: 'choice' }, away, t('awayLong')),
    h('form', {
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        dialog.act(async () => {
          await session.setSelf({ status: status.input.value.trim() });
          return t('saved');
        });
      },
    }, status.element, h('button', { type: 'submit' }, t('save'))),
    h('div', { class: 'actions' }, priority.element),
    (me?.muted || me?.deafened) && h('p', { class: 'hint' }, [me.muted && t('mutedByOthers'), me.deafened && t('deafenedByOthers')].filter(Boolean).join(' · ')));
}

