// The adapter's page over a network that breaks, a daemon that is killed, a machine that sleeps: the right state in the end, nothing twice.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';

import { adapterOf, fact, heardTypes, hears, launchChromium, startCrm, whyNoPages } from './browser.mjs';
import { spawnDaemon, until } from './daemon.mjs';
import { startProxy } from './proxy.mjs';

const skip = await whyNoPages();
if (skip) console.log(skip);

const kWaitMs = 20_000;

describe('a page over a broken network', { skip, concurrency: false }, () => {
  let crm, daemon, proxy, browser, token, page, context;
  let calls = 0;

  before(async () => {
    crm = await startCrm();
    proxy = await startProxy(() => daemon.port);
    daemon = await spawnDaemon({
      crmOrigins: [`http://127.0.0.1:${crm.port}`], hosts: [`127.0.0.1:${proxy.port}`], more: '[delivery]\nping_ms = 1000\n',
    });
    token = await daemon.token('alice', 'events:own commands');
    browser = await launchChromium();
    context = await browser.newContext();
    page = await context.newPage();
    await page.goto(`http://127.0.0.1:${crm.port}/`);
    await page.evaluate((src) => window.embed(src), `http://127.0.0.1:${proxy.port}/apps/crm#token=${token}`);
    await hears(page, 'rc-adapter-syncPresence', { within_ms: kWaitMs });
  });
  after(async () => {
    await browser?.close();
    await daemon?.stop();
    await proxy?.stop();
    await crm?.stop();
  });

  const callMessages = async (from) => (await page.evaluate(() => window.heard.map(({ data }) => data))).slice(from)
    .filter(({ type }) => /^rc-call-[a-z]+-notify$/.test(type)).map(({ type }) => type.split('-')[2]);

  /** A call through whose life `breaks` happens; what the page heard of it must be a whole call all the same. */
  async function callThrough(breaks) {
    const id = `net-${++calls}`;
    const from = await page.evaluate(() => window.heard.length);
    await daemon.post(fact('ringing', id));
    await until(async () => (await callMessages(from)).includes('ring'), kWaitMs, () => 'no ring');
    const heal = await breaks();
    await daemon.post(fact('answered', id));
    await daemon.post(fact('held', id));
    await heal?.();
    await daemon.post(fact('resumed', id));
    await daemon.post(fact('ended', id, { disposition: 'answered' }));
    await until(async () => (await callMessages(from)).includes('end'), kWaitMs, () => `no end\n${daemon.log()}`);
    assert.deepEqual(await callMessages(from), ['ring', 'start', 'hold', 'resume', 'end']);
    const types = (await heardTypes(page)).slice(from);
    for (const state of ['rc-adapter-pushAdapterState', 'rc-login-status-notify', 'rc-calling-settings-notify', 'rc-dialer-status-notify'])
      assert.equal(types.includes(state), false, `${state} was told again`);
    const presence = (await page.evaluate(() => window.heard.map(({ data }) => data))).filter(({ type }) => type === 'rc-adapter-syncPresence');
    assert.equal(presence.at(-1).telephonyStatus, 'NoCall');
  }

  test('a cut', () => callThrough(async () => proxy.cut()));

  test('a network that is away for two seconds', () => callThrough(async () => {
    proxy.refuse(true);
    proxy.cut();
    return async () => {
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      proxy.refuse(false);
    };
  }));

  test('a network that falls silent, and a page that looks again', () => callThrough(async () => {
    proxy.hush(true);
    return async () => {
      proxy.hush(false); // connections of before stay dead: nobody was told
      await adapterOf(page).evaluate(() => window.dispatchEvent(new Event('online')));
    };
  }));

  test('a daemon that is killed', () => callThrough(async () => {
    await daemon.end('SIGKILL');
    await daemon.start();
  }));

  test('a daemon that is stopped and started', () => callThrough(async () => {
    await daemon.end('SIGTERM');
    await daemon.start();
  }));

  test('a machine that sleeps: all of the browser stands still while the daemon gives it up', async (t) => {
    // The browser's processes are all that have its profile folder in their command line, or descend from one.
    const table = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n').map((line) => line.trim().split(/\s+/).map(Number));
    const ours = new Set([process.pid]);
    for (let grown = true; grown;) {
      grown = false;
      for (const [pid, parent] of table) if (ours.has(parent) && !ours.has(pid)) grown = Boolean(ours.add(pid));
    }
    for (const other of [process.pid, daemon.pid]) ours.delete(other);
    const chromium = [...ours].filter((pid) => {
      try {
        return /chrom/.test(execFileSync('ps', ['-o', 'comm=', '-p', String(pid)], { encoding: 'utf8' }));
      } catch {
        return false;
      }
    });
    if (chromium.length < 2) return t.skip('the browser\'s processes are not to be seen');
    const all = (signal) => { for (const pid of chromium) try { process.kill(pid, signal); } catch { /* it has ended */ } };
    return callThrough(async () => {
      all('SIGSTOP');
      return async () => {
        try {
          await new Promise((resolve) => setTimeout(resolve, 4_000)); // twice ping_ms, and some more: the daemon closes
        } finally {
          all('SIGCONT');
        }
      };
    });
  });

  test('a clock that jumps by a day, there and back', async () => {
    await callThrough(async () => {
      const frame = adapterOf(page);
      await frame.evaluate(() => {
        window.realNow = Date.now;
        Date.now = () => window.realNow() + 86_400_000;
      });
      return () => frame.evaluate(() => { Date.now = window.realNow; });
    });
  });
});
