// Plugins in the page: one is looked at, installed with a part of what it asks for, called from elsewhere, turned off, granted more and
// removed; and whoever doesn't own the server isn't shown them.

import { asAccount } from './api.mjs';
import { perform, say } from './perform.mjs';
import { Person } from './person.mjs';

const { SERVER, PASSWORD, SHOTS, CODE, MANIFEST, BROKEN } = process.env;
const result = { violations: [] };

const PHONE = { width: 390, height: 780 };

const person = await Person.start({ ears: false });
const german = await Person.start({ ears: false, context: { locale: 'de-DE', colorScheme: 'dark', viewport: PHONE } });
const member = await Person.start({ ears: false });
await perform([person, german, member], result, async () => {
  const { page } = person;
  const look = async (/** @type {Person} */ whose, /** @type {string} */ name) => result.violations.push(...await whose.look(name, SHOTS));
  await person.open(`https://${SERVER}/`);
  await person.logIn('demo', PASSWORD);
  await person.press('Go in and only listen');
  await person.press('Organization');
  await page.getByRole('button', { name: 'Plugins', exact: true }).click();
  const dialog = page.locator('dialog[open]').last();
  const press = (/** @type {string} */ name) => dialog.getByRole('button', { name, exact: true }).click();
  const problem = async () => {
    await dialog.locator('.problem:not(:empty)').waitFor();
    return dialog.locator('.problem').innerText();
  };
  await dialog.getByText('No plugin is installed.').waitFor();
  await dialog.locator('summary', { hasText: 'Install a plugin' }).click();
  await press('Look at it');
  result.nothing = await problem();
  await dialog.getByLabel('Code (.wasm)').setInputFiles(CODE);
  await dialog.getByLabel('Manifest (.toml)').setInputFiles(BROKEN);
  await press('Look at it');
  await dialog.locator('.problem', { hasText: 'functions' }).waitFor();
  result.broken = await problem();
  await dialog.getByLabel('Manifest (.toml)').setInputFiles(MANIFEST);
  await press('Look at it');
  await press('Install it with what is ticked');
  say('looked');
  await dialog.getByRole('button', { name: 'Open the plugin door' }).waitFor();
  result.plain = await dialog.locator('.hooks > li').innerText();

  // The same once more, with a part of what it asks for.
  await dialog.getByLabel('Code (.wasm)').setInputFiles(CODE);
  await dialog.getByLabel('Manifest (.toml)').setInputFiles(MANIFEST);
  await press('Look at it');
  await dialog.getByRole('checkbox', { name: /^keep something/ }).waitFor();
  result.ticked = await dialog.locator('.permission input:checked').count();
  result.asked = await dialog.locator('details', { has: page.locator('summary', { hasText: 'Install a plugin' }) }).innerText();
  await dialog.getByRole('checkbox', { name: /^keep something/ }).check();
  await look(person, '70-plugin-to-install');
  await press('Install it with what is ticked');
  await dialog.locator('.notice', { hasText: 'door is installed, and on.' }).waitFor();
  result.listed = await dialog.locator('.hooks > li').innerText();
  await look(person, '71-plugins');
  say('installed');

  const demo = await asAccount(SERVER, 'demo', PASSWORD);
  await demo('POST', '/plugins/door/call', { function: 'greet', input: '' });
  await press('Open the plugin door');
  await dialog.getByText('Decides about every log-in').waitFor({ state: 'detached' });
  await dialog.locator('summary', { hasText: 'Log …' }).click();
  await dialog.locator('.tries pre', { hasText: 'Hi' }).waitFor();
  await dialog.locator('summary', { hasText: 'Manifest' }).click();
  result.shown = await dialog.innerText();
  await look(person, '72-plugin');
  await dialog.getByRole('checkbox', { name: /^ask the server api.example.org/ }).check();
  await press('Save what it may');
  await dialog.locator('.notice', { hasText: 'Saved.' }).waitFor();
  result.granted = (await demo('GET', '/plugins/door')).grants;
  await press('Turn off');
  await dialog.getByText('Off: somebody turned it off.').waitFor();
  await press('Turn on');
  await dialog.locator('.notice', { hasText: 'It is on.' }).waitFor();
  say('granted');

  const theirs = german.page.locator('dialog[open]').last();
  await german.open(`https://${SERVER}/`);
  await german.enterInGerman('demo', PASSWORD);
  await german.press('Organisation');
  await german.press('Plugins');
  await theirs.getByRole('button', { name: 'Das Plugin door öffnen' }).click();
  await theirs.getByText('SHA-256 des Codes').waitFor();
  result.german = await theirs.innerText();
  await look(german, '73-plugin-on-a-phone');

  await member.open(`https://${SERVER}/`);
  await member.logIn('alice', PASSWORD);
  await member.press('Go in and only listen');
  await member.press('Organization');
  await member.page.getByRole('button', { name: 'Flows', exact: true }).waitFor();
  result.members = await member.page.getByRole('button', { name: 'Plugins', exact: true }).count();

  await dialog.locator('summary', { hasText: 'Remove …' }).click();
  await press('Remove the plugin');
  await dialog.getByText('No plugin is installed.').waitFor();
  result.errors = [...person.errors, ...german.errors, ...member.errors];
});
