/** `npm run cluster -- up|status|down`, as one types it. */
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { runProcess } from '../../src/cli/walk/run-process.ts';
import { missingForNodes } from './support/cluster.ts';
import { machineState } from './support/machine-state.ts';
import { RunFolder } from './support/run-folder.ts';

const SCRIPT = join(import.meta.dirname, '../../scripts/cluster.ts');
/** The image is made anew. */
const UP_WAIT_MS = 600_000;
const MARK = 'orbweaver-cluster-kept';
const missing = [
  ...missingForNodes(),
  ...(RunFolder.kept() === undefined ? [] : ['a cluster is up already: npm run cluster -- down']),
];
const title = ['npm run cluster', ...missing].join(': ');

const command = (...args: string[]) => runProcess(process.execPath, [SCRIPT, ...args]);

describe.skipIf(missing.length > 0)(title, () => {
  afterAll(async () => {
    if (missing.length === 0) await command('down');
  });

  test('says how it is used', async () => {
    for (const args of [[], ['sideways'], ['up', 'No Node'], ['walk', 'nowhere']]) {
      const { exit, err } = await command(...args);
      expect(exit).toBe(2);
      expect(err).toContain('usage: npm run cluster');
    }
    expect((await command('status')).exit).toBe(1);
  });

  test(
    'up brings a cluster that stays, down takes all of it away',
    async () => {
      const before = machineState(MARK);
      const { exit, out, err } = await command('up', 'alpha');
      expect(err).toContain('ready');
      expect(exit).toBe(0);
      const shell = `${out.replace(/^kubectl.*$/m, '')}\nkubectl get nodes -o name\nkubectl -n orbweaver get ds,deploy -o name`;
      const answer = await runProcess('sh', ['-ec', shell]);
      expect(answer).toMatchObject({ exit: 0, err: '' });
      expect(answer.out.trim().split('\n')).toEqual([
        'node/alpha',
        'daemonset.apps/orbweaver-agent',
        'deployment.apps/orbweaver-controller',
      ]);

      const status = await command('status');
      expect(status.exit).toBe(0);
      expect(status.out).toMatch(/^kubelet-alpha +running +\d+$/m);
      expect((await command('up')).exit).toBe(1);
      const walk = await command('walk', 'namespace-affinity');
      expect(walk).toMatchObject({ exit: 1, out: '' });
      expect(walk.err).toContain('walks want 2 nodes');

      expect((await command('down')).exit).toBe(0);
      expect(machineState(MARK)).toEqual(before);
      expect((await command('down')).exit).toBe(0);
    },
    UP_WAIT_MS,
  );

  test(
    'walk goes through a tutorial on a cluster of its own, and takes it away',
    async () => {
      const { exit, out } = await command('walk', 'namespace-affinity');
      expect(out).toContain('  $ kubectl get se -n test-ns\n');
      expect(out).toMatch(/\n\nWalked in [\d.]+ s: as expected\.\n$/);
      expect(exit).toBe(0);
      expect(RunFolder.kept()).toBeUndefined();
    },
    UP_WAIT_MS,
  );
});
