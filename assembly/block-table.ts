/**
 * Block records and the index that finds one by its base address. The index is a hash table of block
 * numbers with linear probing, at most half full; it grows and shrinks. Records keep their numbers for as
 * long as they live, so their table only grows, and numbers that were given back are used first.
 */
import { placeFor } from './hash';
import { setU32At, u32At } from './memory/access';
import { allocate, allocateZeroed, release } from './memory/arena';
import {
  BLOCK_BYTES,
  BLOCKS_MAX,
  blockAt,
  firstPlace,
  isFreeBlock,
  NO_POOL,
} from './memory/block-record';
import { header } from './memory/header';

const CAPACITY_MIN: u32 = 16;

function placeOf(baseHigh: u64, baseLow: u64, capacity: u32): u32 {
  return placeFor(baseHigh, baseLow >> 6, capacity);
}

/** The number of the block at `base`, 0 where it has no record. */
export function findBlock(baseHigh: u64, baseLow: u64): u32 {
  const top = header();
  const capacity = top.blockIndexCapacity;
  if (capacity === 0) return 0;
  const index = <usize>top.blockIndex;
  let place = placeOf(baseHigh, baseLow, capacity);
  while (true) {
    const number = u32At(index, place);
    if (number === 0) return 0;
    const block = blockAt(number);
    if (block.baseLow === baseLow && block.baseHigh === baseHigh) return number;
    place = (place + 1) & (capacity - 1);
  }
}

/** Makes sure that one more record fits. Answers false where memory is full. */
function reserveBlock(): bool {
  const top = header();
  if (top.blockFree === 0 && top.blockLength >= top.blockCapacity && !growRecords()) return false;
  if ((top.blockCount + 1) * 2 <= top.blockIndexCapacity) return true;
  return rebuildIndex(max<u32>(top.blockIndexCapacity * 2, CAPACITY_MIN));
}

function growRecords(): bool {
  const top = header();
  const capacity = max<u32>(top.blockCapacity * 2, CAPACITY_MIN);
  if (capacity > BLOCKS_MAX) return false;
  const bytes = <usize>top.blockCapacity * BLOCK_BYTES;
  const wider = allocate(<usize>capacity * BLOCK_BYTES);
  if (wider === 0) return false;
  memory.copy(wider, top.blocks, bytes);
  // Number 0 means none, so its record is never used.
  if (top.blockLength === 0) {
    memory.fill(wider, 0, BLOCK_BYTES);
    top.blockLength = 1;
  }
  release(top.blocks, bytes);
  top.blocks = u32(wider);
  top.blockCapacity = capacity;
  return true;
}

function rebuildIndex(capacity: u32): bool {
  const top = header();
  const index = allocateZeroed((<usize>capacity) << 2);
  if (index === 0) return false;
  release(top.blockIndex, (<usize>top.blockIndexCapacity) << 2);
  top.blockIndex = u32(index);
  top.blockIndexCapacity = capacity;
  for (let number: u32 = 1; number < top.blockLength; number++) {
    if (!isFreeBlock(blockAt(number))) enterIndex(number);
  }
  return true;
}

function enterIndex(number: u32): void {
  const top = header();
  const mask = top.blockIndexCapacity - 1;
  const block = blockAt(number);
  let place = placeOf(block.baseHigh, block.baseLow, top.blockIndexCapacity);
  while (u32At(top.blockIndex, place) !== 0) place = (place + 1) & mask;
  setU32At(top.blockIndex, place, number);
}

/** A record for a block that has none: nothing used, nothing resting, no pool. Answers 0 where memory is full. */
export function makeRecord(baseHigh: u64, baseLow: u64): u32 {
  assert((baseLow & 63) === 0);
  if (!reserveBlock()) return 0;
  const top = header();
  let number = top.blockFree;
  if (number !== 0) top.blockFree = u32(blockAt(number).baseLow >> 6);
  else number = top.blockLength++;
  const block = blockAt(number);
  block.baseHigh = baseHigh;
  block.baseLow = baseLow;
  block.used = 0;
  block.resting = 0;
  firstPlace(block).pool = NO_POOL;
  firstPlace(block).next = 0;
  top.blockCount++;
  enterIndex(number);
  return number;
}

/** Gives back the record of a block in which nothing is used or resting and which no pool knows. */
export function freeRecord(number: u32): void {
  const block = blockAt(number);
  assert(!isFreeBlock(block));
  assert((block.used | block.resting) === 0);
  assert(firstPlace(block).pool === NO_POOL);
  leaveIndex(number);
  const top = header();
  block.baseHigh = 0;
  block.baseLow = ((<u64>top.blockFree) << 6) | 1;
  top.blockFree = number;
  top.blockCount--;
  const capacity = top.blockIndexCapacity;
  // A failure to shrink costs nothing but the memory.
  if (capacity > CAPACITY_MIN && top.blockCount * 8 < capacity) rebuildIndex(capacity >> 1);
}

/** Takes a number out of the index and moves back what was pushed behind it. */
function leaveIndex(number: u32): void {
  const top = header();
  const index = <usize>top.blockIndex;
  const capacity = top.blockIndexCapacity;
  const mask = capacity - 1;
  const block = blockAt(number);
  let hole = placeOf(block.baseHigh, block.baseLow, capacity);
  while (u32At(index, hole) !== number) {
    assert(u32At(index, hole) !== 0);
    hole = (hole + 1) & mask;
  }
  let place = hole;
  while (true) {
    place = (place + 1) & mask;
    const moving = u32At(index, place);
    if (moving === 0) break;
    const moved = blockAt(moving);
    const home = placeOf(moved.baseHigh, moved.baseLow, capacity);
    // It may move only where its own search would still pass.
    if (((place - home) & mask) < ((place - hole) & mask)) continue;
    setU32At(index, hole, moving);
    hole = place;
  }
  setU32At(index, hole, 0);
}
