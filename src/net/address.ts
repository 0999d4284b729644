/**
 * Addresses as four 32-bit words, so that no BigInt is needed on the way of a claim. Text is read with
 * loops over character codes: that is several times faster than splitting (reference/wasm-core.md 1).
 */
import { OrbweaverError } from '../catalogue/errors.ts';

/**
 * A 128-bit address: four unsigned 32-bit words, network order (most significant first). IPv4 is kept in its
 * IPv4-mapped form `[0, 0, 0xffff, v4]`, so both families sort and search in one way.
 */
export type Address = readonly [number, number, number, number];

/** The address family, as manifests write it. */
export type Family = 4 | 6;

/** Addresses in a block (DESIGN section 3). */
const BLOCK_MASK = 63;
const WORD = 2 ** 32;
/** The longest IPv6 text: eight groups, the last two in dotted form. */
const TEXT_MAX = '0000:0000:0000:0000:0000:0000:255.255.255.255'.length;

const DOT = 46;
const DIGIT_0 = 48;
const COLON = 58;

/**
 * Reads one IPv4 or IPv6 address. Nothing but the address may stand in the text: no blanks, no zone, no
 * prefix length, no leading zero in a dotted octet. An IPv6 text inside ::ffff:0:0/96 is refused, because
 * in here that block is IPv4. Returns undefined for everything refused.
 */
export function parseAddress(text: string): Address | undefined {
  const length = text.length;
  if (length < 2 || length > TEXT_MAX) return undefined;
  // The first separator tells the family; it cannot stand later than after four hexadecimal digits.
  for (let index = 0; index < 5 && index < length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === COLON) return parseIpv6(text);
    if (code === DOT) {
      const word = parseDotted(text, 0);
      return word === undefined ? undefined : [0, 0, 0xffff, word];
    }
  }
  return undefined;
}

/** Reads four dotted octets from `start` to the end of the text as one word. */
function parseDotted(text: string, start: number): number | undefined {
  const length = text.length;
  let word = 0;
  let octet = 0;
  let digits = 0;
  let dots = 0;
  for (let index = start; index < length; index += 1) {
    const code = text.charCodeAt(index);
    const digit = code - DIGIT_0;
    if (digit >= 0 && digit <= 9) {
      if (digits > 0 && octet === 0) return undefined;
      octet = octet * 10 + digit;
      digits += 1;
      if (octet > 255) return undefined;
    } else if (code === DOT && digits > 0 && dots < 3) {
      word = word * 256 + octet;
      octet = 0;
      digits = 0;
      dots += 1;
    } else {
      return undefined;
    }
  }
  if (dots !== 3 || digits === 0) return undefined;
  return word * 256 + octet;
}

/** The value of one hexadecimal digit, or -1. */
function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

function parseIpv6(text: string): Address | undefined {
  const length = text.length;
  const groups = [0, 0, 0, 0, 0, 0, 0, 0];
  let count = 0;
  let gap = -1;
  let index = 0;
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return undefined;
    gap = 0;
    index = 2;
  }
  while (index < length) {
    if (count === 8) return undefined;
    const start = index;
    let value = 0;
    let digit = hexDigit(text.charCodeAt(index));
    while (digit >= 0) {
      value = value * 16 + digit;
      index += 1;
      digit = index < length ? hexDigit(text.charCodeAt(index)) : -1;
    }
    if (index < length && text.charCodeAt(index) === DOT) {
      const word = count <= 6 ? parseDotted(text, start) : undefined;
      if (word === undefined) return undefined;
      groups[count] = word >>> 16;
      groups[count + 1] = word & 0xffff;
      count += 2;
      break;
    }
    if (index === start || index - start > 4) return undefined;
    groups[count] = value;
    count += 1;
    if (index === length) break;
    if (text.charCodeAt(index) !== COLON) return undefined;
    index += 1;
    if (index === length) return undefined;
    if (text.charCodeAt(index) === COLON) {
      if (gap >= 0) return undefined;
      gap = count;
      index += 1;
    }
  }
  return fromGroups(groups, count, gap);
}

/** Spreads `count` groups over eight around the gap (-1: none) and refuses the IPv4-mapped block. */
function fromGroups(groups: number[], count: number, gap: number): Address | undefined {
  if (gap < 0) {
    if (count !== 8) return undefined;
  } else {
    // A gap stands for at least one group of zeros, as in Go's parser, which the dialects' texts come from.
    if (count > 7) return undefined;
    const shift = 8 - count;
    // Plain loops: on eight elements copyWithin and fill cost more than the rest of the parser.
    for (let group = 7; group >= gap + shift; group -= 1) groups[group] = groups[group - shift]!;
    for (let group = gap; group < gap + shift; group += 1) groups[group] = 0;
  }
  const a = wordOf(groups, 0);
  const b = wordOf(groups, 2);
  const c = wordOf(groups, 4);
  const d = wordOf(groups, 6);
  if (a === 0 && b === 0 && c === 0xffff) return undefined;
  return [a, b, c, d];
}

function wordOf(groups: readonly number[], index: number): number {
  return groups[index]! * 0x10000 + groups[index + 1]!;
}

/** The family of an address: 4 for IPv4-mapped addresses, else 6. */
export function familyOf(address: Address): Family {
  return address[2] === 0xffff && address[1] === 0 && address[0] === 0 ? 4 : 6;
}

/** The canonical text: dotted for IPv4, RFC 5952 (section 4: lower case, longest run of zeros as `::`) for IPv6. */
export function formatAddress(address: Address): string {
  if (familyOf(address) === 4) {
    const word = address[3];
    return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
  }
  return formatIpv6(address);
}

function groupOf(address: Address, group: number): number {
  const word = address[(group >>> 1) as 0 | 1 | 2 | 3];
  return (group & 1) === 0 ? word >>> 16 : word & 0xffff;
}

function formatIpv6(address: Address): string {
  // The first of the longest runs of zero groups is shortened, and only if it has two groups or more.
  let gapStart = -1;
  let gapLength = 1;
  let runStart = 0;
  for (let group = 0; group <= 8; group += 1) {
    if (group < 8 && groupOf(address, group) === 0) continue;
    if (group - runStart > gapLength) {
      gapStart = runStart;
      gapLength = group - runStart;
    }
    runStart = group + 1;
  }
  let text = '';
  let separator = '';
  for (let group = 0; group < 8; group += 1) {
    if (group === gapStart) {
      text += '::';
      separator = '';
      group += gapLength - 1;
    } else {
      text += separator + groupOf(address, group).toString(16);
      separator = ':';
    }
  }
  return text;
}

/** Negative when `a` comes before `b`, 0 when they are equal, positive when `a` comes after. */
export function compareAddresses(a: Address, b: Address): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || a[3] - b[3];
}

/** Whether both are the same address. */
export function equalAddresses(a: Address, b: Address): boolean {
  return a[3] === b[3] && a[2] === b[2] && a[1] === b[1] && a[0] === b[0];
}

/**
 * The address `n` places further on, or back where `n` is negative; `n` is a whole number between -2^53 and
 * 2^53. The step may leave IPv4's block, which familyOf then tells. Throws INTERNAL when it would leave
 * the 128 bits.
 */
export function addToAddress(address: Address, n: number): Address {
  const low = address[3] + (n % WORD);
  let carry = Math.trunc(n / WORD) + Math.floor(low / WORD);
  let next = address[2] + carry;
  carry = Math.floor(next / WORD);
  const c = next - carry * WORD;
  next = address[1] + carry;
  carry = Math.floor(next / WORD);
  const b = next - carry * WORD;
  next = address[0] + carry;
  if (next < 0 || next >= WORD) {
    throw new OrbweaverError('INTERNAL', `${formatAddress(address)} plus ${n} is not an address`);
  }
  return [next, b, c, low - Math.floor(low / WORD) * WORD];
}

/** The first address of the block of 64 that holds `address`. */
export function blockOf(address: Address): Address {
  return [address[0], address[1], address[2], (address[3] & ~BLOCK_MASK) >>> 0];
}

/** The position of `address` in its block, 0–63. */
export function slotOf(address: Address): number {
  return address[3] & BLOCK_MASK;
}

/** The address at position `slot` (0–63) of the block that begins at `first`. */
export function addressInBlock(first: Address, slot: number): Address {
  return [first[0], first[1], first[2], first[3] + slot];
}
