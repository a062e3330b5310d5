// Voice datagrams: a flow id, then an RTP packet (RFC 3550) with one Opus packet (RFC 7587).

/** The flow to one's own channel, the one that comes back, and that of this page's whispers and shouts. */
export const FLOW = { channel: 0, echo: 1, whisper: 2 };

const PAYLOAD_TYPE = 111;
const APP = 204;

/**
 * @typedef {object} Packet
 * @property {number} flow
 * @property {number} sequence 16 bits
 * @property {number} timestamp 32 bits, at 48 kHz
 * @property {number} ssrc
 * @property {boolean} marker The first of a talk spurt.
 * @property {Uint8Array} payload
 */

/** What the server tells a speaker: a time, or what is lost on the way to its listeners. @typedef {{notice: "pace" | "busy", microseconds: number} | {notice: "loss", percent: number}} Notice */

/** @param {Packet} packet @returns {Uint8Array} */
export function write({ flow, sequence, timestamp, ssrc, marker, payload }) {
  const bytes = new Uint8Array(13 + payload.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = flow; // Below 64, a varint of one byte.
  bytes[1] = 0x80;
  bytes[2] = PAYLOAD_TYPE | (marker ? 0x80 : 0);
  view.setUint16(3, sequence & 0xffff);
  view.setUint32(5, timestamp >>> 0);
  view.setUint32(9, ssrc);
  bytes.set(payload, 13);
  return bytes;
}

/**
 * What a datagram holds; nothing when it is none of ours.
 * @param {Uint8Array} bytes @returns {Packet | Notice | undefined}
 */
export function read(bytes) {
  if (bytes.length < 2) return undefined;
  const flowSize = 1 << (bytes[0] >> 6);
  if (flowSize > 1 || bytes.length < 13) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = bytes[1];
  if (first >> 6 !== 2) return undefined;
  if (bytes[2] === APP) {
    if (bytes.length < 17) return undefined;
    const name = String.fromCharCode(...bytes.subarray(9, 13));
    const number = view.getUint32(13);
    if (name === 'PACE') return { notice: 'pace', microseconds: number };
    if (name === 'LOSS') return { notice: 'loss', percent: Math.min(100, number) };
    return name === 'BUSY' ? { notice: 'busy', microseconds: number } : undefined;
  }
  if ((bytes[2] & 0x7f) !== PAYLOAD_TYPE) return undefined;
  let start = 13 + 4 * (first & 0x0f);
  if (first & 0x10) {
    if (bytes.length < start + 4) return undefined;
    start += 4 + 4 * view.getUint16(start + 2);
  }
  let end = bytes.length;
  if (first & 0x20) end -= bytes[end - 1];
  if (start >= end) return undefined;
  return {
    flow: bytes[0],
    sequence: view.getUint16(3),
    timestamp: view.getUint32(5),
    ssrc: view.getUint32(9),
    marker: (bytes[2] & 0x80) !== 0,
    payload: bytes.slice(start, end),
  };
}

/**
 * How far one number of so many bits is after another, -half to half.
 * @param {number} later @param {number} earlier @param {16 | 32} bits
 */
export function distance(later, earlier, bits) {
  const all = 2 ** bits;
  const apart = (((later - earlier) % all) + all) % all;
  return apart >= all / 2 ? apart - all : apart;
}

/** Samples of an Opus frame at 48 kHz, by the configuration that a packet begins with (RFC 6716, section 3.1). */
const SILK = [480, 960, 1920, 2880];
const HYBRID = [480, 960];
const CELT = [120, 240, 480, 960];

/** Samples of an Opus packet at 48 kHz. @param {Uint8Array} packet */
export function samples(packet) {
  const configuration = packet[0] >> 3;
  const frame = configuration < 12 ? SILK[configuration % 4] : configuration < 16 ? HYBRID[configuration % 2] : CELT[configuration % 4];
  const count = [1, 2, 2, packet[1] & 63][packet[0] & 3];
  return frame * count;
}
