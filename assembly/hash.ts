/** Spreads keys over the places of a hash table. */

// Odd numbers with well spread bits (2^64 over the golden ratio, and a prime), in halves that JavaScript can read.
const SPREAD_LOW: u64 = ((<u64>0x9e3779b9) << 32) | 0x7f4a7c15;
const SPREAD_HIGH: u64 = ((<u64>0xc2b2ae3d) << 32) | 0x27d4eb4f;

/** A place below `capacity`, a power of two, for a 128-bit key. */
export function placeFor(high: u64, low: u64, capacity: u32): u32 {
  const mixed = low * SPREAD_LOW + high * SPREAD_HIGH;
  return u32(((mixed ^ (mixed >> 32)) * SPREAD_LOW) >> 32) & (capacity - 1);
}
