// Presses at random moments while four people talk, come and go: of Mute and Unmute with the mouse, slowly, by keys and by touch,
// and of what is drawn anew with every change. Each shows in the page at once, measured in the page, and holds on the server.

import { guests, random } from './crowd.mjs';
import { perform, say } from './perform.mjs';
import { Person } from './person.mjs';

const { SERVER, PASSWORD, VOICES } = process.env;
const [voice] = VOICES.split(':');
const url = `https://${SERVER}/`;
const results = { lost: [], late: [], notHeld: [], slowest: 0, presses: 0, redraws: 0 };
const chance = random(20_261_127);
const between = (least, most) => least + chance() * (most - least);

/** In the page: how long after a press the button shows it; and how often the tree is drawn. */
function watch() {
  const button = document.querySelector('.switches button');
  globalThis.muteButton = button;
  globalThis.shown = undefined;
  globalThis.redraws = 0;
  new MutationObserver((changes) => { globalThis.redraws += changes.length > 0 ? 1 : 0; })
    .observe(document.querySelector('.tree'), { childList: true, subtree: true });
  const at = (event) => {
    if (!event.composedPath().includes(button) || (event.type === 'keyup' && event.key !== ' ') || (event.type === 'keydown' && event.key !== 'Enter')) return;
    const since = performance.now();
    const before = button.getAttribute('aria-pressed');
    globalThis.shown = new Promise((resolve) => {
      const seen = new MutationObserver(() => {
        if (button.getAttribute('aria-pressed') === before) return;
        seen.disconnect();
        resolve(performance.now() - since);
      });
      seen.observe(button, { attributes: true });
      setTimeout(() => resolve(null), 1000);
    });
  };
  for (const type of ['pointerup', 'keyup', 'keydown']) addEventListener(type, at, { capture: true });
}

const people = [];
const start = async (name, options) => {
  const person = await Person.start({ ears: false, ...options });
  people.push(person);
  await person.open(url);
  await person.logIn(name, PASSWORD);
  return person;
};

let crowd;
await perform(people, results, async () => {
  const bob = await start('bob', { voice });
  await bob.press('Go in and only listen');
  await bob.join('General');
  const alice = await start('alice', { voice, context: { hasTouch: true } });
  await alice.goIn();
  await alice.join('General');
  await bob.page.locator('.member', { hasText: 'alice' }).waitFor();
  const { page } = alice;
  const touch = await page.context().newCDPSession(page);
  await page.evaluate(watch);
  crowd = guests(4, voice, `parlour://${SERVER}/General`);
  await page.locator('.member', { hasText: '~guest' }).first().waitFor();

  /** Whether the others see that alice is muted, in time. */
  const held = (muted) => bob.page.waitForFunction((wanted) => {
    const row = [...document.querySelectorAll('.member')].find((one) => one.querySelector('.who')?.textContent === 'alice');
    return row && (row.querySelector('[aria-label="muted"]') !== null) === wanted;
  }, muted, { timeout: 20_000 }).then(() => true, () => false);
  const button = page.locator('.switches button').first();
  const somewhere = async () => {
    const { x, y, width, height } = await button.boundingBox();
    return [x + between(0.1, 0.9) * width, y + between(0.2, 0.8) * height];
  };
  const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));
  const ways = {
    mouse: async (time = between(0, 120)) => {
      await page.mouse.move(...await somewhere());
      await page.mouse.down();
      await pause(time);
      await page.mouse.up();
    },
    // As somebody does who thinks while they press: people have come and gone before it is let go of.
    slow: async () => {
      await ways.mouse(between(400, 1200));
    },
    key: async () => {
      await button.focus();
      const key = chance() < 0.5 ? 'Space' : 'Enter';
      await page.keyboard.down(key);
      await pause(between(0, 120));
      await page.keyboard.up(key);
    },
    touch: async () => {
      const [x, y] = await somewhere();
      await touch.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [{ x, y }] });
      await pause(between(0, 150));
      await touch.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    },
  };
  const order = [...Array(60).fill('mouse'), ...Array(12).fill('slow'), ...Array(16).fill('key'), ...Array(12).fill('touch')];
  let muted = false;
  while (order.length > 0) {
    const [way] = order.splice(Math.floor(chance() * order.length), 1);
    await pause(between(0, 120));
    await ways[way]();
    results.presses += 1;
    const shown = await page.evaluate(() => globalThis.shown);
    const name = `${results.presses}, by ${way}`;
    if (typeof shown === 'number') {
      muted = !muted;
      results.slowest = Math.max(results.slowest, shown);
      if (shown > 100) results.late.push(`${name}: ${shown} ms`);
    } else results.lost.push(name);
    if (!await held(muted)) results.notHeld.push(name);
    // The press is over: the next one is another.
    await page.evaluate(() => { globalThis.shown = undefined; });
  }
  results.sameButton = await page.evaluate(() => globalThis.muteButton === document.querySelector('.switches button'));
  results.redraws = await page.evaluate(() => globalThis.redraws);
  say('muted and unmuted');

  // The rows of channels and of people, which every coming and going draws anew.
  const slowly = async (locator) => {
    for (;;) {
      await locator.hover();
      await page.mouse.down();
      if (await locator.evaluate((element) => element.matches(':active'))) break;
      // Somebody came just before, and it is another row that is pressed: let go of beside it, that does nothing.
      await page.mouse.move(700, 300);
      await page.mouse.up();
    }
    await pause(between(300, 600));
    await page.mouse.up();
  };
  for (let i = 0; i < 8; i += 1) {
    const channel = i % 2 ? 'General' : 'Social';
    await slowly(alice.channel(channel));
    const there = page.locator('button.channel[aria-current]', { hasText: channel });
    if (!await there.waitFor({ timeout: 20_000 }).then(() => true, () => false)) results.lost.push(`${channel}, slowly`);
    await slowly(page.getByRole('button', { name: 'What you can do with bob' }));
    const opened = page.locator('dialog[open]', { hasText: 'bob' });
    if (!await opened.waitFor({ timeout: 20_000 }).then(() => true, () => false)) results.lost.push('bob, slowly');
    else await page.keyboard.press('Escape');
  }
  say('went and opened');
  results.errors = people.flatMap(({ errors }) => errors);
}, () => crowd?.end());
