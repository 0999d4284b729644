/** A commit and its parts: one per block that it writes to. */
import type { Attachment, CommitOutcome, SlotWrite, UnitWrite } from '../ipam/ports.ts';
import { type Address, blockOf, type Family, familyOf, formatAddress } from '../net/address.ts';
import type { PartEnd } from './block-lane.ts';
import type { Part } from './block-patch.ts';

/** A part that somebody else was faster than. */
export type Lost = Extract<PartEnd, { readonly kind: 'lost' }>;

/** What is written into one block. */
export function partOf(
  first: Address,
  writes: readonly SlotWrite[],
  units: readonly UnitWrite[],
): Part {
  return { first, writes, units };
}

/** Whether a write gives its slot back. */
export function isRest({ now }: SlotWrite): boolean {
  return now.state === 'resting';
}

/** One part per block, in the order in which the blocks come. */
export function partsOf(writes: readonly SlotWrite[], units: readonly UnitWrite[]): Part[] {
  const blocks = new Map<string, { first: Address; writes: SlotWrite[]; units: UnitWrite[] }>();
  const at = (address: Address) => {
    const first = blockOf(address);
    const key = formatAddress(first);
    const part = blocks.get(key) ?? { first, writes: [], units: [] };
    blocks.set(key, part);
    return part;
  };
  for (const write of writes) {
    at(write.now.address).writes.push(write);
  }
  for (const unit of units) {
    at(unit.now.cidr.first).units.push(unit);
  }
  return [...blocks.values()];
}

/** How a commit ended of which these parts were lost. */
export function outcomeOf(lost: readonly Lost[]): CommitOutcome {
  return lost.length === 0
    ? { kind: 'durable' }
    : {
        kind: 'lost',
        conflicts: lost.flatMap(({ conflicts }) => conflicts),
        units: lost.flatMap(({ units }) => units),
      };
}

/** The writes with every claim marked that has one of the other family beside it (I5). */
export function markDual(writes: readonly SlotWrite[]): SlotWrite[] {
  const families = new Map<string, Set<Family>>();
  for (const { now } of writes) {
    if (now.state === 'claimed') {
      const key = attachmentKey(now.attachment);
      families.set(key, (families.get(key) ?? new Set()).add(familyOf(now.address)));
    }
  }
  return writes.map(({ was, now }) => {
    const isDual =
      now.state === 'claimed' && families.get(attachmentKey(now.attachment))?.size === 2;
    return { was, now: isDual ? { ...now, dual: true } : now };
  });
}

function attachmentKey({ network, containerId, interfaceName }: Attachment): string {
  return JSON.stringify([network, containerId, interfaceName]);
}
