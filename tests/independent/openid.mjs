// A service that logs people in by the server: openid-client, the library of the OpenID Foundation's certified kind, which
// shares nothing with it. It asks for everything that a service asks for, and prints what it was told.

import { pathToFileURL } from 'node:url';

const { BROWSER_MODULES, ISSUER, CLIENT, SECRET, REDIRECT, PUBLIC, NAME, PASSWORD } = process.env;
const oauth = await import(pathToFileURL(`${BROWSER_MODULES}/node_modules/openid-client/build/index.js`).href);
const told = {};

/** The person's browser: the page, what they enter, and where they are sent. @param {URL} url @param {string} redirect */
async function person(url) {
  const shown = await (await fetch(url)).text();
  if (!shown.includes('id="consent"')) throw new Error(`no page that asks: ${shown}`);
  const query = url.search.slice(1);
  const body = new URLSearchParams({ query, name: NAME, password: PASSWORD, decision: 'allow' });
  const headers = { origin: new URL(ISSUER).origin };
  const answer = await fetch(`${ISSUER}/oauth/authorize`, { method: 'POST', redirect: 'manual', headers, body });
  if (answer.status !== 303) throw new Error(`${answer.status}: ${await answer.text()}`);
  return new URL(answer.headers.get('location'));
}

/** @param {object} config @param {string} scope @param {Record<string, string>} [more] */
async function logIn(config, scope, more = {}) {
  const pkceCodeVerifier = oauth.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [oauth.randomState(), oauth.randomNonce()];
  const url = oauth.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT, scope, state: expectedState, nonce: expectedNonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256', ...more,
  });
  const back = await person(url);
  const checks = { pkceCodeVerifier, expectedState, expectedNonce };
  return { back, checks, tokens: await oauth.authorizationCodeGrant(config, back, checks) };
}

/** What somebody is refused with. @param {() => Promise<unknown>} ask */
async function refusal(ask) {
  try {
    await ask();
    return 'done';
  } catch (error) {
    return error.error ?? error.cause?.error ?? error.code ?? error.message;
  }
}

for (const [kind, algorithm] of [['basic', 'oidc'], ['post', 'oauth2']]) {
  const proof = kind === 'basic' ? oauth.ClientSecretBasic(SECRET) : oauth.ClientSecretPost(SECRET);
  const config = await oauth.discovery(new URL(ISSUER), CLIENT, undefined, proof, { algorithm });
  const { tokens } = await logIn(config, 'openid profile email groups offline_access');
  const claims = tokens.claims();
  told[kind] = { claims, scope: tokens.scope };
  if (algorithm === 'oauth2') continue;
  told.userinfo = await oauth.fetchUserInfo(config, tokens.access_token, claims.sub);
  const refreshed = await oauth.refreshTokenGrant(config, tokens.refresh_token);
  told.rotated = refreshed.refresh_token !== tokens.refresh_token;
  told.lostAnswer = (await oauth.refreshTokenGrant(config, tokens.refresh_token)).refresh_token === refreshed.refresh_token;
  told.introspected = await oauth.tokenIntrospection(config, refreshed.access_token);
  await oauth.tokenRevocation(config, refreshed.refresh_token);
  told.afterRevocation = (await oauth.tokenIntrospection(config, refreshed.access_token)).active;
  told.refreshAfterRevocation = await refusal(() => oauth.refreshTokenGrant(config, refreshed.refresh_token));
  told.byItself = (await oauth.clientCredentialsGrant(config, { scope: 'view' })).scope;
  // An answer of another server (RFC 9207), and a code that was put into somebody else's session.
  const { back, checks } = await logIn(config, 'openid');
  const other = new URL(back);
  other.searchParams.set('iss', 'https://evil.example');
  told.mixUp = await refusal(() => oauth.authorizationCodeGrant(config, other, checks));
  const fresh = await logIn(config, 'openid');
  const injected = { ...fresh.checks, pkceCodeVerifier: oauth.randomPKCECodeVerifier() };
  told.injected = await refusal(() => oauth.authorizationCodeGrant(config, fresh.back, injected));
  const end = oauth.buildEndSessionUrl(config, {
    id_token_hint: fresh.tokens.id_token, post_logout_redirect_uri: `${REDIRECT}/bye`, state: 'away',
  });
  told.loggedOut = (await fetch(end, { redirect: 'manual' })).headers.get('location');
  told.afterLogOut = (await oauth.tokenIntrospection(config, fresh.tokens.access_token)).active;
}
const config = await oauth.discovery(new URL(ISSUER), PUBLIC, { id_token_signed_response_alg: 'EdDSA' }, oauth.None());
told.public = (await logIn(config, 'openid')).tokens.claims();
console.log(JSON.stringify(told));
