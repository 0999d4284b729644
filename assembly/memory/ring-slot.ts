/**
 * One slot of the ring: a request that the host writes, and its result.
 *
 *     +0        +4     +8               +24    +28
 *     ┌─────────┬──────┬────────────────┬──────┬────────┐
 *     │operation│ pool │ address        │ tick │ status │
 *     └─────────┴──────┴────────────────┴──────┴────────┘
 */
import { RING, RING_SLOTS, SCRATCH } from './header';

export const RING_SLOT_BYTES: usize = 32;

@unmanaged
export class RingSlot {
  operation: u32;
  pool: u32;
  w0: u32;
  w1: u32;
  w2: u32;
  w3: u32;
  tick: u32;
  status: i32;
}

/** The slot at a position; positions go round. */
export function ringSlot(position: u32): RingSlot {
  return changetype<RingSlot>(RING + <usize>(position % RING_SLOTS) * RING_SLOT_BYTES);
}

/** Upper half of the address in a slot. */
export function slotHigh(slot: RingSlot): u64 {
  return rotl<u64>(load<u64>(changetype<usize>(slot), offsetof<RingSlot>('w0')), 32);
}

/** Lower half of the address in a slot. */
export function slotLow(slot: RingSlot): u64 {
  return rotl<u64>(load<u64>(changetype<usize>(slot), offsetof<RingSlot>('w2')), 32);
}

/** Copies the address that is left in scratch into the slot. */
export function takeScratchAddress(slot: RingSlot): void {
  const to = changetype<usize>(slot) + offsetof<RingSlot>('w0');
  store<u64>(to, load<u64>(SCRATCH));
  store<u64>(to, load<u64>(SCRATCH, 8), 8);
}
