/**
 * A 128-bit address as the engine takes it: four unsigned 32-bit words, network order. It is the same shape
 * as `Address` in src/net, which lies above this folder.
 */
export type Words = readonly [number, number, number, number];
