// Headless Chromium, and the CRM pages it is pointed at.
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';

import { until } from './daemon.mjs';

export const chromiumPath = process.env.CHROMIUM || '/usr/bin/chromium';

/** Why page tests cannot run here; false when they can. */
export async function whyNoPages() {
  if (!existsSync(chromiumPath)) return `SKIPPED: no Chromium at ${chromiumPath} (set CHROMIUM)`;
  if (!process.env.HOOKSWITCHD) return 'SKIPPED: HOOKSWITCHD does not name the daemon';
  try {
    await import('playwright-core');
  } catch {
    return 'SKIPPED: playwright-core is not installed (npm ci)';
  }
  return false;
}

export async function launchChromium() {
  const { chromium } = await import('playwright-core');
  return chromium.launch({
    executablePath: chromiumPath,
    args: [
      '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync',
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    ],
  });
}

const kPage = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>CRM</title><link rel="icon" href="data:,"></head><body>
<script>
  window.heard = [];
  addEventListener('message', (event) => {
    const frame = document.querySelector('iframe');
    window.heard.push({ data: event.data, origin: event.origin, fromFrame: event.source === frame?.contentWindow });
  });
  window.embed = (src) => {
    const frame = document.createElement('iframe');
    frame.id = 'rc-widget-adapter-frame';
    frame.src = src;
    document.body.append(frame);
    return new Promise((resolve) => { frame.onload = () => resolve(); });
  };
</script></body></html>`;

/**
 * A CRM of our own: one page that embeds what it is told and remembers every message it hears. `pages`
 * are others, by path: text, or {type, body}.
 */
export async function startCrm(pages = {}) {
  const server = createServer((request, response) => {
    const page = pages[request.url.split('?')[0]] ?? kPage;
    response.writeHead(200, { 'Content-Type': page.type ?? 'text/html; charset=utf-8' }).end(page.body ?? page);
  });
  server.listen(0);
  await once(server, 'listening');
  const { port } = server.address();
  return {
    port,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Types (in Dialpad's dialect: methods) of all that a CRM page has heard. */
export const heardTypes = (page) => page.evaluate(() => window.heard.map(({ data }) => data?.type ?? data?.method));

/** Waits until the page has heard `count` messages of that type. */
export async function hears(page, type, { count = 1, within_ms = 10_000 } = {}) {
  await until(async () => (await heardTypes(page)).filter((each) => each === type).length >= count, within_ms,
    () => `the page did not hear ${type}`);
}

/** The adapter's frame of a CRM page. */
export const adapterOf = (page) => page.frames().find((frame) => new URL(frame.url()).pathname.startsWith('/apps/'));

/** A fact of the webhook source; a call of its own for each id. */
export const fact = (type, id, more) => ({
  type, ids: { call: [id], leg: `${id}-1` }, direction: 'inbound', from: { number: '+12025550143', name: 'Jane Doe' },
  to: { ext: '101' }, agent: { ext: '101' }, at: new Date().toISOString(), ...more,
});

/** One number out of the daemon's /metrics. */
export async function metric(daemon, name) {
  const text = await (await fetch(`${daemon.origin}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}
