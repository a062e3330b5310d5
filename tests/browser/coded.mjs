// Somebody's voice as it goes to the page: coded by libopus, and heard by the page's own parts without a browser.

import { readFileSync } from 'node:fs';

const { PAGE } = process.env;
const { Opus } = await import(`${PAGE}/opus.js`);
const { RATE } = await import(`${PAGE}/jitter.js`);
const { Decoding } = await import(`${PAGE}/ears.js`);
const { BITRATE } = await import(`${PAGE}/voice.js`);

export const opus = await Opus.of(readFileSync(`${PAGE}/vendor/libopus.wasm`));

// What browsers have for it: the same decoder, which repairs nothing.
globalThis.EncodedAudioChunk = class {
  constructor(chunk) {
    Object.assign(this, chunk);
  }
};
globalThis.AudioDecoder = class {
  constructor({ output }) {
    this.output = output;
    this.decoder = opus.decoder();
    this.decodeQueueSize = 0;
    this.state = 'configured';
  }

  configure() {}

  decode({ data, timestamp }) {
    const sound = this.decoder.decode(data);
    if (sound) this.output({ timestamp, numberOfFrames: sound.length, copyTo: (to) => to.set(sound), close() {} });
  }

  close() {
    this.decoder.close();
    this.state = 'closed';
  }
};

/** Numbers of libopus (`opus_defines.h`). */
const AUDIO = 2049;
const SET = { bitrate: 4002, complexity: 4010, inbandFec: 4012, lossPercent: 4014, signal: 4024 };
const VOICE = 3001;

/** An encoder as the page sets its own. The module has it beside the decoders, under `i`, `l` and `m`. @param {number} loss In percent. */
export function encoder(loss) {
  const { exports, packet, sound } = opus;
  const address = exports.i(RATE, 1, AUDIO, sound);
  const settings = [[SET.bitrate, BITRATE], [SET.complexity, 9], [SET.inbandFec, 1], [SET.lossPercent, loss], [SET.signal, VOICE]];
  for (const [request, value] of settings) {
    if (exports.m(address, request, value) < 0) throw new Error(`the encoder refuses ${request}`);
  }
  return (/** @type {Float32Array} */ frame) => {
    new Float32Array(exports.g.buffer, sound, frame.length).set(frame);
    const length = exports.l(address, sound, frame.length, packet, 1275);
    if (length <= 0) throw new Error(`the encoder answers ${length}`);
    return new Uint8Array(exports.g.buffer, packet, length).slice();
  };
}

/** What hears a voice. @param {import('../../src/http/page/jitter.js').Speaker} speaker @param {boolean} repairs */
export const hearing = (speaker, repairs) => new Decoding(
  ({ at, sound, marker, instead, ahead }) => speaker.push(at, sound, marker, instead, ahead),
  () => (repairs ? opus : undefined),
);
