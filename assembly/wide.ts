/**
 * 128-bit numbers as two 64-bit halves. Nothing here returns both halves at once, because a function has one
 * result; callers ask for the half they need and the compiler folds the rest.
 */

/** a < b. */
export function wideLess(aHigh: u64, aLow: u64, bHigh: u64, bLow: u64): bool {
  return aHigh < bHigh || (aHigh === bHigh && aLow < bLow);
}

/** a ≤ b. */
export function wideLessOrEqual(aHigh: u64, aLow: u64, bHigh: u64, bLow: u64): bool {
  return aHigh < bHigh || (aHigh === bHigh && aLow <= bLow);
}

/** High half of a + b; the low half is aLow + bLow. Wraps at 2^128. */
export function wideSumHigh(aHigh: u64, aLow: u64, bHigh: u64, bLow: u64): u64 {
  return aHigh + bHigh + u64(aLow + bLow < aLow);
}

/** High half of a − b; the low half is aLow − bLow. Wraps below zero. */
export function wideDifferenceHigh(aHigh: u64, aLow: u64, bHigh: u64, bLow: u64): u64 {
  return aHigh - bHigh - u64(aLow < bLow);
}

/** Low half of the number shifted right by six bits: addresses become blocks. */
export function wideBlocksLow(high: u64, low: u64): u64 {
  return (low >> 6) | (high << 58);
}

/** Low half of the number shifted left by six bits is low << 6; this is the high half. */
export function wideFromBlocksHigh(high: u64, low: u64): u64 {
  return (high << 6) | (low >> 58);
}

/** The nearest double; exact below 2^53. */
export function wideToDouble(high: u64, low: u64): f64 {
  // Machines convert signed numbers in one step and unsigned ones in several.
  if (high === 0 && <i64>low >= 0) return <f64>(<i64>low);
  return <f64>high * (4294967296.0 * 4294967296.0) + <f64>low;
}
