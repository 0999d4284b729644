/**
 * Taking and giving back single slots, and whole blocks at a time. Every function first finds out whether it
 * can be done, then does it: a refusal has changed nothing. Results that are addresses are left in scratch.
 */
import { findBlock } from './block-table';
import { dropIfIdle, ensureBlock } from './blocks';
import { NO_ORDINAL, nextInDenseTree } from './dense-tree';
import { mappedBlock, memberOf, nextOpenBlock, reserveForWords, setWords } from './memberships';
import { Block, blockAt } from './memory/block-record';
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

/** Claims the pool's lowest free address. Answers OK, NONE, POOL_UNKNOWN or MEMORY_FULL. O(log64 blocks). */
export function claimFirst(pool: u32): i32 {
  if (!isPool(pool)) return STATUS_POOL_UNKNOWN;
  return claimAhead(pool, 0, 0, ALL_SLOTS, ALL_SLOTS, ALL_SLOTS);
}

/** Claims the lowest free address at or behind the given one, else the pool's lowest. Answers as claimFirst. */
export function claimFrom(pool: u32, high: u64, low: u64): i32 {
  if (!isPool(pool)) return STATUS_POOL_UNKNOWN;
  const status = claimBetween(pool, high, low, ALL_SLOTS, ALL_SLOTS);
  return status === STATUS_NONE ? claimFirst(pool) : status;
}

/** Claims the pool's lowest free address from first to last, both inclusive. Answers as claimFirst. */
export function claimWithin(
  pool: u32,
  firstHigh: u64,
  firstLow: u64,
  lastHigh: u64,
  lastLow: u64,
): i32 {
  if (!isPool(pool)) return STATUS_POOL_UNKNOWN;
  return claimBetween(pool, firstHigh, firstLow, lastHigh, lastLow);
}

/** Claims the pool's lowest free address between two, both inclusive. */
function claimBetween(handle: u32, high: u64, low: u64, lastHigh: u64, lastLow: u64): i32 {
  const pool = poolAt(handle);
  const runs = <usize>pool.runs;
  const count = pool.runCount;
  if (count === 0) return STATUS_NONE;
  const keyHigh = high >> 6;
  const keyLow = wideBlocksLow(high, low);
  const run = spanAtOrBefore(runs, count, keyHigh, keyLow);
  if (run === NO_SPAN) return claimAhead(handle, 0, 0, ALL_SLOTS, lastHigh, lastLow);
  if (!wideLess(spanLastHigh(runs, count, run), spanLastLow(runs, count, run), keyHigh, keyLow)) {
    returnOrdinal(runs, count, run, keyHigh, keyLow);
    const slots = ALL_SLOTS << low;
    return claimAhead(handle, returnedHigh(), returnedLow(), slots, lastHigh, lastLow);
  }
  if (run + 1 === count) return STATUS_NONE;
  const beforeHigh = spanBeforeHigh(runs, count, run + 1);
  const beforeLow = spanBeforeLow(runs, count, run + 1);
  return claimAhead(handle, beforeHigh, beforeLow, ALL_SLOTS, lastHigh, lastLow);
}

/**
 * Claims the pool's lowest free address that lies in the given slots of the block at the ordinal, or in a
 * block behind it, and not beyond the last address.
 */
function claimAhead(
  handle: u32,
  ordinalHigh: u64,
  ordinalLow: u64,
  slots: u64,
  lastHigh: u64,
  lastLow: u64,
): i32 {
  const pool = poolAt(handle);
  if (isExhausted(pool)) return STATUS_NONE;
  return pool.state === POOL_DENSE
    ? claimAheadDense(pool, handle, u32(ordinalLow), slots, lastHigh, lastLow)
    : claimAheadSparse(pool, handle, ordinalHigh, ordinalLow, slots, lastHigh, lastLow);
}

/** In a dense pool ordinals fit 32 bits, and the map leads to the block without a search. */
function claimAheadDense(
  pool: Pool,
  handle: u32,
  fromOrdinal: u32,
  fromSlots: u64,
  lastHigh: u64,
  lastLow: u64,
): i32 {
  let ordinal = nextInDenseTree(pool, fromOrdinal);
  let slots = ordinal === fromOrdinal ? fromSlots : ALL_SLOTS;
  // Two turns at most: an open block has a free slot, but in the first one it may not be among the slots.
  while (ordinal !== NO_ORDINAL) {
    const number = mappedBlock(pool, ordinal);
    if (number === 0) {
      const base = returnBase(pool, 0, ordinal);
      const free = eligibleWord(pool, returnedHigh(), base) & slots;
      if (free !== 0) return claimNew(returnedHigh(), base | ctz<u64>(free), lastHigh, lastLow);
    } else {
      const block = blockAt(number);
      const free = freeSlots(block, handle) & slots;
      if (free !== 0) return claimIn(number, block, ctz<u64>(free), lastHigh, lastLow);
    }
    assert(slots !== ALL_SLOTS);
    slots = ALL_SLOTS;
    ordinal = nextInDenseTree(pool, ordinal + 1);
  }
  return STATUS_NONE;
}

function claimAheadSparse(
  pool: Pool,
  handle: u32,
  fromHigh: u64,
  fromLow: u64,
  fromSlots: u64,
  lastHigh: u64,
  lastLow: u64,
): i32 {
  let high = fromHigh;
  let low = fromLow;
  let slots = fromSlots;
  // Two turns at most, as above.
  while (nextOpenBlock(pool, high, low)) {
    if (returnedHigh() !== high || returnedLow() !== low) slots = ALL_SLOTS;
    high = returnedHigh();
    low = returnedLow();
    const base = returnBase(pool, high, low);
    const baseHigh = returnedHigh();
    const number = findBlock(baseHigh, base);
    if (number === 0) {
      const free = eligibleWord(pool, baseHigh, base) & slots;
      if (free !== 0) return claimNew(baseHigh, base | ctz<u64>(free), lastHigh, lastLow);
    } else {
      const block = blockAt(number);
      const free = freeSlots(block, handle) & slots;
      if (free !== 0) return claimIn(number, block, ctz<u64>(free), lastHigh, lastLow);
    }
    assert(slots !== ALL_SLOTS);
    slots = ALL_SLOTS;
    low++;
    high += u64(low === 0);
  }
  return STATUS_NONE;
}

/** Leaves the high half of the base of the pool's block at an ordinal, and answers the low half. */
function returnBase(pool: Pool, ordinalHigh: u64, ordinalLow: u64): u64 {
  assert(returnKey(pool.runs, pool.runCount, ordinalHigh, ordinalLow));
  const keyLow = returnedLow();
  setReturned(wideFromBlocksHigh(returnedHigh(), keyLow), 0);
  return keyLow << 6;
}

/** The pool's free slots in a block. */
function freeSlots(block: Block, handle: u32): u64 {
  const member = memberOf(block, handle);
  assert(member !== null);
  return member === null ? 0 : member.eligible & ~(block.used | block.resting);
}

/** Claims a free address whose block has no record, unless it lies beyond the last. */
function claimNew(high: u64, low: u64, lastHigh: u64, lastLow: u64): i32 {
  if (wideLess(lastHigh, lastLow, high, low)) return STATUS_NONE;
  const number = ensureBlock(high, low & ~(<u64>63));
  if (number === 0) return STATUS_MEMORY_FULL;
  return claimIn(number, blockAt(number), low & 63, lastHigh, lastLow);
}

/** Claims a free slot, unless it lies beyond the last address, and leaves the address in scratch. */
function claimIn(number: u32, block: Block, slot: u64, lastHigh: u64, lastLow: u64): i32 {
  const high = block.baseHigh;
  const low = block.baseLow | slot;
  if (wideLess(lastHigh, lastLow, high, low)) return STATUS_NONE;
  const used = block.used | ((<u64>1) << slot);
  assert(used !== block.used);
  if (!reserveForWords(block, used, block.resting)) {
    dropIfIdle(number);
    return STATUS_MEMORY_FULL;
  }
  setWords(block, used, block.resting);
  setScratchAddress(high, low);
  return STATUS_OK;
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
export function claimAddress(high: u64, low: u64): i32 {
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
    return claimIn(number, block, low & 63, ALL_SLOTS, ALL_SLOTS);
  }
  return claimNew(high, low, ALL_SLOTS, ALL_SLOTS);
}

/** Frees a used address at once, without a rest. Answers OK; an address that is not used is a bug and traps. */
export function unclaim(high: u64, low: u64): i32 {
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
export function rest(high: u64, low: u64, untilTick: u32): i32 {
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
export function stateOf(high: u64, low: u64): i32 {
  const number = findBlock(high, low & ~(<u64>63));
  if (number === 0) return 0;
  const block = blockAt(number);
  return i32((block.used >> low) & 1) | (i32((block.resting >> low) & 1) << 1);
}

/** Leaves the used word and the resting word of the address's block, each low half first. Answers OK. */
export function readBlock(high: u64, low: u64): i32 {
  const number = findBlock(high, low & ~(<u64>63));
  if (number === 0) setScratchWords(0, 0);
  else setScratchWords(blockAt(number).used, blockAt(number).resting);
  return STATUS_OK;
}

/**
 * Sets the whole used word of the address's block. Resting slots that become used stop resting, others go
 * on. Answers OK or MEMORY_FULL.
 */
export function writeBlock(high: u64, low: u64, used: u64): i32 {
  const baseLow = low & ~(<u64>63);
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
