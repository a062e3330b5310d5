// The conformance suite of the Model Context Protocol against the server: those of its cases that are about what the server has. It asks
// without a token and without TLS, so a relay on this machine adds both.

import { execFile } from 'node:child_process';
import http from 'node:http';
import https from 'node:https';

const { BROWSER_MODULES, ISSUER, ORIGIN, TOKEN } = process.env;
const suite = `${BROWSER_MODULES}/node_modules/@modelcontextprotocol/conformance/dist/index.js`;
const server = new URL(ISSUER);

const relay = http.createServer((asked, answer) => {
  const own = `localhost:${relay.address().port}`;
  // The relay stands for the server; what comes by another name goes on as it came.
  const is = { [own]: server.host, [`http://${own}`]: ORIGIN };
  const headers = asked.rawHeaders.map((text, at) => (at % 2 ? is[text] ?? text : text));
  const to = { hostname: server.hostname, port: server.port, path: asked.url, method: asked.method, rejectUnauthorized: false };
  const on = https.request({ ...to, headers: [...headers, 'Authorization', `Bearer ${TOKEN}`] }, (back) => {
    answer.writeHead(back.statusCode, back.headers);
    back.pipe(answer);
  });
  on.on('error', () => answer.destroy());
  asked.pipe(on);
});
await new Promise((done) => relay.listen(0, '127.0.0.1', done));

// It imports what Node.js has since version 22, for what isn't used here.
const shim = "import fs from 'node:fs'; export * from 'node:fs'; export default fs; export const globSync = fs.globSync;";
const data = (text) => `data:text/javascript,${encodeURIComponent(text)}`;
const hooks = `export async function resolve(name, context, next) {
  return name === 'fs' && context.parentURL?.includes('/conformance/') ? { url: ${JSON.stringify(data(shim))}, shortCircuit: true } : next(name, context);
}`;
const begin = data(`import { register } from 'node:module'; register(${JSON.stringify(data(hooks))});`);

/** What the suite says of a case. @param {string} scenario @param {string} revision */
function run(scenario, revision) {
  const url = `http://localhost:${relay.address().port}/mcp`;
  const args = ['--import', begin, suite, 'server', '--url', url, '--scenario', scenario, '--spec-version', revision, '--verbose'];
  return new Promise((done) => {
    execFile(process.execPath, args, { maxBuffer: 1 << 24 }, (_, said, complaint) => {
      // Beside its lines for people there is a list of checks.
      const list = said.slice(said.indexOf('\n[') + 1, said.lastIndexOf('\n]') + 2);
      try {
        done(JSON.parse(list).map(({ id, status, errorMessage }) => [id, status, errorMessage ?? '']));
      } catch {
        done([['unread', 'FAILURE', `${said}${complaint}`]]);
      }
    });
  });
}

const told = {};
for (const [revision, scenarios] of Object.entries(JSON.parse(process.env.SCENARIOS))) {
  told[revision] = {};
  for (const scenario of scenarios) told[revision][scenario] = await run(scenario, revision);
}
process.stdout.write(JSON.stringify(told));
relay.close();
