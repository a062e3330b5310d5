// A new user's way through the page, from the first-run screen to coming back after the server was gone: mostly with the
// keyboard, looked at by axe-core at each step, and photographed. For axe-core the page's policy is off, but for one person.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

import { perform, say } from './perform.mjs';
import { Person, native, staying, tabTo } from './person.mjs';

const { SERVER, CLAIM, VOICES, PASSWORD, SHOTS, EVIL_USER, EVIL_CHANNEL, EVIL_WORDS } = process.env;
const [voice, other] = VOICES.split(':');
const url = `https://${SERVER}/`;
const results = { violations: [] };

/** @param {Person} person @param {string} name @param {boolean} [shot] */
const look = async (person, name, shot = true) => results.violations.push(...await person.look(name, shot && SHOTS));

const people = [];
const start = async (options) => {
  const person = await Person.start({ ears: false, ...options, context: { bypassCSP: true, ...options.context } });
  people.push(person);
  return person;
};

await perform(people, results, async () => {
  // The first administrator, by keyboard alone but where the mouse is what is tried.
  const anna = await start({ voice });
  const { page } = anna;
  await anna.open(url);
  await page.getByRole('heading', { name: 'Claim this server' }).waitFor();
  results.interactive = await page.evaluate(() => performance.now());
  results.weight = await page.evaluate(() => [...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]
    .reduce((sum, entry) => sum + entry.transferSize, 0));
  await look(anna, '1-claim');
  await page.keyboard.type('AAAA-BBBB-CCCC');
  await tabTo(page, 'Name');
  await page.keyboard.type('anna');
  await tabTo(page, 'Password');
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  await page.locator('.problem:not(:empty)').waitFor();
  results.wrongClaim = await page.locator('.problem').textContent();
  await tabTo(page, 'Claim code');
  await page.keyboard.press('Control+A');
  await page.keyboard.type(CLAIM);
  await tabTo(page, 'Become the administrator');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Your microphone' }).waitFor();
  say('claimed');
  await look(anna, '2-microphone');
  await tabTo(page, 'Allow the microphone');
  await page.keyboard.press('Enter');
  await page.getByText('You can be heard.').waitFor();
  await tabTo(page, 'Hear yourself');
  await page.keyboard.press('Enter');
  await look(anna, '3-heard');
  await tabTo(page, 'Go in');
  await page.keyboard.press('Enter');
  await page.locator('#room').waitFor();
  await tabTo(page, 'General');
  await page.keyboard.press('Enter');
  await page.locator('button.channel[aria-current]', { hasText: 'General' }).waitFor();
  say('went in');

  // A second one, by a link to a channel, on a phone, in the dark, in German.
  const ben = await start({
    voice: other, settings: { language: 'de' },
    context: { viewport: { width: 390, height: 844 }, colorScheme: 'dark', locale: 'de-DE', hasTouch: true },
  });
  await ben.open(`${url}#/General`);
  await ben.page.getByLabel('Name').fill('ben');
  await ben.page.getByLabel('Passwort').fill('wrong password');
  await ben.page.getByRole('button', { name: 'Anmelden' }).click();
  await ben.page.locator('.problem:not(:empty)').waitFor();
  await look(ben, '4-wrong-password-phone');
  await ben.page.getByLabel('Passwort').fill(PASSWORD);
  await ben.page.getByRole('button', { name: 'Anmelden' }).click();
  await ben.page.getByRole('button', { name: 'Mikrofon erlauben' }).click();
  await ben.page.getByRole('button', { name: 'Hinein', exact: true }).click();
  await ben.page.locator('button.channel[aria-current]', { hasText: 'General' }).waitFor();
  await page.locator('.member', { hasText: 'ben' }).waitFor();
  say('ben came by a link');

  // Talking and writing.
  await page.locator('.member.talking', { hasText: 'ben' }).waitFor();
  await tabTo(page, 'Write to General');
  await page.keyboard.type('Hello ben & welcome!');
  await page.keyboard.press('Enter');
  await ben.page.getByText('Hello ben & welcome!').waitFor();
  await ben.page.getByLabel('An General schreiben').fill('Hallo anna, ich höre dich gut.');
  await ben.page.keyboard.press('Enter');
  await page.getByText('ich höre dich gut').waitFor();
  // Pictures are taken of figures that have come to rest.
  if (SHOTS) await page.waitForTimeout(4500);
  await look(anna, '5-room-desktop-light');
  await look(ben, '6-room-phone-dark');
  await page.emulateMedia({ colorScheme: 'dark' });
  await look(anna, '7-room-desktop-dark');
  await page.emulateMedia({ colorScheme: 'light' });
  say('talked and wrote');

  // Moving: oneself by click and by key, somebody else by key, somebody else by dragging.
  await anna.join('Social');
  await tabTo(page, 'General');
  await page.keyboard.press('Enter');
  await page.locator('button.channel[aria-current]', { hasText: 'General' }).waitFor();
  await tabTo(page, 'What you can do with ben');
  await page.keyboard.press('Enter');
  await page.getByLabel('Move ben to').waitFor();
  await look(anna, '8-person');
  await tabTo(page, 'Move ben to');
  await page.keyboard.type('Bravo');
  await ben.page.locator('button.channel[aria-current]', { hasText: 'Bravo Squad' }).waitFor();
  await page.locator('.member', { hasText: 'ben' }).dragTo(anna.channel('General'));
  await ben.page.locator('button.channel[aria-current]', { hasText: 'General' }).waitFor();
  say('moved');

  // Mute, and settings.
  await tabTo(page, 'Mute');
  await page.keyboard.press('Enter');
  await ben.page.locator('.member', { hasText: 'anna' }).getByRole('img', { name: 'stumm' }).waitFor();
  await tabTo(page, 'Unmute');
  await page.keyboard.press('Enter');
  await ben.page.getByRole('button', { name: 'Stumm' }).click();
  await page.locator('.member', { hasText: 'ben' }).getByRole('img', { name: 'muted' }).waitFor();
  await tabTo(page, 'Settings');
  await page.keyboard.press('Enter');
  await page.locator('dialog[open]').waitFor();
  await look(anna, '9-settings');
  await page.keyboard.press('Escape');
  say('muted');

  // A link that leads to this machine only says so.
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write', 'microphone']);
  await anna.press('Copy a link to this channel');
  await page.locator('.banner', { hasText: 'works on this machine only' }).waitFor();
  results.copied = await page.evaluate(() => navigator.clipboard.readText());

  // What is markup elsewhere is text here.
  await tabTo(page, 'Write to General');
  await page.keyboard.type('<img src=x onerror="globalThis.ran=1">');
  await page.keyboard.press('Enter');
  await ben.page.getByText('<img src=x onerror').waitFor();

  // The server goes, and comes back.
  console.log('stop');
  await page.getByText('Trying to come back').waitFor({ timeout: 20_000 });
  await look(anna, '10-returning');
  console.log('start');
  await page.getByText('You are back.').waitFor({ timeout: 30_000 });
  await page.locator('button.channel[aria-current]', { hasText: 'General' }).waitFor();
  await ben.page.locator('button.channel[aria-current]', { hasText: 'General' }).waitFor({ timeout: 30_000 });
  await ben.page.getByRole('button', { name: 'Nicht mehr stumm' }).click();
  await page.locator('.member.talking', { hasText: 'ben' }).waitFor({ timeout: 10_000 });
  say('came back');

  // What lasts is made by whoever came back, too: the page shows the long token for it, and nobody is asked for a password.
  await page.getByRole('button', { name: 'Your account' }).click();
  await page.locator('#key-name').fill('greeter');
  await page.getByRole('button', { name: 'Make a key' }).click();
  await page.getByText(/prl_[0-9a-f]{16}_/).first().waitFor({ timeout: 20_000 });
  await page.keyboard.press('Escape');
  await page.locator('button.channel[aria-current]', { hasText: 'General' }).waitFor();
  say('made a key');

  // Somebody whose name, channel, its description and words are all script: each is shown, and none runs.
  const evil = encodeURIComponent(EVIL_USER);
  await native('evil', ['login', `parlour://${evil}@${SERVER}`, '--password-stdin'], PASSWORD);
  const there = `parlour://${evil}@${SERVER}/${encodeURIComponent(EVIL_CHANNEL)}`;
  const stays = staying('evil', ['record', `${process.env.OUT}/evil-hears`, there]);
  await page.locator('.member', { hasText: EVIL_USER }).waitFor();
  await page.locator('button.channel', { hasText: EVIL_CHANNEL }).click();
  await page.locator('button.channel[aria-current]', { hasText: EVIL_CHANNEL }).waitFor();
  await page.getByText(EVIL_WORDS).first().waitFor();
  await tabTo(page, 'Write to');
  await page.keyboard.type(`${EVIL_WORDS} said`);
  await page.keyboard.press('Enter');
  await page.getByText(`${EVIL_WORDS} said`).waitFor();
  await page.locator('.member', { hasText: EVIL_USER }).getByRole('button').first().click();
  await page.locator('dialog[open]', { hasText: EVIL_USER }).waitFor();
  await page.mouse.move(300, 300);
  await page.keyboard.press('Escape');
  await stays.end();
  await anna.join('General');
  say('no script ran');

  // Who comes in a second window takes the session along; and a page's address holds no secret.
  results.address = page.url();
  results.ran = await ben.page.evaluate(() => globalThis.ran ?? 0) + await page.evaluate(() => globalThis.ran ?? 0);

  // A microphone that is refused.
  const carl = await start({ refused: true });
  await carl.open(url);
  await carl.logIn('ben', PASSWORD);
  await carl.press('Allow the microphone');
  await carl.page.locator('.problem:not(:empty)').waitFor();
  results.refused = await carl.page.locator('.problem').textContent();
  await look(carl, '11-microphone-refused');
  await carl.press('Go in and only listen');
  await carl.join('General');
  say('only listens');

  // Where UDP doesn't come through: an address that passes only TCP on.
  const [host, port] = SERVER.split(':');
  const tcp = createServer((from) => {
    const to = connect(Number(port), host);
    from.on('error', () => to.destroy()).pipe(to).on('error', () => from.destroy()).pipe(from);
  }).listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const dora = await start({ voice });
  const blocked = `https://127.0.0.1:${tcp.address().port}/`;
  await dora.open(blocked);
  await dora.logIn('anna', PASSWORD);
  await dora.goIn();
  await dora.join('General');
  await dora.page.getByText('UDP doesn’t get through').waitFor();
  await look(dora, '12-udp-blocked');
  results.foreignBlocked = dora.requests.filter((request) => !request.startsWith(blocked) && !/^(blob|data):/.test(request));
  dora.requests.length = 0;
  tcp.close();
  say('over a WebSocket');

  // With the page's own policy in force: nothing that the page needs is forbidden, or the console would say so.
  const erik = await start({ voice, context: { bypassCSP: false } });
  await erik.open(url);
  await erik.logIn('ben', PASSWORD);
  await erik.goIn();
  await erik.join('General');
  await erik.page.locator('.member.talking', { hasText: '(you)' }).waitFor();
  await erik.page.locator('.member.talking', { hasText: 'anna' }).first().waitFor();
  results.policy = erik.errors;
  say('under its own policy');

  results.errors = people.flatMap(({ errors }) => errors).filter((error) => !/ERR_CONNECTION|WebTransport|net::/.test(error));
  results.foreign = people.flatMap(({ requests }) => requests).filter((request) => !request.startsWith(url) && !/^(blob|data):/.test(request));
});
