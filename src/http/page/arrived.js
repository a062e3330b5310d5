// The page to which somebody comes back from another server by which they logged in. The session is kept as after any other
// log-in, and the page itself goes on with it.

import { channelLink, kept, shown } from './place.js';

const arrived = document.getElementById('arrived');

if (arrived?.dataset.token) {
  kept.set('token', arrived.dataset.token);
  kept.set('name', arrived.dataset.name ?? '');
  const path = shown.get('invited');
  shown.remove('invited');
  // The address of this page isn't come back to: it is good once.
  location.replace(channelLink(path ? path.split('/') : []));
}
