// How loud everybody is played: one's own choice for a person, what one chose for a channel that is listened to, and the
// others turned down while a priority speaker speaks. Nothing here knows the page, so that it is tested alone.

/** What others are turned down by: 12 dB. */
export const DUCKED = 10 ** (-12 / 20);

/** @typedef {import('./messages.js').Member} Member */

/**
 * @param {object} now
 * @param {Iterable<Member>} now.members
 * @param {Member | undefined} now.me
 * @param {import('./messages.js').Channel | undefined} now.here The channel that one is in.
 * @param {Set<number>} now.talking SSRCs of those who are heard.
 * @param {Set<number>} now.whispering Of those, who speaks to chosen people.
 * @param {(member: Member) => number} now.own What one chose for a person; 1 is as it came.
 * @returns {Map<number, number>} Gains, by SSRC.
 */
export function loudness({ members, me, here, talking, whispering, own }) {
  const listened = new Map((me?.listening ?? []).map((one) => [one.channel, (one.volume || 100) / 100]));
  const near = new Set([here?.id, ...(here?.links ?? [])]);
  const all = [...members];
  const first = all.some((member) => member.priority && member.session !== me?.session && talking.has(member.ssrc));
  return new Map(all.map((member) => {
    const far = !near.has(member.channel) && !whispering.has(member.ssrc);
    const gain = own(member) * (far ? listened.get(member.channel) ?? 1 : 1);
    return [member.ssrc, first && !member.priority ? gain * DUCKED : gain];
  }));
}
