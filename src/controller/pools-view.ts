/**
 * The pools of all dialects and what reaches into them, followed by watches, and the pool that a claim is from.
 */
import { isDeepStrictEqual } from 'node:util';
import type { KindId } from '../dialect/kinds.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import type { Pool } from '../dialect/pool.ts';
import { isPoolKind, POOL_KINDS, type PoolKind, PoolRegistry } from '../dialect/pool-registry.ts';
import { SPIDERPOOL_CONF_NAME } from '../dialect/spiderpool-conf.ts';
import type { Line } from '../ipam/ports.ts';
import { withoutManagedFields } from '../kube/kept-form.ts';
import { type Address, familyOf } from '../net/address.ts';
import { type Cidr, cidrContains, cidrOf } from '../net/cidr.ts';
import type { ClusterAccess, Feed } from './access.ts';

const KINDS: readonly KindId[] = [
  ...POOL_KINDS,
  'SpiderSubnet',
  'SpiderReservedIP',
  'CalicoIPReservation',
  'CalicoIPAMConfiguration',
  'ConfigMap',
];

export interface PoolName {
  readonly kind: PoolKind;
  readonly name: string;
}

export class PoolsView {
  readonly registry: PoolRegistry;
  readonly #feeds: ReadonlyMap<KindId, Feed>;

  /**
   * `onChange`: a pool's object changed, and with `spec` what it says; without a pool, something that reaches
   * into all of them.
   */
  constructor(
    access: ClusterAccess,
    onChange: (pool: PoolName | undefined, spec: boolean) => void,
  ) {
    const feeds = new Map<KindId, Feed>();
    this.#feeds = feeds;
    this.registry = new PoolRegistry({ list: (kind) => feeds.get(kind)?.list() ?? [] });
    for (const kind of KINDS) {
      const feed = access.follow(kind, {
        keep: withoutManagedFields,
        ...(kind === 'ConfigMap' ? { fieldSelector: `metadata.name=${SPIDERPOOL_CONF_NAME}` } : {}),
        onChange: ({ name }, object, before) => {
          const same = isDeepStrictEqual(saidBy(object), saidBy(before));
          if (!same) {
            this.registry.follow(kind, name, object);
          }
          onChange(isPoolKind(kind) ? { kind, name } : undefined, !same);
        },
      });
      feeds.set(kind, feed);
    }
  }

  /** Resolves when every list was read once. */
  async synced(): Promise<void> {
    await Promise.all(Array.from(this.#feeds.values(), (feed) => feed.synced));
  }

  close(): void {
    for (const feed of this.#feeds.values()) {
      feed.close();
    }
  }

  /** The object as last seen. */
  object({ kind, name }: PoolName): KubeObject | undefined {
    return this.#feeds.get(kind)?.get('', name);
  }

  /** The pool that it describes, or undefined where it cannot be read. */
  pool({ kind, name }: PoolName): Pool | undefined {
    return this.registry.pool(kind, name);
  }

  /** All pools that there are objects of. */
  names(): PoolName[] {
    return POOL_KINDS.flatMap((kind) =>
      (this.#feeds.get(kind)?.list() ?? []).map(({ metadata }) => ({ kind, name: metadata.name })),
    );
  }

  /** Those of one name, at most one of each dialect. */
  named(name: string): PoolName[] {
    return POOL_KINDS.map((kind) => ({ kind, name })).filter(
      (pool) => this.object(pool) !== undefined,
    );
  }

  /** The pool that a line's address was given from, or undefined where it was deleted. */
  poolOf(line: Line): Pool | undefined {
    return this.named(line.pool)
      .map((name) => this.pool(name))
      .find((pool) => pool !== undefined && cidrContains(pool.subnet, line.address));
  }

  /** Whether a pool of Calico's is cut into units of which this is one; true where one of them cannot be read. */
  hasUnit(unit: Cidr): boolean {
    return (this.#feeds.get('CalicoIPPool')?.list() ?? []).some(({ metadata }) => {
      const pool = this.pool({ kind: 'CalicoIPPool', name: metadata.name });
      return (
        pool === undefined ||
        (pool.calico?.blockSize === unit.prefix && cidrContains(pool.subnet, unit.first))
      );
    });
  }

  /** Whether any pool has the address, whatever its name. */
  covers(address: Address): boolean {
    const alone = cidrOf(address, familyOf(address) === 4 ? 32 : 128);
    for (const _ of this.registry.overlaps.poolsOverlapping(alone)) {
      return true;
    }
    return false;
  }
}

/** All but the status, which the controller itself writes. */
function saidBy(object: KubeObject | undefined): readonly unknown[] | undefined {
  return (
    object && [object.spec, object.data, object.metadata.uid, object.metadata.deletionTimestamp]
  );
}
