// One connection for all tabs: against a server of our own whose frames arrive when the test says so.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';

import { TabHub, isHeard, personOf } from '../../../proto/web/adapter-hub.js';
import { clock, settle } from './fakes.mjs';

const jwt = (sub, more = {}) => `x.${Buffer.from(JSON.stringify({ org: 'acme', sub, ...more })).toString('base64url')}.x`;

/** Remembers its events and answers as the daemon does: burst, what was missed, then what happens; frames of one connection in order. */
class FakeServer {
  offset = 0;
  events = []; // {offset, messages}
  connections = [];
  dialled = 0;
  welcome = () => ({ code: 0 });

  connect = (options) => {
    const server = this;
    this.dialled++;
    const connection = {
      options, state: 'connecting', cursor: options.since, sent: [], pipe: [], pings: [],
      send(frame) { if (this.state !== 'open') return false; this.sent.push(frame); return true; },
      ping() { return new Promise((resolve, reject) => { this.pings.push({ resolve, reject }); const { offset } = server; this.pipe.push(() => server.pong(this, offset)); }); },
      setToken(token) { this.sent.push({ op: 'auth', token }); },
      focus(visible, focused) { this.sent.push({ op: 'focus', visible, focused }); },
      wake() { this.woken = true; },
      close() { this.state = 'closed'; this.pipe = []; server.connections = server.connections.filter((each) => each !== this); },
      drop(state = 'waiting', detail = { code: 1006 }) {
        this.state = state;
        this.pipe = [];
        for (const ping of this.pings.splice(0)) ping.reject(new Error('lost'));
        options.onState(state, detail);
      },
      dial() {
        this.state = 'open';
        const since = isHeard(this.cursor, 'e.999999') ? Number(this.cursor.slice(2)) : server.offset;
        const resumed = this.cursor !== undefined;
        this.say([{ type: 'rc-adapter-pushAdapterState' }, { type: 'rc-login-status-notify', loggedIn: true, resumed }], since);
        for (const { offset, messages } of server.events) if (offset > since) this.say(messages, offset);
        options.onState('open', {}); // what it asks now is answered after all that
      },
      say(messages, offset) {
        messages.forEach((message, at) => this.pipe.push(() => {
          const cursor = at === messages.length - 1 ? `e.${offset}` : undefined;
          if (cursor) this.cursor = cursor;
          options.onEvent(structuredClone(message), cursor);
        }));
      },
    };
    this.connections.push(connection);
    connection.pipe.push(() => {
      const { code } = this.welcome(options);
      if (code) { connection.state = 'closed'; this.connections = this.connections.filter((each) => each !== connection); options.onState('closed', { code }); } else connection.dial();
    });
    return connection;
  };

  pong(connection, offset) {
    connection.cursor = `e.${offset}`;
    connection.pings.shift().resolve({});
  }

  publish(messages = [{ type: 'rc-call-ring-notify', call: { id: `c${this.offset + 1}` } }]) {
    this.offset++;
    this.events.push({ offset: this.offset, messages });
    for (const connection of this.connections) if (connection.state === 'open') connection.say(messages, this.offset);
  }

  /** One frame of one connection arrives. */
  async step(pick = () => 0) {
    const busy = this.connections.filter(({ pipe }) => pipe.length > 0);
    if (busy.length === 0) return false;
    busy[pick(busy.length)].pipe.shift()();
    await settle();
    return true;
  }

  async quiet() { do await settle(); while (await this.step()); }
}

/** A hub with tabs that remember what they hear, as the page does: what is heard already is not heard again. */
function bench(dialect = 'rc-embeddable') {
  const server = new FakeServer();
  const tabs = new Map();
  const hub = new TabHub({ id: 'hub-1', dialect, url: '/v1/events', connect: server.connect }, (tab, message) => {
    const to = tabs.get(tab);
    to.all.push(message);
    if (message.kind !== 'group' || (!message.burst && isHeard(message.cursor, to.cursor))) return;
    if (!isHeard(message.cursor, to.cursor)) to.cursor = message.cursor;
    to.heard.push(...message.messages.filter(({ type }) => !/State|login/.test(type)).map((each) => each.call?.id ?? each.type));
    if (message.burst) to.bursts.push({ at: message.cursor, types: message.messages.map(({ type }) => type) });
  });
  const join = (tab, more = {}) => {
    if (!tabs.has(tab)) tabs.set(tab, { all: [], heard: [], bursts: [], cursor: more.since });
    hub.on({ kind: 'join', tab, visible: false, focused: false, ...more });
    return tabs.get(tab);
  };
  return { server, hub, tabs, join };
}

describe('one connection for all tabs', () => {
  test('stays of as many as tabs came, and every tab hears every event once', async () => {
    const { server, join } = bench();
    const tabs = ['a', 'b', 'c', 'd'].map((tab) => join(tab, { token: 't' }));
    await server.quiet();
    assert.equal(server.connections.length, 1);
    for (let i = 0; i < 3; i++) server.publish();
    await server.quiet();
    for (const { heard, bursts } of tabs) {
      assert.deepEqual(heard, ['c1', 'c2', 'c3']);
      assert.equal(bursts.length, 1);
      assert.equal(bursts[0].types[0], 'rc-adapter-pushAdapterState');
    }
  });

  test('a tab that comes late gets its own beginning and no past', async () => {
    const { server, join } = bench();
    join('a', { token: 't' });
    await server.quiet();
    server.publish();
    await server.quiet();
    const late = join('b');
    await server.quiet();
    assert.equal(server.connections.length, 1);
    assert.deepEqual(late.heard, []);
    assert.deepEqual(late.bursts.map(({ at }) => at), ['e.1']);
    server.publish();
    await server.quiet();
    assert.deepEqual(late.heard, ['c2']);
  });

  test('a tab that was reloaded hears what it missed, and the others nothing twice', async () => {
    const { server, hub, join } = bench();
    const [a, b] = ['a', 'b'].map((tab) => join(tab, { token: 't' }));
    await server.quiet();
    server.publish();
    await server.quiet();
    hub.on({ kind: 'leave', tab: 'b' });
    server.publish();
    await server.quiet();
    const again = join('b2', { since: b.cursor });
    await server.quiet();
    assert.deepEqual([a.heard, again.heard], [['c1', 'c2'], ['c2']]);
  });

  test('whatever the order of arrival, a tab hears all that follows its beginning, once and in order', async () => {
    for (let seed = 1; seed <= 300; seed++) {
      let x = seed;
      const random = (n) => { x = (x * 1103515245 + 12345) % 2147483648; return Math.floor((x / 2147483648) * n); };
      const { server, hub, join, tabs } = bench();
      const since = new Map();
      const gone = new Set();
      for (let i = 0; i < 60; i++) {
        const what = random(12);
        if (what < 2 && tabs.size < 6) {
          const id = `t${tabs.size}`;
          const from = random(3) === 0 ? `e.${random(server.offset + 1)}` : undefined;
          since.set(id, from);
          join(id, { since: from, token: 't' });
        } else if (what < 5) {
          server.publish([{ type: 'x', call: { id: `c${server.offset + 1}` } }, { type: 'y', call: { id: `d${server.offset + 1}` } }]);
        } else if (what === 5 && tabs.size > 1 && random(3) === 0) {
          const id = `t${random(tabs.size)}`;
          gone.add(id);
          hub.on({ kind: 'leave', tab: id });
        } else if (what === 6 && server.connections.length) {
          const one = server.connections[random(server.connections.length)];
          if (one.state === 'open') {
            one.drop();
            one.pipe.push(() => one.dial());
          }
        } else {
          await server.step(random);
        }
      }
      await server.quiet();
      for (const [id, tab] of tabs) {
        if (gone.has(id)) continue;
        const begin = Number((since.get(id) ?? tab.bursts[0]?.at)?.slice(2));
        const expected = Array.from({ length: server.offset - begin }, (_, i) => [`c${begin + i + 1}`, `d${begin + i + 1}`]).flat();
        assert.deepEqual(tab.heard, expected, `seed ${seed}, tab ${id} from ${begin}`);
      }
      assert.ok(server.connections.length <= 1, `seed ${seed}`);
    }
  });

  test('is closed with the last tab', async () => {
    const { server, hub, join } = bench();
    join('a', { token: 't' });
    join('b');
    await server.quiet();
    hub.on({ kind: 'leave', tab: 'a' });
    assert.equal(server.connections.length, 1);
    hub.on({ kind: 'leave', tab: 'b' });
    assert.equal(server.connections.length, 0);
  });
});

describe('commands', () => {
  beforeEach(() => clock.enable());
  afterEach(() => clock.reset());

  test('are answered to the tab that asked', async () => {
    const { server, hub, join } = bench();
    const [a, b] = ['a', 'b'].map((tab) => join(tab, { token: 't' }));
    await server.quiet();
    hub.on({ kind: 'send', tab: 'b', frame: { type: 'rc-adapter-message-request', requestId: '2', path: '/x' } });
    hub.on({ kind: 'send', tab: 'a', frame: { type: 'rc-adapter-message-request', requestId: '1', path: '/x' } });
    hub.on({ kind: 'send', tab: 'b', frame: { type: 'rc-adapter-webphone-sessions-sync' } });
    const [main] = server.connections;
    assert.equal(main.sent.filter(({ type }) => type).length, 3);
    for (const reply of [{ type: 'rc-adapter-message-response', responseId: '1' }, { type: 'rc-webphone-sessions-sync', calls: [] }, { type: 'rc-adapter-message-response', responseId: '2' }])
      main.options.onEvent(reply, 'e.0');
    const replies = (tab) => tab.all.filter(({ kind }) => kind === 'reply').map(({ message }) => message.responseId ?? message.type);
    assert.deepEqual(replies(a), ['1']);
    assert.deepEqual(replies(b), ['rc-webphone-sessions-sync', '2']);
    assert.deepEqual(a.heard, []);
  });

  test('a route that no tab asked for is news for all', async () => {
    const { server, join } = bench();
    const tabs = ['a', 'b'].map((tab) => join(tab, { token: 't' }));
    await server.quiet();
    server.publish([{ type: 'rc-route-changed-notify', path: '/history' }]);
    await server.quiet();
    for (const { heard } of tabs) assert.deepEqual(heard, ['rc-route-changed-notify']);
  });

  test('wait for the connection, but not longer than five seconds', async () => {
    const { server, hub, join } = bench();
    join('a', { token: 't' });
    await server.quiet();
    const [main] = server.connections;
    main.drop();
    hub.on({ kind: 'send', tab: 'a', frame: { type: 'rc-adapter-new-call', phoneNumber: 'old' } });
    clock.tick(5_001);
    hub.on({ kind: 'send', tab: 'a', frame: { type: 'rc-adapter-new-call', phoneNumber: 'new' } });
    main.pipe.push(() => main.dial());
    await server.quiet();
    assert.deepEqual(main.sent.filter(({ type }) => type).map(({ phoneNumber }) => phoneNumber), ['new']);
  });
});

describe('a login', () => {
  const needsToken = ({ token }) => ({ code: token ? 0 : 4001 });

  test('is one for all tabs: those that wait get it, those that come later share it', async () => {
    const { server, hub, join } = bench();
    server.welcome = needsToken;
    const [a, b] = ['a', 'b'].map((tab) => join(tab));
    await server.quiet();
    assert.equal(a.all.at(-1).detail.code, 4001);
    hub.on({ kind: 'token', tab: 'a', token: jwt('alice') });
    await server.quiet();
    const c = join('c');
    await server.quiet();
    assert.equal(server.connections.length, 1);
    for (const tab of [a, b, c]) assert.equal(tab.bursts.length, 1);
  });

  test('of another person is another connection: nobody hears what is not theirs', async () => {
    const { server, join } = bench();
    const a = join('a', { token: jwt('alice') });
    const b = join('b', { token: jwt('bob') });
    await server.quiet();
    assert.equal(server.connections.length, 2);
    const bobs = server.connections.find(({ options }) => personOf(options.token) === personOf(jwt('bob')));
    bobs.say([{ type: 'rc-call-ring-notify', call: { id: 'bobs' } }], 9);
    await server.quiet();
    assert.deepEqual([a.heard, b.heard], [[], ['bobs']]);
  });

  test('is refreshed in band by whichever tab brings the token that was asked for', async () => {
    const { server, hub, join } = bench();
    const [a, b] = ['a', 'b'].map((tab) => join(tab, { token: jwt('alice', { exp: 1 }) }));
    await server.quiet();
    const [main] = server.connections;
    const fresh = main.options.getToken();
    for (const tab of [a, b]) assert.equal(tab.all.at(-1).kind, 'token-wanted');
    hub.on({ kind: 'token', tab: 'b', token: jwt('alice', { exp: 2 }) });
    assert.equal(await fresh, jwt('alice', { exp: 2 }));
    hub.on({ kind: 'token', tab: 'a', token: jwt('alice', { exp: 3 }) });
    assert.deepEqual(main.sent.filter(({ op }) => op === 'auth'), [{ op: 'auth', token: jwt('alice', { exp: 3 }) }]);
    assert.equal(server.connections.length, 1);
  });

  test('ends for all tabs at once, and can begin again', async () => {
    const { server, hub, join } = bench();
    const [a, b] = ['a', 'b'].map((tab) => join(tab, { token: jwt('alice') }));
    await server.quiet();
    hub.on({ kind: 'logout', tab: 'a' });
    for (const tab of [a, b]) assert.deepEqual(tab.all.at(-1), { kind: 'state', state: 'closed', detail: { code: 1000, reason: 'logout' } });
    assert.equal(server.connections.length, 0);
    hub.on({ kind: 'token', tab: 'b', token: jwt('alice') });
    await server.quiet();
    assert.equal(server.connections.length, 1);
    assert.equal(b.bursts.length, 2);
  });

  test('that is refused can be tried again', async () => {
    const { server, hub, join } = bench();
    server.welcome = ({ token }) => ({ code: token === jwt('alice', { good: 1 }) ? 0 : 4001 });
    const a = join('a', { token: jwt('alice') });
    await server.quiet();
    hub.on({ kind: 'token', tab: 'a', token: jwt('alice', { good: 1 }) });
    await server.quiet();
    assert.equal(a.bursts.length, 1);
  });
});

describe('leases and attention', () => {
  const leases = (tab) => tab.all.filter(({ kind }) => kind === 'lease').map(({ tab: holder }) => holder);

  test('a lease of this browser is the focused tab\'s, else a visible one\'s, else the last one\'s', async () => {
    const { server, hub, join } = bench();
    const [a] = ['a', 'b', 'c'].map((tab) => join(tab, { token: 't' }));
    await server.quiet();
    const [main] = server.connections;
    assert.equal(main.options.tab.id, 'hub-1');
    main.options.onLease({ purpose: 'calls', token: 1, mine: true });
    hub.on({ kind: 'focus', tab: 'b', visible: true, focused: false });
    hub.on({ kind: 'focus', tab: 'a', visible: true, focused: true });
    hub.on({ kind: 'leave', tab: 'b' });
    hub.on({ kind: 'focus', tab: 'a', visible: false, focused: false });
    main.options.onLease({ purpose: 'calls', token: 2, mine: false });
    assert.deepEqual(leases(a), ['c', 'b', 'a', null]);
  });

  test('a lease that was told before the connection was the one for all is not lost', async () => {
    const { server, join } = bench();
    const a = join('a', { token: 't' });
    const [main] = server.connections;
    main.leases = new Map([['calls', { holder: 'hub-1', token: 7, mine: true }]]);
    await server.quiet();
    assert.deepEqual(leases(a), ['a']);
  });

  test('the server is told whether any tab is looked at', async () => {
    const { server, hub, join } = bench();
    for (const tab of ['a', 'b']) join(tab, { token: 't' });
    await server.quiet();
    const [main] = server.connections;
    hub.on({ kind: 'focus', tab: 'b', visible: true, focused: true });
    hub.on({ kind: 'leave', tab: 'b' });
    assert.deepEqual(main.sent.filter(({ op }) => op === 'focus').slice(-2).map(({ focused }) => focused), [true, false]);
  });

  test('a tab that has gone is named, with the one that takes over', async () => {
    const { server, hub, join } = bench();
    const [a] = ['a', 'b', 'c'].map((tab) => join(tab, { token: 't' }));
    await server.quiet();
    hub.on({ kind: 'focus', tab: 'b', visible: true, focused: false });
    hub.on({ kind: 'leave', tab: 'c' });
    assert.deepEqual(a.all.at(-1), { kind: 'gone', tab: 'c', next: 'b' });
  });
});

test('cursors are compared within an epoch only', () => {
  assert.deepEqual([isHeard('e.4', 'e.5'), isHeard('e.5', 'e.5'), isHeard('e.6', 'e.5'), isHeard('f.1', 'e.5'), isHeard('e.1', undefined), isHeard(undefined, 'e.1'), isHeard('x', 'x')],
    [true, true, false, false, false, false, false]);
});
