/**
 * Arrays of numbers in linear memory. With the files beside this one it is the only place that loads and
 * stores; everything above speaks of elements and fields.
 */

/** Element `index` of the array of 32-bit numbers at `base`. */
export function u32At(base: usize, index: u32): u32 {
  return load<u32>(base + ((<usize>index) << 2));
}

export function setU32At(base: usize, index: u32, value: u32): void {
  store<u32>(base + ((<usize>index) << 2), value);
}

/** Element `index` of the array of 64-bit numbers at `base`. */
export function u64At(base: usize, index: u32): u64 {
  return load<u64>(base + ((<usize>index) << 3));
}

export function setU64At(base: usize, index: u32, value: u64): void {
  store<u64>(base + ((<usize>index) << 3), value);
}
