// Somebody logs in by another server, which is oidc-provider: from the button on the page to the page that knows them, and
// links a second log-in to the account that they are in. Somebody else takes up an invite by it.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

import { perform } from './perform.mjs';
import { Person } from './person.mjs';

const { BROWSER_MODULES, OUT, PARLOUR, SHOTS } = process.env;
const { default: Provider } = await import(pathToFileURL(`${BROWSER_MODULES}/node_modules/oidc-provider/lib/index.js`).href);
console.info = console.warn = () => {};
const result = { violations: [] };

const listener = createServer();
listener.listen(0, '127.0.0.1');
await once(listener, 'listening');
const issuer = `http://127.0.0.1:${listener.address().port}`;
const icon = `${OUT}/lab.svg`;
writeFileSync(icon, '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4" fill="#35a"/></svg>');
const setting = `[{ id = "lab", name = "The Lab", issuer = "${issuer}", client_id = "lab", create_accounts = true, icon = "${icon}" }]`;
const others = Object.entries(process.env).filter(([name]) => !name.startsWith('PARLOUR'));
const env = { ...Object.fromEntries(others), PARLOUR_LOG_IN_PROVIDERS: setting, PARLOUR_DATA_DIR: `${OUT}/data`, PARLOUR_DISCOVERY_ENABLED: 'false' };
const server = spawn(PARLOUR, ['--json', 'serve', '--listen', '127.0.0.1:0'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
const said = JSON.parse((await once(createInterface(server.stdout), 'line'))[0]);
const place = `https://${said.addresses[0]}`;
const provider = new Provider(issuer, {
  clients: [{
    client_id: 'lab', redirect_uris: [`${place}/oidc/lab/callback`], response_types: ['code'], grant_types: ['authorization_code'],
    token_endpoint_auth_method: 'none',
  }],
  claims: { openid: ['sub'], profile: ['preferred_username'], email: ['email', 'email_verified'] },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, preferred_username: sub }) }),
  cookies: { keys: ['of the test'] },
});
listener.on('request', provider.callback());

const person = await Person.start({ ears: false });
const { page } = person;
await perform([person], result, async () => {
  /** Answers what the provider asks. @param {string} name @param {import('playwright').Page} [page] */
  const answer = async (name, page = person.page) => {
    await page.waitForURL(/interaction/);
    await page.locator('input[name=login]').fill(name);
    await page.locator('input[name=password]').fill('x');
    await page.locator('button[type=submit]').click();
    await page.locator('input[name=prompt][value=consent]').waitFor({ state: 'attached' });
    await page.locator('button[type=submit]').click();
  };
  await page.route(({ hostname }) => hostname !== '127.0.0.1', (route) => route.abort());
  await page.goto(place);
  // Nobody has claimed it, which it asks for first.
  await person.press('I have an account');
  const button = page.getByRole('link', { name: 'Log in with The Lab' });
  await button.waitFor();
  result.icon = await button.locator('img').evaluate((image) => image.decode().then(() => image.naturalWidth > 0));
  const looker = await Person.start({ ears: false, context: { bypassCSP: true } });
  await looker.open(place);
  await looker.press('I have an account');
  await looker.page.getByRole('link', { name: 'Log in with The Lab' }).waitFor();
  result.violations = await looker.look('39-log-in-by-another-server', SHOTS);
  await button.click();
  await answer('anna');
  await page.getByRole('heading', { name: 'Your microphone' }).waitFor();
  result.address = page.url();
  result.name = await page.evaluate(() => localStorage.getItem('parlour.name'));
  result.cookie = await page.evaluate(() => document.cookie);
  // Whoever comes again is still in.
  await page.reload();
  await page.getByRole('heading', { name: 'Your microphone' }).waitFor();
  await person.press('Go in and only listen');
  await person.press('Your account');
  const dialog = page.locator('dialog[open]');
  await dialog.getByText('anna, at The Lab').waitFor();
  // It is the only way into an account without a password.
  await dialog.getByRole('button', { name: 'Unlink the log-in at The Lab' }).click();
  await dialog.getByText('It is the only way into your account').waitFor();
  // A second one is linked, which the provider is asked for by somebody else there.
  await page.context().clearCookies({ domain: '127.0.0.1' });
  await dialog.getByRole('button', { name: 'Link a log-in at The Lab' }).click();
  await answer('anna-at-home');
  await page.getByRole('heading', { name: 'From now on you can log in by The Lab.' }).waitFor();
  await page.getByRole('link', { name: 'Go on' }).click();
  await page.getByRole('heading', { name: 'Your microphone' }).waitFor();
  await person.press('Go in and only listen');
  await person.press('Your account');
  await dialog.getByText('anna-at-home, at The Lab').waitFor();
  result.linked = await dialog.getByRole('button', { name: 'Unlink the log-in at The Lab' }).count();
  // An invite leads to it as well, and whoever comes back is shown where the invite leads to.
  const { code } = JSON.parse(String(execFileSync(PARLOUR, ['--json', 'invite', 'create', '--channel', 'Social', '--data-dir', env.PARLOUR_DATA_DIR], { env })));
  const invited = await Person.start({ ears: false });
  await invited.page.route(({ hostname }) => hostname !== '127.0.0.1', (route) => route.abort());
  await invited.open(`${place}/i/${code}`);
  await invited.page.getByText('You were invited to Social.').waitFor();
  await invited.press('Take up the invite with The Lab');
  await answer('berta', invited.page);
  await invited.page.getByRole('heading', { name: 'Your microphone' }).waitFor();
  result.invited = [await invited.page.evaluate(() => localStorage.getItem('parlour.name')), invited.page.url()];
  // What is refused there is said here.
  const other = await Person.start({ ears: false, context: { locale: 'de-DE' } });
  await other.open(`${place}/oidc/lab/start`);
  await other.open(`${other.page.url()}/abort`);
  await other.page.locator('.problem').waitFor();
  result.refused = await other.page.locator('#asked').innerText();
  // The pages of the provider ask for letters elsewhere, which are kept from them, and for a picture that they don't have.
  result.errors = person.errors.filter((error) => !error.startsWith('Failed to load resource'));
}, () => server.kill());
process.exit(0);
