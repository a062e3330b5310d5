// The dialog of what a person can choose.

import { Audio } from './audio.js';
import { h, fill } from './dom.js';
import { offer } from './keep.js';
import { meter, microphoneProblem } from './microphone.js';
import { choose, settings } from './settings.js';
import { LANGUAGES, language, t } from './text.js';

/** What a key is called. @param {string} code As in `KeyboardEvent.code`. */
export function keyName(code) {
  return code.replace(/^(Key|Digit)/, '').replace(/([a-z])([A-Z])/g, '$1 $2');
}

/**
 * @param {import('./session.js').Session} session @param {Audio} audio @param {() => void} changed
 */
export async function preferences(session, audio, changed) {
  const problem = h('p', { class: 'problem', role: 'alert' });
  const level = meter(t('level'));
  const stop = new AbortController();
  session.on('mouth', (spoken) => level.set(spoken.level), stop.signal);

  const listenAgain = async () => {
    fill(problem);
    if (!audio.wanted) return;
    try {
      await audio.listen(settings);
    } catch (error) {
      fill(problem, microphoneProblem(error));
    }
  };

  /** @param {"activation" | "push" | "always"} mode @param {string} name */
  const modeChoice = (mode, name) => h('label', { class: 'choice' }, h('input', {
    type: 'radio', name: 'mode', value: mode, checked: settings.mode === mode,
    onchange: () => {
      choose({ mode });
      changed();
    },
  }), name);

  const threshold = h('input', {
    type: 'range', id: 'threshold', min: -80, max: -10, '.value': String(settings.threshold),
    oninput: () => {
      choose({ threshold: Number(threshold.value) });
      changed();
    },
  });

  /** @param {"key" | "whisperKey"} which @param {string} name */
  const keyChoice = (which, name) => {
    const key = h('kbd', {}, keyName(settings[which]));
    const change = h('button', {
      type: 'button', 'aria-label': t('changeKeyOf', { key: name }),
      onclick: () => {
        fill(change, t('pressKey'));
        addEventListener('keydown', (event) => {
          event.preventDefault();
          event.stopPropagation();
          if (event.code !== 'Escape') choose({ [which]: event.code });
          fill(key, keyName(settings[which]));
          fill(change, t('changeKey'));
          changed();
        }, { once: true, capture: true, signal: stop.signal });
      },
    }, t('changeKey'));
    return h('div', { class: 'field' }, h('span', {}, name), h('div', { class: 'range' }, key, change));
  };

  /** @type {(() => Promise<void>)[]} */
  const lists = [];
  /** @param {string} id @param {string} name @param {"microphones" | "loudspeakers"} kind @param {() => string} chosen @param {(id: string) => void} act */
  const device = (id, name, kind, chosen, act) => {
    const select = h('select', { id, onchange: () => { act(select.value); } });
    lists.push(async () => {
      const devices = (await Audio.devices())[kind].filter(({ label }) => label);
      // What was chosen stays chosen while it is gone.
      const gone = !!chosen() && devices.every(({ deviceId }) => deviceId !== chosen());
      offer(select, [['', t('usual')], ...devices.map(({ deviceId, label }) => /** @type {[string, string]} */ ([deviceId, label])), ...(gone ? [/** @type {[string, string]} */ ([chosen(), t('deviceGone')])] : [])]);
      if (select.value !== chosen()) select.value = chosen();
    });
    return h('div', { class: 'field' }, h('label', { for: id }, name), select);
  };
  /** @param {"echoCancellation" | "noiseSuppression" | "autoGainControl"} what @param {string} name */
  const toggle = (what, name) => h('label', { class: 'choice' }, h('input', {
    type: 'checkbox', checked: settings[what],
    onchange: (/** @type {Event} */ event) => {
      choose({ [what]: /** @type {HTMLInputElement} */ (event.target).checked });
      listenAgain();
    },
  }), name);
  const languages = h('select', {
    id: 'language',
    onchange: () => {
      choose({ language: languages.value });
      location.reload();
    },
  }, Object.entries(LANGUAGES).map(([code, text]) => h('option', { value: code, selected: code === language() }, text.language)));

  const dialog = h('dialog', { 'aria-labelledby': 'preferences-title', class: 'preferences' },
    h('h2', { id: 'preferences-title' }, t('settings')),
    h('fieldset', {}, h('legend', {}, t('speaking')), modeChoice('activation', t('modeActivation')), modeChoice('push', t('modePush')), modeChoice('always', t('modeAlways')),
      h('div', { class: 'field' }, h('label', { for: 'threshold' }, t('threshold')), threshold, level.element),
      keyChoice('key', t('key')), keyChoice('whisperKey', t('whisperKey'))),
    h('fieldset', {}, h('legend', {}, t('devices')),
      device('microphone-device', t('microphoneDevice'), 'microphones', () => settings.microphone, (microphone) => {
        choose({ microphone });
        listenAgain();
      }),
      'setSinkId' in AudioContext.prototype && device('loudspeaker-device', t('loudspeakerDevice'), 'loudspeakers', () => settings.loudspeaker, (loudspeaker) => {
        choose({ loudspeaker });
        audio.playOn(loudspeaker).catch((error) => fill(problem, t('failed', { reason: error.message })));
      }),
      toggle('echoCancellation', t('echoCancellation')), toggle('noiseSuppression', t('noiseSuppression')), toggle('autoGainControl', t('autoGainControl')), problem),
    h('div', { class: 'field' }, h('label', { for: 'language' }, t('languageChoice')), languages),
    h('form', { method: 'dialog' }, h('button', { class: 'primary' }, t('close'))));
  dialog.addEventListener('close', () => {
    stop.abort();
    dialog.remove();
  });
  const list = () => Promise.all(lists.map((one) => one()));
  navigator.mediaDevices.addEventListener('devicechange', list, { signal: stop.signal });
  await list();
  document.body.append(dialog);
  dialog.showModal();
}
