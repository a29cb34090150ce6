// Eight tabs of one person in two browsers: each call is popped by exactly one of them, whatever closes or crashes.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { fact, launchChromium, metric, startCrm, whyNoPages } from './browser.mjs';
import { spawnDaemon, until } from './daemon.mjs';

const skip = await whyNoPages();
if (skip) console.log(skip);

const kWaitMs = 10_000;
const kCalls = 40;

/** A CRM page as a customer would write it: who holds a pop asks to open it, and opens it when told so. */
const page = (origin, token) => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>CRM</title><link rel="icon" href="data:,"></head><body>
<script type="module">
  import { connect } from '${origin}/hookswitch.js';
  const client = connect({
    url: '${origin}/v1/events', token: '${token}',
    tab: { id: crypto.randomUUID(), visible: !document.hidden, focused: document.hasFocus() },
  });
  window.client = client;
  client.on('lease', async ({ purpose, mine, token }) => {
    if (!mine || !purpose.startsWith('pop:')) return;
    const call_id = purpose.slice(4);
    try {
      await client.command('open_pop', { call_id }, { lease_token: token });
      await window.popped(call_id);
    } catch (error) {
      await window.refused(error.code);
    }
  });
</script></body></html>`;

describe('pops', { skip, concurrency: false }, () => {
  let crm, daemon, browser;
  const pages = {};

  before(async () => {
    crm = await startCrm(pages);
    daemon = await spawnDaemon({ crmOrigins: [`http://127.0.0.1:${crm.port}`] });
    browser = await launchChromium();
    pages['/'] = page(daemon.origin, await daemon.token('alice', 'events:own commands'));
  });
  after(async () => {
    await browser?.close();
    await daemon?.stop();
    await crm?.stop();
  });

  test(`eight tabs in two browsers, of which four die, pop each of ${kCalls} calls once`, async () => {
    const pops = new Map();
    const refusals = [];
    const contexts = [await browser.newContext(), await browser.newContext()];
    for (const context of contexts) {
      await context.exposeFunction('popped', (call) => { pops.set(call, (pops.get(call) ?? 0) + 1); });
      await context.exposeFunction('refused', (code) => { refusals.push(code); });
    }
    const tabs = [];
    for (let i = 0; i < 8; i++) {
      const tab = await contexts[i % 2].newPage();
      await tab.goto(`http://127.0.0.1:${crm.port}/`);
      tabs.push(tab);
    }
    await until(async () => (await metric(daemon, 'hookswitch_tabs')) === 8, kWaitMs, () => daemon.log());
    const holder = async () => {
      for (const tab of tabs) if (await tab.evaluate(() => window.client.holds('calls')) !== null) return tab;
      return null;
    };
    for (let i = 0; i < kCalls; i++) {
      await daemon.post(fact('ringing', `pop-${i}`));
      if (i % 10 === 4) {
        // While nothing is under way: a page that dies between the answer and its pop takes that pop with it.
        await until(() => pops.size === i + 1, kWaitMs, () => `${pops.size} pops of ${i + 1}`);
        const dies = await until(holder, kWaitMs, () => 'nobody holds calls');
        tabs.splice(tabs.indexOf(dies), 1);
        await dies.close();
      } else if (i % 10 === 9) {
        await tabs[i % tabs.length].evaluate(() => window.client.focus(true, false));
        await tabs[i % tabs.length].evaluate(() => window.client.focus(true, true));
      }
    }
    await until(() => pops.size === kCalls, kWaitMs, () => `${pops.size} pops; refused: ${refusals}`);
    assert.deepEqual([...pops.values()].filter((count) => count !== 1), []);
    assert.equal(await metric(daemon, 'hookswitch_pops_total'), kCalls);
    assert.equal(await metric(daemon, 'hookswitch_tabs'), 4);
    assert.deepEqual(await Promise.all(tabs.map((tab) => tab.evaluate(() => [...window.client.leases.keys()]))),
      tabs.map(() => ['calls']), 'an opened pop is forgotten');
    for (const context of contexts) await context.close();
  });
});
