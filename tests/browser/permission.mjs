// What the page reads from permissions, and how loud it plays whom: the parts that know no page.

import assert from 'node:assert/strict';

const page = process.env.PAGE;
const { NAMED, NONE, ON_CHANNEL, PERMISSIONS, css, decider, difference, having, legible, may, setOf, state, stated, turned } = await import(`${page}/permission.js`);
const { ErrorCode, Permission, StepKind } = await import(`${page}/codes.js`);
const { operations } = await import(`${page}/operations.js`);
const { decode, encode } = await import(`${page}/wire.js`);
const { DUCKED, loudness } = await import(`${page}/loudness.js`);
const { samples } = await import(`${page}/rtp.js`);
const { followed } = await import(`${page}/voice.js`);
const texts = await Promise.all(['en', 'de'].map((language) => import(`${page}/text.${language}.js`)));

/** @type {[string, () => void][]} */
const tests = [
  ['permissions are read, and set one by one', () => {
    const set = setOf('view', 'createTemporary');
    assert.ok(may(set, 'view') && may(set, 'createTemporary') && !may(set, 'inspect'));
    assert.equal(having(NONE, 'kick', true), Permission.kick);
    assert.equal(having(setOf('kick', 'view'), 'kick', false), Permission.view);
    assert.equal(having(Permission.view, 'view', true), Permission.view);
    for (const name of PERMISSIONS) assert.equal(may(NAMED, name), name !== 'administer');
  }],
  ['an owner may do everything, and stays one', () => {
    for (const all of [1n << 63n, (1n << 64n) - 1n]) {
      assert.ok(PERMISSIONS.every((name) => may(all, name)));
      assert.equal(having(all, 'kick', false), all);
    }
  }],
  ['a cell goes through its three states and back', () => {
    const { speak } = Permission;
    let cells = { allow: NONE, deny: speak, reach: 1 };
    assert.equal(state(cells, 'speak'), 'deny');
    assert.equal(state(cells, 'join'), 'inherit');
    const seen = [];
    for (let i = 0; i < 3; i += 1) {
      cells = stated(cells, 'speak', turned(state(cells, 'speak')));
      seen.push([state(cells, 'speak'), cells.allow, cells.deny]);
    }
    assert.deepEqual(seen, [['inherit', NONE, NONE], ['allow', speak, NONE], ['deny', NONE, speak]]);
    assert.equal(cells.reach, 1);
  }],
  ['what came and went', () => {
    assert.deepEqual(difference(setOf('view', 'join', 'speak'), setOf('view', 'speak', 'text')), { gained: ['text'], lost: ['join'] });
    assert.deepEqual(difference(5n, 5n), { gained: [], lost: [] });
  }],
  ['the step that decided is the last that says something', () => {
    const { speak } = Permission;
    const grant = { kind: StepKind.grant, allow: speak, deny: NONE };
    const denies = { kind: StepKind.overwrite, allow: NONE, deny: speak };
    const allows = { kind: StepKind.overwrite, allow: speak, deny: NONE };
    const unseen = { kind: StepKind.unseen, allow: NONE, deny: NONE };
    assert.equal(decider({ allowed: false, steps: [] }, 'speak'), undefined);
    assert.equal(decider({ allowed: false, steps: [grant, denies] }, 'speak'), denies);
    assert.equal(decider({ allowed: true, steps: [grant, denies, allows] }, 'speak'), allows);
    assert.equal(decider({ allowed: true, steps: [grant] }, 'speak'), grant);
    assert.equal(decider({ allowed: false, steps: [grant, unseen] }, 'speak'), unseen);
    assert.equal(decider({ allowed: false, steps: [grant, denies, allows, unseen] }, 'speak'), unseen);
  }],
  ['a set of permissions goes over the wire and back, and what has no end is refused', () => {
    for (const allow of [NONE, 1n, 0x7fn, 0x80n, 1n << 53n, (1n << 53n) + 1n, 1n << 63n, (1n << 64n) - 1n]) {
      const bytes = encode('CreateRole', { name: 'x', rank: 1, colour: 2, allow });
      assert.deepEqual(decode('CreateRole', bytes), { message: { name: 'x', rank: 1, colour: 2, allow }, length: bytes.length });
    }
    // Field 4 cut short, and with more bytes than a number has.
    for (const bytes of [[3, 0x20, 0xff, 0xff], [13, 0x20, ...Array(11).fill(0xff), 1]]) {
      assert.throws(() => decode('CreateRole', new Uint8Array(bytes)), /without an end/);
    }
  }],
  ['what an operation needs is a permission that there is', () => {
    for (const [name, { permission, answer }] of Object.entries(operations)) {
      assert.ok(permission === '' || permission in Permission, name);
      assert.ok(answer, name);
    }
    assert.equal(operations.kick.permission, 'kick');
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
    assert.deepEqual(followed(), { bitrate: 48_000, frameMs: 20 });
    assert.deepEqual(followed({ bitrate: 16_000, frameMs: 60 }), { bitrate: 16_000, frameMs: 60 });
    assert.deepEqual(followed({ bitrate: 1, frameMs: 33 }), { bitrate: 6_000, frameMs: 20 });
  }],
  ['every sentence is there in every language, with the same words to put in', () => {
    const [en, de] = texts.map(({ text }) => text);
    assert.deepEqual(Object.keys(en).sort(), Object.keys(de).sort());
    const words = (sentence) => [...sentence.matchAll(/\{\w+\}/g)].map(([word]) => word).sort();
    for (const key of Object.keys(en)) assert.deepEqual(words(en[key]), words(de[key]), key);
    const capital = (name) => name.charAt(0).toUpperCase() + name.slice(1);
    for (const name of PERMISSIONS) assert.ok(en[`permission${capital(name)}`] && en[`permissionAbout${capital(name)}`], name);
    const codes = Object.keys(ErrorCode).map((name) => `error${capital(name)}`);
    for (const key of Object.keys(en).filter((one) => /^error[A-Z]/.test(one))) assert.ok(codes.includes(key), key);
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
// What the server's own codec is compared with.
const { rolesAre } = decode('Event', new Uint8Array(JSON.parse(process.env.EVENT))).message;
const [first] = rolesAre.roles;
const asked = encode('Request', { why: { session: 0, user: '', channel: first.id, permissions: first.allow } });
console.log(JSON.stringify({
  tried: tests.length,
  failed,
  bits: Object.values(Permission).map(String),
  roles: rolesAre.roles.map(({ id, allow }) => [String(id), String(allow)]),
  asked: [...asked],
}));
