// The worker: connection, requests, events and voice, off the thread that draws.

import { Ears } from './ears.js';
import { webSocket, webTransport } from './link.js';
import { FLOW, read } from './rtp.js';
import { Mouth } from './voice.js';
import { decode, encode } from './wire.js';
import { wordsOf } from './words.js';

/** @typedef {import('./link.js').Link} Link */
/** @typedef {import('./messages.js').Request} Request */
/** @typedef {import('./messages.js').Response} Response */

/** The way that was found, and why WebTransport wasn't it. @typedef {{way: Link["kind"], blocked: string}} Made */
/** @typedef {{url: string, hashes: Uint8Array<ArrayBuffer>[], way: "auto" | "websocket"}} Address */

/** What is answered. @typedef {({kind: "connect"} & Address) | {kind: "request", request: Request}} Question */
/** @typedef {{made?: Made, response?: Response, failed?: string}} Answered */

/**
 * What the page tells the worker.
 * @typedef {(Question & {id: number}) | {kind: "close" | "counts"} | {kind: "microphone" | "loudspeaker", port: MessagePort}
 *   | {kind: "identity", ssrc: number} | {kind: "gate", gate: Partial<import('./voice.js').Gate>}
 *   | {kind: "policy", policy?: import('./voice.js').Policy} | {kind: "deaf", deaf: boolean}} ToWorker
 */

/** Somebody begins to talk, or ends. @typedef {{ssrc: number, talking: boolean, whisper: boolean}} Talking */
/** One's own voice: in dB below full scale, and whether it is sent. @typedef {{level: number, speaking: boolean, whisper: boolean}} Spoken */
/** Packets that should have come since the last time, and those that did. @typedef {{expected: number, received: number}} Counts */

/**
 * What the worker tells the page.
 * @typedef {({kind: "answer", id: number} & Answered) | {kind: "event", event: import('./messages.js').Event} | {kind: "ready" | "busy"}
 *   | ({kind: "talking"} & Talking) | ({kind: "mouth"} & Spoken) | ({kind: "counts"} & Counts)
 *   | {kind: "closed", code: number | undefined}} FromWorker
 */

/**
 * The worker, for the page.
 * @typedef {Omit<Worker, "postMessage"> & {postMessage(message: ToWorker, transfer?: Transferable[]): void}} VoiceWorker
 */

/** @type {Link | undefined} */
let link;
/** The connection that messages belong to: what an earlier one still says is not heard. */
let generation = 0;

/** @param {FromWorker} message */
const tell = (message) => postMessage(message);

const mouth = new Mouth((datagram) => link?.send(datagram), (now) => tell({ kind: 'mouth', ...now }));
const ears = new Ears((ssrc, talking, whisper) => tell({ kind: 'talking', ssrc, talking, whisper }));

/** @param {Uint8Array} bytes */
function voice(bytes) {
  const packet = read(bytes);
  if (!packet) return;
  if ('notice' in packet) {
    // A browser's frames come when the microphone has them; only what a person should know is told.
    if (packet.notice === 'busy') tell({ kind: 'busy' });
    if (packet.notice === 'loss') mouth.loss = packet.percent;
    return;
  }
  if (packet.flow === FLOW.echo && !mouth.gate.echo) return;
  ears.take(packet);
}

/** @param {number} own */
function eventReader(own) {
  let rest = new Uint8Array();
  return (/** @type {Uint8Array} */ bytes) => {
    if (own !== generation) return;
    const all = new Uint8Array(rest.length + bytes.length);
    all.set(rest);
    all.set(bytes, rest.length);
    rest = all;
    for (;;) {
      const event = decode('Event', rest);
      if (!event) return;
      rest = rest.slice(event.length);
      tell({ kind: 'event', event: event.message });
    }
  };
}

/** @param {Address} address @returns {Promise<Made | undefined>} */
async function connect({ url, hashes, way }) {
  generation += 1;
  const own = generation;
  link?.close();
  link = undefined;
  // What is known of a connection ends with it.
  mouth.loss = 0;
  ears.clear();
  const heard = {
    events: eventReader(own),
    voice: (/** @type {Uint8Array} */ bytes) => {
      if (own === generation) voice(bytes);
    },
  };
  const address = new URL(url);
  let made;
  let blocked = '';
  if (way === 'auto') {
    try {
      made = await webTransport(address, hashes, heard);
    } catch (error) {
      blocked = wordsOf(error);
    }
  }
  made ??= await webSocket(address, heard);
  if (own !== generation) {
    made.close();
    return undefined;
  }
  link = made;
  made.closed.then((code) => {
    if (own === generation) tell({ kind: 'closed', code });
  });
  return { way: made.kind, blocked };
}

/** @param {Request} asked */
async function request(asked) {
  if (!link) throw new Error('not connected');
  const answer = decode('Response', await link.request(encode('Request', asked)));
  if (!answer) throw new Error('the connection is gone');
  return answer.message;
}

/** @param {Question} question @returns {Promise<Answered>} */
async function answer(question) {
  try {
    return question.kind === 'connect' ? { made: await connect(question) } : { response: await request(question.request) };
  } catch (error) {
    return { failed: wordsOf(error) };
  }
}

onmessage = async (/** @type {MessageEvent<ToWorker>} */ { data }) => {
  switch (data.kind) {
    case 'connect':
    case 'request':
      tell({ kind: 'answer', id: data.id, ...await answer(data) });
      break;
    case 'close':
      generation += 1;
      link?.close();
      link = undefined;
      ears.clear();
      break;
    case 'microphone':
      data.port.onmessage = (/** @type {MessageEvent} */ { data: sound }) => mouth.frame(sound);
      break;
    case 'loudspeaker':
      ears.out = data.port;
      break;
    case 'identity':
      mouth.ssrc = data.ssrc;
      break;
    case 'gate':
      if ('echo' in data.gate && !data.gate.echo) ears.clear();
      Object.assign(mouth.gate, data.gate);
      break;
    case 'policy':
      mouth.follow(data.policy);
      break;
    case 'deaf':
      ears.deaf = data.deaf;
      break;
    case 'counts':
      tell({ kind: 'counts', ...ears.counts() });
      break;
    default:
  }
};
tell({ kind: 'ready' });
