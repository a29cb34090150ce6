// ./dev bench pages: sizes; from a webhook to the page's message, beside the client library in the same page; memory of many tabs.
// Read the ratios, not the figures: they drift with the machine.
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

import { fact, hears, launchChromium, metric, startCrm, whyNoPages } from '../../integration/browser/browser.mjs';
import { spawnDaemon, until } from '../../integration/browser/daemon.mjs';

const kSeconds = Number(process.argv[2] ?? 10);
const kTabs = Number(process.argv[3] ?? 20);
const kPerSecond = 100;

const why = await whyNoPages();
if (why) {
  console.error(why);
  process.exit(1);
}

const web = new URL('../../../proto/web/', import.meta.url);
const gzipped = (...names) => names.reduce((sum, name) => sum + gzipSync(readFileSync(new URL(name, web))).length, 0);
console.log('gzipped, bytes');
console.log(`  hookswitch.js        ${gzipped('hookswitch.js')}`);
console.log(`  adapter page, all    ${gzipped('adapter.html', 'adapter.css', 'hookswitch.js', ...readdirSync(web).filter((name) => /^adapter-\w+\.js$/.test(name)))}`);
console.log(`  adapter.js           ${gzipped('adapter.js')}`);
console.log(`  console, all         ${gzipped('hookswitch.js', ...readdirSync(new URL('console/', web)).map((name) => `console/${name}`))}`);

const quantile = (values, part) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))];
const now = () => performance.timeOrigin + performance.now();

const crm = await startCrm();
const daemon = await spawnDaemon({ crmOrigins: [`http://127.0.0.1:${crm.port}`] });
const token = await daemon.token('alice', 'events:own commands');
const open = async (context) => {
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${crm.port}/`);
  await page.evaluate((src) => window.embed(src), `${daemon.origin}/apps/crm#token=${token}`);
  await hears(page, 'rc-adapter-syncPresence', { within_ms: 20_000 });
  return page;
};

/** Memory of our browser's processes, each shared page counted by its share, in MiB. */
function browserMemory() {
  const table = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  const ours = new Set([process.pid]);
  for (let size = 0; size !== ours.size;) {
    size = ours.size;
    for (const [pid, parent] of table) if (ours.has(parent)) ours.add(pid);
  }
  for (const other of [process.pid, daemon.pid]) ours.delete(other);
  let sum = 0;
  for (const pid of ours) {
    try {
      sum += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch { /* it has ended */ }
  }
  return sum / 1024;
}
const daemonMemory = () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))[1]) / 1024;

async function latency() {
  const browser = await launchChromium();
  const page = await open(await browser.newContext());
  await page.evaluate(async ([origin, given]) => {
    const at = () => performance.timeOrigin + performance.now();
    window.times = { adapter: {}, direct: {} };
    addEventListener('message', ({ data }) => {
      if (data.type === 'rc-call-ring-notify') window.times.adapter[data.call.fromUserName] ??= at();
    });
    const { connect } = await import(`${origin}/hookswitch.js`);
    await new Promise((resolve) => {
      connect({
        url: `${origin}/v1/events`, token: given, onState: (state) => state === 'open' && resolve(),
        onEvent: ({ type, data }) => { if (type === 'call.ringing') window.times.direct[data.call.from.name] ??= at(); },
      });
    });
  }, [daemon.origin, token]);
  const sent = {};
  const running = [];
  const begin = now();
  for (let i = 0; i < kSeconds * kPerSecond / 2; i++) {
    const due = begin + i * (2_000 / kPerSecond);
    while (now() < due) await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - now())));
    const name = `caller ${i}`;
    const from = { number: '+12025550143', name };
    sent[name] = now();
    running.push(daemon.post(fact('ringing', `b-${i}`, { from })).then(() => daemon.post(fact('ended', `b-${i}`, { from, disposition: 'no_answer' }))));
  }
  await Promise.all(running);
  const count = Object.keys(sent).length;
  await until(() => page.evaluate((n) => Object.keys(window.times.adapter).length >= n, count), 20_000, () => 'messages are missing');
  const times = await page.evaluate(() => window.times);
  console.log(`\nfrom the webhook's POST to the page, ms, ${kPerSecond} facts/s for ${kSeconds} s (${count} rings)`);
  const p50 = {};
  for (const [name, heard] of Object.entries(times)) {
    const all = Object.entries(heard).filter(([caller]) => sent[caller]).map(([caller, at]) => at - sent[caller]);
    p50[name] = quantile(all, 0.5);
    console.log(`  ${name === 'adapter' ? 'message of the adapter (worker, postMessage)' : 'event of hookswitch.js, in the page itself   '} p50 ${quantile(all, 0.5).toFixed(1)}  p99 ${quantile(all, 0.99).toFixed(1)}  max ${Math.max(...all).toFixed(1)}`);
  }
  console.log(`  ratio of p50         ${(p50.adapter / p50.direct).toFixed(2)}`);
  await browser.close();
}

async function memory() {
  console.log(`\nmemory with ${kTabs} tabs, MiB (browser: proportional share; daemon: resident)`);
  for (const [name, lacking] of [['one shared connection', []], ['each its own         ', ['SharedWorker', 'BroadcastChannel']]]) {
    const browser = await launchChromium();
    const context = await browser.newContext();
    await context.addInitScript((names) => { for (const each of names) delete window[each]; }, lacking);
    await open(context);
    const [first, before] = [browserMemory(), daemonMemory()];
    for (let i = 1; i < kTabs; i++) await open(context);
    await new Promise((resolve) => setTimeout(resolve, 2_000)); // let it settle: it is measured once
    console.log(`  ${name} browser ${browserMemory().toFixed(0)} (${((browserMemory() - first) / (kTabs - 1)).toFixed(1)} a tab)  daemon +${(daemonMemory() - before).toFixed(1)}  WebSockets ${await metric(daemon, 'hookswitch_websockets')}`);
    await browser.close();
  }
}

try {
  await latency();
  await memory();
} finally {
  await daemon.stop();
  await crm.stop();
}
