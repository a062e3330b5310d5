// The way to another server for more than to log in. What for is said here first: no address says it, so no link from elsewhere has
// somebody do it.

import { HOME } from './place.js';
import { Problem } from './refusal.js';

/**
 * Goes there, to come back with what is wanted: for this session's account another log-in, or an account by an invite.
 * @param {string} id The other server. @param {{ session: string } | { invite: string }} what
 */
export async function goFor(id, what) {
  const answer = await fetch(`${HOME}oidc/${id}/start`, { method: 'POST', body: new URLSearchParams(what) });
  /** @type {{ location?: string, problem?: string }} */
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok || !told.location) throw new Problem(told.problem ?? answer.statusText);
  location.assign(told.location);
}
