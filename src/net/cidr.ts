/**
 * Networks in CIDR form.
 */
import {
  type Address,
  compareAddresses,
  equalAddresses,
  type Family,
  familyOf,
  formatAddress,
  parseAddress,
} from './address.ts';

/** A network. Only `parseCidr` and `cidrOf` make one: `first` has no host bits. */
export interface Cidr {
  readonly first: Address;
  /** In the family's own terms: 0–32 for IPv4, 0–128 for IPv6. */
  readonly prefix: number;
  readonly family: Family;
}

/** What a CIDR text says. */
export interface ParsedCidr {
  /** The network, host bits cleared. */
  readonly cidr: Cidr;
  /** The address as written, host bits kept. */
  readonly address: Address;
  /** The text is exactly `formatCidr(cidr)`: no host bits, canonical spelling. */
  readonly canonical: boolean;
}

const IPV4_OFFSET = 96;
const BLOCK_PREFIX = { 4: 26, 6: 122 } as const;

/**
 * Reads `address/prefix`. The prefix is decimal without sign or leading zero, at most 32 for IPv4 and 128
 * for IPv6. Host bits are allowed; `canonical` tells. Returns undefined for everything else.
 */
export function parseCidr(text: string): ParsedCidr | undefined {
  const slash = text.indexOf('/');
  if (slash < 0) return undefined;
  const address = parseAddress(text.slice(0, slash));
  if (address === undefined) return undefined;
  const family = familyOf(address);
  const prefix = parsePrefix(text, slash + 1);
  if (prefix === undefined || prefix > (family === 4 ? 32 : 128)) return undefined;
  const cidr = cidrOf(address, prefix);
  const canonical = equalAddresses(address, cidr.first) && formatCidr(cidr) === text;
  return { cidr, address, canonical };
}

/** The network of an address at a prefix length in the family's own terms. */
export function cidrOf(address: Address, prefix: number): Cidr {
  const family = familyOf(address);
  return { first: masked(address, widthOf(family, prefix), 0), prefix, family };
}

function parsePrefix(text: string, start: number): number | undefined {
  const digits = text.length - start;
  if (digits < 1 || digits > 3) return undefined;
  let value = 0;
  for (let index = start; index < text.length; index += 1) {
    const digit = text.charCodeAt(index) - 48;
    if (digit < 0 || digit > 9) return undefined;
    if (index > start && value === 0) return undefined;
    value = value * 10 + digit;
  }
  return value;
}

/** The prefix length over all 128 bits. */
function widthOf(family: Family, prefix: number): number {
  return family === 4 ? prefix + IPV4_OFFSET : prefix;
}

/** The address with every bit after the first `width` set to `bit`. */
function masked(address: Address, width: number, bit: 0 | 1): Address {
  return [
    maskedWord(address[0], width, bit),
    maskedWord(address[1], width - 32, bit),
    maskedWord(address[2], width - 64, bit),
    maskedWord(address[3], width - 96, bit),
  ];
}

function maskedWord(word: number, width: number, bit: 0 | 1): number {
  if (width >= 32) return word;
  // A shift by 32 would be a shift by 0, so a width of 0 or less is its own case.
  const host = width <= 0 ? 0xffffffff : 0xffffffff >>> width;
  return (bit === 1 ? word | host : word & ~host) >>> 0;
}

/** The canonical text, such as `172.18.41.0/24` or `fd00::/64`. */
export function formatCidr(cidr: Cidr): string {
  return `${formatAddress(cidr.first)}/${cidr.prefix}`;
}

/** The last address of the network (inclusive). */
export function lastOfCidr(cidr: Cidr): Address {
  return masked(cidr.first, widthOf(cidr.family, cidr.prefix), 1);
}

/** Whether the address lies in the network. An address of the other family never does. */
export function cidrContains(cidr: Cidr, address: Address): boolean {
  if (familyOf(address) !== cidr.family) return false;
  return equalAddresses(masked(address, widthOf(cidr.family, cidr.prefix), 0), cidr.first);
}

/** Whether the two networks share an address. Networks of different families never do. */
export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  if (a.family !== b.family) return false;
  return (
    compareAddresses(a.first, lastOfCidr(b)) <= 0 && compareAddresses(b.first, lastOfCidr(a)) <= 0
  );
}

/** The name of the block of 64 addresses that begins at `first`: `172.18.41.0/26`, `fd00::/122`. */
export function blockCidrText(first: Address): string {
  return `${formatAddress(first)}/${BLOCK_PREFIX[familyOf(first)]}`;
}
