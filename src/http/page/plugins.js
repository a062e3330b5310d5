// The plugins of the organization; and one is installed, with what whoever installs it grants.

import { Bound } from './bounds.js';
import { ErrorCode } from './codes.js';
import { Dialog, field, folded } from './dialog.js';
import { fill, h } from './dom.js';
import { Rows, arrange, refresh, write } from './keep.js';
import { Asked, closely, plugin as one, shortly } from './plugin.js';
import { Problem, isRefusal } from './refusal.js';
import { t } from './text.js';

/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./messages.js').Plugin} Plugin */

/** The plugins of the organization. @param {Session} session */
export async function plugins(session) {
  const dialog = new Dialog(t('plugins'), 'wide');
  const list = h('ul', { class: 'devices hooks' });
  const nothing = h('li', { class: 'hint' }, t('pluginsNone'));
  const rows = new Rows((/** @type {string} */ name) => {
    const title = h('strong');
    const said = h('div', { class: 'hint' });
    const opens = dialog.button(t('pluginOpen'), async () => one(session, name, (sentence) => dialog.act(async () => {
      await draw();
      return sentence;
    })), { 'aria-label': t('pluginOpenOf', { plugin: name }) });
    return {
      element: h('li', {}, h('div', {}, title), said, h('div', { class: 'actions' }, opens)),
      draw: (/** @type {Plugin} */ plugin) => {
        write(title, plugin.name);
        refresh(said, shortly(plugin));
      },
    };
  });
  const draw = async () => {
    const { plugins: all } = await session.request('listPlugins', {});
    arrange(list, [all.length === 0 && nothing, ...rows.draw(all.map((plugin) => [plugin.name, plugin]))]);
  };
  dialog.show(h('p', { class: 'lead' }, t('pluginsLead')), list, folded(t('pluginInstall'), installation(session, dialog, draw)));
  await dialog.act(draw);
}

/** The SHA-256 of some bytes, as the server writes it. @param {BufferSource} bytes */
async function hashOf(bytes) {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return [...hash].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * Sends a plugin's code, part after part.
 * @param {Session} session @param {Uint8Array<ArrayBuffer>} code @param {string} sha256 @param {(share: number) => void} progress
 */
async function send(session, code, sha256, progress) {
  for (let offset = 0; offset < code.length;) {
    const data = code.subarray(offset, offset + Bound.maxPluginPart);
    try {
      await session.request('sendPluginPart', { sha256, offset, data });
    } catch (error) {
      if (!isRefusal(error, ErrorCode.rateLimited)) throw error;
      await new Promise((resolve) => setTimeout(resolve, error.retryAfter || 1000));
      continue;
    }
    offset += data.length;
    progress(offset / code.length);
  }
}

/** What installs a plugin. @param {Session} session @param {Dialog} dialog @param {() => Promise<void>} done */
function installation(session, dialog, done) {
  const [code, manifest] = [field(t('pluginCode'), { type: 'file', accept: '.wasm,application/wasm' }), field(t('pluginManifestFile'), { type: 'file', accept: '.toml' })];
  const asked = new Asked();
  const says = h('p', {});
  const does = h('div', { class: 'closely hint' });
  const progress = h('progress', { max: 1, '.value': 0, hidden: true, 'aria-label': t('pluginSending') });
  /** What was looked at: that and nothing else is installed. @type {{code: Uint8Array<ArrayBuffer>, sha256: string, manifest: string} | undefined} */
  let seen;
  const installs = dialog.button(t('pluginInstallIt'), async () => {
    if (!seen) return undefined;
    progress.hidden = false;
    try {
      await send(session, seen.code, seen.sha256, (share) => { progress.value = share; });
    } finally {
      progress.hidden = true;
    }
    const { name } = await session.request('installPlugin', { sha256: seen.sha256, manifest: seen.manifest, grants: asked.granted });
    forget();
    [code.input.value, manifest.input.value] = ['', ''];
    await done();
    return t('pluginInstalled', { plugin: name });
  }, { class: 'primary' });
  const shown = h('div', { class: 'column' }, says, does, asked.element, progress, installs);
  const forget = () => {
    seen = undefined;
    // What was ticked for another one isn't for the next.
    asked.drawn = '';
    shown.hidden = true;
  };
  forget();
  for (const { input } of [code, manifest]) input.addEventListener('change', forget);
  const look = dialog.button(t('pluginLook'), async () => {
    const [wasm, toml] = [code.input.files?.[0], manifest.input.files?.[0]];
    if (!wasm || !toml) throw new Problem(t('pluginChoose'));
    const text = await toml.text();
    const plugin = await session.request('checkPlugin', { manifest: text });
    const bytes = new Uint8Array(await wasm.arrayBuffer());
    const sha256 = await hashOf(bytes);
    seen = { code: bytes, sha256, manifest: text };
    const { name, version, asks } = plugin;
    fill(says, t(asks.length > 0 ? 'pluginAccept' : 'pluginAsksNothing', { plugin: name, version }));
    refresh(does, plugin.description, ...closely(plugin, sha256));
    asked.draw(asks, []);
    asked.element.hidden = asks.length === 0;
    write(installs, t(asks.length > 0 ? 'pluginInstallIt' : 'pluginInstallPlain'));
    shown.hidden = false;
    shown.scrollIntoView({ block: 'nearest' });
  });
  return h('div', { class: 'column' }, h('p', { class: 'hint' }, t('pluginInstallLead')), code.element, manifest.element, look, shown);
}
