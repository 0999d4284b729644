/**
 * Walks everything and answers the first broken invariant. Each check trusts only what the checks before it
 * have shown, so a damaged memory is named rather than run into: first the header and the free lists, then
 * blocks, rests, pools, the cover index, affinity rows, and last that every byte has exactly one owner.
 */
import { areRowsSound } from './affinity';
import { findBlock } from './block-table';
import { isIdle } from './blocks';
import { countCoveringPools, countRuns, refreshCover } from './cover';
import {
  areLevelsInPlace,
  countInDenseTree,
  denseTreeBytes,
  isDenseTreeSound,
  isFreeInDenseTree,
} from './dense-tree';
import { mappedBlock } from './memberships';
import { u32At, u64At } from './memory/access';
import {
  CHUNK_CLASSES,
  chunkBytes,
  freeChunkHead,
  isInArena,
  nextFreeChunk,
  spentBytes,
} from './memory/arena';
import {
  BLOCK_BYTES,
  Block,
  blockAt,
  firstMember,
  isFreeBlock,
  MEMBER_BYTES,
  Member,
  memberOffset,
  nextMember,
} from './memory/block-record';
import { COVER_BYTES, coverEntry } from './memory/cover-entry';
import { ABI_VERSION, ARENA, header, MAGIC } from './memory/header';
import { isPool, POOL_BYTES, POOL_DENSE, POOL_SPARSE, Pool, poolAt } from './memory/pool-record';
import { allRests, RestHeap, restsOf } from './memory/rest-heap-record';
import { returnedHigh, returnedLow } from './memory/returned';
import { RESULT_REGISTERS, ROW_RECORD_BYTES, rowAt } from './memory/row-record';
import { SPAN_BYTES } from './memory/span-table';
import { setNodeBudget } from './memory/sparse-node';
import { eligibleWord } from './pool-ranges';
import { isHeapSound } from './rest-heap';
import { NOT_RESTING, restEnd } from './rest-table';
import { ANY_POOL, isLive, slotOf } from './rests';
import { NO_SPAN, returnOrdinal, spanHolding } from './spans';
import {
  countInSparseTree,
  isFullInSparseTree,
  isSparseTreeSound,
  sparseLevels,
  sparseTreeBytes,
} from './sparse-tree';
import { wideBlocksLow, wideLess } from './wide';

export const BROKEN_HEADER: i32 = 1;
export const BROKEN_FREE_LIST: i32 = 2;
export const BROKEN_TABLE_BOUNDS: i32 = 3;
export const BROKEN_BLOCK_INDEX: i32 = 4;
export const BROKEN_BLOCK_WORDS: i32 = 5;
export const BROKEN_BLOCK_IDLE: i32 = 6;
export const BROKEN_MEMBER: i32 = 7;
export const BROKEN_MEMBER_MISSING: i32 = 8;
export const BROKEN_REST_END: i32 = 9;
export const BROKEN_REST_COUNT: i32 = 10;
export const BROKEN_REST_HEAP: i32 = 11;
export const BROKEN_POOL_COUNT: i32 = 12;
export const BROKEN_POOL_COUNTERS: i32 = 13;
export const BROKEN_POOL_MAP: i32 = 14;
export const BROKEN_POOL_TREE: i32 = 15;
export const BROKEN_COVER: i32 = 16;
export const BROKEN_ROWS: i32 = 17;
export const BROKEN_OWNERSHIP: i32 = 18;

/**
 * The number of the first broken invariant, 0 where all hold. Rebuilds the cover index where it is stale and
 * changes nothing else. O(everything); pools over a block cost their number squared.
 */
export function verify(): i32 {
  let broken = checkHeader();
  if (broken === 0) broken = checkFreeLists();
  if (broken === 0) broken = checkBounds();
  if (broken === 0 && !refreshCover()) return 0;
  if (broken === 0) broken = checkCover();
  if (broken === 0) broken = checkBlocks();
  if (broken === 0) broken = checkRests();
  if (broken === 0) broken = checkPools();
  if (broken === 0 && header().rowBytes !== 0 && !areRowsSound()) broken = BROKEN_ROWS;
  if (broken === 0) broken = checkOwnership();
  return broken;
}

function checkHeader(): i32 {
  const top = header();
  if (top.magic !== MAGIC || top.abiVersion !== ABI_VERSION) return BROKEN_HEADER;
  if (<usize>top.length < ARENA || (top.length & 15) !== 0) return BROKEN_HEADER;
  return <u64>top.length <= (<u64>u32(memory.size())) << 16 ? 0 : BROKEN_HEADER;
}

function checkFreeLists(): i32 {
  // As many chunks as could lie in the arena at all bound a list that runs in a circle.
  let left = u32((<usize>header().length - ARENA) >> 4);
  for (let ofClass: u32 = 0; ofClass < CHUNK_CLASSES; ofClass++) {
    let chunk = freeChunkHead(ofClass);
    while (chunk !== 0) {
      if (!isInArena(chunk, chunkBytes(ofClass)) || left-- === 0) return BROKEN_FREE_LIST;
      chunk = nextFreeChunk(chunk);
    }
  }
  return 0;
}

function isTable(offset: u32, bytes: u64): bool {
  return offset === 0 ? bytes === 0 : isInArena(offset, bytes);
}

/** Every table of the header and of the pools lies in the arena, and no length exceeds its capacity. */
function checkBounds(): i32 {
  const top = header();
  let good =
    isTable(top.workspace, top.workspaceBytes) &&
    isTable(top.blocks, <u64>top.blockCapacity * BLOCK_BYTES) &&
    isTable(top.blockIndex, (<u64>top.blockIndexCapacity) << 2) &&
    isTable(top.restTable, (<u64>top.restTableCapacity) << 3) &&
    isTable(top.restHeap, (<u64>top.restHeapCapacity) << 3) &&
    isTable(top.cover, <u64>top.coverCapacity * COVER_BYTES) &&
    isTable(top.rows, <u64>top.rowCapacity * ROW_RECORD_BYTES) &&
    isTable(top.existing, top.rowBytes) &&
    isTable(top.results, <u64>top.rowBytes * RESULT_REGISTERS);
  good = good && (top.pools === 0) === (top.poolCapacity === 0);
  good =
    good && (top.pools === 0 || isInArena(top.pools, (<u64>top.poolCapacity + 1) * POOL_BYTES));
  good = good && top.poolLength <= top.poolCapacity && top.blockLength <= top.blockCapacity;
  good = good && top.rowLength <= top.rowCapacity && top.coverLength <= top.coverCapacity;
  good = good && top.restHeapLength <= top.restHeapCapacity && (top.rowBytes & 63) === 0;
  for (let row: u32 = 0; good && row < top.rowLength; row++) {
    const record = rowAt(row);
    good = record.bits === 0 || isInArena(record.bits, top.rowBytes);
  }
  for (let handle: u32 = 0; good && handle < top.poolLength; handle++) {
    if (isPool(handle)) good = isPoolInBounds(poolAt(handle));
  }
  return good ? 0 : BROKEN_TABLE_BOUNDS;
}

function isPoolInBounds(pool: Pool): bool {
  if (pool.state !== POOL_DENSE && pool.state !== POOL_SPARSE) return false;
  if (pool.restLength > pool.restCapacity) return false;
  if (!isInArena(pool.ranges, <u64>pool.rangeCount * SPAN_BYTES)) return false;
  if (!isInArena(pool.runs, <u64>pool.runCount * SPAN_BYTES)) return false;
  if (!isTable(pool.restEntries, (<u64>pool.restCapacity) << 3)) return false;
  if (pool.state === POOL_SPARSE) {
    return pool.treeHeight === sparseLevels(pool.blocksHigh, pool.blocksLow);
  }
  if (pool.blocksHigh !== 0 || pool.blocksLow >> 25 !== 0) return false;
  if (!isInArena(pool.blockMap, pool.blocksLow << 2)) return false;
  return isInArena(pool.tree, denseTreeBytes(u32(pool.blocksLow))) && areLevelsInPlace(pool);
}

function checkCover(): i32 {
  const top = header();
  if (top.coverLength !== countRuns()) return BROKEN_COVER;
  for (let i: u32 = 1; i < top.coverLength; i++) {
    const entry = coverEntry(i);
    const before = coverEntry(i - 1);
    if (wideLess(entry.firstHigh, entry.firstLow, before.firstHigh, before.firstLow)) {
      return BROKEN_COVER;
    }
  }
  return reaches(0, top.coverLength) ? 0 : BROKEN_COVER;
}

/** True when no run of the stretch goes beyond the reach of its root. */
function reaches(begin: u32, end: u32): bool {
  if (begin === end) return true;
  const middle = (begin + end) >> 1;
  const root = coverEntry(middle);
  if (!isPool(root.pool)) return false;
  for (let i = begin; i < end; i++) {
    const entry = coverEntry(i);
    if (wideLess(root.reachHigh, root.reachLow, entry.lastHigh, entry.lastLow)) return false;
  }
  return reaches(begin, middle) && reaches(middle + 1, end);
}

/** The two hash tables have as many entries as is said, and an end for every search. */
function areHashTablesSound(): bool {
  const top = header();
  const places = top.blockIndexCapacity;
  if ((places & (places - 1)) !== 0 || top.blockCount * 2 > places) return false;
  let entries: u32 = 0;
  for (let place: u32 = 0; place < places; place++) {
    const number = u32At(top.blockIndex, place);
    if (number >= top.blockLength) return false;
    entries += u32(number !== 0);
  }
  if (entries !== top.blockCount) return false;
  const rests = top.restTableCapacity;
  if ((rests & (rests - 1)) !== 0 || top.restCount * 2 > rests) return false;
  entries = 0;
  for (let place: u32 = 0; place < rests; place++) {
    entries += u32(u64At(top.restTable, place) !== 0);
  }
  return entries === top.restCount;
}

/** Blocks one by one, and on the way what the pools must have counted. */
function checkBlocks(): i32 {
  if (!areHashTablesSound()) return BROKEN_BLOCK_INDEX;
  const top = header();
  for (let handle: u32 = 0; handle < top.poolLength; handle++) {
    const pool = poolAt(handle);
    pool.seenUsed = 0;
    pool.seenResting = 0;
    pool.seenMembers = 0;
    pool.seenFull = 0;
  }
  if (!areSparseTreesSound()) return BROKEN_POOL_TREE;
  let count: u32 = 0;
  for (let number: u32 = 1; number < top.blockLength; number++) {
    const block = blockAt(number);
    if (isFreeBlock(block)) continue;
    count++;
    if ((block.baseLow & 63) !== 0) return BROKEN_BLOCK_INDEX;
    if (findBlock(block.baseHigh, block.baseLow) !== number) return BROKEN_BLOCK_INDEX;
    if ((block.used & block.resting) !== 0) return BROKEN_BLOCK_WORDS;
    const broken = checkMembers(number, block);
    if (broken !== 0) return broken;
    if (isIdle(number)) return BROKEN_BLOCK_IDLE;
  }
  return count === top.blockCount ? 0 : BROKEN_BLOCK_INDEX;
}

/** The trees first, because the members' checks walk them. */
function areSparseTreesSound(): bool {
  const top = header();
  setNodeBudget(u32((<usize>top.length - ARENA) >> 4));
  for (let handle: u32 = 0; handle < top.poolLength; handle++) {
    const pool = poolAt(handle);
    if (pool.state !== POOL_SPARSE || pool.tree === 0) continue;
    if (!isSparseTreeSound(pool.tree, pool.treeHeight - 1)) return false;
  }
  return true;
}

function checkMembers(number: u32, block: Block): i32 {
  const keyHigh = block.baseHigh >> 6;
  const keyLow = wideBlocksLow(block.baseHigh, block.baseLow);
  const expected = countCoveringPools(keyHigh, keyLow);
  let count: u32 = 0;
  let member = firstMember(block);
  while (member !== null) {
    if (++count > expected || !isPool(member.pool)) return BROKEN_MEMBER;
    if (!isMemberSound(number, block, member, keyHigh, keyLow)) return BROKEN_MEMBER;
    const next = nextMember(member);
    if (next !== null && !isInArena(memberOffset(next), MEMBER_BYTES)) return BROKEN_MEMBER;
    member = next;
  }
  return count === expected ? 0 : BROKEN_MEMBER_MISSING;
}

function isMemberSound(number: u32, block: Block, member: Member, keyHigh: u64, keyLow: u64): bool {
  const pool = poolAt(member.pool);
  const run = spanHolding(pool.runs, pool.runCount, keyHigh, keyLow);
  if (run === NO_SPAN) return false;
  returnOrdinal(pool.runs, pool.runCount, run, keyHigh, keyLow);
  if (returnedHigh() !== member.ordinalHigh || returnedLow() !== member.ordinalLow) return false;
  if (eligibleWord(pool, block.baseHigh, block.baseLow) !== member.eligible) return false;
  const full = (member.eligible & ~(block.used | block.resting)) === 0;
  if (pool.state === POOL_DENSE) {
    const ordinal = u32(member.ordinalLow);
    if (mappedBlock(pool, ordinal) !== number) return false;
    if (isFreeInDenseTree(pool, ordinal) === full) return false;
  } else if (isFullInSparseTree(pool, member.ordinalHigh, member.ordinalLow) !== full) {
    return false;
  }
  pool.seenUsed += popcnt<u64>(block.used & member.eligible);
  pool.seenResting += popcnt<u64>(block.resting & member.eligible);
  pool.seenMembers++;
  pool.seenFull += u64(full);
  return true;
}

/** Every resting slot has an end that lies ahead, and is found in the heaps. */
function checkRests(): i32 {
  const top = header();
  let count: u32 = 0;
  for (let number: u32 = 1; number < top.blockLength; number++) {
    const block = blockAt(number);
    if (isFreeBlock(block)) continue;
    for (let left = block.resting; left !== 0; left &= left - 1) {
      const end = restEnd(slotOf(number, ctz<u64>(left)));
      if (end === NOT_RESTING || end <= <u64>top.tick) return BROKEN_REST_END;
      count++;
    }
  }
  if (count !== top.restCount) return BROKEN_REST_COUNT;
  return checkHeap(allRests(), top.restCount, ANY_POOL);
}

function checkHeap(heap: RestHeap, live: u64, handle: u32): i32 {
  if (!isHeapSound(heap)) return BROKEN_REST_HEAP;
  let found: u64 = 0;
  for (let i: u32 = 0; i < heap.length; i++) {
    const entry = u64At(heap.entries, i);
    if (u32(entry) >> 6 >= header().blockLength) return BROKEN_REST_HEAP;
    found += u64(isLive(entry, handle));
  }
  // An entry may stand twice, so there may be more live ones than rests, but not fewer.
  return found >= live ? 0 : BROKEN_REST_HEAP;
}

function checkPools(): i32 {
  const top = header();
  let count: u32 = 0;
  for (let handle: u32 = 0; handle < top.poolLength; handle++) {
    if (!isPool(handle)) continue;
    count++;
    const pool = poolAt(handle);
    if (pool.used !== pool.seenUsed || pool.resting !== pool.seenResting) {
      return BROKEN_POOL_COUNTERS;
    }
    if (pool.state === POOL_DENSE) {
      if (countMapped(pool) !== pool.seenMembers) return BROKEN_POOL_MAP;
      if (!isDenseTreeSound(pool)) return BROKEN_POOL_TREE;
      if (countInDenseTree(pool) + pool.seenFull !== pool.blocksLow) return BROKEN_POOL_TREE;
    } else {
      if (countInSparseTree(pool.tree, pool.treeHeight - 1) !== pool.seenFull) {
        return BROKEN_POOL_TREE;
      }
    }
    if (checkHeap(restsOf(pool), pool.resting, handle) !== 0) return BROKEN_REST_HEAP;
  }
  return count === top.poolCount ? 0 : BROKEN_POOL_COUNT;
}

function countMapped(pool: Pool): u64 {
  let count: u64 = 0;
  for (let i: u32 = 0; i < u32(pool.blocksLow); i++) count += u64(mappedBlock(pool, i) !== 0);
  return count;
}

function spentOn(offset: u32, bytes: usize): u64 {
  return offset === 0 ? 0 : spentBytes(bytes);
}

/** Owned chunks and free chunks together are the arena: nothing leaked, nothing owned twice. */
function checkOwnership(): i32 {
  const top = header();
  let owned =
    spentOn(top.workspace, top.workspaceBytes) +
    spentOn(top.pools, <usize>(top.poolCapacity + 1) * POOL_BYTES) +
    spentOn(top.blocks, <usize>top.blockCapacity * BLOCK_BYTES) +
    spentOn(top.blockIndex, (<usize>top.blockIndexCapacity) << 2) +
    spentOn(top.restTable, (<usize>top.restTableCapacity) << 3) +
    spentOn(top.restHeap, (<usize>top.restHeapCapacity) << 3) +
    spentOn(top.cover, <usize>top.coverCapacity * COVER_BYTES) +
    spentOn(top.rows, <usize>top.rowCapacity * ROW_RECORD_BYTES) +
    spentOn(top.existing, top.rowBytes) +
    spentOn(top.results, <usize>top.rowBytes * RESULT_REGISTERS) +
    <u64>top.rowCount * spentBytes(top.rowBytes);
  for (let handle: u32 = 0; handle < top.poolLength; handle++) {
    if (isPool(handle)) owned += poolBytes(poolAt(handle));
  }
  owned += furtherMembers() * spentBytes(MEMBER_BYTES);
  let free: u64 = 0;
  for (let ofClass: u32 = 0; ofClass < CHUNK_CLASSES; ofClass++) {
    for (let chunk = freeChunkHead(ofClass); chunk !== 0; chunk = nextFreeChunk(chunk)) {
      free += chunkBytes(ofClass);
    }
  }
  const arena = <u64>top.length - <u64>ARENA;
  return owned === top.ownedBytes && owned + free === arena ? 0 : BROKEN_OWNERSHIP;
}

function poolBytes(pool: Pool): u64 {
  let bytes =
    spentBytes(<usize>pool.rangeCount * SPAN_BYTES) +
    spentBytes(<usize>pool.runCount * SPAN_BYTES) +
    spentOn(pool.restEntries, (<usize>pool.restCapacity) << 3);
  if (pool.state === POOL_DENSE) {
    bytes += spentBytes((<usize>pool.blocksLow) << 2);
    return bytes + spentBytes(denseTreeBytes(u32(pool.blocksLow)));
  }
  return bytes + sparseTreeBytes(pool.tree, pool.treeHeight - 1);
}

/** Members of all blocks that have a chunk of their own. */
function furtherMembers(): u64 {
  let count: u64 = 0;
  for (let number: u32 = 1; number < header().blockLength; number++) {
    const block = blockAt(number);
    if (isFreeBlock(block)) continue;
    let member = firstMember(block);
    if (member !== null) member = nextMember(member);
    while (member !== null) {
      count++;
      member = nextMember(member);
    }
  }
  return count;
}
