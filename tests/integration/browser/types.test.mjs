// hookswitch.d.ts says what hookswitch.js does: by tsc where it is installed, by their members anywhere.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { connect } from '../../../proto/web/hookswitch.js';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const tsc = at('node_modules/typescript/bin/tsc');
const skip = existsSync(tsc) ? false : 'SKIPPED: typescript is not installed (npm ci)';
if (skip) console.log(skip);

test('the types let a program use all there is and nothing else', { skip }, () => {
  try {
    execFileSync(process.execPath, [tsc, '--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext',
      '--lib', 'es2022,dom', at('types/use.ts')], { stdio: 'pipe' });
  } catch (error) {
    assert.fail(String(error.stdout));
  }
});

test('what a connection has and what its type names are the same', () => {
  const source = readFileSync(new URL('../../../proto/web/hookswitch.d.ts', import.meta.url), 'utf8');
  const body = source.slice(source.indexOf('export interface Connection {'));
  const named = [...body.slice(0, body.indexOf('\n}')).matchAll(/^ {2}(?:readonly )?(\w+)[<(:?]/gm)].map(([, name]) => name);
  const connection = connect({ url: 'http://127.0.0.1/', WebSocketImpl: class {} });
  connection.close();
  const has = [...Object.keys(connection), ...Object.getOwnPropertyNames(Object.getPrototypeOf(connection))];
  assert.deepEqual(new Set(named), new Set(has.filter((name) => name !== 'constructor')));
});
