/**
 * Many requests in one call. The host writes them into the ring, the engine carries them out in order and
 * writes status and address beside each; a refusal of one does not touch the others.
 */
import { claimAddress, claimFirst, claimFrom, claimResting, rest, unclaim } from './claims';
import { RING_SLOTS } from './memory/header';
import { scratchHigh, scratchLow } from './memory/returned';
import { RingSlot, ringSlot } from './memory/ring-slot';
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
      return withAddress(slot, claimFrom(slot.pool, slot.w0, slot.w1, slot.w2, slot.w3));
    case OPERATION_CLAIM_RESTING:
      return withAddress(slot, claimResting(slot.pool));
    case OPERATION_CLAIM_ADDRESS:
      return claimAddress(slot.w0, slot.w1, slot.w2, slot.w3);
    case OPERATION_UNCLAIM:
      return unclaim(slot.w0, slot.w1, slot.w2, slot.w3);
    case OPERATION_REST:
      return rest(slot.w0, slot.w1, slot.w2, slot.w3, slot.tick);
    default:
      return STATUS_NUMBER_UNKNOWN;
  }
}

/** Copies the address that a claim left in scratch into the slot. */
function withAddress(slot: RingSlot, status: i32): i32 {
  if (status !== STATUS_OK) return status;
  const high = scratchHigh();
  const low = scratchLow();
  slot.w0 = u32(high >> 32);
  slot.w1 = u32(high);
  slot.w2 = u32(low >> 32);
  slot.w3 = u32(low);
  return STATUS_OK;
}
