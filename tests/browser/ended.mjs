// How sessions end that nobody asked to end: a guest whose server is started anew, somebody who is banned while they are there
// and as they come back, somebody whose account is deleted; a forgotten password where no e-mails are sent; and a link that others
// can open.

import { perform, say } from './perform.mjs';
import { Person } from './person.mjs';

const { SERVER, PASSWORD } = process.env;
const url = `https://${SERVER}/`;
const results = { violations: [] };

const people = [];
const start = async (locale) => {
  const person = await Person.start({ ears: false, context: { bypassCSP: true, locale, permissions: ['clipboard-read', 'clipboard-write'] } });
  people.push(person);
  await person.open(url);
  return person;
};

await perform(people, results, async () => {
  // A guest comes back by themselves, and is a guest again when they load the page.
  const gina = await start('en-GB');
  const { page } = gina;
  await gina.press('I have no account');
  await page.getByLabel('Name').fill('gina');
  await gina.press('Continue as a guest');
  await gina.press('Go in and only listen');
  await gina.join('General');
  const ben = await start('en-GB');
  await ben.logIn('ben', PASSWORD);
  await ben.press('Go in and only listen');
  await ben.join('General');
  const eve = await start('de-DE');
  await eve.enterInGerman('eve', PASSWORD);
  await eve.join('General');
  await ben.press('Copy a link to this channel');
  await ben.page.locator('.banner', { hasText: 'The link is copied.' }).waitFor();
  results.copied = await ben.page.evaluate(() => navigator.clipboard.readText());
  console.log('stop');
  await page.getByText('Trying to come back').waitFor({ timeout: 20_000 });
  console.log('start');
  await page.getByText('You are back.').waitFor({ timeout: 40_000 });
  await page.locator('button.channel[aria-current]', { hasText: 'General' }).waitFor();
  await ben.page.locator('.member', { hasText: '~gina' }).waitFor({ timeout: 40_000 });
  // As if there had been another one of that name.
  await page.evaluate(() => localStorage.setItem('parlour.name', '~gina~2'));
  await page.reload();
  await page.getByRole('heading', { name: 'Come as a guest' }).waitFor();
  results.proposed = await page.getByLabel('Name').inputValue();
  await gina.press('Continue as a guest');
  await gina.press('Go in and only listen');
  await page.locator('#room').waitFor();
  say('a guest is back');

  // Whoever is banned reads why, and until when.
  console.log('ban ben');
  await ben.page.getByRole('alert').waitFor();
  results.banned = await ben.page.getByRole('alert').textContent();
  results.violations.push(...await ben.look('banned'));
  await ben.press('Try again');
  await ben.page.getByRole('alert').waitFor();
  await ben.page.waitForTimeout(500);
  results.again = await ben.page.locator('body').textContent();
  say('ben reads why');
  console.log('ban eve');
  await eve.page.getByRole('alert').waitFor();
  results.german = await eve.page.getByRole('alert').textContent();
  await eve.page.reload();
  await eve.page.getByRole('alert').waitFor();
  results.reloaded = await eve.page.getByRole('alert').textContent();
  say('eve reads why');

  // So does whoever has no account any more.
  const dan = await start('en-GB');
  await dan.logIn('dan', PASSWORD);
  // The browser takes its time with the sound, until after the account is gone.
  await dan.page.evaluate(() => {
    const { addModule } = Worklet.prototype;
    const late = new Promise((resolve) => { globalThis.goOn = resolve; });
    Worklet.prototype.addModule = async function addLate(...at) {
      await late;
      return addModule.apply(this, at);
    };
  });
  await dan.press('Go in and only listen');
  console.log('delete dan');
  await dan.page.locator('.notice', { hasText: 'deleted' }).waitFor();
  results.deleted = await dan.page.locator('.notice').textContent();
  await dan.page.evaluate(() => globalThis.goOn());
  // What was pressed is done by now.
  await dan.page.waitForTimeout(500);
  results.still = await dan.page.locator('.notice').textContent({ timeout: 1000 }).catch(() => 'nothing');
  results.violations.push(...await dan.look('deleted'));
  say('dan reads why');

  // Where no guests are let in any more, whoever comes back is told so.
  console.log('close');
  await page.getByText('lets no guests in').waitFor({ timeout: 40_000 });
  say('no guests');

  const fay = await start('en-GB');
  await fay.press('I forgot my password');
  results.lead = await fay.page.locator('.lead').textContent();
  await fay.page.getByLabel('E-mail address').fill('fay@example.org');
  await fay.press('Make a code');
  await fay.page.locator('.notice').waitFor();
  results.notice = await fay.page.locator('.notice').textContent();
  results.errors = people.flatMap(({ errors }) => errors).filter((error) => !/ERR_CONNECTION|WebTransport|net::/.test(error));
});
