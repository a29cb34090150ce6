// The console with a real daemon: what it shows, by keyboard too, and whether everybody can use it. Screenshots are kept in build/screenshots.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { adapterOf, fact, hears, launchChromium, metric, startCrm, whyNoPages } from './browser.mjs';
import { spawnDaemon, until } from './daemon.mjs';

const skip = await whyNoPages();
if (skip) console.log(skip);
const axe = await import('axe-core').catch(() => null);
const noAxe = axe ? false : 'SKIPPED: axe-core is not installed (npm ci)';
if (noAxe) console.log(noAxe);

const kWaitMs = 10_000;
const kShots = fileURLToPath(new URL('../../../build/screenshots/', import.meta.url));

test('the console and the client stay under 60 kB gzipped', () => {
  const folder = new URL('../../../proto/web/console/', import.meta.url);
  const all = [...readdirSync(folder).map((name) => readFileSync(new URL(name, folder))), readFileSync(new URL('../hookswitch.js', folder))];
  const size = all.reduce((sum, each) => sum + gzipSync(each).length, 0);
  assert.ok(size < 60_000, `${size}`);
});

describe('the console', { skip, concurrency: false }, () => {
  let crm, daemon, browser, token;

  before(async () => {
    mkdirSync(kShots, { recursive: true });
    crm = await startCrm();
    daemon = await spawnDaemon({ crmOrigins: [`http://127.0.0.1:${crm.port}`] });
    browser = await launchChromium();
    token = await daemon.token('alice', 'events:org commands');
  });
  after(async () => {
    await browser?.close();
    await daemon?.stop();
    await crm?.stop();
  });

  async function withConsole(body, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    const complaints = [];
    try {
      const page = await context.newPage();
      page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(String(error)));
      await page.goto(`${daemon.origin}/#token=${token}`);
      await page.locator('#connection[data-state="open"]').waitFor({ timeout: kWaitMs });
      await body(page);
    } finally {
      await context.close();
    }
    assert.deepEqual(complaints, []);
  }

  const rowOf = (page, text) => page.locator('#calls tr', { hasText: text });

  test('shows a call and its events within five seconds, and hostile names as text', () => withConsole(async (page) => {
    assert.equal(page.url(), `${daemon.origin}/`); // the token is not kept in the address
    await daemon.post(fact('ringing', 'c-1', { from: { number: '+12025550144', name: '<b>Rob\u202e</b>' } }));
    const row = rowOf(page, '+12025550144');
    await row.waitFor({ timeout: 5_000 });
    assert.equal(await row.locator('.state').textContent(), 'ringing');
    assert.match(await row.textContent(), /<b>Rob\\u202e<\/b>/);
    assert.match(await row.textContent(), /alice/);
    await page.locator('#events .type', { hasText: 'call.ringing' }).first().waitFor({ timeout: kWaitMs });
    await daemon.post(fact('ended', 'c-1', { disposition: 'no_answer' }));
    await page.locator('#calls tr[data-state="ended"]', { hasText: 'no_answer' }).waitFor({ timeout: kWaitMs });
  }));

  test('explains a call, by keyboard, and gives the focus back', () => withConsole(async (page) => {
    await daemon.post([fact('ringing', 'c-2', { from: { number: '+12025550145' } }), fact('answered', 'c-2', { from: { number: '+12025550145' } })]);
    const button = rowOf(page, '+12025550145').getByRole('button', { name: 'Explain the call of +12025550145' });
    await button.focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.getByText('No call was known by any of its ids').first().waitFor({ timeout: kWaitMs });
    await dialog.getByText('answered').first().waitFor();
    await page.screenshot({ path: `${kShots}console-explain.png` });
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    assert.equal(await button.evaluate((element) => element === document.activeElement), true);
    await daemon.post(fact('ended', 'c-2'));
  }));

  test('keeps the keyboard\'s place while calls change', () => withConsole(async (page) => {
    await daemon.post(fact('ringing', 'c-3', { from: { number: '+12025550146' } }));
    const button = rowOf(page, '+12025550146').getByRole('button');
    await button.focus();
    await daemon.post(fact('answered', 'c-3', { from: { number: '+12025550146' } }));
    await rowOf(page, '+12025550146').locator('.state', { hasText: 'connected' }).waitFor({ timeout: kWaitMs });
    assert.equal(await button.evaluate((element) => element === document.activeElement), true);
    await daemon.post(fact('ended', 'c-3'));
  }));

  test('filters and pauses the stream', () => withConsole(async (page) => {
    const types = () => page.locator('#events .type').allTextContents();
    await page.getByLabel('Filter by type').fill('call.answered');
    await daemon.post([fact('ringing', 'c-4'), fact('answered', 'c-4')]);
    await until(async () => (await types()).length > 0, kWaitMs, () => 'nothing passes');
    assert.deepEqual([...new Set(await types())], ['call.answered']);
    await page.getByRole('button', { name: 'Pause' }).click();
    const before = (await types()).length;
    await daemon.post([fact('held', 'c-4'), fact('ended', 'c-4', { disposition: 'answered' })]);
    await page.locator('#events-count', { hasText: 'waiting' }).waitFor({ timeout: kWaitMs });
    assert.equal((await types()).length, before);
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByLabel('Filter by type').fill('');
    await page.locator('#events .type', { hasText: 'call.held' }).first().waitFor({ timeout: kWaitMs });
  }));

  for (const [dialect, first, ring] of [['rc-embeddable', 'rc-adapter-pushAdapterState', 'rc-call-ring-notify'], ['opencti-dialpad', 'user_authentication', 'call_ringing'], ['elma365', null, 'notify_start']]) {
    test(`shows what a page of ${dialect} would get`, () => withConsole(async (page) => {
      await page.getByLabel('Show the events').selectOption(dialect);
      if (first) await page.locator('#events .type', { hasText: first }).waitFor({ timeout: kWaitMs });
      else await until(async () => await metric(daemon, 'hookswitch_clients') === 2, kWaitMs, () => 'no second client');
      await daemon.post([fact('ringing', `c-${dialect}`), fact('ended', `c-${dialect}`)]);
      await page.locator('#events .type', { hasText: ring }).first().waitFor({ timeout: kWaitMs });
      await page.screenshot({ path: `${kShots}console-${dialect}.png` });
      await page.getByLabel('Show the events').selectOption('events');
      await page.locator('#events .type', { hasText: 'call.ringing' }).first().waitFor({ timeout: kWaitMs });
    }));
  }

  test('shows sources with their health and facts, clients, and how late events are', () => withConsole(async (page) => {
    await daemon.post([fact('ringing', 'c-6'), fact('ended', 'c-6')]);
    await page.locator('#checks li', { hasText: 'journal' }).waitFor({ timeout: kWaitMs });
    await page.locator('#checks li', { hasText: /crm-hook.*facts/ }).waitFor({ timeout: kWaitMs });
    await until(async () => /connected1/.test(await page.locator('#clients').textContent()), kWaitMs, () => 'no clients');
    await until(async () => /ms · .*ms/.test(await page.locator('#late').textContent()), kWaitMs, () => 'no lateness');
    assert.match(await page.locator('#latency').textContent(), /ms$/);
  }));

  const violations = (page) => page.evaluate(async (source) => {
    (0, window.eval)(source);
    const { violations: found } = await window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
    return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join('; ')}`);
  }, axe.default.source);

  for (const [name, options] of [['light', {}], ['dark', { colorScheme: 'dark' }], ['narrow', { viewport: { width: 400, height: 800 } }]]) {
    test(`can be used by everybody (axe), ${name}`, { skip: noAxe }, async () => {
      for (const [id, type] of [['c-7', 'ringing'], ['c-8', 'answered'], ['c-9', 'ended']])
        await daemon.post([fact('ringing', `${id}-${name}`), fact(type, `${id}-${name}`)]);
      await withConsole(async (page) => {
        await daemon.post([fact('held', `c-8-${name}`)]);
        await page.locator('#events li').first().waitFor({ timeout: kWaitMs });
        await page.locator('#checks li', { hasText: 'journal' }).waitFor({ timeout: kWaitMs });
        await page.locator('#events summary').first().click();
        await page.screenshot({ path: `${kShots}console-${name}.png` });
        assert.deepEqual(await violations(page), []);
        await page.getByRole('button', { name: /Explain/ }).first().click();
        await page.locator('#explanation h3').first().waitFor({ timeout: kWaitMs });
        assert.deepEqual(await violations(page), []);
      }, { ...options, bypassCSP: true });
      await daemon.post([fact('ended', `c-7-${name}`), fact('ended', `c-8-${name}`)]);
    });
  }

  test('the adapter and the page after a login can be used by everybody (axe)', { skip: noAxe }, async () => {
    const context = await browser.newContext({ bypassCSP: true });
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${crm.port}/`);
    await page.evaluate((src) => window.embed(src), `${daemon.origin}/apps/crm`);
    await hears(page, 'rc-login-status-notify');
    assert.deepEqual(await violations(adapterOf(page)), []);
    await page.screenshot({ path: `${kShots}adapter.png` });
    await page.goto(`${daemon.origin}/login.html`);
    assert.deepEqual(await violations(page), []);
    await context.close();
  });
});
