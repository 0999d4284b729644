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
  spanLastHigh,
  spanLastLow,
} from './memory/span-table';
import { wideDifferenceHigh, wideLess, wideLessOrEqual, wideSumHigh } from './wide';

/** No span is there. */
export const NO_SPAN: u32 = u32.MAX_VALUE;

/** The last span that begins at or before the key; NO_SPAN where the key lies before all. O(log count). */
export function spanAtOrBefore(table: usize, count: u32, high: u64, low: u64): u32 {
  if (count === 0) return NO_SPAN;
  const lowest = spanFirstHigh(table, 0);
  let base: u32 = 0;
  let length = count;
  if (lowest === high && spanFirstHigh(table, count - 1) === high) {
    // All spans share the upper half with the key (any IPv4 pool, any pool inside a /64): compare lower halves.
    while (length > 1) {
      const half = length >> 1;
      const probe = base + half;
      base = select<u32>(probe, base, spanFirstLow(table, probe) <= low);
      length -= half;
    }
  } else {
    while (length > 1) {
      const half = length >> 1;
      const probe = base + half;
      const probeHigh = spanFirstHigh(table, probe);
      // Bitwise, so that the search has no branch to mispredict.
      const before =
        u32(probeHigh < high) | (u32(probeHigh === high) & u32(spanFirstLow(table, probe) <= low));
      base = select<u32>(probe, base, before !== 0);
      length -= half;
    }
  }
  if (wideLess(high, low, spanFirstHigh(table, base), spanFirstLow(table, base))) return NO_SPAN;
  return base;
}

/** The span that holds the key, NO_SPAN where none does. O(log count). */
export function spanHolding(table: usize, count: u32, high: u64, low: u64): u32 {
  const span = spanAtOrBefore(table, count, high, low);
  if (span === NO_SPAN) return NO_SPAN;
  const lastHigh = spanLastHigh(table, count, span);
  return wideLessOrEqual(high, low, lastHigh, spanLastLow(table, count, span)) ? span : NO_SPAN;
}

/** Leaves the ordinal of a key that is known to lie in `span`. */
export function returnOrdinal(table: usize, count: u32, span: u32, high: u64, low: u64): void {
  const firstHigh = spanFirstHigh(table, span);
  const firstLow = spanFirstLow(table, span);
  const offsetHigh = wideDifferenceHigh(high, low, firstHigh, firstLow);
  const offsetLow = low - firstLow;
  const beforeLow = spanBeforeLow(table, count, span);
  const ordinalHigh = wideSumHigh(
    spanBeforeHigh(table, count, span),
    beforeLow,
    offsetHigh,
    offsetLow,
  );
  setReturned(ordinalHigh, beforeLow + offsetLow);
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
  const firstLow = spanFirstLow(table, span);
  const keyLow = firstLow + offsetLow;
  const keyHigh = wideSumHigh(firstHigh, firstLow, offsetHigh, offsetLow);
  if (wideLess(keyHigh, keyLow, firstHigh, firstLow)) return false;
  const lastLow = spanLastLow(table, count, span);
  if (wideLess(spanLastHigh(table, count, span), lastLow, keyHigh, keyLow)) return false;
  setReturned(keyHigh, keyLow);
  return true;
}
