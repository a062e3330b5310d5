// Two browsers and two native clients in one channel, who speak in turns. What each hears is written as WAV for the
// test that compares it; how loud it is where that is the question is printed.

import { perform } from './perform.mjs';
import { Person, native, writeWav } from './person.mjs';

const { SERVER, NATIVE, OUT, PASSWORD, VOICES, WAY } = process.env;
const [first, second, third] = VOICES.split(':');
const url = `https://${SERVER}/${WAY === 'websocket' ? '?way=websocket' : ''}`;

const rms = (sound) => Math.sqrt(sound.reduce((sum, sample) => sum + sample * sample, 0) / Math.max(1, sound.length));
const say = (words) => process.stderr.write(`${words}\n`);

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
  const recording = native('charlie', ['record', `${OUT}/charlie-hears`, address('charlie'), '--for', '26']);
  await alice.page.locator('.member', { hasText: 'charlie' }).waitFor();

  await alice.press('Unmute');
  writeWav(`${OUT}/bob-hears-alice.wav`, await bob.hear(7));
  await alice.press('Mute');
  say('alice spoke');
  await bob.press('Unmute');
  writeWav(`${OUT}/alice-hears-bob.wav`, await alice.hear(7));
  await bob.press('Mute');
  say('bob spoke');
  const played = native('demo', ['play', third, address('demo')]);
  const [a, b] = await Promise.all([alice.hear(5), bob.hear(5)]);
  writeWav(`${OUT}/alice-hears-native.wav`, a);
  writeWav(`${OUT}/bob-hears-native.wav`, b);
  await Promise.all([played, recording]);
  say('the natives spoke');

  // Who is muted isn't heard; who is, is; who is deafened hears nothing.
  results.muted = rms(await bob.hear(1.5));
  await alice.press('Unmute');
  await bob.page.waitForTimeout(500);
  results.loud = rms(await bob.hear(4));
  await bob.press('Deafen');
  await bob.page.waitForTimeout(500);
  results.deaf = rms(await bob.hear(1.5));
  await bob.press('Undeafen');
  // A person's own volume.
  await bob.page.getByRole('button', { name: 'What you can do with alice' }).click();
  await bob.page.getByLabel('Volume of alice').fill('50');
  await bob.press('Close');
  await bob.page.waitForTimeout(500);
  results.half = rms(await bob.hear(4));
  await bob.page.getByRole('button', { name: 'What you can do with alice' }).click();
  await bob.page.getByLabel('Volume of alice').fill('0');
  await bob.press('Close');
  await bob.page.waitForTimeout(500);
  results.none = rms(await bob.hear(1.5));
  await bob.page.getByRole('button', { name: 'What you can do with alice' }).click();
  await bob.page.getByLabel('Volume of alice').fill('100');
  await bob.press('Close');
  // Only while a key is held.
  await alice.press('Settings');
  await alice.page.getByLabel('While I hold a key').check();
  await alice.press('Close');
  await bob.page.waitForTimeout(700);
  results.released = rms(await bob.hear(1.5));
  await alice.page.locator('h1').focus();
  await alice.page.keyboard.down('Space');
  await bob.page.waitForTimeout(500);
  results.held = rms(await bob.hear(4));
  await alice.page.keyboard.up('Space');
  await bob.page.waitForTimeout(700);
  results.again = rms(await bob.hear(1.5));
  const button = alice.page.getByRole('button', { name: /Hold to talk/ });
  await button.hover();
  await alice.page.mouse.down();
  await bob.page.waitForTimeout(500);
  results.button = rms(await bob.hear(4));
  await alice.page.mouse.up();

  results.errors = people.flatMap(({ errors }) => errors);
  results.foreign = people.flatMap(({ requests }) => requests).filter((request) => !request.startsWith(`https://${SERVER}/`) && !/^(blob|data):/.test(request));
});
