/** The addresses that the embedded ledger holds, as admission asks for them. */
import type { ClaimedAddress } from '../dialect/admission-context.ts';
import { type HeldAddresses, namesakeRanges } from '../dialect/admission-world.ts';
import type { KindId } from '../dialect/kinds.ts';
import type { PoolRegistry } from '../dialect/pool-registry.ts';
import type { Claim } from '../ipam/ports.ts';
import type { Address } from '../net/address.ts';
import { addressInBlock } from '../net/address.ts';
import type { RangeSet } from '../net/range-set.ts';
import type { EmbeddedLedger } from './ledger.ts';

/** What is held now. */
export function heldAddresses(registry: PoolRegistry, ledger: EmbeddedLedger): HeldAddresses {
  return {
    claimOutside: (name, ranges) => firstClaimOutside(ledger, name, ranges),
    countOf: (kind, name) => heldCount(kind, name, registry, ledger),
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
  const foreign = namesakeRanges(kind, registry.overlaps.poolsNamed(name));
  if (foreign.isEmpty) {
    return ledger.claimedCount(name);
  }
  let count = 0;
  for (const address of claimedAddresses(ledger, name)) {
    count += foreign.has(address) ? 0 : 1;
  }
  return count;
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
