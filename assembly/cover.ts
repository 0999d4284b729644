/**
 * Which pools cover a block: an index over the block runs of all pools, used when a block gets its record.
 * It is an interval tree without pointers. Entries lie sorted by their first block, the middle entry of any
 * stretch is the root of that stretch, and `reach` says how far the runs of the stretch go:
 *
 *     entries   0   1   2   3   4   5   6          root 3, below it 1 and 5, below those 0 2 4 6
 *
 * Pools change rarely and blocks get records often, so a change only marks the index stale and the next new
 * block rebuilds it in O(n log n). A search is O(log n + pools found).
 */

import { addMember } from './memberships';
import { allocate, release } from './memory/arena';
import {
  COVER_BYTES,
  CoverEntry,
  copyCoverEntry,
  coverEntry,
  coverEntryOf,
} from './memory/cover-entry';
import { header } from './memory/header';
import { POOL_FREE, poolAt } from './memory/pool-record';
import { spanFirstHigh, spanFirstLow, spanLastHigh, spanLastLow } from './memory/span-table';
import { wideLess } from './wide';

/** Brings the index up to date. Answers false where memory is full; then the index stays stale. */
export function refreshCover(): bool {
  const top = header();
  if (top.coverStale === 0) return true;
  const length = countRuns();
  const capacity = max<u32>(length, 16);
  const entries = allocate(<usize>capacity * COVER_BYTES);
  if (entries === 0) return false;
  const spare = allocate(<usize>capacity * COVER_BYTES);
  if (spare === 0) {
    release(entries, <usize>capacity * COVER_BYTES);
    return false;
  }
  release(top.cover, <usize>top.coverCapacity * COVER_BYTES);
  collectRuns(entries);
  const sorted = sortEntries(entries, spare, length);
  release(sorted === entries ? spare : entries, <usize>capacity * COVER_BYTES);
  top.cover = u32(sorted);
  top.coverCapacity = capacity;
  top.coverLength = length;
  top.coverStale = 0;
  if (length !== 0) setReach(0, length);
  return true;
}

/** Runs of all pools. */
export function countRuns(): u32 {
  let length: u32 = 0;
  for (let handle: u32 = 0; handle < header().poolLength; handle++) {
    const pool = poolAt(handle);
    if (pool.state !== POOL_FREE) length += pool.runCount;
  }
  return length;
}

function collectRuns(entries: usize): void {
  let length: u32 = 0;
  for (let handle: u32 = 0; handle < header().poolLength; handle++) {
    const pool = poolAt(handle);
    if (pool.state === POOL_FREE) continue;
    for (let run: u32 = 0; run < pool.runCount; run++) {
      const entry = coverEntryOf(entries, length++);
      entry.firstHigh = spanFirstHigh(pool.runs, run);
      entry.firstLow = spanFirstLow(pool.runs, pool.runCount, run);
      entry.lastHigh = spanLastHigh(pool.runs, pool.runCount, run);
      entry.lastLow = spanLastLow(pool.runs, pool.runCount, run);
      entry.pool = handle;
    }
  }
}

function isBefore(a: CoverEntry, b: CoverEntry): bool {
  return wideLess(a.firstHigh, a.firstLow, b.firstHigh, b.firstLow);
}

/** Merge sort by first block. Answers which of the two lists holds the result. */
function sortEntries(entries: usize, spare: usize, length: u32): usize {
  let from = entries;
  let to = spare;
  for (let width: u64 = 1; width < <u64>length; width <<= 1) {
    for (let begin: u64 = 0; begin < <u64>length; begin += width << 1) {
      const middle = u32(min<u64>(begin + width, length));
      const end = u32(min<u64>(begin + (width << 1), length));
      let left = u32(begin);
      let right = middle;
      for (let place = u32(begin); place < end; place++) {
        const takeRight =
          left === middle ||
          (right < end && isBefore(coverEntryOf(from, right), coverEntryOf(from, left)));
        copyCoverEntry(coverEntryOf(to, place), coverEntryOf(from, takeRight ? right++ : left++));
      }
    }
    const swapped = from;
    from = to;
    to = swapped;
  }
  return from;
}

/** Sets the reach of the stretch [begin, end), which is not empty. Answers its root. */
function setReach(begin: u32, end: u32): u32 {
  const middle = (begin + end) >> 1;
  const root = coverEntry(middle);
  root.reachHigh = root.lastHigh;
  root.reachLow = root.lastLow;
  if (begin < middle) widenReach(root, coverEntry(setReach(begin, middle)));
  if (middle + 1 < end) widenReach(root, coverEntry(setReach(middle + 1, end)));
  return middle;
}

function widenReach(root: CoverEntry, child: CoverEntry): void {
  if (!wideLess(root.reachHigh, root.reachLow, child.reachHigh, child.reachLow)) return;
  root.reachHigh = child.reachHigh;
  root.reachLow = child.reachLow;
}

/**
 * Makes every pool that covers the block a member of it. The index is up to date. Answers false where
 * memory is full; then some are members already.
 */
export function addCoveringPools(number: u32, keyHigh: u64, keyLow: u64): bool {
  return addFrom(0, header().coverLength, number, keyHigh, keyLow);
}

function addFrom(from: u32, end: u32, number: u32, keyHigh: u64, keyLow: u64): bool {
  let begin = from;
  while (begin < end) {
    const middle = (begin + end) >> 1;
    const root = coverEntry(middle);
    if (wideLess(root.reachHigh, root.reachLow, keyHigh, keyLow)) return true;
    if (!addFrom(begin, middle, number, keyHigh, keyLow)) return false;
    if (wideLess(keyHigh, keyLow, root.firstHigh, root.firstLow)) return true;
    if (!wideLess(root.lastHigh, root.lastLow, keyHigh, keyLow)) {
      if (!addMember(number, root.pool)) return false;
    }
    begin = middle + 1;
  }
  return true;
}

/** How many pools cover a block. For verify. */
export function countCoveringPools(keyHigh: u64, keyLow: u64): u32 {
  let count: u32 = 0;
  for (let i: u32 = 0; i < header().coverLength; i++) {
    const entry = coverEntry(i);
    if (wideLess(keyHigh, keyLow, entry.firstHigh, entry.firstLow)) break;
    if (!wideLess(entry.lastHigh, entry.lastLow, keyHigh, keyLow)) count++;
  }
  return count;
}
