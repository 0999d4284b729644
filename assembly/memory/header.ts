/**
 * The memory map. All state lies in linear memory behind this header, so a copy of the bytes below `length`
 * is a snapshot and needs nothing else to go on in a new instance.
 *
 *         0 ┌───────────────────────────────┐
 *           │ header                        │  class Header below
 *       512 ├───────────────────────────────┤
 *           │ scratch                       │  results that do not fit one number; 16 words for the host,
 *           │                               │  the rest inside one call
 *      1024 ├───────────────────────────────┤
 *           │ heads of the free chunk lists │  one word a size class (arena.ts)
 *      2048 ├───────────────────────────────┤
 *           │ row list                      │  ROW_LIST_MAX words: the rows of one affinity query
 *      6144 ├───────────────────────────────┤
 *           │ (free)                        │
 *      8192 ├───────────────────────────────┤
 *           │ ring                          │  RING_SLOTS requests and their results, 32 bytes each
 *     40960 ├───────────────────────────────┤
 *           │ arena                         │  every table, tree and heap, found from the header
 *    length └───────────────────────────────┘
 */

/** "ORBW" as bytes. */
export const MAGIC: u32 = 0x5742524f;
/** Grows whenever a host or a snapshot of the version before would be misread. */
export const ABI_VERSION: u32 = 1;

export const SCRATCH: usize = 512;
/** 128-bit intermediate results; never live across two exports. */
export const REGISTERS: usize = 640;
export const FREE_CHUNKS: usize = 1024;
export const ROW_LIST: usize = 2048;
export const ROW_LIST_MAX: u32 = 1024;
export const RING: usize = 8192;
export const RING_SLOTS: u32 = 1024;
export const ARENA: usize = 40960;

/** Offsets of tables are 0 where the table does not exist yet. */
@unmanaged
export class Header {
  magic: u32;
  abiVersion: u32;
  /** Bytes of the image, from 0: everything above is unused. */
  length: u32;
  /** The latest tick seen. */
  tick: u32;
  /** Bytes of the arena in chunks that are not free. */
  ownedBytes: u64;
  workspace: u32;
  workspaceBytes: u32;

  pools: u32;
  poolCapacity: u32;
  /** Handles ever given, free ones included. */
  poolLength: u32;
  /** Head of the list of free handles, plus one; 0: none. */
  poolFree: u32;
  poolCount: u32;

  blocks: u32;
  blockCapacity: u32;
  /** Block numbers ever given, free ones and the unused number 0 included. */
  blockLength: u32;
  /** Head of the list of free block numbers; 0: none. */
  blockFree: u32;
  blockCount: u32;
  blockIndex: u32;
  blockIndexCapacity: u32;

  restTable: u32;
  restTableCapacity: u32;
  restCount: u32;
  restHeap: u32;
  restHeapCapacity: u32;
  restHeapLength: u32;

  cover: u32;
  coverCapacity: u32;
  coverLength: u32;
  /** 1: pools changed since the cover index was built. */
  coverStale: u32;

  rows: u32;
  rowCapacity: u32;
  /** Row numbers ever given, free ones included. */
  rowLength: u32;
  /** Head of the list of free row numbers, plus one; 0: none. */
  rowFree: u32;
  rowCount: u32;
  /** Bytes of one row of bits over pools. */
  rowBytes: u32;
  /** The row of pools that exist. */
  existing: u32;
  /** RESULT_REGISTERS rows, one behind the other. */
  results: u32;
}

/** The header. */
export function header(): Header {
  return changetype<Header>(0);
}
