/** What admission asks about the world, answered from the applied objects and the ledger. */
import type {
  AdmissionContext,
  ClaimedAddress,
  PoolSummary,
} from '../dialect/admission-context.ts';
import type { KindId } from '../dialect/kinds.ts';
import { isPoolKind, type PoolRegistry } from '../dialect/pool-registry.ts';
import type { Claim } from '../ipam/ports.ts';
import type { Address } from '../net/address.ts';
import { addressInBlock } from '../net/address.ts';
import { RangeSet } from '../net/range-set.ts';
import type { EmbeddedLedger } from './ledger.ts';

const DIALECTS = {
  SpiderIPPool: 'spiderpool',
  SpiderpoolV1IPPool: 'spiderpool-v1',
  CalicoIPPool: 'calico',
} as const;

/** The world as seen by the rules of one kind; a pool's name alone does not tell its dialect. */
export function admissionWorld(
  kind: KindId,
  registry: PoolRegistry,
  ledger: EmbeddedLedger,
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
      const foreign = namesakes(kind, overlaps.poolsNamed(name));
      return firstClaimOutside(ledger, name, ranges.union(foreign));
    },
    allocatedCount: (name) => heldCount(kind, name, registry, ledger),
  };
}

/**
 * Addresses held from a pool; resting ones do not count. Claims bear the pool's name; where pools of two
 * dialects share it, what lies in the other's ranges is the other's.
 */
export function heldCount(
  kind: KindId,
  name: string,
  registry: PoolRegistry,
  ledger: EmbeddedLedger,
): number {
  const foreign = namesakes(kind, registry.overlaps.poolsNamed(name));
  if (foreign.isEmpty) {
    return ledger.claimedCount(name);
  }
  let count = 0;
  for (const address of claimedAddresses(ledger, name)) {
    count += foreign.has(address) ? 0 : 1;
  }
  return count;
}

/** The addresses of the pools of this name that are of other kinds. */
function namesakes(kind: KindId, named: readonly PoolSummary[]): RangeSet {
  const dialect = isPoolKind(kind) ? DIALECTS[kind] : undefined;
  return named
    .filter((pool) => pool.dialect !== dialect)
    .reduce((set, pool) => set.union(pool.ranges), RangeSet.empty);
}

function firstClaimOutside(
  ledger: EmbeddedLedger,
  pool: string,
  ranges: RangeSet,
): ClaimedAddress | undefined {
  for (const address of claimedAddresses(ledger, pool)) {
    if (!ranges.has(address)) {
      return { address, pod: holderText(ledger.line(address) as Claim) };
    }
  }
  return undefined;
}

/** In address order. Blocks are read as words, so a pool with a million claims is walked in a moment. */
function* claimedAddresses(ledger: EmbeddedLedger, pool: string): Generator<Address> {
  for (const block of ledger.blocksOfPool(pool)) {
    for (let slot = 0; slot < 64; slot += 1) {
      const word = slot < 32 ? block.usedLow : block.usedHigh;
      if (((word >>> (slot & 31)) & 1) === 1) {
        yield addressInBlock(block.first, slot);
      }
    }
  }
}

function holderText({ owner, attachment }: Claim): string {
  return owner.pod === ''
    ? `container ${attachment.containerId}`
    : `${owner.namespace}/${owner.pod}`;
}
