/**
 * Inclusive ranges of addresses, as manifests write them: `A` or `A-B` (reference/spiderpool.md 2.1).
 */
import {
  type Address,
  compareAddresses,
  equalAddresses,
  familyOf,
  formatAddress,
  parseAddress,
} from './address.ts';

/** All addresses from `first` to `last`, both inclusive. */
export interface Range {
  readonly first: Address;
  readonly last: Address;
}

/** The first address after IPv4's block in the IPv4-mapped form. */
const AFTER_IPV4: Address = [0, 0, 0x10000, 0];

/**
 * Reads `A` or `A-B`. Returns undefined for anything else: CIDR notation, blanks, a second `-`, ends of two
 * families, a reversed range, and an IPv6 range that runs across the IPv4-mapped block and so would hold
 * all of IPv4.
 */
export function parseRange(text: string): Range | undefined {
  const dash = text.indexOf('-');
  if (dash < 0) {
    const address = parseAddress(text);
    return address === undefined ? undefined : { first: address, last: address };
  }
  const first = parseAddress(text.slice(0, dash));
  if (first === undefined) return undefined;
  const last = parseAddress(text.slice(dash + 1));
  if (last === undefined || familyOf(first) !== familyOf(last)) return undefined;
  if (compareAddresses(first, last) > 0) return undefined;
  if (familyOf(first) === 6 && !sameSideOfIpv4(first, last)) return undefined;
  return { first, last };
}

function sameSideOfIpv4(first: Address, last: Address): boolean {
  return compareAddresses(first, AFTER_IPV4) < 0 === compareAddresses(last, AFTER_IPV4) < 0;
}

/** `A` for a range of one address, else `A-B`; canonical addresses. */
export function formatRange(range: Range): string {
  const first = formatAddress(range.first);
  return equalAddresses(range.first, range.last) ? first : `${first}-${formatAddress(range.last)}`;
}
