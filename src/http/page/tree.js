// The tree of channels and who is in them, as it is drawn.

import { MemberKind } from './codes.js';
import { ICONS, fill, h, icon } from './dom.js';
import { css, legible } from './permission.js';
import { guarded, lacking, needed, since } from './reason.js';
import { t } from './text.js';

/** The kind of a dragged person. */
const PERSON = 'application/x-parlour-session';

/** @typedef {import('./messages.js').Channel} Channel */
/** @typedef {import('./messages.js').Member} Member */

/** What names stand on: `--sheet` of main.css, by day and by night. */
const GROUND = { light: 0xffffff, dark: 0x172225 };

export class Tree {
  /** @param {import('./room.js').Room} room */
  constructor(room) {
    this.room = room;
    this.session = room.session;
    this.element = h('nav', { class: 'tree', 'aria-label': t('channels') });
  }

  draw() {
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset?.key;
    fill(this.element, h('h2', {}, t('channels')), this.branch(0));
    if (focused) /** @type {HTMLElement | null} */ (this.element.querySelector(`[data-key="${focused}"]`))?.focus();
  }

  /** @param {number} parent @returns {HTMLElement | false} */
  branch(parent) {
    const { session } = this;
    const channels = [...session.channels.values()].filter((channel) => channel.parent === parent || (parent === 0 && !session.channels.has(channel.parent)));
    if (channels.length === 0) return false;
    channels.sort((a, b) => a.position - b.position || a.name.localeCompare(b.name));
    return h('ul', {}, channels.map((channel) => this.channel(channel)));
  }

  /** @param {Channel} channel @param {Member[]} members */
  signs(channel, members) {
    const { session } = this;
    const linked = channel.links.map((id) => session.path(id)).filter(Boolean);
    const listened = session.me?.listening?.some((one) => one.channel === channel.id);
    const count = channel.userLimit ? `${members.length}/${channel.userLimit}` : members.length;
    return [
      channel.recordedBy && h('span', { class: 'recorded' }, icon(ICONS.record, t('recordedBy', { name: channel.recordedBy, when: since(channel.recordedSinceMs) }))),
      channel.password && icon(ICONS.lock, t('hasPassword')),
      channel.temporaryMs !== undefined && icon(ICONS.clock, t('temporary')),
      linked.length > 0 && icon(ICONS.link, t('linkedWith', { channels: linked.join(', ') })),
      listened && icon(ICONS.ear, t('youListen')),
      (members.length > 0 || channel.userLimit > 0) && h('span', { class: 'count', 'aria-hidden': 'true' }, count),
      channel.userLimit > 0 && h('span', { class: 'visually-hidden' }, t('ofLimit', { count: members.length, limit: channel.userLimit })),
    ];
  }

  /** @param {Channel} channel */
  channel(channel) {
    const { session, room } = this;
    const here = session.me?.channel === channel.id;
    const members = [...session.members.values()].filter((member) => member.channel === channel.id);
    members.sort((a, b) => a.name.localeCompare(b.name));
    const full = channel.userLimit > 0 && members.length >= channel.userLimit && !!lacking(session, needed('moveSession', channel.id));
    const button = h('button', {
      type: 'button', class: 'channel', 'data-key': `channel ${channel.id}`, 'aria-current': here ? 'true' : undefined,
    }, h('span', { class: 'name' }, channel.name), this.signs(channel, members));
    const needs = here ? [] : [...needed('join', channel.id), { refused: full && t('errorChannelFull') }];
    guarded(button, session, needs, () => !here && room.join(channel), (sentence) => room.say(sentence, 12_000));
    const more = h('button', {
      type: 'button', class: 'more', 'data-key': `menu ${channel.id}`, 'aria-label': t('channelActions', { channel: channel.name }), 'aria-haspopup': 'dialog',
      onclick: () => room.channelMenu(channel),
    }, icon(ICONS.more));
    const row = h('div', { class: 'row' }, button, more);
    row.addEventListener('contextmenu', (event) => {
      event.preventDefault();
      room.channelMenu(channel);
    });
    this.takesPeople(button, channel);
    return h('li', { class: here ? 'here' : undefined }, row,
      members.length > 0 && h('ul', { class: 'members' }, members.map((member) => this.member(member))), this.branch(channel.id));
  }

  /** @param {HTMLElement} button @param {Channel} channel */
  takesPeople(button, channel) {
    button.addEventListener('dragover', (event) => {
      if (event.dataTransfer?.types.includes(PERSON)) {
        event.preventDefault();
        button.classList.add('target');
      }
    });
    button.addEventListener('dragleave', () => button.classList.remove('target'));
    button.addEventListener('drop', (event) => {
      event.preventDefault();
      button.classList.remove('target');
      const moved = Number(event.dataTransfer?.getData(PERSON));
      if (moved) this.room.act(this.session.request('moveSession', { session: moved, channel: channel.id }));
    });
  }

  /** @param {Member} member */
  states(member) {
    const listening = member.listening.map((one) => this.session.path(one.channel)).filter(Boolean);
    return [
      member.priority && h('span', { class: 'good' }, icon(ICONS.priority, t('prioritySpeaker'))),
      member.mute && icon(ICONS.muted, t('muted')), member.deaf && icon(ICONS.deaf, t('deafened')),
      member.muted && h('span', { class: 'by-others' }, icon(ICONS.muted, t('mutedByOthers'))),
      member.deafened && h('span', { class: 'by-others' }, icon(ICONS.deaf, t('deafenedByOthers'))),
      member.suppressed && h('span', { class: 'state' }, t('suppressed')),
      listening.length > 0 && h('span', { class: 'good' }, icon(ICONS.ear, t('listensTo', { channels: listening.join(', ') }))),
      member.away && h('span', { class: 'state' }, t('away')),
    ];
  }

  /** @param {Member} member */
  member(member) {
    const { session, room } = this;
    const own = member.session === session.self;
    const movable = !own && room.destinations(member).length > 0;
    const roles = session.rolesOf(member);
    const names = roles.map((role) => role.name).join(', ');
    const talking = session.talking.has(member.ssrc);
    const name = h('span', { class: 'name' }, h('span', { class: 'who' }, member.name), own && h('span', { class: 'you' }, ` (${t('you')})`));
    const dot = coloured(/** @type {HTMLElement} */ (name.firstElementChild), roles.find((role) => role.colour)?.colour ?? 0);
    if (dot) name.append(dot);
    const element = h('li', {
      class: talking ? 'member talking' : 'member', 'data-ssrc': member.ssrc, draggable: movable ? 'true' : undefined,
      title: [names, member.kind === MemberKind.browser ? t('viaBrowser') : member.client].filter(Boolean).join(' · '),
    },
    h('div', { class: 'line' }, h('span', { class: 'lamp', 'aria-hidden': 'true' }), name,
      names && h('span', { class: 'visually-hidden' }, names),
      h('span', { class: 'says' }), ...this.states(member),
      h('button', {
        type: 'button', class: 'more', 'data-key': `member ${member.session}`, 'aria-label': own ? t('ownActions') : t('actions', { name: member.name }), 'aria-haspopup': 'dialog',
        onclick: () => room.menu(member),
      }, icon(ICONS.more))),
    member.status && h('span', { class: 'status' }, member.status));
    this.says(element, talking, session.whispering.has(member.ssrc));
    element.addEventListener('dragstart', (event) => event.dataTransfer?.setData(PERSON, String(member.session)));
    element.addEventListener('contextmenu', (event) => {
      event.preventDefault();
      room.menu(member);
    });
    return element;
  }

  /** @param {Element} element @param {boolean} talking @param {boolean} whisper */
  says(element, talking, whisper) {
    const says = element.querySelector('.says');
    const own = element.querySelector('.you') !== null;
    const shown = talking && whisper && !own;
    element.classList.toggle('whispers', shown);
    says?.classList.toggle('visually-hidden', !shown);
    if (says) fill(says, shown ? t('whispersToYou') : talking ? t('talking') : '');
  }

  /** @param {number} ssrc @param {boolean} talking @param {boolean} whisper */
  talking(ssrc, talking, whisper) {
    const element = this.element.querySelector(`[data-ssrc="${ssrc}"]`);
    if (!element) return;
    const shown = talking && whisper && element.querySelector('.you') === null;
    if (element.classList.contains('talking') === talking && element.classList.contains('whispers') === shown) return;
    element.classList.toggle('talking', talking);
    this.says(element, talking, whisper);
  }
}

/**
 * Gives a name the colour of its role where it can be read in it, by day and by night. Answers with a dot of that colour,
 * which shows where it can't.
 * @param {HTMLElement} name @param {number} colour
 */
export function coloured(name, colour) {
  if (!colour) return undefined;
  const day = legible(colour, GROUND.light);
  const night = legible(colour, GROUND.dark);
  name.style.setProperty('--day', day ? css(colour) : 'var(--ink)');
  name.style.setProperty('--night', night ? css(colour) : 'var(--ink)');
  name.style.setProperty('color', 'light-dark(var(--day), var(--night))');
  if (day && night) return undefined;
  const dot = h('span', { class: 'dot', 'aria-hidden': 'true' });
  dot.style.setProperty('--dot', `light-dark(${day ? 'transparent' : css(colour)}, ${night ? 'transparent' : css(colour)})`);
  return dot;
}
