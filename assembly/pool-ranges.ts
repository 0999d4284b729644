/**
 * What a pool is made of: its ranges of addresses, the blocks they touch, and which slots of a block are the
 * pool's own.
 */
import { allocate } from './memory/arena';
import { Pool } from './memory/pool-record';
import {
  RANGE_BYTES,
  rangeFirstHigh,
  rangeFirstLow,
  rangeLastHigh,
  rangeLastLow,
} from './memory/range-list';
import {
  SPAN_BYTES,
  setSpanBefore,
  setSpanFirst,
  setSpanLast,
  spanFirstHigh,
  spanFirstLow,
  spanLastHigh,
  spanLastLow,
} from './memory/span-table';
import { spanAtOrBefore } from './spans';
import { wideBlocksLow, wideDifferenceHigh, wideLess, wideSumHigh } from './wide';

/**
 * Fills the range and block tables and the totals of a pool from a normalized list. Answers false where
 * memory is full; then the caller gives back what was made.
 */
export function buildTables(pool: Pool, list: usize, count: u32): bool {
  const runCount = countRuns(list, count);
  pool.rangeCount = count;
  pool.runCount = runCount;
  pool.ranges = u32(allocate(<usize>count * SPAN_BYTES));
  pool.runs = u32(allocate(<usize>runCount * SPAN_BYTES));
  if (pool.ranges === 0 || pool.runs === 0) return false;
  fillRanges(pool, list);
  fillRuns(pool);
  return true;
}

/** True when the block of the range's first address is not behind the block that follows the last one. */
function touchesBlock(range: usize, before: usize): bool {
  const high = rangeFirstHigh(range);
  const low = rangeFirstLow(range);
  const lastHigh = rangeLastHigh(before);
  const lastLow = rangeLastLow(before);
  const lastBlockLow = wideBlocksLow(lastHigh, lastLow);
  const nextHigh = wideSumHigh(lastHigh >> 6, lastBlockLow, 0, 1);
  return !wideLess(nextHigh, lastBlockLow + 1, high >> 6, wideBlocksLow(high, low));
}

function countRuns(list: usize, count: u32): u32 {
  let runs: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const range = list + <usize>i * RANGE_BYTES;
    if (i === 0 || !touchesBlock(range, range - RANGE_BYTES)) runs++;
  }
  return runs;
}

function fillRanges(pool: Pool, list: usize): void {
  const table = <usize>pool.ranges;
  const count = pool.rangeCount;
  let high: u64 = 0;
  let low: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const range = list + <usize>i * RANGE_BYTES;
    const firstHigh = rangeFirstHigh(range);
    const firstLow = rangeFirstLow(range);
    const lastHigh = rangeLastHigh(range);
    const lastLow = rangeLastLow(range);
    setSpanFirst(table, count, i, firstHigh, firstLow);
    setSpanLast(table, count, i, lastHigh, lastLow);
    setSpanBefore(table, count, i, high, low);
    const widthHigh = wideDifferenceHigh(lastHigh, lastLow, firstHigh, firstLow);
    const withWidthHigh = wideSumHigh(high, low, widthHigh, lastLow - firstLow);
    low += lastLow - firstLow + 1;
    high = withWidthHigh + u64(low === 0);
  }
  // Only the whole space wraps: 2^128 addresses are counted as 2^128 − 1.
  const wrapped = count !== 0 && (high | low) === 0;
  pool.totalHigh = wrapped ? u64.MAX_VALUE : high;
  pool.totalLow = wrapped ? u64.MAX_VALUE : low;
}

function fillRuns(pool: Pool): void {
  const ranges = <usize>pool.ranges;
  const rangeCount = pool.rangeCount;
  const runs = <usize>pool.runs;
  const runCount = pool.runCount;
  let run: u32 = 0;
  let high: u64 = 0;
  let low: u64 = 0;
  for (let i: u32 = 0; i < rangeCount; ) {
    const firstHigh = spanFirstHigh(ranges, i) >> 6;
    const firstLow = wideBlocksLow(spanFirstHigh(ranges, i), spanFirstLow(ranges, rangeCount, i));
    let lastHigh: u64 = 0;
    let lastLow: u64 = 0;
    let joins = true;
    while (joins) {
      const addressHigh = spanLastHigh(ranges, rangeCount, i);
      lastLow = wideBlocksLow(addressHigh, spanLastLow(ranges, rangeCount, i));
      lastHigh = addressHigh >> 6;
      i++;
      if (i === rangeCount) break;
      const nextHigh = spanFirstHigh(ranges, i);
      const nextLow = wideBlocksLow(nextHigh, spanFirstLow(ranges, rangeCount, i));
      const behindHigh = wideSumHigh(lastHigh, lastLow, 0, 1);
      joins = !wideLess(behindHigh, lastLow + 1, nextHigh >> 6, nextLow);
    }
    setSpanFirst(runs, runCount, run, firstHigh, firstLow);
    setSpanLast(runs, runCount, run, lastHigh, lastLow);
    setSpanBefore(runs, runCount, run, high, low);
    const widthHigh = wideDifferenceHigh(lastHigh, lastLow, firstHigh, firstLow);
    const sumHigh = wideSumHigh(high, low, widthHigh, lastLow - firstLow);
    low += lastLow - firstLow + 1;
    high = sumHigh + u64(low === 0);
    run++;
  }
  assert(run === runCount);
  pool.blocksHigh = high;
  pool.blocksLow = low;
}

/** The slots of the block at `base` that are addresses of the pool. O(log ranges + ranges in the block). */
export function eligibleWord(pool: Pool, baseHigh: u64, baseLow: u64): u64 {
  const table = <usize>pool.ranges;
  const count = pool.rangeCount;
  const endLow = baseLow | 63;
  let word: u64 = 0;
  let span = spanAtOrBefore(table, count, baseHigh, endLow);
  // From the last range that begins in or before the block, back to the first that reaches it.
  while (i32(span) >= 0) {
    const lastHigh = spanLastHigh(table, count, span);
    const lastLow = spanLastLow(table, count, span);
    if (wideLess(lastHigh, lastLow, baseHigh, baseLow)) break;
    const firstHigh = spanFirstHigh(table, span);
    const firstLow = spanFirstLow(table, count, span);
    const fromBase = wideLess(firstHigh, firstLow, baseHigh, baseLow);
    const toEnd = wideLess(baseHigh, endLow, lastHigh, lastLow);
    const from = fromBase ? <u64>0 : firstLow & 63;
    const to = toEnd ? <u64>63 : lastLow & 63;
    word |= (u64.MAX_VALUE << from) & (u64.MAX_VALUE >> (63 - to));
    if (fromBase) break;
    span--;
  }
  return word;
}
