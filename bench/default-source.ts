/**
 * The work of choose.bench.ts: default pools with selectors over 16 label keys of 50 values each, 1
 * to 3 requirements a pool spread over its classes; pods with 8 labels, nodes and namespaces with
 * 6.
 */
import type { Subject } from '../src/choose/subject.ts';
import type { Affinity, Pool } from '../src/dialect/pool.ts';
import { parseCidr } from '../src/net/cidr.ts';
import { RangeSet } from '../src/net/range-set.ts';
import type { Requirement } from '../src/selector/requirement.ts';
import { matches } from '../src/selector/selector.ts';

const KEYS = 16;
const VALUES = 50;
const CLASSES = ['node', 'namespace', 'pod'] as const;

/** xorshift32: the same numbers in every run. */
export function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** `count` IPv4 default pools without addresses. */
export function makePools(count: number): Pool[] {
  const next = random(2463534242);
  const { cidr } = parseCidr('10.0.0.0/8')!;
  return Array.from({ length: count }, (_, at): Pool => {
    const byClass = { node: [], namespace: [], pod: [] } as Record<
      (typeof CLASSES)[number],
      Requirement[]
    >;
    for (let left = 1 + next(3); left > 0; left -= 1) {
      byClass[CLASSES[next(3)]!].push(makeRequirement(next));
    }
    return {
      dialect: 'spiderpool',
      name: `pool-${String(at).padStart(5, '0')}`,
      revision: 1,
      family: 4,
      subnet: cidr,
      ranges: RangeSet.empty,
      gateway: undefined,
      routes: [],
      vlan: undefined,
      isDefault: true,
      disabled: false,
      terminating: false,
      node: affinityOf(byClass.node),
      namespace: affinityOf(byClass.namespace),
      pod: affinityOf(byClass.pod),
      multusNames: [],
      restMs: undefined,
      calico: undefined,
    };
  });
}

function makeRequirement(next: (below: number) => number): Requirement {
  const key = `key-${next(KEYS)}`;
  const value = () => `value-${next(VALUES)}`;
  switch (next(20)) {
    case 0:
      return { key, operator: 'Exists', values: [] };
    case 1:
      return { key, operator: 'NotIn', values: [value(), value()] };
    default:
      return { key, operator: 'In', values: [value()] };
  }
}

function affinityOf(requirements: readonly Requirement[]): Affinity {
  return requirements.length === 0
    ? { kind: 'any' }
    : { kind: 'selector', selector: { kind: 'requirements', requirements, text: '' } };
}

/** Different pods on few nodes and in few namespaces, none with an annotation about pools. */
export function makeSubjects(count: number): Subject[] {
  const next = random(88172645);
  const labels = (size: number) =>
    Object.fromEntries(
      Array.from({ length: size }, () => [`key-${next(KEYS)}`, `value-${next(VALUES)}`]),
    );
  const things = (kind: string, size: number) =>
    Array.from({ length: size }, (_, at) => ({
      name: `${kind}-${at}`,
      labels: labels(6),
      annotations: {},
    }));
  const nodes = things('node', 10);
  const namespaces = things('namespace', 10);
  return Array.from({ length: count }, (_, at): Subject => {
    const namespace = namespaces[next(10)]!;
    const node = nodes[next(10)]!;
    return {
      calledAs: 'spiderpool',
      pod: {
        namespace: namespace.name,
        name: `pod-${at}`,
        uid: `uid-${at}`,
        node: node.name,
        labels: labels(8),
        annotations: { 'kubernetes.io/config.source': 'api' },
        dead: false,
        controller: { kind: 'Pod', name: `pod-${at}` },
      },
      namespace,
      node,
      interfaceName: 'eth0',
      wishes: {
        ipv4Pools: undefined,
        ipv6Pools: undefined,
        cleanGateway: false,
        assignIpv4: undefined,
        assignIpv6: undefined,
        addresses: [],
      },
    };
  });
}

/** The candidates' names by going through the pools one by one and matching each selector. */
export function chooseByObjects(pools: readonly Pool[], subject: Subject): string[] {
  const found: Pool[] = [];
  for (const pool of pools) {
    if (pool.isDefault && pool.family === 4 && !pool.terminating && !pool.disabled) {
      if (takes(pool.node, subject.node) && takes(pool.namespace, subject.namespace!)) {
        if (takes(pool.pod, subject.pod!)) {
          found.push(pool);
        }
      }
    }
  }
  return found.sort(bySpecificity).map((pool) => pool.name);
}

function takes(
  affinity: Affinity,
  object: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
): boolean {
  switch (affinity.kind) {
    case 'any':
      return true;
    case 'names':
      return affinity.names.includes(object.name);
    case 'selector':
      return matches(affinity.selector, object.labels);
  }
}

function bySpecificity(a: Pool, b: Pool): number {
  for (const name of ['pod', 'node', 'namespace'] as const) {
    const difference = Number(b[name].kind !== 'any') - Number(a[name].kind !== 'any');
    if (difference !== 0) {
      return difference;
    }
  }
  return a.name < b.name ? -1 : 1;
}
