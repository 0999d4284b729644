/** The export list of the engine, and nothing else. docs/engine-abi.md describes every name. */
export { open } from './image';
export {
  intersectRanges,
  normalizeRanges,
  subtractRanges,
  uniteRanges,
} from './range-sweeps';
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
export { reserveWorkspace } from './workspace';
