// A friend gets a link, makes an account with it and comes in; then looks after the account: a second factor, devices,
// another password.

import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';

import { letter, perform, say } from './perform.mjs';
import { Person, tabTo } from './person.mjs';

const { SERVER, LINK, VOICE, OUT, SHOTS, DATA } = process.env;
const password = 'seven small red boats';
const results = { violations: [] };

/** A one-time code (RFC 6238), made without anything of the page's. @param {string} secret In base 32. @param {number} shift In seconds. */
function oneTimeCode(secret, shift = 0) {
  const bits = [...secret].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor((Date.now() / 1000 + shift) / 30)));
  const hash = createHmac('sha1', key).update(step).digest();
  return String((hash.readUInt32BE(hash[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

const fay = await Person.start({ voice: VOICE, ears: false, context: { bypassCSP: true } });
const { page } = fay;
const look = async (name, shot = true) => results.violations.push(...await fay.look(name, shot && SHOTS));
await perform([fay], results, async () => {
  // What the server answers can be told after it has closed the connection, as it happens by itself now and then.
  await page.addInitScript(() => {
    const { addEventListener } = Worker.prototype;
    Worker.prototype.addEventListener = function listen(type, heard, ...more) {
      const held = [];
      addEventListener.call(this, type, (event) => {
        if (globalThis.answersWait && event.data.kind === 'answer') {
          held.push(event);
          return;
        }
        heard(event);
        if (event.data.kind !== 'closed') return;
        globalThis.answersWait = false;
        for (const answer of held.splice(0)) heard(answer);
      }, ...more);
    };
  });
  await fay.open(LINK);
  await page.getByText('You were invited to Social.').waitFor();
  await look('13-invited');
  // By keyboard: the name has the focus, the code is filled in.
  await page.keyboard.type('fay');
  await tabTo(page, 'Password');
  await page.keyboard.type('fay-fay-fay');
  await page.keyboard.press('Enter');
  await page.getByText('easy to guess').waitFor();
  await tabTo(page, 'Password');
  await page.keyboard.press('Control+A');
  await page.keyboard.type(password);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Your microphone' }).waitFor();
  results.address = page.url();
  await fay.goIn();
  await page.locator('button.channel[aria-current]', { hasText: 'Social' }).waitFor();
  say('registered');

  // The second factor, with a code made elsewhere from what the QR code says.
  await tabTo(page, 'Your account');
  await page.keyboard.press('Enter');
  await page.locator('dialog[open] .devices li', { hasText: 'this one' }).waitFor();
  await look('14-account');
  await fay.press('Set it up');
  const picture = page.locator('svg.qr');
  await picture.waitFor();
  await look('15-second-factor');
  await picture.screenshot({ path: `${OUT}/qr.png` });
  const read = execFileSync('zbarimg', ['--quiet', '--raw', `${OUT}/qr.png`]).toString().trim();
  const secret = new URL(read).searchParams.get('secret');
  results.qr = read.replace(secret, 'SECRET');
  await page.getByLabel('The six digits that it shows').fill(oneTimeCode(secret));
  await fay.press('Turn it on');
  await page.locator('.codes li').first().waitFor();
  const codes = await page.locator('.codes li').allTextContents();
  results.codes = codes.length;
  await look('16-recovery-codes', false);
  await fay.press('Close');
  say('set a second factor up');

  // Logged out, the password alone opens nothing.
  await page.evaluate(() => { globalThis.answersWait = true; });
  await fay.press('Log out');
  await page.getByLabel('Name').fill('fay');
  await page.getByLabel('Password').fill(password);
  await fay.press('Log in');
  await page.getByText('Your account has a second factor').waitFor();
  await look('17-one-time-code');
  await page.getByLabel('One-time code').fill('000000');
  await fay.press('Log in');
  await page.getByText('wrong, too old, or was used').waitFor();
  await page.getByLabel('One-time code').fill(codes[0]);
  await fay.press('Log in');
  await page.getByRole('heading', { name: 'Your microphone' }).waitFor();
  await fay.goIn();
  say('logged in with a recovery code');

  await fay.press('Your account');
  await page.getByText('Recovery codes left: 9').waitFor();
  await page.getByLabel('A code, a recovery code, or your password').fill(oneTimeCode(secret, 30));
  await fay.press('Turn it off');
  await page.getByText('It is off.').waitFor();
  await page.locator('#password-old').fill(password);
  await page.getByLabel('New password').fill('eight large blue cranes');
  await fay.press('Change it');
  await page.getByText('The password is changed').waitFor();
  // An address, proven by the e-mail's link; then the password is forgotten.
  await page.locator('#email').fill('fay@example.org');
  await page.locator('#email-password').fill('eight large blue cranes');
  await fay.press('Keep this address');
  await page.getByText('A code for this address waits').waitFor();
  await look('18-email', false);
  await page.locator('#key-name').fill('music');
  await fay.press('Make a key');
  const key = await page.getByText(/prl_[0-9a-f]{16}_/).first().textContent();
  results.key = /prl_[0-9a-f]{16}_[\w-]{43}/.test(key);
  await look('18-keys', false);
  await page.getByRole('button', { name: 'Revoke the key music' }).click();
  await page.getByRole('button', { name: 'Revoke the key music' }).waitFor({ state: 'detached' });
  await fay.press('Close');
  say('changed the password');
  const code = async (/** @type {number} */ number) => /[0-9A-Z]{4}(-[0-9A-Z]{4}){4}/.exec(await letter(number, DATA))[0];
  await fay.open(`https://${SERVER}/v/${await code(1)}`);
  await fay.goIn();
  await page.getByText('The address is yours.').waitFor();
  await fay.press('Log out');
  await fay.press('I forgot my password');
  await page.getByLabel('E-mail address').fill('fay@example.org');
  await fay.press('Make a code');
  await page.getByText('a code waits with whoever runs it').waitFor();
  await fay.open(`https://${SERVER}/r/${await code(2)}`);
  await page.getByRole('heading', { name: 'Another password' }).waitFor();
  await look('19-another-password');
  await page.getByLabel('Password').fill('nine tall green towers');
  await fay.press('Change the password');
  await page.getByText('Log in with the new one.').waitFor();
  await fay.logIn('fay', 'nine tall green towers');
  say('chose another password by e-mail');
  results.errors = fay.errors;
  results.foreign = fay.requests.filter((request) => !request.startsWith(`https://${SERVER}/`) && !/^(blob|data):/.test(request));
});
