/**
 * Addresses as four 32-bit words, so that no BigInt is needed on the way of a claim.
 */

/**
 * A 128-bit address: four unsigned 32-bit words, network order (most significant first). IPv4 is kept in its
 * IPv4-mapped form `[0, 0, 0xffff, v4]`, so both families sort and search in one way.
 */
export type Address = readonly [number, number, number, number];

/** The address family, as manifests write it. */
export type Family = 4 | 6;
