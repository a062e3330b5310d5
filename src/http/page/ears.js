// Everybody else's voice in the worker: from datagrams to sound for the playback worklet.

import { RATE } from './jitter.js';
import { FLOW, distance, samples } from './rtp.js';

/** Speakers with a decoder of their own. */
const DECODERS = 64;

/** How long, in milliseconds, a packet that overtook another waits for it. */
const REORDER = 25;

/** A time in steps of the shortest frame there is: 2.5 ms. @param {number} microseconds */
const place = (microseconds) => Math.round(microseconds / 2500);

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
    /** Samples that were given to the decoder. */
    this.given = 0;
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
      // Before a talk spurt numbers went where one may not hear: to whom is whispered.
      this.expected += packet.marker ? 1 : ahead + 1;
      this.next = (packet.sequence + 1) & 0xffff;
      this.decode(packet);
    }
  }

  /** @param {import('./rtp.js').Packet} packet */
  decode(packet) {
    if (this.decoder.decodeQueueSize > 25) return;
    // The decoder says which chunk a sound comes from by its time, which it counts by the samples before.
    const time = Math.round((this.given * 1e6) / RATE);
    this.given += samples(packet.payload);
    this.under.set(place(time), packet);
    if (this.under.size > 64) this.under.delete(this.under.keys().next().value ?? 0);
    try {
      this.decoder.decode(new EncodedAudioChunk({ type: 'key', timestamp: time, data: /** @type {Uint8Array<ArrayBuffer>} */ (packet.payload) }));
    } catch {
      this.decoder = this.make();
    }
  }

  /** @param {AudioData} data */
  decoded(data) {
    const packet = this.under.get(place(data.timestamp));
    this.under.delete(place(data.timestamp));
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
  /** @param {(ssrc: number, talking: boolean, whisper: boolean) => void} tell */
  constructor(tell) {
    this.tell = tell;
    /** @type {MessagePort | undefined} */
    this.out = undefined;
    /** @type {Map<number, Decoding>} */
    this.speakers = new Map();
    /** Who talks, and whether to chosen people. @type {Map<number, boolean>} */
    this.talking = new Map();
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
    const whisper = packet.flow > FLOW.echo;
    if (packet.flow !== FLOW.echo && this.talking.get(ssrc) !== whisper) {
      this.talking.set(ssrc, whisper);
      this.tell(ssrc, true, whisper);
    }
  }

  look() {
    const now = performance.now();
    for (const ssrc of this.talking.keys()) {
      const decoding = this.speakers.get(ssrc);
      if (decoding && now - decoding.last < 250) continue;
      this.talking.delete(ssrc);
      this.tell(ssrc, false, false);
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
    for (const ssrc of this.talking.keys()) this.tell(ssrc, false, false);
    this.talking.clear();
  }
}
