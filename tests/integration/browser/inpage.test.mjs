// In-page mode: pages that were written for a vendor's widget and check its ids, its origin and the source of its messages.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { fact, hears, launchChromium, startCrm, whyNoPages } from './browser.mjs';
import { spawnDaemon, until } from './daemon.mjs';

const skip = await whyNoPages();
if (skip) console.log(skip);

const kWaitMs = 10_000;
const kScript = readFileSync(new URL('../../../proto/web/adapter.js', import.meta.url));
const kIntegrity = `sha384-${createHash('sha384').update(kScript).digest('base64')}`;

test('the README names the integrity hash of adapter.js', () => {
  const readme = readFileSync(new URL('../../../proto/web/README.md', import.meta.url), 'utf8');
  assert.ok(readme.includes(kIntegrity), `the hash is ${kIntegrity}`);
});

// Written as Dialpad's clients are: the vendor's origin and the frame's window are checked, commands are addressed to the vendor.
const dialpadPage = (script) => `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>CRM</title><link rel="icon" href="data:,">${script}</head><body>
<iframe id="dialer" src="about:blank" allow="microphone"></iframe>
<script>
  window.heard = [];
  window.others = [];
  const frame = document.getElementById('dialer');
  window.addEventListener('message', (e) => {
    if (e.origin !== 'https://dialpad.com' || e.source !== frame.contentWindow) return void window.others.push(e.origin);
    if (e.data.api === 'opencti_dialpad' && e.data.version === '1.0') window.heard.push({ data: e.data });
  });
  window.say = (method, payload, to = 'https://dialpad.com') =>
    frame.contentWindow.postMessage({ api: 'opencti_dialpad', version: '1.0', method, payload }, to);
</script></body></html>`;

// As RingCentral's clients are: ids are hard-coded, and the style of the container is touched at login.
const ringcentralPage = (script, first = '') => `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>CRM</title><link rel="icon" href="data:,">${first}</head><body>
<script>
  window.heard = [];
  window.addEventListener('message', ({ data, origin, source }) => {
    if (!data || !/^rc-/.test(data.type)) return;
    if (data.type === 'rc-login-status-notify') document.getElementById('rc-widget').style.zIndex = 0;
    window.heard.push({ data, origin, fromFrame: source === document.querySelector('#rc-widget-adapter-frame').contentWindow });
  });
</script>${script}</body></html>`;

describe('in-page mode', { skip, concurrency: false }, () => {
  let crm, daemon, browser, token;
  const pages = {};

  before(async () => {
    crm = await startCrm(pages);
    daemon = await spawnDaemon({
      crmOrigins: [`http://127.0.0.1:${crm.port}`],
      more: `[[client]]\nid = "dial"\norg = "acme"\ndialect = "opencti-dialpad"\norigins = ["http://127.0.0.1:${crm.port}"]\n`,
    });
    browser = await launchChromium();
    token = await daemon.token('alice', 'events:own commands');
    const script = (client, more, hash = kIntegrity) =>
      `<script src="${daemon.origin}/adapter.js" integrity="${hash}" crossorigin="anonymous" data-client="${client}" data-token="${token}" ${more}></script>`;
    pages['/dialpad'] = dialpadPage(script('dial', 'data-origin="https://dialpad.com" data-frame="#dialer"'));
    pages['/forged'] = dialpadPage(script('dial', 'data-origin="https://dialpad.com" data-frame="#dialer"', kIntegrity.replace(/.$/, 'A').replace('sha384-', 'sha384-A')));
    pages['/rc'] = ringcentralPage(script('crm', ''));
    pages['/rc-as'] = ringcentralPage('', script('crm', 'data-origin="https://apps.vendor.example"'));
    pages['/rc-prefix'] = ringcentralPage(script('crm', '').replace('/adapter.js', '/adapter.js?prefix=my-phone&amp;disableInactiveTabCallEvent=1'));
  });
  after(async () => {
    await browser?.close();
    await daemon?.stop();
    await crm?.stop();
  });

  async function withPage(path, body) {
    const context = await browser.newContext();
    const complaints = [];
    try {
      const page = await context.newPage();
      page.on('pageerror', (error) => complaints.push(String(error)));
      await page.goto(`http://127.0.0.1:${crm.port}${path}`);
      await body(page);
    } finally {
      await context.close();
    }
    assert.deepEqual(complaints, []);
  }

  test('a Dialpad page that checks origin and source hears who is logged in and what rings, from dialpad.com only', () => withPage('/dialpad', async (page) => {
    await hears(page, 'user_authentication', { within_ms: kWaitMs });
    await daemon.post([fact('ringing', 'in-1'), fact('answered', 'in-1'), fact('ended', 'in-1', { disposition: 'answered' })]);
    await hears(page, 'call_ringing', { count: 2 });
    const states = (await page.evaluate(() => window.heard.map(({ data }) => data))).filter(({ method }) => method === 'call_ringing').map(({ payload }) => payload.state);
    assert.deepEqual(states, ['on', 'off']);
    assert.deepEqual(await page.evaluate(() => window.others), []);
  }));

  test('what a Dialpad page posts to dialpad.com is taken, and what it posts to others is not', () => withPage('/dialpad', async (page) => {
    await hears(page, 'user_authentication', { within_ms: kWaitMs });
    const refused = async () => Number(/^hookswitch_commands_refused_total (\d+)$/m.exec(await (await fetch(`${daemon.origin}/metrics`)).text())?.[1] ?? 0);
    const before = await refused(); // a daemon without a dialer counts the commands that reach it
    await page.evaluate(() => {
      window.say('hang_up_all_calls', undefined, 'https://evil.example');
      window.say('hang_up_all_calls', undefined, 'https://dialpad.com.evil.example');
      window.say('initiate_call', { phone_number: '+12025550143' });
      window.say('hang_up_all_calls', undefined, { targetOrigin: 'https://dialpad.com' });
    });
    await until(async () => (await refused()) >= before + 2, kWaitMs, () => 'no command came');
    await daemon.post([fact('ringing', 'in-2'), fact('ended', 'in-2')]);
    await hears(page, 'call_ringing', { count: 2 });
    assert.equal(await refused(), before + 2);
  }));

  test('a script that is not what the hash says does not run', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${crm.port}/forged`);
    assert.equal(await page.evaluate(() => typeof window.RCAdapter), 'undefined');
    await context.close();
  });

  test('a RingCentral page finds the ids it has hard-coded, and its loader\'s functions', () => withPage('/rc', async (page) => {
    await hears(page, 'rc-adapter-syncPresence', { within_ms: kWaitMs });
    const heard = await page.evaluate(() => window.heard);
    assert.ok(heard.every(({ origin, fromFrame }) => origin === daemon.origin && fromFrame));
    assert.equal(heard[0].data.type, 'rc-adapter-pushAdapterState');
    assert.equal(await page.evaluate(() => document.querySelector('#rc-widget > #rc-widget-adapter-frame') !== null), true);
    await page.evaluate(() => window.RCAdapter.navigateTo('/history'));
    await hears(page, 'rc-route-changed-notify');
    await page.evaluate(() => document.querySelector('#rc-widget-adapter-frame').contentWindow.postMessage({ type: 'rc-adapter-message-request', requestId: '1', path: '/x' }, '*'));
    await hears(page, 'rc-adapter-message-response');
  }));

  test('as another origin: the same ids, messages with that origin and the frame\'s window as source', () => withPage('/rc-as', async (page) => {
    await hears(page, 'rc-adapter-syncPresence', { within_ms: kWaitMs });
    const heard = await page.evaluate(() => window.heard);
    assert.ok(heard.every(({ origin, fromFrame }) => origin === 'https://apps.vendor.example' && fromFrame));
    await page.evaluate(() => document.querySelector('#rc-widget-adapter-frame').contentWindow.postMessage({ type: 'rc-adapter-message-request', requestId: '1', path: '/x' }, '*'));
    await hears(page, 'rc-adapter-message-response');
  }));

  test('a prefix changes the ids, and flags reach the adapter', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${crm.port}/rc-prefix`);
    const src = await page.locator('#my-phone > #my-phone-adapter-frame').getAttribute('src');
    assert.match(src, /\/apps\/crm\?disableInactiveTabCallEvent=1#/);
    await context.close();
  });

  test('a page that is not on the list gets nothing by the script either', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`http://localhost:${crm.port}/rc-as`);
    const witness = await context.newPage();
    await witness.goto(`http://127.0.0.1:${crm.port}/rc-as`);
    await hears(witness, 'rc-adapter-syncPresence', { within_ms: kWaitMs });
    assert.deepEqual(await page.evaluate(() => window.heard), []);
    await context.close();
  });
});
