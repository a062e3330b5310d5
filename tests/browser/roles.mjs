// Who may do what, in the page: a moderator and a member in two browsers, and a native client who listens. What one may not do
// is greyed with its reason; a whisper reaches only its target; roles and a channel's permissions change what another may do
// while they look.

import { perform, say } from './perform.mjs';
import { Person, native, staying, tabTo } from './person.mjs';

const { SERVER, VOICES, PASSWORD, SHOTS, OUT, EVIL_WORDS } = process.env;
const [voice, other] = VOICES.split(':');
const url = `https://${SERVER}/`;
const EVIL = '<img src=x onerror=globalThis.ran=1>';
const results = { violations: [] };
/** How loud it is once something, or nothing, is heard. @param {Person} who @param {"loud" | "silent"} what */
const loudness = async (who, what) => {
  await who.becomes(what);
  return who.loudness(1.2);
};
const look = async (person, name, shot = true) => results.violations.push(...await person.look(name, shot && SHOTS));

const people = [];
const start = async (name, sound) => {
  // Heard only while a key is held.
  const person = await Person.start({ voice: sound, settings: { mode: 'push' } });
  people.push(person);
  await person.open(url);
  await person.logIn(name, PASSWORD);
  await person.goIn();
  await person.join('General');
  return person;
};
/** Holds a key while something is done, and waits until nobody hears it any more. */
const holding = async ({ page }, key, work) => {
  await page.locator('h1').focus();
  await page.keyboard.down(key);
  try {
    return await work();
  } finally {
    await page.keyboard.up(key);
    await page.locator('.member:not(.talking)', { hasText: '(you)' }).waitFor();
  }
};
/** Opens what can be done with somebody or with a channel, and answers with the dialog. */
const menu = async ({ page }, name) => {
  await page.getByRole('button', { name, exact: true }).click();
  const dialog = page.locator('dialog[open]');
  await dialog.waitFor();
  return dialog;
};
/** Presses what is greyed, by keyboard, and answers with what is said about a permission. */
const ask = async (dialog, name, permission) => {
  const button = dialog.getByRole('button', { name, exact: true });
  await button.focus();
  await dialog.page().keyboard.press('Enter');
  const notice = dialog.locator('.notice', { hasText: permission });
  await notice.waitFor();
  return notice.textContent();
};

await perform(people, results, async () => {
  const mod = await start('demo', voice);
  const alice = await start('alice', other);
  await mod.page.locator('.member', { hasText: 'alice' }).waitFor();

  // What a member may not do, by keyboard.
  await tabTo(alice.page, 'What you can do with demo');
  await alice.page.keyboard.press('Enter');
  let dialog = alice.page.locator('dialog[open]');
  await dialog.waitFor();
  results.greyed = await dialog.getByRole('button', { name: 'Silence', exact: true }).getAttribute('aria-disabled');
  results.reason = await ask(dialog, 'Silence', 'mute others');
  await look(alice, '20-person-not-allowed');
  results.reasonKick = await ask(dialog, 'Kick …', 'kick');
  await alice.press('Close');
  say('a member is told why');

  // A whisper, which the native client in the same channel doesn't hear.
  await native('bob', ['login', `parlour://bob@${SERVER}`, '--password-stdin'], PASSWORD);
  const listening = staying('bob', ['record', `${OUT}/bob-hears`, `parlour://bob@${SERVER}/General`]);
  await alice.page.locator('.member', { hasText: 'bob' }).waitFor();
  // What is said to all, the native client hears.
  await holding(mod, ' ', async () => {
    await alice.becomes('loud');
    await mod.page.waitForTimeout(1200);
  });
  dialog = await menu(alice, 'What you can do with demo');
  await dialog.getByRole('button', { name: 'Whisper to' }).click();
  await dialog.getByText('Hold V: only demo hears you then.').waitFor();
  await alice.press('Close');
  await holding(alice, 'v', async () => {
    await alice.page.getByRole('button', { name: 'You whisper to demo' }).waitFor();
    await mod.page.locator('.member.whispers', { hasText: 'alice' }).getByText('whispers to you').waitFor();
    results.whispered = await loudness(mod, 'loud');
    await look(alice, '21-whispering');
    await look(mod, '21-whispered-to', false);
  });
  results.afterWhisper = await loudness(mod, 'silent');
  await listening.end();
  await alice.page.getByRole('button', { name: 'Whisper no more' }).click();
  await alice.page.locator('.whisper').waitFor({ state: 'hidden' });
  say('whispered');

  // Silenced by a moderator.
  results.loud = await holding(alice, ' ', async () => {
    await mod.page.locator('.member.talking', { hasText: 'alice' }).waitFor();
    return loudness(mod, 'loud');
  });
  dialog = await menu(mod, 'What you can do with alice');
  await look(mod, '22-person-moderated');
  await dialog.getByRole('button', { name: 'Silence', exact: true }).click();
  await dialog.getByRole('button', { name: 'Let speak again', exact: true }).waitFor();
  await mod.press('Close');
  await alice.page.locator('.member', { hasText: '(you)' }).getByRole('img', { name: 'silenced by a moderator' }).waitFor();
  await alice.page.locator('.banner', { hasText: 'A moderator silenced you' }).waitFor();
  results.silenced = await holding(alice, ' ', () => loudness(mod, 'silent'));
  dialog = await menu(mod, 'What you can do with alice');
  await dialog.getByRole('button', { name: 'Let speak again', exact: true }).click();
  await dialog.getByRole('button', { name: 'Silence', exact: true }).waitFor();
  await mod.press('Close');
  results.again = await holding(alice, ' ', () => loudness(mod, 'loud'));
  say('moderated');

  // A recording: everybody sees it while it runs, and it can be fetched.
  dialog = await menu(mod, 'Actions for General');
  await dialog.getByRole('button', { name: 'Record', exact: true }).click();
  await dialog.getByRole('button', { name: 'Stop the recording' }).waitFor();
  await mod.press('Close');
  await alice.page.locator('header .recording', { hasText: 'Recorded by demo since' }).waitFor();
  await alice.page.locator('button.channel', { hasText: 'General' }).getByRole('img', { name: 'Recorded by demo' }).waitFor();
  await look(alice, '23-recorded');
  await holding(alice, ' ', async () => {
    await mod.becomes('loud');
    await alice.page.waitForTimeout(2000);
  });
  dialog = await menu(mod, 'Actions for General');
  await look(mod, '24-channel');
  await dialog.getByRole('button', { name: 'Stop the recording' }).click();
  await alice.page.locator('header .recording:empty').waitFor({ state: 'attached' });
  await dialog.getByRole('button', { name: 'Recordings' }).click();
  await mod.page.getByRole('button', { name: 'Download the voice of alice' }).waitFor();
  await look(mod, '25-recordings');
  const [download] = await Promise.all([mod.page.waitForEvent('download'), mod.page.getByRole('button', { name: 'Download the voice of alice' }).click()]);
  await download.saveAs(`${OUT}/fetched.opus`);
  await mod.page.getByRole('button', { name: /^Remove the recording/ }).click();
  await mod.page.getByText('There are no recordings.').waitFor();
  await mod.press('Close');
  say('recorded');

  // A role with a name of script; who gets it may do more at once, and no more when it is taken.
  dialog = await menu(mod, 'Organization');
  await look(mod, '26-organization');
  await dialog.getByRole('button', { name: 'Roles' }).click();
  dialog = mod.page.locator('dialog[open]');
  await dialog.locator('.permission').first().waitFor();
  await look(mod, '27-roles');
  await dialog.getByRole('button', { name: 'New role' }).click();
  await dialog.getByLabel('Name', { exact: true }).fill(EVIL);
  await dialog.getByLabel('Rank').fill('40');
  await dialog.getByRole('checkbox', { name: /^kick/ }).check();
  await dialog.getByRole('checkbox', { name: /^speak/ }).check();
  await dialog.getByRole('button', { name: 'Make this role' }).click();
  await dialog.locator('.notice', { hasText: 'is there' }).waitFor();
  await dialog.locator('.roles button', { hasText: EVIL }).click();
  await dialog.getByLabel('Name of the account').fill('alice');
  await dialog.getByLabel('For how long').selectOption({ label: '1 day' });
  await dialog.getByRole('button', { name: 'Grant' }).click();
  await dialog.locator('.devices li', { hasText: 'alice' }).waitFor();
  results.until = await dialog.locator('.devices li', { hasText: 'alice' }).textContent();
  await dialog.getByRole('checkbox', { name: /^kick/ }).uncheck();
  await dialog.getByRole('button', { name: 'What would change?' }).click();
  results.preview = await dialog.locator('.differences li', { hasText: 'alice' }).first().textContent();
  await look(mod, '28-role', false);
  await mod.press('Close');
  const again = staying('bob', ['record', `${OUT}/bob-again`, `parlour://bob@${SERVER}/General`]);
  await alice.page.locator('.member', { hasText: 'bob' }).waitFor();
  dialog = await menu(alice, 'What you can do with bob');
  await dialog.locator('summary', { hasText: 'Kick' }).waitFor();
  await alice.press('Close');
  results.badge = await alice.page.locator('.member', { hasText: '(you)' }).getAttribute('title');
  dialog = await menu(mod, 'What you can do with alice');
  await dialog.locator('summary', { hasText: 'Roles of alice' }).click();
  await dialog.getByRole('button', { name: `Revoke ${EVIL} from alice` }).click();
  await dialog.getByRole('button', { name: `Revoke ${EVIL} from alice` }).waitFor({ state: 'detached' });
  await mod.press('Close');
  dialog = await menu(alice, 'What you can do with bob');
  results.kickAgain = await dialog.getByRole('button', { name: 'Kick …' }).getAttribute('aria-disabled');
  await alice.press('Close');
  await again.end();
  say('changed a role');

  // The matrix of a channel, by keyboard, with the inspector and a look at what would change.
  dialog = await menu(mod, 'Actions for Social');
  await dialog.getByRole('button', { name: 'Permissions …' }).click();
  dialog = mod.page.locator('dialog[open]');
  const cell = (state) => dialog.getByRole('button', { name: `Member, join: ${state}` });
  await cell('as above').waitFor();
  await dialog.locator('.cell[tabindex="0"]').focus();
  await mod.page.keyboard.press('ArrowRight');
  for (let i = 0; i < 8 && !await cell('as above').evaluate((element) => element === document.activeElement); i += 1) await mod.page.keyboard.press('ArrowDown');
  await mod.page.keyboard.press('Space');
  await cell('allowed').waitFor();
  await mod.page.keyboard.press('Enter');
  await cell('denied').waitFor();
  await dialog.getByRole('button', { name: 'What would change?' }).click();
  results.wouldLose = await dialog.locator('.differences li', { hasText: 'alice' }).first().textContent();
  await look(mod, '29-matrix');
  results.before = await alice.channel('Social').getAttribute('aria-disabled');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByText('Saved.').waitFor();
  await dialog.getByLabel('Person', { exact: true }).fill('alice');
  await dialog.getByLabel('Permission', { exact: true }).selectOption({ label: 'join' });
  await dialog.getByText('alice may not: join').waitFor();
  results.inspected = await dialog.locator('.steps li').allTextContents();
  await look(mod, '30-inspector');
  await mod.press('Close');
  await alice.page.locator('button.channel[aria-disabled]', { hasText: 'Social' }).waitFor();
  await alice.channel('Social').focus();
  await alice.page.keyboard.press('Enter');
  await alice.page.locator('.banner', { hasText: 'Denied' }).waitFor();
  results.denied = await alice.page.locator('.banner').textContent();
  say('changed a channel’s permissions');

  // A channel with a password and a limit; listening to another from there.
  dialog = await menu(mod, 'Organization');
  await dialog.locator('summary', { hasText: 'New channel' }).click();
  await dialog.getByLabel('Name', { exact: true }).fill('Secret');
  await dialog.getByLabel('Description').fill(EVIL_WORDS);
  await dialog.getByLabel('People at most').fill('3');
  await dialog.getByLabel('Password of the channel').fill('open sesame');
  await dialog.getByRole('button', { name: 'Make the channel' }).click();
  await dialog.getByText('Secret is there.').waitFor();
  await mod.press('Close');
  // Listening to it asks for the password, too.
  dialog = await menu(alice, 'Actions for Secret');
  await dialog.getByLabel('Listen without going in').click();
  dialog = alice.page.locator('dialog[open]');
  await dialog.getByLabel('Password of the channel').fill('wrong');
  await alice.page.keyboard.press('Enter');
  await dialog.getByText('missing or wrong').waitFor();
  await alice.press('Close');
  await alice.channel('Secret').click();
  dialog = alice.page.locator('dialog[open]');
  await dialog.getByLabel('Password of the channel').fill('wrong');
  await alice.page.keyboard.press('Enter');
  await dialog.getByText('missing or wrong').waitFor();
  await look(alice, '31-password');
  await dialog.getByLabel('Password of the channel').fill('open sesame');
  await alice.page.keyboard.press('Enter');
  await alice.page.locator('button.channel[aria-current]', { hasText: 'Secret' }).waitFor();
  await alice.page.getByText(EVIL_WORDS).first().waitFor();
  dialog = await menu(alice, 'Actions for General');
  await dialog.getByLabel('Listen without going in').check();
  await alice.press('Close');
  await mod.page.locator('.member', { hasText: 'alice' }).getByRole('img', { name: 'listens to General' }).waitFor();
  results.listened = await holding(mod, ' ', () => loudness(alice, 'loud'));
  say('went in with a password, and listens elsewhere');

  // Status, away, and the welcome; all of them script.
  dialog = await menu(alice, 'Your status');
  await dialog.getByLabel('I am away').check();
  await dialog.getByLabel('A line about you').fill(EVIL);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByText('Saved.').waitFor();
  await look(alice, '32-status', false);
  await alice.press('Close');
  await mod.page.locator('.member', { hasText: 'alice' }).getByText(EVIL).waitFor();
  await mod.page.locator('.member', { hasText: 'alice' }).getByText('away').first().waitFor();
  dialog = await menu(mod, 'Organization');
  await dialog.getByLabel('Welcome').fill(`Be kind. ${EVIL_WORDS}`);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByText('Saved.').waitFor();
  await mod.press('Close');
  await alice.press('Log out');
  await alice.logIn('alice', PASSWORD);
  await alice.page.evaluate(() => {
    const { mediaDevices } = navigator;
    const open = mediaDevices.getUserMedia.bind(mediaDevices);
    globalThis.microphones = [];
    mediaDevices.getUserMedia = async (how) => {
      const stream = await open(how);
      globalThis.microphones.push(...stream.getAudioTracks());
      return stream;
    };
  });
  const opened = () => globalThis.microphones.filter(({ readyState }) => readyState === 'live').length;
  await alice.goIn();
  await alice.page.locator('.welcome', { hasText: 'Be kind.' }).waitFor();
  await look(alice, '33-welcome');
  await alice.press('I have read it');
  await alice.join('General');
  say('was welcomed');

  // Kicked: told why, and not back by itself.
  await mod.page.locator('.member', { hasText: 'alice' }).waitFor();
  dialog = await menu(mod, 'What you can do with alice');
  await dialog.locator('summary', { hasText: 'Kick' }).click();
  await dialog.getByLabel('Reason, which they are told').first().fill(`Too loud ${EVIL}`);
  results.microphones = [await alice.page.evaluate(opened)];
  await dialog.getByRole('button', { name: 'Kick alice' }).click();
  await alice.page.getByText('A moderator ended your connection.').waitFor();
  results.kicked = await alice.page.locator('blockquote').textContent();
  await look(alice, '34-kicked');
  await mod.page.locator('.member', { hasText: 'alice' }).waitFor({ state: 'detached' });
  await alice.page.waitForTimeout(1500);
  results.microphones.push(await alice.page.evaluate(opened));
  results.stayedAway = await mod.page.locator('.member', { hasText: 'alice' }).count();
  await alice.press('Go in again');
  await alice.page.locator('#room').waitFor();
  // She is heard again, without another question.
  await alice.page.waitForFunction(opened);
  // Without a reason, nothing stands in its place.
  await mod.page.locator('.member', { hasText: 'alice' }).waitFor();
  dialog = await menu(mod, 'What you can do with alice');
  await dialog.locator('summary', { hasText: 'Kick' }).click();
  await dialog.getByRole('button', { name: 'Kick alice' }).click();
  await alice.page.getByText('A moderator ended your connection. You may come back.', { exact: true }).waitFor();
  results.reasons = await alice.page.locator('blockquote').count();
  say('was kicked');

  results.ran = await mod.page.evaluate(() => globalThis.ran ?? 0) + await alice.page.evaluate(() => globalThis.ran ?? 0);
  results.errors = people.flatMap(({ errors }) => errors).filter((error) => !/ERR_CONNECTION|WebTransport|net::/.test(error));
  results.foreign = people.flatMap(({ requests }) => requests).filter((request) => !request.startsWith(url) && !/^(blob|data):/.test(request));
});
