// Makes src/http/page/vendor/libopus.wasm again, which the page decodes voice with once something was lost:
//
//     npm pack libopus-wasm@0.4.0 && node build/libopus.mjs libopus-wasm-0.4.0.tgz
//
// The package has libopus 1.6.1 as WebAssembly inside a text of JavaScript, a letter for each byte. The page asks for the bytes
// themselves, which are a third smaller on the way, and has a few lines of its own in place of that script (opus.js). The build
// of the server has neither a network nor node, so the file is kept here, and a test (tests/house/vendored.rs) holds its SHA-256.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** What the registry says of the package, which stands in package-lock.json of whoever installs it. */
const INTEGRITY = 'k7XznZMcDSgIl7uHdiCdIPaPfVLslf3C90jcJIEiC5OLK2Qy+M2CMmeAokDca6bbYRnSCVZ9/sUEOSfDrX60Qw==';
const SCRIPT = 'package/dist/generated/libopus.generated.mjs';
const BEFORE = "binaryDecode('";

const [, , path] = process.argv;
if (!path) throw new Error('say which package: node build/libopus.mjs libopus-wasm-0.4.0.tgz');
const packed = readFileSync(path);
if (createHash('sha512').update(packed).digest('base64') !== INTEGRITY) throw new Error(`${path} isn't the package that was looked at`);

/** A file of an archive (tar): a block of 512 bytes that says its name and size, then itself. @param {Buffer} archive @param {string} name */
function file(archive, name) {
  for (let at = 0; at + 512 <= archive.length;) {
    const field = (/** @type {number} */ from, /** @type {number} */ to) => archive.toString('latin1', at + from, at + to).replace(/\0.*$/s, '').trim();
    const size = parseInt(field(124, 136) || '0', 8);
    if (field(0, 100) === name) return archive.subarray(at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  throw new Error(`${name} isn't in the package`);
}

const script = file(gunzipSync(packed), SCRIPT).toString('utf8');
const from = script.indexOf(BEFORE) + BEFORE.length;
const [literal] = /^(?:\\.|[^'\\])*/s.exec(script.slice(from)) ?? [''];
const NAMED = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f', v: '\v', 0: '\0' };
const text = literal.replace(/\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|(.))/gis, (_, two, four, one) => (one === undefined ? String.fromCharCode(parseInt(two ?? four, 16)) : NAMED[one] ?? one));
// As the script itself makes bytes of it: those above 255 stand for 0.
const bytes = Uint8Array.from(text, (letter) => (~letter.charCodeAt(0) >> 8) & letter.charCodeAt(0));
// Throws where it is no module.
new WebAssembly.Module(bytes);
writeFileSync(new URL('../src/http/page/vendor/libopus.wasm', import.meta.url), bytes);
console.log(`${bytes.length} bytes, SHA-256 ${createHash('sha256').update(bytes).digest('hex')}`);
