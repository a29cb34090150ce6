// Many tabs of one browser: one connection, every event in every tab once, and what happens when tabs and workers die.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { adapterOf, fact, heardTypes, hears, launchChromium, metric, startCrm, whyNoPages } from './browser.mjs';
import { spawnDaemon, until } from './daemon.mjs';

const skip = await whyNoPages();
if (skip) console.log(skip);

const kWaitMs = 10_000;
const kHandOverMs = 2_000;

describe('many tabs', { skip, concurrency: false }, () => {
  let crm, daemon, browser, token;
  let calls = 0;

  before(async () => {
    crm = await startCrm();
    daemon = await spawnDaemon({ crmOrigins: [`http://127.0.0.1:${crm.port}`] });
    browser = await launchChromium();
    token = await daemon.token('alice', 'events:own commands');
  });
  after(async () => {
    await browser?.close();
    await daemon?.stop();
    await crm?.stop();
  });

  /** A browser of its own whose tabs have, or lack, what `lacking` names. */
  async function withBrowser(lacking, body) {
    const context = await browser.newContext();
    await context.addInitScript((names) => {
      for (const name of names) {
        if (name === 'locks') Object.defineProperty(Navigator.prototype, 'locks', { get: () => undefined });
        else delete window[name];
      }
    }, lacking);
    try {
      await body(async (flags = '', withToken = true) => {
        const page = await context.newPage();
        await page.goto(`http://127.0.0.1:${crm.port}/`);
        await page.evaluate((src) => window.embed(src), `${daemon.origin}/apps/crm${flags}${withToken ? `#token=${token}` : ''}`);
        await hears(page, 'rc-adapter-syncPresence', { within_ms: kWaitMs });
        return page;
      }, context);
    } finally {
      await context.close();
    }
  }

  const sockets = () => metric(daemon, 'hookswitch_websockets');
  const socketsAre = (count) => until(async () => (await sockets()) === count, kWaitMs, () => `not ${count} WebSockets\n${daemon.log()}`);
  const kindOf = (page) => adapterOf(page).evaluate(() => document.documentElement.dataset.link);
  const rings = async (page) => (await page.evaluate(() => window.heard.map(({ data }) => data)))
    .filter(({ type }) => type === 'rc-call-ring-notify').length;

  /** A whole call; its ring to be heard by `pages`. */
  async function call(pages) {
    const id = `tabs-${++calls}`;
    const before = await Promise.all(pages.map(rings));
    await daemon.post([fact('ringing', id), fact('ended', id, { disposition: 'no_answer' })]);
    await Promise.all(pages.map((page, at) => until(async () => (await rings(page)) > before[at], kWaitMs, () => 'a tab heard no ring')));
    assert.deepEqual(await Promise.all(pages.map(rings)), before.map((count) => count + 1));
  }

  for (const [kind, lacking, connections] of [['worker', [], 1], ['tabs', ['SharedWorker'], 1], ['alone', ['SharedWorker', 'locks'], 3]]) {
    test(`three tabs by ${kind} have ${connections} connection${connections > 1 ? 's' : ''}, and each hears every message once`, async () => {
      await withBrowser(lacking, async (open) => {
        const pages = [await open(), await open(), await open()];
        assert.deepEqual(await Promise.all(pages.map(kindOf)), [kind, kind, kind]);
        await socketsAre(connections);
        for (let i = 0; i < 3; i++) await call(pages);
        for (const page of pages) assert.equal((await heardTypes(page)).filter((type) => type === 'rc-adapter-pushAdapterState').length, 1);
      });
      await socketsAre(0);
    });
  }

  test('one login is enough: a tab without a token shares it', async () => {
    await withBrowser([], async (open) => {
      const pages = [await open(), await open('', false)];
      await call(pages);
      await socketsAre(1);
    });
  });

  test('when the tab that leads dies, another leads within two seconds, and nothing is lost or twice', async () => {
    await withBrowser(['SharedWorker'], async (open) => {
      const [leader, ...others] = [await open(), await open(), await open()];
      await call([leader, ...others]);
      const id = `tabs-${++calls}`;
      const before = await Promise.all(others.map(rings));
      await leader.close();
      const died = Date.now();
      await daemon.post([fact('ringing', id), fact('ended', id, { disposition: 'no_answer' })]);
      await Promise.all(others.map((page, at) => until(async () => (await rings(page)) === before[at] + 1, kWaitMs, () => 'no ring')));
      assert.ok(Date.now() - died < kHandOverMs, `${Date.now() - died} ms`);
      await call(others);
      await socketsAre(1);
    });
  });

  test('when the active tab crashes, another one is active within two seconds', async () => {
    await withBrowser([], async (open, context) => {
      const flags = '?disableInactiveTabCallEvent=1';
      const [left, active] = [await open(flags), await open(flags)];
      const gated = async (page) => (await heardTypes(page)).filter((type) => type === 'rc-active-call-notify').length;
      await call([left, active]);
      await hears(active, 'rc-active-call-notify');
      assert.equal(await gated(left), 0);
      const session = await context.newCDPSession(active);
      session.send('Page.crash').catch(() => {});
      const died = Date.now();
      await active.waitForEvent('crash');
      let heard = 0;
      while (!heard && Date.now() - died < kHandOverMs) {
        await call([left]);
        heard = await gated(left);
      }
      assert.ok(heard > 0, 'no tab took over');
    });
  });

  test('when the worker dies, the tabs make another one, and nothing is lost or twice', async (t) => {
    await withBrowser([], async (open) => {
      const pages = [await open(), await open()];
      await call(pages);
      const cdp = await browser.newBrowserCDPSession();
      const { targetInfos } = await cdp.send('Target.getTargets');
      const worker = targetInfos.find(({ type, url }) => type === 'shared_worker' && url.includes(String(daemon.port)));
      if (!worker) return t.skip('this browser does not show its shared workers');
      const attached = () => metric(daemon, 'hookswitch_clients_attached_total');
      const before = await attached();
      await cdp.send('Target.closeTarget', { targetId: worker.targetId });
      // The next one may be there before anybody could see that there was none.
      await until(async () => (await attached()) > before, kWaitMs, () => `no other worker came\n${daemon.log()}`);
      await socketsAre(1);
      await call(pages);
    });
  });

  test('a frozen tab costs the others nothing, and hears everything in order when it thaws', async () => {
    for (const lacking of [[], ['SharedWorker']]) {
      await withBrowser(lacking, async (open, context) => {
        const pages = [await open(), await open()];
        await call(pages);
        const session = await context.newCDPSession(pages[1]);
        await session.send('Page.setWebLifecycleState', { state: 'frozen' });
        for (let i = 0; i < 5; i++) await call([pages[0]]);
        await session.send('Page.setWebLifecycleState', { state: 'active' });
        await until(async () => (await rings(pages[1])) === 6, kWaitMs, () => 'the thawed tab lacks rings');
        await call(pages);
      });
    }
  });

  test('eight tabs of two browsers, reloaded and closed at random: whoever stays hears each of forty calls once', async () => {
    await withBrowser([], async (openA) => withBrowser(['SharedWorker'], async (openB) => {
      const steady = [await openA(), await openB()];
      const restless = [openA, openA, openA, openB, openB, openB].map((open) => ({ open, page: null }));
      const before = await Promise.all(steady.map(rings));
      let x = 7;
      const random = (n) => { x = (x * 1103515245 + 12345) % 2147483648; return Math.floor((x / 2147483648) * n); };
      for (let i = 0; i < 40; i++) {
        const one = restless[random(restless.length)];
        const what = (async () => {
          if (!one.page) one.page = await one.open();
          else if (random(2)) { await one.page.close(); one.page = null; } else await one.page.reload();
        })();
        const id = `tabs-${++calls}`;
        await daemon.post([fact('ringing', id), fact('ended', id, { disposition: 'no_answer' })]);
        await what;
      }
      for (const [at, page] of steady.entries()) {
        await until(async () => (await rings(page)) >= before[at] + 40, kWaitMs, () => 'calls are missing');
        const ids = (await page.evaluate(() => window.heard.map(({ data }) => data))).filter(({ type }) => type === 'rc-call-ring-notify').map(({ call: { id } }) => id);
        assert.equal(ids.length, before[at] + 40);
        assert.equal(new Set(ids).size, ids.length);
      }
      await call(steady);
    }));
  });
});
