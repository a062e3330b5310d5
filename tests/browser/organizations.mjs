// Two organizations on one server: the page of the second, entered by an invite's link, beside native clients of both; the
// links of its e-mails; and the same browser in both.

import { letter, perform, say } from './perform.mjs';
import { Person, native, staying, tabTo, writeWav } from './person.mjs';

const { SERVER, LINK, VOICES, OUT, SHOTS, DATA, PASSWORD } = process.env;
const [voice, other] = VOICES.split(':');
const home = `https://${SERVER}`;
const [first, second] = ['seven small red boats', 'eight large blue cranes'];
const results = { violations: [] };

/** The link in an e-mail, which names the server as people know it. */
const link = async (/** @type {number} */ number) => home + new URL(/https:\S+\/\+raid\/[rv]\/[\w-]+/.exec(await letter(number, DATA))[0]).pathname;
const address = (name, tag) => `parlour://${name}@${SERVER}${tag}`;

const fay = await Person.start({ voice });
const { page } = fay;
const look = async (name) => results.violations.push(...await fay.look(name, SHOTS));
await perform([fay], results, async () => {
  await Promise.all([['boss', '/+raid'], ['demo', ''], ['charlie', '']].map(([name, tag]) => native(name, ['login', address(name, tag), '--password-stdin'], PASSWORD)));

  // No such organization.
  await fay.open(`${home}/+nobody/`);
  results.nobody = await page.locator('[role=alert]').textContent();
  await look('20-no-organization');
  results.unknown = fay.errors.splice(0);

  await fay.open(LINK);
  await page.getByText('Welcome to The Raid').waitFor();
  await page.getByText('You were invited to Social.').waitFor();
  results.title = await page.title();
  results.manifest = await page.evaluate(async () => (await fetch(document.querySelector('link[rel=manifest]').href)).json());
  await look('21-invited-to-an-organization');
  await page.keyboard.type('fay');
  await tabTo(page, 'Password');
  await page.keyboard.type(first);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Your microphone' }).waitFor();
  results.address = page.url();
  await fay.goIn();
  await page.locator('button.channel[aria-current]', { hasText: 'Social' }).waitFor();
  say('came by the link');

  // Somebody of the first organization is in the channel of the same name, and speaks.
  const there = staying('charlie', ['record', `${OUT}/charlie-hears`, address('charlie', '/Social')]);
  const hearing = staying('boss', ['record', `${OUT}/boss-hears`, address('boss', '/+raid/Social')]);
  const talking = native('demo', ['play', other, address('demo', '/Social')]);
  await page.locator('.member', { hasText: 'boss' }).waitFor();
  await look('22-room-of-an-organization');
  await talking;
  // Charlie is there and demo has been, in the other one.
  results.members = await page.locator('.member .name').allTextContents();
  await Promise.all([there.end(), hearing.end()]);
  await fay.press('Mute');
  const heard = await fay.hearUntil(native('boss', ['play', other, address('boss', '/+raid/Social')]));
  writeWav(`${OUT}/fay-hears.wav`, heard);
  say('talked');

  // The same browser in the first organization: nobody is logged in there, and both log-ins stay.
  await fay.open(`${home}/`);
  await page.getByText('Welcome to Parlour').waitFor();
  results.foreignName = await page.getByLabel('Name').inputValue();
  await fay.logIn('alice', PASSWORD);
  await fay.goIn();
  await fay.join('Social');
  await page.locator('.member', { hasText: 'alice' }).waitFor();
  await fay.open(`${home}/+raid/`);
  await page.getByRole('heading', { name: 'Your microphone' }).waitFor();
  await fay.goIn();
  await fay.join('Social');
  await page.locator('.member', { hasText: 'fay' }).waitFor();
  results.kept = await page.evaluate(() => Object.keys(localStorage).sort());
  say('is in both');

  // The links of e-mails.
  await fay.press('Your account');
  await page.locator('#email').fill('fay@example.org');
  await page.locator('#email-password').fill(first);
  await fay.press('Keep this address');
  await page.getByText('A code for this address waits').waitFor();
  await page.locator('#key-name').fill('music');
  await fay.press('Make a key');
  await page.getByRole('button', { name: 'Revoke the key music' }).waitFor();
  await page.getByText('your API key ends').waitFor();
  await page.locator('#keep-keys').scrollIntoViewIfNeeded();
  await look('23-keep-keys');
  await fay.press('Close');
  await fay.open(await link(1));
  await fay.goIn();
  await page.getByText('The address is yours.').waitFor();
  results.proven = page.url();
  await fay.press('Log out');
  await fay.press('I forgot my password');
  await page.getByLabel('E-mail address').fill('fay@example.org');
  await fay.press('Make a code');
  await page.getByText('a code waits with whoever runs it').waitFor();
  await fay.open(await link(2));
  await page.getByLabel('Password').fill(second);
  await page.getByLabel('Leave my API keys as they are').check();
  await look('24-reset-in-an-organization');
  await fay.press('Change the password');
  await page.getByText('Log in with the new one.').waitFor();
  results.reset = page.url();
  await fay.logIn('fay', second);
  await fay.goIn();
  await fay.press('Your account');
  await page.getByRole('button', { name: 'Revoke the key music' }).waitFor();
  say('chose another password by e-mail, and kept the key');

  results.errors = fay.errors;
  results.foreign = fay.requests.filter((request) => !request.startsWith(`${home}/`) && !/^(blob|data):/.test(request));
});
