/**
 * Key ↔ ordinal in a table of spans. The same table serves the addresses of a pool and its blocks:
 *
 *     keys      ···├─────┤·····├───┤··├┤···
 *     ordinals      0 … 6       7 … 11 12
 */
import { setReturned } from './memory/returned';
import {
  spanBeforeHigh,
  spanBeforeLow,
  spanFirstHigh,
  spanFirstLow,
  spanGroup,
  spanLastHigh,
  spanLastLow,
} from './memory/span-table';
import { wideDifferenceHigh, wideLess, wideLessOrEqual, wideSumHigh } from './wide';

/** No span is there: the one before index 0. */
export const NO_SPAN: u32 = u32.MAX_VALUE;

/**
 * The last span that begins at or before the key; NO_SPAN where the key lies before all. O(log count).
 *
 * It looks for the upper half first, then for the lower among the spans that share it: each step compares one
 * word, and none has a branch to mispredict.
 */
export function spanAtOrBefore(table: usize, count: u32, high: u64, low: u64): u32 {
  if (count === 0) return NO_SPAN;
  let found: u32 = count - 1;
  // Any IPv4 pool and any pool inside a /64 has one group, and needs no search for it.
  if (spanFirstHigh(table, found) !== high || spanFirstHigh(table, 0) !== high) {
    found = 0;
    for (let length = count; length > 1; ) {
      const half = length >> 1;
      const probe = found + half;
      found = select<u32>(probe, found, spanFirstHigh(table, probe) <= high);
      length -= half;
    }
    const foundHigh = spanFirstHigh(table, found);
    if (foundHigh !== high) return foundHigh < high ? found : NO_SPAN;
  }
  const group = spanGroup(table, count, found);
  let length = found - group + 1;
  found = group;
  while (length > 1) {
    const half = length >> 1;
    const probe = found + half;
    found = select<u32>(probe, found, spanFirstLow(table, count, probe) <= low);
    length -= half;
  }
  // Before the first of its group: the last of the group before, or nothing.
  return spanFirstLow(table, count, found) <= low ? found : found - 1;
}

/** The span that holds the key, NO_SPAN where none does. O(log count). */
export function spanHolding(table: usize, count: u32, high: u64, low: u64): u32 {
  const span = spanAtOrBefore(table, count, high, low);
  if (span === NO_SPAN) return NO_SPAN;
  const lastHigh = spanLastHigh(table, count, span);
  return wideLessOrEqual(high, low, lastHigh, spanLastLow(table, count, span)) ? span : NO_SPAN;
}

/** Low half of the ordinal of a key that is known to lie in `span`. */
export function ordinalLow(table: usize, count: u32, span: u32, low: u64): u64 {
  return spanBeforeLow(table, count, span) + (low - spanFirstLow(table, count, span));
}

/** High half of the same. */
export function ordinalHigh(table: usize, count: u32, span: u32, high: u64, low: u64): u64 {
  const firstLow = spanFirstLow(table, count, span);
  const offsetHigh = wideDifferenceHigh(high, low, spanFirstHigh(table, span), firstLow);
  const beforeHigh = spanBeforeHigh(table, count, span);
  return wideSumHigh(beforeHigh, spanBeforeLow(table, count, span), offsetHigh, low - firstLow);
}

/** Leaves both halves of it. */
export function returnOrdinal(table: usize, count: u32, span: u32, high: u64, low: u64): void {
  setReturned(ordinalHigh(table, count, span, high, low), ordinalLow(table, count, span, low));
}

/** Leaves the key of an ordinal. Answers false where the table has no such ordinal. O(log count). */
export function returnKey(table: usize, count: u32, high: u64, low: u64): bool {
  if (count === 0) return false;
  let span: u32 = 0;
  let length = count;
  while (length > 1) {
    const half = length >> 1;
    const probe = span + half;
    const beforeHigh = spanBeforeHigh(table, count, probe);
    const beforeLow = spanBeforeLow(table, count, probe);
    if (wideLessOrEqual(beforeHigh, beforeLow, high, low)) span = probe;
    length -= half;
  }
  const beforeHigh = spanBeforeHigh(table, count, span);
  const beforeLow = spanBeforeLow(table, count, span);
  const offsetHigh = wideDifferenceHigh(high, low, beforeHigh, beforeLow);
  const offsetLow = low - beforeLow;
  const firstHigh = spanFirstHigh(table, span);
  const firstLow = spanFirstLow(table, count, span);
  const keyLow = firstLow + offsetLow;
  const keyHigh = wideSumHigh(firstHigh, firstLow, offsetHigh, offsetLow);
  if (wideLess(keyHigh, keyLow, firstHigh, firstLow)) return false;
  const lastLow = spanLastLow(table, count, span);
  if (wideLess(spanLastHigh(table, count, span), lastLow, keyHigh, keyLow)) return false;
  setReturned(keyHigh, keyLow);
  return true;
}
