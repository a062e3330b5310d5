// How a script of several people is played: how far it is and since when is told, what they saw is printed at the end, and where it
// fails a picture of each is kept.

import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

import { closeBrowsers } from './person.mjs';

/** Tells how far it is. @param {string} words */
export const say = (words) => process.stderr.write(`${(performance.now() / 1000).toFixed(1)} s: ${words}\n`);

/** The text of an e-mail in the outbox, once there are so many. @param {number} number From 1 on. @param {string} data The server's directory. */
export async function letter(number, data) {
  for (let i = 0; i < 100; i += 1) {
    const all = execFileSync(process.env.PARLOUR, ['--json', 'admin', 'outbox', '--data-dir', data]).toString().trim().split('\n').filter(Boolean);
    if (all.length >= number) return JSON.parse(all[number - 1]).text;
    await sleep(100);
  }
  throw new Error(`there is no e-mail ${number}`);
}

/**
 * @param {import('./person.mjs').Person[]} people Whoever is there by the end. @param {object} results What is printed.
 * @param {() => Promise<void>} script @param {() => unknown} [after] What else has to end.
 */
export async function perform(people, results, script, after = () => {}) {
  try {
    await script();
  } catch (error) {
    for (const [i, person] of people.entries()) {
      await person.page.screenshot({ path: `${process.env.OUT}/failed-${i}.png` }).catch(() => {});
      const shown = await person.page.locator('body').innerText({ timeout: 1000 }).catch(() => 'nothing');
      process.stderr.write(`${i}: ${person.errors.join('\n')}\n${i} shows: ${shown.slice(0, 1000)}\n`);
    }
    throw error;
  } finally {
    await after();
    await closeBrowsers();
  }
  console.log(JSON.stringify(results));
}
