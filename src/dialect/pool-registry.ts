/**
 * The objects that decide about addresses, read and indexed: pools of all dialects, reservations,
 * SpiderSubnets and settings. A cache: it is filled from a source of objects and follows each change there.
 *
 * An object that cannot be read takes part in nothing, and is named (`problems`): an older version let it into
 * the store, or the API server took it while nobody checked it.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import type { Family } from '../net/address.ts';
import { RangeSet } from '../net/range-set.ts';
import type { PoolOverlaps } from './admission-context.ts';
import {
  CALICO_IPAM_DEFAULTS,
  type CalicoIpamConfig,
  readCalicoPool,
  readIpamConfiguration,
  readIpReservation,
} from './calico.ts';
import type { KindId } from './kinds.ts';
import type { KubeObject } from './kube-object.ts';
import type { Pool } from './pool.ts';
import { PoolIndex } from './pool-index.ts';
import { SpiderSubnetIndex } from './spider-subnet-index.ts';
import { readReservedIp, readSpiderPool, readSpiderSubnet } from './spiderpool.ts';
import {
  isSpiderpoolConf,
  readSpiderpoolConf,
  SPIDERPOOL_CONF_DEFAULTS,
  type SpiderpoolConf,
} from './spiderpool-conf.ts';
import { readSpiderPoolV1 } from './spiderpool-v1.ts';

/** The kinds whose objects are pools. */
export const POOL_KINDS = ['SpiderIPPool', 'SpiderpoolV1IPPool', 'CalicoIPPool'] as const;
export type PoolKind = (typeof POOL_KINDS)[number];

/** Whether objects of this kind are pools. */
export function isPoolKind(kind: KindId): kind is PoolKind {
  return (POOL_KINDS as readonly KindId[]).includes(kind);
}

/** Where the objects are. */
export interface PoolSource {
  /** All objects of a kind, in any order. */
  list(kind: KindId): readonly KubeObject[];
}

/** Everything read from the source at one time. */
interface Contents {
  readonly pools: Map<string, { readonly kind: PoolKind; readonly pool: Pool }>;
  readonly index: PoolIndex;
  readonly subnets: SpiderSubnetIndex;
  readonly conf: SpiderpoolConf;
  readonly calico: CalicoSettings;
  /** By kind and name: why the object was left out, in one sentence. */
  readonly problems: Map<string, string>;
}

interface CalicoSettings {
  readonly config: CalicoIpamConfig;
  /** The resourceVersion of the IPAMConfiguration; 0 where there is none. */
  readonly revision: number;
}

export class PoolRegistry {
  readonly #source: PoolSource;
  #contents: Contents | undefined;
  #list: readonly Pool[] | undefined;
  #reserved: Reserved | undefined;
  #generation = 1;

  constructor(source: PoolSource) {
    this.#source = source;
  }

  /** Grows by one with every change. */
  get generation(): number {
    return this.#generation;
  }

  get conf(): SpiderpoolConf {
    return this.#read().conf;
  }

  /**
   * Objects that cannot be read, with the reason, one sentence each. They take part in nothing until they are
   * changed.
   */
  get problems(): readonly string[] {
    return [...this.#read().problems.values(), ...this.#readReserved().problems];
  }

  /** For the overlap rules of admission. */
  get overlaps(): PoolOverlaps {
    return this.#read().index;
  }

  get subnets(): SpiderSubnetIndex {
    return this.#read().subnets;
  }

  /** All pools by name, then dialect. The same list until something changes. */
  pools(): readonly Pool[] {
    this.#list ??= Array.from(this.#read().pools.values(), ({ pool }) => pool).sort(byName);
    return this.#list;
  }

  /** How many pools there are. */
  get poolCount(): number {
    return this.#read().pools.size;
  }

  /** The pool that an object of this kind and name describes. */
  pool(kind: PoolKind, name: string): Pool | undefined {
    return this.#read().pools.get(keyOf(kind, name))?.pool;
  }

  /** Kinds and names of the pools that are being deleted. */
  terminating(): { readonly kind: PoolKind; readonly name: string }[] {
    return [...this.#read().pools.values()]
      .filter(({ pool }) => pool.terminating)
      .map(({ kind, pool }) => ({ kind, name: pool.name }));
  }

  /** Addresses that no automatic claim may take. */
  reserved(family: Family): RangeSet {
    return this.#readReserved()[family];
  }

  /** Follows a change of an object; `object` is undefined where it was removed. */
  follow(kind: KindId, name: string, object: KubeObject | undefined): void {
    if (isPoolKind(kind)) {
      this.#followPool(kind, name, object);
    } else if (kind === 'SpiderReservedIP' || kind === 'CalicoIPReservation') {
      this.#reserved = undefined;
    } else if (kind === 'SpiderSubnet') {
      this.#followSubnet(name, object);
      return;
    } else if (kind === 'CalicoIPAMConfiguration' || isConfName(kind, name)) {
      // Settings reach into every pool, and they change rarely: read everything again.
      this.#contents = undefined;
    } else {
      return;
    }
    this.#list = undefined;
    this.#generation += 1;
  }

  /** Drops everything, because what was followed was taken back. */
  forget(): void {
    this.#contents = undefined;
    this.#list = undefined;
    this.#reserved = undefined;
    this.#generation += 1;
  }

  #followPool(kind: PoolKind, name: string, object: KubeObject | undefined): void {
    const contents = this.#read();
    const key = keyOf(kind, name);
    const before = contents.pools.get(key);
    contents.problems.delete(key);
    const pool =
      object && readable(contents.problems, key, () => poolOf(kind, object, contents.calico));
    if (pool !== undefined) {
      contents.pools.set(key, { kind, pool });
      contents.index.put(pool);
    } else if (before !== undefined) {
      contents.pools.delete(key);
      contents.index.delete(before.pool.dialect, name);
    }
  }

  #followSubnet(name: string, object: KubeObject | undefined): void {
    const { subnets, problems } = this.#read();
    const key = keyOf('SpiderSubnet', name);
    problems.delete(key);
    const subnet = object && readable(problems, key, () => readSpiderSubnet(object));
    if (subnet === undefined) {
      subnets.delete(name);
    } else {
      subnets.put(subnet);
    }
  }

  #read(): Contents {
    this.#contents ??= readContents(this.#source);
    return this.#contents;
  }

  #readReserved(): Reserved {
    this.#reserved ??= readReserved(this.#source);
    return this.#reserved;
  }
}

/** What no automatic claim may take, by family, and which reservations could not be read. */
interface Reserved extends Readonly<Record<Family, RangeSet>> {
  readonly problems: readonly string[];
}

function readReserved(source: PoolSource): Reserved {
  const problems = new Map<string, string>();
  const sets = { 4: [] as RangeSet[], 6: [] as RangeSet[] };
  for (const object of source.list('SpiderReservedIP')) {
    const key = keyOf('SpiderReservedIP', object.metadata.name);
    const reserved = readable(problems, key, () => readReservedIp(object));
    if (reserved !== undefined && !reserved.terminating) {
      sets[reserved.family].push(reserved.ranges);
    }
  }
  for (const object of source.list('CalicoIPReservation')) {
    const key = keyOf('CalicoIPReservation', object.metadata.name);
    const both = readable(problems, key, () => ({
      4: readIpReservation(object, 4),
      6: readIpReservation(object, 6),
    }));
    if (both !== undefined) {
      sets[4].push(both[4]);
      sets[6].push(both[6]);
    }
  }
  const union = (family: Family) => RangeSet.of(sets[family].flatMap((set) => [...set.ranges()]));
  return { 4: union(4), 6: union(6), problems: [...problems.values()] };
}

function readContents(source: PoolSource): Contents {
  const problems = new Map<string, string>();
  const configuration = source.list('CalicoIPAMConfiguration')[0];
  const confMap = source.list('ConfigMap').find(isSpiderpoolConf);
  const conf = readable(problems, 'ConfigMap', () => readSpiderpoolConf(confMap));
  const config = readable(problems, 'CalicoIPAMConfiguration', () =>
    readIpamConfiguration(configuration),
  );
  const contents: Contents = {
    pools: new Map(),
    index: new PoolIndex(),
    subnets: new SpiderSubnetIndex(),
    conf: conf ?? SPIDERPOOL_CONF_DEFAULTS,
    calico: {
      config: config ?? CALICO_IPAM_DEFAULTS,
      revision: Number(configuration?.metadata.resourceVersion ?? 0),
    },
    problems,
  };
  for (const kind of POOL_KINDS) {
    for (const object of source.list(kind)) {
      const key = keyOf(kind, object.metadata.name);
      const pool = readable(problems, key, () => poolOf(kind, object, contents.calico));
      if (pool !== undefined) {
        contents.pools.set(key, { kind, pool });
        contents.index.put(pool);
      }
    }
  }
  for (const object of source.list('SpiderSubnet')) {
    const key = keyOf('SpiderSubnet', object.metadata.name);
    readable(problems, key, () => contents.subnets.put(readSpiderSubnet(object)));
  }
  return contents;
}

function readable<T>(problems: Map<string, string>, key: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof OrbweaverError)) {
      throw error;
    }
    problems.set(key, error.message);
    return undefined;
  }
}

/**
 * The resourceVersion is the revision: a pool that was deleted and made again begins with generation 1 again
 * but never with an old resourceVersion. Settings that reach into the pool count as an edit of it.
 */
function poolOf(kind: PoolKind, object: KubeObject, calico: CalicoSettings): Pool {
  const revision = Number(object.metadata.resourceVersion);
  switch (kind) {
    case 'SpiderIPPool':
      return { ...readSpiderPool(object), revision };
    case 'SpiderpoolV1IPPool':
      return { ...readSpiderPoolV1(object), revision };
    case 'CalicoIPPool': {
      const pool = readCalicoPool(object, calico.config);
      return { ...pool, revision: Math.max(revision, calico.revision) };
    }
  }
}

function keyOf(kind: KindId, name: string): string {
  return `${kind}/${name}`;
}

function isConfName(kind: KindId, name: string): boolean {
  return isSpiderpoolConf({ apiVersion: 'v1', kind, metadata: { name } });
}

function byName(a: Pool, b: Pool): number {
  const order = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0);
  return order(a.name, b.name) || order(a.dialect, b.dialect);
}
