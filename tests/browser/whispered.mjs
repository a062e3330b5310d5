// One's own voice, which goes to the channel after it went to chosen people, coded by libopus and without a browser: what of the
// whisper the channel gets.

import { readFileSync } from 'node:fs';

import { encoder } from './coded.mjs';

globalThis.AudioData = class {
  constructor({ data }) {
    this.data = data;
  }

  close() {}
};
globalThis.AudioEncoder = class {
  constructor({ output }) {
    this.output = output;
    this.encodeQueueSize = 0;
  }

  configure({ opus }) {
    // Whatever is configured begins anew.
    this.encode_ = encoder(opus.packetlossperc);
  }

  encode({ data }) {
    const packet = this.encode_(data);
    this.output({ byteLength: packet.length, copyTo: (to) => to.set(packet) });
  }
};

const { Mouth } = await import(`${process.env.PAGE}/voice.js`);
const { read } = await import(`${process.env.PAGE}/rtp.js`);
const wav = readFileSync(process.env.VOICE);
const voice = new Int16Array(wav.buffer.slice(wav.byteOffset + 44, wav.byteOffset + 44 + ((wav.length - 44) & ~1)));
const frame = (number) => Float32Array.from({ length: 960 }, (_, i) => voice[number * 960 + i] / 32768);

/** The packets of some frames, of which those before `change` are whispered. @param {number} from @param {number} change */
function said(from, change) {
  /** @type {{flow: number, payload: string}[]} */
  const packets = [];
  const mouth = new Mouth((datagram) => {
    const { flow, payload } = read(datagram);
    packets.push({ flow, payload: Buffer.from(payload).toString('hex') });
  }, () => {});
  mouth.loss = 10;
  for (let number = from; number < 120; number += 1) {
    mouth.gate = { mode: 'always', threshold: -100, pressed: false, muted: false, echo: false, whisper: number < change ? 5 : 0, open: true };
    mouth.frame(frame(number));
  }
  return packets;
}

const CHANGE = 100;
const after = said(0, CHANGE).slice(CHANGE);
const afresh = said(CHANGE, 0);
console.log(JSON.stringify({
  flows: [...new Set(after.map(({ flow }) => flow))],
  packets: after.length,
  same: after.filter(({ payload }, number) => payload === afresh[number].payload).length,
}));
