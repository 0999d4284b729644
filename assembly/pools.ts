/**
 * Pools: add, replace, remove. A pool is prepared in a record of its own until nothing can fail any more;
 * only then does it take or change a handle.
 */
import { addToRows, clearFromRows, reserveRowsFor } from './affinity';
import { findBlock } from './block-table';
import { dropIfIdle } from './blocks';
import { buildDenseTree, dropDenseTree } from './dense-tree';
import { addMember, memberOf, removeMember } from './memberships';
import { allocateZeroed, release } from './memory/arena';
import { blockAt, isFreeBlock } from './memory/block-record';
import { header } from './memory/header';
import {
  DENSE_ADDRESSES_MAX,
  isPool,
  POOL_BYTES,
  POOL_DENSE,
  POOL_RANGES_MAX,
  POOL_SPARSE,
  POOLS_MAX,
  Pool,
  poolAt,
  poolOffset,
  STAGED,
} from './memory/pool-record';
import { restsOf } from './memory/rest-heap-record';
import { returnedHigh, returnedLow } from './memory/returned';
import { SPAN_BYTES } from './memory/span-table';
import { buildTables } from './pool-ranges';
import { isNormalized } from './range-sweeps';
import { dropHeap } from './rest-heap';
import { enterRestsOfMember } from './rests';
import { NO_SPAN, returnKey, spanHolding } from './spans';
import { dropSparseTree, sparseLevels } from './sparse-tree';
import {
  STATUS_MEMORY_FULL,
  STATUS_OK,
  STATUS_POOL_UNKNOWN,
  STATUS_POOLS_FULL,
  STATUS_RANGES_INVALID,
  STATUS_RANGES_TOO_MANY,
} from './status';
import { wideBlocksLow, wideFromBlocksHigh } from './wide';

const CAPACITY_MIN: u32 = 15;

/**
 * Adds a pool of the `count` ranges at the start of the workspace, which must be normalized. Answers its
 * handle, the lowest free one, or POOLS_FULL, RANGES_INVALID, RANGES_TOO_MANY, MEMORY_FULL. Slots that are
 * used or resting already count at once.
 */
export function addPool(count: u32): i32 {
  const top = header();
  if (top.poolFree === 0 && top.poolLength === POOLS_MAX) return STATUS_POOLS_FULL;
  const handle = top.poolFree !== 0 ? top.poolFree - 1 : top.poolLength;
  if (!reserveRecord(handle) || !reserveRowsFor(handle)) return STATUS_MEMORY_FULL;
  const status = stage(count);
  if (status !== STATUS_OK) return status;

  if (handle === top.poolLength) top.poolLength++;
  else top.poolFree = poolAt(handle).nextFree;
  top.poolCount++;
  unstageAs(handle);
  addToRows(handle);
  return i32(handle);
}

/**
 * Gives a pool other ranges, under the same handle: what is used or resting stays so, also where the pool no
 * longer covers it. Answers OK or a refusal as of addPool; a refusal leaves the pool as it was.
 */
export function replacePool(handle: u32, count: u32): i32 {
  if (!isPool(handle)) return STATUS_POOL_UNKNOWN;
  const status = stage(count);
  if (status !== STATUS_OK) return status;
  detach(handle);
  dropTables(poolAt(handle));
  unstageAs(handle);
  return STATUS_OK;
}

/** Removes a pool. What is used or resting stays so. Answers OK or POOL_UNKNOWN. */
export function removePool(handle: u32): i32 {
  if (!isPool(handle)) return STATUS_POOL_UNKNOWN;
  detach(handle);
  const pool = poolAt(handle);
  dropTables(pool);
  clearFromRows(handle);
  const top = header();
  memory.fill(poolOffset(pool), 0, POOL_BYTES);
  pool.nextFree = top.poolFree;
  top.poolFree = handle + 1;
  top.poolCount--;
  top.coverStale = 1;
  return STATUS_OK;
}

/** Makes sure that the handle has a record. */
function reserveRecord(handle: u32): bool {
  const top = header();
  if (handle < top.poolCapacity) return true;
  const capacity = max<u32>(top.poolCapacity * 2 + 1, CAPACITY_MIN);
  const bytes = <usize>(capacity + 1) * POOL_BYTES;
  const wider = allocateZeroed(bytes);
  if (wider === 0) return false;
  if (top.pools !== 0) {
    const oldBytes = <usize>(top.poolCapacity + 1) * POOL_BYTES;
    memory.copy(wider, top.pools, oldBytes);
    release(top.pools, oldBytes);
  }
  top.pools = u32(wider);
  top.poolCapacity = capacity;
  return true;
}

/** Prepares a pool from the workspace and joins it to the blocks that have records. All or nothing. */
function stage(count: u32): i32 {
  if (count > POOL_RANGES_MAX) return STATUS_RANGES_TOO_MANY;
  const list = <usize>header().workspace;
  if (count !== 0 && !isNormalized(list, count)) return STATUS_RANGES_INVALID;
  const pool = poolAt(STAGED);
  memory.fill(poolOffset(pool), 0, POOL_BYTES);
  if (buildTables(pool, list, count) && buildTree(pool)) {
    if (attach()) return STATUS_OK;
    detach(STAGED);
  }
  dropTables(pool);
  return STATUS_MEMORY_FULL;
}

/** Makes the pool's map and tree, all free. */
function buildTree(pool: Pool): bool {
  if (pool.totalHigh === 0 && pool.totalLow <= <u64>DENSE_ADDRESSES_MAX) {
    pool.state = POOL_DENSE;
    pool.blockMap = u32(allocateZeroed((<usize>pool.blocksLow) << 2));
    return pool.blockMap !== 0 && buildDenseTree(pool);
  }
  pool.state = POOL_SPARSE;
  pool.treeHeight = sparseLevels(pool.blocksHigh, pool.blocksLow);
  return true;
}

/** Gives back everything a pool owns. Takes what was never made for granted. */
function dropTables(pool: Pool): void {
  release(pool.ranges, <usize>pool.rangeCount * SPAN_BYTES);
  release(pool.runs, <usize>pool.runCount * SPAN_BYTES);
  release(pool.blockMap, (<usize>pool.blocksLow) << 2);
  if (pool.state === POOL_SPARSE) dropSparseTree(pool);
  else if (pool.tree !== 0) dropDenseTree(pool);
  dropHeap(restsOf(pool));
}

/** The prepared pool takes a handle: its record moves and its blocks learn the new name. */
function unstageAs(handle: u32): void {
  const staged = poolAt(STAGED);
  const steps = walkLength(staged);
  for (let step: u32 = 0; step < steps; step++) {
    const number = blockOfStep(staged, step);
    if (number === 0) continue;
    const member = memberOf(blockAt(number), STAGED);
    assert(member !== null);
    if (member !== null) member.pool = handle;
  }
  memory.copy(poolOffset(poolAt(handle)), poolOffset(staged), POOL_BYTES);
  memory.fill(poolOffset(staged), 0, POOL_BYTES);
  header().coverStale = 1;
}

/**
 * A walk over the blocks of a pool that have records takes the shorter way: over the pool's blocks or over
 * all records. This is its number of steps.
 */
export function walkLength(pool: Pool): u32 {
  const records = header().blockLength;
  return walksPool(pool) ? u32(pool.blocksLow) : records;
}

function walksPool(pool: Pool): bool {
  return pool.blocksHigh === 0 && pool.blocksLow < <u64>header().blockLength;
}

/** The block a walk meets at a step, 0 where it meets none. No record may be made during a walk. */
export function blockOfStep(pool: Pool, step: u32): u32 {
  if (walksPool(pool)) {
    assert(returnKey(pool.runs, pool.runCount, 0, step));
    const keyLow = returnedLow();
    return findBlock(wideFromBlocksHigh(returnedHigh(), keyLow), keyLow << 6);
  }
  if (step === 0) return 0;
  const block = blockAt(step);
  if (isFreeBlock(block)) return 0;
  const keyLow = wideBlocksLow(block.baseHigh, block.baseLow);
  const run = spanHolding(pool.runs, pool.runCount, block.baseHigh >> 6, keyLow);
  return run === NO_SPAN ? 0 : step;
}

/** Makes the prepared pool a member of every block it covers. False where memory is full. */
function attach(): bool {
  const pool = poolAt(STAGED);
  const steps = walkLength(pool);
  for (let step: u32 = 0; step < steps; step++) {
    const number = blockOfStep(pool, step);
    if (number === 0) continue;
    if (!addMember(number, STAGED) || !enterRestsOfMember(number, STAGED)) return false;
  }
  return true;
}

/** Ends the pool's memberships, and drops the records that only it kept. */
function detach(handle: u32): void {
  const pool = poolAt(handle);
  const steps = walkLength(pool);
  for (let step: u32 = 0; step < steps; step++) {
    const number = blockOfStep(pool, step);
    if (number === 0) continue;
    removeMember(number, handle);
    dropIfIdle(number);
  }
}
