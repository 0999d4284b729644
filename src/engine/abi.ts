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

  open(): number;
  reserveWorkspace(bytes: number): number;

  normalizeRanges(count: number): number;
  uniteRanges(aCount: number, bCount: number): number;
  intersectRanges(aCount: number, bCount: number): number;
  subtractRanges(aCount: number, bCount: number): number;

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
}
