/**
 * Slots, as hosts ask for them: an address is four 32-bit words, most significant first, because that is what
 * every host can pass without a wide integer. claims.ts says what each call does.
 */
import * as claims from './claims';

function wide(upper: u32, lower: u32): u64 {
  return ((<u64>upper) << 32) | <u64>lower;
}

/** Claims the lowest free address at or behind the given one, else the pool's lowest. */
export function claimFrom(pool: u32, w0: u32, w1: u32, w2: u32, w3: u32): i32 {
  return claims.claimFrom(pool, wide(w0, w1), wide(w2, w3));
}

/** Claims the pool's lowest free address from first to last, both inclusive. */
export function claimWithin(
  pool: u32,
  f0: u32,
  f1: u32,
  f2: u32,
  f3: u32,
  l0: u32,
  l1: u32,
  l2: u32,
  l3: u32,
): i32 {
  return claims.claimWithin(pool, wide(f0, f1), wide(f2, f3), wide(l0, l1), wide(l2, l3));
}

/** Claims one address, in a pool or not. */
export function claimAddress(w0: u32, w1: u32, w2: u32, w3: u32): i32 {
  return claims.claimAddress(wide(w0, w1), wide(w2, w3));
}

/** Frees a used address at once. */
export function unclaim(w0: u32, w1: u32, w2: u32, w3: u32): i32 {
  return claims.unclaim(wide(w0, w1), wide(w2, w3));
}

/** Lets an address rest until the tick. */
export function rest(w0: u32, w1: u32, w2: u32, w3: u32, untilTick: u32): i32 {
  return claims.rest(wide(w0, w1), wide(w2, w3), untilTick);
}

/** 1 where the address is used, 2 where it rests, 0 where it is neither. */
export function stateOf(w0: u32, w1: u32, w2: u32, w3: u32): i32 {
  return claims.stateOf(wide(w0, w1), wide(w2, w3));
}

/** Leaves the used word and the resting word of the address's block. */
export function readBlock(w0: u32, w1: u32, w2: u32, w3: u32): i32 {
  return claims.readBlock(wide(w0, w1), wide(w2, w3));
}

/** Sets the whole used word of the address's block. */
export function writeBlock(w0: u32, w1: u32, w2: u32, w3: u32, usedLow: u32, usedHigh: u32): i32 {
  return claims.writeBlock(wide(w0, w1), wide(w2, w3), wide(usedHigh, usedLow));
}
