// Firefox, as Debian packages it, with its microphone and its loudspeaker on a sound server that only this test has.

import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { say } from './perform.mjs';
import { modules, native, writeWav } from './person.mjs';

const puppeteer = modules('puppeteer-core').default ?? modules('puppeteer-core');
const { SERVER, OUT, PASSWORD, VOICES } = process.env;
const [own, other] = VOICES.split(':');

// Both directories are short of what a home has: the sound server is to find nothing of anybody's.
const home = `${OUT}/firefox`;
mkdirSync(home, { recursive: true, mode: 0o700 });
const socket = `${home}/sound`;
const env = {
  ...process.env, HOME: home, XDG_RUNTIME_DIR: home, PULSE_RUNTIME_PATH: home, PULSE_SERVER: `unix:${socket}`,
  PULSE_SINK: 'ear', PULSE_SOURCE: 'microphone',
};
const children = [];
const run = (program, args, options = {}) => {
  const child = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'ignore'], ...options });
  children.push(child);
  return child;
};

run('pulseaudio', ['-n', '--daemonize=no', '--exit-idle-time=-1', '--use-pid-file=no',
  '-L', `module-native-protocol-unix socket=${socket} auth-anonymous=1`,
  '-L', 'module-null-sink sink_name=ear rate=48000', '-L', 'module-null-sink sink_name=mouth rate=48000',
  '-L', 'module-remap-source source_name=microphone master=mouth.monitor']);
for (let i = 0; ; i++) {
  const code = await new Promise((resolve) => run('pactl', ['info']).on('exit', resolve).on('error', () => resolve(-1)));
  if (code === 0) break;
  if (i > 50) throw new Error('the sound server doesn’t answer; is pulseaudio installed (make setup-browser)?');
  await sleep(200);
}
const results = { errors: [] };
let browser;
try {
  browser = await puppeteer.launch({
    browser: 'firefox', executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr', headless: true, acceptInsecureCerts: true, env,
    extraPrefsFirefox: {
      'media.navigator.permission.disabled': true, 'media.autoplay.default': 0, 'intl.accept_languages': 'en-GB',
      // What the browser does of its own accord goes to a port of this machine on which nobody is.
      'network.proxy.type': 1, 'network.proxy.http': '127.0.0.1', 'network.proxy.http_port': 9, 'network.proxy.ssl': '127.0.0.1', 'network.proxy.ssl_port': 9,
    },
  });
  const page = await browser.newPage();
  page.on('pageerror', (error) => results.errors.push(String(error)));
  await page.goto(`https://${SERVER}/`);
  await page.evaluate(() => localStorage.setItem('parlour.settings', JSON.stringify({
    echoCancellation: false, noiseSuppression: false, autoGainControl: false, mode: 'always', language: 'en' })));
  await page.reload();
  const button = (name) => page.locator(`::-p-xpath(//button[normalize-space()="${name}"])`).setTimeout(15_000).click();
  await page.locator('input[autocomplete=username]').fill('alice');
  await page.locator('input[type=password]').fill(PASSWORD);
  await button('Log in');
  await button('Allow the microphone');
  await button('Go in');
  await page.locator('button.channel ::-p-text(General)').click();
  await page.waitForFunction(() => document.querySelector('button.channel[aria-current]')?.textContent.includes('General'));
  say('Firefox went in');

  // It talks, and a native client hears.
  const address = (name) => `parlour://${name}@${SERVER}`;
  await Promise.all(['charlie', 'demo'].map((name) => native(name, ['login', address(name), '--password-stdin'], PASSWORD)));
  const mouth = run('sh', ['-c', 'while :; do paplay --device=mouth "$0"; done', own], { detached: true });
  await native('charlie', ['record', `${OUT}/charlie-hears`, `${address('charlie')}/General`, '--for', '6']);
  process.kill(-mouth.pid);
  say('Firefox talked');

  // A native client talks, and it hears: what its loudspeaker is given.
  await button('Mute');
  const ear = run('parec', ['--device=ear.monitor', '--rate=48000', '--channels=1', '--format=s16le'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const chunks = [];
  ear.stdout.on('data', (chunk) => chunks.push(chunk));
  await native('demo', ['play', other, `${address('demo')}/General`]);
  ear.kill();
  const heard = Buffer.concat(chunks);
  writeWav(`${OUT}/alice-hears.wav`, Float32Array.from({ length: heard.length >> 1 }, (_, i) => heard.readInt16LE(2 * i) / 32768));
  say('Firefox listened');
  results.way = await page.evaluate(() => (document.body.textContent.includes('UDP doesn’t get through') ? 'websocket' : 'webtransport'));
} finally {
  await browser?.close();
  for (const child of children) child.kill();
}
console.log(JSON.stringify(results));
