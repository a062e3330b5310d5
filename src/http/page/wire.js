// Messages of the control protocol, by the schema that is generated from protocol.proto. docs/protocol.md says how
// they travel. Identifiers fit a number; permissions are looked at by `may` of permission.js.

import { PbfReader, PbfWriter } from './vendor/pbf.js';
import { schema } from './schema.js';

/** @typedef {Record<string, any>} Message */
/** @typedef {[number, string, string, "many" | "maybe" | "one"]} Field */

/** @type {Record<string, Field[]>} */
const messages = /** @type {any} */ (schema);

/** @param {string} type @returns {any} */
function nothing(type) {
  if (type === 'string') return '';
  if (type === 'bytes') return new Uint8Array();
  return type === 'bool' ? false : 0;
}

/** @param {PbfReader} reader @param {string} type @returns {any} */
function readValue(reader, type) {
  switch (type) {
    case 'string': return reader.readString();
    case 'bytes': return reader.readBytes().slice();
    case 'bool': return reader.readBoolean();
    case 'sint32': return reader.readSVarint();
    case 'uint32':
    case 'uint64': return reader.readVarint();
    default: return readMessage(reader, type, reader.readVarint() + reader.pos);
  }
}

/** @param {PbfReader} reader @param {string} type @param {number} end @returns {Message} */
function readMessage(reader, type, end) {
  /** @type {Message} */
  const message = {};
  for (const [, name, kind, times] of messages[type]) {
    if (times === 'many') message[name] = [];
    else if (times === 'one' && !messages[kind]) message[name] = nothing(kind);
  }
  reader.readFields((/** @type {number} */ tag) => {
    const field = messages[type].find(([number]) => number === tag);
    if (!field) return;
    const [, name, kind, times] = field;
    if (times === 'many' && (kind === 'uint32' || kind === 'uint64')) {
      // Numbers come packed, or one by one.
      reader.readPackedVarint(message[name]);
      return;
    }
    const value = readValue(reader, kind);
    if (times === 'many') message[name].push(value);
    else message[name] = value;
  }, message, end);
  return message;
}

/** @param {PbfWriter} writer @param {string} type @param {Message} message */
function writeMessage(writer, type, message) {
  for (const [number, name, kind, times] of messages[type]) {
    const value = message[name];
    if (value === undefined) continue;
    for (const one of times === 'many' ? value : [value]) {
      if (messages[kind]) writer.writeMessage(number, (/** @type {Message} */ part, /** @type {PbfWriter} */ to) => writeMessage(to, kind, part), one);
      else if (kind === 'string') writer.writeStringField(number, one);
      else if (kind === 'bytes') writer.writeBytesField(number, one);
      else if (kind === 'bool') writer.writeBooleanField(number, one);
      else if (kind === 'sint32') writer.writeSVarintField(number, one);
      else writer.writeVarintField(number, one);
    }
  }
}

/**
 * A message with its size before it.
 * @param {string} type @param {Message} message @returns {Uint8Array}
 */
export function encode(type, message) {
  const body = new PbfWriter();
  writeMessage(body, type, message);
  const bytes = body.finish();
  const whole = new PbfWriter();
  whole.writeBytes(bytes);
  return whole.finish();
}

/**
 * The message at the front of some bytes, and how long it is with its size; nothing while a part is missing.
 * @param {string} type @param {Uint8Array} bytes @returns {{message: Message, length: number} | undefined}
 */
export function decode(type, bytes) {
  let size = 0;
  let head = 0;
  for (;;) {
    if (head >= bytes.length) return undefined;
    if (head >= 4) throw new Error('a size of more than four bytes');
    const byte = bytes[head];
    size |= (byte & 0x7f) << (7 * head);
    head += 1;
    if (byte < 0x80) break;
  }
  if (bytes.length < head + size) return undefined;
  const reader = new PbfReader(bytes.subarray(head, head + size));
  return { message: readMessage(reader, type, size), length: head + size };
}
