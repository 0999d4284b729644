/**
 * What admission asks about the world around the object that is written. The embedded store and, on
 * Kubernetes, the webhook answer it; the rules themselves stay pure.
 */
import type { Address } from '../net/address.ts';
import type { Cidr } from '../net/cidr.ts';
import type { RangeSet } from '../net/range-set.ts';
import type { KubeObject } from './kube-object.ts';
import type { Pool, Route } from './pool.ts';
import type { SpiderpoolConf } from './spiderpool-conf.ts';

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE';

/** An object that passed: as it is to be stored, and what its author should know nevertheless. */
export interface Admission {
  readonly object: KubeObject;
  readonly warnings: readonly string[];
}

/** What the overlap rules need of an existing pool. A Pool is one. */
export type PoolSummary = Pick<Pool, 'dialect' | 'name' | 'family' | 'subnet' | 'ranges'>;

/** What the rules need of an existing SpiderSubnet. */
export interface SubnetSummary {
  readonly name: string;
  readonly uid: string;
  readonly subnet: Cidr;
  /** `ips` minus `excludeIPs`. */
  readonly ranges: RangeSet;
  readonly gateway: Address | undefined;
  readonly routes: readonly Route[];
}

/**
 * The questions about pools that exist already. PoolIndex answers them in O(log n + answers); all results
 * are lazy, so taking the first one costs no more.
 */
export interface PoolOverlaps {
  /** Pools of any dialect whose subnet shares an address with `subnet`, in address order. */
  poolsOverlapping(subnet: Cidr): Iterable<PoolSummary>;
  /** The same without the pools whose subnet is exactly `subnet`. */
  poolsWithOtherSubnet(subnet: Cidr): Iterable<PoolSummary>;
  /** Pools of any dialect that own an address of `ranges`, each once. */
  poolsSharing(ranges: RangeSet): Iterable<PoolSummary>;
  /** Pools of this name, one per dialect at most. */
  poolsNamed(name: string): readonly PoolSummary[];
}

/** A claimed address and the pod that holds it, as `namespace/name`. */
export interface ClaimedAddress {
  readonly address: Address;
  readonly pod: string;
}

export interface AdmissionContext extends PoolOverlaps {
  readonly conf: SpiderpoolConf;
  /** SpiderSubnets that share an address with `subnet`, in address order. */
  spiderSubnetsOverlapping(subnet: Cidr): Iterable<SubnetSummary>;
  /** The lowest address that a pod holds from this pool outside of `ranges`; undefined where there is none. */
  claimsOutside(poolName: string, ranges: RangeSet): ClaimedAddress | undefined;
  /** Addresses that pods hold from this pool; resting ones do not count. */
  allocatedCount(poolName: string): number;
}
