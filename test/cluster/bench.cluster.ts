/** The benchmarks of bench/cluster in their small form: they run, and compute the same twice. */
import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Bench, table } from '../../bench/harness.ts';
import { missingParts } from './support/missing-parts.ts';

const FOLDER = new URL('../../bench/cluster/', import.meta.url);
const files = readdirSync(FOLDER).filter((name) => name.endsWith('.bench.ts'));
const missing = missingParts(['etcd', 'kube-apiserver', 'kubectl']);
const title = ['benchmarks on a real API server', ...missing].join(': ');

describe.skipIf(missing.length > 0)(title, () => {
  test.each(files)(
    '%s',
    async (file) => {
      const { bench } = (await import(new URL(file, FOLDER).href)) as { bench: Bench };
      const first = await bench.run('smoke');
      const second = await bench.run('smoke');
      expect(first.length).toBeGreaterThan(0);
      expect(second.map((row) => row.checksum)).toEqual(first.map((row) => row.checksum));
      expect(first.every((row) => /^[0-9a-f/]+$/.test(row.checksum))).toBe(true);
      expect(table(first).split('\n')).toHaveLength(first.length + 2);
    },
    300_000,
  );
});
