// The way to the server: WebTransport, or the same messages over a WebSocket where UDP doesn't come through.

/**
 * @typedef {object} Link
 * @property {"webtransport" | "websocket"} kind
 * @property {(bytes: Uint8Array) => Promise<Uint8Array>} request
 * @property {(datagram: Uint8Array) => void} send
 * @property {Promise<number | undefined>} closed With the server's code, when it said one.
 * @property {() => void} close
 */

/**
 * @typedef {object} Ears
 * @property {(bytes: Uint8Array) => void} events A part of the event stream.
 * @property {(datagram: Uint8Array) => void} voice
 */

/** Milliseconds until a way counts as blocked. */
const PATIENCE = 4000;

/** @template T @param {Promise<T>} promise @param {number} time @returns {Promise<T>} */
function within(promise, time) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer in time')), time);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** @template T @param {ReadableStream<T>} stream @param {(part: T) => void} take */
async function drain(stream, take) {
  const reader = stream.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    take(value);
  }
}

/**
 * @param {URL} url @param {Uint8Array<ArrayBuffer>[]} hashes @param {Ears} ears @returns {Promise<Link>}
 */
export async function webTransport(url, hashes, ears) {
  if (!('WebTransport' in self)) throw new Error('this browser has no WebTransport');
  const transport = new WebTransport(new URL('/wt', url), {
    congestionControl: 'low-latency',
    ...(hashes.length > 0 && { serverCertificateHashes: hashes.map((value) => ({ algorithm: 'sha-256', value })) }),
  });
  // Whether it fails now or later, it is said once, below.
  transport.closed.catch(() => {});
  try {
    await within(transport.ready, PATIENCE);
  } catch (error) {
    try { transport.close(); } catch { /* It never was open. */ }
    throw error;
  }
  const datagrams = transport.datagrams;
  // What waits for longer is too late to be heard.
  datagrams.outgoingMaxAge = 200;
  datagrams.incomingMaxAge = 500;
  const writable = datagrams.createWritable?.() ?? datagrams.writable;
  const voice = writable.getWriter();
  voice.closed.catch(() => {});
  drain(datagrams.readable, ears.voice).catch(() => {});
  drain(/** @type {ReadableStream<ReadableStream<Uint8Array>>} */ (transport.incomingUnidirectionalStreams), (stream) => {
    drain(stream, ears.events).catch(() => {});
  }).catch(() => {});
  return {
    kind: 'webtransport',
    async request(bytes) {
      const stream = await transport.createBidirectionalStream();
      const writer = stream.writable.getWriter();
      // The answer says whether it arrived.
      writer.write(/** @type {Uint8Array<ArrayBuffer>} */ (bytes)).catch(() => {});
      writer.close().catch(() => {});
      return new Uint8Array(await new Response(stream.readable).arrayBuffer());
    },
    send(datagram) {
      voice.write(datagram).catch(() => {});
    },
    closed: transport.closed.then(({ closeCode }) => closeCode, () => undefined),
    close() {
      try { transport.close({ closeCode: 0, reason: '' }); } catch { /* It is closed already. */ }
    },
  };
}

/** First byte of a message on the WebSocket. */
const TAG = { voice: 0, exchange: 1, events: 2 };

/** What is added to a close code (RFC 6455 leaves an application those from 4000 on). */
const CODES = 4000;

/** Bytes that may wait in the browser before voice is dropped. */
const BACKLOG = 16 * 1024;

/** @param {URL} url @param {Ears} ears @returns {Promise<Link>} */
export async function webSocket(url, ears) {
  const address = new URL('/ws', url);
  address.protocol = 'wss:';
  const socket = new WebSocket(address);
  socket.binaryType = 'arraybuffer';
  /** @type {Map<number, {resolve: (bytes: Uint8Array) => void, reject: (error: Error) => void}>} */
  const waiting = new Map();
  let number = 0;
  /** @type {Promise<number | undefined>} */
  const closed = new Promise((resolve) => {
    socket.onclose = ({ code }) => {
      for (const { reject } of waiting.values()) reject(new Error('the connection is gone'));
      waiting.clear();
      resolve(code >= CODES ? code - CODES : undefined);
    };
  });
  socket.onmessage = ({ data }) => {
    const bytes = new Uint8Array(data);
    if (bytes[0] === TAG.voice) ears.voice(bytes.subarray(1));
    else if (bytes[0] === TAG.events) ears.events(bytes.slice(1));
    else if (bytes[0] === TAG.exchange) {
      const answered = new DataView(data).getUint32(1);
      waiting.get(answered)?.resolve(bytes.slice(5));
      waiting.delete(answered);
    }
  };
  await within(new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error('the WebSocket is refused'));
  }), PATIENCE);
  return {
    kind: 'websocket',
    request(bytes) {
      number = (number + 1) >>> 0;
      const message = new Uint8Array(5 + bytes.length);
      message[0] = TAG.exchange;
      new DataView(message.buffer).setUint32(1, number);
      message.set(bytes, 5);
      return new Promise((resolve, reject) => {
        if (socket.readyState !== WebSocket.OPEN) {
          reject(new Error('the connection is gone'));
          return;
        }
        waiting.set(number, { resolve, reject });
        socket.send(message);
      });
    },
    send(datagram) {
      if (socket.readyState !== WebSocket.OPEN || socket.bufferedAmount > BACKLOG) return;
      const message = new Uint8Array(1 + datagram.length);
      message[0] = TAG.voice;
      message.set(datagram, 1);
      socket.send(message);
    },
    closed,
    close() {
      socket.close(1000);
    },
  };
}
