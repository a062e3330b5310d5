// A provider of others: oidc-provider, the library of a certified one, which shares nothing with the server; and the browser
// of a person who logs in by it. Prints the issuer, reads where the server is, and prints what the person was shown.

import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { generateKeyPairSync } from 'node:crypto';
import { pathToFileURL } from 'node:url';

const { BROWSER_MODULES } = process.env;
const { default: Provider } = await import(pathToFileURL(`${BROWSER_MODULES}/node_modules/oidc-provider/lib/index.js`).href);
console.info = console.warn = () => {};

const listener = createServer();
await new Promise((ready) => listener.listen(0, '127.0.0.1', ready));
const issuer = `http://127.0.0.1:${listener.address().port}`;
console.log(issuer);
const [server] = await new Promise((read) => createInterface(process.stdin).once('line', (line) => read([line])));

/** @param {string} client_id @param {object} more */
const client = (client_id, more) => ({
  client_id, redirect_uris: [`${server}/oidc/${client_id}/callback`], response_types: ['code'], grant_types: ['authorization_code'], ...more,
});
const client_secret = 'a secret of the test';
const none = { token_endpoint_auth_method: 'none' };
const jwk = (/** @type {string} */ kind, /** @type {object} */ how, /** @type {string} */ kid) => ({
  ...generateKeyPairSync(kind, how).privateKey.export({ format: 'jwk' }), use: 'sig', kid,
});
const provider = new Provider(issuer, {
  clients: [
    client('basic', { client_secret, id_token_signed_response_alg: 'RS256' }),
    client('post', { client_secret, token_endpoint_auth_method: 'client_secret_post', id_token_signed_response_alg: 'ES256' }),
    client('public', { ...none, id_token_signed_response_alg: 'RS256' }),
    client('eddsa', { ...none, id_token_signed_response_alg: 'EdDSA' }),
    client('pss', { ...none, id_token_signed_response_alg: 'PS256' }),
  ],
  jwks: { keys: [
    jwk('rsa', { modulusLength: 2048 }, 'rsa'), jwk('ec', { namedCurve: 'P-256' }, 'ec'), jwk('ed25519', {}, 'ed'),
  ] },
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'] },
  claims: { openid: ['sub'], profile: ['preferred_username'], email: ['email', 'email_verified'], groups: ['groups'] },
  scopes: ['openid', 'profile', 'email', 'groups'],
  findAccount: (_, sub) => ({
    accountId: sub,
    claims: () => ({ sub, preferred_username: 'anna', email: 'anna@example.org', email_verified: true, groups: ['crew'] }),
  }),
  pkce: { required: () => true },
  cookies: { keys: ['of the test'] },
});
listener.on('request', provider.callback());

/** A browser with cookies for each of the two servers, which goes where it is sent. */
class Browser {
  /** @type {Map<string, Map<string, string>>} */
  jar = new Map();

  /** @param {string} to @param {URLSearchParams} [body] @returns {Promise<{at: string, text: string}>} */
  async go(to, body) {
    const { origin } = new URL(to);
    const own = this.jar.get(origin) ?? new Map();
    this.jar.set(origin, own);
    const cookie = [...own].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(to, { method: body ? 'POST' : 'GET', body, headers: { cookie }, redirect: 'manual' });
    for (const line of answer.headers.getSetCookie()) {
      const [name, ...value] = line.split(';')[0].split('=');
      own.set(name, value.join('='));
    }
    const next = answer.headers.get('location');
    return next ? this.go(new URL(next, to).href) : { at: to, text: await answer.text() };
  }

  /** Logs in by a provider, as a person does who answers its questions. @param {string} id @param {boolean} [cancels] */
  async logIn(id, cancels) {
    let shown = await this.go(`${server}/oidc/${id}/start`);
    for (let step = 0; shown.at.startsWith(issuer); step += 1) {
      if (step > 3) throw new Error(`it doesn't end: ${shown.at} ${shown.text}`);
      if (cancels) {
        shown = await this.go(`${shown.at}/abort`);
        continue;
      }
      const prompt = /name="prompt" value="(\w+)"/.exec(shown.text)?.[1] ?? '';
      if (!prompt) throw new Error(`no question: ${shown.at} ${shown.text}`);
      shown = await this.go(shown.at, new URLSearchParams({ prompt, login: 'anna-there', password: 'x' }));
    }
    const part = (/** @type {RegExp} */ pattern) => pattern.exec(shown.text)?.[1];
    return { token: part(/data-token="([^"]*)"/), name: part(/data-name="([^"]*)"/), problem: part(/role="alert">([^<]*)</) };
  }
}

/** @type {Record<string, object>} */
const told = {};
for (const id of ['basic', 'post', 'public', 'eddsa', 'pss']) told[id] = await new Browser().logIn(id);
told.cancelled = await new Browser().logIn('basic', true);
console.log(JSON.stringify(told));
process.exit(0);
