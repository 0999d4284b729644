/** Generated pools, edits and subjects: choosing by rows against matching objects one by one. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OrbweaverError } from '../../src/catalogue/errors.ts';
import { Catalog } from '../../src/choose/catalog.ts';
import { choose } from '../../src/choose/choose.ts';
import type { Pool } from '../../src/dialect/pool.ts';
import { AFFINITY, type SlowAffinity, THING, type Thing } from '../support/affinities.ts';
import { ENGINES } from '../support/engines.ts';
import { spiderPool } from '../support/pools.ts';
import { confOf, subjectOf } from '../support/subjects.ts';

const STANDARD = 'failed to allocate IP addresses in standard mode: ';
const CLASSES = ['node', 'namespace', 'pod'] as const;
const LABELS = { node: 'Node', namespace: 'Namespace', pod: 'Pod' };

interface SlowPool {
  readonly pool: Pool;
  readonly affinities: Readonly<Record<(typeof CLASSES)[number], SlowAffinity>>;
}

type Things = Readonly<Record<(typeof CLASSES)[number], Thing>>;

/** A list as the CNI config has it, or the cluster's default pools. */
type Source = readonly string[] | 'default';

const rarely = fc.nat(7).map((number) => number === 0);
const often = fc.nat(3).map((number) => number > 0);

// Pods have no name lists: nothing in any dialect says so.
const podAffinity = AFFINITY.filter(({ affinity }) => affinity.kind !== 'names');

const slowPool: fc.Arbitrary<SlowPool> = fc
  .record({
    name: fc.constantFrom('p1', 'p2', 'p3', 'p4', 'q1', 'q2'),
    six: fc.boolean(),
    isDefault: often,
    disabled: rarely,
    terminating: rarely,
    node: AFFINITY,
    namespace: AFFINITY,
    pod: podAffinity,
  })
  .map(({ name, six, node, namespace, pod, ...flags }) => ({
    affinities: { node, namespace, pod },
    pool: spiderPool(name, {
      ...flags,
      ...(six ? { subnet: 'fd00::/64', ips: ['fd00::1'] } : {}),
      node: node.affinity,
      namespace: namespace.affinity,
      pod: pod.affinity,
    }),
  }));

const source: fc.Arbitrary<Source> = fc.oneof(
  fc.constant('default' as const),
  fc.uniqueArray(fc.constantFrom('p1', 'p2', 'p3', 'q1'), { minLength: 1 }),
  fc.constantFrom(['p*'], ['q?', 'p[1-3]'], ['*']),
);

const step = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), slow: slowPool }),
  fc.record({ kind: fc.constant('put' as const), slow: slowPool }),
  fc.record({ kind: fc.constant('remove' as const), name: fc.constantFrom('p1', 'p2', 'q1') }),
  fc.record({
    kind: fc.constant('ask' as const),
    source,
    // Few things, so that the same one is asked about before and after an edit.
    node: fc.nat(1),
    namespace: fc.nat(1),
    pod: fc.nat(1),
  }),
);

/** Candidate names by family, or the message of the refusal. */
type Outcome = Readonly<Record<string, readonly string[]>> | string;

function slowChoose(pools: ReadonlyMap<string, SlowPool>, from: Source, things: Things): Outcome {
  const outcome: Record<string, readonly string[]> = {};
  for (const family of [4, 6] as const) {
    const listed = slowList(pools, from, family);
    if (typeof listed === 'string') {
      return listed;
    }
    if (listed.length === 0) {
      continue;
    }
    const reasons = listed.map((slow) => slowReason(slow, family, things));
    const candidates = listed.filter((_slow, at) => reasons[at] === undefined);
    if (candidates.length === 0) {
      const distinct = [...new Set(reasons)];
      const tail = distinct.length === 1 ? distinct[0] : `[${distinct.join(', ')}]`;
      const names = listed.map(({ pool }) => pool.name).join(' ');
      return `${STANDARD}no IPPool available, all IPv${family} IPPools [${names}] of eth0 filtered out: ${tail}`;
    }
    outcome[family] = (from === 'default' ? candidates.sort(bySpecificity) : candidates).map(
      ({ pool }) => pool.name,
    );
  }
  if (Object.keys(outcome).length > 0) {
    return outcome;
  }
  return from === 'default'
    ? `${STANDARD}no IPPool available, no pool selection rules of any type are specified`
    : `${STANDARD}no IPPool available, the pool selection rule names no IPPool for eth0`;
}

function slowList(
  pools: ReadonlyMap<string, SlowPool>,
  from: Source,
  family: 4 | 6,
): SlowPool[] | string {
  const ofFamily = [...pools.values()]
    .filter(({ pool }) => pool.family === family)
    .sort((a, b) => (a.pool.name < b.pool.name ? -1 : 1));
  if (from === 'default') {
    return ofFamily.filter(({ pool }) => pool.isDefault);
  }
  // Only IPv4 is named, so that IPv6 pools in the list have a reason to be refused.
  const found: SlowPool[] = [];
  for (const name of family === 4 ? from : []) {
    if (/[*?[]/.test(name)) {
      const pattern = new RegExp(`^${name.replace('*', '.*').replace('?', '.')}$`);
      found.push(...ofFamily.filter(({ pool }) => pattern.test(pool.name)).sort(bySpecificity));
    } else {
      const slow = pools.get(name);
      if (slow === undefined) {
        return `${STANDARD}failed to get original IPPool ${name}: SpiderIPPool.spiderpool.spidernet.io "${name}" not found`;
      }
      found.push(slow);
    }
  }
  return found;
}

function slowReason({ pool, affinities }: SlowPool, family: 4 | 6, things: Things) {
  if (pool.terminating) {
    return `terminating IPPool ${pool.name}`;
  }
  if (pool.disabled) {
    return `disabled IPPool ${pool.name}`;
  }
  if (pool.family !== family) {
    return `expect an IPv${family} IPPool, but the version of the IPPool ${pool.name} is IPv${pool.family}`;
  }
  const refusing = CLASSES.find((name) => !affinities[name].takes(things[name]));
  return (
    refusing &&
    `unmatched ${LABELS[refusing]} ${pool[refusing].kind === 'names' ? 'name' : 'affinity'} of IPPool ${pool.name}`
  );
}

function bySpecificity({ pool: a }: SlowPool, { pool: b }: SlowPool): number {
  const properties = (pool: Pool) => [
    pool.pod.kind !== 'any',
    pool.node.kind === 'names',
    pool.node.kind === 'selector',
    pool.namespace.kind === 'names',
    pool.namespace.kind === 'selector',
  ];
  const mine = properties(a);
  const theirs = properties(b);
  const at = mine.findIndex((has, index) => has !== theirs[index]);
  return at < 0 ? (a.name < b.name ? -1 : 1) : mine[at] ? -1 : 1;
}

function outcomeOf(catalog: Catalog, from: Source, things: Things): Outcome {
  const plain = subjectOf({ wishes: from === 'default' ? {} : { ipv4Pools: from } });
  const subject = {
    ...plain,
    node: { ...things.node, annotations: {} },
    namespace: { ...things.namespace, annotations: {} },
    pod: { ...plain.pod!, labels: things.pod.labels },
  };
  try {
    const [first] = choose(catalog, confOf(), subject).interfaces;
    return Object.fromEntries(
      first!.families.map((family) => [family.family, family.candidates.map((pool) => pool.name)]),
    );
  } catch (error) {
    if (error instanceof OrbweaverError) {
      return error.message;
    }
    throw error;
  }
}

describe.each(ENGINES)('choosing on %s', (_name, makeEngine) => {
  test('is what matching objects one by one is, over generated pools, edits and subjects', () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 3, maxLength: 25, size: 'max' }),
        fc.array(THING, { minLength: 6, maxLength: 6 }),
        (steps, all) => {
          const engine = makeEngine();
          const catalog = new Catalog(engine);
          const pools = new Map<string, SlowPool>();
          for (const next of steps) {
            if (next.kind === 'put') {
              const { pool } = next.slow;
              const old = pools.get(pool.name);
              const handle = old && catalog.handleOf(old.pool);
              catalog.put(pool, handle ?? engine.addPool(pool.ranges.words));
              pools.set(pool.name, next.slow);
            } else if (next.kind === 'ask') {
              const things = {
                node: all[next.node]!,
                namespace: all[2 + next.namespace]!,
                pod: all[4 + next.pod]!,
              };
              const expected = slowChoose(pools, next.source, things);
              expect(outcomeOf(catalog, next.source, things)).toEqual(expected);
            } else {
              const old = pools.get(next.name);
              const handle = old && catalog.handleOf(old.pool);
              if (old !== undefined && handle !== undefined) {
                catalog.remove(old.pool);
                engine.removePool(handle);
                pools.delete(next.name);
              }
            }
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});
