/**
 * Choosing for a pod whose source is the cluster default, from annotations to candidates in order,
 * beside going through the pools and matching their selectors one by one.
 */
import { OrbweaverError } from '../src/catalogue/errors.ts';
import { Catalog } from '../src/choose/catalog.ts';
import { choose } from '../src/choose/choose.ts';
import type { Subject } from '../src/choose/subject.ts';
import type { Pool } from '../src/dialect/pool.ts';
import { SPIDERPOOL_CONF_DEFAULTS } from '../src/dialect/spiderpool-conf.ts';
import { Engine } from '../src/engine/engine.ts';
import { chooseByObjects, makePools, makeSubjects } from './default-source.ts';
import { type Bench, Checksum, type Row, type Size, type Target, takeTurns } from './harness.ts';

const SIZES: Readonly<Record<Size, { rounds: number; rows: number; objects: number }>> = {
  smoke: { rounds: 3, rows: 64, objects: 4 },
  full: { rounds: 25, rows: 2048, objects: 32 },
};

const POOLS: readonly { readonly count: number; readonly target: Target | undefined }[] = [
  { count: 100, target: undefined },
  { count: 1_000, target: { comparison: '≥', value: 20 } },
  { count: 10_000, target: { comparison: '≥', value: 50 } },
];

export const bench: Bench = {
  name: 'choose',
  async run(size) {
    const subjects = makeSubjects(512);
    const rows = POOLS.map(({ count, target }) => measure(count, target, subjects, size));
    const [smallest] = rows;
    const largest = rows.at(-1)!;
    rows.push({
      ...largest,
      work: 'the same for 10,000 pools against 100',
      beside: smallest!.ours,
      besideName: 'ours with 100 pools',
      ratio: largest.ours / smallest!.ours,
      target: { comparison: '≤', value: 10 },
    });
    return rows;
  },
};

function measure(
  count: number,
  target: Target | undefined,
  subjects: readonly Subject[],
  size: Size,
): Row {
  const { rounds, rows, objects } = SIZES[size];
  const pools = makePools(count);
  const engine = Engine.load();
  const catalog = new Catalog(engine);
  for (const pool of pools) {
    catalog.put(pool, engine.addPool(pool.ranges.words));
  }
  const checksum = compare(catalog, pools, subjects.slice(0, size === 'smoke' ? 32 : 512));
  // Only pods that get a pool: a refusal renders its reasons, which is another kind of work.
  const served = subjects.filter((subject) => chooseByObjects(pools, subject).length > 0);
  const each = (times: number, act: (subject: Subject) => void) => () => {
    for (let at = 0; at < times; at += 1) {
      act(served[at % served.length]!);
    }
  };
  const [ours, beside] = takeTurns(rounds, [
    { operations: rows, work: each(rows, (subject) => byRows(catalog, subject)) },
    { operations: objects, work: each(objects, (subject) => chooseByObjects(pools, subject)) },
  ]) as [number, number];
  return {
    work: `candidates of one pod, cluster default, ${count.toLocaleString('en-US')} pools`,
    ours,
    beside,
    besideName: 'matching objects one by one',
    unit: 'ns',
    ratio: beside / ours,
    target,
    checksum,
  };
}

function byRows(catalog: Catalog, subject: Subject): readonly Pool[] {
  const [item] = choose(catalog, SPIDERPOOL_CONF_DEFAULTS, subject).interfaces;
  return item!.families[0]!.candidates;
}

/** Both ways give the same candidates in the same order, or none; a checksum over them. */
function compare(catalog: Catalog, pools: readonly Pool[], subjects: readonly Subject[]): string {
  const checksum = new Checksum();
  for (const subject of subjects) {
    const expected = chooseByObjects(pools, subject);
    const found = namesOf(catalog, subject);
    if (found.join(' ') !== expected.join(' ')) {
      throw new Error(`different candidates for ${subject.pod!.name}`);
    }
    checksum.addAll(found.map((name) => Number(name.slice('pool-'.length))));
  }
  return checksum.toString();
}

function namesOf(catalog: Catalog, subject: Subject): string[] {
  try {
    return byRows(catalog, subject).map((pool) => pool.name);
  } catch (error) {
    if (error instanceof OrbweaverError && error.code === 'NO_POOL_AVAILABLE') {
      return [];
    }
    throw error;
  }
}
