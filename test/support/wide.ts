/**
 * Addresses as BigInt: the slow models of the tests count with them.
 */
import type { Address } from '../../src/net/address.ts';

/** The address as a number below 2^128. */
export function bigOf(address: Address): bigint {
  return address.reduce((sum, word) => (sum << 32n) | BigInt(word), 0n);
}

/** The address of a number from 0 to 2^128 - 1. */
export function addressOf(value: bigint): Address {
  const word = (shift: bigint) => Number((value >> shift) & 0xffffffffn);
  return [word(96n), word(64n), word(32n), word(0n)];
}

/** 0.0.0.0 in the IPv4-mapped form. */
export const IPV4_FIRST = 0xffff00000000n;
