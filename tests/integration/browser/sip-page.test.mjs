// A real call on a real PBX, seen by a CRM page. HOOKSWITCH_PBX is the command that plays the PBX
// (its lines: play_pbx.py, which is also the default).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { launchChromium, startCrm, whyNoPages } from './browser.mjs';
import { spawnDaemon, until } from './daemon.mjs';

const kPbxStartMs = 30_000;
const kScenarioMs = 40_000;
const kWaitMs = 5_000;

/** Starts the PBX; `play(name)` plays a scenario to its end. Null when its programs are not installed. */
async function startPbx() {
  const command = process.env.HOOKSWITCH_PBX || `exec /usr/bin/python3 '${fileURLToPath(new URL('play_pbx.py', import.meta.url))}'`;
  const child = spawn('/bin/sh', ['-c', command], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exited = new Promise((resolve) => child.on('exit', resolve));

  async function answer(deadline_ms) {
    let timer;
    const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error('the PBX does not answer')), deadline_ms); });
    try {
      const { value, done } = await Promise.race([lines.next(), late]);
      if (done) throw new Error('the PBX has gone');
      return JSON.parse(value);
    } finally {
      clearTimeout(timer);
    }
  }
  async function stop() {
    child.stdin.end();
    const timer = setTimeout(() => child.kill('SIGKILL'), kScenarioMs);
    await exited;
    clearTimeout(timer);
  }

  try {
    const { port, domain, missing } = await answer(kPbxStartMs);
    if (missing) {
      await stop();
      return { missing };
    }
    return {
      port,
      domain,
      stop,
      async play(name) {
        child.stdin.write(`${name}\n`);
        assert.deepEqual(await answer(kScenarioMs), { played: name });
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

let skip = await whyNoPages();
let pbx = null;
if (!skip) {
  pbx = await startPbx();
  if (pbx.missing) skip = `SKIPPED: not installed: ${pbx.missing.join(', ')}`;
}
if (skip) console.log(skip);

describe('a page and a real SIP call', { skip, concurrency: false }, () => {
  let crm, daemon, browser;

  before(async () => {
    crm = await startCrm();
    daemon = await spawnDaemon({
      crmOrigins: [`http://127.0.0.1:${crm.port}`],
      files: { 'sip.password': 'pw-900' },
      more: `
[[source]]
name = "hq"
org = "acme"
kind = "sip"
server = "sip:127.0.0.1:${pbx.port}"
domain = "${pbx.domain}"
username = "900"
password_file = "sip.password"
watch = ["101", "102"]
`,
    });
    browser = await launchChromium();
  });
  after(async () => {
    await browser?.close();
    await daemon?.stop();
    await crm?.stop();
    await pbx?.stop();
  });

  test('bob\'s page hears ring, start, hold, resume and end of a call to his phone', async () => {
    const token = await daemon.token('bob', 'events:own commands');
    const page = await (await browser.newContext()).newPage();
    await page.goto(`http://127.0.0.1:${crm.port}/`);
    await page.evaluate((src) => window.embed(src), `${daemon.origin}/apps/crm#token=${token}`);
    const heard = () => page.evaluate(() => window.heard);
    await until(async () => (await heard()).length > 0, kWaitMs, () => `the page hears nothing\n${daemon.log()}`);

    await pbx.play('hold_by_callee');
    const callMessages = async () => (await heard()).filter(({ data }) => /^rc-call-[a-z]+-notify$/.test(data.type));
    const types = async () => (await callMessages()).map(({ data }) => data.type);
    await until(async () => (await types()).includes('rc-call-end-notify'), kWaitMs, () => `no end heard\n${daemon.log()}`);

    assert.deepEqual(await types(), ['ring', 'start', 'hold', 'resume', 'end'].map((word) => `rc-call-${word}-notify`));
    const messages = await callMessages();
    assert.equal(new Set(messages.map(({ data }) => data.call.id)).size, 1);
    assert.ok(messages.every(({ origin, fromFrame }) => origin === daemon.origin && fromFrame));
    const [ring, start, , , end] = messages.map(({ data }) => data.call);
    assert.equal(ring.direction, 'Inbound'); // an internal call, as bob sees it
    assert.ok(typeof start.startTime === 'number' && start.startTime > 0);
    assert.ok(end.endTime);
  });
});
