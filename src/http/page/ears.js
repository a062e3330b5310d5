// Everybody else's voice in the worker: from datagrams to sound for the playback worklet.

import { RATE } from './jitter.js';
import { FLOW, distance, samples } from './rtp.js';

/** Speakers with a decoder of their own. */
const DECODERS = 64;

/** How long, in milliseconds, a packet that overtook another waits for it, and for how many packets after one came after all that
 * was among the last that were missed; else what is missing counts as lost at once, so that what stands for it isn't late. */
const REORDER = 25;
const OVERTAKEN = 500;
const MISSED = 8;

/** Milliseconds after which somebody of whom nothing came begins anew. */
const ELSEWHERE = 1000;

/** The most that stands for what was lost: what is longer is silent. */
const GAP = RATE / 5;

/** Packets by which it is judged whether there is loss, how many there are at least, and which share of them is enough. */
const JUDGED = 500;
const FEW = 125;
const LOSS = 0.008;

/**
 * A piece of somebody's sound: an RTP timestamp, whether a talk spurt begins with it, whether it stands for what was lost, and for
 * how many samples the next packet is to be waited for, as long as there is loss.
 * @typedef {{at: number, sound: Float32Array, marker: boolean, instead: boolean, ahead: number}} Piece
 */

/** How long, in milliseconds, until what repairs voices is fetched again where it didn't come. */
const AGAIN = 30_000;

/** Whether packets get lost, as far as that is worth a delay. */
class Losses {
  constructor() {
    /** How many were lost before each of the last packets. @type {number[]} */
    this.before = [];
    this.lost = 0;
  }

  /** @param {number} lost How many before this packet. */
  note(lost) {
    this.before.push(lost);
    this.lost += lost;
    if (this.before.length > JUDGED) this.lost -= this.before.shift() ?? 0;
  }

  get matter() {
    return this.lost >= LOSS * Math.max(FEW, this.before.length);
  }
}

/** A time in steps of the shortest frame there is: 2.5 ms. @param {number} microseconds */
const place = (microseconds) => Math.round(microseconds / 2500);

/** One speaker's decoder, and the packets that overtook others. */
export class Decoding {
  /** @param {(piece: Piece) => void} play @param {() => import('./opus.js').Opus | undefined} opus Asked for where something was lost. */
  constructor(play, opus) {
    this.play = play;
    this.opus = opus;
    /** What decodes since something was lost. @type {import('./opus.js').OpusDecoder | undefined} */
    this.repairing = undefined;
    this.losses = new Losses();
    /** Packets until what overtakes another waits for it no more. */
    this.overtaken = 0;
    /** The numbers of those that were missed last. @type {number[]} */
    this.missed = [];
    /** Samples of the last packet. */
    this.frame = 0;
    /** The last packet that was decoded. @type {import('./rtp.js').Packet | undefined} */
    this.before = undefined;
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
    const now = performance.now();
    // Whoever spoke where one didn't hear goes on with other numbers: nothing of that is lost.
    const elsewhere = now - this.last > ELSEWHERE;
    this.last = now;
    this.received += 1;
    if (this.next === undefined || elsewhere || Math.abs(distance(packet.sequence, this.next, 16)) > 200) {
      this.next = packet.sequence;
      this.held = [];
    }
    const ahead = distance(packet.sequence, this.next, 16);
    if (ahead < 0) {
      // It came after what overtook it: it wasn't lost.
      if (this.missed.includes(packet.sequence)) this.overtaken = OVERTAKEN;
      return;
    }
    if (this.held.some(({ sequence }) => sequence === packet.sequence)) return;
    this.held.push(packet);
    this.held.sort((a, b) => distance(a.sequence, b.sequence, 16));
    this.release(this.overtaken === 0);
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
      const lost = packet.marker ? 0 : ahead;
      this.expected += lost + 1;
      this.losses.note(lost);
      this.overtaken = Math.max(0, this.overtaken - 1);
      for (let ago = Math.min(lost, MISSED); ago > 0; ago -= 1) this.missed.push((packet.sequence - ago) & 0xffff);
      this.missed.splice(0, this.missed.length - MISSED);
      this.next = (packet.sequence + 1) & 0xffff;
      this.frame = samples(packet.payload);
      if (lost > 0) this.repair(packet, lost);
      this.decode(packet);
      this.before = packet;
    }
  }

  /**
   * Plays what stands for packets that were lost before this one: what it repeats, and what is made up for those before.
   * @param {import('./rtp.js').Packet} packet @param {number} lost
   */
  repair(packet, lost) {
    const { before } = this;
    const opus = this.opus();
    if (!opus || !before) return;
    if (!this.repairing) {
      try {
        this.repairing = opus.decoder();
      } catch {
        return;
      }
      // It knows nothing of the voice yet.
      this.repairing.decode(before.payload);
    }
    const { frame } = this;
    const pause = distance(packet.timestamp, before.timestamp + samples(before.payload), 32);
    // A pause may have been in it, too, and is before what is missing.
    let missing = Math.min(pause, lost * frame, GAP);
    if (missing <= 0 || frame <= 0) return;
    missing -= missing % (RATE / 400);
    while (missing > 0) {
      const part = missing > frame ? Math.min(frame, missing - frame) : missing;
      const sound = missing > frame ? this.repairing.conceal(part) : this.repairing.repeated(packet.payload, part);
      if (sound) this.give(packet.timestamp - missing, sound, false, true);
      missing -= part;
    }
  }

  /** @param {number} at @param {Float32Array} sound @param {boolean} marker @param {boolean} instead */
  give(at, sound, marker, instead) {
    const ahead = this.losses.matter && this.repairing ? this.frame : 0;
    this.play({ at: at >>> 0, sound, marker, instead, ahead });
  }

  /** @param {import('./rtp.js').Packet} packet */
  decode(packet) {
    if (this.repairing) {
      const sound = this.repairing.decode(packet.payload);
      if (sound) this.give(packet.timestamp, sound, packet.marker, false);
      if (!this.repairing.gaveUp) return;
      this.repairing = undefined;
    }
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
    if (packet) this.give(packet.timestamp, sound, packet.marker, false);
  }

  close() {
    clearTimeout(this.timer);
    this.repairing?.close();
    this.repairing = undefined;
    if (this.decoder.state !== 'closed') this.decoder.close();
  }
}

/** Hears: packets in, sound out. */
export class Ears {
  /** @param {(ssrc: number, talking: boolean, whisper: boolean) => void} tell @param {() => Promise<import('./opus.js').Opus>} [fetch] */
  constructor(tell, fetch = async () => (await import('./opus.js')).Opus.fetch()) {
    this.tell = tell;
    this.fetch = fetch;
    /** @type {MessagePort | undefined} */
    this.out = undefined;
    /** @type {Map<number, Decoding>} */
    this.speakers = new Map();
    /** Who talks, and whether to chosen people. @type {Map<number, boolean>} */
    this.talking = new Map();
    this.deaf = false;
    /** What repairs voices, once it is there; it is fetched when something is lost. @type {import('./opus.js').Opus | undefined} */
    this.opus = undefined;
    this.fetching = false;
    setInterval(() => this.look(), 100);
  }

  /** What repairs voices, if it is there already. */
  repairs() {
    if (!this.opus && !this.fetching) {
      this.fetching = true;
      this.fetch().then((opus) => {
        this.opus = opus;
      }, () => {
        // Without it, what is lost is concealed where it is played. The next loss after a while tries again.
        setTimeout(() => {
          this.fetching = false;
        }, AGAIN);
      });
    }
    return this.opus?.gaveUp ? undefined : this.opus;
  }

  /** @param {import('./rtp.js').Packet} packet */
  take(packet) {
    if (this.deaf) return;
    const { ssrc } = packet;
    let decoding = this.speakers.get(ssrc);
    if (!decoding) {
      if (this.speakers.size >= DECODERS) this.forget();
      decoding = new Decoding((piece) => {
        this.out?.postMessage({ ssrc, ...piece }, [piece.sound.buffer]);
      }, () => this.repairs());
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
