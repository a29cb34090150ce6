// The client library in Node against the real daemon: what the fakes of client.test.mjs stand for.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { connect } from '../../../proto/web/hookswitch.js';
import { daemonPath, spawnDaemon, until } from './daemon.mjs';
import { startProxy } from './proxy.mjs';

const ws = await import('ws').catch(() => null);
const skip = !daemonPath ? 'SKIPPED: HOOKSWITCHD does not name the daemon' : !ws ? 'SKIPPED: ws is not installed (npm ci)' : false;
if (skip) console.log(skip);

const kWaitMs = 10_000;
const fact = (type, id, more) => ({
  type, ids: { call: [id], leg: `${id}-1` }, direction: 'inbound', from: { number: '+12025550143' }, to: { ext: '101' },
  agent: { ext: '101' }, at: new Date().toISOString(), ...more,
});

describe('the client and the daemon', { skip, concurrency: false }, () => {
  let daemon, proxy;
  const open = [];

  before(async () => {
    daemon = await spawnDaemon({ crmOrigins: ['https://crm.example.com'] });
    proxy = await startProxy(() => daemon.port);
  });
  after(async () => {
    for (const client of open) client.close();
    await proxy?.stop();
    await daemon?.stop();
  });

  /** Connects by way of the proxy; `types` are those of the events heard. */
  function client(options) {
    const heard = { types: [], cursors: [], states: [] };
    const connection = connect({
      url: `http://127.0.0.1:${proxy.port}/v1/events`,
      WebSocketImpl: ws.WebSocket,
      onEvent: ({ type }, cursor) => { heard.types.push(type); heard.cursors.push(cursor); },
      onState: (state, detail) => heard.states.push({ state, ...detail }),
      ...options,
    });
    open.push(connection);
    return Object.assign(heard, { connection });
  }
  const isOpen = ({ connection }) => until(() => connection.state === 'open', kWaitMs, () => `it is ${connection.state}\n${daemon.log()}`);
  const hears = (one, type, count = 1) => until(
    () => one.types.filter((each) => each === type).length >= count, kWaitMs, () => `heard ${one.types}\n${daemon.log()}`);

  test('keeps the calls, resumes over a cut and over a killed daemon, and hears nothing twice', async () => {
    await daemon.post(fact('ringing', 'n1'));
    const one = client({ token: await daemon.token('alice', 'events:own') });
    await isOpen(one);
    const snapshot = [...one.connection.calls.values()];
    assert.deepEqual(snapshot.map(({ state }) => state), ['ringing']);

    proxy.cut();
    await daemon.post(fact('answered', 'n1'));
    await hears(one, 'call.answered');
    assert.equal(one.connection.calls.get(snapshot[0].id).state, 'connected');

    await daemon.end('SIGKILL');
    await daemon.start();
    await daemon.post(fact('held', 'n1'));
    await hears(one, 'call.held');
    assert.equal(one.states.findLast(({ state }) => state === 'open').resumed, true);
    await daemon.post(fact('ended', 'n1', { disposition: 'answered' }));
    await hears(one, 'call.ended');
    assert.deepEqual(one.types, ['call.answered', 'call.held', 'call.ended']);
    assert.equal(new Set(one.cursors).size, one.cursors.length);
  });

  test('finds out that a silent network is dead, and comes back when there is one again', async () => {
    const one = client({ token: await daemon.token('alice', 'events:own') });
    await isOpen(one);
    proxy.hush(true);
    one.connection.wake(); // as a machine does that wakes up
    await until(() => one.connection.state === 'waiting', kWaitMs, () => 'it believes in a dead connection');
    proxy.hush(false);
    await isOpen(one);
    await daemon.post(fact('ringing', 'n2'));
    await hears(one, 'call.ringing');
    await daemon.post(fact('ended', 'n2'));
    await hears(one, 'leg.ended');
  });

  test('subscribes and unsubscribes live', async () => {
    const one = client({ token: await daemon.token('alice', 'events:org'), subscribe: [] });
    await isOpen(one);
    one.connection.subscribe('rings', { types: ['call.ringing'] });
    await one.connection.ping();
    await daemon.post([fact('ringing', 'n3'), fact('answered', 'n3')]);
    await hears(one, 'call.ringing');
    one.connection.unsubscribe('rings');
    await one.connection.ping();
    await daemon.post([fact('ended', 'n3'), fact('ringing', 'n4'), fact('ended', 'n4')]);
    await one.connection.ping(); // all that was sent before is heard by now
    assert.deepEqual(one.types, ['call.ringing']);
  });

  test('replaces a token in band, and is told of a command that nobody carries out', async () => {
    const one = client({ token: await daemon.token('alice', 'events:own commands', '2s') });
    await isOpen(one);
    one.connection.setToken(await daemon.token('alice', 'events:own commands'));
    await assert.rejects(one.connection.command('hold', { call_id: 'x' }), ({ code }) => typeof code === 'string' && code !== 'no_reply');
    await new Promise((resolve) => setTimeout(resolve, 2_500)); // the old token ends: what must not happen has no other sign
    assert.equal(one.connection.state, 'open');
    assert.deepEqual(one.states.map(({ state }) => state), ['connecting', 'open']);
  });

  test('acknowledges, and hears what it did not acknowledge again', async () => {
    const one = client({ token: await daemon.token('alice', 'events:own'), ack: true });
    await isOpen(one);
    await daemon.post([fact('ringing', 'n5'), fact('answered', 'n5')]);
    await hears(one, 'call.answered');
    one.connection.ack(one.cursors[one.types.indexOf('call.ringing')]);
    await one.connection.ping();
    proxy.cut();
    await hears(one, 'call.answered', 2);
    assert.deepEqual(one.types, ['call.ringing', 'call.answered', 'call.answered']);
    await daemon.post(fact('ended', 'n5'));
  });

  test('stays away after 4001, and asks for another token after 4002', async () => {
    const wrong = client({ token: 'not.a.token' });
    await until(() => wrong.connection.state === 'closed', kWaitMs, () => 'it tries for ever');
    assert.equal(wrong.states.at(-1).code, 4001);
    const tokens = [await daemon.token('alice', 'events:own', '1s'), await daemon.token('alice', 'events:own')];
    const one = client({ getToken: () => tokens.shift() ?? 'none left' });
    await until(() => tokens.length === 0 && one.connection.state === 'open', kWaitMs, () => `it is ${one.connection.state}`);
  });
});
