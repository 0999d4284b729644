/** The export list of the engine, and nothing else. docs/engine-abi.md describes every name. */
// biome-ignore-start lint/performance/noBarrelFile: the entry of a WebAssembly module is its export list
export {
  addRow,
  copyRow,
  freeRow,
  intersectResults,
  intersectRows,
  narrowResult,
  resultBytes,
  resultOffset,
  setBit,
} from './affinity';
export {
  claimAddress,
  claimFrom,
  claimWithin,
  readBlock,
  rest,
  stateOf,
  unclaim,
  writeBlock,
} from './calls';
export { advance, claimFirst, claimResting } from './claims';
export { open } from './image';
export { ABI_VERSION, RING, RING_SLOTS, ROW_LIST, ROW_LIST_MAX, SCRATCH } from './memory/header';
export { DENSE_ADDRESSES_MAX, POOL_RANGES_MAX, POOLS_MAX } from './memory/pool-record';
export { RESULT_REGISTERS } from './memory/row-record';
export { addressOf, ordinalOf, poolResting, poolTotal, poolUsed } from './pool-numbers';
export { addPool, removePool, replacePool } from './pools';
export {
  intersectRanges,
  normalizeRanges,
  subtractRanges,
  uniteRanges,
} from './range-sweeps';
export {
  OPERATION_CLAIM_ADDRESS,
  OPERATION_CLAIM_FIRST,
  OPERATION_CLAIM_FROM,
  OPERATION_CLAIM_RESTING,
  OPERATION_REST,
  OPERATION_UNCLAIM,
  runRing,
} from './ring';
export {
  STATUS_IMAGE_INVALID,
  STATUS_MEMORY_FULL,
  STATUS_NONE,
  STATUS_NUMBER_UNKNOWN,
  STATUS_OK,
  STATUS_POOL_UNKNOWN,
  STATUS_POOLS_FULL,
  STATUS_RANGES_INVALID,
  STATUS_RANGES_TOO_MANY,
  STATUS_USED,
} from './status';
export {
  BROKEN_BLOCK_IDLE,
  BROKEN_BLOCK_INDEX,
  BROKEN_BLOCK_WORDS,
  BROKEN_COVER,
  BROKEN_FREE_LIST,
  BROKEN_HEADER,
  BROKEN_MEMBER,
  BROKEN_MEMBER_MISSING,
  BROKEN_OWNERSHIP,
  BROKEN_POOL_COUNT,
  BROKEN_POOL_COUNTERS,
  BROKEN_POOL_MAP,
  BROKEN_POOL_TREE,
  BROKEN_REST_COUNT,
  BROKEN_REST_END,
  BROKEN_REST_HEAP,
  BROKEN_ROWS,
  BROKEN_TABLE_BOUNDS,
  verify,
} from './verify';
export { reserveWorkspace } from './workspace';
// biome-ignore-end lint/performance/noBarrelFile: the entry of a WebAssembly module is its export list
