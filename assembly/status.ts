/**
 * What an export answers. Zero and above: done (some answer a count). Below zero: a refusal, and nothing was
 * changed. A bug never answers: it traps.
 */

/** Done. */
export const STATUS_OK: i32 = 0;
/** Nothing is free there; for claimResting: nothing rests there. */
export const STATUS_NONE: i32 = -1;
/** The address is used already. */
export const STATUS_USED: i32 = -2;
/** No pool has this handle. */
export const STATUS_POOL_UNKNOWN: i32 = -3;
/** As many pools as the engine can number exist already. */
export const STATUS_POOLS_FULL: i32 = -4;
/** A range list is not sorted, overlaps itself, or has a range whose last comes before its first. */
export const STATUS_RANGES_INVALID: i32 = -5;
/** A pool would have more ranges than POOL_RANGES_MAX. */
export const STATUS_RANGES_TOO_MANY: i32 = -6;
/** Linear memory cannot grow any further. */
export const STATUS_MEMORY_FULL: i32 = -7;
/** No affinity row, result register, ring slot or operation has this number. */
export const STATUS_NUMBER_UNKNOWN: i32 = -8;
/** The memory does not begin with the header of this ABI version. */
export const STATUS_IMAGE_INVALID: i32 = -9;
