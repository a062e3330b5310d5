// Presses that the server refuses, since they are too many: they show at once, and are taken back with a sentence.

import { perform } from './perform.mjs';
import { Person } from './person.mjs';

const { SERVER, PASSWORD, VOICES } = process.env;
const [voice] = VOICES.split(':');
const results = {};
const people = [];
await perform(people, results, async () => {
  const alice = await Person.start({ voice, ears: false });
  const bob = await Person.start({ ears: false });
  people.push(bob, alice);
  await bob.open(`https://${SERVER}/`);
  await bob.logIn('bob', PASSWORD);
  await bob.press('Go in and only listen');
  await bob.join('General');
  const { page } = alice;
  await alice.open(`https://${SERVER}/`);
  await alice.logIn('alice', PASSWORD);
  await alice.goIn();
  await alice.join('General');
  const row = bob.page.locator('.member', { hasText: 'alice' });
  await row.waitFor();
  // More than the server takes of one session at once: an odd number, so that the last one mutes.
  results.atOnce = await page.evaluate(() => {
    const button = document.querySelector('.switches button');
    button.click();
    const first = button.getAttribute('aria-pressed');
    for (let i = 0; i < 40; i += 1) button.click();
    return [first, button.getAttribute('aria-pressed')];
  });
  await page.locator('.banner', { hasText: 'Too many' }).waitFor();
  results.said = await page.locator('.banner').textContent();
  // All of them are answered: the last one is taken back, too.
  const isOff = () => page.waitForFunction(() => document.querySelector('.switches button').getAttribute('aria-pressed') === 'false', undefined, { timeout: 3000 }).then(() => true, () => false);
  for (let i = 0; i < 8 && !await isOff(); i += 1) {
    // A second that passed made room for the last one: once more, by an even number, so that the last one mutes again.
    await page.evaluate(() => {
      for (let press = 0; press < 40; press += 1) document.querySelector('.switches button').click();
    });
  }
  await page.waitForTimeout(1500);
  results.shown = await page.locator('.switches button').first().getAttribute('aria-pressed');
  results.held = String(await row.getByRole('img', { name: 'muted' }).count() > 0);
  // The same of a box in a dialog.
  await page.getByRole('button', { name: 'Your status' }).click();
  const away = page.getByRole('checkbox');
  await away.waitFor();
  await page.evaluate(() => {
    for (let i = 0; i < 41; i += 1) document.querySelector('dialog[open] input[type=checkbox]').click();
  });
  await page.locator('dialog[open] .problem', { hasText: 'Too many' }).waitFor();
  await page.waitForTimeout(1500);
  results.away = [await away.isChecked(), await row.getByText('away').count() > 0];
  results.errors = people.flatMap(({ errors }) => errors);
});
