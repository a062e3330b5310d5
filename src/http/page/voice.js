// One's own voice in the worker: from frames of the microphone to datagrams.

import { RATE } from './jitter.js';
import { FLOW, write } from './rtp.js';

const FRAME = RATE / 50;
const MICROSECONDS = 20_000;

/** Bits a second of one voice where the channel wants nothing else: as many as our native clients have, since what packets repeat of
 * those before is the better for it. */
export const BITRATE = 48_000;

/** What the channel may want. */
const BITRATES = [6_000, 128_000];

/** The loss that is encoded for at least, in percent, with so many bits a second: packets repeat what is in those before, which
 * costs next to nothing there, so that the first that is lost is repeated, too. With fewer bits that is done once something is lost. */
const LEAST_LOSS = 1;
const ENOUGH = 24_000;

/** How many times more or less loss there has to be for the encoder to be told: it begins anew then, which is heard. */
const OTHERWISE = 3;

/** Lengths of a frame that browsers encode, in milliseconds. */
const FRAMES = [10, 20, 40, 60];

/** Frames for which a voice is sent on after it fell below the threshold: words end softly. */
const HANGOVER = 15;

/**
 * When one's own voice is sent.
 * @typedef {object} Gate
 * @property {"activation" | "push" | "always"} mode
 * @property {number} threshold In dB below full scale.
 * @property {boolean} pressed The push-to-talk key.
 * @property {boolean} muted
 * @property {boolean} echo To oneself only.
 * @property {number} whisper The flow to chosen people while the key for it is held, 0 otherwise.
 * @property {boolean} open Whether there is anybody to speak to.
 */

/** @param {Float32Array} sound In dB below full scale, -100 at the least. */
export function level(sound) {
  let sum = 0;
  for (const sample of sound) sum += sample * sample;
  return Math.max(-100, 10 * Math.log10(sum / sound.length + 1e-10));
}

/** What a channel wants of voice. @typedef {{bitrate: number, frameMs: number}} Policy */

/** What is encoded for a channel that wants something. @param {Partial<Policy>} [policy] @returns {Policy} */
export function followed({ bitrate = 0, frameMs = 0 } = {}) {
  return {
    bitrate: bitrate ? Math.min(Math.max(bitrate, BITRATES[0]), BITRATES[1]) : BITRATE,
    frameMs: FRAMES.includes(frameMs) ? frameMs : 20,
  };
}

/** Speaks: frames in, datagrams out. */
export class Mouth {
  /**
   * @param {(datagram: Uint8Array) => void} send @param {(now: {level: number, speaking: boolean, whisper: boolean}) => void} tell
   */
  constructor(send, tell) {
    this.send = send;
    this.tell = tell;
    this.ssrc = 0;
    /** @type {Gate} */
    this.gate = { mode: 'activation', threshold: -50, pressed: false, muted: false, echo: false, whisper: 0, open: false };
    this.policy = followed();
    this.asked = this.policy;
    /** What is lost on the way to the listeners, in percent, and what the encoder was told of it. */
    this.loss = 0;
    this.told = 0;
    this.frames = 0;
    this.sequence = crypto.getRandomValues(new Uint16Array(1))[0];
    this.start = crypto.getRandomValues(new Uint32Array(1))[0];
    this.hangover = 0;
    this.speaking = false;
    this.flow = FLOW.channel;
    /** The flow of what was encoded last. */
    this.coded = FLOW.channel;
    /** Whether the next packet is the first of a talk spurt. */
    this.begins = false;
    this.loudest = -100;
    /** Frames of the microphone that the packet being encoded has. */
    this.filled = 0;
    /** What comes out of the encoder next: it leaves pauses out of its times. @type {{at: number, flow: number, marker: boolean}[]} */
    this.coming = [];
    this.encoder = this.make();
  }

  make() {
    const encoder = new AudioEncoder({
      output: (chunk) => this.encoded(chunk),
      error: () => {
        this.encoder = this.make();
      },
    });
    this.coming = [];
    this.filled = 0;
    this.configure(encoder);
    return encoder;
  }

  /** @param {AudioEncoder} encoder */
  configure(encoder) {
    this.told = this.expected();
    // As in our native clients: "voip" would filter low frequencies, which the browser's own processing does better,
    // and turns their phase.
    encoder.configure({
      codec: 'opus', sampleRate: RATE, numberOfChannels: 1, bitrate: this.policy.bitrate,
      opus: { application: 'audio', signal: 'voice', frameDuration: this.policy.frameMs * 1000, useinbandfec: true, packetlossperc: this.told, complexity: 9 },
    });
  }

  /** From the next packet on. @param {Partial<Policy>} [policy] */
  follow(policy) {
    this.asked = followed(policy);
  }

  /** The loss to encode for. */
  expected() {
    return Math.max(this.loss, this.asked.bitrate >= ENOUGH ? LEAST_LOSS : 0);
  }

  expectsOtherwise() {
    const expected = this.expected();
    return expected > this.told * OTHERWISE || expected * OTHERWISE < this.told;
  }

  /** @param {boolean} loud @returns {boolean} */
  wanted(loud) {
    const { mode, pressed, open, whisper } = this.gate;
    return whisper > 0 || (open && (mode === 'push' ? pressed : mode === 'always' || loud));
  }

  /** @param {Float32Array} sound */
  frame(sound) {
    const number = this.frames;
    this.frames += 1;
    const loudness = level(sound);
    const { threshold, muted, echo, whisper } = this.gate;
    if (loudness > threshold) this.hangover = HANGOVER;
    else if (this.hangover > 0) this.hangover -= 1;
    // A packet of several frames ends as it began.
    const speaks = this.filled > 0 ? this.speaking : echo || (this.wanted(this.hangover > 0) && !muted);
    const flow = this.filled > 0 ? this.flow : echo ? FLOW.echo : whisper || FLOW.channel;
    const changed = speaks !== this.speaking || flow !== this.flow;
    if (speaks && changed) this.begins = true;
    this.speaking = speaks;
    this.flow = flow;
    this.loudest = Math.max(this.loudest, loudness);
    if (changed || number % 5 === 0) {
      this.tell({ level: this.loudest, speaking: speaks && !echo, whisper: speaks && flow > FLOW.echo });
      this.loudest = -100;
    }
    if (speaks) this.encode(number, sound);
  }

  /** @param {number} number @param {Float32Array} sound */
  encode(number, sound) {
    if (this.filled === 0) {
      // More than that waiting means that the encoder can't follow; what is late is not worth sending.
      if (this.encoder.encodeQueueSize > 10) return;
      const isForOthers = this.flow !== this.coded;
      if (isForOthers || this.asked.bitrate !== this.policy.bitrate || this.asked.frameMs !== this.policy.frameMs || this.expectsOtherwise()) {
        // A packet repeats what is in the one before it, and the channel isn't to hear what was whispered.
        this.coded = this.flow;
        this.policy = this.asked;
        this.configure(this.encoder);
      }
      const { begins, flow } = this;
      this.begins = false;
      this.coming.push({ at: number * FRAME, flow, marker: begins });
      if (this.policy.frameMs < 20) this.coming.push({ at: number * FRAME + FRAME / 2, flow, marker: false });
    }
    this.filled = (this.filled + 1) % Math.max(1, this.policy.frameMs / 20);
    const data = new AudioData({
      format: 'f32', sampleRate: RATE, numberOfFrames: FRAME, numberOfChannels: 1,
      timestamp: number * MICROSECONDS, data: /** @type {Float32Array<ArrayBuffer>} */ (sound),
    });
    this.encoder.encode(data);
    data.close();
  }

  /** @param {EncodedAudioChunk} chunk */
  encoded(chunk) {
    const { at, flow, marker } = this.coming.shift() ?? { at: this.frames * FRAME, flow: this.flow, marker: false };
    const payload = new Uint8Array(chunk.byteLength);
    chunk.copyTo(payload);
    this.sequence = (this.sequence + 1) & 0xffff;
    this.send(write({ flow, sequence: this.sequence, timestamp: (this.start + at) >>> 0, ssrc: this.ssrc, marker, payload }));
  }
}
