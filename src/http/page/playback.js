// The worklet that plays everybody, each through a jitter buffer of their own.

import { RATE, Speaker } from './jitter.js';

/** Speakers at once; who is quiet for longest makes room. */
const SPEAKERS = 64;

/** How far a volume goes in one block of samples towards what it is to be, so that it doesn't crack. */
const STEP = 0.2;

/** How somebody is played: milliseconds that wait and that are to wait. @typedef {{ssrc: number, waiting: number, target: number, active: boolean}} Played */

class Playback extends AudioWorkletProcessor {
  constructor() {
    super();
    /** @type {Map<number, Speaker>} */
    this.speakers = new Map();
    /** @type {Map<number, number>} */
    this.gains = new Map();
    /** What they are on the way to their gains. @type {Map<number, number>} */
    this.now = new Map();
    this.quiet = 0;
    this.port.onmessage = ({ data }) => {
      if (data instanceof MessagePort) data.onmessage = (message) => this.take(message.data);
      else if ('deaf' in data) this.deafen(data.deaf);
      else for (const [ssrc, gain] of data.gains) this.gains.set(ssrc, gain);
    };
    this.deaf = false;
  }

  /** @param {boolean} deaf */
  deafen(deaf) {
    this.deaf = deaf;
    if (deaf) this.speakers.clear();
  }

  /** @param {import('./ears.js').Piece & {ssrc: number}} piece */
  take({ ssrc, at, sound, marker, instead, ahead }) {
    if (this.deaf) return;
    let speaker = this.speakers.get(ssrc);
    if (!speaker) {
      speaker = new Speaker();
      speaker.now = currentFrame;
      if (this.speakers.size >= SPEAKERS) {
        const [oldest] = this.speakers.keys();
        this.speakers.delete(oldest);
      }
    }
    // The last to speak stands last.
    this.speakers.delete(ssrc);
    this.speakers.set(ssrc, speaker);
    speaker.push(at, sound, marker, instead, ahead);
  }

  /** @param {Float32Array[][]} _inputs @param {Float32Array[][]} outputs */
  process(_inputs, outputs) {
    const [first, ...others] = outputs[0];
    if (!first) return true;
    for (const [ssrc, speaker] of this.speakers) {
      const wanted = this.gains.get(ssrc) ?? 1;
      const before = this.now.get(ssrc) ?? wanted;
      const gain = Math.abs(wanted - before) < 0.001 ? wanted : before + (wanted - before) * STEP;
      this.now.set(ssrc, gain);
      speaker.pull(first, gain);
    }
    for (let i = 0; i < first.length; i += 1) {
      // Several people at once may be louder than there is.
      if (first[i] > 1 || first[i] < -1) first[i] = Math.tanh(first[i]);
    }
    for (const other of others) other.set(first);
    this.quiet += first.length;
    if (this.quiet >= RATE / 2) {
      this.quiet = 0;
      this.port.postMessage([...this.speakers].map(([ssrc, speaker]) => ({
        ssrc, waiting: speaker.waiting, target: (speaker.target * 1000) / RATE, active: speaker.active, ...speaker.heard,
      })));
    }
    return true;
  }
}

registerProcessor('playback', Playback);
