/**
 * A table of spans: sorted intervals of 128-bit keys that do not overlap, each with the number of keys before
 * it. What the search touches lies together, so that a thousand spans are searched in 16 KiB.
 *
 *     ┌───────────────────────────────┬───────────────────────────────────────────────┐
 *     │ first: high, low │ first: …   │ last: high, low; before: high, low │ last: …  │
 *     └───────────────────────────────┴───────────────────────────────────────────────┘
 *        16 bytes a span                 32 bytes a span
 */

/** Bytes a table takes per span. */
export const SPAN_BYTES: usize = 48;

const FIRST_BYTES: usize = 16;
const TAIL_BYTES: usize = 32;

export function spanFirstHigh(table: usize, index: u32): u64 {
  return load<u64>(table + <usize>index * FIRST_BYTES);
}

export function spanFirstLow(table: usize, index: u32): u64 {
  return load<u64>(table + <usize>index * FIRST_BYTES, 8);
}

function tail(table: usize, count: u32, index: u32): usize {
  return table + <usize>count * FIRST_BYTES + <usize>index * TAIL_BYTES;
}

export function spanLastHigh(table: usize, count: u32, index: u32): u64 {
  return load<u64>(tail(table, count, index));
}

export function spanLastLow(table: usize, count: u32, index: u32): u64 {
  return load<u64>(tail(table, count, index), 8);
}

/** Keys in all spans before this one. */
export function spanBeforeHigh(table: usize, count: u32, index: u32): u64 {
  return load<u64>(tail(table, count, index), 16);
}

export function spanBeforeLow(table: usize, count: u32, index: u32): u64 {
  return load<u64>(tail(table, count, index), 24);
}

export function setSpanFirst(table: usize, index: u32, high: u64, low: u64): void {
  store<u64>(table + <usize>index * FIRST_BYTES, high);
  store<u64>(table + <usize>index * FIRST_BYTES, low, 8);
}

export function setSpanLast(table: usize, count: u32, index: u32, high: u64, low: u64): void {
  store<u64>(tail(table, count, index), high);
  store<u64>(tail(table, count, index), low, 8);
}

export function setSpanBefore(table: usize, count: u32, index: u32, high: u64, low: u64): void {
  store<u64>(tail(table, count, index), high, 16);
  store<u64>(tail(table, count, index), low, 24);
}
