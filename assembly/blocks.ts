/**
 * The life of a block's record. It is made when the first slot is taken, and lives while a slot is used or
 * resting. Where a dense pool covers it it stays beyond that: the pool's memory has a bound anyway, and
 * claim and release on an empty block would otherwise make and drop a record each time.
 */
import { findBlock, freeRecord, makeRecord } from './block-table';
import { addCoveringPools, refreshCover } from './cover';
import { removeAllMembers } from './memberships';
import { blockAt, firstMember, nextMember } from './memory/block-record';
import { POOL_DENSE, poolAt } from './memory/pool-record';
import { wideBlocksLow } from './wide';

/** The number of the block at `base`, made where it has no record. Answers 0 where memory is full. */
export function ensureBlock(baseHigh: u64, baseLow: u64): u32 {
  const known = findBlock(baseHigh, baseLow);
  if (known !== 0) return known;
  if (!refreshCover()) return 0;
  const number = makeRecord(baseHigh, baseLow);
  if (number === 0) return 0;
  if (!addCoveringPools(number, baseHigh >> 6, wideBlocksLow(baseHigh, baseLow))) {
    removeAllMembers(number);
    freeRecord(number);
    return 0;
  }
  return number;
}

/** True when the record may go: nothing is used or resting, and no dense pool covers the block. */
export function isIdle(number: u32): bool {
  const block = blockAt(number);
  if ((block.used | block.resting) !== 0) return false;
  let member = firstMember(block);
  while (member !== null) {
    if (poolAt(member.pool).state === POOL_DENSE) return false;
    member = nextMember(member);
  }
  return true;
}

/** Drops the record where it may go. */
export function dropIfIdle(number: u32): void {
  if (!isIdle(number)) return;
  removeAllMembers(number);
  freeRecord(number);
}
