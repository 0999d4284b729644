import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addressInBlock,
  addToAddress,
  blockOf,
  compareAddresses,
  equalAddresses,
  familyOf,
  formatAddress,
  parseAddress,
  slotOf,
} from '../../src/net/address.ts';
import { addressOf, bigOf, IPV4_FIRST } from '../support/wide.ts';

const ANY_ADDRESS = fc
  .oneof(
    fc.bigInt(0n, 2n ** 128n - 1n),
    fc.bigInt(IPV4_FIRST, IPV4_FIRST + 0xffffffffn),
    // Many zero groups, as real addresses have them.
    fc
      .array(fc.constantFrom<bigint[]>(0n, 0n, 0n, 1n, 0xffffn, 0x80n), {
        minLength: 8,
        maxLength: 8,
      })
      .map((groups) => groups.reduce((sum: bigint, group: bigint) => (sum << 16n) | group, 0n)),
  )
  .map(addressOf);

describe('parseAddress accepts', () => {
  const highest = `${'ffff:'.repeat(7)}ffff`;

  test.each([
    ['the lowest IPv4 address', '0.0.0.0', '0.0.0.0'],
    ['the highest IPv4 address', '255.255.255.255', '255.255.255.255'],
    ['a plain IPv4 address', '172.18.41.40', '172.18.41.40'],
    ['the lowest IPv6 address', '::', '::'],
    ['the highest IPv6 address', highest, highest],
    ['the loopback', '::1', '::1'],
    ['a gap at the end', '1::', '1::'],
    ['leading zeros of a group (RFC 5952 4.1)', '2001:0db8::0001', '2001:db8::1'],
    ['a gap shortened fully (RFC 5952 4.2.1)', '2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
    [
      'a single zero group left alone (RFC 5952 4.2.2)',
      '2001:db8::1:1:1:1:1',
      '2001:db8:0:1:1:1:1:1',
    ],
    ['the longest gap shortened (RFC 5952 4.2.3)', '2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    [
      'the first of equal gaps shortened (RFC 5952 4.2.3)',
      '2001:db8:0:0:1:0:0:1',
      '2001:db8::1:0:0:1',
    ],
    ['upper case (RFC 5952 4.3)', '2001:DB8::ABCD', '2001:db8::abcd'],
    ['a dotted end outside the mapped block', '64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['six groups and a dotted end', '1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304'],
    ['a gap of one group', '1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['a gap of one group at the front', '::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['an address that only looks mapped', '::fffe:1.2.3.4', '::fffe:102:304'],
  ])('%s', (_name, text, canonical) => {
    expect(formatAddress(parseAddress(text)!)).toBe(canonical);
  });
});

describe('parseAddress refuses', () => {
  test.each([
    ['nothing', ''],
    ['one character', '1'],
    ['three octets', '1.2.3'],
    ['five octets', '1.2.3.4.5'],
    ['an empty octet', '1..3.4'],
    ['a dot at the end', '1.2.3.4.'],
    ['a dot at the front', '.1.2.3.4'],
    ['an octet above 255', '1.2.3.256'],
    ['an octet of four digits', '1.2.3.1000'],
    ['a leading zero', '172.18.041.40'],
    ['a zero written twice', '00.0.0.0'],
    ['a number instead of octets', '16909060'],
    ['hexadecimal octets', '0x1.2.3.4'],
    ['a sign', '+1.2.3.4'],
    ['a blank in front', ' 1.2.3.4'],
    ['a blank behind', '1.2.3.4 '],
    ['a line end', '1.2.3.4\n'],
    ['full-width digits', '１.2.3.4'],
    ['Arabic digits', '١.2.3.4'],
    ['a NUL', '1.2.3.4\0'],
    ['a prefix length', '1.2.3.4/24'],
    ['a host name', 'localhost'],
    ['a zone', 'fe80::1%eth0'],
    ['brackets', '[::1]'],
    ['two gaps', '1::2::3'],
    ['three colons', '1:::2'],
    ['one colon in front', ':1:2:3:4:5:6:7'],
    ['one colon behind', '1:2:3:4:5:6:7:'],
    ['a single colon', ':'],
    ['seven groups', '1:2:3:4:5:6:7'],
    ['nine groups', '1:2:3:4:5:6:7:8:9'],
    ['a gap of no group', '1:2:3:4:5:6:7::8'],
    ['a group of five digits', '12345::'],
    ['a group of five digits with zeros', '00001::'],
    ['a letter after f', 'g::'],
    ['dots in the middle', '1:2:1.2.3.4:5:6'],
    ['seven groups and a dotted end', '1:2:3:4:5:6:7:1.2.3.4'],
    ['a leading zero in a dotted end', '64:ff9b::192.0.02.33'],
    ['IPv4 in IPv6 dress, dotted', '::ffff:1.2.3.4'],
    ['IPv4 in IPv6 dress, in groups', '::ffff:102:304'],
    ['IPv4 in IPv6 dress, in full', '0:0:0:0:0:ffff:0102:0304'],
    ['a text of a megabyte', '1'.repeat(1 << 20)],
  ])('%s', (_name, text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
});

describe('addresses', () => {
  test('are what the platform makes of the same text', () => {
    const piece = fc.constantFrom(
      ...['0', '1', '00', '10', '255', '256', 'ff', 'FFFF', '0001', '10000', '.', '.', ':', ':'],
      ...['::', '1.2.3.4', '%1', 'g', ' '],
    );
    const text = fc.oneof(
      fc.array(piece, { minLength: 1, maxLength: 16 }).map((parts) => parts.join('')),
      fc
        .array(fc.constantFrom('0', '1', 'ab', '0db8', ''), { minLength: 7, maxLength: 9 })
        .map((groups) => groups.join(':')),
      ANY_ADDRESS.map((address) => formatAddress(address).replace('0', '00')),
    );
    fc.assert(
      fc.property(text, (candidate) => {
        const address = parseAddress(candidate);
        const family = candidate.includes('%') ? 0 : isIP(candidate);
        if (family === 6) {
          const host = new URL(`http://[${candidate}]/`).hostname.slice(1, -1);
          if (host.startsWith('::ffff:') && host.split(':').length === 5) {
            expect(address).toBeUndefined();
          } else {
            expect(formatAddress(address!)).toBe(host);
          }
        } else if (family === 4) {
          expect(formatAddress(address!)).toBe(candidate);
        } else {
          expect(address).toBeUndefined();
        }
      }),
      { numRuns: 5000 },
    );
  });

  test('survive being written and read', () => {
    fc.assert(
      fc.property(ANY_ADDRESS, (address) => {
        expect(parseAddress(formatAddress(address))).toEqual(address);
      }),
      { numRuns: 3000 },
    );
  });

  test('are ordered as numbers are', () => {
    fc.assert(
      fc.property(ANY_ADDRESS, ANY_ADDRESS, (a, b) => {
        const expected = bigOf(a) < bigOf(b) ? -1 : bigOf(a) > bigOf(b) ? 1 : 0;
        expect(Math.sign(compareAddresses(a, b))).toBe(expected);
        expect(equalAddresses(a, b)).toBe(expected === 0);
        expect(compareAddresses(a, [...a])).toBe(0);
      }),
    );
  });

  test('belong to the family of their block', () => {
    fc.assert(
      fc.property(ANY_ADDRESS, (address) => {
        expect(familyOf(address)).toBe(bigOf(address) >> 32n === 0xffffn ? 4 : 6);
      }),
    );
  });

  test('divide into block and slot', () => {
    fc.assert(
      fc.property(ANY_ADDRESS, (address) => {
        expect(bigOf(blockOf(address))).toBe((bigOf(address) >> 6n) << 6n);
        expect(slotOf(address)).toBe(Number(bigOf(address) & 63n));
        expect(addressInBlock(blockOf(address), slotOf(address))).toEqual(address);
      }),
    );
  });
});

describe('addToAddress', () => {
  const step = fc.oneof(
    fc.maxSafeInteger(),
    fc.integer(),
    fc.constantFrom(0, 1, -1, 2 ** 32, -(2 ** 32), 2 ** 53, -(2 ** 53), 2 ** 32 - 1),
  );

  test('adds as numbers do', () => {
    fc.assert(
      fc.property(ANY_ADDRESS, step, (address, n) => {
        const sum = bigOf(address) + BigInt(n);
        if (sum < 0n || sum >= 2n ** 128n) {
          expect(() => addToAddress(address, n)).toThrow('is not an address');
        } else {
          expect(addToAddress(address, n)).toEqual(addressOf(sum));
        }
      }),
      { numRuns: 3000 },
    );
  });

  test.each([
    ['within an octet', '10.0.0.1', 1, '10.0.0.2'],
    ['over an octet', '10.0.0.255', 1, '10.0.1.0'],
    ['back over an octet', '10.0.0.0', -1, '9.255.255.255'],
    ['over a word', 'fd00::ffff:ffff', 1, 'fd00::1:0:0'],
    ['back over three words', 'fd00::', -1, 'fcff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ])('carries %s', (_name, text, n, expected) => {
    expect(formatAddress(addToAddress(parseAddress(text)!, n))).toBe(expected);
  });
});
