/** Addresses as SQLite keeps them: 16 bytes in network order, so that bytes sort as addresses do. */
import type { Address } from '../net/address.ts';

/** The 16 bytes of an address. */
export function bytesOfAddress(address: Address): Uint8Array {
  const bytes = new Uint8Array(16);
  for (let word = 0; word < 4; word += 1) {
    const value = address[word]!;
    bytes[word * 4] = value >>> 24;
    bytes[word * 4 + 1] = value >>> 16;
    bytes[word * 4 + 2] = value >>> 8;
    bytes[word * 4 + 3] = value;
  }
  return bytes;
}

/** The address `slot` places after the one that the 16 bytes spell. */
export function addressOfBytes(bytes: Uint8Array, slot = 0): Address {
  const word = (at: number) =>
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
  // A block is aligned to 64, so adding a slot never carries.
  return [word(0), word(4), word(8), word(12) + slot];
}
