/**
 * A range list as hosts write it: 32 bytes a range, eight 32-bit words, most significant word first.
 *
 *     +0   +4   +8   +12  +16  +20  +24  +28
 *     ┌────┬────┬────┬────┬────┬────┬────┬────┐
 *     │    first address  │    last address   │   both inclusive
 *     └────┴────┴────┴────┴────┴────┴────┴────┘
 *
 * Words are little endian inside, so a 64-bit load has its two words in the wrong order; one rotation puts
 * that right.
 */

/** Bytes of one range in a list. */
export const RANGE_BYTES: usize = 32;

export function rangeFirstHigh(range: usize): u64 {
  return rotl<u64>(load<u64>(range), 32);
}

export function rangeFirstLow(range: usize): u64 {
  return rotl<u64>(load<u64>(range, 8), 32);
}

export function rangeLastHigh(range: usize): u64 {
  return rotl<u64>(load<u64>(range, 16), 32);
}

export function rangeLastLow(range: usize): u64 {
  return rotl<u64>(load<u64>(range, 24), 32);
}

/** Writes one range. */
export function setRange(
  range: usize,
  firstHigh: u64,
  firstLow: u64,
  lastHigh: u64,
  lastLow: u64,
): void {
  store<u64>(range, rotl<u64>(firstHigh, 32));
  store<u64>(range, rotl<u64>(firstLow, 32), 8);
  store<u64>(range, rotl<u64>(lastHigh, 32), 16);
  store<u64>(range, rotl<u64>(lastLow, 32), 24);
}

/** Copies one range. Four stores, because memory.copy of 32 bytes is several times slower. */
export function copyRange(to: usize, from: usize): void {
  store<u64>(to, load<u64>(from));
  store<u64>(to, load<u64>(from, 8), 8);
  store<u64>(to, load<u64>(from, 16), 16);
  store<u64>(to, load<u64>(from, 24), 24);
}
