// Flows in the page: one is written and checked, one that comes with the server is set up, runs are begun, followed, cancelled, begun
// again and rolled back, and others see what is shared and say what they think of it.

import { perform, say } from './perform.mjs';
import { Person } from './person.mjs';

const { SERVER, PASSWORD, SHOTS } = process.env;
const result = { violations: [] };

/** A flow that makes a channel, and then lets time pass. */
const ROOM = `[workflow]
name = "room"
title = "A room for a theme"
description = "Makes a channel <b>, and waits"
author = "Demo"
tags = ["channels"]

[parameters.theme]
type = "string"
required = true
max = 20
description = "What is talked about."

[parameters.token]
type = "secret"
description = "Nobody sees it."

[parameters.pause]
type = "duration"
default = "0s"
description = "How long it waits."

[[triggers]]
on = "hand"

[[triggers]]
on = "webhook"

[[steps]]
name = "make"
do = "create_channel"
with = { name = "About {{ input.theme }}", description = "{{ input.token }}" }
undo = { do = "remove_channel", with = { channel = "{{ output.id }}" } }

[[steps]]
name = "pause"
do = "wait"
with = { for = "{{ input.pause }}" }
`;

const PHONE = { width: 390, height: 780 };

const person = await Person.start({ ears: false });
const other = await Person.start({ ears: false, context: { locale: 'de-DE', colorScheme: 'dark', viewport: PHONE } });
await perform([person, other], result, async () => {
  const { page } = person;
  const look = async (/** @type {Person} */ whose, /** @type {string} */ name) => result.violations.push(...await whose.look(name, SHOTS));
  await person.open(`https://${SERVER}/`);
  await person.logIn('demo', PASSWORD);
  await person.press('Go in and only listen');
  await person.press('Organization');
  await page.getByRole('button', { name: 'Flows', exact: true }).click();
  const dialog = page.locator('dialog[open]').last();
  const press = (/** @type {string | RegExp} */ name) => dialog.getByRole('button', { name, exact: true }).click();
  const close = () => page.keyboard.press('Escape');
  const titled = (/** @type {string} */ title) => page.locator('dialog[open]', { has: page.getByRole('heading', { name: title, exact: true }) }).waitFor();
  // What the server does for itself is read, and nothing else.
  await press('Open the flow server.backup');
  await titled('Flow server.backup');
  await dialog.getByText('It can be read, and not changed.').waitFor();
  result.ofServer = await dialog.getByRole('button').allInnerTexts();
  await press('Runs …');
  await titled('Runs of server.backup');
  await close();
  await close();
  await dialog.getByLabel('Only mine').check();
  await dialog.getByText('There is no such flow.').waitFor();

  // What is wrong is told at its line and key, and the way there is a button.
  await press('Write a flow …');
  const source = dialog.getByLabel('Source', { exact: true });
  await source.fill(ROOM.replace('create_channel', 'create_chanel').replace('type = "secret"', 'type = "secrets"'));
  await press('Add it');
  await dialog.locator('.problem:not(:empty)').waitFor();
  result.wrong = await dialog.locator('.problem').innerText();
  result.problems = await dialog.locator('.problems li').allInnerTexts();
  result.marked = await dialog.locator('.numbers .wrong').allInnerTexts();
  await look(person, '50-flow-with-problems');
  await dialog.getByRole('button', { name: /^Line 15, / }).click();
  result.chosen = await source.evaluate((/** @type {HTMLTextAreaElement} */ one) => one.value.slice(one.selectionStart, one.selectionEnd));
  await source.fill(ROOM);
  await press('Check');
  await dialog.locator('.notice', { hasText: 'room 1.0.0 is fine.' }).waitFor();
  await dialog.locator('summary', { hasText: 'What it is given' }).click();
  await dialog.getByLabel('theme').fill('tea');
  await dialog.getByLabel('token').fill('tok-of-demo');
  await look(person, '51-flow-to-add');

  await press('Add it');
  await titled('Flow room');
  say('added');

  // Its settings: what is secret stays as it is, and isn't shown.
  const settings = dialog.locator('details', { has: page.locator('summary', { hasText: 'What it is given' }) });
  await settings.locator('summary').click();
  result.secret = await settings.getByLabel('token').evaluate((/** @type {HTMLInputElement} */ one) => [one.type, one.value, one.placeholder]);
  await settings.getByLabel('theme').fill('t'.repeat(21));
  await settings.getByRole('button', { name: 'Save' }).click();
  await dialog.locator('.problem:not(:empty)').waitFor();
  result.misfit = await dialog.locator('.problem').innerText();
  await settings.getByLabel('theme').fill('tea');
  await settings.getByRole('button', { name: 'Save' }).click();
  await dialog.locator('.notice', { hasText: 'Saved.' }).waitFor();
  await look(person, '52-flow');

  // A run, to its end.
  await dialog.locator('summary', { hasText: 'Run it by hand' }).click();
  result.noSecret = await dialog.locator('details', { hasText: 'Run it by hand' }).getByLabel('token').count();
  await press('Run it');
  await titled('Run 1');
  await dialog.getByRole('status').getByText('room: completed').waitFor();
  await dialog.locator('.run-steps summary', { hasText: 'make · done' }).click();
  result.run = await dialog.innerText();
  await look(person, '53-run');
  await press('Roll back');
  await dialog.getByRole('status').getByText('room: rolled back').waitFor();
  result.back = await dialog.locator('.run-steps').innerText();
  await press('Run again');
  await titled('Run 2');
  await dialog.getByRole('status').getByText('room: completed').waitFor();
  await close();
  say('ran');

  // One that waits is followed, and ends when somebody wants it.
  const byHand = dialog.locator('details', { has: page.locator('summary', { hasText: 'Run it by hand' }) });
  await byHand.getByLabel('theme').fill('coffee');
  await byHand.getByLabel('pause').fill('1h');
  await press('Run it');
  await titled('Run 3');
  await dialog.locator('.run-steps summary', { hasText: 'pause · under way' }).waitFor();
  await look(person, '54-run-that-goes-on');
  await press('Cancel');
  await dialog.getByRole('status').getByText('room: cancelled').waitFor();
  await close();
  await press('Runs …');
  await dialog.getByLabel('State').selectOption('cancelled');
  await dialog.getByText('1 · room').waitFor({ state: 'detached' });
  await dialog.getByText('3 · room · cancelled').waitFor();
  await dialog.getByLabel('State').selectOption('');
  await dialog.getByText('1 · room · rolled back').waitFor();
  await look(person, '55-runs');
  await close();
  say('cancelled');

  // Another version, shared, begun from outside, off and on.
  await press('Edit …');
  await dialog.getByLabel('Source', { exact: true }).fill(ROOM.replace('title = "A room', 'version = "1.1.0"\ntitle = "A <i>room'));
  await press('Save this version');
  await titled('Flow room');
  await dialog.getByText('1.1.0 ·').waitFor();
  await press('New secret');
  await dialog.getByText(/^whsec_/).waitFor();
  await press('Share with everybody');
  await dialog.locator('.notice', { hasText: 'Everybody of the organization sees it now' }).waitFor();
  await press('Turn off');
  await dialog.getByText('Off: its owner turned it off.').waitFor();
  await press('Turn on');
  await dialog.locator('.notice', { hasText: 'It is on.' }).waitFor();
  await close();

  // One that comes with the server.
  await dialog.locator('summary', { hasText: 'Flows that come with the server' }).click();
  await dialog.getByRole('button', { name: 'Set up welcome' }).waitFor();
  await look(person, '56-flows');
  await press('Set up welcome');
  await press('Add it');
  await dialog.getByLabel('rules').waitFor();
  await look(person, '57-flow-that-is-shipped');
  await press('Add it');
  await titled('Flow welcome');
  await close();
  result.catalogue = await dialog.locator('.hooks').first().innerText();
  await dialog.getByLabel('Search').fill('theme');
  await dialog.locator('.hooks').first().getByText('(welcome)').waitFor({ state: 'detached' });
  result.found = await dialog.locator('.hooks').first().locator('strong').allInnerTexts();
  await dialog.getByLabel('Search').fill('');
  say('shared');

  // Somebody else sees what is shared, and nothing that its owner set; and says what they think of it.
  const theirs = other.page.locator('dialog[open]').last();
  await other.open(`https://${SERVER}/`);
  await other.enterInGerman('alice', PASSWORD);
  await other.press('Organisation');
  await other.press('Abläufe');
  await theirs.getByRole('button', { name: 'Den Ablauf room öffnen' }).waitFor();
  result.theirs = await theirs.locator('strong').allInnerTexts();
  await look(other, '58-flows-on-a-phone');
  await theirs.getByRole('button', { name: 'Den Ablauf room öffnen' }).click();
  await theirs.getByLabel('Deine Bewertung').selectOption('4');
  await theirs.locator('.notice', { hasText: 'Danke.' }).waitFor();
  await theirs.getByRole('button', { name: 'room ist ein Favorit' }).click();
  await theirs.getByText('Favorit von 1').waitFor();
  await theirs.locator('summary', { hasText: 'Quelltext' }).click();
  result.theirFlow = await theirs.innerText();
  await look(other, '59-flow-on-a-phone');
  await theirs.getByRole('button', { name: 'Einen anderen Ablauf daraus machen …' }).click();
  await theirs.getByRole('button', { name: 'Anlegen', exact: true }).click();
  await theirs.getByLabel('theme').waitFor();
  await theirs.getByRole('button', { name: 'Anlegen', exact: true }).click();
  await theirs.locator('.problem:not(:empty)').waitFor();
  result.taken = await theirs.locator('.problem').innerText();
  await look(other, '60-flow-to-add-on-a-phone');
  say('rated');

  // It goes, with its runs.
  await press('Open the flow room');
  await dialog.getByText('★ 4 (ratings: 1)').waitFor();
  await dialog.locator('summary', { hasText: 'Remove …' }).click();
  await press('Remove the flow');
  await dialog.getByRole('button', { name: 'Open the flow room' }).waitFor({ state: 'detached' });
  result.errors = [...person.errors, ...other.errors];
});
