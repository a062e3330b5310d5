// What is the matter with one's sound, and what to do about it.

import { h } from './dom.js';
import { write } from './keep.js';
import { microphoneProblem } from './microphone.js';
import { settings } from './settings.js';
import { t } from './text.js';

/**
 * A line that is there as long as one isn't heard, or hears nobody, for a reason on this side.
 * @param {import('./audio.js').Audio} audio @param {AbortSignal} signal
 */
export function soundNotice(audio, signal) {
  const words = h('span', { role: 'status' });
  const button = h('button', { type: 'button' });
  const element = h('div', { class: 'sound', hidden: true }, words, button);
  // What couldn't be done is said by the state that follows.
  const listen = () => audio.listen(settings).catch(() => {});
  let act = listen;
  button.addEventListener('click', () => act());

  const draw = () => {
    const { state } = audio;
    element.hidden = state === 'on';
    button.hidden = state === 'silenced';
    act = state === 'paused' ? () => audio.goOn().catch(() => {}) : listen;
    const sentence = {
      on: '', paused: t('soundPaused'), listening: t('onlyListening'), gone: t('microphoneGone'), silenced: t('microphoneOff'),
      failed: state === 'failed' ? microphoneProblem(audio.problem) : '',
    }[state];
    // What says the same again would be read out again.
    write(words, sentence);
    write(button, state === 'paused' ? t('soundGoOn') : state === 'listening' ? t('useMicrophone') : t('tryAgain'));
  };
  audio.addEventListener('change', draw, { signal });
  draw();
  return element;
}
