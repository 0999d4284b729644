/** deploy/orbweaver-agent.service: what systemd accepts, and what the design asks of it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const text = readFileSync(
  join(import.meta.dirname, '../../deploy/orbweaver-agent.service'),
  'utf8',
);

/** The last value of a key in a section; systemd's own rule for keys that are not lists. */
function lastValue(section: string, key: string): string | undefined {
  const body = new RegExp(`^\\[${section}\\]$([^]*?)(?=^\\[|(?![^]))`, 'm').exec(text)?.[1] ?? '';
  return [...body.matchAll(/^(\w+)=(.*)$/gm)].findLast((line) => line[1] === key)?.[2];
}

test.each([
  // The socket's folder and the state belong to root alone (DESIGN section 4, plugin-binary rule 10).
  ['Service', 'RuntimeDirectory', 'orbweaver'],
  ['Service', 'RuntimeDirectoryMode', '0700'],
  ['Service', 'StateDirectory', 'orbweaver'],
  ['Service', 'StateDirectoryMode', '0700'],
  ['Service', 'Restart', 'always'],
  ['Unit', 'StartLimitIntervalSec', '0'],
  ['Service', 'NoNewPrivileges', 'yes'],
  ['Service', 'ProtectSystem', 'strict'],
  // V8 compiles at run time.
  ['Service', 'MemoryDenyWriteExecute', undefined],
  ['Install', 'WantedBy', 'multi-user.target'],
])('the unit says in [%s] %s=%s', (section, key, value) => {
  expect(lastValue(section, key)).toBe(value);
});

test('the unit starts the agent on the socket and the state folder that it makes', () => {
  const line = lastValue('Service', 'ExecStart')!.split(' ');
  expect(line.slice(0, 2)).toEqual(['orbweaver', 'agent']);
  expect(line[line.indexOf('--state') + 1]).toBe('/var/lib/orbweaver');
  expect(line[line.indexOf('--socket') + 1]).toBe('/run/orbweaver/cni.sock');
  expect(line[line.indexOf('--node') + 1]).toBe('%H');
});

test('the unit outlasts a call in flight when it stops', () => {
  expect(Number(lastValue('Service', 'TimeoutStopSec'))).toBeGreaterThan(30);
});

const systemd = spawnSync('systemd-analyze', ['--version'], { stdio: 'ignore' }).status === 0;
const lack = systemd ? '' : ' (skipped: no systemd-analyze)';

test.skipIf(!systemd)(`systemd-analyze finds no fault in the unit${lack}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'unit-'));
  try {
    const file = join(folder, 'orbweaver-agent.service');
    // Orbweaver itself need not be installed for this.
    writeFileSync(file, text.replace('ExecStart=orbweaver', 'ExecStart=/bin/true'));
    const run = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' });
    expect(run).toMatchObject({ status: 0, stdout: '', stderr: '' });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
