// An assistant by the Model Context Protocol's own SDK for JavaScript, which speaks the revision before the one in force: it asks without a
// token, finds whom to ask for one, has its person allow it, lists the tools and uses some, and comes again for what it lacks.

import { pathToFileURL } from 'node:url';

const { BROWSER_MODULES, ISSUER, CLIENT, REDIRECT, NAME, PASSWORD } = process.env;
const sdk = (/** @type {string} */ path) =>
  import(pathToFileURL(`${BROWSER_MODULES}/node_modules/@modelcontextprotocol/sdk/dist/esm/client/${path}.js`).href);
const { Client } = await sdk('index');
const { StreamableHTTPClientTransport } = await sdk('streamableHttp');
const { UnauthorizedError } = await sdk('auth');
const url = new URL(`${ISSUER}/mcp`);
const asked = [];

/** What an assistant keeps, and whoever looks at the page that asks, and allows it. */
const provider = {
  redirectUrl: REDIRECT,
  clientMetadata: { client_name: 'Test', redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none', grant_types: ['authorization_code'] },
  clientInformation: () => ({ client_id: CLIENT, issuer: ISSUER }),
  tokens: () => provider.kept,
  saveTokens: (tokens) => { provider.kept = tokens; },
  saveCodeVerifier: (verifier) => { provider.verifier = verifier; },
  codeVerifier: () => provider.verifier,
  async redirectToAuthorization(/** @type {URL} */ address) {
    asked.push(address.searchParams.get('scope'));
    const body = new URLSearchParams({ query: address.search.slice(1), name: NAME, password: PASSWORD, decision: 'allow' });
    const answer = await fetch(`${ISSUER}/oauth/authorize`, { method: 'POST', redirect: 'manual', body });
    if (answer.status !== 303) throw new Error(`${answer.status}: ${await answer.text()}`);
    provider.code = new URL(answer.headers.get('location')).searchParams.get('code');
  },
};

/** A session, for which its person is asked where they have to be. @param {(session: object) => Promise<unknown>} work */
async function session(work) {
  for (let left = 3; ; left -= 1) {
    const transport = new StreamableHTTPClientTransport(url, { authProvider: provider });
    const client = new Client({ name: 'test', version: '1' });
    try {
      await client.connect(transport);
      return await work(client);
    } catch (error) {
      if (!(error instanceof UnauthorizedError) || left === 0) throw error;
      await transport.finishAuth(provider.code);
    } finally {
      await client.close();
    }
  }
}

const told = await session(async (client) => {
  const { tools } = await client.listTools();
  const who = await client.callTool({ name: 'list', arguments: {} });
  const unknown = await client.callTool({ name: 'join', arguments: {} }).catch((error) => error.code);
  return {
    server: client.getServerVersion().name, instructions: client.getInstructions(), tools: tools.map(({ name }) => name),
    channels: who.structuredContent.answer.snapshot.channels.map(({ name }) => name), unknown,
  };
});
told.first = [...asked];
const made = await session((client) => client.callTool({ name: 'create_channel', arguments: { name: 'Made' } }));
const gone = await session((client) => client.callTool({ name: 'remove_channel', arguments: { channel: made.structuredContent.answer.id } }));
process.stdout.write(JSON.stringify({ ...told, gone: [gone.isError, gone.structuredContent], asked }));
