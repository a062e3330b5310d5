// What people show of themselves: one changes it, and the other sees it at once; and what follows a person to another browser.

import { perform } from './perform.mjs';
import { Person } from './person.mjs';

const { SERVER, PASSWORD, VOICE, PICTURE, SHOTS } = process.env;
const results = { violations: [] };
const people = [];
const start = async (name) => {
  // Without ears the page's policy holds, for pictures too.
  const person = await Person.start({ voice: VOICE, ears: false });
  people.push(person);
  await person.open(`https://${SERVER}/`);
  await person.logIn(name, PASSWORD);
  await person.press('Go in and only listen');
  await person.join('General');
  return person;
};
const look = async (person, name) => results.violations.push(...await person.look(name, SHOTS));
const open = async ({ page }, name) => {
  await page.getByRole('button', { name, exact: true }).click();
  const dialog = page.locator('dialog[open]');
  await dialog.waitFor();
  return dialog;
};
const close = async ({ page }) => {
  await page.keyboard.press('Escape');
  await page.locator('dialog[open]').waitFor({ state: 'detached' });
};
/** The measures of a picture, once the browser has read it. */
const measures = (image) => image.evaluate(async (one) => {
  await one.decode();
  return [one.naturalWidth, one.naturalHeight];
});

await perform(people, results, async () => {
  const alice = await start('alice');
  const bob = await start('bob');
  await bob.page.locator('.member', { hasText: 'alice' }).waitFor();

  let dialog = await open(alice, 'Your account');
  await dialog.getByLabel('Name to show').fill('Wonder');
  await dialog.getByLabel('About you').fill('Sings, and\nplays.');
  await dialog.locator('.profile').getByRole('button', { name: 'Save' }).click();
  await dialog.getByRole('status').filter({ hasText: 'Saved' }).waitFor();
  await dialog.getByLabel('Picture; its middle is shown').setInputFiles(PICTURE);
  results.own = await measures(dialog.getByRole('img', { name: 'Picture of alice' }));
  await look(alice, '40-own-profile');
  await close(alice);

  // The other one is told of it, and has a picture that the page's policy lets in.
  const row = bob.page.locator('.member', { hasText: 'Wonder' });
  await row.locator('img').waitFor();
  results.row = await row.locator('.name').textContent();
  results.seen = await measures(row.locator('img'));
  await look(bob, '41-people-with-profiles');
  dialog = await open(bob, 'What you can do with alice');
  await dialog.getByRole('img', { name: 'Picture of alice' }).waitFor();
  results.about = await dialog.locator('.shown').innerText();
  results.title = await dialog.getByRole('heading', { level: 2 }).textContent();
  results.clears = await dialog.getByRole('button', { name: 'Have them show nothing' }).count();
  await look(bob, '42-person-with-profile');
  await close(bob);

  // Nobody shows a name that looks like hers, and not every file is a picture.
  dialog = await open(bob, 'Your account');
  await dialog.getByLabel('Name to show').fill('W\u043ender');
  await dialog.locator('.profile').getByRole('button', { name: 'Save' }).click();
  const problem = dialog.getByRole('alert');
  await problem.filter({ hasText: 'somebody else' }).waitFor();
  results.imitates = await problem.textContent();
  await dialog.getByLabel('Picture; its middle is shown').setInputFiles({ name: 'me.png', mimeType: 'image/png', buffer: Buffer.from('<svg/>') });
  await problem.filter({ hasText: 'picture' }).waitFor();
  results.unreadable = await problem.textContent();
  await close(bob);

  // A favourite, and how loud somebody is heard, follow to another browser, and what changes there is there at once.
  dialog = await open(alice, 'Actions for General');
  await dialog.getByRole('button', { name: 'Favourite' }).click();
  await dialog.getByRole('button', { name: 'Favourite', pressed: true }).waitFor();
  await close(alice);
  dialog = await open(alice, 'What you can do with bob');
  await dialog.getByLabel('Volume of bob').fill('50');
  await close(alice);
  const elsewhere = await start('alice');
  await elsewhere.page.locator('.favourite', { hasText: 'General' }).waitFor();
  await elsewhere.page.waitForFunction(() => Object.values(JSON.parse(localStorage.getItem('parlour.settings')).volumes).includes(0.5));
  dialog = await open(elsewhere, 'What you can do with bob');
  results.volume = await dialog.getByLabel('Volume of bob').inputValue();
  await close(elsewhere);
  await elsewhere.join('Social');
  await look(elsewhere, '43-favourites');
  await elsewhere.page.locator('.favourite', { hasText: 'General' }).click();
  await elsewhere.page.locator('.favourite[aria-current]').waitFor();
  dialog = await open(elsewhere, 'Actions for General');
  await dialog.getByRole('button', { name: 'Favourite' }).click();
  await alice.page.locator('.favourite').waitFor({ state: 'detached' });
  results.errors = people.flatMap(({ errors }) => errors);
});
