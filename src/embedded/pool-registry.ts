/**
 * The applied objects that decide about addresses, read and indexed: pools of all dialects, reservations,
 * SpiderSubnets and settings. A cache: it is filled from the table and follows each write.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import type { PoolOverlaps } from '../dialect/admission-context.ts';
import {
  CALICO_IPAM_DEFAULTS,
  type CalicoIpamConfig,
  readCalicoPool,
  readIpamConfiguration,
  readIpReservation,
} from '../dialect/calico.ts';
import type { KindId } from '../dialect/kinds.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import type { Pool } from '../dialect/pool.ts';
import { PoolIndex } from '../dialect/pool-index.ts';
import { SpiderSubnetIndex } from '../dialect/spider-subnet-index.ts';
import { readReservedIp, readSpiderPool, readSpiderSubnet } from '../dialect/spiderpool.ts';
import {
  isSpiderpoolConf,
  readSpiderpoolConf,
  SPIDERPOOL_CONF_DEFAULTS,
  type SpiderpoolConf,
} from '../dialect/spiderpool-conf.ts';
import { readSpiderPoolV1 } from '../dialect/spiderpool-v1.ts';
import type { Family } from '../net/address.ts';
import { RangeSet } from '../net/range-set.ts';
import type { ObjectsTable } from './objects-table.ts';

/** The kinds whose objects are pools. */
export const POOL_KINDS = ['SpiderIPPool', 'SpiderpoolV1IPPool', 'CalicoIPPool'] as const;
export type PoolKind = (typeof POOL_KINDS)[number];

/** Whether objects of this kind are pools. */
export function isPoolKind(kind: KindId): kind is PoolKind {
  return (POOL_KINDS as readonly KindId[]).includes(kind);
}

/** Everything read from the table at one time. */
interface Contents {
  readonly pools: Map<string, { readonly kind: PoolKind; readonly pool: Pool }>;
  readonly index: PoolIndex;
  readonly subnets: SpiderSubnetIndex;
  readonly conf: SpiderpoolConf;
  readonly calico: CalicoSettings;
  /** Why objects were left out, one sentence each. */
  readonly problems: readonly string[];
}

interface CalicoSettings {
  readonly config: CalicoIpamConfig;
  /** The resourceVersion of the IPAMConfiguration; 0 where there is none. */
  readonly revision: number;
}

export class PoolRegistry {
  readonly #table: ObjectsTable;
  #contents: Contents | undefined;
  #list: readonly Pool[] | undefined;
  #reserved: Partial<Record<Family, RangeSet>> = {};
  #generation = 1;

  constructor(table: ObjectsTable) {
    this.#table = table;
  }

  /** Grows by one with every change. */
  get generation(): number {
    return this.#generation;
  }

  get conf(): SpiderpoolConf {
    return this.#read().conf;
  }

  /**
   * Stored objects that cannot be read, with the reason: an older version let them in. They take part in
   * nothing until they are applied again.
   */
  get problems(): readonly string[] {
    return this.#read().problems;
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
    let ranges = this.#reserved[family];
    if (ranges === undefined) {
      ranges = this.#readReserved(family);
      this.#reserved[family] = ranges;
    }
    return ranges;
  }

  /** Follows a write of an object; `object` is undefined where it was removed. */
  follow(kind: KindId, name: string, object: KubeObject | undefined): void {
    if (isPoolKind(kind)) {
      this.#followPool(kind, name, object);
    } else if (kind === 'SpiderReservedIP' || kind === 'CalicoIPReservation') {
      this.#reserved = {};
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
    this.#reserved = {};
    this.#generation += 1;
  }

  #followPool(kind: PoolKind, name: string, object: KubeObject | undefined): void {
    const contents = this.#read();
    const key = keyOf(kind, name);
    const before = contents.pools.get(key);
    if (object !== undefined) {
      const pool = poolOf(kind, object, contents.calico);
      contents.pools.set(key, { kind, pool });
      contents.index.put(pool);
    } else if (before !== undefined) {
      contents.pools.delete(key);
      contents.index.delete(before.pool.dialect, name);
    }
  }

  #followSubnet(name: string, object: KubeObject | undefined): void {
    if (object === undefined) {
      this.subnets.delete(name);
    } else {
      this.subnets.put(readSpiderSubnet(object));
    }
  }

  #read(): Contents {
    this.#contents ??= readContents(this.#table);
    return this.#contents;
  }

  #readReserved(family: Family): RangeSet {
    const spider = this.#table
      .list('SpiderReservedIP')
      .map(readReservedIp)
      .filter((reserved) => reserved.family === family && !reserved.terminating)
      .map((reserved) => reserved.ranges);
    const calico = this.#table
      .list('CalicoIPReservation')
      .map((object) => readIpReservation(object, family));
    const ranges = [...spider, ...calico].flatMap((set) => [...set.ranges()]);
    return RangeSet.of(ranges);
  }
}

function readContents(table: ObjectsTable): Contents {
  const problems: string[] = [];
  const configuration = table.list('CalicoIPAMConfiguration')[0];
  const contents: Contents = {
    pools: new Map(),
    index: new PoolIndex(),
    subnets: new SpiderSubnetIndex(),
    conf:
      readable(problems, () =>
        readSpiderpoolConf(table.list('ConfigMap').find(isSpiderpoolConf)),
      ) ?? SPIDERPOOL_CONF_DEFAULTS,
    calico: {
      config:
        readable(problems, () => readIpamConfiguration(configuration)) ?? CALICO_IPAM_DEFAULTS,
      revision: Number(configuration?.metadata.resourceVersion ?? 0),
    },
    problems,
  };
  for (const kind of POOL_KINDS) {
    for (const object of table.list(kind)) {
      const pool = readable(problems, () => poolOf(kind, object, contents.calico));
      if (pool !== undefined) {
        contents.pools.set(keyOf(kind, pool.name), { kind, pool });
        contents.index.put(pool);
      }
    }
  }
  for (const object of table.list('SpiderSubnet')) {
    readable(problems, () => contents.subnets.put(readSpiderSubnet(object)));
  }
  return contents;
}

function readable<T>(problems: string[], read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof OrbweaverError)) {
      throw error;
    }
    problems.push(error.message);
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

function keyOf(kind: PoolKind, name: string): string {
  return `${kind}/${name}`;
}

function isConfName(kind: KindId, name: string): boolean {
  return isSpiderpoolConf({ apiVersion: 'v1', kind, metadata: { name } });
}

function byName(a: Pool, b: Pool): number {
  const order = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0);
  return order(a.name, b.name) || order(a.dialect, b.dialect);
}
