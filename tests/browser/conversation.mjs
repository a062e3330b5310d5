// Two browsers and two native clients in one channel, who speak in turns. What each hears is written as WAV for the
// test that compares it; how loud it is where that is the question is printed.

import { perform, say } from './perform.mjs';
import { Person, native, staying, writeWav } from './person.mjs';

const { SERVER, NATIVE, OUT, PASSWORD, VOICES, WAY } = process.env;
const [first, second, third] = VOICES.split(':');
const url = `https://${SERVER}/${WAY === 'websocket' ? '?way=websocket' : ''}`;

/** How loud it is once something, or nothing, is heard. @param {Person} who @param {"loud" | "silent"} what */
const loudness = async (who, what) => {
  await who.becomes(what);
  return who.loudness(1.2);
};

const people = await Promise.all([[first, 'alice'], [second, 'bob']].map(async ([voice, name]) => {
  const person = await Person.start({ voice });
  await person.open(url);
  await person.logIn(name, PASSWORD);
  await person.goIn();
  await person.press('Mute');
  await person.join('General');
  return person;
}));
const [alice, bob] = people;
const results = {};
await perform(people, results, async () => {
  say('logged in');
  const address = (name) => `parlour://${name}@${NATIVE}/General`;
  await Promise.all(['charlie', 'demo'].map((name) => native(name, ['login', `parlour://${name}@${NATIVE}`, '--password-stdin'], PASSWORD)));
  const recording = staying('charlie', ['record', `${OUT}/charlie-hears`, address('charlie')]);
  await alice.page.locator('.member', { hasText: 'charlie' }).waitFor();

  await alice.press('Unmute');
  writeWav(`${OUT}/bob-hears-alice.wav`, await bob.hear(4));
  await alice.press('Mute');
  say('alice spoke');
  await bob.press('Unmute');
  writeWav(`${OUT}/alice-hears-bob.wav`, await alice.hear(4));
  await bob.press('Mute');
  say('bob spoke');
  const played = native('demo', ['play', third, address('demo')]);
  const [a, b] = await Promise.all([alice.hearUntil(played), bob.hearUntil(played)]);
  writeWav(`${OUT}/alice-hears-native.wav`, a);
  writeWav(`${OUT}/bob-hears-native.wav`, b);
  await recording.end();
  say('the natives spoke');

  // Who is muted isn't heard; who is, is; who is deafened hears nothing.
  results.muted = await loudness(bob, 'silent');
  await alice.press('Unmute');
  results.loud = await loudness(bob, 'loud');
  await bob.press('Deafen');
  results.deaf = await loudness(bob, 'silent');
  await bob.press('Undeafen');
  // A person's own volume.
  const volume = async (/** @type {string} */ percent) => {
    await bob.page.getByRole('button', { name: 'What you can do with alice' }).click();
    await bob.page.getByLabel('Volume of alice').fill(percent);
    await bob.press('Close');
  };
  await volume('50');
  results.half = await loudness(bob, 'loud');
  await volume('0');
  results.none = await loudness(bob, 'silent');
  await volume('100');
  await bob.becomes('loud');
  // Only while a key is held.
  await alice.press('Settings');
  await alice.page.getByLabel('While I hold a key').check();
  await alice.press('Close');
  results.released = await loudness(bob, 'silent');
  await alice.page.locator('h1').focus();
  await alice.page.keyboard.down('Space');
  results.held = await loudness(bob, 'loud');
  await alice.page.keyboard.up('Space');
  results.again = await loudness(bob, 'silent');
  const button = alice.page.getByRole('button', { name: /Hold to talk/ });
  await button.hover();
  await alice.page.mouse.down();
  results.button = await loudness(bob, 'loud');
  await alice.page.mouse.up();
  say('turned down, and up');

  results.errors = people.flatMap(({ errors }) => errors);
  results.foreign = people.flatMap(({ requests }) => requests).filter((request) => !request.startsWith(`https://${SERVER}/`) && !/^(blob|data):/.test(request));
});
