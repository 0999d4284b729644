/**
 * Sorting and set algebra of range lists. Lists lie in the workspace one behind the other, so that a sweep
 * reads two and appends the third:
 *
 *     ┌──────────────┬──────────────┬──────────────────────┐
 *     │ a: aCount    │ b: bCount    │ result, ≤ a+b ranges │
 *     └──────────────┴──────────────┴──────────────────────┘
 *
 * A list is normalized when it is sorted and no two ranges overlap or touch. The sweeps are one pass over
 * both lists; each refuses a list that is not normalized before it can answer wrongly.
 */
import { header } from './memory/header';
import {
  copyRange,
  RANGE_BYTES,
  rangeFirstHigh,
  rangeFirstLow,
  rangeLastHigh,
  rangeLastLow,
  setRange,
} from './memory/range-list';
import { STATUS_RANGES_INVALID } from './status';
import { wideLess, wideLessOrEqual } from './wide';

/** Runs of this many ranges are sorted by insertion before merging begins. */
const INSERTION_RUN: u32 = 8;

function rangeAt(list: usize, index: u32): usize {
  return list + <usize>index * RANGE_BYTES;
}

/** Asserts that the host has reserved room for `ranges` in the workspace, and answers where it begins. */
function workspaceFor(ranges: u64): usize {
  assert(ranges * RANGE_BYTES <= header().workspaceBytes);
  return header().workspace;
}

/**
 * True when first ≤ last, and the range begins behind the last address before it, with a gap. Without
 * branches, because the sweeps ask it of every range.
 */
function isBehind(
  beforeHigh: u64,
  beforeLow: u64,
  high: u64,
  low: u64,
  lastHigh: u64,
  lastLow: u64,
): bool {
  // The first address of a gap is behind everything where the range before ends with the last of all.
  const gapLow = beforeLow + 1;
  const gapHigh = beforeHigh + u64(gapLow === 0);
  const behind = u32(gapHigh < high) | (u32(gapHigh === high) & u32(gapLow < low));
  const forward = u32(high < lastHigh) | (u32(high === lastHigh) & u32(low <= lastLow));
  return (behind & forward & u32((gapHigh | gapLow) !== 0)) !== 0;
}

/** True when the range is not reversed and begins behind the one before it in the list, with a gap. */
function isInPlace(list: usize, index: u32): bool {
  const range = rangeAt(list, index);
  const high = rangeFirstHigh(range);
  const low = rangeFirstLow(range);
  const lastHigh = rangeLastHigh(range);
  const lastLow = rangeLastLow(range);
  if (index === 0) return wideLessOrEqual(high, low, lastHigh, lastLow);
  const before = range - RANGE_BYTES;
  return isBehind(rangeLastHigh(before), rangeLastLow(before), high, low, lastHigh, lastLow);
}

/** True when the ranges from `from` on are in their places. */
function areInPlace(list: usize, from: u32, count: u32): bool {
  for (let i = from; i < count; i++) if (!isInPlace(list, i)) return false;
  return true;
}

/** True when the list is normalized. */
export function isNormalized(list: usize, count: u32): bool {
  return areInPlace(list, 0, count);
}

/** True when the address lies behind the range with at least one address between them. */
function beginsBeyond(range: usize, high: u64, low: u64): bool {
  const lastHigh = rangeLastHigh(range);
  const lastLow = rangeLastLow(range);
  const nextLow = lastLow + 1;
  const nextHigh = lastHigh + u64(nextLow === 0);
  if ((nextHigh | nextLow) === 0) return false;
  return wideLess(nextHigh, nextLow, high, low);
}

/**
 * Sorts the `count` ranges at the start of the workspace and merges those that overlap or touch, in place.
 * The workspace must have room for twice as many. Answers the new count, or RANGES_INVALID.
 */
export function normalizeRanges(count: u32): i32 {
  const list = workspaceFor(<u64>count * 2);
  let sorted = true;
  for (let i: u32 = 0; i < count; i++) {
    const range = rangeAt(list, i);
    if (
      wideLess(
        rangeLastHigh(range),
        rangeLastLow(range),
        rangeFirstHigh(range),
        rangeFirstLow(range),
      )
    ) {
      return STATUS_RANGES_INVALID;
    }
    if (i !== 0 && beginsBefore(range, range - RANGE_BYTES)) sorted = false;
  }
  if (!sorted) sortRanges(list, count, rangeAt(list, count));
  return mergeSorted(list, count, list);
}

/** True when range a begins before range b. */
function beginsBefore(a: usize, b: usize): bool {
  return wideLess(rangeFirstHigh(a), rangeFirstLow(a), rangeFirstHigh(b), rangeFirstLow(b));
}

/** Bottom-up merge sort by first address; `spare` is as long as the list. O(n log n), stable. */
function sortRanges(list: usize, count: u32, spare: usize): void {
  for (let begin: u32 = 0; begin < count; begin += INSERTION_RUN) {
    insertionSort(list, begin, min<u32>(begin + INSERTION_RUN, count));
  }
  let from = list;
  let to = spare;
  for (let width: u64 = INSERTION_RUN; width < <u64>count; width <<= 1) {
    for (let begin: u64 = 0; begin < <u64>count; begin += width << 1) {
      const middle = min<u64>(begin + width, count);
      const end = min<u64>(begin + (width << 1), count);
      mergeRuns(from, to, u32(begin), u32(middle), u32(end));
    }
    const swapped = from;
    from = to;
    to = swapped;
  }
  if (from === list) return;
  for (let i: u32 = 0; i < count; i++) copyRange(rangeAt(list, i), rangeAt(from, i));
}

function insertionSort(list: usize, begin: u32, end: u32): void {
  for (let i = begin + 1; i < end; i++) {
    const moving = rangeAt(list, i);
    const firstHigh = rangeFirstHigh(moving);
    const firstLow = rangeFirstLow(moving);
    const lastHigh = rangeLastHigh(moving);
    const lastLow = rangeLastLow(moving);
    let place = i;
    while (place > begin) {
      const before = rangeAt(list, place - 1);
      if (!wideLess(firstHigh, firstLow, rangeFirstHigh(before), rangeFirstLow(before))) break;
      copyRange(rangeAt(list, place), before);
      place--;
    }
    setRange(rangeAt(list, place), firstHigh, firstLow, lastHigh, lastLow);
  }
}

function mergeRuns(from: usize, to: usize, begin: u32, middle: u32, end: u32): void {
  let left = begin;
  let right = middle;
  for (let place = begin; place < end; place++) {
    const takeRight =
      left === middle || (right < end && beginsBefore(rangeAt(from, right), rangeAt(from, left)));
    copyRange(rangeAt(to, place), rangeAt(from, takeRight ? right : left));
    if (takeRight) right++;
    else left++;
  }
}

/** Merges the sorted ranges into `to`, which may be the list itself. Answers how many are left. */
function mergeSorted(list: usize, count: u32, to: usize): i32 {
  let length: u32 = 0;
  for (let i: u32 = 0; i < count; i++) length = appendMerged(to, length, rangeAt(list, i));
  return i32(length);
}

/** Appends a range that begins at or behind the last one, or lengthens that. Answers the new length. */
function appendMerged(to: usize, length: u32, range: usize): u32 {
  const firstHigh = rangeFirstHigh(range);
  const firstLow = rangeFirstLow(range);
  const lastHigh = rangeLastHigh(range);
  const lastLow = rangeLastLow(range);
  if (length === 0 || beginsBeyond(rangeAt(to, length - 1), firstHigh, firstLow)) {
    setRange(rangeAt(to, length), firstHigh, firstLow, lastHigh, lastLow);
    return length + 1;
  }
  const open = rangeAt(to, length - 1);
  if (wideLess(rangeLastHigh(open), rangeLastLow(open), lastHigh, lastLow)) {
    setRange(open, rangeFirstHigh(open), rangeFirstLow(open), lastHigh, lastLow);
  }
  return length;
}

/** Addresses in a or in b. Answers the count of the result, or RANGES_INVALID. O(a + b). */
export function uniteRanges(aCount: u32, bCount: u32): i32 {
  const a = workspaceFor((<u64>aCount + <u64>bCount) * 2);
  const b = rangeAt(a, aCount);
  const result = rangeAt(b, bCount);
  let length: u32 = 0;
  let i: u32 = 0;
  let j: u32 = 0;
  while (i < aCount || j < bCount) {
    const takeB = i === aCount || (j < bCount && beginsBefore(rangeAt(b, j), rangeAt(a, i)));
    if (!isInPlace(takeB ? b : a, takeB ? j : i)) return STATUS_RANGES_INVALID;
    length = appendMerged(result, length, takeB ? rangeAt(b, j) : rangeAt(a, i));
    if (takeB) j++;
    else i++;
  }
  return i32(length);
}

/** Addresses in a and in b. Answers the count of the result, or RANGES_INVALID. O(a + b). */
export function intersectRanges(aCount: u32, bCount: u32): i32 {
  const a = workspaceFor((<u64>aCount + <u64>bCount) * 2);
  const b = rangeAt(a, aCount);
  const result = rangeAt(b, bCount);
  let length: u32 = 0;
  let i: u32 = 0;
  let j: u32 = 0;
  while (i < aCount && j < bCount) {
    if (!isInPlace(a, i) || !isInPlace(b, j)) return STATUS_RANGES_INVALID;
    const left = rangeAt(a, i);
    const right = rangeAt(b, j);
    // The common part runs from the later first to the earlier last.
    const later = beginsBefore(left, right) ? right : left;
    const leftEnds = endsBefore(left, right);
    const earlier = leftEnds ? left : right;
    const firstHigh = rangeFirstHigh(later);
    const firstLow = rangeFirstLow(later);
    const lastHigh = rangeLastHigh(earlier);
    const lastLow = rangeLastLow(earlier);
    if (wideLessOrEqual(firstHigh, firstLow, lastHigh, lastLow)) {
      setRange(rangeAt(result, length++), firstHigh, firstLow, lastHigh, lastLow);
    }
    if (leftEnds) i++;
    else j++;
  }
  const rest = areInPlace(a, i, aCount) && areInPlace(b, j, bCount);
  return rest ? i32(length) : STATUS_RANGES_INVALID;
}

/** True when range a ends before range b. */
function endsBefore(a: usize, b: usize): bool {
  return wideLess(rangeLastHigh(a), rangeLastLow(a), rangeLastHigh(b), rangeLastLow(b));
}

/**
 * Addresses in a and not in b. Answers the count of the result, or RANGES_INVALID. O(a + b).
 *
 *     a      ├──────────────────────────┤
 *     b   ├──┤      ├───┤        ├──┤
 *     a−b     ├────┤     ├──────┤    ├──┤
 */
export function subtractRanges(aCount: u32, bCount: u32): i32 {
  const a = workspaceFor((<u64>aCount + <u64>bCount) * 2);
  const b = rangeAt(a, aCount);
  const result = rangeAt(b, bCount);
  if (bCount !== 0 && !isInPlace(b, 0)) return STATUS_RANGES_INVALID;
  let to = result;
  let beforeHigh: u64 = 0;
  let beforeLow: u64 = 0;
  // The range of b that comes next; it is loaded once, where it becomes that.
  let j: u32 = 0;
  let cutHigh = bCount === 0 ? 0 : rangeFirstHigh(b);
  let cutLow = bCount === 0 ? 0 : rangeFirstLow(b);
  let cutLastHigh = bCount === 0 ? 0 : rangeLastHigh(b);
  let cutLastLow = bCount === 0 ? 0 : rangeLastLow(b);
  for (let i: u32 = 0; i < aCount; i++) {
    const range = rangeAt(a, i);
    const lastHigh = rangeLastHigh(range);
    const lastLow = rangeLastLow(range);
    // What of the range is not yet decided begins here; `open` ends when nothing is left.
    let high = rangeFirstHigh(range);
    let low = rangeFirstLow(range);
    let open = true;
    if (
      i === 0 ? !isInPlace(a, 0) : !isBehind(beforeHigh, beforeLow, high, low, lastHigh, lastLow)
    ) {
      return STATUS_RANGES_INVALID;
    }
    beforeHigh = lastHigh;
    beforeLow = lastLow;
    while (j < bCount) {
      if (wideLessOrEqual(high, low, cutLastHigh, cutLastLow)) {
        if (wideLess(lastHigh, lastLow, cutHigh, cutLow)) break;
        if (wideLess(high, low, cutHigh, cutLow)) {
          // The cut begins behind an undecided address, so the one before it exists.
          setRange(to, high, low, cutHigh - u64(cutLow === 0), cutLow - 1);
          to += RANGE_BYTES;
        }
        open = wideLess(cutLastHigh, cutLastLow, lastHigh, lastLow);
        if (!open) break;
        low = cutLastLow + 1;
        high = cutLastHigh + u64(low === 0);
      }
      // The cut lies wholly before what is undecided.
      if (++j === bCount) break;
      const next = rangeAt(b, j);
      cutHigh = rangeFirstHigh(next);
      cutLow = rangeFirstLow(next);
      const nextLastHigh = rangeLastHigh(next);
      const nextLastLow = rangeLastLow(next);
      if (!isBehind(cutLastHigh, cutLastLow, cutHigh, cutLow, nextLastHigh, nextLastLow)) {
        return STATUS_RANGES_INVALID;
      }
      cutLastHigh = nextLastHigh;
      cutLastLow = nextLastLow;
    }
    if (open) {
      setRange(to, high, low, lastHigh, lastLow);
      to += RANGE_BYTES;
    }
  }
  return areInPlace(b, j, bCount) ? i32((to - result) / RANGE_BYTES) : STATUS_RANGES_INVALID;
}
