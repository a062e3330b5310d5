// What a person chose for this browser. It stays here; the volumes of people follow their account, too (`following.js`).

import { kept } from './place.js';

const usual = {
  language: '',
  mode: /** @type {"activation" | "push" | "always"} */ ('activation'),
  threshold: -50,
  key: 'Space',
  /** Held to speak to those that one chose. */
  whisperKey: 'KeyV',
  microphone: '',
  loudspeaker: '',
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
  /** Volume of a person, by account; 1 is as it came. @type {Record<string, number>} */
  volumes: {},
  /** The account that chose them; 0 for a guest, or before there was this. */
  whose: 0,
};

function load() {
  try {
    // A microphone is the same one in another organization, until something else is chosen there.
    return { ...usual, ...JSON.parse(kept.get('settings') ?? kept.first('settings') ?? '{}') };
  } catch {
    return { ...usual };
  }
}

/** @type {typeof usual} */
export const settings = load();

/** @param {Partial<typeof usual>} change */
export function choose(change) {
  Object.assign(settings, change);
  kept.set('settings', JSON.stringify(settings));
}
