/** Whatever ends the owner of a cluster, nothing of the cluster outlives it but a folder, which the next one clears. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { missingForNodes } from './support/cluster.ts';
import { machineState } from './support/machine-state.ts';
import { isRunning } from './support/process-identity.ts';
import { clearStale, RunFolder } from './support/run-folder.ts';

const missing = missingForNodes();
const title = ['the owner of a cluster', ...missing].join(': ');
const PROGRAM = join(import.meta.dirname, 'support/owner-program.ts');
const SOON = { timeout: 30_000, interval: 50 };

describe.skipIf(missing.length > 0)(title, () => {
  let owner: ChildProcess | undefined;
  afterEach(() => owner?.kill('SIGKILL'));

  test.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)('is ended by %s', async (signal) => {
    const before = machineState('orbweaver-cluster-none');
    owner = spawn(process.execPath, [PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [printed] = (await once(owner.stdout!, 'data')) as [Buffer];
    const folder = printed.toString('utf8').trim();
    const processes = [...RunFolder.all()]
      .filter(({ path }) => path === folder)
      .flatMap((run) => [...run.processes().values()]);
    expect(processes.length).toBeGreaterThan(7);
    const ended = once(owner, 'exit');
    owner.kill(signal);
    await ended;
    await expect.poll(() => processes.filter(isRunning), SOON).toEqual([]);
    await clearStale();
    expect(existsSync(folder)).toBe(false);
    expect(machineState(basename(folder))).toEqual(before);
  });
});
