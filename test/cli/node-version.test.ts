import { execFileSync, spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { ORBWEAVER } from '../agent/agent-process.ts';

/** Pretends to be an older Node: it changes what the running one says of itself. */
const PRETEND =
  'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.11.1"}})';

test('an older Node is told in one line, with exit code 1', () => {
  const result = spawnSync(process.execPath, ['--import', PRETEND, ORBWEAVER, 'get', 'sp'], {
    encoding: 'utf8',
  });
  expect(result.status).toBe(1);
  expect(result.stdout).toBe('');
  expect(result.stderr).toMatch(
    /^error: orbweaver needs Node 24 or newer; this is Node 20\.11\.1 \(.*\)\n$/,
  );
});

test('the entry file is read by Nodes that know no TypeScript', () => {
  execFileSync(process.execPath, ['--no-experimental-strip-types', '--check', ORBWEAVER]);
});
