import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatAddress, parseAddress } from '../../src/net/address.ts';
import {
  blockCidrText,
  cidrContains,
  cidrOf,
  cidrsOverlap,
  formatCidr,
  lastOfCidr,
  parseCidr,
} from '../../src/net/cidr.ts';
import { addressOf, bigOf, IPV4_FIRST } from '../support/wide.ts';

const cidr = (text: string) => parseCidr(text)!.cidr;

/** A network text with host bits, and its model: the bits as BigInt and the width over 128 bits. */
const ANY_CIDR = fc.oneof(
  fc
    .tuple(fc.bigInt(IPV4_FIRST, IPV4_FIRST + 0xffffffffn), fc.integer({ min: 0, max: 32 }))
    .map(([bits, prefix]) => ({ bits, prefix, width: prefix + 96 })),
  fc
    .tuple(fc.bigInt(2n ** 64n, 2n ** 128n - 1n), fc.integer({ min: 0, max: 128 }))
    .map(([bits, prefix]) => ({ bits, prefix, width: prefix })),
);
const textOf = (model: { bits: bigint; prefix: number }) =>
  `${formatAddress(addressOf(model.bits))}/${model.prefix}`;
const firstOf = (model: { bits: bigint; width: number }) =>
  (model.bits >> BigInt(128 - model.width)) << BigInt(128 - model.width);
const lastOf = (model: { bits: bigint; width: number }) =>
  firstOf(model) + 2n ** BigInt(128 - model.width) - 1n;

describe('parseCidr reads', () => {
  test.each([
    ['an IPv4 network', '172.18.0.0/16', '172.18.0.0/16', '172.18.255.255', true],
    ['an IPv4 network with host bits', '172.18.41.7/24', '172.18.41.0/24', '172.18.41.255', false],
    ['all of IPv4', '0.0.0.0/0', '0.0.0.0/0', '255.255.255.255', true],
    ['one IPv4 address', '10.0.0.1/32', '10.0.0.1/32', '10.0.0.1', true],
    ['an IPv6 network', 'fd00::/64', 'fd00::/64', 'fd00::ffff:ffff:ffff:ffff', true],
    [
      'an IPv6 network spelt in another way',
      'FD00:0::/64',
      'fd00::/64',
      'fd00::ffff:ffff:ffff:ffff',
      false,
    ],
    ['an IPv6 prefix inside a word', 'fd00::1:2/122', 'fd00::1:0/122', 'fd00::1:3f', false],
    ['one IPv6 address', 'fd00::1/128', 'fd00::1/128', 'fd00::1', true],
  ])('%s', (_name, text, canonical, last, isCanonical) => {
    const parsed = parseCidr(text)!;
    expect(formatCidr(parsed.cidr)).toBe(canonical);
    expect(formatAddress(lastOfCidr(parsed.cidr))).toBe(last);
    expect(parsed.canonical).toBe(isCanonical);
    expect(parsed.address).toEqual(parseAddress(text.slice(0, text.indexOf('/'))));
  });

  test('all of IPv6', () => {
    expect(formatCidr(cidr('::/0'))).toBe('::/0');
    expect(bigOf(lastOfCidr(cidr('::/0')))).toBe(2n ** 128n - 1n);
  });
});

describe('parseCidr refuses', () => {
  test.each([
    ['nothing', ''],
    ['an address alone', '10.0.0.0'],
    ['an empty prefix', '10.0.0.0/'],
    ['an IPv4 prefix above 32', '10.0.0.0/33'],
    ['an IPv6 prefix above 128', 'fd00::/129'],
    ['a prefix with a leading zero', '10.0.0.0/08'],
    ['a prefix with a sign', '10.0.0.0/+8'],
    ['a negative prefix', '10.0.0.0/-1'],
    ['a mask', '10.0.0.0/255.0.0.0'],
    ['two slashes', '10.0.0.0/8/8'],
    ['a blank', '10.0.0.0 /8'],
    ['a blank behind', '10.0.0.0/8 '],
    ['a prefix alone', '/8'],
    ['a zone', 'fe80::1%eth0/64'],
    ['IPv4 in IPv6 dress', '::ffff:10.0.0.0/104'],
    ['a bad address', '10.0.0/8'],
  ])('%s', (_name, text) => {
    expect(parseCidr(text)).toBeUndefined();
  });
});

describe('networks', () => {
  test('begin and end where the model says', () => {
    fc.assert(
      fc.property(ANY_CIDR, (model) => {
        const parsed = parseCidr(textOf(model))!;
        expect(bigOf(parsed.cidr.first)).toBe(firstOf(model));
        expect(bigOf(lastOfCidr(parsed.cidr))).toBe(lastOf(model));
        expect(parsed.canonical).toBe(firstOf(model) === model.bits);
      }),
    );
  });

  test('contain the addresses of the model', () => {
    fc.assert(
      fc.property(ANY_CIDR, fc.bigInt(-3n, 3n), fc.boolean(), (model, step, atLast) => {
        const value = (atLast ? lastOf(model) : firstOf(model)) + step;
        fc.pre(value >= 0n && value < 2n ** 128n);
        const sameFamily = (value >> 32n === 0xffffn) === (model.bits >> 32n === 0xffffn);
        const inside = value >= firstOf(model) && value <= lastOf(model) && sameFamily;
        expect(cidrContains(cidr(textOf(model)), addressOf(value))).toBe(inside);
      }),
    );
  });

  test('overlap as in the model', () => {
    // Few bits, so that overlapping pairs are common.
    const near = fc
      .tuple(fc.bigInt(0n, 15n), fc.integer({ min: 24, max: 32 }))
      .map(([low, prefix]) => ({ bits: IPV4_FIRST + low * 16n, prefix, width: prefix + 96 }));
    fc.assert(
      fc.property(near, near, (a, b) => {
        const expected = firstOf(a) <= lastOf(b) && firstOf(b) <= lastOf(a);
        expect(cidrsOverlap(cidr(textOf(a)), cidr(textOf(b)))).toBe(expected);
      }),
    );
  });

  test('of different families have nothing in common', () => {
    expect(cidrsOverlap(cidr('::/0'), cidr('0.0.0.0/0'))).toBe(false);
    expect(cidrContains(cidr('::/0'), parseAddress('10.0.0.1')!)).toBe(false);
    expect(cidrContains(cidr('0.0.0.0/0'), parseAddress('::1')!)).toBe(false);
  });
});

test.each([
  ['IPv4', '172.18.41.0', '172.18.41.0/26'],
  ['IPv6', 'fd00::40', 'fd00::40/122'],
])('blockCidrText names a block of %s', (_name, first, text) => {
  expect(blockCidrText(parseAddress(first)!)).toBe(text);
});

test.each([
  ['10.0.3.77', 26, '10.0.3.64/26'],
  ['10.0.3.77', 32, '10.0.3.77/32'],
  ['10.0.3.77', 0, '0.0.0.0/0'],
  ['fd00::1:ffff', 112, 'fd00::1:0/112'],
  ['fd00::1:ffff', 0, '::/0'],
])('cidrOf clears the host bits of %s/%i', (address, prefix, text) => {
  expect(formatCidr(cidrOf(parseAddress(address)!, prefix))).toBe(text);
});
