// A person at a browser of their own, with a sound file as microphone and ears that record what the page plays.

import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(`${process.env.BROWSER_MODULES}/package.json`);

export const RATE = 48000;

/** Where the modules are that the tests need. */
export const modules = require;

/** What axe-core is: nothing that it answers with. */
const AXE = `${readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')}; true`;

const EAR_TEXT = `
registerProcessor('ear', class extends AudioWorkletProcessor {
  constructor() { super(); this.all = []; }
  process([[sound]]) {
    this.all.push(sound ? sound.slice() : new Float32Array(128));
    if (this.all.length >= 32) {
      const chunk = new Float32Array(this.all.length * 128);
      this.all.forEach((part, i) => chunk.set(part, i * 128));
      this.port.postMessage({ chunk, from: currentFrame + 128 - chunk.length }, [chunk.buffer]);
      this.all = [];
    }
    return true;
  }
});`;

/** In the page, before anything of it runs: what comes from the microphone and what goes to the loudspeaker is recorded, too. */
function listenIn(ear) {
  const { connect } = AudioNode.prototype;
  /** What was recorded, and how many parts of a twelfth of a second were loud, or silent, without a break. */
  const kept = () => ({ chunks: [], on: false, loud: 0, silent: 0 });
  globalThis.heard = kept();
  globalThis.said = kept();
  /** @param {AudioNode} node */
  const tap = async (node, into) => {
    const { context } = node;
    globalThis.clock = () => [context.currentTime, performance.timeOrigin + performance.now()];
    const place = URL.createObjectURL(new Blob([ear], { type: 'text/javascript' }));
    await context.audioWorklet.addModule(place);
    const recorder = new AudioWorkletNode(context, 'ear', { channelCount: 1, channelCountMode: 'explicit' });
    recorder.port.onmessage = ({ data }) => {
      const loud = data.chunk.some((sample) => Math.abs(sample) > 0.01);
      into.loud = loud ? into.loud + 1 : 0;
      into.silent = loud ? 0 : into.silent + 1;
      if (into.on) into.chunks.push(data);
    };
    connect.call(node, recorder);
    // Its output is silent; being connected keeps it running.
    connect.call(recorder, context.destination);
  };
  AudioNode.prototype.connect = function (to, ...rest) {
    if (to instanceof AudioDestinationNode && this instanceof AudioWorkletNode && this.numberOfInputs === 0) tap(this, globalThis.heard);
    if (this instanceof MediaStreamAudioSourceNode) tap(this, globalThis.said);
    return connect.call(this, to, ...rest);
  };
}

/** Browsers that run, each with what it was started with: people share one where they have the same microphone. */
const browsers = [];

/** @param {string | undefined} voice @param {boolean} refused */
function browserFor(voice, refused) {
  // Whoever has no voice of their own doesn't speak.
  const running = browsers.find((one) => one.refused === refused && (voice === undefined || one.voice === voice));
  if (running) return running.browser;
  const { chromium } = require('playwright-core');
  const browser = chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update',
      '--disable-sync', '--disable-dev-shm-usage', '--autoplay-policy=no-user-gesture-required', '--use-fake-device-for-media-stream',
      ...(refused ? ['--deny-permission-prompts'] : ['--use-fake-ui-for-media-stream']),
      ...(voice ? [`--use-file-for-fake-audio-capture=${voice}`] : [])],
  });
  browsers.push({ voice, refused, browser });
  return browser;
}

/** Ends all of them, and with them whoever is in one. */
export async function closeBrowsers() {
  await Promise.all(browsers.splice(0).map(async ({ browser }) => (await browser).close()));
}

export class Person {
  /**
   * Somebody in a browser that keeps nothing of anybody else.
   * @param {object} options
   * @param {string} [options.voice] A WAV file.
   * @param {object} [options.settings] Of the page.
   * @param {object} [options.context] Of playwright.
   * @param {boolean} [options.refused] The page may not use the microphone.
   * @param {boolean} [options.ears] Whether `hear` is wanted: the ear isn't a file of the page, which its policy forbids.
   */
  static async start({ voice, settings = {}, context = {}, refused = false, ears = true } = {}) {
    const browser = await browserFor(voice, refused);
    const own = await browser.newContext({ ignoreHTTPSErrors: true, locale: 'en-GB', bypassCSP: ears, ...context });
    const page = await own.newPage();
    const person = new Person(page);
    page.on('crash', () => person.errors.push('the browser’s tab crashed'));
    page.on('pageerror', (error) => person.errors.push(String(error.stack ?? error)));
    page.on('console', (message) => message.type() === 'error' && person.errors.push(message.text()));
    page.on('request', (request) => person.requests.push(request.url()));
    if (ears) await page.addInitScript(listenIn, EAR_TEXT);
    // A file is no room: the browser's processing would only change it.
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, mode: 'always', ...settings };
    await page.addInitScript((chosen) => {
      // What a browser shows in place of a page keeps nothing.
      if (location.protocol.startsWith('http') && !localStorage.getItem('parlour.settings')) localStorage.setItem('parlour.settings', JSON.stringify(chosen));
    }, plain);
    return person;
  }

  constructor(page) {
    this.page = page;
    this.errors = [];
    this.requests = [];
  }

  async open(url) {
    await this.page.goto(url);
  }

  async logIn(name, password) {
    await this.page.getByLabel('Name').fill(name);
    await this.page.getByLabel('Password').fill(password);
    await this.page.getByRole('button', { name: 'Log in' }).click();
    await this.page.getByRole('heading', { name: 'Your microphone' }).waitFor();
  }

  /** The same where the page speaks German; and goes in, only to listen. @param {string} name @param {string} password */
  async enterInGerman(name, password) {
    await this.page.getByLabel('Name').fill(name);
    await this.page.getByLabel('Passwort').fill(password);
    await this.press('Anmelden');
    await this.press('Hinein und nur zuhören');
  }

  async goIn() {
    await this.page.getByRole('button', { name: 'Allow the microphone' }).click();
    await this.page.getByRole('button', { name: 'Go in', exact: true }).click();
    await this.page.locator('#room').waitFor();
  }

  /** @param {string} channel */
  channel(channel) {
    return this.page.locator('button.channel', { has: this.page.locator('.name', { hasText: new RegExp(`^${channel}$`) }) });
  }

  async join(channel) {
    await this.channel(channel).click();
    await this.page.locator('button.channel[aria-current]', { hasText: channel }).waitFor();
  }

  async press(name) {
    await this.page.getByRole('button', { name, exact: true }).click();
  }

  /** What is heard in so many seconds. @returns {Promise<Float32Array>} */
  async hear(seconds) {
    await this.begin('heard');
    await this.page.waitForTimeout(seconds * 1000);
    return (await this.end('heard')).sound;
  }

  /**
   * What is heard of somebody from when they can be heard until they have ended. Coming in takes them as long as the machine
   * is busy, which is no part of it.
   * @param {Promise<void>} ended @returns {Promise<Float32Array>}
   */
  async hearUntil(ended) {
    await Promise.all([ended, this.becomes('loud').then(() => this.begin('heard'))]);
    return (await this.end('heard')).sound;
  }

  /** How loud it is: the root of the mean square of what is heard in so many seconds. @returns {Promise<number>} */
  async loudness(seconds) {
    await this.begin('heard');
    await this.page.waitForTimeout(seconds * 1000);
    return this.page.evaluate(() => {
      globalThis.heard.on = false;
      const { chunks } = globalThis.heard;
      const count = chunks.reduce((sum, { chunk }) => sum + chunk.length, 0);
      return Math.sqrt(chunks.reduce((sum, { chunk }) => chunk.reduce((part, sample) => part + sample * sample, sum), 0) / Math.max(1, count));
    });
  }

  /** Waits until something is heard, or nothing, for a third of a second. @param {"loud" | "silent"} what */
  async becomes(what) {
    await this.page.waitForFunction((name) => globalThis.heard[name] >= 4, what, { polling: 50, timeout: 10_000 });
  }

  /** @param {"said" | "heard"} what */
  async begin(what) {
    await this.page.evaluate((name) => {
      globalThis[name].chunks = [];
      globalThis[name].on = true;
    }, what);
  }

  /**
   * What comes from the microphone ("said") or goes to the loudspeaker ("heard"), and when it began, in milliseconds of
   * the clock that all browsers of this machine share.
   * @param {"said" | "heard"} what
   */
  async record(what, seconds) {
    await this.begin(what);
    // The audio clock is told in steps: of several readings the one that is furthest ahead is the truest.
    const offset = await this.page.evaluate(async (time) => {
      let least = Infinity;
      const until = performance.now() + time;
      while (performance.now() < until) {
        const [audio, wall] = globalThis.clock();
        least = Math.min(least, wall - audio * 1000);
        await new Promise((resolve) => setTimeout(resolve, 3));
      }
      return least;
    }, seconds * 1000);
    const { sound, from } = await this.end(what);
    return { sound, began: offset + (from / RATE) * 1000 };
  }

  /** What was recorded, and from which sample on. @param {"said" | "heard"} what */
  async end(what) {
    const { text, from } = await this.page.evaluate((name) => {
      globalThis[name].on = false;
      const { chunks } = globalThis[name];
      const all = new Float32Array(chunks.reduce((sum, { chunk }) => sum + chunk.length, 0));
      let at = 0;
      for (const { chunk } of chunks) {
        all.set(chunk, at);
        at += chunk.length;
      }
      const bytes = new Uint8Array(all.buffer);
      let text = '';
      for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
      return { text: btoa(text), from: chunks[0]?.from ?? 0 };
    }, what);
    const bytes = Buffer.from(text, 'base64');
    const sound = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    return { sound, from };
  }

  /**
   * Looks at the page as it is: accessibility, and a picture if there is somewhere to put it. Answers with what is wrong.
   * @param {string} name @param {string} [shots] @returns {Promise<string[]>}
   */
  async look(name, shots) {
    if (shots) await this.page.screenshot({ path: `${shots}/${name}.png` });
    // Looked at from outside the page's policy, as a browser's extension would.
    if (!await this.page.evaluate(() => 'axe' in globalThis)) await this.page.evaluate(AXE);
    const found = await this.page.evaluate(async () => {
      const { violations } = await globalThis.axe.run(document, {
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'],
      });
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} (${node.failureSummary})`).join(', ')}`);
    }).catch((error) => [String(error)]);
    return found.map((violation) => `${name}: ${violation}`);
  }
}

/** Presses Tab until something of that name has the focus. */
export async function tabTo(page, name) {
  for (let i = 0; i < 40; i += 1) {
    const focused = await page.evaluate(() => {
      const { activeElement: element } = document;
      return element?.getAttribute('aria-label') ?? (element?.labels?.[0] ?? element)?.textContent ?? '';
    });
    if (focused.startsWith(name)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab never comes to ${name}`);
}

/** @param {string} name @param {string[]} args @param {string} [input] */
function begin(name, args, input) {
  const { OUT, PARLOUR } = process.env;
  const env = { ...process.env, HOME: `${OUT}/${name}`, XDG_CONFIG_HOME: '', XDG_DATA_HOME: '', XDG_STATE_HOME: '' };
  const child = spawn(PARLOUR, args, { env, stdio: ['pipe', 'ignore', 'inherit'] });
  child.stdin.end(input ?? '');
  const ended = new Promise((resolve, reject) => child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`parlour ${args[0]}: ${code}`)))));
  return { child, ended };
}

/** Runs the program as an account of its own, until it ends. @param {string} name @param {string[]} args @param {string} [input] */
export const native = (name, args, input) => begin(name, args, input).ended;

/** The same of what goes on until it is ended. @param {string} name @param {string[]} args */
export function staying(name, args) {
  const { child, ended } = begin(name, args);
  // That it ended too early is found out when it is to end.
  ended.catch(() => {});
  return {
    async end() {
      child.kill('SIGINT');
      await ended;
    },
  };
}

/** Writes a sound as 16-bit WAV. @param {string} path @param {Float32Array} sound */
export function writeWav(path, sound) {
  const bytes = Buffer.alloc(44 + 2 * sound.length);
  bytes.write('RIFF', 0);
  bytes.writeUInt32LE(36 + 2 * sound.length, 4);
  bytes.write('WAVEfmt ', 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(RATE, 24);
  bytes.writeUInt32LE(2 * RATE, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36);
  bytes.writeUInt32LE(2 * sound.length, 40);
  sound.forEach((sample, i) => bytes.writeInt16LE(Math.round(Math.max(-1, Math.min(1, sample)) * 32767), 44 + 2 * i));
  writeFileSync(path, bytes);
}
