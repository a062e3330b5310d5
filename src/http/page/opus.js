// libopus itself, as WebAssembly: a browser's own decoder can neither conceal what was lost nor read what a later packet
// repeats of it (WebCodecs). It is as large as the rest of the page, and is fetched once something was lost.

import { RATE } from './jitter.js';

/** Most samples in a packet: 120 ms (RFC 6716, section 3.2.5). */
const LONGEST = (RATE * 120) / 1000;

/** Most bytes of a packet that are decoded; what a server passes on is shorter. */
const LARGEST = 1500;

/**
 * What the module of `libopus-wasm` has under its short names.
 * @typedef {object} Exports
 * @property {WebAssembly.Memory} g The memory.
 * @property {() => void} h Begins.
 * @property {(rate: number, channels: number, error: number) => number} q Makes a decoder: its address, or 0.
 * @property {(decoder: number) => void} r Ends it.
 * @property {(decoder: number, packet: number, length: number, sound: number, samples: number, repeated: number) => number} t
 *   Decodes to floats: how many samples, or a negative error.
 * @property {(bytes: number) => number} E Takes memory: its address, or 0.
 */

/** What it asks of its surroundings: memory, and nothing else that a decoder needs. @param {() => WebAssembly.Memory} memory */
const surroundings = (memory) => {
  const never = () => {
    throw new Error('the decoder gave up');
  };
  return {
    a: () => 0,
    /** @param {number} bytes */
    b: (bytes) => {
      const more = (bytes >>> 0) - memory().buffer.byteLength;
      try {
        memory().grow(Math.ceil(more / 65536));
        return 1;
      } catch {
        return 0;
      }
    },
    c: never,
    d: () => {},
    e: () => 0,
    f: never,
  };
};

/** Makes decoders of one module, which does one thing at a time. */
export class Opus {
  /** @param {Exports} exports */
  constructor(exports) {
    this.exports = exports;
    /** Whether it ended in the middle of something. */
    this.gaveUp = false;
    exports.h();
    this.packet = exports.E(LARGEST);
    this.sound = exports.E(4 * LONGEST);
    if (!this.packet || !this.sound) throw new Error('there is no memory for a decoder');
  }

  /** @param {BufferSource} bytes @returns {Promise<Opus>} */
  static async of(bytes) {
    /** @type {Exports | undefined} */
    let exports;
    const imports = surroundings(() => /** @type {Exports} */ (exports).g);
    const { instance } = await WebAssembly.instantiate(bytes, { a: imports });
    exports = /** @type {Exports} */ (/** @type {unknown} */ (instance.exports));
    return new Opus(exports);
  }

  /** Fetches it. @returns {Promise<Opus>} */
  static async fetch() {
    const answer = await fetch(new URL('./vendor/libopus.wasm', import.meta.url));
    if (!answer.ok) throw new Error(`the decoder isn't there (${answer.status})`);
    return Opus.of(await answer.arrayBuffer());
  }

  decoder() {
    return new OpusDecoder(this);
  }
}

/** The decoder of one voice, of one channel. */
export class OpusDecoder {
  /** @param {Opus} opus */
  constructor(opus) {
    this.opus = opus;
    const { exports, sound } = opus;
    this.address = exports.q(RATE, 1, sound);
    if (!this.address) throw new Error('there is no memory for a decoder');
  }

  /**
   * A packet's sound. Nothing where it is none of Opus.
   * @param {Uint8Array} packet @returns {Float32Array | undefined}
   */
  decode(packet) {
    return this.run(packet, LONGEST, false);
  }

  /**
   * What a packet repeats of the one before it, which was lost and had so many samples; as good as concealed where it repeats
   * nothing.
   * @param {Uint8Array} packet @param {number} samples @returns {Float32Array | undefined}
   */
  repeated(packet, samples) {
    return this.run(packet, samples, true);
  }

  /** What was probably in a lost packet of so many samples. @param {number} samples @returns {Float32Array | undefined} */
  conceal(samples) {
    return this.run(undefined, samples, false);
  }

  /** @param {Uint8Array | undefined} packet @param {number} samples @param {boolean} repeated */
  run(packet, samples, repeated) {
    const { exports, packet: from, sound: to } = this.opus;
    if (this.gaveUp || (packet && (packet.length === 0 || packet.length > LARGEST))) return undefined;
    if (packet) new Uint8Array(exports.g.buffer, from, packet.length).set(packet);
    let count = 0;
    try {
      count = exports.t(this.address, packet ? from : 0, packet?.length ?? 0, to, samples, repeated ? 1 : 0);
    } catch {
      // What it left behind isn't to be gone on with, by no other voice either.
      this.opus.gaveUp = true;
    }
    return count > 0 ? new Float32Array(exports.g.buffer, to, count).slice() : undefined;
  }

  /** Whether it decodes nothing any more. */
  get gaveUp() {
    return this.opus.gaveUp || !this.address;
  }

  close() {
    if (!this.gaveUp) this.opus.exports.r(this.address);
    this.address = 0;
  }
}
