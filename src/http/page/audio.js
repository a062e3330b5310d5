// The sound of this device: microphone and loudspeaker, their worklets, and the ways between them and the worker.

import { RATE } from './jitter.js';

/**
 * @typedef {object} Choice
 * @property {string} microphone A device's id, or nothing for the usual one.
 * @property {string} loudspeaker
 * @property {boolean} echoCancellation
 * @property {boolean} noiseSuppression
 * @property {boolean} autoGainControl
 */

export class Audio {
  /** @param {import('./worker.js').VoiceWorker} worker */
  constructor(worker) {
    this.worker = worker;
    /** @type {AudioContext | undefined} */
    this.context = undefined;
    /** @type {MediaStream | undefined} */
    this.stream = undefined;
    /** @type {MediaStreamAudioSourceNode | undefined} */
    this.source = undefined;
    /** @type {AudioWorkletNode | undefined} */
    this.capture = undefined;
    /** @type {AudioWorkletNode | undefined} */
    this.playback = undefined;
    /** What was told to what plays. @type {Map<number, number>} */
    this.gains = new Map();
    /** @type {(speakers: import('./playback.js').Played[]) => void} */
    this.onspeakers = () => {};
  }

  /** Starts what plays; a browser lets a page do that after a click. */
  async start() {
    if (this.context) {
      await this.context.resume();
      return;
    }
    const context = new AudioContext({ sampleRate: RATE, latencyHint: 'interactive' });
    this.context = context;
    await Promise.all(['capture.js', 'playback.js'].map((file) => context.audioWorklet.addModule(new URL(file, import.meta.url))));
    this.playback = new AudioWorkletNode(context, 'playback', { numberOfInputs: 0, outputChannelCount: [2] });
    this.capture = new AudioWorkletNode(context, 'capture', { numberOfOutputs: 1, channelCount: 1, channelCountMode: 'explicit' });
    this.playback.connect(context.destination);
    // Its output is silent; being connected keeps it running.
    this.capture.connect(context.destination);
    const sound = new MessageChannel();
    this.playback.port.postMessage(sound.port2, [sound.port2]);
    this.playback.port.onmessage = ({ data }) => this.onspeakers(data);
    this.worker.postMessage({ kind: 'loudspeaker', port: sound.port1 }, [sound.port1]);
    const frames = new MessageChannel();
    this.capture.port.postMessage(frames.port2, [frames.port2]);
    this.worker.postMessage({ kind: 'microphone', port: frames.port1 }, [frames.port1]);
    await context.resume();
  }

  /**
   * Takes a microphone, instead of the one of before. Throws what `getUserMedia` throws.
   * @param {Choice} choice
   */
  async listen(choice) {
    await this.start();
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: {
        ...(choice.microphone && { deviceId: { exact: choice.microphone } }),
        echoCancellation: choice.echoCancellation,
        noiseSuppression: choice.noiseSuppression,
        autoGainControl: choice.autoGainControl,
        channelCount: 1,
      },
    });
    this.silence();
    this.stream = stream;
    this.source = /** @type {AudioContext} */ (this.context).createMediaStreamSource(stream);
    this.source.connect(/** @type {AudioWorkletNode} */ (this.capture));
  }

  /** Lets the microphone go. */
  silence() {
    this.source?.disconnect();
    this.source = undefined;
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = undefined;
  }

  /** @param {string} device Where the browser lets a page choose. */
  async playOn(device) {
    await this.context?.setSinkId?.(device);
  }

  /** How loud everybody is, by SSRC; 1 is as it came. @param {Map<number, number>} gains */
  volumes(gains) {
    const changed = [...gains].filter(([ssrc, gain]) => this.gains.get(ssrc) !== gain);
    if (!this.playback || changed.length === 0) return;
    for (const [ssrc, gain] of changed) this.gains.set(ssrc, gain);
    this.playback.port.postMessage({ gains: changed });
  }

  /** @param {boolean} deaf */
  deafen(deaf) {
    this.playback?.port.postMessage({ deaf });
    this.worker.postMessage({ kind: 'deaf', deaf });
  }

  /** The devices there are; without names until a microphone was allowed. */
  static async devices() {
    const all = await navigator.mediaDevices.enumerateDevices();
    return {
      microphones: all.filter(({ kind, deviceId }) => kind === 'audioinput' && deviceId !== 'default'),
      loudspeakers: all.filter(({ kind, deviceId }) => kind === 'audiooutput' && deviceId !== 'default'),
    };
  }
}
