import { describe, expect, test } from 'vitest';
import { formatRange, parseRange } from '../../src/net/range.ts';

describe('parseRange reads', () => {
  test.each([
    ['one IPv4 address', '172.18.41.40', '172.18.41.40'],
    ['an IPv4 range', '172.18.41.40-172.18.41.50', '172.18.41.40-172.18.41.50'],
    ['a range of one address', '10.0.0.1-10.0.0.1', '10.0.0.1'],
    ['one IPv6 address', 'FD00::1', 'fd00::1'],
    ['an IPv6 range', 'fd00::1-fd00:0::ff', 'fd00::1-fd00::ff'],
    ['an IPv6 range below the IPv4-mapped block', '::1-::fffe:ffff:ffff', '::1-::fffe:ffff:ffff'],
    ['all of IPv4', '0.0.0.0-255.255.255.255', '0.0.0.0-255.255.255.255'],
  ])('%s', (_name, text, canonical) => {
    expect(formatRange(parseRange(text)!)).toBe(canonical);
  });
});

describe('parseRange refuses', () => {
  test.each([
    ['nothing', ''],
    ['a dash', '-'],
    ['an open end', '10.0.0.1-'],
    ['an open beginning', '-10.0.0.1'],
    ['a reversed range', '10.0.0.2-10.0.0.1'],
    ['a reversed IPv6 range', 'fd00::2-fd00::1'],
    ['two families', '10.0.0.1-fd00::1'],
    ['a second dash', '10.0.0.1-10.0.0.2-10.0.0.3'],
    ['blanks around the dash', '10.0.0.1 - 10.0.0.2'],
    ['CIDR notation', '10.0.0.0/24'],
    ['an abbreviated end', '10.0.0.1-5'],
    ['a bad address', '10.0.0.1-10.0.0.256'],
    ['an IPv6 range across the IPv4-mapped block', '::1-::1:0:0:0'],
    ['a list', '10.0.0.1,10.0.0.2'],
  ])('%s', (_name, text) => {
    expect(parseRange(text)).toBeUndefined();
  });
});
