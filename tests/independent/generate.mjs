// Makes a client in TypeScript of a description (OpenAPI), by @hey-api/openapi-ts: node generate.mjs openapi.json DIRECTORY

import { register } from 'node:module';
import { pathToFileURL } from 'node:url';

const generator = `${process.env.BROWSER_MODULES}/node_modules/@hey-api/openapi-ts/dist/index.mjs`;
// The generator writes by TypeScript's interface for programs, which version 7 doesn't have yet.
const hook = `export const resolve = (name, context, next) => next(name === 'typescript' ? 'typescript-5' : name, context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
const { createClient, defaultPlugins } = await import(pathToFileURL(generator).href);
const [input, output] = process.argv.slice(2);
await createClient({ input, output, plugins: [...defaultPlugins, '@hey-api/client-fetch'], logs: { level: 'silent', file: false } });
