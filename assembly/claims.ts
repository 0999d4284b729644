/**
 * Taking and giving back single slots, and whole blocks at a time. Every function first finds out whether it
 * can be done, then does it: a refusal has changed nothing.
 *
 * Addresses come as four words, most significant first. Results that are addresses are left in scratch.
 */
import { findBlock } from './block-table';
import { dropIfIdle, ensureBlock } from './blocks';
import { mappedBlock, memberOf, nextOpenBlock, reserveForWords, setWords } from './memberships';
import { blockAt } from './memory/block-record';
import { header } from './memory/header';
import { isExhausted, isPool, POOL_DENSE, Pool, poolAt } from './memory/pool-record';
import {
  returnedHigh,
  returnedLow,
  setReturned,
  setScratchAddress,
  setScratchWords,
} from './memory/returned';
import { spanBeforeHigh, spanBeforeLow, spanLastHigh, spanLastLow } from './memory/span-table';
import { eligibleWord } from './pool-ranges';
import {
  enterRest,
  leaveRest,
  leaveRests,
  NO_SLOT,
  reserveForRest,
  slotOf,
  soonestRest,
  takeEnded,
} from './rests';
import { NO_SPAN, returnKey, returnOrdinal, spanAtOrBefore } from './spans';
import {
  STATUS_MEMORY_FULL,
  STATUS_NONE,
  STATUS_OK,
  STATUS_POOL_UNKNOWN,
  STATUS_USED,
} from './status';
import { wideBlocksLow, wideFromBlocksHigh, wideLess } from './wide';

const ALL_SLOTS: u64 = u64.MAX_VALUE;

function wide(upper: u32, lower: u32): u64 {
  return ((<u64>upper) << 32) | <u64>lower;
}

/** Claims the pool's lowest free address. Answers OK, NONE, POOL_UNKNOWN or MEMORY_FULL. O(log64 blocks). */
export function claimFirst(pool: u32): i32 {
  if (!isPool(pool)) return STATUS_POOL_UNKNOWN;
  return claimBetween(pool, 0, 0, ALL_SLOTS, ALL_SLOTS);
}

/** Claims the lowest free address at or behind the given one, else the pool's lowest. Answers as claimFirst. */
export function claimFrom(pool: u32, w0: u32, w1: u32, w2: u32, w3: u32): i32 {
  if (!isPool(pool)) return STATUS_POOL_UNKNOWN;
  const status = claimBetween(pool, wide(w0, w1), wide(w2, w3), ALL_SLOTS, ALL_SLOTS);
  return status === STATUS_NONE ? claimBetween(pool, 0, 0, ALL_SLOTS, ALL_SLOTS) : status;
}

/** Claims the pool's lowest free address from first to last, both inclusive. Answers as claimFirst. */
export function claimWithin(
  pool: u32,
  f0: u32,
  f1: u32,
  f2: u32,
  f3: u32,
  l0: u32,
  l1: u32,
  l2: u32,
  l3: u32,
): i32 {
  if (!isPool(pool)) return STATUS_POOL_UNKNOWN;
  return claimBetween(pool, wide(f0, f1), wide(f2, f3), wide(l0, l1), wide(l2, l3));
}

function claimBetween(
  handle: u32,
  firstHigh: u64,
  firstLow: u64,
  lastHigh: u64,
  lastLow: u64,
): i32 {
  const pool = poolAt(handle);
  if (isExhausted(pool) || !findFree(pool, handle, firstHigh, firstLow)) return STATUS_NONE;
  const high = returnedHigh();
  const low = returnedLow();
  if (wideLess(lastHigh, lastLow, high, low)) return STATUS_NONE;
  return claimFree(high, low);
}

/** Claims an address that is known to be free, and leaves it in scratch. */
function claimFree(high: u64, low: u64): i32 {
  const number = ensureBlock(high, low & ~(<u64>63));
  if (number === 0) return STATUS_MEMORY_FULL;
  const block = blockAt(number);
  const used = block.used | ((<u64>1) << low);
  if (!reserveForWords(block, used, block.resting)) {
    dropIfIdle(number);
    return STATUS_MEMORY_FULL;
  }
  assert(used !== block.used);
  setWords(block, used, block.resting);
  setScratchAddress(high, low);
  return STATUS_OK;
}

/** Leaves the pool's lowest free address at or behind the given one. False where there is none. */
function findFree(pool: Pool, handle: u32, high: u64, low: u64): bool {
  const runs = <usize>pool.runs;
  const count = pool.runCount;
  if (count === 0) return false;
  const keyHigh = high >> 6;
  const keyLow = wideBlocksLow(high, low);
  let slots = ALL_SLOTS << low;
  let ordinalHigh: u64 = 0;
  let ordinalLow: u64 = 0;
  const run = spanAtOrBefore(runs, count, keyHigh, keyLow);
  if (run === NO_SPAN) {
    slots = ALL_SLOTS;
  } else if (
    wideLess(spanLastHigh(runs, count, run), spanLastLow(runs, count, run), keyHigh, keyLow)
  ) {
    if (run + 1 === count) return false;
    ordinalHigh = spanBeforeHigh(runs, count, run + 1);
    ordinalLow = spanBeforeLow(runs, count, run + 1);
    slots = ALL_SLOTS;
  } else {
    returnOrdinal(runs, count, run, keyHigh, keyLow);
    ordinalHigh = returnedHigh();
    ordinalLow = returnedLow();
  }
  // Two turns at most: an open block has a free slot, but in the first one it may lie before the address.
  while (nextOpenBlock(pool, ordinalHigh, ordinalLow)) {
    if (returnedHigh() !== ordinalHigh || returnedLow() !== ordinalLow) slots = ALL_SLOTS;
    ordinalHigh = returnedHigh();
    ordinalLow = returnedLow();
    const free = returnBlockBase(pool, handle, ordinalHigh, ordinalLow) & slots;
    if (free !== 0) {
      setReturned(returnedHigh(), returnedLow() | ctz<u64>(free));
      return true;
    }
    assert(slots !== ALL_SLOTS);
    ordinalLow++;
    ordinalHigh += u64(ordinalLow === 0);
    slots = ALL_SLOTS;
  }
  return false;
}

/** Leaves the base of the pool's block and answers which of the pool's slots are free in it. */
function returnBlockBase(pool: Pool, handle: u32, ordinalHigh: u64, ordinalLow: u64): u64 {
  let number: u32 = 0;
  if (pool.state === POOL_DENSE) number = mappedBlock(pool, u32(ordinalLow));
  if (number === 0) {
    assert(returnKey(pool.runs, pool.runCount, ordinalHigh, ordinalLow));
    const keyLow = returnedLow();
    const baseHigh = wideFromBlocksHigh(returnedHigh(), keyLow);
    const baseLow = keyLow << 6;
    setReturned(baseHigh, baseLow);
    if (pool.state !== POOL_DENSE) number = findBlock(baseHigh, baseLow);
    if (number === 0) return eligibleWord(pool, baseHigh, baseLow);
  }
  const block = blockAt(number);
  setReturned(block.baseHigh, block.baseLow);
  const member = memberOf(block, handle);
  assert(member !== null);
  return member === null ? 0 : member.eligible & ~(block.used | block.resting);
}

/**
 * Claims the pool's resting address whose rest ends soonest. Answers OK, NONE or POOL_UNKNOWN. Amortized
 * O(log n) over the pool's rests.
 */
export function claimResting(pool: u32): i32 {
  if (!isPool(pool)) return STATUS_POOL_UNKNOWN;
  const slot = soonestRest(pool);
  if (slot === NO_SLOT) return STATUS_NONE;
  const block = blockAt(slot >> 6);
  const bit = (<u64>1) << slot;
  assert((block.resting & bit) !== 0);
  leaveRest(slot);
  // From resting to used no block becomes full that was not, so no tree needs room.
  setWords(block, block.used | bit, block.resting & ~bit);
  setScratchAddress(block.baseHigh, block.baseLow | (<u64>slot & 63));
  return STATUS_OK;
}

/** Claims one address, in a pool or not; a rest of it ends. Answers OK, USED or MEMORY_FULL. */
export function claimAddress(w0: u32, w1: u32, w2: u32, w3: u32): i32 {
  const high = wide(w0, w1);
  const low = wide(w2, w3);
  const bit = (<u64>1) << low;
  const number = findBlock(high, low & ~(<u64>63));
  if (number !== 0) {
    const block = blockAt(number);
    if ((block.used & bit) !== 0) return STATUS_USED;
    if ((block.resting & bit) !== 0) {
      leaveRest(slotOf(number, low & 63));
      setWords(block, block.used | bit, block.resting & ~bit);
      setScratchAddress(high, low);
      return STATUS_OK;
    }
  }
  return claimFree(high, low);
}

/** Frees a used address at once, without a rest. Answers OK; an address that is not used is a bug and traps. */
export function unclaim(w0: u32, w1: u32, w2: u32, w3: u32): i32 {
  const high = wide(w0, w1);
  const low = wide(w2, w3);
  const number = findBlock(high, low & ~(<u64>63));
  assert(number !== 0);
  const block = blockAt(number);
  const bit = (<u64>1) << low;
  assert((block.used & bit) !== 0);
  setWords(block, block.used & ~bit, block.resting);
  dropIfIdle(number);
  return STATUS_OK;
}

/**
 * Lets an address rest until the tick, whatever it was before: used, free or resting. A tick that has passed
 * frees it at once. Answers OK or MEMORY_FULL. Amortized O(log n) over the rests.
 */
export function rest(w0: u32, w1: u32, w2: u32, w3: u32, untilTick: u32): i32 {
  const high = wide(w0, w1);
  const low = wide(w2, w3);
  const bit = (<u64>1) << low;
  if (untilTick <= header().tick) {
    const known = findBlock(high, low & ~(<u64>63));
    if (known === 0) return STATUS_OK;
    const block = blockAt(known);
    if ((block.resting & bit) !== 0) leaveRest(slotOf(known, low & 63));
    setWords(block, block.used & ~bit, block.resting & ~bit);
    dropIfIdle(known);
    return STATUS_OK;
  }
  const number = ensureBlock(high, low & ~(<u64>63));
  if (number === 0) return STATUS_MEMORY_FULL;
  const block = blockAt(number);
  const used = block.used & ~bit;
  const resting = block.resting | bit;
  if (!reserveForRest(block, bit) || !reserveForWords(block, used, resting)) {
    dropIfIdle(number);
    return STATUS_MEMORY_FULL;
  }
  setWords(block, used, resting);
  enterRest(block, slotOf(number, low & 63), untilTick);
  return STATUS_OK;
}

/**
 * Time goes on to the tick: every slot whose rest ends at or before it becomes free. Answers how many; a
 * tick that lies behind is ignored. O(ended · log n).
 */
export function advance(tick: u32): i32 {
  if (tick <= header().tick) return 0;
  header().tick = tick;
  let ended: i32 = 0;
  while (true) {
    const slot = takeEnded(tick);
    if (slot === NO_SLOT) return ended;
    const block = blockAt(slot >> 6);
    setWords(block, block.used, block.resting & ~((<u64>1) << slot));
    dropIfIdle(slot >> 6);
    ended++;
  }
}

/** 1 where the address is used, 2 where it rests, 0 where it is neither. */
export function stateOf(w0: u32, w1: u32, w2: u32, w3: u32): i32 {
  const low = wide(w2, w3);
  const number = findBlock(wide(w0, w1), low & ~(<u64>63));
  if (number === 0) return 0;
  const block = blockAt(number);
  return i32((block.used >> low) & 1) | (i32((block.resting >> low) & 1) << 1);
}

/** Leaves the used word and the resting word of the address's block, each low half first. Answers OK. */
export function readBlock(w0: u32, w1: u32, w2: u32, w3: u32): i32 {
  const number = findBlock(wide(w0, w1), wide(w2, w3) & ~(<u64>63));
  if (number === 0) setScratchWords(0, 0);
  else setScratchWords(blockAt(number).used, blockAt(number).resting);
  return STATUS_OK;
}

/**
 * Sets the whole used word of the address's block. Resting slots that become used stop resting, others go
 * on. Answers OK or MEMORY_FULL.
 */
export function writeBlock(w0: u32, w1: u32, w2: u32, w3: u32, usedLow: u32, usedHigh: u32): i32 {
  const used = wide(usedHigh, usedLow);
  const high = wide(w0, w1);
  const baseLow = wide(w2, w3) & ~(<u64>63);
  const number = used === 0 ? findBlock(high, baseLow) : ensureBlock(high, baseLow);
  if (number === 0) return used === 0 ? STATUS_OK : STATUS_MEMORY_FULL;
  const block = blockAt(number);
  const resting = block.resting & ~used;
  if (!reserveForWords(block, used, resting)) {
    dropIfIdle(number);
    return STATUS_MEMORY_FULL;
  }
  leaveRests(number, block.resting & used);
  setWords(block, used, resting);
  dropIfIdle(number);
  return STATUS_OK;
}
