// The sound of this device: microphone and loudspeaker, their worklets, and the ways between them and the worker. Devices that
// go are done without, and taken again when they are back.

import { RATE } from './jitter.js';

/** How long, in milliseconds, sound may stand still before it is said: a browser that goes on by itself isn't talked of. */
const STILL = 700;

/**
 * @typedef {object} Choice
 * @property {string} microphone A device's id, or nothing for the usual one.
 * @property {string} loudspeaker
 * @property {boolean} echoCancellation
 * @property {boolean} noiseSuppression
 * @property {boolean} autoGainControl
 */

/**
 * How the sound is: as it should be; paused by the browser; without a microphone, which one doesn't want, which is gone or
 * which can't be opened; or with one that something outside the page has turned off.
 * @typedef {"on" | "paused" | "listening" | "gone" | "failed" | "silenced"} Sound
 */

/** What happened to a device, and its name. @typedef {{what: "microphoneInstead" | "microphoneNow" | "loudspeakerInstead" | "loudspeakerNow", name: string}} Happened */

/** Tells of a `change` of its state, and of what `happened`. */
export class Audio extends EventTarget {
  /** @param {import('./worker.js').VoiceWorker} worker */
  constructor(worker) {
    super();
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
    this.deaf = false;
    /** How a microphone is taken. @type {Choice | undefined} */
    this.choice = undefined;
    /** Whether one wants to be heard: a microphone that goes is looked for. */
    this.wanted = false;
    /** How often it was let go of for good. */
    this.silences = 0;
    /** Whether there is another microphone than the chosen one. */
    this.instead = false;
    /** Why the last try to take one failed. @type {unknown} */
    this.problem = undefined;
    /** Whether one is being looked for, and whether something changed meanwhile. */
    this.looking = { now: false, again: false };
    /** The chosen loudspeaker, and whether it is gone. */
    this.loudspeaker = { chosen: '', gone: false };
    /** Whether the browser has paused the sound for a while. */
    this.paused = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.still = undefined;
    /** @type {(speakers: import('./playback.js').Played[]) => void} */
    this.onspeakers = () => {};
    navigator.mediaDevices.addEventListener('devicechange', () => this.devicesChanged());
    // A browser that wants to see somebody first sees them now.
    for (const type of ['pointerdown', 'keydown']) addEventListener(type, () => this.wake(), { capture: true, passive: true });
    document.addEventListener('visibilitychange', () => this.wake());
  }

  /** @returns {Sound} */
  get state() {
    if (this.paused) return 'paused';
    if (this.stream) return this.stream.getAudioTracks()[0]?.muted ? 'silenced' : 'on';
    if (!this.wanted) return this.problem ? 'failed' : 'listening';
    return /** @type {Error | undefined} */ (this.problem)?.name === 'NotAllowedError' ? 'failed' : 'gone';
  }

  changed() {
    this.dispatchEvent(new Event('change'));
  }

  /** @param {Happened["what"]} what @param {string} name */
  tell(what, name) {
    this.dispatchEvent(new CustomEvent('happened', { detail: { what, name } }));
  }

  /** Starts what plays; a browser lets a page do that after a click. */
  async start() {
    if (this.context && this.context.state !== 'closed') {
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
    this.playback.port.postMessage({ gains: [...this.gains] });
    this.playback.port.postMessage({ deaf: this.deaf });
    this.playback.port.onmessage = ({ data }) => this.onspeakers(data);
    this.worker.postMessage({ kind: 'loudspeaker', port: sound.port1 }, [sound.port1]);
    const frames = new MessageChannel();
    this.capture.port.postMessage(frames.port2, [frames.port2]);
    this.worker.postMessage({ kind: 'microphone', port: frames.port1 }, [frames.port1]);
    await context.resume();
    context.addEventListener('statechange', () => {
      if (this.context === context) this.stateChanged();
    });
    this.stateChanged();
  }

  /** The browser has paused the sound (`suspended`, and `interrupted` where a call or another program has it), or goes on. */
  stateChanged() {
    clearTimeout(this.still);
    if (this.context?.state === 'running') {
      this.paused = false;
      this.changed();
      return;
    }
    this.wake();
    this.still = setTimeout(() => {
      this.paused = true;
      this.changed();
    }, STILL);
  }

  /** Asks the browser to go on. */
  wake() {
    const state = this.context?.state;
    // Where it isn't let, what pauses it is said.
    if (state !== undefined && state !== 'running' && state !== 'closed') this.context?.resume().catch(() => {});
  }

  /** Goes on after a pause, with everything anew where the browser has given it up. */
  async goOn() {
    const lost = this.context?.state === 'closed';
    await this.start();
    if (lost && this.loudspeaker.chosen) await this.playOn(this.loudspeaker.chosen).catch(() => {});
    if (lost && this.wanted) {
      this.release();
      await this.look();
    }
    this.stateChanged();
  }

  /**
   * Takes a microphone, instead of the one of before. Throws what `getUserMedia` throws.
   * @param {Choice} choice
   */
  async listen(choice) {
    await this.start();
    this.choice = choice;
    const { silences } = this;
    try {
      const stream = await open(choice);
      // Whoever left meanwhile wants none any more.
      if (silences === this.silences) this.take(stream, false);
      else stop(stream);
    } catch (error) {
      this.problem = error;
      this.changed();
      throw error;
    }
  }

  /** @param {MediaStream} stream @param {boolean} instead Whether it is of another microphone than the chosen one. */
  take(stream, instead) {
    this.release();
    this.stream = stream;
    this.instead = instead;
    this.wanted = true;
    this.problem = undefined;
    this.source = /** @type {AudioContext} */ (this.context).createMediaStreamSource(stream);
    this.source.connect(/** @type {AudioWorkletNode} */ (this.capture));
    const [track] = stream.getAudioTracks();
    track?.addEventListener('ended', () => {
      if (this.stream === stream) this.lose();
    });
    for (const type of ['mute', 'unmute']) {
      track?.addEventListener(type, () => {
        if (this.stream === stream) this.changed();
      });
    }
    this.changed();
  }

  /** The microphone is gone: unplugged, or no longer allowed. */
  lose() {
    this.release();
    this.changed();
    this.look();
  }

  /** Looks for a microphone: the chosen one, else whichever there is. Whoever asks meanwhile has it looked for again. */
  async look() {
    const { looking } = this;
    looking.again = true;
    if (looking.now) return;
    looking.now = true;
    while (looking.again) {
      looking.again = false;
      await this.find();
    }
    looking.now = false;
    this.changed();
  }

  async find() {
    const { choice } = this;
    if (!choice || !this.wanted) return;
    /** @param {Choice} how @param {boolean} instead */
    const found = async (how, instead) => {
      try {
        const stream = await open(how);
        // Who logged out meanwhile wants none any more.
        if (this.wanted) this.take(stream, instead);
        else stop(stream);
        return true;
      } catch (error) {
        this.problem = error;
        return false;
      }
    };
    const name = () => this.stream?.getAudioTracks()[0]?.label ?? '';
    if (await found(choice, false)) this.tell('microphoneNow', name());
    // What is in its place goes on.
    else if (!this.stream && choice.microphone && await found({ ...choice, microphone: '' }, true)) this.tell('microphoneInstead', name());
  }

  async devicesChanged() {
    const all = await navigator.mediaDevices.enumerateDevices();
    const microphones = all.filter(({ kind }) => kind === 'audioinput');
    const isBack = this.instead && microphones.some(({ deviceId }) => deviceId === this.choice?.microphone);
    if (this.wanted && (isBack || (!this.stream && microphones.length > 0))) await this.look();
    // Whoever found none before may try now.
    if (!this.wanted && microphones.length > 0 && isMissing(this.problem)) this.problem = undefined;
    const { loudspeaker } = this;
    const chosen = all.find(({ kind, deviceId }) => kind === 'audiooutput' && deviceId === loudspeaker.chosen);
    if (this.context && loudspeaker.chosen && loudspeaker.gone !== !chosen) {
      loudspeaker.gone = !chosen;
      const done = this.context.setSinkId?.(chosen ? loudspeaker.chosen : '');
      await done?.then(() => this.tell(chosen ? 'loudspeakerNow' : 'loudspeakerInstead', chosen?.label ?? ''), () => {});
    }
    this.changed();
  }

  release() {
    this.source?.disconnect();
    this.source = undefined;
    if (this.stream) stop(this.stream);
    this.stream = undefined;
  }

  /** Lets the microphone go. */
  silence() {
    this.silences += 1;
    this.wanted = false;
    this.problem = undefined;
    this.release();
    this.changed();
  }

  /** @param {string} device Where the browser lets a page choose. */
  async playOn(device) {
    this.loudspeaker = { chosen: device, gone: false };
    try {
      await this.context?.setSinkId?.(device);
    } catch (error) {
      this.loudspeaker.gone = true;
      throw error;
    }
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
    this.deaf = deaf;
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

/** Whether a microphone couldn't be opened because it isn't there. @param {unknown} error */
export function isMissing(error) {
  const name = error instanceof Error ? error.name : '';
  return name === 'NotFoundError' || name === 'OverconstrainedError';
}

/** @param {Choice} choice */
function open({ microphone, echoCancellation, noiseSuppression, autoGainControl }) {
  return navigator.mediaDevices.getUserMedia({
    audio: { ...(microphone && { deviceId: { exact: microphone } }), echoCancellation, noiseSuppression, autoGainControl, channelCount: 1 },
  });
}

/** @param {MediaStream} stream */
function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
}
