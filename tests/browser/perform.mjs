// How a script of several people is played: what they saw is printed at the end, and where it fails a picture of each is kept.

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
      process.stderr.write(`${i}: ${person.errors.join('\n')}\n`);
    }
    throw error;
  } finally {
    await after();
    await Promise.all(people.map((person) => person.close()));
  }
  console.log(JSON.stringify(results));
}
