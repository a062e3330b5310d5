// One plugin: what it is and may, what it wrote down, and what its owner does with it.

import { actions } from './action.js';
import { PluginOff } from './codes.js';
import { Dialog, folded } from './dialog.js';
import { fill, h, print } from './dom.js';
import { facts } from './grants.js';
import { arrange, refresh } from './keep.js';
import { lasted } from './running.js';
import { language, t, when } from './text.js';

/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./messages.js').Plugin} Plugin */
/** @typedef {import('./messages.js').PluginLine} PluginLine */

/** What a grant lets a plugin do, for people; one that this page doesn't know by the manifest's word. @param {string} grant */
const meaning = (grant) => ({
  'db.users.read': t('grantUsersRead'), 'db.users.create': t('grantUsersCreate'), 'db.sessions.create': t('grantSessionsCreate'), kv: t('grantKv'),
  text: t('grantText'), 'hook.text': t('grantHookText'), 'hook.event': t('grantHookEvent'), 'flow.step': t('grantFlowStep'),
})[grant] ?? (grant.startsWith('http:') ? t('grantHttp', { host: grant.slice('http:'.length) }) : grant);

/** Boxes for what a plugin asks for. */
export class Asked {
  constructor() {
    this.element = h('fieldset', { class: 'column' });
    this.drawn = '';
    /** @type {[string, HTMLInputElement][]} */
    this.boxes = [];
  }

  /** @param {string[]} asks @param {string[]} granted */
  draw(asks, granted) {
    const now = print([asks, granted]);
    if (this.drawn === now) return;
    this.drawn = now;
    this.boxes = asks.map((grant) => [grant, h('input', { type: 'checkbox', checked: granted.includes(grant) })]);
    fill(this.element, h('legend', {}, t('pluginGrants')), asks.length === 0 ? h('p', { class: 'hint' }, t('pluginGrantsNone')) : this.boxes.map(([grant, box]) => h('label', { class: 'permission' },
      box, h('span', {}, h('strong', {}, meaning(grant)), h('code', { class: 'hint' }, grant)))));
  }

  get granted() {
    return this.boxes.filter(([, box]) => box.checked).map(([grant]) => grant);
  }
}

/** Why a plugin isn't called. @param {Plugin} plugin */
const whyOff = ({ off, failure }) => ({ [PluginOff.owner]: t('pluginOffOwner'), [PluginOff.failing]: t('pluginOffFailing', { failure }) })[off];

/** What is said of a plugin in the list. @param {Plugin} plugin */
export function shortly(plugin) {
  const { description, version, asks, grants } = plugin;
  const lacks = asks.filter((grant) => !grants.includes(grant));
  return facts([
    description, [version, plugin.installedMs > 0 && t('pluginSince', { when: when(plugin.installedMs) })].filter(Boolean).join(' · '),
    grants.length > 0 ? t('pluginGranted', { what: grants.map(meaning).join('; ') }) : t('pluginGrantedNothing'),
    lacks.length > 0 && t('pluginRefused', { what: lacks.map(meaning).join('; ') }), whyOff(plugin) ?? false,
  ]);
}

/** What a plugin does, and within which bounds. @param {Plugin} plugin @param {string} hash Of its code. */
export function closely({ functions, logIn, admitsWhenBroken, fuel, callMs, memoryKib }, hash) {
  return facts([
    t('pluginFunctions', { functions: functions.join(', ') }),
    logIn !== '' && t(admitsWhenBroken ? 'pluginLogInAdmits' : 'pluginLogIn', { function: logIn }),
    t('pluginQuotas', { fuel: fuel.toLocaleString(language()), time: lasted(callMs), memory: memoryKib.toLocaleString(language()) }),
    t('pluginHash', { hash }),
  ]);
}

/** A line of its log. @param {PluginLine} line */
const written = ({ atMs, level, function: called, text }) => h('li', {}, `${when(atMs)} · ${called} · ${level}`, h('pre', { class: 'answer' }, text));

/** @param {Session} session @param {string} name @param {(sentence?: string) => void} closed */
export async function plugin(session, name, closed) {
  const dialog = new Dialog(t('pluginNamed', { plugin: name }), 'wide');
  const said = h('div', { class: 'hint' });
  const does = h('div', { class: 'closely' });
  const bar = h('div', { class: 'actions' });
  const own = actions(session, (sentence) => dialog.say(sentence));
  const asked = new Asked();
  const save = dialog.button(t('pluginGrantSave'), async () => {
    await session.request('editPlugin', { name, granted: { grants: asked.granted } });
    await draw();
    return t('saved');
  });
  const manifest = h('pre', { class: 'source', tabindex: 0, 'aria-label': t('pluginManifest') });
  const lines = h('ol', { class: 'tries' });
  const nothing = h('li', { class: 'hint' }, t('pluginLogNone'));
  const read = async () => {
    const { lines: all } = await session.request('readPluginLog', { name });
    if (all.length === 0) arrange(lines, [nothing]);
    else refresh(lines, all.map(written));
  };
  const log = folded(t('pluginLog'), h('p', { class: 'hint' }, t('pluginLogLead')), dialog.button(t('pluginLogLook'), read), lines);
  log.addEventListener('toggle', () => log.open && dialog.act(read));
  let gone = '';
  const removes = folded(t('pluginRemove'), h('p', {}, t('pluginRemoveLead')), dialog.button(t('pluginRemoveIt'), async () => {
    await session.request('removePlugin', { name });
    gone = t('pluginRemoved', { plugin: name });
    dialog.close();
  }, { class: 'danger' }));
  const draw = async () => {
    const now = await session.request('getPlugin', { name });
    const on = now.off === PluginOff.on;
    refresh(said, shortly(now));
    refresh(does, closely(now, now.sha256));
    arrange(bar, own([{
      key: 'on', name: on ? t('pluginTurnOff') : t('pluginTurnOn'), needs: [],
      act: () => dialog.act(async () => {
        await session.request('editPlugin', { name, on: !on });
        await draw();
        return on ? t('pluginIsOff') : t('pluginIsOn');
      }),
    }]));
    asked.draw(now.asks, now.grants);
    save.hidden = now.asks.length === 0;
    refresh(manifest, now.manifest);
  };
  dialog.element.addEventListener('close', () => closed(gone));
  dialog.show(said, does, bar, asked.element, save, folded(t('pluginManifest'), manifest), log, removes);
  await dialog.act(draw);
}
