// Every view stays as it is while people and channels come and go: whatever can be pressed, typed into or opened is the same
// element before and after, with its focus, its selection and its place; and what the server refuses is taken back.

import { asAccount } from './api.mjs';
import { guests } from './crowd.mjs';
import { perform, say } from './perform.mjs';
import { Person } from './person.mjs';

const { SERVER, PASSWORD, VOICES } = process.env;
const [voice] = VOICES.split(':');
const url = `https://${SERVER}/`;
const results = { views: [], gone: [], focus: [], drawn: 0 };

/** In the page: notes all that can be pressed, and what is written in it. */
function note() {
  const kinds = 'button, a[href], input, select, option, textarea, summary, details, dialog, [tabindex], .member, .log li';
  globalThis.noted = [...document.querySelectorAll(kinds)];
  globalThis.open = [...document.querySelectorAll('details')].map((one) => one.open);
  globalThis.focused = document.activeElement;
  globalThis.scrolled = globalThis.noted.concat([...document.querySelectorAll('.tree, .log, dialog')]).map((one) => [one, one.scrollTop]);
  globalThis.drawn = 0;
  globalThis.seen ??= new MutationObserver((changes) => { globalThis.drawn += changes.length; });
  globalThis.seen.observe(document.body, { childList: true, subtree: true, attributes: true, characterData: true });
  return globalThis.noted.length;
}

/** In the page: what of it is gone, or isn't as it was. */
function look() {
  const called = (one) => `${one.localName}.${one.className} ${one.getAttribute('aria-label') ?? one.textContent.slice(0, 40)}`;
  globalThis.seen.disconnect();
  const now = new Set(document.querySelectorAll('*'));
  const gone = globalThis.noted.filter((one) => !now.has(one)).map(called);
  const moved = globalThis.scrolled.filter(([one, top]) => one.isConnected && Math.abs(one.scrollTop - top) > 1).map(([one]) => `scrolled: ${called(one)}`);
  const open = [...document.querySelectorAll('details')].map((one) => one.open);
  const closed = String(open) === String(globalThis.open) ? [] : ['a fold'];
  return { gone: [...gone, ...moved, ...closed], focus: document.activeElement === globalThis.focused, drawn: globalThis.drawn };
}

const people = [];
const start = async (name, options = {}) => {
  const person = await Person.start({ ears: false, ...options });
  people.push(person);
  await person.open(url);
  if (name) await person.logIn(name, PASSWORD);
  return person;
};

let crowd;
await perform(people, results, async () => {
  const demo = await asAccount(SERVER, 'demo', PASSWORD);
  const bob = await start('bob', { voice });
  await bob.press('Go in and only listen');
  await bob.join('General');
  // Small, so that lists scroll.
  const alice = await start('demo', { voice, context: { viewport: { width: 900, height: 420 } } });
  const { page } = alice;
  await alice.goIn();
  await alice.join('General');
  const member = page.locator('.member', { hasText: 'bob' });
  await member.waitFor();
  for (let i = 0; i < 12; i += 1) {
    await page.getByLabel('Write to General').fill(`line ${i}`);
    await page.keyboard.press('Enter');
    await page.locator('.log li', { hasText: new RegExp(`line ${i}$`) }).waitFor();
  }

  /** What comes and goes beside whatever is looked at. */
  const churn = async (roles) => {
    crowd = guests(1, voice, `parlour://${SERVER}/General`);
    await page.locator('.member', { hasText: '~guest' }).first().waitFor();
    await bob.press('Mute');
    const { id: channel } = await demo('POST', '/channels', { name: 'Aardvark' });
    const { id: role } = roles ? await demo('POST', '/roles', { name: 'Passing' }) : {};
    await alice.channel('Aardvark').waitFor({ state: 'attached' });
    await member.getByRole('img', { name: 'muted' }).waitFor();
    if (role) await demo('DELETE', `/roles/${role}`);
    await demo('DELETE', `/channels/${channel}`);
    await alice.channel('Aardvark').waitFor({ state: 'detached' });
    await bob.press('Unmute');
    await crowd.end();
    crowd = undefined;
    await page.locator('.member', { hasText: '~guest' }).first().waitFor({ state: 'detached' });
    await member.getByRole('img', { name: 'muted' }).waitFor({ state: 'detached' });
  };
  /** @param {string} view @param {() => Promise<unknown>} open @param {import('playwright-core').Locator} [focus] */
  const stays = async (view, open, focus) => {
    await open();
    await focus?.focus();
    await page.waitForTimeout(300);
    const noted = await page.evaluate(note);
    await churn(/person|role|permission/.test(view));
    const { gone, focus: kept, drawn } = await page.evaluate(look);
    results.views.push(view);
    results.drawn += drawn;
    if (noted < 10 || drawn === 0) throw new Error(`${view}: ${noted} elements, drawn ${drawn} times: nothing was tried`);
    results.gone.push(...gone.map((one) => `${view}: ${one}`));
    if (!kept) results.focus.push(view);
    say(view);
  };
  const dialog = page.locator('dialog[open]');
  const close = () => page.keyboard.press('Escape');

  // The room: with text that is selected, lists that are scrolled, and a row of the tree that has the focus.
  await stays('room', async () => {
    await page.evaluate(() => {
      document.querySelector('.log').scrollTop = 30;
      document.querySelector('.tree').scrollTop = 20;
      const text = [...document.querySelectorAll('.log .text')].find((one) => one.textContent === 'line 3').firstChild;
      getSelection().setBaseAndExtent(text, 0, text, 4);
    });
  }, alice.channel('Social'));
  results.selected = await page.evaluate(() => getSelection().toString());
  await stays('composer', () => page.getByLabel('Write to General').fill('half a sentence'), page.getByLabel('Write to General'));
  results.typed = await page.getByLabel('Write to General').inputValue();

  const press = (name) => page.getByRole('button', { name, exact: true }).click();
  const views = [
    ['a person', async () => {
      await press('What you can do with bob');
      await dialog.locator('summary', { hasText: 'Kick' }).click();
      await dialog.getByLabel('Reason, which they are told').first().fill('because');
    }],
    ['oneself', () => press('Your status')],
    ['a channel', async () => {
      await press('Actions for General');
      await dialog.locator('summary').first().click();
    }],
    ['the organization', () => press('Organization')],
    ['the roles', async () => {
      await press('Organization');
      await dialog.getByRole('button', { name: 'Roles' }).click();
      await dialog.locator('.permission').first().waitFor();
    }],
    ['the programs', async () => {
      await press('Organization');
      await dialog.getByRole('button', { name: 'Programs' }).click();
      await dialog.locator('summary', { hasText: 'Register a program' }).click();
      await dialog.getByLabel('What people are told that it is called').fill('Wiki');
    }],
    ['the permissions of a channel', async () => {
      await press('Actions for General');
      await dialog.getByRole('button', { name: 'Permissions …' }).click();
      await dialog.locator('.cell').first().waitFor();
    }],
    ['why', async () => {
      await press('What you can do with bob');
      await dialog.getByRole('button', { name: /^Why may/ }).click();
      await dialog.locator('.inspector').waitFor();
    }],
    ['the webhooks', async () => {
      await press('Your account');
      await dialog.getByRole('button', { name: 'Webhooks …' }).click();
      await dialog.locator('summary', { hasText: 'Add a webhook' }).click();
      await dialog.getByLabel('What it is for').fill('the door');
    }],
    ['the flows', async () => {
      await press('Organization');
      await dialog.getByRole('button', { name: 'Flows' }).click();
      await dialog.locator('summary', { hasText: 'Flows that come with the server' }).click();
      await dialog.getByRole('button', { name: 'Set up welcome' }).waitFor();
      await dialog.getByLabel('Search').fill('a room');
    }],
    ['the plugins', async () => {
      await press('Organization');
      await dialog.getByRole('button', { name: 'Plugins' }).click();
      await dialog.locator('summary', { hasText: 'Install a plugin' }).click();
    }],
    ['the account', () => press('Your account')],
    ['the settings', () => press('Settings')],
  ];
  for (const [view, open] of views) {
    await stays(view, open, dialog.locator('input:visible, select:visible, button:visible').first());
    await close();
    await dialog.waitFor({ state: 'detached' });
  }

  // What a view does of itself: a cell of the matrix is pressed twice, a key that is made and revoked.
  await press('Actions for General');
  await dialog.getByRole('button', { name: 'Permissions …' }).click();
  const cell = dialog.locator('.cell').nth(40);
  const handle = await cell.elementHandle();
  const before = await cell.textContent();
  await handle.click();
  await handle.click();
  await handle.click();
  results.cell = [before, await handle.textContent(), await handle.evaluate((one) => one.isConnected)];
  await close();
  await press('Your account');
  for (const name of ['first', 'second']) {
    await dialog.getByLabel('What it is for').fill(name);
    await dialog.getByRole('button', { name: 'Make a key' }).click();
    await dialog.locator('li', { hasText: name }).waitFor();
  }
  const second = await dialog.getByRole('button', { name: 'Revoke the key second' }).elementHandle();
  await dialog.getByRole('button', { name: 'Revoke the key first' }).click();
  await dialog.locator('li', { hasText: 'first' }).waitFor({ state: 'detached' });
  results.keyStays = await second.evaluate((one) => one.isConnected);
  await second.click();
  await dialog.locator('li', { hasText: 'second' }).waitFor({ state: 'detached' });
  await close();
  say('what views do of themselves');
  results.errors = people.flatMap(({ errors }) => errors);
}, () => crowd?.end().catch(() => {}));
