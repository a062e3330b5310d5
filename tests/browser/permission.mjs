// What the page reads from permissions, and how loud it plays whom: the parts that know no page.

import assert from 'node:assert/strict';

const page = process.env.PAGE;
const { BITS, NAMED, ON_CHANNEL, PERMISSION, STEP, css, decider, difference, having, legible, may, state, stated, turned } = await import(`${page}/permission.js`);
const { DUCKED, loudness } = await import(`${page}/loudness.js`);
const { samples } = await import(`${page}/rtp.js`);
const { followed } = await import(`${page}/voice.js`);
const texts = await Promise.all(['en', 'de'].map((language) => import(`${page}/text.${language}.js`)));

/** @type {[string, () => void][]} */
const tests = [
  ['bits are read, and set one by one', () => {
    assert.ok(may(2 ** 20 + 1, 0) && may(2 ** 20 + 1, 20) && !may(2 ** 20 + 1, 19));
    assert.equal(having(0, PERMISSION.kick, true), 2 ** 13);
    assert.equal(having(2 ** 13 + 1, PERMISSION.kick, false), 1);
    assert.equal(having(1, PERMISSION.view, true), 1);
    for (const bit of BITS) assert.equal(may(NAMED, bit), bit !== PERMISSION.administer);
  }],
  ['an owner may do everything, and stays one', () => {
    for (const all of [2 ** 63, 2 ** 64]) {
      assert.ok(BITS.every((bit) => may(all, bit)));
      assert.equal(having(all, PERMISSION.kick, false), all);
    }
  }],
  ['a cell goes through its three states and back', () => {
    let cells = { allow: 0, deny: 4, reach: 1 };
    assert.equal(state(cells, 2), 'deny');
    assert.equal(state(cells, 1), 'inherit');
    const seen = [];
    for (let i = 0; i < 3; i += 1) {
      cells = stated(cells, 2, turned(state(cells, 2)));
      seen.push([state(cells, 2), cells.allow, cells.deny]);
    }
    assert.deepEqual(seen, [['inherit', 0, 0], ['allow', 4, 0], ['deny', 0, 4]]);
    assert.equal(cells.reach, 1);
  }],
  ['what came and went', () => {
    assert.deepEqual(difference(0b0111, 0b1101), { gained: [3], lost: [1] });
    assert.deepEqual(difference(5, 5), { gained: [], lost: [] });
  }],
  ['the step that decided is the last that says something', () => {
    const grant = { kind: STEP.grant, allow: 4, deny: 0 };
    const denies = { kind: STEP.overwrite, allow: 0, deny: 4 };
    const allows = { kind: STEP.overwrite, allow: 4, deny: 0 };
    const unseen = { kind: STEP.unseen, allow: 0, deny: 0 };
    assert.equal(decider({ allowed: false, steps: [] }, 2), undefined);
    assert.equal(decider({ allowed: false, steps: [grant, denies] }, 2), denies);
    assert.equal(decider({ allowed: true, steps: [grant, denies, allows] }, 2), allows);
    assert.equal(decider({ allowed: true, steps: [grant] }, 2), grant);
    assert.equal(decider({ allowed: false, steps: [grant, unseen] }, 2), unseen);
    assert.equal(decider({ allowed: false, steps: [grant, denies, allows, unseen] }, 2), unseen);
  }],
  ['a colour is for a name only where it can be read', () => {
    assert.ok(legible(0x000000, 0xffffff) && legible(0xffffff, 0x172225) && legible(0x0e5a63, 0xffffff));
    assert.ok(!legible(0xffff00, 0xffffff) && !legible(0x0e5a63, 0x172225));
    assert.equal(css(0xff), '#0000ff');
  }],
  ['a priority speaker turns the others down, and a listened channel is as loud as one chose', () => {
    const member = (session, channel, more) => ({ session, channel, ssrc: 10 + session, priority: false, listening: [], ...more });
    const me = member(1, 7, { listening: [{ channel: 9, volume: 50 }] });
    const members = [me, member(2, 7, { priority: true }), member(3, 7), member(4, 9), member(5, 8)];
    const now = { members, me, here: { id: 7, links: [8] }, talking: new Set(), whispering: new Set(), own: (one) => (one.session === 3 ? 2 : 1) };
    const gains = (more) => [...loudness({ ...now, ...more }).values()];
    assert.deepEqual(gains({}), [1, 1, 2, 0.5, 1]);
    assert.deepEqual(gains({ talking: new Set([12]) }), [DUCKED, 1, 2 * DUCKED, 0.5 * DUCKED, DUCKED]);
    assert.deepEqual(gains({ talking: new Set([13]) }), [1, 1, 2, 0.5, 1]);
    // A whisper isn't the channel's.
    assert.deepEqual(gains({ talking: new Set([14]), whispering: new Set([14]) }), [1, 1, 2, 1, 1]);
    assert.ok(Math.abs(20 * Math.log10(DUCKED) + 12) < 1e-9);
    // One's own priority turns nobody down for oneself.
    assert.deepEqual(gains({ members: [{ ...me, priority: true }, members[2]], talking: new Set([11]) }), [1, 2]);
  }],
  ['a packet says how long it is', () => {
    const packet = (configuration, code, count = 0) => new Uint8Array([(configuration << 3) | code, count]);
    assert.deepEqual([0, 1, 2, 3, 11, 12, 13, 16, 17, 18, 19].map((configuration) => samples(packet(configuration, 0)) / 48), [10, 20, 40, 60, 60, 10, 20, 2.5, 5, 10, 20]);
    assert.equal(samples(packet(31, 1)), 1920);
    assert.equal(samples(packet(31, 3, 3)), 2880);
  }],
  ['a channel’s wishes for voice are followed as far as browsers can', () => {
    assert.deepEqual(followed(), { bitrate: 32_000, frameMs: 20 });
    assert.deepEqual(followed({ bitrate: 16_000, frameMs: 60 }), { bitrate: 16_000, frameMs: 60 });
    assert.deepEqual(followed({ bitrate: 1, frameMs: 33 }), { bitrate: 6_000, frameMs: 20 });
  }],
  ['every sentence is there in every language, with the same words to put in', () => {
    const [en, de] = texts.map(({ text }) => text);
    assert.deepEqual(Object.keys(en).sort(), Object.keys(de).sort());
    const words = (sentence) => [...sentence.matchAll(/\{\w+\}/g)].map(([word]) => word).sort();
    for (const key of Object.keys(en)) assert.deepEqual(words(en[key]), words(de[key]), key);
    for (const bit of BITS) for (const { text } of texts) assert.ok(text[`permission${bit}`] && text[`permissionAbout${bit}`], bit);
    assert.ok(ON_CHANNEL.length > 10);
  }],
];
const failed = [];
for (const [name, test] of tests) {
  try {
    test();
  } catch (error) {
    failed.push(`${name}: ${error.message}`);
  }
}
console.log(JSON.stringify({ tried: tests.length, failed, bits: BITS }));
