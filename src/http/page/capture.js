// The worklet that takes the microphone's sound, in frames of 20 ms.

import { RATE } from './jitter.js';

const FRAME = RATE / 50;

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.frame = new Float32Array(FRAME);
    this.filled = 0;
    /** @type {MessagePort | undefined} */
    this.out = undefined;
    this.port.onmessage = ({ data }) => {
      this.out = data;
    };
  }

  /** @param {Float32Array[][]} inputs */
  process(inputs) {
    const sound = inputs[0][0];
    // A microphone that says nothing at all is still time that passes.
    const count = sound ? sound.length : 128;
    for (let i = 0; i < count; i += 1) {
      this.frame[this.filled] = sound ? sound[i] : 0;
      this.filled += 1;
      if (this.filled === FRAME) {
        this.out?.postMessage(this.frame, [this.frame.buffer]);
        this.frame = new Float32Array(FRAME);
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor('capture', Capture);
