// A crowd of guests who talk, come and go; and numbers by chance that are the same each time.

import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';

/** Numbers from 0 to 1 by chance, the same for the same seed (mulberry32). @param {number} seed @returns {() => number} */
export function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * So many guests, each of whom comes, says what the file says, goes and comes again.
 * @param {number} count @param {string} voice A WAV file. @param {string} address
 */
export function guests(count, voice, address) {
  const { OUT, PARLOUR } = process.env;
  let over = false;
  const children = new Set();
  const visits = Array.from({ length: count }, async (_, i) => {
    const home = `${OUT}/guest-${i}`;
    mkdirSync(home, { recursive: true });
    const env = { ...process.env, HOME: home, XDG_CONFIG_HOME: '', XDG_DATA_HOME: '', XDG_STATE_HOME: '' };
    while (!over) {
      const child = spawn(PARLOUR, ['play', voice, address, '--guest', `guest${i}`], { env, stdio: ['ignore', 'ignore', 'inherit'] });
      children.add(child);
      const code = await new Promise((resolve) => child.on('exit', resolve));
      children.delete(child);
      if (code !== 0 && !over) throw new Error(`guest${i}: ${code}`);
    }
  });
  // A guest who can't come is found out at the end; until then nobody waits for it.
  const all = Promise.all(visits);
  all.catch(() => {});
  return {
    /** They go, and come no more. */
    async end() {
      over = true;
      // As somebody does who leaves: the others are told at once.
      for (const child of children) child.kill('SIGINT');
      await all;
    },
  };
}
