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

function configuration({ port, crmOrigins, more }) {
  return `
[[listen]]
address = "127.0.0.1:${port}"
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
 * beside the configuration, readable by the owner only; `more` is appended to it.
 */
export async function spawnDaemon({ crmOrigins, more = '', files = {} }) {
  const folder = await mkdtemp(join(tmpdir(), 'hookswitch-browser-'));
  const port = await freePort();
  const config = join(folder, 'hookswitch.toml');
  const secrets = { 'jwt.secret': 'test-secret-test-secret-test-secret-0', ...files };
  for (const [name, text] of Object.entries(secrets)) await writeFile(join(folder, name), text, { mode: 0o600 });
  await writeFile(config, configuration({ port, crmOrigins, more }), { mode: 0o600 });

  const child = spawn(daemonPath, ['serve', '--config', config], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  exited.catch(() => {}); // an error of spawn is told by `failure`
  let failure = null;
  child.on('error', (error) => { failure = error; });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => { log = (log + text).slice(-kLogKept); });
  }

  const origin = `http://127.0.0.1:${port}`;
  async function stop() {
    if (!failure && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), kStopDeadlineMs);
      await exited;
      clearTimeout(timer);
    }
    await rm(folder, { recursive: true, force: true });
  }

  try {
    await until(async () => {
      if (failure || child.exitCode !== null) throw new Error(`the daemon did not start: ${failure ?? child.exitCode}`);
      return (await fetch(`${origin}/readyz`).catch(() => null))?.ok;
    }, kStartDeadlineMs, () => 'the daemon is not ready');
  } catch (error) {
    await stop();
    error.message += `\n${log}`;
    throw error;
  }

  return {
    origin,
    stop,
    log: () => log,

    async token(user, scope) {
      const { stdout } = await promisify(execFile)(
        daemonPath, ['token', '--config', config, '--org', 'acme', '--user', user, '--scope', scope]);
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
