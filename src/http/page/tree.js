// The tree of channels and who is in them: a row for each, which stays while what it shows is there.

import { MemberKind } from './codes.js';
import { ICONS, h, icon } from './dom.js';
import { Rows, keepingFocus, mark, place, prune, refresh, write } from './keep.js';
import { css, legible } from './permission.js';
import { picture } from './profiles.js';
import { guarded, lacking, needed, shade, since } from './reason.js';
import { t } from './text.js';

/** The kind of a dragged person. */
const PERSON = 'application/x-parlour-session';

/** Milliseconds for which what comes waits for a press to end, at most. */
const HELD = 5000;

/** @typedef {import('./messages.js').Channel} Channel */
/** @typedef {import('./messages.js').Member} Member */

/** What names stand on: `--sheet` of main.css, by day and by night. */
const GROUND = { light: 0xffffff, dark: 0x172225 };

export class Tree {
  /** @param {import('./room.js').Room} room */
  constructor(room) {
    this.room = room;
    this.session = room.session;
    this.root = h('ul');
    this.favourites = h('ul', { class: 'favourites', 'aria-label': t('favourites') });
    this.element = h('nav', { class: 'tree', 'aria-label': t('channels') }, this.favourites, h('h2', {}, t('channels')), this.root);
    this.starred = new Rows((/** @type {number} */ id) => new FavouriteRow(this, id));
    this.channels = new Rows((/** @type {number} */ id) => new ChannelRow(this, id));
    this.members = new Rows((/** @type {number} */ id) => new MemberRow(this, id));
    this.hold();
  }

  /** Nothing moves under a finger: what comes meanwhile is drawn when it is let go of. */
  hold() {
    const { signal } = this.room.stop;
    this.held = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let bound;
    const release = () => {
      if (!this.held) return;
      this.held = false;
      clearTimeout(bound);
      this.room.drawSoon();
    };
    this.element.addEventListener('pointerdown', () => {
      this.held = true;
      clearTimeout(bound);
      bound = setTimeout(release, HELD);
    });
    // The click comes right after, so it finds all in its place.
    for (const type of ['pointerup', 'pointercancel', 'dragend', 'blur']) addEventListener(type, () => setTimeout(release), { signal });
  }

  draw() {
    if (this.held) return;
    const { session } = this;
    const channels = [...session.channels.values()].sort((a, b) => a.position - b.position || a.name.localeCompare(b.name));
    const members = [...session.members.values()].sort((a, b) => a.name.localeCompare(b.name));
    this.channels.draw(channels.map((channel) => [channel.id, channel]));
    this.members.draw(members.map((member) => [member.session, member]));
    /** @type {[Element, Element[]][]} */
    const lists = [];
    const branch = (/** @type {number} */ parent) => channels.filter((channel) => channel.parent === parent || (parent === 0 && !session.channels.has(channel.parent)));
    const starred = channels.filter(({ id }) => this.room.following.favourites.has(id)).sort((a, b) => a.name.localeCompare(b.name));
    lists.push([this.favourites, this.starred.draw(starred.map((channel) => [channel.id, channel]))]);
    const elements = (/** @type {Channel[]} */ some) => some.flatMap(({ id }) => this.channels.rows.get(id)?.element ?? []);
    lists.push([this.root, elements(branch(0))]);
    for (const { id } of channels) {
      const row = this.channels.rows.get(id);
      if (!row) continue;
      lists.push([row.members, members.filter((member) => member.channel === id).flatMap(({ session: one }) => this.members.rows.get(one)?.element ?? [])]);
      lists.push([row.below, elements(branch(id))]);
    }
    keepingFocus(() => {
      // All are placed before any is taken away: what goes from one list to another is moved, and never gone.
      for (const [list, wanted] of lists) place(list, wanted);
      for (const [list, wanted] of lists) {
        prune(list, wanted);
        mark(list, 'hidden', wanted.length === 0);
      }
    });
  }

  /** @param {number} ssrc @param {boolean} talking @param {boolean} whisper */
  talking(ssrc, talking, whisper) {
    for (const row of this.members.rows.values()) if (row.ssrc === ssrc) row.talks(talking, whisper);
  }
}

/** What a channel asks of whoever goes in. @param {import('./session.js').Session} session @param {Channel | undefined} channel @returns {import('./reason.js').Need[]} */
function entry(session, channel) {
  if (!channel || session.me?.channel === channel.id) return [];
  const full = channel.userLimit > 0 && peopleIn(session, channel.id) >= channel.userLimit && !!lacking(session, needed('moveSession', channel.id));
  return [...needed('join', channel.id), { refused: full && t('errorChannelFull') }];
}

/** How many people are in a channel. @param {import('./session.js').Session} session @param {number} channel */
const peopleIn = (session, channel) => [...session.members.values()].filter((member) => member.channel === channel).length;

/** A favourite, above the tree: wherever it is, it is one press away. */
class FavouriteRow {
  /** @param {Tree} tree @param {number} id */
  constructor(tree, id) {
    const { room, session } = tree;
    this.session = session;
    this.name = h('span', { class: 'name' });
    this.count = h('span', { class: 'count', 'aria-hidden': 'true' });
    this.button = h('button', { type: 'button', class: 'favourite', 'data-key': `favourite ${id}` }, icon(ICONS.star), this.name, this.count);
    const channel = () => session.channels.get(id);
    guarded(this.button, session, () => entry(session, channel()), () => {
      const wanted = channel();
      return wanted && session.me?.channel !== id && room.join(wanted);
    }, (sentence) => room.say(sentence, 12_000));
    this.element = h('li', {}, this.button);
  }

  /** @param {Channel} channel */
  draw(channel) {
    const { session, button } = this;
    const count = peopleIn(session, channel.id);
    write(this.name, channel.name);
    write(this.count, count > 0 ? String(count) : '');
    mark(button, 'aria-current', session.me?.channel === channel.id && 'true');
    shade(button, session, entry(session, channel));
  }
}

class ChannelRow {
  /** @param {Tree} tree @param {number} id */
  constructor(tree, id) {
    const { room, session } = tree;
    this.room = room;
    this.session = session;
    this.id = id;
    this.name = h('span', { class: 'name' });
    this.signs = h('span', { class: 'signs' });
    this.button = h('button', { type: 'button', class: 'channel', 'data-key': `channel ${id}` }, this.name, this.signs);
    guarded(this.button, session, () => this.needs, () => this.channel && !this.here && room.join(this.channel), (sentence) => room.say(sentence, 12_000));
    const menu = () => this.channel && room.channelMenu(this.channel);
    this.more = h('button', { type: 'button', class: 'more', 'data-key': `menu ${id}`, 'aria-haspopup': 'dialog', onclick: menu }, icon(ICONS.more));
    const row = h('div', {
      class: 'row',
      oncontextmenu: (/** @type {Event} */ event) => {
        event.preventDefault();
        menu();
      },
    }, this.button, this.more);
    this.members = h('ul', { class: 'members' });
    this.below = h('ul');
    this.element = h('li', {}, row, this.members, this.below);
    takesPeople(this.button, room, id);
  }

  get channel() {
    return this.session.channels.get(this.id);
  }

  get here() {
    return this.session.me?.channel === this.id;
  }

  get needs() {
    return entry(this.session, this.channel);
  }

  /** @param {Channel} channel */
  draw(channel) {
    write(this.name, channel.name);
    refresh(this.signs, this.states(channel));
    mark(this.button, 'aria-current', this.here && 'true');
    mark(this.element, 'class', this.here && 'here');
    mark(this.more, 'aria-label', t('channelActions', { channel: channel.name }));
    shade(this.button, this.session, this.needs);
  }

  /** @param {Channel} channel */
  states(channel) {
    const { session } = this;
    const count = peopleIn(session, channel.id);
    const linked = channel.links.map((id) => session.path(id)).filter(Boolean);
    const listened = session.me?.listening?.some((one) => one.channel === channel.id);
    const shown = channel.userLimit ? `${count}/${channel.userLimit}` : count;
    return [
      this.room.following.favourites.has(channel.id) && icon(ICONS.star, t('isFavourite')),
      channel.recordedBy && h('span', { class: 'recorded' }, icon(ICONS.record, t('recordedBy', { name: channel.recordedBy, when: since(channel.recordedSinceMs) }))),
      channel.password && icon(ICONS.lock, t('hasPassword')),
      channel.temporaryMs !== undefined && icon(ICONS.clock, t('temporary')),
      linked.length > 0 && icon(ICONS.link, t('linkedWith', { channels: linked.join(', ') })),
      listened && icon(ICONS.ear, t('youListen')),
      (count > 0 || channel.userLimit > 0) && h('span', { class: 'count', 'aria-hidden': 'true' }, shown),
      channel.userLimit > 0 && h('span', { class: 'visually-hidden' }, t('ofLimit', { count, limit: channel.userLimit })),
    ];
  }
}

/** Lets people be dragged onto a channel. @param {HTMLElement} button @param {import('./room.js').Room} room @param {number} channel */
function takesPeople(button, room, channel) {
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
    if (moved) room.act(room.session.request('moveSession', { session: moved, channel }));
  });
}

class MemberRow {
  /** @param {Tree} tree @param {number} id */
  constructor(tree, id) {
    const { room, session } = tree;
    this.room = room;
    this.session = session;
    this.id = id;
    this.ssrc = 0;
    this.picture = h('span', { class: 'of' });
    this.name = h('span', { class: 'name' });
    this.roles = h('span', { class: 'visually-hidden' });
    this.says = h('span', { class: 'says' });
    this.signs = h('span', { class: 'signs' });
    this.status = h('span', { class: 'status' });
    const menu = () => {
      const member = session.members.get(id);
      if (member) room.menu(member);
    };
    this.more = h('button', { type: 'button', class: 'more', 'data-key': `member ${id}`, 'aria-haspopup': 'dialog', onclick: menu }, icon(ICONS.more));
    this.element = h('li', {
      class: 'member',
      ondragstart: (/** @type {DragEvent} */ event) => event.dataTransfer?.setData(PERSON, String(id)),
      oncontextmenu: (/** @type {Event} */ event) => {
        event.preventDefault();
        menu();
      },
    }, h('div', { class: 'line' }, h('span', { class: 'lamp', 'aria-hidden': 'true' }), this.picture, this.name, this.roles, this.says, this.signs, this.more), this.status);
  }

  get own() {
    return this.id === this.session.self;
  }

  /** @param {Member} member */
  draw(member) {
    const { session, room, own, element } = this;
    const roles = session.rolesOf(member);
    const names = roles.map((role) => role.name).join(', ');
    const profile = room.profiles.of(member);
    const who = h('span', { class: 'who' }, profile?.displayName || member.name);
    const dot = coloured(who, roles.find((role) => role.colour)?.colour ?? 0);
    refresh(this.picture, picture(profile, 24));
    // Whom the account's name tells apart, one has to see by it.
    refresh(this.name, who, !!profile?.displayName && h('span', { class: 'account-name' }, ` ${member.name}`), own && h('span', { class: 'you' }, ` (${t('you')})`), dot);
    write(this.roles, names);
    refresh(this.signs, this.states(member));
    // What one presses oneself holds at once.
    write(this.status, own ? session.ownState.status || member.status : member.status);
    mark(this.more, 'aria-label', own ? t('ownActions') : t('actions', { name: member.name }));
    mark(element, 'data-ssrc', member.ssrc);
    mark(element, 'draggable', !own && room.destinations(member).length > 0 && 'true');
    mark(element, 'title', [names, member.kind === MemberKind.browser ? t('viaBrowser') : member.client].filter(Boolean).join(' · '));
    this.ssrc = member.ssrc;
    this.talks(session.talking.has(member.ssrc), session.whispering.has(member.ssrc));
  }

  /** @param {Member} member */
  states(member) {
    const { session } = this;
    const listening = member.listening.map((one) => session.path(one.channel)).filter(Boolean);
    // What one presses oneself holds at once.
    const { mute, deaf } = this.own ? session.ownState : member;
    return [
      member.priority && h('span', { class: 'good' }, icon(ICONS.priority, t('prioritySpeaker'))),
      mute && icon(ICONS.muted, t('muted')), deaf && icon(ICONS.deaf, t('deafened')),
      member.muted && h('span', { class: 'by-others' }, icon(ICONS.muted, t('mutedByOthers'))),
      member.deafened && h('span', { class: 'by-others' }, icon(ICONS.deaf, t('deafenedByOthers'))),
      member.suppressed && h('span', { class: 'state' }, t('suppressed')),
      listening.length > 0 && h('span', { class: 'good' }, icon(ICONS.ear, t('listensTo', { channels: listening.join(', ') }))),
      member.away && h('span', { class: 'state' }, t('away')),
    ];
  }

  /** @param {boolean} talking @param {boolean} whisper */
  talks(talking, whisper) {
    const whispers = talking && whisper && !this.own;
    this.element.classList.toggle('talking', talking);
    this.element.classList.toggle('whispers', whispers);
    this.says.classList.toggle('visually-hidden', !whispers);
    write(this.says, whispers ? t('whispersToYou') : talking ? t('talking') : '');
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
