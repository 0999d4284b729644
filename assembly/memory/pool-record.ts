/**
 * What the engine keeps of one pool. Records lie in a table that the header points at; the record at place 0
 * is where a pool is prepared before it replaces another, so a handle's record is at place handle + 1.
 */
import { header } from './header';

/** The handle is not in use. */
export const POOL_FREE: u32 = 0;
/** Every block has its place in a map and a bit in a flat tree. */
export const POOL_DENSE: u32 = 1;
/** Only full blocks are written down, in a tree made on demand. */
export const POOL_SPARSE: u32 = 2;

/** Pools that can exist at once. */
export const POOLS_MAX: u32 = 65536;
/** Ranges in one pool. */
export const POOL_RANGES_MAX: u32 = 10000;
/** Pools of more addresses are sparse. */
export const DENSE_ADDRESSES_MAX: u32 = 1 << 24;

/** The "handle" of the record at place 0. */
export const STAGED: u32 = u32.MAX_VALUE;

export const POOL_BYTES: usize = 192;

@unmanaged
export class Pool {
  state: u32;
  /** In a free record: the next free handle, plus one; 0 at the end. */
  nextFree: u32;

  /** Span table of the pool's addresses, in address order. */
  ranges: u32;
  rangeCount: u32;
  /** Span table of the pool's blocks (address >> 6): every block that holds an address of the pool. */
  runs: u32;
  runCount: u32;

  /** Dense: block number by block ordinal, 0 where the block has no record. */
  blockMap: u32;
  /** Dense: the levels of the tree. Sparse: the root node, 0 where nothing is full. */
  tree: u32;
  /** Levels of the tree. */
  treeHeight: u32;

  /** Rest heap of the pool: three fields that heap.ts reads as one record. */
  restEntries: u32;
  restCapacity: u32;
  restLength: u32;

  used: u64;
  resting: u64;
  /** Addresses in the pool; 2^128 − 1 also stands for 2^128. */
  totalHigh: u64;
  totalLow: u64;
  blocksHigh: u64;
  blocksLow: u64;

  /** Dense: where each level of the tree begins. */
  level0: u32;
  level1: u32;
  level2: u32;
  level3: u32;

  /** What verify counts while it walks the blocks; means nothing at other times. */
  seenUsed: u64;
  seenResting: u64;
  seenMembers: u64;
  seenFull: u64;
}

/** The record of a handle, or of STAGED. Moves when a pool is added. */
export function poolAt(handle: u32): Pool {
  return changetype<Pool>(<usize>header().pools + <usize>(handle + 1) * POOL_BYTES);
}

/** True when a pool has this handle. */
export function isPool(handle: u32): bool {
  return handle < header().poolLength && poolAt(handle).state !== POOL_FREE;
}

/** Where a record lies. */
export function poolOffset(pool: Pool): usize {
  return changetype<usize>(pool);
}

/** Where level `level` of a dense pool's tree begins. */
export function levelOf(pool: Pool, level: u32): usize {
  return load<u32>(changetype<usize>(pool) + ((<usize>level) << 2), offsetof<Pool>('level0'));
}

export function setLevel(pool: Pool, level: u32, offset: usize): void {
  store<u32>(
    changetype<usize>(pool) + ((<usize>level) << 2),
    u32(offset),
    offsetof<Pool>('level0'),
  );
}

/** True when both halves of the pool's size say that every address is used or resting. */
export function isExhausted(pool: Pool): bool {
  return pool.totalHigh === 0 && pool.used + pool.resting === pool.totalLow;
}
