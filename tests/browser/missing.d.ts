// What browsers have, and TypeScript’s library lacks.

// In worklets.

declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;
declare const currentFrame: number;

// Where the sound goes; Firefox and Safari don't have it everywhere.
interface AudioContext {
  setSinkId?(device: string): Promise<void>;
}

// What WebTransport's draft has now in place of `writable`.
interface WebTransportDatagramDuplexStream {
  createWritable?(): WritableStream<Uint8Array>;
}

// What Chromium takes beside what the registry of codecs lists.
interface OpusEncoderConfig {
  application?: "voip" | "audio" | "lowdelay";
  signal?: "auto" | "music" | "voice";
}
