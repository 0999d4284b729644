import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RangeAlgebra } from '../../src/engine/range-algebra.ts';

type Pair = readonly [bigint, bigint];
const TOP = (1n << 128n) - 1n;

/** Range lists as words, from pairs of inclusive ends. */
function words(pairs: readonly Pair[]): Uint32Array {
  return Uint32Array.from(
    pairs.flat().flatMap((n) => [96n, 64n, 32n, 0n].map((by) => Number((n >> by) & 0xffffffffn))),
  );
}

function pairs(list: Uint32Array): Pair[] {
  const big = (at: number) => [0, 1, 2, 3].reduce((n, i) => (n << 32n) | BigInt(list[at + i]!), 0n);
  return Array.from({ length: list.length / 8 }, (_, i) => [big(i * 8), big(i * 8 + 4)] as const);
}

/** The obvious way: every boundary splits the line; a piece is in where its first address is. */
function model(pieces: readonly Pair[], inside: (address: bigint) => boolean): Pair[] {
  const cuts = [...new Set(pieces.flatMap(([first, last]) => [first, last + 1n]))].sort((a, b) =>
    a < b ? -1 : 1,
  );
  const result: [bigint, bigint][] = [];
  for (const [i, cut] of cuts.entries()) {
    if (cut > TOP || !inside(cut)) continue;
    const last = (cuts[i + 1] ?? TOP + 1n) - 1n;
    const open = result.at(-1);
    if (open && open[1] + 1n === cut) open[1] = last;
    else result.push([cut, last]);
  }
  return result;
}

const has = (list: readonly Pair[], n: bigint) => list.some(([a, b]) => a <= n && n <= b);

/** Ends near each other, near the places where words overflow, and at both ends of the space. */
const address = fc.oneof(
  fc.bigInt({ min: 0n, max: 40n }),
  fc.bigInt({ min: (1n << 64n) - 20n, max: (1n << 64n) + 20n }),
  fc.bigInt({ min: 0xffff00000000n, max: 0xffff00000040n }),
  fc.bigInt({ min: TOP - 20n, max: TOP }),
);
const lists = fc.array(
  fc.tuple(address, address).map(([a, b]): Pair => (a < b ? [a, b] : [b, a])),
  { maxLength: 40 },
);

describe.each(['baseline', 'simd', 'debug'] as const)('range algebra (%s build)', (build) => {
  const algebra = RangeAlgebra.load({ build });
  const normal = (list: readonly Pair[]) => algebra.normalize(words(list));

  test('equals the obvious way on any lists', () => {
    fc.assert(
      fc.property(lists, lists, (a, b) => {
        const x = normal(a);
        const y = normal(b);
        const both = [...a, ...b];
        expect(pairs(x)).toEqual(model(a, (n) => has(a, n)));
        expect(pairs(algebra.union(x, y))).toEqual(model(both, (n) => has(a, n) || has(b, n)));
        expect(pairs(algebra.intersect(x, y))).toEqual(model(both, (n) => has(a, n) && has(b, n)));
        expect(pairs(algebra.subtract(x, y))).toEqual(model(both, (n) => has(a, n) && !has(b, n)));
      }),
      { numRuns: 300 },
    );
  });

  test('normalize sorts lists longer than one merge', () => {
    const list = Array.from({ length: 5000 }, (_, i): Pair => {
      const first = BigInt((i * 7919) % 5000) * 10n;
      return [first, first + 3n];
    });
    const sorted = [...list].sort((a, b) => (a[0] < b[0] ? -1 : 1));
    expect(pairs(normal(list))).toEqual(sorted);
  });

  test('empty lists are the neutral element', () => {
    const none = new Uint32Array(0);
    const one = words([[5n, 9n]]);
    expect(algebra.normalize(none)).toEqual(none);
    expect(algebra.union(none, one)).toEqual(one);
    expect(algebra.intersect(one, none)).toEqual(none);
    expect(algebra.subtract(one, none)).toEqual(one);
    expect(algebra.subtract(one, one)).toEqual(none);
  });

  test.each([
    ['reversed', [[9n, 5n]]],
    [
      'out of order',
      [
        [9n, 9n],
        [5n, 5n],
      ],
    ],
    [
      'overlapping',
      [
        [1n, 5n],
        [5n, 9n],
      ],
    ],
    [
      'touching',
      [
        [1n, 4n],
        [5n, 9n],
      ],
    ],
    [
      'behind the last address of all',
      [
        [1n, TOP],
        [0n, 0n],
      ],
    ],
  ] as [string, Pair[]][])('a sweep refuses a list that is %s', (_, list) => {
    const good = words([[2n, 3n]]);
    for (const sweep of ['union', 'intersect', 'subtract'] as const) {
      expect(() => algebra[sweep](words(list), good)).toThrow(/not sorted and merged/);
      expect(() => algebra[sweep](good, words(list))).toThrow(/not sorted and merged/);
    }
  });

  test('normalize refuses a reversed range and stays usable', () => {
    expect(() => normal([[9n, 5n]])).toThrow(/engine: normalizeRanges: .*reversed/);
    expect(pairs(normal([[5n, 9n]]))).toEqual([[5n, 9n]]);
  });
});
