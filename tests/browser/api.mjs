// Requests over HTTPS, for what is done beside the page.

import { request } from 'node:https';

/** @typedef {(method: string, path: string, body?: object) => Promise<any>} Ask Answers with what the server answers; nothing where it has nothing to say. */

/** Logs in. @param {string} server @param {string} name @param {string} password @returns {Promise<Ask>} */
export async function asAccount(server, name, password) {
  let token = '';
  /** @type {Ask} */
  const ask = (method, path, body) => new Promise((resolve, reject) => {
    const headers = { ...(body && { 'content-type': 'application/json' }), ...(token && { authorization: `Bearer ${token}` }) };
    const asking = request(`https://${server}/api${path}`, { method, headers, rejectUnauthorized: false }, async (answer) => {
      let text = '';
      for await (const part of answer) text += part;
      const what = text && JSON.parse(text);
      if ((answer.statusCode ?? 0) < 300) resolve(what);
      else reject(new Error(`${method} ${path}: ${answer.statusCode} ${text}`));
    });
    asking.on('error', reject).end(body && JSON.stringify(body));
  });
  token = (await ask('POST', '/auth/login', { name, password })).accessToken;
  return ask;
}
