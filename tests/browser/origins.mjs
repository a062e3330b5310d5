// Pages of other origins in a browser: one that the server allows, and that is a program's, asks by what it has a token for; another
// one reads nothing and changes nothing.

import { Person, closeBrowsers } from './person.mjs';

const { SERVER, CLUB, EVIL, CLIENT, PASSWORD } = process.env;
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';

/** Runs in a page: everything that it may want of the server, and what came of each. */
async function tries({ server, token }) {
  const told = {};
  const attempt = async (name, url, options) => {
    try {
      const answer = await fetch(`https://${server}${url}`, options);
      const text = await answer.text();
      told[name] = { status: answer.status, etag: answer.headers.get('etag') ?? '', body: text && JSON.parse(text) };
    } catch (error) {
      told[name] = error.name;
    }
    return told[name];
  };
  const authorization = `Bearer ${token}`;
  const json = { authorization, 'content-type': 'application/json' };
  await attempt('me', '/api/auth/me', { headers: { authorization } });
  await attempt('nobody', '/api/auth/me', {});
  await attempt('withCookies', '/api/auth/me', { headers: { authorization }, credentials: 'include' });
  const body = JSON.stringify({ name: `by ${location.hostname}` });
  const made = await attempt('made', '/api/channels', { method: 'POST', headers: json, body });
  if (made.body?.id) {
    const path = `/api/channels/${made.body.id}`;
    const { etag } = await attempt('read', path, { headers: { authorization } });
    const change = { method: 'PATCH', headers: { ...json, 'if-match': etag }, body: '{"description":"x"}' };
    await attempt('changed', path, change);
    await attempt('stale', path, change);
  }
  // What a browser sends without asking first.
  await attempt('simple', '/api/channels', { method: 'POST', headers: { 'content-type': 'text/plain' }, body });
  await attempt('metadata', '/.well-known/openid-configuration', {});
  await attempt('keys', '/oauth/jwks.json', {});
  const form = new URLSearchParams({ grant_type: 'authorization_code', client_id: '1', code: 'x', code_verifier: 'x' });
  await attempt('token', '/oauth/token', { method: 'POST', body: form });
  await attempt('userinfo', '/oauth/userinfo', { headers: { authorization } });
  told.events = await new Promise((resolve) => {
    const socket = new WebSocket(`wss://${server}/api/events`);
    socket.onopen = () => socket.send(JSON.stringify({ token }));
    socket.onmessage = ({ data }) => resolve(JSON.parse(data).event);
    socket.onerror = () => resolve('error');
  });
  return told;
}

/** Runs in the page that a program is come back to: a code is exchanged, and somebody known. */
async function exchange({ server, client, verifier }) {
  const redirect = location.origin + location.pathname;
  const form = new URLSearchParams({
    grant_type: 'authorization_code', client_id: client, redirect_uri: redirect, code_verifier: verifier,
    code: new URLSearchParams(location.search).get('code') ?? '',
  });
  const given = await (await fetch(`https://${server}/oauth/token`, { method: 'POST', body: form })).json();
  const headers = { authorization: `Bearer ${given.access_token}` };
  return (await fetch(`https://${server}/oauth/userinfo`, { headers })).json();
}

const result = {};
const person = await Person.start({ ears: false });
try {
  const { page } = person;
  const logIn = await fetch(`https://${SERVER}/api/auth/login`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: 'boss', password: PASSWORD }),
  });
  const { accessToken: token } = await logIn.json();
  for (const [name, origin] of Object.entries({ club: CLUB, evil: EVIL })) {
    await page.goto(`${origin}/`);
    result[name] = await page.evaluate(tries, { server: SERVER, token });
  }
  const back = `${CLUB}/cb`;
  await page.goto(`https://${SERVER}/oauth/authorize?client_id=${CLIENT}&response_type=code&scope=openid+profile&state=s-1`
    + `&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&redirect_uri=${encodeURIComponent(back)}`);
  await page.fill('#name', 'boss');
  await page.fill('#password', PASSWORD);
  await page.getByRole('button', { name: 'Allow', exact: true }).click();
  await page.waitForURL(/\/cb\?/);
  const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
  result.who = await page.evaluate(exchange, { server: SERVER, client: CLIENT, verifier });
} finally {
  await closeBrowsers();
}
console.log(JSON.stringify(result));
process.exit(0);
