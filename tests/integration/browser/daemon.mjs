// A real daemon for a test: its configuration, start, tokens, facts and end.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const kStartDeadlineMs = 15_000;
const kStopDeadlineMs = 10_000;
const kLogKept = 64 * 1024;

export const daemonPath = process.env.HOOKSWITCHD;

/** Waits until `condition` gives something true, and returns it. Fails with what `describe` says. */
export async function until(condition, deadline_ms, describe = () => 'condition not met') {
  const end = Date.now() + deadline_ms;
  for (;;) {
    const result = await condition();
    if (result) return result;
    if (Date.now() > end) throw new Error(`after ${deadline_ms} ms: ${describe()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A TCP port of 127.0.0.1 that was free a moment ago. */
export async function freePort() {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

function configuration({ port, crmOrigins, hosts, more }) {
  return `
[[listen]]
address = "127.0.0.1:${port}"
hosts = ${JSON.stringify(hosts)}
[auth]
hs256_secret_file = "jwt.secret"
[journal]
engine = "sqlite"
path = "journal.db"
[[org]]
id = "acme"
country = "US"
[[user]]
org = "acme"
id = "alice"
extensions = ["101"]
[[user]]
org = "acme"
id = "bob"
extensions = ["102"]
[[source]]
name = "crm-hook"
org = "acme"
kind = "webhook"
dialect = "native"
[[client]]
id = "crm"
org = "acme"
dialect = "rc-embeddable"
origins = ${JSON.stringify(crmOrigins)}
${more}`;
}

/**
 * Starts `hookswitchd serve` in a folder of its own and waits until it is ready. `files` are written
 * beside the configuration, readable by the owner only; `more` is appended to it. `hosts`: names under
 * which browsers come, beside its own address. `port`: one to use, else a free one.
 */
export async function spawnDaemon({ crmOrigins, more = '', files = {}, hosts = [], port: wanted }) {
  const folder = await mkdtemp(join(tmpdir(), 'hookswitch-browser-'));
  const port = wanted ?? await freePort();
  const config = join(folder, 'hookswitch.toml');
  const secrets = { 'jwt.secret': 'test-secret-test-secret-test-secret-0', ...files };
  for (const [name, text] of Object.entries(secrets)) await writeFile(join(folder, name), text, { mode: 0o600 });
  await writeFile(config, configuration({ port, crmOrigins, hosts, more }), { mode: 0o600 });

  const origin = `http://127.0.0.1:${port}`;
  let log = '';
  let child, exited;

  async function start() {
    let failure = null;
    child = spawn(daemonPath, ['serve', '--config', config], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    const mine = child;
    exited = once(child, 'exit').catch(() => {}); // an error of spawn is told by `failure`
    child.on('error', (error) => { failure = error; });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => { log = (log + text).slice(-kLogKept); });
    }
    await until(async () => {
      if (failure || mine.exitCode !== null) throw new Error(`the daemon did not start: ${failure ?? mine.exitCode}`);
      return (await fetch(`${origin}/readyz`).catch(() => null))?.ok;
    }, kStartDeadlineMs, () => 'the daemon is not ready');
  }

  async function end(signal) {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), kStopDeadlineMs);
      await exited;
      clearTimeout(timer);
    }
  }

  async function stop() {
    await end('SIGTERM');
    await rm(folder, { recursive: true, force: true });
  }

  try {
    await start();
  } catch (error) {
    await stop();
    error.message += `\n${log}`;
    throw error;
  }

  return {
    origin,
    port,
    stop,
    /** Ends it by `signal`; start() brings it back with the same journal. */
    end,
    start,
    get pid() { return child.pid; },
    log: () => log,

    async token(user, scope, ttl = '1h') {
      const { stdout } = await promisify(execFile)(
        daemonPath, ['token', '--config', config, '--org', 'acme', '--user', user, '--scope', scope, '--ttl', ttl]);
      return stdout.trim();
    },

    /** Posts one fact, or several in one request. Answered only when they are durable. */
    async post(facts) {
      const answer = await fetch(`${origin}/v1/hooks/crm-hook`, {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(facts),
      });
      if (!answer.ok) throw new Error(`POST /v1/hooks/crm-hook: ${answer.status} ${await answer.text()}\n${log}`);
    },
  };
}
