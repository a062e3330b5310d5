// The jitter buffer alone, on a clock that is only counted: what comes out of it for what comes in.

import { readFileSync } from 'node:fs';

import { encoder, hearing } from './coded.mjs';

const { Speaker, RATE } = await import(`${process.env.PAGE}/jitter.js`);
const { distance } = await import(`${process.env.PAGE}/rtp.js`);
const wav = readFileSync(process.env.VOICE);
const voice = new Int16Array(wav.buffer.slice(wav.byteOffset + 44, wav.byteOffset + 44 + ((wav.length - 44) & ~1)));
const FRAME = 960;
const QUANTUM = 128;
/** The voice twice, so that as much of it as is looked at stands in one piece wherever that begins. */
const said = Float32Array.from({ length: 2 * voice.length }, (_, i) => voice[i % voice.length] / 32768);
/** So many samples from one on, of the voice that is said again and again. @param {number} from @param {number} count */
const samples = (from, count) => {
  const at = ((from % voice.length) + voice.length) % voice.length;
  return said.subarray(at, at + count);
};

/** How loud 20 ms from one on are. @param {number} from */
const power = (from) => samples(from, FRAME).reduce((sum, sample) => sum + sample * sample, 0) / FRAME;
const loudest = Math.max(...Array.from({ length: Math.floor(voice.length / FRAME) }, (_, i) => power(i * FRAME)));

/**
 * @param {object} what
 * @param {number} what.seconds
 * @param {(number: number, random: () => number) => number} [what.late] Milliseconds.
 * @param {number} [what.loss] Share of the frames.
 * @param {number} [what.drift] The sender's clock is faster by so many millionths.
 * @param {number} [what.row] How many are lost one after the other.
 * @param {{told: number, repairs: boolean}} [what.coded] The voice is coded for so much loss, in percent; else it is sent as it is.
 */
function run({ seconds, late = () => 0, loss = 0, drift = 0, row = 1, coded }) {
  let seed = 7;
  const random = () => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    return seed / 2 ** 31;
  };
  const speaker = new Speaker();
  const encode = coded && encoder(coded.told);
  const heard = coded && hearing(speaker, coded.repairs);
  // Near the end of the 32 bits, so that they wrap on the way.
  const base = 2 ** 32 - 48_000;
  const frames = [];
  let left = 0;
  for (let number = 0; number * FRAME < seconds * RATE; number += 1) {
    if (left === 0 && random() < loss / row) left = row;
    const lost = left > 0;
    left = Math.max(0, left - 1);
    const payload = encode?.(samples(number * FRAME, FRAME));
    const arrives = number * FRAME * (1 - drift / 1e6) + 1_000 + late(number, random) * 48;
    if (lost && number > 0) continue;
    frames.push({ number, arrives, payload });
  }
  frames.sort((a, b) => a.arrives - b.arrives);
  const out = new Float32Array(seconds * RATE);
  const waiting = [];
  // Samples that aren't played, so that what follows is heard sooner: of what is quiet, and of what is loud.
  const leftOut = { quiet: 0, loud: 0 };
  let next = 0;
  for (let at = 0; at + QUANTUM <= out.length; at += QUANTUM) {
    for (; next < frames.length && frames[next].arrives <= at; next += 1) {
      const { number, payload } = frames[next];
      const timestamp = (base + number * FRAME) % 2 ** 32;
      if (heard) heard.take({ flow: 0, ssrc: 1, sequence: (65_000 + number) & 0xffff, timestamp, marker: number === 0, payload });
      else speaker.push(timestamp, samples(number * FRAME, FRAME).slice(), number === 0);
    }
    const { playhead } = speaker;
    speaker.pull(out.subarray(at, at + QUANTUM), 1);
    if (playhead !== undefined && speaker.playhead > playhead + QUANTUM) {
      leftOut[power(distance(playhead, base, 32)) < loudest / 100 ? 'quiet' : 'loud'] += speaker.playhead - playhead - QUANTUM;
    }
    if (at % RATE < QUANTUM) waiting.push(speaker.waiting);
  }
  // How alike each piece is to what was said, at the delay that fits best.
  const piece = Math.round(RATE * 0.4);
  const alike = [];
  for (let from = RATE; from + piece < out.length; from += Math.max(RATE, Math.floor(out.length / 60))) {
    let best = 0;
    const after = out.subarray(from, from + piece);
    const compare = (lag, step) => {
      const before = samples(from - lag, piece);
      let product = 0;
      let own = 1e-9;
      let other = 1e-9;
      for (let i = 0; i < piece; i += step) {
        const a = after[i];
        const b = before[i];
        product += a * b;
        own += a * a;
        other += b * b;
      }
      return product / Math.sqrt(own * other);
    };
    let at = 0;
    // The delay that a faster sender's clock hides is in it, too.
    const moved = Math.round((from * -drift) / 1e6);
    for (let lag = moved - 480; lag < moved + 300 * 48; lag += 6) {
      const now = compare(lag, 9);
      if (now > best) {
        best = now;
        at = lag;
      }
    }
    for (let lag = at - 6; lag <= at + 6; lag += 1) best = Math.max(best, compare(lag, 3));
    alike.push(best);
  }
  alike.sort((a, b) => a - b);
  heard?.close();
  const ordered = [...waiting].sort((a, b) => a - b);
  return {
    median: alike[Math.floor(alike.length / 2)],
    least: alike[Math.floor(alike.length / 20)],
    waiting: ordered[Math.floor(ordered.length / 2)],
    last: waiting.slice(-10).reduce((sum, one) => sum + one, 0) / 10,
    most: ordered.at(-1),
    leftOut,
    ...speaker.heard,
  };
}

console.log(JSON.stringify({
  clean: run({ seconds: 20 }),
  wireless: run({ seconds: 20, late: (_, random) => (random() < 0.02 ? 60 : random() * 8) }),
  lossy: run({ seconds: 30, late: (_, random) => random() * 3, loss: 0.1 }),
  faster: run({ seconds: 600, late: (_, random) => random() * 3, drift: 200 }),
  slower: run({ seconds: 600, late: (_, random) => random() * 3, drift: -200 }),
  // A second in which nothing comes, and then all of it at once.
  stalled: run({ seconds: 20, late: (number) => (number >= 250 && number < 300 ? (300 - number) * 20 : 0) }),
  // Every six seconds the network stands still for a tenth of one, as a busy machine does.
  haltingly: run({ seconds: 60, late: (number, random) => random() * 3 + (number % 300 < 5 ? (5 - (number % 300)) * 20 : 0) }),
  coded: run({ seconds: 20, coded: { told: 1, repairs: true } }),
  concealed: run({ seconds: 20, loss: 0.1, coded: { told: 10, repairs: false } }),
  repaired: run({ seconds: 20, loss: 0.1, coded: { told: 10, repairs: true } }),
  atFirst: run({ seconds: 20, loss: 0.1, coded: { told: 1, repairs: true } }),
  inRows: run({ seconds: 20, loss: 0.1, row: 3, coded: { told: 10, repairs: true } }),
}));
