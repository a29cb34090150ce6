// Who must hear nothing and command nothing: other origins, embedders above and beside, openers, forged messages.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { adapterOf, fact, heardTypes, hears, launchChromium, startCrm, whyNoPages } from './browser.mjs';
import { spawnDaemon, until } from './daemon.mjs';

const skip = await whyNoPages();
if (skip) console.log(skip);

// Remembers what it hears, from whomever; embeds whatever its address names.
const kEmbedder = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>page</title><link rel="icon" href="data:,"></head><body><script>
  window.heard = [];
  addEventListener('message', ({ data, origin }) => window.heard.push({ data, origin }));
  const query = new URLSearchParams(location.search);
  if (query.get('frame')) {
    const frame = document.createElement('iframe');
    if (query.get('sandbox')) frame.sandbox = query.get('sandbox');
    if (query.get('srcdoc')) frame.srcdoc = query.get('srcdoc');
    else frame.src = query.get('frame');
    document.body.append(frame);
  }
</script></body></html>`;

describe('what is hostile', { skip, concurrency: false }, () => {
  let crm, daemon, browser, token;
  let calls = 0;

  before(async () => {
    crm = await startCrm({ '/embed': kEmbedder });
    daemon = await spawnDaemon({ crmOrigins: [`http://127.0.0.1:${crm.port}`] });
    browser = await launchChromium();
    token = await daemon.token('alice', 'events:own commands');
  });
  after(async () => {
    await browser?.close();
    await daemon?.stop();
    await crm?.stop();
  });

  const good = () => `http://127.0.0.1:${crm.port}`;
  const evil = () => `http://localhost:${crm.port}`; // the same server under a name that is on no list
  const adapter = () => `${daemon.origin}/apps/crm#token=${token}`;
  const embed = (base, params) => `${base}/embed?${new URLSearchParams(params)}`;

  async function withContext(body) {
    const context = await browser.newContext();
    try {
      await body(context);
    } finally {
      await context.close();
    }
  }

  /** A page of the list that hears: when it has heard a call, so would have any other. */
  async function witness(context) {
    const page = await context.newPage();
    await page.goto(good());
    await page.evaluate((src) => window.embed(src), adapter());
    await hears(page, 'rc-adapter-pushAdapterState');
    return page;
  }

  async function ringAndEnd(page) {
    const id = `evil-${++calls}`;
    const before = (await heardTypes(page)).filter((type) => type === 'rc-call-end-notify').length;
    await daemon.post([fact('ringing', id), fact('ended', id, { disposition: 'no_answer' })]);
    await hears(page, 'rc-call-end-notify', { count: before + 1 });
  }

  /** All that any frame of the page has heard from the daemon. */
  async function leaked(page) {
    const out = [];
    for (const frame of page.frames()) {
      const heard = await frame.evaluate(() => window.heard ?? []).catch(() => []);
      out.push(...heard.filter(({ origin, data }) => origin === daemon.origin || /^rc-/.test(data?.type)));
    }
    return out;
  }

  const embedders = {
    'an embedder of another origin': () => embed(evil(), { frame: adapter() }),
    'a foreign page above an allowed one': () => embed(evil(), { frame: embed(good(), { frame: adapter() }) }),
    'a sandboxed frame, whose origin is null': () => embed(good(), { frame: embed(good(), { frame: adapter() }), sandbox: 'allow-scripts' }),
    'an adapter that is sandboxed itself': () => embed(good(), { frame: adapter(), sandbox: 'allow-scripts' }),
    'a foreign page between an allowed one and the adapter': () => embed(good(), { frame: embed(evil(), { frame: adapter() }) }),
    'a data: page': () => embed(good(), { frame: `data:text/html,<script>onmessage=(e)=>parent.postMessage({stolen:e.data},'*')</script><iframe src="${adapter().replace('#', '%23')}"></iframe>` }),
    'a page that opens the adapter in a window': () => adapter(),
  };
  const embeddersOf = (name) => embedders[name]();
  for (const [name, address] of Object.entries(embedders)) {
    test(`${name} hears nothing`, () => withContext(async (context) => {
      const page = await context.newPage();
      await page.goto(address());
      await ringAndEnd(await witness(context));
      assert.deepEqual(await leaked(page), []);
    }));
  }

  for (const name of ['an embedder of another origin', 'a sandboxed frame, whose origin is null', 'an adapter that is sandboxed itself']) {
    test(`${name} hears nothing where a browser does not know frame-ancestors either`, () => withContext(async (context) => {
      const page = await context.newPage();
      await page.route('**/apps/crm', async (route) => {
        const answer = await route.fetch();
        const { 'content-security-policy': policy, ...headers } = answer.headers();
        await route.fulfill({ response: answer, headers: { ...headers, 'content-security-policy': policy.replace(/; frame-ancestors.*/, '') } });
      });
      await page.goto(embeddersOf(name));
      await until(async () => page.frames().some((frame) => frame.url().startsWith(`${daemon.origin}/apps/`)), 5_000, () => 'the frame did not load');
      await ringAndEnd(await witness(context));
      assert.deepEqual(await leaked(page), []);
      const text = await adapterOf(page).locator('#status').textContent();
      assert.match(text, /not on the list|Starting/); // a sandboxed page may not even load its script
    }));
  }

  test('an opener that reaches into the frame of an allowed page commands nothing', () => withContext(async (context) => {
    const page = await context.newPage();
    await page.goto(evil());
    const [popup] = await Promise.all([context.waitForEvent('page'), page.evaluate((address) => { window.opened = window.open(address); }, embed(good(), { frame: adapter() }))]);
    await popup.waitForURL(/embed/);
    await hears(popup, 'rc-adapter-syncPresence');
    const before = (await heardTypes(popup)).length;
    await page.evaluate((frame) => {
      for (const target of [window.opened, window.opened.frames[0]]) {
        for (const data of [{ type: 'rc-adapter-logout' }, { type: 'rc-adapter-message-request', requestId: '1', path: '/x' },
          { type: 'hookswitch-token', token: 'mine' }, { callbackUri: `${frame}#token=mine` }]) target.postMessage(data, '*');
      }
    }, daemon.origin);
    // A message of the right one, after them all, is answered: those before it were not.
    await popup.evaluate(() => document.querySelector('iframe').contentWindow.postMessage({ type: 'rc-adapter-message-request', requestId: '2', path: '/x' }, '*'));
    await hears(popup, 'rc-adapter-message-response');
    const news = (await popup.evaluate(() => window.heard)).slice(before).filter(({ origin }) => origin === daemon.origin).map(({ data }) => data);
    assert.deepEqual(news.map(({ type, responseId }) => `${type} ${responseId}`), ['rc-adapter-message-response 2']);
    assert.deepEqual(await leaked(page), []);
  }));

  test('a frame beside the adapter, of the allowed origin too, commands nothing', () => withContext(async (context) => {
    const page = await witness(context);
    const before = (await heardTypes(page)).length;
    await page.evaluate(async () => {
      const other = document.createElement('iframe');
      other.src = '/embed';
      await new Promise((resolve) => { other.onload = resolve; document.body.append(other); });
      other.contentWindow.eval(`parent.frames[0].postMessage({ type: 'rc-adapter-logout' }, '*'); parent.frames[0].postMessage({ type: 'rc-adapter-message-request', requestId: '1', path: '/x' }, '*');`);
      window.frames[0].postMessage({ type: 'rc-adapter-message-request', requestId: '2', path: '/x' }, '*');
    });
    await hears(page, 'rc-adapter-message-response');
    const news = (await page.evaluate(() => window.heard.map(({ data }) => data))).slice(before);
    assert.deepEqual(news.map(({ responseId }) => responseId), ['2']);
  }));

  test('what is no command does no harm: the next one is obeyed', () => withContext(async (context) => {
    const page = await witness(context);
    const complaints = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.evaluate(() => {
      const frame = window.frames[0];
      const circle = { type: 'rc-adapter-login' };
      circle.self = circle;
      const odd = [null, undefined, 0, NaN, '', 'rc-adapter-login', true, [], [[]], {}, { type: null }, { type: {} }, { type: ['rc-adapter-login'] }, circle,
        new Map([[1, 2]]), new Date(), new Error('x'), /x/, new Uint8Array(10), new Blob(['x']), { type: 'rc-adapter-new-call', phoneNumber: 'x'.repeat(100_000) },
        { type: 'rc-adapter-login', op: 'hello' }, { op: 'auth', token: 'x' }, { op: 'hello' }, { type: '__proto__' }, { type: 'constructor' }, { api: 'opencti_dialpad' },
        { type: 'hookswitch-token' }, { type: 'hookswitch-token', token: 7 }, { type: 'hookswitch-token', token: '' }, { type: 'hookswitch-token', token: 'x'.repeat(9_000) },
        { callbackUri: 7 }, { callbackUri: 'no address' }, { callbackUri: 'javascript:alert(1)#token=' }, { type: 'rc-adapter-new-call', phoneNumber: 1n },
        JSON.parse('{"type":"rc-adapter-message-request","__proto__":{"polluted":true}}'), { type: 'rc-call-ring-notify', call: {} }, { source: 'react-devtools-bridge' }];
      for (let i = 0; i < 5; i++) for (const each of odd) frame.postMessage(each, '*');
      frame.postMessage({ type: 'rc-adapter-message-request', requestId: 'after', path: '/x' }, '*');
    });
    await hears(page, 'rc-adapter-message-response');
    await ringAndEnd(page);
    assert.deepEqual(complaints, []);
  }));

  test('the page may load only what is ours, may be framed only by its list, and no inline script runs', () => withContext(async (context) => {
    const answer = await fetch(`${daemon.origin}/apps/crm`);
    const policy = answer.headers.get('content-security-policy');
    assert.match(policy, new RegExp(`frame-ancestors ${good().replaceAll('.', '\\.')}$`));
    assert.match(policy, /default-src 'none'; script-src 'self'; worker-src 'self'/);
    assert.doesNotMatch(policy, /unsafe|\*/);
    for (const path of ['/', '/login.html']) assert.match((await fetch(daemon.origin + path)).headers.get('content-security-policy'), /frame-ancestors 'none'/);
    const page = await witness(context);
    const ran = await adapterOf(page).evaluate(() => new Promise((resolve) => {
      document.addEventListener('securitypolicyviolation', ({ violatedDirective }) => resolve(violatedDirective), { once: true });
      const script = document.createElement('script');
      script.textContent = 'window.inline = true';
      document.body.append(script);
      if (window.inline) resolve('it ran');
    }));
    assert.match(ran, /^script-src/);
  }));

  test('no file posts to *, and none writes HTML', () => {
    const folder = new URL('../../../proto/web/', import.meta.url);
    for (const name of readdirSync(folder, { recursive: true }).filter((each) => each.endsWith('.js'))) {
      const source = readFileSync(new URL(name, folder), 'utf8');
      assert.doesNotMatch(source, /postMessage\([^;]*,\s*['"]\*['"]/, name);
      assert.doesNotMatch(source, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/, name);
    }
  });
});
