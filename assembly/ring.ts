/**
 * Many requests in one call. The host writes them into the ring, the engine carries them out in order and
 * writes status and address beside each; a refusal of one does not touch the others.
 */
import { claimAddress, claimFirst, claimFrom, claimResting, rest, unclaim } from './claims';
import { RING_SLOTS } from './memory/header';
import { RingSlot, ringSlot, slotHigh, slotLow, takeScratchAddress } from './memory/ring-slot';
import { STATUS_NUMBER_UNKNOWN, STATUS_OK } from './status';

export const OPERATION_CLAIM_FIRST: u32 = 1;
export const OPERATION_CLAIM_FROM: u32 = 2;
export const OPERATION_CLAIM_RESTING: u32 = 3;
export const OPERATION_CLAIM_ADDRESS: u32 = 4;
export const OPERATION_UNCLAIM: u32 = 5;
export const OPERATION_REST: u32 = 6;

/**
 * Carries out the `count` requests that begin at a position of the ring, going round behind the last slot.
 * Answers how many were not refused, or NUMBER_UNKNOWN for more than RING_SLOTS.
 */
export function runRing(position: u32, count: u32): i32 {
  if (count > RING_SLOTS) return STATUS_NUMBER_UNKNOWN;
  let done: i32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const slot = ringSlot(position + i);
    const status = run(slot);
    slot.status = status;
    if (status === STATUS_OK) done++;
  }
  return done;
}

function run(slot: RingSlot): i32 {
  switch (slot.operation) {
    case OPERATION_CLAIM_FIRST:
      return withAddress(slot, claimFirst(slot.pool));
    case OPERATION_CLAIM_FROM:
      return withAddress(slot, claimFrom(slot.pool, slotHigh(slot), slotLow(slot)));
    case OPERATION_CLAIM_RESTING:
      return withAddress(slot, claimResting(slot.pool));
    case OPERATION_CLAIM_ADDRESS:
      return claimAddress(slotHigh(slot), slotLow(slot));
    case OPERATION_UNCLAIM:
      return unclaim(slotHigh(slot), slotLow(slot));
    case OPERATION_REST:
      return rest(slotHigh(slot), slotLow(slot), slot.tick);
    default:
      return STATUS_NUMBER_UNKNOWN;
  }
}

/** Copies the address that a claim left in scratch into the slot. */
function withAddress(slot: RingSlot, status: i32): i32 {
  if (status === STATUS_OK) takeScratchAddress(slot);
  return status;
}
