// Microphones that are unplugged and come back, a sound that the browser pauses, and somebody who only listens at first. The
// devices are Chromium's own; that they are gone is said in place of the browser, and all else is as it is.

import { perform, say } from './perform.mjs';
import { Person } from './person.mjs';

const { SERVER, PASSWORD, VOICES } = process.env;
const [first, second] = VOICES.split(':');
const url = `https://${SERVER}/`;
const results = { violations: [] };

/** In the page, before anything of it runs. */
function devices() {
  const { mediaDevices } = navigator;
  const ask = mediaDevices.getUserMedia.bind(mediaDevices);
  const list = mediaDevices.enumerateDevices.bind(mediaDevices);
  const { resume } = AudioContext.prototype;
  /** What is unplugged: the ids of devices, or every one. */
  globalThis.gone = [];
  globalThis.tracks = [];
  globalThis.stubborn = false;
  const isGone = (id) => globalThis.gone === 'all' || globalThis.gone.includes(id);
  globalThis.goneOutputs = [];
  mediaDevices.enumerateDevices = async () => (await list()).filter(({ kind, deviceId }) => (kind === 'audioinput' ? !isGone(deviceId) : !globalThis.goneOutputs.includes(deviceId)));
  mediaDevices.getUserMedia = async (constraints) => {
    const wanted = constraints.audio.deviceId?.exact;
    if (globalThis.gone === 'all') throw new DOMException('there is none', 'NotFoundError');
    if (wanted && isGone(wanted)) throw new DOMException('it is gone', 'OverconstrainedError');
    const stream = await ask(constraints);
    globalThis.tracks.push(...stream.getAudioTracks());
    return stream;
  };
  /** Pulls plugs, as a browser tells it: the track ends, then the devices are others. */
  globalThis.unplug = (ids) => {
    globalThis.gone = ids;
    const track = globalThis.tracks.at(-1);
    if (track?.readyState === 'live' && isGone(track.getSettings().deviceId)) {
      track.stop();
      track.dispatchEvent(new Event('ended'));
    }
    mediaDevices.dispatchEvent(new Event('devicechange'));
  };
  globalThis.microphone = () => globalThis.tracks.filter((track) => track.readyState === 'live').map((track) => track.getSettings().deviceId);
  globalThis.AudioContext = class extends AudioContext {
    constructor(...how) {
      super(...how);
      globalThis.context = this;
    }

    resume() {
      return globalThis.stubborn ? Promise.reject(new DOMException('not now', 'NotAllowedError')) : resume.call(this);
    }
  };
}

const people = [];
const start = async (name, voice) => {
  const person = await Person.start({ voice, ears: false, context: { bypassCSP: true } });
  people.push(person);
  await person.page.addInitScript(devices);
  await person.open(url);
  await person.logIn(name, PASSWORD);
  return person;
};

await perform(people, results, async () => {
  const alice = await start('alice', first);
  await alice.goIn();
  await alice.join('General');
  // Bob has no microphone at first, and says that he only listens.
  const bob = await start('bob', second);
  await bob.page.evaluate(() => globalThis.unplug('all'));
  await bob.press('Allow the microphone');
  await bob.page.getByText('There is no microphone.').waitFor();
  await bob.press('Go in and only listen');
  await bob.join('General');
  results.missing = await bob.page.locator('.sound').textContent();
  await bob.page.evaluate(() => globalThis.unplug([]));
  await bob.page.getByText('You only listen').waitFor();
  const hides = (/** @type {Person} */ who) => who.page.locator('.sound').waitFor({ state: 'hidden' }).then(() => true);
  const heard = (/** @type {string} */ name) => (name === 'alice' ? bob : alice).page.locator('.member.talking', { hasText: name });
  const silent = async (/** @type {string} */ name) => {
    const { page } = name === 'alice' ? bob : alice;
    await page.locator('.member:not(.talking)', { hasText: name }).waitFor();
    await page.waitForTimeout(1500);
    return await heard(name).count() === 0;
  };
  await heard('alice').waitFor();
  results.onlyListens = await bob.page.locator('.sound').textContent();
  results.violations.push(...await bob.look('listening'));
  results.listenerIsSilent = await silent('bob');
  await bob.press('Use the microphone');
  await heard('bob').waitFor();
  results.noticeGone = await hides(bob);
  say('a listener speaks');

  // A chosen microphone is unplugged: another one takes its place, and it comes back.
  const { page } = alice;
  await alice.press('Settings');
  const choice = page.locator('#microphone-device');
  const chosen = await choice.locator('option').nth(2).getAttribute('value');
  await choice.selectOption(chosen);
  await page.waitForFunction((id) => globalThis.microphone().join() === id, chosen);
  await page.evaluate((id) => globalThis.unplug([id]), chosen);
  await choice.locator('option', { hasText: 'which isn’t there' }).waitFor({ state: 'attached' });
  results.choiceStays = await choice.inputValue() === chosen;
  // It is said for a while, whatever is open meanwhile.
  const banner = page.locator('.banner', { hasText: 'is used in its place' });
  await banner.waitFor();
  results.instead = await banner.textContent();
  await alice.press('Close');
  results.another = await page.evaluate((id) => globalThis.microphone().length === 1 && globalThis.microphone()[0] !== id, chosen);
  await heard('alice').waitFor();
  say('another microphone');
  await page.evaluate(() => globalThis.unplug([]));
  await page.getByText('Your microphone is Fake').waitFor();
  results.back = await page.evaluate((id) => globalThis.microphone().join() === id, chosen);
  await heard('alice').waitFor();
  say('the chosen one is back');

  // The same of a loudspeaker, where there is one to choose.
  await alice.press('Settings');
  const speaker = page.locator('#loudspeaker-device');
  const loud = await speaker.locator('option').nth(1).getAttribute('value');
  await speaker.selectOption(loud);
  await page.waitForFunction((id) => globalThis.context.sinkId === id, loud);
  await alice.press('Close');
  await page.evaluate((id) => {
    globalThis.goneOutputs = [id];
    globalThis.unplug([]);
  }, loud);
  await page.getByText('Your loudspeaker is gone.').waitFor();
  results.usualSpeaker = await page.waitForFunction(() => globalThis.context.sinkId === '').then(() => true);
  await page.evaluate(() => {
    globalThis.goneOutputs = [];
    globalThis.unplug([]);
  });
  await page.getByText('Your loudspeaker is Fake').waitFor();
  results.speakerBack = await page.waitForFunction((id) => globalThis.context.sinkId === id, loud).then(() => true);
  say('another loudspeaker');

  // All of them: it is said, and trying again says it again; one that is plugged in is taken.
  await page.evaluate(() => globalThis.unplug('all'));
  await page.getByText('Your microphone is gone: nobody hears you.').waitFor();
  results.violations.push(...await alice.look('gone'));
  await alice.press('Try again');
  await page.waitForTimeout(300);
  results.stillGone = await page.locator('.sound').textContent();
  results.silentWithout = await silent('alice');
  await page.evaluate(() => globalThis.unplug([]));
  await page.locator('.sound').waitFor({ state: 'hidden' });
  await heard('alice').waitFor();
  say('plugged in again');

  // The browser pauses the sound: the page goes on by itself, or says what to do where it isn't let.
  await page.evaluate(() => globalThis.context.suspend());
  await page.waitForFunction(() => globalThis.context.state === 'running');
  results.goesOn = await hides(alice);
  await page.evaluate(() => {
    globalThis.stubborn = true;
    return globalThis.context.suspend();
  });
  await page.getByText('The browser has paused the sound').waitFor();
  results.violations.push(...await alice.look('paused'));
  results.silentWhilePaused = await silent('alice');
  await page.evaluate(() => {
    globalThis.stubborn = false;
  });
  await alice.press('Go on');
  await page.locator('.sound').waitFor({ state: 'hidden' });
  await heard('alice').waitFor();
  say('the sound goes on');

  // One that the system has turned off.
  await page.evaluate(() => {
    const track = globalThis.tracks.at(-1);
    Object.defineProperty(track, 'muted', { value: true, configurable: true });
    track.dispatchEvent(new Event('mute'));
  });
  await page.getByText('has turned your microphone off').waitFor();
  await page.evaluate(() => {
    const track = globalThis.tracks.at(-1);
    delete track.muted;
    track.dispatchEvent(new Event('unmute'));
  });
  await page.locator('.sound').waitFor({ state: 'hidden' });

  // Whoever logs out is listened to no more, whatever is plugged in.
  await alice.press('Log out');
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await page.evaluate(() => globalThis.unplug([]));
  await page.waitForTimeout(300);
  results.loggedOut = await page.evaluate(() => globalThis.microphone().length);
  // Whoever comes without one has it tried as soon as it is plugged in.
  await page.evaluate(() => globalThis.unplug('all'));
  await alice.logIn('alice', PASSWORD);
  await alice.press('Allow the microphone');
  await page.getByText('There is no microphone.').waitFor();
  await page.evaluate(() => globalThis.unplug([]));
  await page.getByText('You can be heard.').waitFor();
  results.errors = people.flatMap(({ errors }) => errors);
});
