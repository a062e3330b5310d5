// Begins the page, and shows one view after the other.

import { Audio } from './audio.js';
import { CloseCode, ErrorCode } from './codes.js';
import { h, fill } from './dom.js';
import { entry } from './entry.js';
import { microphone } from './microphone.js';
import { codeIn, forget } from './place.js';
import { Room } from './room.js';
import { ending, explain, isRefusal } from './refusal.js';
import { Session } from './session.js';
import { settings } from './settings.js';
import { language, t } from './text.js';

const app = /** @type {HTMLElement} */ (document.getElementById('app'));

/** What the page can't do without. */
function missing() {
  /** @type {[string, boolean][]} */
  const needed = [
    ['WebCodecs', 'AudioEncoder' in window && 'AudioDecoder' in window],
    ['AudioWorklet', 'AudioWorkletNode' in window],
    ['a secure context', isSecureContext],
    ['a microphone interface', !!navigator.mediaDevices],
  ];
  return needed.filter(([, there]) => !there).map(([name]) => name);
}

/** @param {...import('./dom.js').Part} parts */
function card(...parts) {
  fill(app, h('main', { class: 'card' }, ...parts));
}

/** The channel that the address names: `#/Channel/Sub`. @param {Session} session */
function linked(session) {
  const path = location.hash.startsWith('#/') ? location.hash.slice(2).split('/').map(decodeURIComponent) : [];
  let parent = 0;
  for (const name of path) {
    const found = [...session.channels.values()].find((channel) => channel.parent === parent && channel.name.toLowerCase() === name.toLowerCase());
    if (!found) return 0;
    parent = found.id;
  }
  return parent;
}

async function begin() {
  document.documentElement.lang = language();
  const lacks = missing();
  if (lacks.length > 0) {
    card(h('h1', {}, 'Parlour'), h('p', { role: 'alert' }, t('unsupported', { missing: lacks.join(', ') })));
    return;
  }
  const worker = new Worker(new URL('worker.js', import.meta.url), { type: 'module' });
  const session = new Session(worker);
  const audio = new Audio(worker);
  /** @type {Room | undefined} */
  let room;
  let ready = false;
  /** Whether the microphone was let go of when the session ended, to be taken again where one goes in again. */
  let spoke = false;

  const enter = () => {
    // What was pressed may be done only when the session has ended: then the page says why.
    if (session.phase !== 'in' && session.phase !== 'returning') return;
    ready = true;
    // Where it can't be taken any more the room says so.
    if (spoke) audio.listen(settings).catch(() => {});
    spoke = false;
    room?.close();
    room = new Room(session, audio, worker);
    fill(app, room.element);
    room.title.focus();
    const code = codeIn('v');
    if (code) {
      forget();
      room.act(session.request('verifyEmail', { code }).then(() => room?.say(t('emailVerified'), 8000)));
    }
    const channel = session.channels.get(linked(session));
    const { me, organization } = session;
    // Where everybody is put who comes isn't where one chose to be.
    if (channel && (!me?.channel || me.channel === organization?.defaultChannel)) room.join(channel);
  };
  /** @param {string} [notice] */
  const ask = async (notice) => {
    // Whoever logs in may be somebody else.
    ready = false;
    spoke = false;
    try {
      const greeting = await session.greet();
      document.title = greeting.name;
      fill(app, entry(session, notice));
    } catch (error) {
      lost(error);
    }
  };
  /** @param {unknown} error */
  const lost = (error) => card(
    h('h1', {}, 'Parlour'), h('p', { role: 'alert' }, explain(error)),
    h('button', { type: 'button', class: 'primary', onclick: () => start() }, t('tryAgain')),
  );
  const start = async () => {
    card(h('p', { role: 'status' }, t('loading')));
    try {
      const back = await session.resume();
      document.title = session.greeting?.name ?? 'Parlour';
      if (!back) await ask();
    } catch (error) {
      lost(error);
    }
  };

  /** Says why it ended, and what there is to do about it. */
  const ended = () => {
    const { end } = session;
    /** @param {...import('./dom.js').Part} parts */
    const tell = (...parts) => card(h('h1', {}, session.greeting?.name ?? 'Parlour'), h('p', { role: 'alert' }, ending(end)), ...parts);
    const button = (/** @type {string} */ name, /** @type {() => void} */ act) => h('button', { type: 'button', class: 'primary', onclick: () => act() }, name);
    const again = () => (session.knowsToken ? start() : ask());
    if (isRefusal(end?.refusal, ErrorCode.banned)) {
      tell(button(t('tryAgain'), again));
      return;
    }
    switch (end?.code) {
      case CloseCode.banned: tell(button(t('tryAgain'), again)); break;
      case CloseCode.replaced: tell(button(t('comeHere'), start)); break;
      case CloseCode.kicked: tell(end.reason && h('blockquote', {}, end.reason), button(t('goInAgain'), again)); break;
      case CloseCode.organizationDeleted:
      case CloseCode.noSuchOrganization: tell(); break;
      case CloseCode.versionRefused: tell(button(t('reload'), () => location.reload())); break;
      default: ask(ending(end));
    }
  };

  session.addEventListener('phase', () => {
    if (session.phase === 'in' && !room) {
      if (ready) enter();
      else fill(app, microphone(session, audio, worker, enter));
    } else if (session.phase === 'out' && room) {
      room.close();
      room = undefined;
      audio.silence();
      ask();
    } else if (session.phase === 'ended') {
      room?.close();
      room = undefined;
      spoke ||= audio.wanted;
      audio.silence();
      worker.postMessage({ kind: 'close' });
      ended();
    }
  });
  await start();
}

begin();
