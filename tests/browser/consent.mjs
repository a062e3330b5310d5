// A program sends somebody to the page that asks: by password, by the session that the page keeps, and silently where they
// allowed it before. A page of another origin frames it in vain, and a form that was turned elsewhere sends nothing.

import { once } from 'node:events';
import { createServer } from 'node:http';

import { perform, say } from './perform.mjs';
import { Person } from './person.mjs';

const { SERVER, CLIENT, PASSWORD, SHOTS } = process.env;
const result = { violations: [] };

/** What came to the program, and to a thief. @type {string[]} */
const came = [];
const listen = async (answer) => {
  const server = createServer((request, response) => {
    came.push(`${request.method} ${request.url}`);
    response.setHeader('content-type', 'text/html');
    response.end(answer());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
};
const ask = (port, more = '') => `https://${SERVER}/oauth/authorize?client_id=${CLIENT}&response_type=code&scope=openid+profile+view&state=s-1`
  + `&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256`
  + `&redirect_uri=${encodeURIComponent(`http://127.0.0.1:${port}/cb`)}${more}`;

let port = 0;
const program = await listen(() => `<iframe src="${ask(port).replaceAll('&', '&amp;')}"></iframe>`);
port = program.address().port;
const thief = await listen(() => 'mine');
const OTHER = 'seven small red boats';
const person = await Person.start({ ears: false });
const people = [person];
const { page } = person;
/** Does something that the browser refuses, and waits until it says so. @param {RegExp} what @param {() => Promise<unknown>} work */
const refused = (what, work) => Promise.all([page.waitForEvent('console', (message) => what.test(message.text())), work()]);
await perform(people, result, async () => {
  const address = () => page.url().replace(/code=[^&]+/, 'code=');
  // Framed by a page of another origin.
  await refused(/frame-ancestors/, () => page.goto(`http://127.0.0.1:${port}/frame`));
  const inside = page.frames()[1];
  const seen = await inside?.evaluate(() => document.body.textContent).catch(() => '') ?? '';
  result.framed = seen.includes('Allow') ? 'shown' : 'blocked';
  // The page, and a wrong password.
  await page.goto(ask(port));
  result.asked = await page.locator('#asked').innerText();
  const looker = await Person.start({ ears: false, context: { bypassCSP: true } });
  await looker.open(ask(port));
  result.violations = await looker.look('35-a-program-asks', SHOTS);
  await page.fill('#name', 'ben');
  await page.fill('#password', 'not the password');
  await page.getByRole('button', { name: 'Allow', exact: true }).click();
  await page.locator('.problem:not(:empty)').waitFor();
  result.wrong = await page.locator('.problem').innerText();
  // A form that was turned elsewhere.
  const before = came.length;
  await page.evaluate((to) => { document.querySelector('form').action = to; }, `http://127.0.0.1:${thief.address().port}/`);
  await page.fill('#password', PASSWORD);
  // What is blocked never ends, which a click of the library's own would wait for.
  await refused(/form-action/, () => page.evaluate(() => document.querySelector('button.primary').click()));
  result.stolen = came.length === before ? 'blocked' : 'sent';
  // By the password.
  await page.goto(ask(port));
  await page.fill('#name', 'ben');
  await page.fill('#password', PASSWORD);
  await page.getByRole('button', { name: 'Allow', exact: true }).click();
  await page.waitForURL(/\/cb\?/);
  result.byPassword = address();
  await page.goto(ask(port));
  await page.getByRole('button', { name: 'Don\'t allow' }).click();
  await page.waitForURL(/\/cb\?/);
  result.denied = address();
  // By the session that the page keeps: asked where it is wanted, and else no more.
  await page.goto(`https://${SERVER}/`);
  await person.logIn('ben', PASSWORD);
  await page.goto(ask(port, '&prompt=consent'));
  await page.locator('#known').waitFor();
  result.who = await page.locator('#who').innerText();
  await page.getByRole('button', { name: 'Allow', exact: true }).click();
  await page.waitForURL(/\/cb\?/);
  result.bySession = address();
  await page.goto('about:blank');
  await page.goto(ask(port)).catch(() => undefined);
  await page.waitForURL(/\/cb\?/);
  result.silently = address();
  // What the program may is seen in the account, ends with the password, and is taken back.
  const allowed = page.locator('dialog[open] li', { hasText: 'Forge <b>' });
  const account = async () => {
    await person.open(`https://${SERVER}/`);
    await person.press('Go in and only listen');
    await person.press('Your account');
  };
  await account();
  await allowed.waitFor();
  result.allowed = await allowed.innerText();
  await allowed.scrollIntoViewIfNeeded();
  result.violations.push(...await person.look('36-programs-that-act-for-me', SHOTS));
  await page.locator('#password-old').fill(PASSWORD);
  await page.locator('#password-new').fill(OTHER);
  await person.press('Change it');
  await page.locator('dialog[open] .notice', { hasText: 'The password is changed' }).waitFor();
  result.changed = await page.locator('dialog[open] .notice').innerText();
  await page.getByText('No program acts for you.').waitFor();
  await page.goto(ask(port));
  await page.locator('#known').waitFor();
  await page.getByRole('button', { name: 'Allow', exact: true }).click();
  await page.waitForURL(/\/cb\?/);
  await account();
  await page.getByRole('button', { name: 'Take back what Forge <b> may' }).click();
  await page.locator('dialog[open] .notice', { hasText: 'Forge <b> acts for you no more.' }).waitFor();
  await page.getByText('No program acts for you.').waitFor();
  await page.goto(ask(port));
  await page.locator('#known').waitFor();
  say('took back');

  // Whoever looks after the organization registers programs, and revokes them.
  const boss = await Person.start({ ears: false, context: { bypassCSP: true } });
  people.push(boss);
  await boss.open(`https://${SERVER}/`);
  await boss.logIn('boss', PASSWORD);
  await boss.press('Go in and only listen');
  await boss.press('Organization');
  await boss.press('Programs');
  const dialog = boss.page.locator('dialog[open]');
  const one = (/** @type {string} */ name) => dialog.locator('.devices li', { hasText: name });
  await one('Forge <b>').waitFor();
  await dialog.locator('summary', { hasText: 'Register a program' }).click();
  await dialog.getByLabel('What people are told that it is called').fill('Wiki');
  await dialog.getByRole('button', { name: 'Register it' }).click();
  await dialog.locator('.problem:not(:empty)').waitFor();
  result.useless = await dialog.locator('.problem').innerText();
  await dialog.getByLabel('Addresses that it comes back to, one a line').fill('https://wiki.example.org/cb\nhttps://wiki.example.org/other');
  await dialog.getByRole('checkbox', { name: 'the roles' }).uncheck();
  await dialog.locator('summary', { hasText: 'What it may ask to do' }).click();
  await dialog.getByRole('checkbox', { name: /^view/ }).check();
  await dialog.getByRole('checkbox', { name: /^change, overwrite and take away/ }).check();
  await boss.look('37-program-to-register', SHOTS).then((found) => result.violations.push(...found));
  await dialog.getByRole('button', { name: 'Register it' }).click();
  await one('Wiki').waitFor();
  result.registered = await one('Wiki').innerText();
  result.secret = await dialog.getByText(/^prs_/).innerText();
  await boss.look('38-programs', SHOTS).then((found) => result.violations.push(...found));
  await dialog.getByRole('button', { name: 'Revoke Wiki' }).click();
  await one('Wiki').waitFor({ state: 'detached' });
  await dialog.locator('.notice', { hasText: 'Wiki is registered no more' }).waitFor();
  result.forgotten = await dialog.getByText(/^prs_/).count();
  say('registered');

  const german = await Person.start({ ears: false, context: { locale: 'de-DE' } });
  await german.open(ask(port));
  result.german = await german.page.locator('#asked').innerText();
  result.errors = people.flatMap(({ errors }) => errors).filter((error) => !/frame-ancestors|form-action|net::|status of 403/.test(error));
  say('asked');
}, () => {
  for (const server of [program, thief]) {
    server.close();
    server.closeAllConnections();
  }
});
