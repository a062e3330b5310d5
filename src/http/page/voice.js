// Opus in the worker: from frames of the microphone to datagrams, and from datagrams to sound for the playback worklet.

import { RATE } from './jitter.js';
import { FLOW, distance, write } from './rtp.js';

const FRAME = RATE / 50;
const MICROSECONDS = 20_000;

/** Bits a second of one voice, and the loss that its forward error correction is made for, in percent. */
const BITRATE = 32_000;
const LOSS = 5;

/** Frames for which a voice is sent on after it fell below the threshold: words end softly. */
const HANGOVER = 15;

/** Speakers with a decoder of their own. */
const DECODERS = 64;

/** How long, in milliseconds, a packet that overtook another waits for it. */
const REORDER = 25;

/**
 * When one's own voice is sent.
 * @typedef {object} Gate
 * @property {"activation" | "push" | "always"} mode
 * @property {number} threshold In dB below full scale.
 * @property {boolean} pressed The push-to-talk key.
 * @property {boolean} muted
 * @property {boolean} echo To oneself only.
 * @property {boolean} open Whether there is anybody to speak to.
 */

/** @param {Float32Array} sound In dB below full scale, -100 at the least. */
export function level(sound) {
  let sum = 0;
  for (const sample of sound) sum += sample * sample;
  return Math.max(-100, 10 * Math.log10(sum / sound.length + 1e-10));
}

/** Speaks: frames in, datagrams out. */
export class Mouth {
  /**
   * @param {(datagram: Uint8Array) => void} send @param {(now: {level: number, speaking: boolean}) => void} tell
   */
  constructor(send, tell) {
    this.send = send;
    this.tell = tell;
    this.ssrc = 0;
    /** @type {Gate} */
    this.gate = { mode: 'activation', threshold: -50, pressed: false, muted: false, echo: false, open: false };
    this.frames = 0;
    this.sequence = crypto.getRandomValues(new Uint16Array(1))[0];
    this.start = crypto.getRandomValues(new Uint32Array(1))[0];
    this.hangover = 0;
    this.speaking = false;
    this.heardAt = 0;
    this.loudest = -100;
    /** Whether a frame was the first of its talk spurt, by its number. @type {Set<number>} */
    this.firsts = new Set();
    this.encoder = this.make();
  }

  make() {
    const encoder = new AudioEncoder({
      output: (chunk) => this.encoded(chunk),
      error: () => {
        this.encoder = this.make();
      },
    });
    // As in our native clients: "voip" would filter low frequencies, which the browser's own processing does better,
    // and turns their phase.
    encoder.configure(/** @type {any} */ ({
      codec: 'opus', sampleRate: RATE, numberOfChannels: 1, bitrate: BITRATE,
      opus: { application: 'audio', signal: 'voice', frameDuration: MICROSECONDS, useinbandfec: true, packetlossperc: LOSS, complexity: 9 },
    }));
    return encoder;
  }

  /** @param {Float32Array} sound */
  frame(sound) {
    const number = this.frames;
    this.frames += 1;
    const loudness = level(sound);
    const { mode, threshold, pressed, muted, echo, open } = this.gate;
    if (loudness > threshold) this.hangover = HANGOVER;
    else if (this.hangover > 0) this.hangover -= 1;
    const wanted = mode === 'push' ? pressed : mode === 'always' || this.hangover > 0;
    const speaks = echo || (wanted && !muted && open);
    if (speaks && !this.speaking) this.firsts.add(number);
    const changed = speaks !== this.speaking;
    this.speaking = speaks;
    this.loudest = Math.max(this.loudest, loudness);
    if (changed || number % 5 === 0) {
      this.tell({ level: this.loudest, speaking: speaks && !echo });
      this.loudest = -100;
    }
    if (!speaks) return;
    // More than that waiting means that the encoder can't follow; what is late is not worth sending.
    if (this.encoder.encodeQueueSize > 10) return;
    const data = new AudioData({
      format: 'f32', sampleRate: RATE, numberOfFrames: FRAME, numberOfChannels: 1,
      timestamp: number * MICROSECONDS, data: /** @type {any} */ (sound),
    });
    this.encoder.encode(data);
    data.close();
  }

  /** @param {EncodedAudioChunk} chunk */
  encoded(chunk) {
    const number = Math.round(chunk.timestamp / MICROSECONDS);
    const payload = new Uint8Array(chunk.byteLength);
    chunk.copyTo(payload);
    this.sequence = (this.sequence + 1) & 0xffff;
    const marker = this.firsts.delete(number);
    if (marker) this.firsts.clear();
    this.send(write({
      flow: this.gate.echo ? FLOW.echo : FLOW.channel,
      sequence: this.sequence,
      timestamp: (this.start + number * FRAME) >>> 0,
      ssrc: this.ssrc,
      marker,
      payload,
    }));
  }
}

/** One speaker's decoder, and the packets that overtook others. */
class Decoding {
  /** @param {(frame: {at: number, sound: Float32Array, marker: boolean}) => void} play */
  constructor(play) {
    this.play = play;
    /** @type {number | undefined} */
    this.next = undefined;
    /** @type {import('./rtp.js').Packet[]} */
    this.held = [];
    /** @type {Map<number, import('./rtp.js').Packet>} */
    this.under = new Map();
    this.count = 0;
    this.expected = 0;
    this.received = 0;
    this.last = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.decoder = this.make();
  }

  make() {
    const decoder = new AudioDecoder({
      output: (data) => this.decoded(data),
      error: () => {
        this.under.clear();
        this.decoder = this.make();
      },
    });
    decoder.configure({ codec: 'opus', sampleRate: RATE, numberOfChannels: 1 });
    return decoder;
  }

  /** @param {import('./rtp.js').Packet} packet */
  take(packet) {
    this.last = performance.now();
    this.received += 1;
    if (this.next === undefined || Math.abs(distance(packet.sequence, this.next, 16)) > 200) {
      this.next = packet.sequence;
      this.held = [];
    }
    const ahead = distance(packet.sequence, this.next, 16);
    if (ahead < 0) return;
    if (this.held.some(({ sequence }) => sequence === packet.sequence)) return;
    this.held.push(packet);
    this.held.sort((a, b) => distance(a.sequence, b.sequence, 16));
    this.release(false);
    if (this.held.length > 0 && this.timer === undefined) {
      this.timer = setTimeout(() => {
        this.timer = undefined;
        this.release(true);
      }, REORDER);
    }
  }

  /** @param {boolean} late Whether what is missing was waited for. */
  release(late) {
    while (this.held.length > 0) {
      const packet = this.held[0];
      const ahead = distance(packet.sequence, /** @type {number} */ (this.next), 16);
      if (ahead > 0 && !late && this.held.length < 3) return;
      this.held.shift();
      this.expected += ahead + 1;
      this.next = (packet.sequence + 1) & 0xffff;
      this.decode(packet);
    }
  }

  /** @param {import('./rtp.js').Packet} packet */
  decode(packet) {
    if (this.decoder.decodeQueueSize > 25) return;
    // The decoder says which chunk a sound comes from by its time.
    this.count += 1;
    const time = this.count * MICROSECONDS;
    this.under.set(time, packet);
    if (this.under.size > 64) this.under.delete(this.under.keys().next().value ?? 0);
    try {
      this.decoder.decode(new EncodedAudioChunk({ type: 'key', timestamp: time, data: /** @type {any} */ (packet.payload) }));
    } catch {
      this.decoder = this.make();
    }
  }

  /** @param {AudioData} data */
  decoded(data) {
    const packet = this.under.get(data.timestamp);
    this.under.delete(data.timestamp);
    const sound = new Float32Array(data.numberOfFrames);
    data.copyTo(sound, { planeIndex: 0, format: 'f32-planar' });
    data.close();
    if (packet) this.play({ at: packet.timestamp, sound, marker: packet.marker });
  }

  close() {
    clearTimeout(this.timer);
    if (this.decoder.state !== 'closed') this.decoder.close();
  }
}

/** Hears: packets in, sound out. */
export class Ears {
  /** @param {(ssrc: number, talking: boolean) => void} tell */
  constructor(tell) {
    this.tell = tell;
    /** @type {MessagePort | undefined} */
    this.out = undefined;
    /** @type {Map<number, Decoding>} */
    this.speakers = new Map();
    /** @type {Set<number>} */
    this.talking = new Set();
    this.deaf = false;
    setInterval(() => this.look(), 100);
  }

  /** @param {import('./rtp.js').Packet} packet */
  take(packet) {
    if (this.deaf) return;
    const { ssrc } = packet;
    let decoding = this.speakers.get(ssrc);
    if (!decoding) {
      if (this.speakers.size >= DECODERS) this.forget();
      decoding = new Decoding(({ at, sound, marker }) => {
        this.out?.postMessage({ ssrc, at, sound, marker }, [sound.buffer]);
      });
      this.speakers.set(ssrc, decoding);
    }
    decoding.take(packet);
    if (packet.flow === FLOW.channel && !this.talking.has(ssrc)) {
      this.talking.add(ssrc);
      this.tell(ssrc, true);
    }
  }

  look() {
    const now = performance.now();
    for (const ssrc of this.talking) {
      const decoding = this.speakers.get(ssrc);
      if (decoding && now - decoding.last < 250) continue;
      this.talking.delete(ssrc);
      this.tell(ssrc, false);
    }
  }

  /** Forgets whoever is quiet for longest. */
  forget() {
    const [oldest] = [...this.speakers].sort(([, a], [, b]) => a.last - b.last);
    oldest[1].close();
    this.speakers.delete(oldest[0]);
  }

  /** Packets that should have come and those that did, since the last time. */
  counts() {
    let expected = 0;
    let received = 0;
    for (const decoding of this.speakers.values()) {
      expected += decoding.expected;
      received += Math.min(decoding.received, decoding.expected);
      decoding.expected = 0;
      decoding.received = 0;
    }
    return { expected, received };
  }

  clear() {
    for (const decoding of this.speakers.values()) decoding.close();
    this.speakers.clear();
    for (const ssrc of this.talking) this.tell(ssrc, false);
    this.talking.clear();
  }
}
