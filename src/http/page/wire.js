// Messages of the control protocol, by the schema that is generated from protocol.proto. docs/protocol.md says how
// they travel.
//
// Identifiers, times and sizes are numbers: an identifier counts within 40 bits beside its organization's number, which
// has 13, so that a double holds it exactly. Sets of permissions are BigInt.

import { PbfReader, PbfWriter } from './vendor/pbf.js';
import { schema } from './schema.js';

/** @typedef {import('./messages.js').Messages} Messages */
/** @typedef {Record<string, unknown>} Message */

/** Bytes of the longest number of 64 bits. */
const LONGEST = 10;

/** @param {string} type @returns {unknown} What a field has that isn't sent. */
function nothing(type) {
  switch (type) {
    case 'string': return '';
    case 'bytes': return new Uint8Array();
    case 'bool': return false;
    case 'permissions': return 0n;
    default: return 0;
  }
}

/** @param {PbfReader} reader */
function readBits(reader) {
  let bits = 0n;
  for (let i = 0; i < LONGEST && reader.pos < reader.length; i += 1) {
    const byte = reader.buf[reader.pos];
    reader.pos += 1;
    bits |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) return BigInt.asUintN(64, bits);
  }
  throw new Error('a number without an end');
}

/** @param {PbfWriter} writer @param {number} number @param {bigint} bits */
function writeBits(writer, number, bits) {
  writer.writeTag(number, 0);
  writer.realloc(LONGEST);
  let rest = BigInt.asUintN(64, bits);
  while (rest >= 0x80n) {
    writer.buf[writer.pos] = Number(rest & 0x7fn) | 0x80;
    writer.pos += 1;
    rest >>= 7n;
  }
  writer.buf[writer.pos] = Number(rest);
  writer.pos += 1;
}

/** @param {PbfReader} reader @param {string} type @returns {unknown} */
function readValue(reader, type) {
  switch (type) {
    case 'string': return reader.readString();
    case 'bytes': return reader.readBytes().slice();
    case 'bool': return reader.readBoolean();
    case 'sint32': return reader.readSVarint();
    case 'permissions': return readBits(reader);
    case 'uint32':
    case 'uint64': return reader.readVarint();
    default: return readMessage(reader, type, reader.readVarint() + reader.pos);
  }
}

/** @param {PbfReader} reader @param {string} type @param {number} end @returns {Message} */
function readMessage(reader, type, end) {
  /** @type {Message} */
  const message = {};
  for (const [, name, kind, times] of schema[type]) {
    if (times === 'many') message[name] = [];
    else if (times === 'one') message[name] = nothing(kind);
  }
  reader.readFields((tag) => {
    const field = schema[type].find(([number]) => number === tag);
    if (!field) return;
    const [, name, kind, times] = field;
    if (times === 'many' && (kind === 'uint32' || kind === 'uint64')) {
      // Numbers come packed, or one by one.
      reader.readPackedVarint(/** @type {number[]} */ (message[name]));
      return;
    }
    const value = readValue(reader, kind);
    if (times === 'many') /** @type {unknown[]} */ (message[name]).push(value);
    else message[name] = value;
  }, message, end);
  return message;
}

/** @param {PbfWriter} writer @param {number} number @param {string} kind @param {unknown} value */
function writeValue(writer, number, kind, value) {
  if (schema[kind]) writer.writeMessage(number, (part, to) => writeMessage(to, kind, part), /** @type {Message} */ (value));
  else if (kind === 'string') writer.writeStringField(number, /** @type {string} */ (value));
  else if (kind === 'bytes') writer.writeBytesField(number, /** @type {Uint8Array} */ (value));
  else if (kind === 'bool') writer.writeBooleanField(number, /** @type {boolean} */ (value));
  else if (kind === 'permissions') writeBits(writer, number, /** @type {bigint} */ (value));
  else if (kind === 'sint32') writer.writeSVarintField(number, /** @type {number} */ (value));
  else writer.writeVarintField(number, /** @type {number} */ (value));
}

/** @param {PbfWriter} writer @param {string} type @param {Message} message */
function writeMessage(writer, type, message) {
  for (const [number, name, kind, times] of schema[type]) {
    const value = message[name];
    if (value === undefined) continue;
    for (const one of times === 'many' ? /** @type {unknown[]} */ (value) : [value]) writeValue(writer, number, kind, one);
  }
}

/**
 * A message with its size before it.
 * @template {keyof Messages} T
 * @param {T} type @param {Messages[T]} message @returns {Uint8Array}
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
 * @template {keyof Messages} T
 * @param {T} type @param {Uint8Array} bytes @returns {{message: Messages[T], length: number} | undefined}
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
  const message = /** @type {unknown} */ (readMessage(reader, type, size));
  return { message: /** @type {Messages[T]} */ (message), length: head + size };
}
