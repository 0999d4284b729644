/**
 * The kernel of an affinity query: AND of rows, one 64-byte line after the other, so that the accumulators
 * stay in machine registers while all rows pass. One source, two builds.
 */
import { listed } from './row-record';

/** Rows are whole lines of this many bytes. */
export const LINE_BYTES: usize = 64;

/**
 * Writes the AND of the row at `with` and the `count` rows of the row list (as offsets) to `result`, each
 * `bytes` long. Answers how many bits of the result are set.
 */
export function andRows(result: usize, withRow: usize, count: u32, bytes: usize): u32 {
  let bits: u64 = 0;
  for (let at: usize = 0; at < bytes; at += LINE_BYTES) {
    if (ASC_FEATURE_SIMD) andLineOfVectors(result + at, withRow + at, count, at);
    else andLineOfWords(result + at, withRow + at, count, at);
    for (let i: usize = 0; i < LINE_BYTES; i += 8) bits += popcnt<u64>(load<u64>(result + at + i));
  }
  return u32(bits);
}

function andLineOfVectors(result: usize, withRow: usize, count: u32, at: usize): void {
  let a = v128.load(withRow);
  let b = v128.load(withRow, 16);
  let c = v128.load(withRow, 32);
  let d = v128.load(withRow, 48);
  for (let i: u32 = 0; i < count; i++) {
    const row = <usize>listed(i) + at;
    a = v128.and(a, v128.load(row));
    b = v128.and(b, v128.load(row, 16));
    c = v128.and(c, v128.load(row, 32));
    d = v128.and(d, v128.load(row, 48));
  }
  v128.store(result, a);
  v128.store(result, b, 16);
  v128.store(result, c, 32);
  v128.store(result, d, 48);
}

function andLineOfWords(result: usize, withRow: usize, count: u32, at: usize): void {
  for (let half: usize = 0; half < LINE_BYTES; half += 32) {
    let a = load<u64>(withRow + half);
    let b = load<u64>(withRow + half, 8);
    let c = load<u64>(withRow + half, 16);
    let d = load<u64>(withRow + half, 24);
    for (let i: u32 = 0; i < count; i++) {
      const row = <usize>listed(i) + at + half;
      a &= load<u64>(row);
      b &= load<u64>(row, 8);
      c &= load<u64>(row, 16);
      d &= load<u64>(row, 24);
    }
    store<u64>(result + half, a);
    store<u64>(result + half, b, 8);
    store<u64>(result + half, c, 16);
    store<u64>(result + half, d, 24);
  }
}

/** Bit of a pool in a row. */
export function bitOf(row: usize, pool: u32): u32 {
  return (load<u8>(row + (pool >> 3)) >> (pool & 7)) & 1;
}

export function setBitOf(row: usize, pool: u32, bit: u32): void {
  const byte = row + (pool >> 3);
  const mask = 1 << (pool & 7);
  store<u8>(byte, bit !== 0 ? load<u8>(byte) | mask : load<u8>(byte) & ~mask);
}
