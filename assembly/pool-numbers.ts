/** What a pool counts, and address ↔ ordinal. */
import { isPool, poolAt } from './memory/pool-record';
import { returnedHigh, returnedLow, setScratchAddress } from './memory/returned';
import { NO_SPAN, ordinalHigh, ordinalLow, returnKey, spanHolding } from './spans';
import { STATUS_NONE, STATUS_OK, STATUS_POOL_UNKNOWN } from './status';
import { wideToDouble } from './wide';

/** Addresses in the pool; exact below 2^53, else the nearest double. POOL_UNKNOWN for no pool. */
export function poolTotal(pool: u32): f64 {
  if (!isPool(pool)) return STATUS_POOL_UNKNOWN;
  return wideToDouble(poolAt(pool).totalHigh, poolAt(pool).totalLow);
}

/** Used addresses among them. */
export function poolUsed(pool: u32): f64 {
  return isPool(pool) ? <f64>poolAt(pool).used : STATUS_POOL_UNKNOWN;
}

/** Resting addresses among them. */
export function poolResting(pool: u32): f64 {
  return isPool(pool) ? <f64>poolAt(pool).resting : STATUS_POOL_UNKNOWN;
}

/**
 * Position of an address in the pool's ranges, 0-based; exact below 2^53, else the nearest double. NONE
 * where the address is not in the pool, POOL_UNKNOWN. O(log ranges).
 */
export function ordinalOf(pool: u32, w0: u32, w1: u32, w2: u32, w3: u32): f64 {
  if (!isPool(pool)) return STATUS_POOL_UNKNOWN;
  const record = poolAt(pool);
  const high = ((<u64>w0) << 32) | <u64>w1;
  const low = ((<u64>w2) << 32) | <u64>w3;
  const span = spanHolding(record.ranges, record.rangeCount, high, low);
  if (span === NO_SPAN) return STATUS_NONE;
  return wideToDouble(
    ordinalHigh(record.ranges, record.rangeCount, span, high, low),
    ordinalLow(record.ranges, record.rangeCount, span, low),
  );
}

/**
 * Leaves the address at an ordinal, a whole number from 0 to 2^53 − 1. Answers OK, NONE where the pool has
 * no such ordinal, POOL_UNKNOWN. O(log ranges).
 */
export function addressOf(pool: u32, ordinal: f64): i32 {
  if (!isPool(pool)) return STATUS_POOL_UNKNOWN;
  if (!(ordinal >= 0 && ordinal < 9007199254740992.0)) return STATUS_NONE;
  const record = poolAt(pool);
  if (!returnKey(record.ranges, record.rangeCount, 0, <u64>ordinal)) return STATUS_NONE;
  setScratchAddress(returnedHigh(), returnedLow());
  return STATUS_OK;
}
