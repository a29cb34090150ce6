// A real daemon, a real browser: what a CRM page hears, and what a foreign page does not.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { fact, heardTypes, hears, launchChromium, startCrm, whyNoPages } from './browser.mjs';
import { spawnDaemon, until } from './daemon.mjs';

const skip = await whyNoPages();
if (skip) console.log(skip);

const kWaitMs = 5_000;
const kCallFamily = /^rc-call-(ring|init|start|hold|resume|mute|end)-notify$/;

describe('pages', { skip, concurrency: false }, () => {
  let crm, daemon, browser;

  before(async () => {
    crm = await startCrm();
    daemon = await spawnDaemon({ crmOrigins: [`http://127.0.0.1:${crm.port}`] });
    browser = await launchChromium();
  });
  after(async () => {
    await browser?.close();
    await daemon?.stop();
    await crm?.stop();
  });

  async function withPage(url, body) {
    const context = await browser.newContext();
    try {
      const page = await context.newPage();
      await page.goto(url);
      await body(page);
    } finally {
      await context.close();
    }
  }

  const frameOf = (page) => page.frames().find((frame) => frame.url().startsWith(`${daemon.origin}/apps/`));

  test('a CRM page hears its call from ring to end, from the daemon\'s origin', async () => {
    const token = await daemon.token('alice', 'events:own commands');
    await withPage(`http://127.0.0.1:${crm.port}/`, async (page) => {
      await page.evaluate((src) => window.embed(src), `${daemon.origin}/apps/crm#token=${token}`);
      await hears(page, 'rc-adapter-pushAdapterState');
      for (const [type, message] of [['ringing', 'ring'], ['answered', 'start'], ['held', 'hold'], ['resumed', 'resume'], ['ended', 'end']]) {
        await daemon.post(fact(type, 'page-1', type === 'ended' ? { disposition: 'answered' } : {}));
        await hears(page, `rc-call-${message}-notify`);
      }

      const heard = await page.evaluate(() => window.heard);
      assert.equal(heard[0].data.type, 'rc-adapter-pushAdapterState');
      for (const { origin, fromFrame, data } of heard) {
        assert.equal(origin, daemon.origin);
        assert.equal(fromFrame, true);
        assert.equal(typeof data, 'object');
        assert.equal('hookswitch' in data, false);
      }
      const calls = heard.map(({ data }) => data).filter(({ type }) => kCallFamily.test(type));
      assert.deepEqual(calls.map(({ type }) => type),
        ['ring', 'start', 'hold', 'resume', 'end'].map((word) => `rc-call-${word}-notify`));
      assert.equal(new Set(calls.map(({ call }) => call.id)).size, 1);
      const [ring, start, , , end] = calls.map(({ call }) => call);
      assert.equal(ring.direction, 'Inbound');
      assert.equal(ring.from, '+12025550143');
      // Real pages hang without these two.
      assert.equal(typeof start.startTime, 'number');
      assert.ok(start.startTime > 0);
      assert.equal(start.callStatus, 'webphone-session-connected');
      assert.ok(end.endTime);
    });
  });

  test('the token does not stay in the address of the frame', async () => {
    const token = await daemon.token('alice', 'events:own');
    await withPage(`http://127.0.0.1:${crm.port}/`, async (page) => {
      await page.evaluate((src) => window.embed(src), `${daemon.origin}/apps/crm#token=${token}`);
      await hears(page, 'rc-adapter-pushAdapterState');
      assert.equal(await frameOf(page).evaluate(() => location.href), `${daemon.origin}/apps/crm`);
    });
  });

  test('a page may give the token by message, but only as the parent', async () => {
    const token = await daemon.token('alice', 'events:own');
    await withPage(`http://127.0.0.1:${crm.port}/`, async (page) => {
      await page.evaluate((src) => window.embed(src), `${daemon.origin}/apps/crm`);
      const status = () => frameOf(page).evaluate(() => document.getElementById('status').textContent);
      await until(async () => (await status()).includes('token'), kWaitMs, () => 'the frame does not ask for a token');
      // By the frame itself: wrong origin. By another frame of the CRM: right origin, wrong source. Messages
      // keep their order, so when the last is heard, those before it have been refused or taken.
      await page.evaluate(() => new Promise((resolve) => {
        const other = document.createElement('iframe');
        other.name = 'other';
        other.src = '/';
        other.onload = resolve;
        document.body.append(other);
      }));
      await frameOf(page).evaluate((text) => {
        window.last = new Promise((resolve) => window.addEventListener('message', ({ data }) => data === 'last' && resolve()));
        window.postMessage({ type: 'hookswitch-token', token: text }, location.origin);
      }, token);
      await page.frame('other').evaluate((text) => {
        const adapter = parent.document.getElementById('rc-widget-adapter-frame').contentWindow;
        adapter.postMessage({ type: 'hookswitch-token', token: text }, '*');
        adapter.postMessage('last', '*');
      }, token);
      const afterwards = await frameOf(page).evaluate(async () => {
        await window.last;
        return document.getElementById('status').textContent;
      });
      assert.equal(afterwards, 'A token is needed.');
      await page.evaluate(([text, target]) =>
        document.querySelector('iframe').contentWindow.postMessage({ type: 'hookswitch-token', token: text }, target),
      [token, daemon.origin]);
      await hears(page, 'rc-adapter-pushAdapterState');
    });
  });

  test('a reload resumes: the ring is not repeated, what came meanwhile is heard', async () => {
    const token = await daemon.token('alice', 'events:own');
    await withPage(`http://127.0.0.1:${crm.port}/`, async (page) => {
      const src = `${daemon.origin}/apps/crm#token=${token}`;
      await page.evaluate((url) => window.embed(url), src);
      await hears(page, 'rc-adapter-pushAdapterState');
      await daemon.post(fact('ringing', 'page-2'));
      await hears(page, 'rc-call-ring-notify');
      await page.reload(); // the frame, and what the page heard, are gone
      await daemon.post(fact('answered', 'page-2'));
      await page.evaluate((url) => window.embed(url), src);
      await hears(page, 'rc-call-start-notify');
      await daemon.post(fact('ended', 'page-2', { disposition: 'answered' }));
      await hears(page, 'rc-call-end-notify');
      assert.equal((await heardTypes(page)).includes('rc-call-ring-notify'), false);
    });
  });

  test('a page of another origin hears nothing', async () => {
    const token = await daemon.token('alice', 'events:own');
    const src = `${daemon.origin}/apps/crm#token=${token}`;
    await withPage(`http://localhost:${crm.port}/`, async (foreign) => {
      await foreign.evaluate((url) => window.embed(url), src);
      await withPage(`http://127.0.0.1:${crm.port}/`, async (allowed) => {
        await allowed.evaluate((url) => window.embed(url), src);
        await hears(allowed, 'rc-adapter-pushAdapterState');
        await daemon.post(fact('ringing', 'page-3'));
        await hears(allowed, 'rc-call-ring-notify');
        await daemon.post(fact('ended', 'page-3', { disposition: 'no_answer' }));
        await hears(allowed, 'rc-call-end-notify');
      });
      // The page on the list has heard it all by now: a message for this one would have come.
      assert.deepEqual(await foreign.evaluate(() => window.heard), []);
    });
  });

  test('disableInactiveTabCallEvent, even as =0, holds back active-call messages in the tab that was left', async () => {
    const token = await daemon.token('alice', 'events:own');
    const src = `${daemon.origin}/apps/crm?disableInactiveTabCallEvent=0#token=${token}`;
    await withPage(`http://127.0.0.1:${crm.port}/`, async (left) => {
      await left.evaluate((url) => window.embed(url), src);
      await hears(left, 'rc-adapter-pushAdapterState');
      const current = await left.context().newPage();
      await current.goto(`http://127.0.0.1:${crm.port}/`);
      await current.evaluate((url) => window.embed(url), src);
      await hears(current, 'rc-adapter-pushAdapterState');
      await daemon.post(fact('ringing', 'page-5'));
      await daemon.post(fact('ended', 'page-5', { disposition: 'no_answer' }));
      for (const page of [left, current]) await hears(page, 'rc-call-end-notify');
      await hears(current, 'rc-active-call-notify');
      assert.equal((await heardTypes(left)).includes('rc-active-call-notify'), false);
    });
  });

  test('a CRM page of another origin imports hookswitch.js and sees its call, as the README shows', async () => {
    const token = await daemon.token('alice', 'events:own');
    await withPage(`http://127.0.0.1:${crm.port}/`, async (page) => {
      await page.evaluate(async ([origin, token]) => {
        const { connect } = await import(`${origin}/hookswitch.js`);
        window.types = [];
        await new Promise((resolve) => {
          connect({
            url: `${origin.replace('http', 'ws')}/v1/events`,
            token,
            onEvent: (event) => window.types.push(event.type),
            onState: (state) => { if (state === 'open') resolve(); },
          });
        });
      }, [daemon.origin, token]);
      await daemon.post(fact('ringing', 'module-1'));
      await until(() => page.evaluate(() => window.types.includes('call.ringing')), kWaitMs, () => 'no call.ringing');
      await daemon.post(fact('ended', 'module-1'));
    });
  });
});
