import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { EngineLost } from '../../src/engine/engine-lost.ts';
import { RangeAlgebra } from '../../src/engine/range-algebra.ts';
import { type Address, parseAddress } from '../../src/net/address.ts';
import { parseRange, type Range } from '../../src/net/range.ts';
import { RangeSet } from '../../src/net/range-set.ts';
import { addressOf, bigOf } from '../support/wide.ts';

const setOf = (...texts: string[]) => RangeSet.of(texts.map((text) => parseRange(text)!));

/**
 * Ranges in short windows around places where carries happen: the ends of the address space, of words, and
 * of IPv4. The slow model of a set is the list of its addresses as BigInt.
 */
const WINDOW = 24;
const WINDOWS = [
  0n,
  2n ** 128n - BigInt(WINDOW),
  2n ** 32n - 12n,
  2n ** 64n - 12n,
  2n ** 96n - 12n,
].concat(bigOf(parseAddress('0.0.0.0')!) - 12n, bigOf(parseAddress('172.18.41.40')!));
const RANGES = fc.array(
  fc
    .tuple(fc.constantFrom(...WINDOWS), fc.nat(WINDOW - 1), fc.nat(6))
    .map(([start, offset, length]): Range => {
      const last = Math.min(offset + length, WINDOW - 1);
      return { first: addressOf(start + BigInt(offset)), last: addressOf(start + BigInt(last)) };
    }),
  { maxLength: 30 },
);

function membersOf(ranges: Iterable<Range>): Set<bigint> {
  const members = new Set<bigint>();
  for (const { first, last } of ranges) {
    for (let value = bigOf(first); value <= bigOf(last); value += 1n) members.add(value);
  }
  return members;
}

/** The set has the members, and is sorted and merged. */
function expectMembers(set: RangeSet, members: ReadonlySet<bigint>): void {
  expect(membersOf(set.ranges())).toEqual(members);
  let runs = 0;
  for (const value of members) if (!members.has(value - 1n)) runs += 1;
  expect(set.count).toBe(runs);
  expect(set.size()).toBe(BigInt(members.size));
  expect(set.isEmpty).toBe(members.size === 0);
  const lasts = [...set.ranges()].map((range) => bigOf(range.last));
  expect(lasts).toEqual(lasts.toSorted((a, b) => (a < b ? -1 : 1)));
}

describe('a range set', () => {
  test('has the addresses of its ranges', () => {
    fc.assert(
      fc.property(RANGES, (ranges) => expectMembers(RangeSet.of(ranges), membersOf(ranges))),
    );
  });

  test('unites, intersects and subtracts as sets do', () => {
    fc.assert(
      fc.property(RANGES, RANGES, (left, right) => {
        const [a, b] = [RangeSet.of(left), RangeSet.of(right)];
        const [x, y] = [membersOf(left), membersOf(right)];
        expectMembers(a.union(b), x.union(y));
        expectMembers(a.intersect(b), x.intersection(y));
        expectMembers(a.subtract(b), x.difference(y));
        expect(a.overlaps(b)).toBe(!x.isDisjointFrom(y));
        expect(a.equals(b)).toBe(x.symmetricDifference(y).size === 0);
        expect(a.union(b).subtract(b).equals(a.subtract(b))).toBe(true);
      }),
    );
  });

  test('knows its members', () => {
    fc.assert(
      fc.property(RANGES, (ranges) => {
        const set = RangeSet.of(ranges);
        const members = membersOf(ranges);
        for (const start of WINDOWS) {
          for (let offset = 0n; offset < WINDOW; offset += 1n) {
            expect(set.has(addressOf(start + offset))).toBe(members.has(start + offset));
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  test.each([
    ['neighbours merged', ['10.0.0.2', '10.0.0.1', '10.0.0.3-10.0.0.4'], ['10.0.0.1-10.0.0.4']],
    ['gaps kept', ['10.0.0.3', '10.0.0.1'], ['10.0.0.1', '10.0.0.3']],
    ['repetitions dropped', ['10.0.0.1', '10.0.0.1-10.0.0.1'], ['10.0.0.1']],
    ['IPv4 before IPv6', ['fd00::1', '10.0.0.1'], ['10.0.0.1', 'fd00::1']],
    ['nothing', [], []],
  ])('prints %s', (_name, texts, expected) => {
    expect(setOf(...texts).format()).toEqual(expected);
  });

  test('is empty without ranges', () => {
    expect(RangeSet.of([])).toBe(RangeSet.empty);
    expect(RangeSet.empty.size()).toBe(0n);
    expect(RangeSet.empty.has([0, 0, 0, 0])).toBe(false);
    expect(setOf('10.0.0.1').subtract(setOf('10.0.0.0-10.0.0.2'))).toBe(RangeSet.empty);
  });

  test('does not change when the words it was made from do', () => {
    const words = setOf('10.0.0.1-10.0.0.9').words.slice();
    const set = RangeSet.fromWords(words);
    words.fill(0);
    expect(set.format()).toEqual(['10.0.0.1-10.0.0.9']);
  });

  test('holds the whole address space', () => {
    const all = RangeSet.of([{ first: addressOf(0n), last: addressOf(2n ** 128n - 1n) }]);
    expect(all.size()).toBe(2n ** 128n);
    expect(all.subtract(all).isEmpty).toBe(true);
    expect(all.intersect(setOf('::1')).format()).toEqual(['::1']);
  });

  test('takes wide ranges without expanding them', () => {
    const wide = setOf('fd00::-fd00:0:0:ffff:ffff:ffff:ffff:ffff').subtract(setOf('fd00::5'));
    expect(wide.size()).toBe(2n ** 80n - 1n);
    expect(wide.count).toBe(2);
  });

  test('refuses a reversed range', () => {
    const [first, last]: Address[] = [parseAddress('10.0.0.2')!, parseAddress('10.0.0.1')!];
    expect(() => RangeSet.of([{ first: first!, last: last! }])).toThrow();
  });

  test('keeps 10,000 ranges apart and finds each', () => {
    const base = bigOf(parseAddress('fd00::')!);
    const ranges = Array.from({ length: 10_000 }, (_, index): Range => {
      const address = addressOf(base + BigInt(index) * 2n ** 33n);
      return { first: address, last: address };
    });
    const set = RangeSet.of(ranges.toReversed());
    expect(set.count).toBe(10_000);
    expect(ranges.every((range) => set.has(range.first))).toBe(true);
    expect(ranges.some((range) => set.has(addressOf(bigOf(range.first) + 1n)))).toBe(false);
  });
});

describe('range sets after their calculator trapped', () => {
  afterEach(() => vi.restoreAllMocks());
  const trap = () => {
    throw new EngineLost(new WebAssembly.RuntimeError('unreachable'));
  };

  test('calculate with a new one', () => {
    vi.spyOn(RangeAlgebra.prototype, 'union').mockImplementationOnce(trap);
    const load = vi.spyOn(RangeAlgebra, 'load');
    expect(setOf('10.0.0.1').union(setOf('10.0.0.2')).format()).toEqual(['10.0.0.1-10.0.0.2']);
    expect(setOf('10.0.0.1').union(setOf('10.0.0.3')).count).toBe(2);
    expect(load).toHaveBeenCalledTimes(1);
  });

  test('say so when the new one traps too, and recover afterwards', () => {
    const [a, b] = [setOf('10.0.0.1-10.0.0.5'), setOf('10.0.0.2')];
    const spy = vi.spyOn(RangeAlgebra.prototype, 'subtract').mockImplementation(trap);
    expect(() => a.subtract(b)).toThrow(EngineLost);
    spy.mockRestore();
    expect(a.subtract(b).format()).toEqual(['10.0.0.1', '10.0.0.3-10.0.0.5']);
  });
});
