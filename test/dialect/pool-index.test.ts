import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PoolSummary } from '../../src/dialect/admission-context.ts';
import { PoolIndex } from '../../src/dialect/pool-index.ts';
import type { Address } from '../../src/net/address.ts';
import { cidrsOverlap, formatCidr, parseCidr } from '../../src/net/cidr.ts';
import { parseRange } from '../../src/net/range.ts';
import { RangeSet } from '../../src/net/range-set.ts';
import { calicoPool, spiderPool } from '../support/pools.ts';

function namesOf(pools: Iterable<PoolSummary>): string[] {
  return Array.from(pools, (pool) => pool.name).sort();
}

function cidr(text: string) {
  return parseCidr(text)!.cidr;
}

function ranges(...texts: string[]): RangeSet {
  return RangeSet.of(texts.map((text) => parseRange(text)!));
}

describe('PoolIndex', () => {
  const index = new PoolIndex();
  index.put(spiderPool('a', { subnet: '10.0.0.0/16', ips: ['10.0.0.1-10.0.0.9'] }));
  index.put(spiderPool('b', { subnet: '10.0.0.0/16', ips: ['10.0.0.20', '10.0.1.0-10.0.1.9'] }));
  index.put(spiderPool('c', { subnet: '10.1.0.0/24', ips: ['10.1.0.1'] }));
  index.put(calicoPool('d', '10.2.0.0/24'));
  index.put(spiderPool('six', { subnet: 'fd00::/64', ips: ['fd00::1-fd00::ff'] }));

  test.each([
    ['the same network', '10.0.0.0/16', ['a', 'b']],
    ['a network inside', '10.0.7.0/24', ['a', 'b']],
    ['a network around', '10.0.0.0/8', ['a', 'b', 'c', 'd']],
    ['a network beside', '10.3.0.0/16', []],
    ['IPv6', 'fd00::/48', ['six']],
    ['all of IPv6, which holds no IPv4', '::/0', ['six']],
  ])('finds pools by network: %s', (_name, text, expected) => {
    expect(namesOf(index.poolsOverlapping(cidr(text)))).toEqual(expected);
  });

  test.each([
    ['exactly that network left out', '10.0.0.0/16', []],
    ['a network inside', '10.0.7.0/24', ['a', 'b']],
    ['a network around', '10.0.0.0/8', ['a', 'b', 'c', 'd']],
  ])('finds pools of other networks: %s', (_name, text, expected) => {
    expect(namesOf(index.poolsWithOtherSubnet(cidr(text)))).toEqual(expected);
  });

  test.each([
    ['one address', ['10.0.0.20'], ['b']],
    ['the last address of a range', ['10.0.0.9'], ['a']],
    ['just behind it', ['10.0.0.10-10.0.0.19'], []],
    [
      'several ranges, each pool once',
      ['10.0.0.0-10.0.0.2', '10.0.0.5-10.0.0.30', '10.0.1.5'],
      ['a', 'b'],
    ],
    ['inside a Calico pool', ['10.2.0.77'], ['d']],
    ['IPv6', ['fd00::80'], ['six']],
  ])('finds pools by addresses: %s', (_name, texts, expected) => {
    expect(namesOf(index.poolsSharing(ranges(...texts)))).toEqual(expected);
  });

  test('keeps pools of one name apart by dialect', () => {
    const two = new PoolIndex();
    two.put(spiderPool('x', { ips: ['172.18.0.1'] }));
    two.put(calicoPool('x', '10.9.0.0/24'));
    expect(two.poolsNamed('x').map((pool) => pool.dialect)).toEqual(['spiderpool', 'calico']);
    two.delete('spiderpool', 'x');
    expect(two.poolsNamed('x').map((pool) => pool.dialect)).toEqual(['calico']);
    expect(two.size).toBe(1);
  });

  test('replaces a pool whose addresses change', () => {
    const one = new PoolIndex();
    one.put(spiderPool('x', { ips: ['172.18.0.1'] }));
    one.put(spiderPool('x', { ips: ['172.18.0.2'] }));
    expect(namesOf(one.poolsSharing(ranges('172.18.0.1')))).toEqual([]);
    expect(namesOf(one.poolsSharing(ranges('172.18.0.2')))).toEqual(['x']);
  });
});

/** Addresses of 10.0.0.0/24, so that overlaps are frequent. */
const offset = fc.integer({ min: 0, max: 255 });
const range = fc.tuple(offset, offset).map(([a, b]) => {
  const at = (low: number): Address => [0, 0, 0xffff, 0x0a000000 + low];
  return { first: at(Math.min(a, b)), last: at(Math.max(a, b)) };
});
const subnet = fc
  .tuple(offset, fc.integer({ min: 24, max: 32 }))
  .map(([low, prefix]) => parseCidr(`10.0.0.${low}/${prefix}`)!.cidr);
const step = fc.record({
  verb: fc.constantFrom('put', 'put', 'delete'),
  name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
  subnet,
  ranges: fc.array(range, { maxLength: 5 }).map((list) => RangeSet.of(list)),
});

test('PoolIndex answers as a walk over all pools does, overlapping ones included', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 40 }),
      subnet,
      fc.array(range),
      (steps, asked, list) => {
        const index = new PoolIndex();
        const model = new Map<string, PoolSummary>();
        for (const { verb, name, subnet, ranges } of steps) {
          if (verb === 'delete') {
            index.delete('spiderpool', name);
            model.delete(name);
          } else {
            const pool: PoolSummary = { dialect: 'spiderpool', name, family: 4, subnet, ranges };
            index.put(pool);
            model.set(name, pool);
          }
        }
        const wanted = RangeSet.of(list);
        const all = [...model.values()];
        const overlapping = all.filter((pool) => cidrsOverlap(pool.subnet, asked));
        const others = overlapping.filter((pool) => formatCidr(pool.subnet) !== formatCidr(asked));
        const sharing = all.filter((pool) => pool.ranges.overlaps(wanted));
        expect(namesOf(index.poolsOverlapping(asked))).toEqual(namesOf(overlapping));
        expect(namesOf(index.poolsWithOtherSubnet(asked))).toEqual(namesOf(others));
        expect(namesOf(index.poolsSharing(wanted))).toEqual(namesOf(sharing));
        expect(index.size).toBe(model.size);
      },
    ),
    { numRuns: 300 },
  );
});
