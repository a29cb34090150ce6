// Headless Chromium, and the CRM pages it is pointed at.
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';

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

/** A CRM of our own: one page that embeds what it is told and remembers every message it hears. */
export async function startCrm() {
  const server = createServer((request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(kPage);
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
