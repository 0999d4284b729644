/**
 * What the engine exports, as TypeScript sees it. docs/engine-abi.md says what each does, for hosts in any
 * language. Offsets and counts are unsigned 32-bit but arrive signed: `>>> 0` before use.
 */

/** A constant of the engine: an immutable WebAssembly global. */
interface Constant {
  readonly value: number;
}

export interface EngineExports {
  readonly memory: WebAssembly.Memory;

  // Beginning
  open(): number;
  reserveWorkspace(bytes: number): number;

  // Range lists in the workspace
  normalizeRanges(count: number): number;
  uniteRanges(aCount: number, bCount: number): number;
  intersectRanges(aCount: number, bCount: number): number;
  subtractRanges(aCount: number, bCount: number): number;

  // Pools
  addPool(count: number): number;
  replacePool(pool: number, count: number): number;
  removePool(pool: number): number;
  poolTotal(pool: number): number;
  poolUsed(pool: number): number;
  poolResting(pool: number): number;
  ordinalOf(pool: number, w0: number, w1: number, w2: number, w3: number): number;
  addressOf(pool: number, ordinal: number): number;

  // Slots
  claimFirst(pool: number): number;
  claimFrom(pool: number, w0: number, w1: number, w2: number, w3: number): number;
  claimWithin(
    pool: number,
    f0: number,
    f1: number,
    f2: number,
    f3: number,
    l0: number,
    l1: number,
    l2: number,
    l3: number,
  ): number;
  claimResting(pool: number): number;
  claimAddress(w0: number, w1: number, w2: number, w3: number): number;
  unclaim(w0: number, w1: number, w2: number, w3: number): number;
  rest(w0: number, w1: number, w2: number, w3: number, untilTick: number): number;
  advance(tick: number): number;
  stateOf(w0: number, w1: number, w2: number, w3: number): number;
  readBlock(w0: number, w1: number, w2: number, w3: number): number;
  writeBlock(
    w0: number,
    w1: number,
    w2: number,
    w3: number,
    usedLow: number,
    usedHigh: number,
  ): number;
  runRing(position: number, count: number): number;

  // Affinity
  addRow(fill: number): number;
  copyRow(from: number): number;
  setBit(row: number, pool: number, bit: number): number;
  freeRow(row: number): number;
  intersectRows(count: number, result: number): number;
  narrowResult(count: number, result: number): number;
  intersectResults(count: number, result: number): number;
  resultOffset(result: number): number;
  resultBytes(): number;

  verify(): number;

  // Places and limits
  readonly ABI_VERSION: Constant;
  readonly SCRATCH: Constant;
  readonly RING: Constant;
  readonly RING_SLOTS: Constant;
  readonly ROW_LIST: Constant;
  readonly ROW_LIST_MAX: Constant;
  readonly RESULT_REGISTERS: Constant;
  readonly POOLS_MAX: Constant;
  readonly POOL_RANGES_MAX: Constant;
  readonly DENSE_ADDRESSES_MAX: Constant;

  // Operations of the ring
  readonly OPERATION_CLAIM_FIRST: Constant;
  readonly OPERATION_CLAIM_FROM: Constant;
  readonly OPERATION_CLAIM_RESTING: Constant;
  readonly OPERATION_CLAIM_ADDRESS: Constant;
  readonly OPERATION_UNCLAIM: Constant;
  readonly OPERATION_REST: Constant;

  // Refusals
  readonly STATUS_OK: Constant;
  readonly STATUS_NONE: Constant;
  readonly STATUS_USED: Constant;
  readonly STATUS_POOL_UNKNOWN: Constant;
  readonly STATUS_POOLS_FULL: Constant;
  readonly STATUS_RANGES_INVALID: Constant;
  readonly STATUS_RANGES_TOO_MANY: Constant;
  readonly STATUS_MEMORY_FULL: Constant;
  readonly STATUS_NUMBER_UNKNOWN: Constant;
  readonly STATUS_IMAGE_INVALID: Constant;

  // What verify answers
  readonly BROKEN_HEADER: Constant;
  readonly BROKEN_FREE_LIST: Constant;
  readonly BROKEN_TABLE_BOUNDS: Constant;
  readonly BROKEN_BLOCK_INDEX: Constant;
  readonly BROKEN_BLOCK_WORDS: Constant;
  readonly BROKEN_BLOCK_IDLE: Constant;
  readonly BROKEN_MEMBER: Constant;
  readonly BROKEN_MEMBER_MISSING: Constant;
  readonly BROKEN_REST_END: Constant;
  readonly BROKEN_REST_COUNT: Constant;
  readonly BROKEN_REST_HEAP: Constant;
  readonly BROKEN_POOL_COUNT: Constant;
  readonly BROKEN_POOL_COUNTERS: Constant;
  readonly BROKEN_POOL_MAP: Constant;
  readonly BROKEN_POOL_TREE: Constant;
  readonly BROKEN_COVER: Constant;
  readonly BROKEN_ROWS: Constant;
  readonly BROKEN_OWNERSHIP: Constant;
}
