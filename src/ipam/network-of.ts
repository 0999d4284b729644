import { type Address, familyOf } from '../net/address.ts';
import type { Cidr } from '../net/cidr.ts';

const WORD_BITS = 32;

/** The network of an address at a prefix length in the family's own terms. */
export function networkOf(address: Address, prefix: number): Cidr {
  const family = familyOf(address);
  const bits = family === 4 ? prefix + 96 : prefix;
  const word = (at: 0 | 1 | 2 | 3): number => {
    const kept = Math.max(0, Math.min(WORD_BITS, bits - at * WORD_BITS));
    return kept === 0 ? 0 : (address[at] & (0xffffffff << (WORD_BITS - kept))) >>> 0;
  };
  return { first: [word(0), word(1), word(2), word(3)], prefix, family };
}
