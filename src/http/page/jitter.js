// The adaptive jitter buffer of one speaker, on decoded sound. It knows no clock of its own: whoever asks for samples
// says, by asking, that time passed.
//
// It aims at the delay that nearly all frames of the last seconds made, plus a little, and never above a ceiling. What is
// lost is concealed by the last period of the voice, fading; delay that has grown is taken back in pauses, in pieces of a few
// milliseconds where two places of the wave look alike, which also follows a sender whose clock is faster.

import { distance } from './rtp.js';

/** Samples a second. */
export const RATE = 48000;

const ms = RATE / 1000;

/** The delay that it adds: least, most, and what it begins with. */
const LEAST = 6 * ms;
const MOST = 200 * ms;
const FIRST = 14 * ms;

/** Share of frames that are to be in time, and over how many it is taken. */
const IN_TIME = 0.99;
const REMEMBERED = 250;

/** How much too much, for how long, is too much. */
const SURPLUS = 14 * ms;
const FOR_LONG = 400 * ms;

/** So much that is quiet is a pause, in which nothing is heard of what is left out; for how long a pause is waited for before
 * something quiet between two sounds will do, and for how long that is. */
const PAUSE = 80 * ms;
const PATIENT = 3000 * ms;
const VERY_PATIENT = 6000 * ms;

/** Powers: what is quiet beside the loudest of before (-28 dB); below which of it the quietest of before and a little more is
 * quiet, too, which is a room's noise; and what is quiet anyway (-66 dB below full scale). */
const QUIET = 0.0016;
const ROOM = 1 / 16;
const LIKE_ROOM = 2.5;
const SILENCE = 2.5e-7;

/** By how much the loudest falls and the quietest rises in a second, as powers. */
const FORGETS = 1.35;

/** How much later than wanted everything may be played for what stands for a lost packet. */
const LATER = 7 * ms;

/** How much is so much that it is taken back as fast as that can be understood; and how often that is then, or in a pause. */
const STALLED = 100 * ms;
const HURRY = 10 * ms;

/** The most that waits: a stall of the network, after which nothing of what was said is left out. */
const WAITS = 1500 * ms;

/** Concealment: fades over this, and ends; then it is silence. */
const FADE = 60 * ms;

/** Silence after which what comes next is a new talk spurt. */
const IDLE = 300 * ms;

/** Periods of a voice: 70 to 400 Hz. */
const SHORTEST = Math.round(2.5 * ms);
const LONGEST = Math.round(14 * ms);
const HISTORY = 2 * LONGEST;

export class Speaker {
  constructor() {
    /** Frames that wait, the earliest first. @type {{at: number, sound: Float32Array}[]} */
    this.frames = [];
    /** RTP timestamp that is played next; nothing between talk spurts. @type {number | undefined} */
    this.playhead = undefined;
    /** Samples that were asked for since the beginning: the time. */
    this.now = 0;
    this.target = FIRST;
    /** For how long the next packet is waited for, as it may repeat what was lost. */
    this.ahead = 0;
    /** @type {number | undefined} */
    this.base = undefined;
    /** How late the earliest was. */
    this.earliest = 0;
    /** For how many frames the network has made up for standing still. */
    this.stalled = 0;
    /** How late each of the last frames was, relative to the earliest. @type {number[]} */
    this.lateness = [];
    this.history = new Float32Array(HISTORY);
    this.concealed = 0;
    this.period = 0;
    /** @type {Float32Array | undefined} */
    this.pattern = undefined;
    this.surplusSince = 0;
    this.least = Infinity;
    /** How loud the loudest of before was, and the quietest, as powers; and for how many samples it has been quiet. */
    this.loudest = 0;
    this.quietest = 1;
    this.quiet = 0;
    this.heard = { frames: 0, holes: 0, late: 0, skipped: 0, repaired: 0 };
  }

  /** The sound that waits, in milliseconds. */
  get waiting() {
    const last = this.frames.at(-1);
    if (!last || this.playhead === undefined) return 0;
    return Math.max(0, distance(last.at, this.playhead, 32) + last.sound.length) / ms;
  }

  /** Whether anything is to be heard. */
  get active() {
    return this.playhead !== undefined;
  }

  /**
   * Takes a frame.
   * @param {number} at RTP timestamp @param {Float32Array} sound @param {boolean} marker
   * @param {boolean} [instead] Whether it stands for what was lost, and comes with what came after that.
   * @param {number} [wait] For how many samples what comes next is waited for.
   */
  push(at, sound, marker, instead = false, wait = 0) {
    this.ahead = wait;
    if (instead) this.heard.repaired += 1;
    else this.heard.frames += 1;
    if (!instead) this.note(at);
    const dry = this.frames.length === 0 && this.concealed > 0;
    let ahead = this.playhead === undefined ? 0 : distance(at, this.playhead, 32);
    const begins = this.playhead === undefined || (dry && marker && this.concealed > 20 * ms) || Math.abs(ahead) > 2 * RATE;
    if (begins) {
      this.playhead = at - Math.round(this.target);
      this.concealed = 0;
      this.pattern = undefined;
      this.least = Infinity;
      this.surplusSince = this.now;
    } else if (dry && ahead < 0 && ahead > -MOST && !(instead && this.delayOf(at) > this.target + LATER)) {
      // It was late, and not lost: it is played whole, and the delay is that much larger from here on.
      this.heard.late += 1;
      this.playhead = at;
      ahead = 0;
    }
    if (!begins && ahead + sound.length <= 0) {
      if (!instead) this.heard.late += 1;
      return;
    }
    const place = this.frames.findLastIndex((frame) => distance(frame.at, at, 32) <= 0);
    if (place >= 0 && this.frames[place].at === at) return;
    this.frames.splice(place + 1, 0, { at, sound });
    // The ceiling: what is above would be heard too late.
    while (this.waiting > WAITS / ms && this.frames.length > 2) {
      this.frames.shift();
      this.playhead = this.frames[0].at;
      this.heard.skipped += 1;
    }
  }

  /** How much later than the earliest packets came what has this time is played, if it is now. @param {number} at */
  delayOf(at) {
    return this.base === undefined ? 0 : distance(this.now - at, this.base + this.earliest, 32);
  }

  /** @param {number} at */
  note(at) {
    // How late it is on a clock that both share up to a constant.
    this.base ??= this.now - at;
    const late = distance(this.now - at, this.base, 32);
    // A network that stood still says nothing of how it is otherwise, nor does all that comes at once after that.
    this.stalled = late - this.earliest > (this.stalled > 0 ? this.target : MOST) ? this.stalled + 1 : 0;
    if (this.stalled > REMEMBERED) {
      // That is how it is now.
      this.base = this.now - at;
      this.earliest = 0;
      this.stalled = 0;
      this.lateness = [];
    }
    if (this.stalled > 0) return;
    this.lateness.push(late);
    if (this.lateness.length > REMEMBERED) this.lateness.shift();
    const sorted = this.lateness.slice().sort((a, b) => a - b);
    this.earliest = sorted[0];
    const spread = sorted[Math.floor((sorted.length - 1) * IN_TIME)] - sorted[0];
    const wanted = Math.min(MOST, Math.max(LEAST, spread + 4 * ms) + this.ahead);
    // Up at once, down slowly.
    this.target = wanted > this.target ? wanted : this.target + (wanted - this.target) * 0.02;
  }

  /**
   * Adds the next samples to what is there.
   * @param {Float32Array} out @param {number} gain
   */
  pull(out, gain) {
    this.now += out.length;
    if (this.playhead === undefined) return;
    this.shrink(out.length);
    let done = 0;
    while (done < out.length) {
      const frame = this.frames[0];
      const ahead = frame ? distance(frame.at, this.playhead, 32) : Infinity;
      if (frame && ahead + frame.sound.length <= 0) {
        this.frames.shift();
      } else if (frame && ahead <= 0) {
        done += this.play(frame, -ahead, out, done, gain);
      } else {
        const filled = this.fill(out, done, gain, ahead);
        if (filled === 0) return;
        done += filled;
      }
    }
  }

  /**
   * @param {{at: number, sound: Float32Array}} frame @param {number} from @param {Float32Array} out @param {number} done
   * @param {number} gain @returns {number}
   */
  play(frame, from, out, done, gain) {
    const count = Math.min(frame.sound.length - from, out.length - done);
    // From concealment back to sound over a millisecond or two.
    const blend = this.concealed > 0 ? Math.min(96, count) : 0;
    for (let i = 0; i < count; i += 1) {
      let sample = frame.sound[from + i];
      if (i < blend) sample = sample * (i / blend) + this.concealment(i) * (1 - i / blend);
      out[done + i] += sample * gain;
    }
    this.listen(frame.sound, count);
    this.remember(frame.sound.subarray(from, from + count));
    this.concealed = 0;
    this.pattern = undefined;
    this.playhead = /** @type {number} */ (this.playhead) + count;
    return count;
  }

  /**
   * Fills what is missing before the next frame. Answers with how much, 0 when there is nothing to hear any more.
   * @param {Float32Array} out @param {number} done @param {number} gain @param {number} ahead
   */
  fill(out, done, gain, ahead) {
    const count = Math.min(out.length - done, ahead);
    if (this.concealed === 0) this.heard.holes += 1;
    for (let i = 0; i < count; i += 1) {
      out[done + i] += this.concealment(i) * gain;
    }
    this.concealed += count;
    // Whether it is lost or late shows when the next frame comes; until then time goes on.
    this.playhead = /** @type {number} */ (this.playhead) + count;
    if (ahead === Infinity && this.concealed > IDLE) {
      this.playhead = undefined;
      return 0;
    }
    return count;
  }

  /** @param {number} i @returns {number} */
  concealment(i) {
    const age = this.concealed + i;
    if (age >= FADE) return 0;
    if (!this.pattern) {
      this.period = bestPeriod(this.history);
      this.pattern = this.history.slice(HISTORY - this.period);
    }
    return this.pattern[age % this.period] * (1 - age / FADE);
  }

  /** Hears whether a part of a frame is quiet. @param {Float32Array} sound @param {number} count Of its samples. */
  listen(sound, count) {
    const level = power(sound);
    const forgotten = FORGETS ** (count / RATE);
    this.loudest = Math.max(level, this.loudest / forgotten);
    this.quietest = Math.min(Math.max(level, SILENCE), this.quietest * forgotten);
    this.quiet = this.isQuiet(level) ? this.quiet + count : 0;
  }

  /** @param {number} level A power. */
  isQuiet(level) {
    return level < Math.max(SILENCE, this.loudest * QUIET, Math.min(this.loudest * ROOM, this.quietest * LIKE_ROOM));
  }

  /** @param {Float32Array} sound */
  remember(sound) {
    if (sound.length >= HISTORY) {
      this.history.set(sound.subarray(sound.length - HISTORY));
    } else {
      this.history.copyWithin(0, sound.length);
      this.history.set(sound, HISTORY - sound.length);
    }
  }

  /**
   * Takes delay back when there was too much for a while.
   * @param {number} asked
   */
  shrink(asked) {
    // What waits after a stall, or else how late everything is played: what waits is less where something is lost.
    const waiting = this.waiting * ms - asked;
    const hurry = waiting - this.target > STALLED;
    this.least = Math.min(this.least, hurry ? waiting : this.delayOf(/** @type {number} */ (this.playhead)));
    const since = this.now - this.surplusSince;
    if (since < HURRY) return;
    const surplus = this.least - this.target;
    const frame = this.frames[0];
    const isQuiet = frame !== undefined && surplus >= SURPLUS && this.isQuiet(power(frame.sound));
    const pauses = isQuiet && this.quiet >= PAUSE;
    if (!hurry && !pauses && since < FOR_LONG) return;
    // What is left out of a word is heard, so that waits, unless there is nothing else for long.
    if (!hurry && !pauses && surplus >= SURPLUS && since < (isQuiet ? PATIENT : VERY_PATIENT)) return;
    this.least = Infinity;
    this.surplusSince = this.now;
    // Where the network has just become slower, there is nothing to take back.
    if (surplus < SURPLUS || !frame || (this.stalled > 0 && !hurry)) return;
    const from = -distance(frame.at, /** @type {number} */ (this.playhead), 32);
    if (from < 0) return;
    // Enough sound in one piece to look for a place that fits.
    const joined = this.joined(from, LONGEST + 3 * SHORTEST);
    if (!joined) return;
    const skip = bestSkip(joined, Math.min(LONGEST, Math.floor(surplus)));
    const over = SHORTEST;
    const result = joined.slice(skip);
    for (let i = 0; i < over; i += 1) {
      result[i] = joined[i] * (1 - i / over) + joined[skip + i] * (i / over);
    }
    this.frames.unshift({ at: /** @type {number} */ (this.playhead) + skip, sound: result });
    this.playhead = /** @type {number} */ (this.playhead) + skip;
  }

  /**
   * Takes so many samples out of the frames, if they are there without a hole.
   * @param {number} from @param {number} count @returns {Float32Array | undefined}
   */
  joined(from, count) {
    const joined = new Float32Array(count);
    let done = 0;
    let start = from;
    let used = 0;
    let next = this.frames[0].at;
    for (const frame of this.frames) {
      if (distance(frame.at, next, 32) !== 0) return undefined;
      const take = Math.min(frame.sound.length - start, count - done);
      joined.set(frame.sound.subarray(start, start + take), done);
      done += take;
      next = frame.at + frame.sound.length;
      if (done === count) {
        const rest = frame.sound.subarray(start + take);
        this.frames.splice(0, used + 1, ...(rest.length ? [{ at: frame.at + start + take, sound: rest }] : []));
        return joined;
      }
      start = 0;
      used += 1;
    }
    return undefined;
  }
}

/** The mean of the squares. @param {Float32Array} sound */
function power(sound) {
  let sum = 0;
  for (const sample of sound) sum += sample * sample;
  return sum / Math.max(1, sound.length);
}

/**
 * The period at which the end of a sound looks most like what is before it.
 * @param {Float32Array} history
 */
function bestPeriod(history) {
  const compared = LONGEST;
  const end = history.length;
  let best = LONGEST;
  let most = -Infinity;
  for (let period = SHORTEST; period <= LONGEST; period += 2) {
    let product = 0;
    let energy = 1e-9;
    for (let i = 0; i < compared; i += 4) {
      const earlier = history[end - compared - period + i] || 0;
      product += history[end - compared + i] * earlier;
      energy += earlier * earlier;
    }
    const alike = product / Math.sqrt(energy);
    if (alike > most) {
      most = alike;
      best = period;
    }
  }
  return best;
}

/**
 * How many samples can be left out with the least to be heard.
 * @param {Float32Array} sound @param {number} most
 */
function bestSkip(sound, most) {
  let best = SHORTEST;
  let least = Infinity;
  for (let skip = SHORTEST; skip <= most; skip += 2) {
    let apart = 0;
    for (let i = 0; i < SHORTEST; i += 2) {
      const difference = sound[i] - sound[skip + i];
      apart += difference * difference;
    }
    // Among alike ones the longer.
    const cost = apart / (1 + skip / LONGEST);
    if (cost <= least) {
      least = cost;
      best = skip;
    }
  }
  return best;
}
