/** The fifth tutorial comes out as it is written: fixed pools, node affinity, all affinities. */
import { beforeAll, describe, expect, test } from 'vitest';
import { Told } from './told.ts';
import { WalkProcess } from './walk-process.ts';

const LONG_MS = 120_000;

/** The walk of one part, to its end. */
function telling(part: string): () => Told {
  let told: Told;
  beforeAll(async () => {
    const walk = new WalkProcess(`pool-instructions/${part}`, '--once', '--no-netns');
    const exit = await walk.exit;
    const { output } = walk;
    expect({ exit, output }).toMatchObject({ exit: 0 });
    expect(output).not.toContain('NOT AS EXPECTED');
    walk.expectNothingLeft();
    told = new Told(output);
  }, LONG_MS);
  return () => told;
}

describe('fixed:', () => {
  const told = telling('fixed');

  test('pods that are made anew have the two addresses of the pool', () => {
    const addresses = told().addressesOf('workload01-');
    expect(addresses.slice(0, 2).toSorted()).toEqual(['10.6.124.200', '10.6.124.201']);
    expect(addresses.slice(2).toSorted()).toEqual(['10.6.124.200', '10.6.124.201']);
  });
});

describe('node-affinity:', () => {
  const told = telling('node-affinity');

  test('a workload on every node has the pool of each, bound ones have their own', () => {
    const rows = cellsOf(told().all('get se').at(-1)!);
    const pools = Object.fromEntries(rows.map((row) => [row.node, row.pool]));
    expect(rows).toHaveLength(10);
    expect(pools).toEqual({
      'worker-1': 'dc1-subnet1-ippool',
      'worker-2': 'dc1-subnet2-ippool',
      'worker-3': 'dc2-ippool',
    });
    const only = (name: string) =>
      new Set(rows.filter((row) => row.name.startsWith(name)).map((row) => row.node));
    expect(only('only-dc1-subnet2')).toEqual(new Set(['worker-2']));
    expect(only('only-dc2')).toEqual(new Set(['worker-3']));
    expect(only('everywhere').size).toBe(3);
  });
});

describe('all-affinities:', () => {
  const told = telling('all-affinities');

  test('one of eight combinations passes', () => {
    const adds = [...told().output.matchAll(/^ *ADD +\S+\/(dc\S+) +\d+ ms +(\S+)/gm)];
    expect(adds).toHaveLength(8);
    const passed = adds.filter((match) => match[2] !== 'refused,');
    expect(passed.map((match) => match[1])).toEqual(['dc1-default-workload01']);
    expect(cellsOf(told().of('get se -A'))).toHaveLength(1);
  });

  test('explain names the affinity that says no, and the label', () => {
    const granted = told().of('explain pod dc1-default-workload01');
    expect(granted.find((line) => line.includes('all-affinities-ippool  '))).toMatch(/candidate/);
    const refused = told().of('explain pod dc2-other-workload02 -n other').join('\n');
    expect(refused).toContain('Next address: none');
    expect(refused).toContain('label topology.kubernetes.io/region is "dc2", wanted In [dc1]');
  });
});

describe('subdivide:', () => {
  const told = telling('subdivide');

  test('pools inside the pool are refused, each naming the other and its addresses', () => {
    const lines = told().of('apply -f subdivide/refused.yaml');
    expect(lines).toEqual([
      expect.stringContaining(
        '"ippool01-workload01" is invalid: spec.ips: Forbidden: overlap with IPPool ippool01 in IP ranges [10.6.124.10-10.6.124.19]',
      ),
      expect.stringContaining(
        '"ippool01-workload02" is invalid: spec.ips: Forbidden: overlap with IPPool ippool01 in IP ranges [10.6.124.20-10.6.124.29]',
      ),
    ]);
    expect(told().all('get sp')[1]).toEqual(told().all('get sp')[0]);
  });

  test('pools beside the pool serve one workload each', () => {
    expect(told().addressesOf('workload01-').toSorted()).toEqual(['10.6.124.10', '10.6.124.11']);
    expect(told().addressesOf('workload02-').toSorted()).toEqual(['10.6.124.20', '10.6.124.21']);
  });
});

/** The rows of `get se` in this tutorial, which has no IPv6. */
function cellsOf(lines: readonly string[]): { name: string; pool: string; node: string }[] {
  const rows = lines.slice(1).map((line) => line.trim().split(/\s+/));
  return rows.map((row) => {
    const at = row.indexOf('eth0');
    return { name: row[at - 1]!, pool: row[at + 1]!, node: row[at + 3]! };
  });
}
