// The client library against a fake WebSocket, in fake time.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

import { connect } from '../../../proto/web/hookswitch.js';
import { FakeWebSocket, clock, settle } from './fakes.mjs';

const kCall = { id: 'c1', org: 'acme', state: 'ringing', direction: 'inbound', legs: [] };
const welcome = (more) => ({ op: 'welcome', session: 's', org: 'acme', user: 'alice', cursor: 'e.1', resumed: false, ...more });
const event = (cursor, type, call, data) => ({ specversion: '1.0', id: cursor, cursor, type, data: { call, ...data } });

function open(options) {
  const states = [];
  const events = [];
  const connection = connect({
    url: 'http://127.0.0.1:8080/v1/events',
    WebSocketImpl: FakeWebSocket,
    onState: (state, detail) => states.push({ state, ...detail }),
    onEvent: (each) => events.push(each),
    ...options,
  });
  return { connection, states, events };
}

beforeEach(() => {
  FakeWebSocket.all = [];
  clock.enable();
  mock.method(Math, 'random', () => 1); // the longest delay
});
afterEach(() => {
  clock.reset();
  mock.restoreAll();
});

describe('connect', () => {
  test('says hello first, with the token in the frame and not in the address', async () => {
    open({ token: 'secret-token', subscribe: [{ ext: ['101'] }] });
    await settle();
    const socket = FakeWebSocket.last;
    assert.equal(socket.url, 'ws://127.0.0.1:8080/v1/events');
    assert.deepEqual(socket.protocols, ['hookswitch.v1']);
    assert.deepEqual(socket.sent, []);
    socket.opens();
    assert.deepEqual(socket.sent, [{ op: 'hello', token: 'secret-token', subscribe: [{ ext: ['101'] }] }]);
  });

  test('is open after the welcome and sends nothing before it', async () => {
    const { connection, states } = open({});
    await settle();
    FakeWebSocket.last.opens();
    assert.equal(connection.send({ op: 'ping' }), false);
    FakeWebSocket.last.says(welcome());
    assert.equal(connection.state, 'open');
    assert.deepEqual(states.map((each) => each.state), ['connecting', 'open']);
    assert.equal(states.at(-1).org, 'acme');
  });

  test('keeps the calls of the snapshot and of the events', async () => {
    const { connection, events } = open({});
    await settle();
    FakeWebSocket.last.opens();
    FakeWebSocket.last.says(welcome({ snapshot: [kCall] }), event('e.2', 'call.answered', { ...kCall, state: 'connected' }),
      event('e.3', 'call.started', { ...kCall, id: 'c2' }));
    assert.deepEqual([...connection.calls].map(([id, call]) => [id, call.state]), [['c1', 'connected'], ['c2', 'ringing']]);
    assert.equal(connection.cursor, 'e.3');
    assert.deepEqual(events.map((each) => each.type), ['call.answered', 'call.started']);
  });

  test('drops a call ten seconds after its end', async () => {
    const { connection } = open({});
    await settle();
    FakeWebSocket.last.opens();
    FakeWebSocket.last.says(welcome({ snapshot: [kCall] }), event('e.2', 'call.ended', { ...kCall, state: 'ended' }));
    clock.tick(9_999);
    assert.equal(connection.calls.get('c1').state, 'ended');
    clock.tick(1);
    assert.equal(connection.calls.size, 0);
  });

  test('drops a call that was merged into another', async () => {
    const { connection } = open({});
    await settle();
    FakeWebSocket.last.opens();
    FakeWebSocket.last.says(welcome({ snapshot: [kCall, { ...kCall, id: 'c2' }] }), event('e.2', 'call.merged', kCall, { absorbed: 'c2' }));
    assert.deepEqual([...connection.calls.keys()], ['c1']);
  });

  test('in the own view drops a call when the last leg of the user has ended', async () => {
    const legs = [{ id: 'l1', user: 'alice', state: 'terminated' }, { id: 'l2', user: 'bob', state: 'confirmed' }];
    const left = event('e.2', 'leg.ended', { ...kCall, state: 'connected', legs });
    for (const [view, expected] of [['own', 0], ['org', 1]]) {
      const { connection } = open({ view });
      await settle();
      FakeWebSocket.last.opens();
      FakeWebSocket.last.says(welcome(), left);
      clock.tick(10_000);
      assert.equal(connection.calls.size, expected, view);
      connection.close();
    }
  });

  test('resumes with the cursor of the last event and keeps its calls', async () => {
    const { connection } = open({ token: 't' });
    await settle();
    FakeWebSocket.last.opens();
    FakeWebSocket.last.says(welcome({ snapshot: [kCall] }), event('e.7', 'call.held', { ...kCall, state: 'held' }));
    FakeWebSocket.last.drops(4008);
    clock.tick(500);
    await settle();
    FakeWebSocket.last.opens();
    assert.deepEqual(FakeWebSocket.last.sent, [{ op: 'hello', token: 't', since: 'e.7' }]);
    FakeWebSocket.last.says(welcome({ resumed: true, cursor: 'e.9' }));
    assert.equal(connection.calls.get('c1').state, 'held');
    assert.equal(connection.cursor, 'e.7'); // what was missed is still to come
  });

  test('replaces its calls by the snapshot when it could not resume', async () => {
    const { connection } = open({});
    await settle();
    FakeWebSocket.last.opens();
    FakeWebSocket.last.says(welcome({ snapshot: [kCall] }));
    FakeWebSocket.last.drops(1006);
    clock.tick(500);
    await settle();
    FakeWebSocket.last.opens();
    FakeWebSocket.last.says(welcome({ cursor: 'f.1', snapshot: [{ ...kCall, id: 'c9' }] }));
    assert.deepEqual([...connection.calls.keys()], ['c9']);
    assert.equal(connection.cursor, 'f.1');
  });

  for (const code of [4001, 4003, 4004]) {
    test(`does not come back after ${code}`, async () => {
      const { connection, states } = open({ getToken: () => 't' });
      await settle();
      FakeWebSocket.last.opens();
      FakeWebSocket.last.drops(code, 'why');
      clock.tick(120_000);
      await settle();
      assert.equal(FakeWebSocket.all.length, 1);
      assert.equal(connection.state, 'closed');
      assert.deepEqual(states.at(-1), { state: 'closed', code, reason: 'why' });
    });
  }

  for (const code of [1001, 1006, 1012, 4008]) {
    test(`comes back with the cursor after ${code}`, async () => {
      open({ since: 'e.5' });
      await settle();
      FakeWebSocket.last.opens();
      FakeWebSocket.last.drops(code);
      clock.tick(500);
      await settle();
      FakeWebSocket.last.opens();
      assert.equal(FakeWebSocket.all.length, 2);
      assert.equal(FakeWebSocket.last.sent[0].since, 'e.5');
    });
  }

  test('waits longer after an overload', async () => {
    const { states } = open({});
    await settle();
    FakeWebSocket.last.drops(1013);
    assert.equal(states.at(-1).delay_ms, 5_500);
  });

  test('asks for a new token after 4002, and only then', async () => {
    const getToken = mock.fn(async () => `t${getToken.mock.callCount() + 1}`);
    open({ getToken });
    await settle();
    FakeWebSocket.last.opens();
    FakeWebSocket.last.drops(1006);
    clock.tick(500);
    await settle();
    FakeWebSocket.last.opens();
    assert.equal(FakeWebSocket.last.sent[0].token, 't1');
    FakeWebSocket.last.drops(4002);
    clock.tick(1_000);
    await settle();
    FakeWebSocket.last.opens();
    assert.equal(FakeWebSocket.last.sent[0].token, 't2');
  });

  test('ends after 4002 when nobody can give a new token', async () => {
    const { connection } = open({ token: 't' });
    await settle();
    FakeWebSocket.last.opens();
    FakeWebSocket.last.drops(4002);
    assert.equal(connection.state, 'closed');
  });

  test('tries again when the token could not be had', async () => {
    let down = true;
    open({ getToken: async () => { if (down) throw new Error('down'); return 't'; } });
    await settle();
    assert.equal(FakeWebSocket.all.length, 0);
    down = false;
    clock.tick(500);
    await settle();
    assert.equal(FakeWebSocket.all.length, 1);
  });

  test('doubles its delays up to half a minute, and starts anew after a welcome', async () => {
    const { states } = open({});
    const delays = [];
    for (let i = 0; i < 8; i++) {
      await settle();
      FakeWebSocket.last.drops(1006);
      delays.push(states.at(-1).delay_ms);
      clock.tick(delays.at(-1));
    }
    assert.deepEqual(delays, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    await settle();
    FakeWebSocket.last.opens();
    FakeWebSocket.last.says(welcome());
    FakeWebSocket.last.drops(1006);
    assert.equal(states.at(-1).delay_ms, 500);
  });

  test('spreads its delays over the upper half', async () => {
    Math.random.mock.mockImplementation(() => 0);
    const { states } = open({});
    await settle();
    FakeWebSocket.last.drops(1012);
    assert.equal(states.at(-1).delay_ms, 250);
  });

  test('gives up a socket that is not ready in time', async () => {
    const { connection } = open({});
    await settle();
    const socket = FakeWebSocket.last;
    socket.opens();
    clock.tick(10_000);
    assert.equal(socket.closed, true);
    assert.equal(connection.state, 'waiting');
  });

  test('gives up a socket that does not answer a ping', async () => {
    const { connection } = open({});
    await settle();
    const socket = FakeWebSocket.last;
    socket.opens();
    socket.says(welcome({ ping_ms: 20_000 }));
    clock.tick(20_000);
    assert.deepEqual(socket.sent.at(-1), { op: 'ping' });
    socket.says({ op: 'pong', time: '2026-11-20T15:00:00.000Z' });
    clock.tick(10_000);
    clock.tick(10_000);
    assert.equal(connection.state, 'open');
    clock.tick(10_000);
    assert.equal(socket.closed, true);
    assert.equal(connection.state, 'waiting');
  });

  test('measures the round trip', async () => {
    const { connection } = open({});
    await settle();
    FakeWebSocket.last.opens();
    FakeWebSocket.last.says(welcome());
    const ping = connection.ping();
    FakeWebSocket.last.says({ op: 'pong', time: 'T' });
    const { latency_ms, time } = await ping;
    assert.ok(latency_ms >= 0 && connection.latency_ms === latency_ms);
    assert.equal(time, 'T');
    await assert.rejects(open({}).connection.ping());
  });

  test('subscribes at once and again in the hello of later connections', async () => {
    const { connection } = open({ subscribe: [{ types: ['call.*'] }] });
    await settle();
    FakeWebSocket.last.opens();
    FakeWebSocket.last.says(welcome());
    connection.subscribe('mine', { users: ['alice'] });
    assert.deepEqual(FakeWebSocket.last.sent.at(-1), { op: 'subscribe', id: 'mine', filter: { users: ['alice'] } });
    FakeWebSocket.last.drops(1012);
    clock.tick(500);
    await settle();
    FakeWebSocket.last.opens();
    assert.deepEqual(FakeWebSocket.last.sent[0].subscribe, [{ types: ['call.*'] }, { users: ['alice'] }]);
  });

  test('unsubscribes by name, or by a new hello when the filter went with the hello', async () => {
    const { connection } = open({ subscribe: [] });
    await settle();
    FakeWebSocket.last.opens();
    FakeWebSocket.last.says(welcome());
    connection.subscribe('a', { ext: ['101'] });
    connection.subscribe('b', { ext: ['102'] });
    connection.unsubscribe('a');
    assert.deepEqual(FakeWebSocket.last.sent.at(-1), { op: 'unsubscribe', id: 'a' });
    FakeWebSocket.last.drops(1012);
    clock.tick(500);
    await settle();
    FakeWebSocket.last.opens();
    FakeWebSocket.last.says(welcome({ resumed: true }));
    connection.unsubscribe('b');
    await settle();
    assert.equal(FakeWebSocket.all.length, 3);
    FakeWebSocket.last.opens();
    assert.deepEqual(FakeWebSocket.last.sent[0], { op: 'hello', since: 'e.1', subscribe: [] });
  });

  test('refreshes the token in band', async () => {
    const { connection } = open({ token: 'old' });
    await settle();
    FakeWebSocket.last.opens();
    FakeWebSocket.last.says(welcome());
    connection.setToken('new');
    assert.deepEqual(FakeWebSocket.last.sent.at(-1), { op: 'auth', token: 'new' });
  });

  test('close is for good and lets nothing through', async () => {
    const { connection, events } = open({});
    await settle();
    const socket = FakeWebSocket.last;
    socket.opens();
    socket.says(welcome());
    const late = socket.onmessage;
    connection.close();
    assert.equal(socket.onmessage, null);
    assert.equal(typeof late, 'function');
    clock.tick(120_000);
    await settle();
    assert.equal(FakeWebSocket.all.length, 1);
    assert.equal(socket.closed, true);
    assert.deepEqual(events, []);
  });

  test('close before the token has come opens no socket', async () => {
    let give;
    const { connection } = open({ getToken: () => new Promise((resolve) => { give = resolve; }) });
    await settle();
    connection.close();
    give('t');
    await settle();
    assert.equal(FakeWebSocket.all.length, 0);
    assert.equal(connection.state, 'closed');
  });

  test('survives text that is no JSON and a callback that throws', async () => {
    const complaint = mock.method(console, 'error', () => {});
    const { connection } = open({ onEvent: () => { throw new Error('page bug'); } });
    await settle();
    FakeWebSocket.last.opens();
    FakeWebSocket.last.says(welcome());
    FakeWebSocket.last.onmessage({ data: '{"op":' });
    FakeWebSocket.last.says(null, 7, event('e.2', 'call.started', kCall));
    assert.equal(connection.state, 'open');
    assert.equal(connection.cursor, 'e.2');
    assert.equal(complaint.mock.callCount(), 1);
  });
});

/** A connection that is open. */
async function opened(options, more) {
  const out = open(options);
  await settle();
  FakeWebSocket.last.opens();
  FakeWebSocket.last.says(welcome(more));
  return { ...out, socket: FakeWebSocket.last };
}

/** A token as the daemon makes them, good until `exp` (ms). */
const jwt = (exp) => `x.${Buffer.from(JSON.stringify({ exp: Math.floor(exp / 1000) })).toString('base64url')}.x`;

describe('listeners', () => {
  test('hear what the options hear, until they are taken away', async () => {
    const { connection, socket } = await opened({});
    const heard = [];
    const off = connection.on('event', ({ type }, cursor) => heard.push(`${type} ${cursor}`));
    socket.says(event('e.2', 'call.started', kCall));
    off();
    socket.says(event('e.3', 'call.ended', kCall));
    assert.deepEqual(heard, ['call.started e.2']);
  });

  test('are told of every change of the calls, the late removal too', async () => {
    const { connection, socket } = await opened({}, { snapshot: [kCall] });
    const sizes = [];
    connection.on('calls', (calls) => sizes.push(calls.size));
    const { version } = connection;
    socket.says(event('e.2', 'call.ended', { ...kCall, state: 'ended' }));
    clock.tick(10_000);
    assert.deepEqual(sizes, [1, 0]);
    assert.equal(connection.version, version + 2);
  });
});

describe('command', () => {
  test('is answered by its reply', async () => {
    const { connection, socket } = await opened({});
    const answer = connection.command('hold', { call_id: 'c1' }, { id: 'k1' });
    assert.deepEqual(socket.sent.at(-1), { op: 'command', id: 'k1', name: 'hold', params: { call_id: 'c1' } });
    socket.says({ op: 'reply', id: 'other', ok: true }, { op: 'reply', id: 'k1', ok: true, command_id: 'x' });
    assert.equal((await answer).command_id, 'x');
  });

  test('is refused by a reply, an error, a lost connection or no answer, and says which', async () => {
    const { connection, socket } = await opened({}, { ping_ms: 1_000_000 });
    const codes = [];
    const ask = (id) => connection.command('hang_up', {}, { id }).catch(({ code }) => codes.push(code));
    const all = ['a', 'b', 'c'].map(ask);
    socket.says({ op: 'reply', id: 'a', ok: false, code: 'forbidden' }, { op: 'error', id: 'b', code: 'not_supported', detail: 'x' });
    await settle();
    clock.tick(30_000);
    await Promise.all(all.slice(0, 3));
    const last = ask('e');
    socket.drops(1006);
    await last;
    await ask('f');
    assert.deepEqual(codes, ['forbidden', 'not_supported', 'no_reply', 'connection_lost', 'not_open']);
  });

  test('names itself when nobody names it', async () => {
    const { connection, socket } = await opened({});
    for (let i = 0; i < 2; i++) connection.command('answer').catch(() => {});
    const ids = socket.sent.slice(-2).map(({ id }) => id);
    assert.ok(ids.every((id) => id.length >= 16) && ids[0] !== ids[1]);
    connection.close();
  });
});

describe('leases', () => {
  const lease = (token, holder, purpose = 'calls') => ({ op: 'lease', purpose, holder, token });

  test('are held by the tab that the hello named, or by the session', async () => {
    const { connection, socket } = await opened({ tab: { id: 'tab-1' } });
    assert.deepEqual(socket.sent[0].tab, { id: 'tab-1', visible: false, focused: false });
    socket.says(lease(1, 'tab-2'));
    assert.equal(connection.holds('calls'), null);
    socket.says(lease(2, 'tab-1'), lease(3, 's', 'pop:c1'));
    assert.equal(connection.holds('calls'), 2);
    assert.equal(connection.holds('pop:c1'), 3);
  });

  test('with an older token than the known one change nothing', async () => {
    const { connection, socket } = await opened({ tab: { id: 'tab-1' } });
    socket.says(lease(5, 'tab-2'), lease(4, 'tab-1'));
    assert.equal(connection.holds('calls'), null);
    assert.equal(connection.leases.get('calls').token, 5);
  });

  test('of a pop are forgotten when it has been opened', async () => {
    const { connection, socket } = await opened({ tab: { id: 'tab-1' } });
    socket.says(lease(1, 'tab-1', 'pop:c1'), lease(2, null, 'pop:c1'), lease(3, null));
    assert.equal(connection.holds('pop:c1'), null);
    assert.deepEqual([...connection.leases.keys()], ['calls']);
  });

  test('are not held without a connection', async () => {
    const { connection, socket } = await opened({ tab: { id: 'tab-1' } });
    const told = [];
    connection.on('lease', ({ mine }) => told.push(mine));
    socket.says(lease(1, 'tab-1'));
    socket.drops(1006);
    assert.equal(connection.holds('calls'), null);
    assert.deepEqual(told, [true, false]);
  });

  test('are asked for by the state of the tab, told when it changes and with each hello', async () => {
    const { connection, socket } = await opened({ tab: { id: 'tab-1', visible: true } });
    connection.focus(true, true);
    connection.focus(true, true);
    assert.deepEqual(socket.sent.slice(1), [{ op: 'focus', visible: true, focused: true }]);
    socket.drops(1012);
    clock.tick(500);
    await settle();
    FakeWebSocket.last.opens();
    assert.deepEqual(FakeWebSocket.last.sent[0].tab, { id: 'tab-1', visible: true, focused: true });
  });
});

describe('acknowledging', () => {
  test('goes on from what was acknowledged, not from what was heard', async () => {
    const { connection, socket } = await opened({ ack: true });
    assert.equal(socket.sent[0].ack, true);
    socket.says(event('e.2', 'call.started', kCall), event('e.3', 'call.held', kCall));
    connection.ack('e.2');
    assert.deepEqual(socket.sent.at(-1), { op: 'ack', cursor: 'e.2' });
    socket.drops(1006);
    clock.tick(500);
    await settle();
    FakeWebSocket.last.opens();
    assert.equal(FakeWebSocket.last.sent[0].since, 'e.2');
  });
});

describe('a token that ends', () => {
  test('is asked for a minute early, and the session goes on', async () => {
    let made = 0;
    const getToken = () => jwt(Date.now() + 90_000 + made++ * 1000);
    const { connection, socket } = await opened({ getToken }, { ping_ms: 1_000_000 });
    clock.tick(29_000);
    await settle();
    assert.equal(made, 1);
    clock.tick(2_000);
    await settle();
    assert.equal(made, 2);
    assert.equal(socket.sent.at(-1).op, 'auth');
    assert.equal(connection.state, 'open');
    assert.equal(FakeWebSocket.all.length, 1);
  });
});

test('a fresh token that comes after the old one has ended is used at once, and not asked for again', async () => {
  let give;
  let asked = 0;
  const getToken = () => {
    if (asked++ === 0) return jwt(Date.now() + 90_000);
    return new Promise((resolve) => { give = resolve; });
  };
  const { socket } = await opened({ getToken }, { ping_ms: 1_000_000 });
  clock.tick(31_000);
  await settle();
  socket.drops(4002);
  give('fresh');
  await settle();
  clock.tick(500);
  await settle();
  FakeWebSocket.last.opens();
  assert.equal(FakeWebSocket.last.sent[0].token, 'fresh');
  assert.equal(asked, 2);
});

describe('after a sleep', () => {
  test('a dead connection is found out in three seconds', async () => {
    const { connection, socket } = await opened({}, { ping_ms: 20_000 });
    clock.sleep(3_600_000);
    clock.tick(20_000);
    assert.deepEqual(socket.sent.at(-1), { op: 'ping' });
    clock.tick(2_999);
    assert.equal(connection.state, 'open');
    clock.tick(1);
    assert.equal(connection.state, 'waiting');
  });

  test('wake() asks at once, and dials at once who waits', async () => {
    const { connection, socket } = await opened({});
    connection.wake();
    assert.deepEqual(socket.sent.at(-1), { op: 'ping' });
    socket.drops(1006);
    assert.equal(connection.state, 'waiting');
    connection.wake();
    await settle();
    assert.equal(FakeWebSocket.all.length, 2);
  });
});

test('4009: the cursor is of no use, and the next hello is without it', async () => {
  open({ since: 'e.1', protocol: 'cloudevents.json' });
  await settle();
  FakeWebSocket.last.opens();
  FakeWebSocket.last.drops(4009);
  clock.tick(500);
  await settle();
  FakeWebSocket.last.opens();
  assert.deepEqual(FakeWebSocket.last.sent[0], { op: 'hello' });
});

describe('a page dialect', () => {
  const ring = { type: 'rc-call-ring-notify', call: { id: '1' } };

  test('is open after the hello and hands over messages without their cursor', async () => {
    const { connection, events, states } = open({ protocol: 'rc-embeddable', since: 'e.1' });
    await settle();
    FakeWebSocket.last.opens();
    assert.deepEqual(FakeWebSocket.last.sent, [{ op: 'hello', since: 'e.1' }]);
    assert.deepEqual(states.map((each) => each.state), ['connecting', 'open']);
    FakeWebSocket.last.says({ ...ring, hookswitch: { cursor: 'e.4' } }, ring);
    assert.deepEqual(events, [ring, ring]);
    assert.equal(connection.cursor, 'e.4');
  });

  test('takes a frame with an op for control, never for a page message', async () => {
    const control = [];
    const { events } = open({ protocol: 'rc-embeddable', onControl: (frame) => control.push(frame) });
    await settle();
    FakeWebSocket.last.opens();
    FakeWebSocket.last.says({ op: 'error', code: 'auth_missing', detail: '' });
    assert.deepEqual(events, []);
    assert.equal(control[0].code, 'auth_missing');
  });

  test('refreshes its token and pings in band: a page that lives on hears no second burst', async () => {
    const { connection, events } = open({ protocol: 'opencti-dialpad', token: 'old' });
    await settle();
    FakeWebSocket.last.opens();
    connection.setToken('new');
    const ping = connection.ping();
    FakeWebSocket.last.says({ op: 'pong', time: 'T', cursor: 'e.8' });
    await ping;
    assert.deepEqual(FakeWebSocket.all.map((socket) => socket.sent),
      [[{ op: 'hello', token: 'old' }, { op: 'auth', token: 'new' }, { op: 'ping' }]]);
    assert.equal(connection.cursor, 'e.8');
    assert.deepEqual(events, []);
  });

  test('finds out that its connection is dead', async () => {
    const { connection } = open({ protocol: 'rc-embeddable' });
    await settle();
    FakeWebSocket.last.opens();
    clock.tick(25_000 + 10_000);
    assert.equal(connection.state, 'waiting');
  });
});

test('the client library stays under 8 kB gzipped', () => {
  const source = readFileSync(new URL('../../../proto/web/hookswitch.js', import.meta.url));
  assert.ok(gzipSync(source).length < 8_000);
});
