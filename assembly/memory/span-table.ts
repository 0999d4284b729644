/**
 * A table of spans: sorted intervals of 128-bit keys that do not overlap, each with the number of keys before
 * it. What a search touches lies together, so that a thousand spans are searched in 16 KiB.
 *
 *     ┌──────────────┬──────────────┬──────────────────────────────────┬──────────────┐
 *     │ first, high  │ first, low   │ last: high, low; before: high, low│ group        │
 *     │ 8 bytes each │ 8 bytes each │ 32 bytes each                    │ 4 bytes each │
 *     └──────────────┴──────────────┴──────────────────────────────────┴──────────────┘
 *
 * A group is the spans whose first keys share their upper half; `group` is the index of its first span.
 */

/** Bytes a table takes per span. */
export const SPAN_BYTES: usize = 8 + 8 + 32 + 4;

export function spanFirstHigh(table: usize, index: u32): u64 {
  return load<u64>(table + ((<usize>index) << 3));
}

export function spanFirstLow(table: usize, count: u32, index: u32): u64 {
  return load<u64>(table + ((<usize>count + <usize>index) << 3));
}

function tail(table: usize, count: u32, index: u32): usize {
  return table + ((<usize>count) << 4) + ((<usize>index) << 5);
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

/** Index of the first span whose first key has the same upper half. */
export function spanGroup(table: usize, count: u32, index: u32): u32 {
  return load<u32>(table + <usize>count * 48 + ((<usize>index) << 2));
}

/** Writes the first key of a span; spans are written in order, because the group follows from the one before. */
export function setSpanFirst(table: usize, count: u32, index: u32, high: u64, low: u64): void {
  const joins = index !== 0 && spanFirstHigh(table, index - 1) === high;
  const group = joins ? spanGroup(table, count, index - 1) : index;
  store<u64>(table + ((<usize>index) << 3), high);
  store<u64>(table + ((<usize>count + <usize>index) << 3), low);
  store<u32>(table + <usize>count * 48 + ((<usize>index) << 2), group);
}

export function setSpanLast(table: usize, count: u32, index: u32, high: u64, low: u64): void {
  store<u64>(tail(table, count, index), high);
  store<u64>(tail(table, count, index), low, 8);
}

export function setSpanBefore(table: usize, count: u32, index: u32, high: u64, low: u64): void {
  store<u64>(tail(table, count, index), high, 16);
  store<u64>(tail(table, count, index), low, 24);
}
