// Somebody in a browser who loses packets of a voice from another one: how much of it is as it was said, before and while packets
// get lost. What was said and heard is written, too.

import { perform, say } from './perform.mjs';
import { Person, RATE, writeWav } from './person.mjs';

const { SERVER, LOSSY, PASSWORD, VOICES, OUT } = process.env;
const [voice, other] = VOICES.split(':');
const SECONDS = 15;

const results = {};
const people = await Promise.all([[voice, 'alice', SERVER], [other, 'bob', LOSSY]].map(async ([file, name, server]) => {
  const person = await Person.start({ voice: file });
  await person.open(`https://${server}/`);
  await person.logIn(name, PASSWORD);
  await person.goIn();
  if (name === 'bob') await person.press('Mute');
  await person.join('General');
  return person;
}));
const [alice, bob] = people;

/** How alike two pieces are, of every so many samples. @param {Float32Array} one @param {Float32Array} other @param {number} step */
function likeness(one, other, step) {
  let product = 0;
  let own = 1e-9;
  let others = 1e-9;
  for (let i = 0; i < one.length; i += step) {
    product += one[i] * other[i];
    own += one[i] * one[i];
    others += other[i] * other[i];
  }
  return product / Math.sqrt(own * others);
}

/** @param {Float32Array} sound */
const power = (sound) => sound.reduce((sum, sample) => sum + sample * sample, 0) / sound.length;

/**
 * Of the loud frames of 20 ms, how many there are and how many aren't as they were said. Where a frame is in what was said is
 * found by the piece that it is in.
 * @param {Awaited<ReturnType<Person["record"]>>} said @param {Awaited<ReturnType<Person["record"]>>} heard
 */
function compareAll(said, heard) {
  const PIECE = Math.round(RATE * 0.4);
  const FRAME = RATE / 50;
  const loud = power(said.sound) / 2;
  const found = { frames: 0, other: 0 };
  const ahead = Math.round(((heard.began - said.began) * RATE) / 1000);
  for (let from = PIECE; from + PIECE < heard.sound.length; from += PIECE) {
    const piece = heard.sound.subarray(from, from + PIECE);
    const at = (/** @type {number} */ lag) => said.sound.subarray(from + ahead - lag, from + ahead - lag + PIECE);
    let best = { alike: 0, lag: 0 };
    const look = (/** @type {number} */ lag, /** @type {number} */ step) => {
      const before = at(lag);
      if (before.length < PIECE) return;
      const alike = likeness(piece, before, step);
      if (alike > best.alike) best = { alike, lag };
    };
    for (let lag = 0; lag < 400 * 48; lag += 6) look(lag, 7);
    const near = best.lag;
    best.alike = 0;
    for (let lag = near - 6; lag <= near + 6; lag += 1) look(lag, 1);
    const before = at(best.lag);
    if (best.alike === 0) continue;
    for (let part = 0; part + FRAME <= PIECE; part += FRAME) {
      const spoken = before.subarray(part, part + FRAME);
      if (power(spoken) < loud) continue;
      found.frames += 1;
      if (likeness(spoken, piece.subarray(part, part + FRAME), 1) < 0.7) found.other += 1;
    }
  }
  return found;
}

/** @param {string} name */
async function listen(name) {
  // What else the machine does only adds to it: the best of several stretches counts.
  for (let i = 0; i < 3; i += 1) {
    const [said, heard] = await Promise.all([alice.record('said', SECONDS), bob.record('heard', SECONDS)]);
    const found = compareAll(said, heard);
    writeWav(`${OUT}/${name}-${i}-said.wav`, said.sound);
    writeWav(`${OUT}/${name}-${i}-heard.wav`, heard.sound);
    say(`${name}: ${found.other} of ${found.frames} frames are others`);
    const share = found.other / Math.max(1, found.frames);
    if (found.frames > 100 && !(results[name]?.share <= share)) results[name] = { ...found, share };
    if (results[name]?.share < 0.05) return;
  }
}

await perform(people, results, async () => {
  await bob.becomes('loud');
  // Until the jitter buffer knows the way.
  await bob.page.waitForTimeout(1500);
  await listen('whole');
  console.log('lose');
  // Until what repairs voices is there.
  await bob.page.waitForTimeout(4000);
  await listen('lossy');
  results.errors = people.flatMap(({ errors }) => errors);
});
