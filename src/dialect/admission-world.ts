/**
 * The world that admission asks about, out of the objects that are indexed and the addresses that are held. The
 * embedded store and the webhook differ only in where they look for what is held.
 */
import { RangeSet } from '../net/range-set.ts';
import type { AdmissionContext, ClaimedAddress, PoolSummary } from './admission-context.ts';
import type { KindId } from './kinds.ts';
import { isPoolKind, type PoolRegistry } from './pool-registry.ts';

/** Addresses that are held; resting ones do not count. */
export interface HeldAddresses {
  /** The lowest address that is held from a pool of this name, of any dialect, outside of `ranges`. */
  claimOutside(poolName: string, ranges: RangeSet): ClaimedAddress | undefined;
  /** How many addresses are held from the pool of this kind and name. */
  countOf(kind: KindId, poolName: string): number;
}

const DIALECTS = {
  SpiderIPPool: 'spiderpool',
  SpiderpoolV1IPPool: 'spiderpool-v1',
  CalicoIPPool: 'calico',
} as const;

/** The world as seen by the rules of one kind; a pool's name alone does not tell its dialect. */
export function admissionWorld(
  kind: KindId,
  registry: PoolRegistry,
  held: HeldAddresses,
): AdmissionContext {
  const { overlaps } = registry;
  return {
    conf: registry.conf,
    poolsOverlapping: (subnet) => overlaps.poolsOverlapping(subnet),
    poolsWithOtherSubnet: (subnet) => overlaps.poolsWithOtherSubnet(subnet),
    poolsSharing: (ranges) => overlaps.poolsSharing(ranges),
    poolsNamed: (name) => overlaps.poolsNamed(name),
    spiderSubnetsOverlapping: (subnet) => registry.subnets.spiderSubnetsOverlapping(subnet),
    claimsOutside: (name, ranges) => {
      const foreign = namesakeRanges(kind, overlaps.poolsNamed(name));
      return held.claimOutside(name, ranges.union(foreign));
    },
    allocatedCount: (name) => held.countOf(kind, name),
  };
}

/**
 * The addresses of those pools that are of other kinds: claims bear the pool's name only, so where pools of two
 * dialects share it, what lies in the other's ranges is the other's.
 */
export function namesakeRanges(kind: KindId, named: readonly PoolSummary[]): RangeSet {
  const dialect = isPoolKind(kind) ? DIALECTS[kind] : undefined;
  return named
    .filter((pool) => pool.dialect !== dialect)
    .reduce((set, pool) => set.union(pool.ranges), RangeSet.empty);
}
