// The client library and the adapter's decisions, without a browser and without a server.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

import { connect } from '../../../proto/web/hookswitch.js';
import {
  ActiveTab, CommandQueue, Kept, isCommand, originAllowed, parentOrigin, parseFlags, passesToPage, tokenInFragment,
} from '../../../proto/web/adapter-core.js';

/** A socket whose other end is the test. */
class FakeWebSocket {
  static all = [];
  static get last() { return FakeWebSocket.all.at(-1); }

  sent = [];
  closed = false;

  constructor(url, protocols) {
    this.url = url;
    this.protocols = protocols;
    FakeWebSocket.all.push(this);
  }

  send(text) { this.sent.push(JSON.parse(text)); }
  close() { this.closed = true; }

  opens() { this.onopen(); }
  says(...frames) { for (const frame of frames) this.onmessage({ data: JSON.stringify(frame) }); }
  drops(code, reason = '') { this.onclose({ code, reason }); }
}

const kCall = { id: 'c1', org: 'acme', state: 'ringing', direction: 'inbound', legs: [] };
const welcome = (more) => ({ op: 'welcome', session: 's', org: 'acme', user: 'alice', cursor: 'e.1', resumed: false, ...more });
const event = (cursor, type, call, data) => ({ specversion: '1.0', id: cursor, cursor, type, data: { call, ...data } });

/** Time that passes when told to: timers in the order in which they are due. (node:test's own differs between Node 18 and 20.) */
const clock = {
  names: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'],
  enable() {
    this.real = Object.fromEntries(this.names.map((name) => [name, globalThis[name]]));
    this.now = 0;
    this.last = 0;
    this.due = new Map();
    const plan = (every) => (run, ms = 0, ...args) => {
      this.due.set(++this.last, { at: this.now + ms, run: () => run(...args), every: every ? ms : null });
      return this.last;
    };
    const forget = (id) => this.due.delete(id);
    Object.assign(globalThis, { setTimeout: plan(false), setInterval: plan(true), clearTimeout: forget, clearInterval: forget });
  },
  tick(ms) {
    const until = this.now + ms;
    for (;;) {
      const next = [...this.due].filter(([, timer]) => timer.at <= until).sort(([a, x], [b, y]) => x.at - y.at || a - b)[0];
      if (!next) break;
      const [id, timer] = next;
      this.now = timer.at;
      if (timer.every === null) this.due.delete(id);
      else timer.at += timer.every;
      timer.run();
    }
    this.now = until;
  },
  reset() { Object.assign(globalThis, this.real); },
};

/** Lets promises run; the fake clock does not. */
const settle = async () => { for (let i = 0; i < 10; i++) await Promise.resolve(); };

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

  test('sends page messages only: a new token comes by a new hello', async () => {
    const { connection } = open({ protocol: 'opencti-dialpad', token: 'old' });
    await settle();
    FakeWebSocket.last.opens();
    await assert.rejects(connection.ping());
    connection.setToken('new');
    await settle();
    FakeWebSocket.last.opens();
    assert.deepEqual(FakeWebSocket.all.map((socket) => socket.sent), [[{ op: 'hello', token: 'old' }], [{ op: 'hello', token: 'new' }]]);
  });
});

describe('originAllowed', () => {
  const yes = [
    ['https://crm.example.com', 'https://crm.example.com'],
    ['https://crm.example.com', 'https://CRM.Example.com/'],
    ['https://crm.example.com', 'https://crm.example.com:443'],
    ['https://crm.example.com:8443', 'https://crm.example.com:8443/*'],
    ['https://a.example.com', 'https://*.example.com'],
    ['https://a.b.example.com', 'https://*.example.com'],
    ['https://a.example.com', 'https://*.example.com/*'],
    ['http://127.0.0.1:3000', 'http://127.0.0.1:*'],
    ['http://127.0.0.1', 'http://127.0.0.1:*'],
    ['http://[::1]:3000', 'http://[::1]:*'],
  ];
  for (const [origin, pattern] of yes) {
    test(`${origin} is on ${pattern}`, () => assert.equal(originAllowed(origin, ['https://other.example.org', pattern]), true));
  }

  const no = [
    ['https://example.com', 'https://*.example.com'],
    ['https://evilexample.com', 'https://*.example.com'],
    ['https://a.example.com.evil.example', 'https://*.example.com'],
    ['https://.example.com', 'https://*.example.com'],
    ['http://a.example.com', 'https://*.example.com'],
    ['https://a.example.com:8443', 'https://*.example.com'],
    ['https://crm.example.com', 'http://crm.example.com'],
    ['https://crm.example.com.', 'https://crm.example.com'],
    ['https://crm.example.com', '*'],
    ['https://crm.example.com', 'https://*'],
    ['https://crm.example.com', 'https://*.com'],
    ['https://a..example.com', 'https://*.example.com'],
    ['https://crm.example.com', 'https://crm.*.com'],
    ['https://crm.example.com', 'https://c*.example.com'],
    ['https://crm.example.com', 'https://*.*.com'],
    ['https://crm.example.com', '*://crm.example.com'],
    ['https://crm.example.com', 'https://crm.example.com/path'],
    ['https://crm.example.com', 'https://crm.example.com:4*'],
    ['http://127.0.0.2:3000', 'http://127.0.0.1:*'],
    ['https://*.example.com', 'https://*.example.com'],
    ['https://user@crm.example.com', 'https://*.example.com'],
    ['null', 'null'],
    ['', ''],
    [null, 'https://crm.example.com'],
    ['file://', 'file://*'],
  ];
  for (const [origin, pattern] of no) {
    test(`${origin} is not on ${pattern}`, () => assert.equal(originAllowed(origin, [pattern]), false));
  }
});

describe('the adapter', () => {
  test('knows its parent from the browser first, from the referrer else', () => {
    assert.equal(parentOrigin(['https://a.example.com', 'https://top.example.com'], 'https://b.example.com/x'), 'https://a.example.com');
    assert.equal(parentOrigin(undefined, 'https://b.example.com/x?y'), 'https://b.example.com');
    assert.equal(parentOrigin(undefined, ''), null);
  });

  test('reads flags as the widget does: =0 is on, bare and empty are off', () => {
    const on = (search) => parseFlags(search).disableInactiveTabCallEvent;
    assert.deepEqual(['=1', '=0', '=false', '=', ''].map((value) => on(`?disableInactiveTabCallEvent${value}`)), [true, true, true, false, false]);
    assert.equal(on(''), false);
    assert.equal(parseFlags('?disableLoginPopup=1').disableLoginPopup, true);
  });

  test('takes the token out of the fragment', () => {
    assert.equal(tokenInFragment('#token=a.b-c_d&x=1'), 'a.b-c_d');
    assert.equal(tokenInFragment('#token='), undefined);
    assert.equal(tokenInFragment(''), undefined);
  });

  test('holds back exactly three messages in an inactive tab, and only with the flag', () => {
    const types = ['rc-active-call-notify', 'rc-ringout-call-notify', 'rc-telephony-session-notify', 'rc-call-ring-notify',
      'rc-adapter-syncPresence', 'rc-message-updated-notify'];
    const passing = (flags, active) => types.filter((type) => passesToPage({ type }, flags, active));
    assert.deepEqual(passing({ disableInactiveTabCallEvent: true }, false), types.slice(3));
    assert.deepEqual(passing({ disableInactiveTabCallEvent: true }, true), types);
    assert.deepEqual(passing({ disableInactiveTabCallEvent: false }, false), types);
    assert.equal(passesToPage({ api: 'opencti_dialpad', method: 'call_ringing' }, { disableInactiveTabCallEvent: true }, false), true);
  });

  test('posts the login popup only to a page that disabled it', () => {
    assert.equal(passesToPage({ type: 'rc-login-popup-notify' }, parseFlags('?disableLoginPopup=1'), true), true);
    assert.equal(passesToPage({ type: 'rc-login-popup-notify' }, parseFlags(''), true), false);
  });

  test('forwards the commands of its dialect and nothing else', () => {
    assert.equal(isCommand('rc-embeddable', { type: 'rc-adapter-new-call', phoneNumber: '+12025550143' }), true);
    assert.equal(isCommand('rc-embeddable', { api: 'opencti_dialpad', version: '1.0', method: 'initiate_call' }), false);
    assert.equal(isCommand('opencti-dialpad', { api: 'opencti_dialpad', version: '1.0', method: 'hang_up_all_calls' }), true);
    assert.equal(isCommand('opencti-dialpad', { api: 'opencti_dialpad', method: 'user_authentication' }), false);
    assert.equal(isCommand('elma365', { event: {} }), false);
    const circle = { type: 'rc-adapter-login' };
    circle.self = circle;
    for (const data of [null, undefined, 'rc-adapter-login', 7, [], {}, { type: 'rc-call-ring-notify' }, circle,
      { type: 'rc-adapter-login', op: 'hello' }, { type: 'rc-adapter-login', text: 'x'.repeat(20_000) }]) {
      assert.equal(isCommand('rc-embeddable', data), false);
    }
  });

  test('forgets commands that waited longer than five seconds for the connection', () => {
    const queue = new CommandQueue();
    queue.push('old', 0);
    queue.push('new', 3_000);
    assert.deepEqual(queue.take(6_000), ['new']);
    assert.deepEqual(queue.take(6_000), []);
  });

  test('keeps nothing, and fails at nothing, where storage is forbidden', () => {
    const kept = new Kept(() => { throw new Error('SecurityError'); }, 'k');
    kept.set('v');
    assert.equal(kept.get(), undefined);
  });
});

describe('ActiveTab', () => {
  const storage = () => {
    const map = new Map();
    return { getItem: (k) => map.get(k) ?? null, setItem: (k, v) => map.set(k, v), removeItem: (k) => map.delete(k) };
  };

  test('is the one that was visible or focused last', () => {
    const shared = storage();
    const [a, b] = ['a', 'b'].map((id) => new ActiveTab(id, new Kept(() => shared, 'k')));
    assert.deepEqual([a.active, b.active], [true, true]); // nobody took it yet
    a.take();
    assert.deepEqual([a.active, b.active], [true, false]);
    b.take();
    assert.deepEqual([a.active, b.active], [false, true]);
    a.leave(); // was not the active one
    assert.deepEqual([a.active, b.active], [false, true]);
    b.leave();
    assert.equal(a.active, true);
  });

  test('is told by the channel where storage is forbidden', () => {
    const ends = [{}, {}];
    ends.forEach((end, i) => { end.postMessage = (data) => ends[1 - i].onmessage({ data }); });
    const forbidden = () => { throw new Error('SecurityError'); };
    const [a, b] = ends.map((end, i) => new ActiveTab(`${i}`, new Kept(forbidden, 'k'), end));
    a.take();
    assert.deepEqual([a.active, b.active], [true, false]);
    b.take();
    assert.deepEqual([a.active, b.active], [false, true]);
  });
});

test('the client library stays under 8 kB gzipped', () => {
  const source = readFileSync(new URL('../../../proto/web/hookswitch.js', import.meta.url));
  assert.ok(gzipSync(source).length < 8_000);
});
