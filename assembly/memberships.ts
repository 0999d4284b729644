/**
 * Which pools cover a block, and what a change of its words means to them. `setWords` is the only place
 * where used and resting words change, so counts and trees cannot drift from them.
 */

import { setInDenseTree } from './dense-tree';
import { setU32At, u32At } from './memory/access';
import { allocate, growTo, release } from './memory/arena';
import {
  Block,
  blockAt,
  copyMember,
  firstMember,
  firstPlace,
  MEMBER_BYTES,
  Member,
  memberAt,
  memberOffset,
  NO_POOL,
  nextMember,
} from './memory/block-record';
import { header } from './memory/header';
import { POOL_DENSE, POOL_SPARSE, Pool, poolAt } from './memory/pool-record';
import { restsOf } from './memory/rest-heap-record';
import { returnedHigh, returnedLow } from './memory/returned';
import { eligibleWord } from './pool-ranges';
import { clearHeap } from './rest-heap';
import { NO_SPAN, returnOrdinal, spanHolding } from './spans';
import {
  markInSparseTree,
  nextInSparseTree,
  SPARSE_PATH_BYTES,
  unmarkInSparseTree,
} from './sparse-tree';
import { wideBlocksLow, wideLess } from './wide';

/** The block's membership in a pool, null where the pool does not cover it. O(pools over the block). */
export function memberOf(block: Block, handle: u32): Member | null {
  let member = firstMember(block);
  while (member !== null && member.pool !== handle) member = nextMember(member);
  return member;
}

/**
 * Makes a pool a member of a block that it covers, and tells the pool what is used and resting there.
 * Answers false where memory is full; then nothing has changed.
 */
export function addMember(number: u32, handle: u32): bool {
  const block = blockAt(number);
  const pool = poolAt(handle);
  const keyHigh = block.baseHigh >> 6;
  const keyLow = wideBlocksLow(block.baseHigh, block.baseLow);
  const run = spanHolding(pool.runs, pool.runCount, keyHigh, keyLow);
  assert(run !== NO_SPAN);
  returnOrdinal(pool.runs, pool.runCount, run, keyHigh, keyLow);
  const ordinalHigh = returnedHigh();
  const ordinalLow = returnedLow();
  const eligible = eligibleWord(pool, block.baseHigh, block.baseLow);
  assert(eligible !== 0);

  const full = (eligible & ~(block.used | block.resting)) === 0;
  const sparseFull = full && pool.state === POOL_SPARSE;
  if (sparseFull && !markInSparseTree(pool, ordinalHigh, ordinalLow)) return false;
  const first = firstPlace(block);
  let member = first;
  if (first.pool !== NO_POOL) {
    const chunk = allocate(MEMBER_BYTES);
    if (chunk === 0) {
      if (sparseFull) unmarkInSparseTree(pool, ordinalHigh, ordinalLow);
      return false;
    }
    member = memberAt(chunk);
    member.next = first.next;
    first.next = u32(chunk);
  }
  member.pool = handle;
  member.eligible = eligible;
  member.ordinalHigh = ordinalHigh;
  member.ordinalLow = ordinalLow;
  if (pool.state === POOL_DENSE) {
    setU32At(pool.blockMap, u32(ordinalLow), number);
    if (full) setInDenseTree(pool, u32(ordinalLow), false);
  }
  pool.used += popcnt<u64>(block.used & eligible);
  pool.resting += popcnt<u64>(block.resting & eligible);
  return true;
}

/** Ends a membership. The pool is about to go, so its own tables are left alone. */
export function removeMember(number: u32, handle: u32): void {
  const block = blockAt(number);
  const first = firstPlace(block);
  if (first.pool === handle) {
    const next = nextMember(first);
    if (next === null) {
      first.pool = NO_POOL;
      return;
    }
    copyMember(first, next);
    first.next = next.next;
    release(memberOffset(next), MEMBER_BYTES);
    return;
  }
  let before = first;
  while (true) {
    const member = nextMember(before);
    if (member === null) return;
    if (member.pool === handle) {
      before.next = member.next;
      release(memberOffset(member), MEMBER_BYTES);
      return;
    }
    before = member;
  }
}

/** Ends all memberships of a block in which nothing is used or resting, and takes it off the pools' maps. */
export function removeAllMembers(number: u32): void {
  const block = blockAt(number);
  assert((block.used | block.resting) === 0);
  let member = firstMember(block);
  while (member !== null) {
    const pool = poolAt(member.pool);
    if (pool.state === POOL_DENSE) setU32At(pool.blockMap, u32(member.ordinalLow), 0);
    const handle = member.pool;
    removeMember(number, handle);
    member = firstMember(block);
  }
}

/** Makes sure that setWords cannot run out of memory. Answers false where memory is full. */
export function reserveForWords(block: Block, used: u64, resting: u64): bool {
  const taken = used | resting;
  let filling: u64 = 0;
  let member = firstMember(block);
  while (member !== null) {
    if ((member.eligible & ~taken) === 0 && poolAt(member.pool).state === POOL_SPARSE) filling++;
    member = nextMember(member);
  }
  return filling === 0 || growTo(<u64>header().length + filling * SPARSE_PATH_BYTES);
}

/** Sets a block's words and brings every pool over it up to date. Room was reserved. */
export function setWords(block: Block, used: u64, resting: u64): void {
  assert((used & resting) === 0);
  const usedBefore = block.used;
  const restingBefore = block.resting;
  const before = usedBefore | restingBefore;
  const taken = used | resting;
  block.used = used;
  block.resting = resting;
  let member = firstMember(block);
  while (member !== null) {
    const own = member.eligible;
    const pool = poolAt(member.pool);
    pool.used += popcnt<u64>(used & own) - popcnt<u64>(usedBefore & own);
    if (resting !== restingBefore) {
      pool.resting += popcnt<u64>(resting & own) - popcnt<u64>(restingBefore & own);
      if (pool.resting === 0) clearHeap(restsOf(pool));
    }
    const free = (own & ~taken) !== 0;
    if (free !== ((own & ~before) !== 0)) setBlockOpen(pool, member, free);
    member = nextMember(member);
  }
}

/** Writes down in the pool's tree whether the block has a free slot of the pool. */
function setBlockOpen(pool: Pool, member: Member, open: bool): void {
  if (pool.state === POOL_DENSE) {
    setInDenseTree(pool, u32(member.ordinalLow), open);
  } else if (open) {
    unmarkInSparseTree(pool, member.ordinalHigh, member.ordinalLow);
  } else {
    assert(markInSparseTree(pool, member.ordinalHigh, member.ordinalLow));
  }
}

/**
 * Leaves the ordinal of a sparse pool's first block at or behind the given one that has a free slot. Answers
 * false where there is none.
 */
export function nextOpenBlock(pool: Pool, high: u64, low: u64): bool {
  if (!nextInSparseTree(pool, high, low)) return false;
  return wideLess(returnedHigh(), returnedLow(), pool.blocksHigh, pool.blocksLow);
}

/** Number of a dense pool's block, 0 where it has no record. */
export function mappedBlock(pool: Pool, ordinal: u32): u32 {
  return u32At(pool.blockMap, ordinal);
}
