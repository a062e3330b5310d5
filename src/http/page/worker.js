// The worker: connection, requests, events and voice, off the thread that draws.

import { webSocket, webTransport } from './link.js';
import { FLOW, read } from './rtp.js';
import { Ears, Mouth } from './voice.js';
import { decode, encode } from './wire.js';

/** @typedef {import('./link.js').Link} Link */

/** @type {Link | undefined} */
let link;
/** The connection that messages belong to: what an earlier one still says is not heard. */
let generation = 0;

/** @param {any} message */
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

/** @param {{url: string, hashes: Uint8Array<ArrayBuffer>[], way: "auto" | "websocket"}} asked */
async function connect({ url, hashes, way }) {
  generation += 1;
  const own = generation;
  link?.close();
  link = undefined;
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
      blocked = String(/** @type {Error} */ (error).message ?? error);
    }
  }
  made ??= await webSocket(address, heard);
  if (own !== generation) {
    made.close();
    return undefined;
  }
  link = made;
  made.closed.then((end) => {
    if (own === generation) tell({ kind: 'closed', ...end });
  });
  return { way: made.kind, blocked };
}

/** @param {{name: string, body: any}} asked */
async function request({ name, body }) {
  if (!link) throw new Error('not connected');
  const answer = decode('Response', await link.request(encode('Request', { [name]: body })));
  if (!answer) throw new Error('the connection is gone');
  return answer.message;
}

onmessage = async ({ data }) => {
  switch (data.kind) {
    case 'connect':
    case 'request':
      try {
        tell({ kind: 'answer', id: data.id, answer: await (data.kind === 'connect' ? connect(data) : request(data)) });
      } catch (error) {
        tell({ kind: 'answer', id: data.id, failed: String(/** @type {Error} */ (error).message ?? error) });
      }
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
