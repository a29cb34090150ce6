// The example CRM pages do what they say, with the real daemon.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';

import { fact, launchChromium, metric, startCrm, whyNoPages } from './browser.mjs';
import { spawnDaemon, until } from './daemon.mjs';

const skip = await whyNoPages();
if (skip) console.log(skip);
const require = createRequire(import.meta.url);
const noReact = (() => {
  try {
    require.resolve('react-dom/client');
    return false;
  } catch {
    return 'SKIPPED: react is not installed (npm ci)';
  }
})();
if (noReact) console.log(noReact);

const kWaitMs = 10_000;
const example = (name) => readFileSync(new URL(`../../../examples/${name}`, import.meta.url), 'utf8');

/** A package as an ES module: what a bundler does, for the few files that React has. */
function asModules(names) {
  const files = {
    react: 'react/cjs/react.production.js', scheduler: 'scheduler/cjs/scheduler.production.js',
    'react-dom': 'react-dom/cjs/react-dom.production.js', 'react-dom/client': 'react-dom/cjs/react-dom-client.production.js',
  };
  const root = new URL('node_modules/', import.meta.url);
  const parts = names.map((name) => `${JSON.stringify(name)}: (module, exports, require) => {${readFileSync(new URL(files[name], root), 'utf8')}\n}`);
  return { type: 'text/javascript', body: `const process = { env: {} };
const parts = {${parts.join(',\n')}};
const made = {};
export function require(name) {
  if (!made[name]) { const module = made[name] = { exports: {} }; parts[name](module, module.exports, require); }
  return made[name].exports;
}` };
}
const reexport = (name, members) => ({ type: 'text/javascript', body: `import { require } from '/all.js';\nexport const { ${members.join(', ')} } = require(${JSON.stringify(name)});` });

test('the plain example is no longer than thirty-two lines', () => {
  assert.ok(example('plain.html').trimEnd().split('\n').length <= 32);
});

describe('the examples', { skip, concurrency: false }, () => {
  let crm, daemon, browser;
  const pages = {};

  before(async () => {
    crm = await startCrm(pages);
    daemon = await spawnDaemon({ crmOrigins: [`http://127.0.0.1:${crm.port}`] });
    browser = await launchChromium();
    pages['/cti-token'] = { type: 'text/plain', body: await daemon.token('alice', 'events:own commands') };
    pages['/plain.html'] = example('plain.html');
    if (noReact) return;
    pages['/all.js'] = asModules(['react', 'scheduler', 'react-dom', 'react-dom/client']);
    pages['/react-module.js'] = reexport('react', ['createElement', 'StrictMode', 'useEffect', 'useMemo', 'useSyncExternalStore']);
    pages['/react-dom-module.js'] = reexport('react-dom/client', ['createRoot']);
    pages['/react-example.js'] = { type: 'text/javascript', body: example('react.js') };
    pages['/react.html'] = `<!doctype html><html lang="en"><meta charset="utf-8"><title>CRM</title><link rel="icon" href="data:,">
<script type="importmap">{"imports":{"react":"/react-module.js","react-dom/client":"/react-dom-module.js"}}</script><main id="root"></main>
<script type="module">
  import { createElement, StrictMode } from 'react';
  import { createRoot } from 'react-dom/client';
  import { Calls } from '/react-example.js';
  const { connect } = await import('${daemon.origin}/hookswitch.js');
  const options = { view: 'own', getToken: async () => (await fetch('/cti-token')).text() };
  window.root = createRoot(document.getElementById('root'));
  window.root.render(createElement(StrictMode, null, createElement(Calls, { connect, options })));
</script></html>`;
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
      await page.getByRole('status').filter({ hasText: 'open' }).waitFor({ timeout: kWaitMs });
      await body(page);
    } finally {
      await context.close();
    }
    assert.deepEqual(complaints, []);
  }

  test('the plain page shows its calls, and says why a call was not made', () => withPage(`/plain.html?daemon=${daemon.origin}`, async (page) => {
    await daemon.post(fact('ringing', 'x-1'));
    await page.locator('li', { hasText: 'ringing: Jane Doe' }).waitFor({ timeout: kWaitMs });
    assert.equal(await page.title(), '☎ +12025550143');
    await daemon.post(fact('answered', 'x-1'));
    await page.locator('li', { hasText: 'connected: Jane Doe' }).waitFor({ timeout: kWaitMs });
    await page.getByLabel('Number').fill('+12025550144');
    await page.getByRole('button', { name: 'Call' }).click();
    await page.getByRole('status').filter({ hasText: 'not called: ' }).waitFor({ timeout: kWaitMs });
    await daemon.post(fact('ended', 'x-1'));
  }));

  test('the React component shows its calls, and lets the connection go with itself', { skip: noReact }, () => withPage('/react.html', async (page) => {
    await daemon.post(fact('ringing', 'x-2'));
    await page.locator('li', { hasText: 'ringing: Jane Doe' }).waitFor({ timeout: kWaitMs });
    await page.getByRole('button', { name: 'Hang up' }).click();
    await daemon.post(fact('ended', 'x-2', { disposition: 'no_answer' }));
    await page.evaluate(() => window.root.unmount());
    await until(async () => await metric(daemon, 'hookswitch_websockets') === 0, kWaitMs, () => 'the connection stays');
  }));
});
