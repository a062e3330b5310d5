// Webhooks in the page: one is made, tried, looked at, sent again and removed. The receiver is by the specification's own package.

import { once } from 'node:events';
import { createServer } from 'node:http';

import { perform, say } from './perform.mjs';
import { Person, modules } from './person.mjs';

const { Webhook } = modules('standardwebhooks');

const { SERVER, PASSWORD, SHOTS } = process.env;
const result = { violations: [], came: [] };

/** What messages are signed with, as the page shows it. */
let secret = '';
const receiver = createServer(async (request, response) => {
  let body = '';
  for await (const part of request) body += part;
  const { type } = /** @type {{type: string}} */ (new Webhook(secret).verify(body, request.headers));
  result.came.push([type, request.headers['webhook-id'], request.headers['webhook-signature'].split(' ').length]);
  response.end('Danke & <thanks>');
  receiver.emit('came');
});
receiver.listen(0, '127.0.0.1');
await once(receiver, 'listening');
const url = `http://127.0.0.1:${receiver.address().port}/parlour`;

const person = await Person.start({ ears: false });
const german = await Person.start({ ears: false, context: { locale: 'de-DE' } });
await perform([person, german], result, async () => {
  await person.open(`https://${SERVER}/`);
  await person.logIn('alice', PASSWORD);
  await person.press('Go in and only listen');
  await person.press('Your account');
  const { page } = person;
  await page.getByRole('button', { name: 'Webhooks …' }).click();
  const dialog = page.locator('dialog[open]').last();
  const press = (/** @type {string} */ name) => dialog.getByRole('button', { name, exact: true }).click();
  const came = async (/** @type {() => Promise<unknown>} */ work) => {
    const next = once(receiver, 'came');
    await work();
    await next;
  };
  await dialog.getByText('You have no webhook.').waitFor();
  await dialog.locator('summary', { hasText: 'Add a webhook' }).click();
  await dialog.getByLabel('Address that messages are sent to').fill('https://169.254.169.254/latest');
  await press('Add it');
  await dialog.locator('.problem:not(:empty)').waitFor();
  result.refused = await dialog.locator('.problem').innerText();
  await dialog.getByLabel('Address that messages are sent to').fill(url);
  await dialog.getByLabel('What it is for').fill('The <b>door</b>');
  await dialog.getByRole('checkbox', { name: 'texts' }).check();
  result.violations.push(...await person.look('44-webhook-to-add', SHOTS));
  await press('Add it');
  const row = dialog.locator('.hooks > li', { hasText: url });
  await row.waitFor();
  result.row = await row.innerText();
  secret = await dialog.getByText(/^whsec_/).innerText();
  say('added');

  await came(() => press(`Send a test to ${url}`));
  await press(`Deliveries to ${url}`);
  const delivery = dialog.locator('.hooks > li', { hasText: '· test' });
  // The answer is noted a moment after it came.
  for (let i = 0; i < 100 && !await delivery.getByText('delivered', { exact: true }).count(); i += 1) {
    await press('Look again');
    await dialog.locator('[aria-busy]').waitFor({ state: 'detached' });
  }
  await delivery.locator('summary', { hasText: 'Tries' }).click();
  result.delivery = await delivery.innerText();
  result.violations.push(...await person.look('45-deliveries', SHOTS));
  await came(() => dialog.getByRole('button', { name: /^Send again: message/ }).click());
  await page.keyboard.press('Escape');
  await page.locator('dialog[open].wide').waitFor({ state: 'detached' });
  say('sent again');

  const before = secret;
  await press(`A new secret for ${url}`);
  await dialog.getByText(/^whsec_/).filter({ hasNotText: before }).waitFor();
  secret = await dialog.getByText(/^whsec_/).innerText();
  await came(() => press(`Send a test to ${url}`));
  await press(`Turn off ${url}`);
  await row.getByText('Off: you turned it off.').waitFor();
  // What happened meanwhile isn't sent, and the receiver is told so.
  await came(() => press(`Turn on ${url}`));
  await row.getByText('Off:').waitFor({ state: 'detached' });
  result.violations.push(...await person.look('46-webhooks', SHOTS));

  await german.open(`https://${SERVER}/`);
  await german.enterInGerman('alice', PASSWORD);
  await german.press('Dein Konto');
  await german.page.getByRole('button', { name: 'Webhooks …' }).click();
  const theirs = german.page.locator('dialog[open]').last();
  await theirs.locator('.hooks > li', { hasText: url }).waitFor();
  result.german = await theirs.innerText();
  result.violations.push(...await german.look('47-webhooks-in-german', SHOTS));
  say('in German');

  await press(`Remove ${url}`);
  await dialog.getByText('You have no webhook.').waitFor();
  result.forgotten = await dialog.getByText(/^whsec_/).count();
  result.errors = [...person.errors, ...german.errors];
}, () => receiver.close());
