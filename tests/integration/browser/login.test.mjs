// Logins of the adapter: by pop-up, by the page's own window, refreshed, ended. Somebody else's login page is played by the CRM's server under another name.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { adapterOf, fact, heardTypes, hears, launchChromium, metric, startCrm, whyNoPages } from './browser.mjs';
import { spawnDaemon, until } from './daemon.mjs';

const skip = await whyNoPages();
if (skip) console.log(skip);

const kWaitMs = 15_000;

describe('a login', { skip, concurrency: false }, () => {
  let crm, daemon, browser, token;
  const pages = {};

  before(async () => {
    crm = await startCrm(pages);
    const client = (id, path, dialect = 'rc-embeddable') => `
[[client]]
id = "${id}"
org = "acme"
dialect = "${dialect}"
origins = ["http://127.0.0.1:${crm.port}"]
headers = { "X-Of-The-Client" = "${id}" }
login_url = "http://localhost:${crm.port}/${path}?prompt=login"
`;
    daemon = await spawnDaemon({
      crmOrigins: [`http://127.0.0.1:${crm.port}`],
      more: client('sso', 'authorize') + client('direct', 'direct') + client('wrong', 'wrong') + client('dial', 'authorize', 'opencti-dialpad'),
    });
    token = await daemon.token('alice', 'events:own commands');
    const page = (script) => `<!doctype html><html lang="en"><head><title>Sign in</title></head><body><script>
      const query = new URLSearchParams(location.search);
      const token = ${JSON.stringify(token)};
      ${script}</script></body></html>`;
    pages['/authorize'] = page(`location.replace(query.get('redirect_uri') + '#' + new URLSearchParams({ token, state: query.get('state') }));`);
    pages['/direct'] = page(`window.opener.postMessage({ type: 'hookswitch-token', token }, new URL(query.get('redirect_uri')).origin);`);
    pages['/wrong'] = page(`location.replace(query.get('redirect_uri') + '#' + new URLSearchParams({ token, state: 'of somebody else' }));`);
    browser = await launchChromium();
  });
  after(async () => {
    await browser?.close();
    await daemon?.stop();
    await crm?.stop();
  });

  async function withAdapter(address, body) {
    const context = await browser.newContext();
    try {
      const page = await context.newPage();
      await page.goto(`http://127.0.0.1:${crm.port}/`);
      await page.evaluate((src) => window.embed(src), daemon.origin + address);
      await body(page, context);
    } finally {
      await context.close();
    }
  }

  const logins = async (page) => (await page.evaluate(() => window.heard.map(({ data }) => data)))
    .filter(({ type }) => type === 'rc-login-status-notify').map(({ loggedIn }) => loggedIn);
  const isLoggedIn = (page, states) => until(async () => JSON.stringify(await logins(page)) === JSON.stringify(states), kWaitMs, () => `not ${states}`);
  const say = (page, data) => page.evaluate((each) => document.querySelector('iframe').contentWindow.postMessage(each, '*'), data);
  const status = (page) => adapterOf(page).locator('#status').textContent();

  test('by pop-up: a click, the configured address, back to the daemon, logged in', () => withAdapter('/apps/sso', async (page) => {
    await hears(page, 'rc-login-status-notify');
    assert.deepEqual(await heardTypes(page), ['rc-adapter-pushAdapterState', 'rc-login-status-notify']);
    await adapterOf(page).getByRole('button', { name: 'Sign in' }).click();
    await isLoggedIn(page, [false, true]);
    assert.equal(await adapterOf(page).getByRole('button', { name: 'Sign in' }).isVisible(), false);
    assert.equal((await heardTypes(page)).filter((type) => type === 'rc-adapter-pushAdapterState').length, 1);
    await daemon.post([fact('ringing', 'l-1'), fact('ended', 'l-1')]);
    await hears(page, 'rc-call-ring-notify');
  }));

  test('by a login page that posts the token itself', () => withAdapter('/apps/direct', async (page) => {
    await hears(page, 'rc-login-status-notify');
    await adapterOf(page).getByRole('button', { name: 'Sign in' }).click();
    await isLoggedIn(page, [false, true]);
  }));

  test('with the state of somebody else is none', () => withAdapter('/apps/wrong', async (page, context) => {
    await hears(page, 'rc-login-status-notify');
    const [popup] = await Promise.all([context.waitForEvent('page'), adapterOf(page).getByRole('button', { name: 'Sign in' }).click()]);
    if (!popup.isClosed()) await popup.waitForEvent('close');
    // Another answer, that is taken, comes after it.
    await say(page, { type: 'hookswitch-token', token: 'wrong' });
    await until(async () => /not valid/.test(await status(page)), kWaitMs, () => 'it still tries');
    assert.deepEqual(await logins(page), [false]);
  }));

  test('by the page\'s own window, when it disabled the pop-up, even by =0', () => withAdapter('/apps/sso?disableLoginPopup=0', async (page) => {
    await hears(page, 'rc-login-status-notify');
    await say(page, { type: 'rc-adapter-login' });
    await hears(page, 'rc-login-popup-notify');
    const { oAuthUri } = (await page.evaluate(() => window.heard.map(({ data }) => data))).find(({ type }) => type === 'rc-login-popup-notify');
    const address = new URL(oAuthUri);
    assert.equal(address.origin, `http://localhost:${crm.port}`);
    assert.equal(address.searchParams.get('redirect_uri'), `${daemon.origin}/login.html`);
    await say(page, { callbackUri: `https://crm.example.com/back#token=${token}&state=${address.searchParams.get('state')}` }); // the vendor tests nothing else
    await isLoggedIn(page, [false, true]);
  }));

  test('a log-out is of all tabs, is told as the vendor tells it, and a login is possible again', () => withAdapter(`/apps/sso#token=${token}`, async (page, context) => {
    await hears(page, 'rc-adapter-syncPresence');
    const other = await context.newPage();
    await other.goto(`http://127.0.0.1:${crm.port}/`);
    await other.evaluate((src) => window.embed(src), `${daemon.origin}/apps/sso`);
    await hears(other, 'rc-adapter-syncPresence');
    await say(page, { type: 'rc-adapter-logout' });
    for (const each of [page, other]) await isLoggedIn(each, [false, true, false]);
    const last = (await page.evaluate(() => window.heard.map(({ data }) => data))).filter(({ type }) => type === 'rc-adapter-syncPresence').at(-1);
    assert.equal(last.telephonyStatus, null);
    await until(async () => await metric(daemon, 'hookswitch_websockets') === 0, kWaitMs, () => 'a connection stays');
    await say(page, { type: 'rc-adapter-logout' }); // already out: nothing
    await adapterOf(other).getByRole('button', { name: 'Sign in' }).click();
    await isLoggedIn(other, [false, true, false, true]);
  }));

  test('a Dialpad page is told of both by user_authentication', () => withAdapter(`/apps/dial#token=${token}`, async (page) => {
    await hears(page, 'user_authentication');
    const { payload } = await page.evaluate(() => window.heard[0].data);
    assert.equal(payload.user_authenticated, true);
  }));

  test('a token that ends is asked for before, replaced in band, and the page notices nothing', async () => {
    const short = await daemon.token('alice', 'events:own', '4s');
    await withAdapter(`/apps/crm#token=${short}`, async (page) => {
      await hears(page, 'rc-adapter-syncPresence');
      await hears(page, 'hookswitch-token-wanted');
      await say(page, { type: 'hookswitch-token', token });
      await new Promise((resolve) => setTimeout(resolve, 4_500)); // the old one is over: what must not happen has no other sign
      await daemon.post([fact('ringing', 'l-2'), fact('ended', 'l-2')]);
      await hears(page, 'rc-call-ring-notify');
      assert.deepEqual(await logins(page), [false, true]);
      assert.match(await status(page), /Connected/);
    });
  });

  test('a token that ends and is not replaced is a log-out; another one later is a login', async () => {
    const short = await daemon.token('alice', 'events:own', '2s');
    await withAdapter(`/apps/sso#token=${short}`, async (page) => {
      await hears(page, 'rc-adapter-syncPresence');
      await until(async () => (await metric(daemon, 'hookswitch_websockets')) === 0, kWaitMs, () => 'it lives on');
      await say(page, { type: 'hookswitch-token', token });
      await hears(page, 'rc-adapter-syncPresence');
      await until(async () => /Connected/.test(await status(page)), kWaitMs, () => 'no connection');
      await daemon.post([fact('ringing', 'l-3'), fact('ended', 'l-3')]);
      await hears(page, 'rc-call-ring-notify');
    });
  });

  test('the page comes with the headers of its client', async () => {
    assert.equal((await fetch(`${daemon.origin}/apps/sso`)).headers.get('x-of-the-client'), 'sso');
    assert.equal((await fetch(`${daemon.origin}/apps/crm`)).headers.get('x-of-the-client'), null);
  });
});
