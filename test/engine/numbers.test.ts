import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import { big, listOf, normalized, type Pair, words } from './model.ts';

const V6 = 0xfd00n << 112n;
const pair: fc.Arbitrary<Pair> = fc
  .tuple(
    fc.constantFrom(0n, V6, V6 + (1n << 64n) - 300n, (1n << 128n) - 2000n),
    fc.nat(1500),
    fc.nat(400),
  )
  .map(([base, offset, width]) => [base + BigInt(offset), base + BigInt(offset + width)]);

describe.each(['baseline', 'simd', 'debug'] as const)('ordinals (%s build)', (build) => {
  test('number the addresses of a pool in order, and back', () => {
    fc.assert(
      fc.property(fc.array(pair, { maxLength: 12 }), fc.array(fc.nat(9000)), (pairs, some) => {
        const engine = Engine.load({ build });
        const pool = engine.addPool(listOf(pairs));
        const addresses = normalized(pairs).flatMap(([first, last]) =>
          Array.from({ length: Number(last - first) + 1 }, (_, i) => first + BigInt(i)),
        );
        const edges = [0, addresses.length - 1, addresses.length];
        for (const ordinal of [...edges, ...some].filter((n) => n >= 0)) {
          const address = engine.addressOf(pool, ordinal);
          expect(address && big(address)).toBe(addresses[ordinal]);
          if (address) expect(engine.ordinalOf(pool, address)).toBe(ordinal);
        }
        for (const [first, last] of pairs) {
          for (const outside of [first - 1n, last + 1n]) {
            if (outside < 0n || outside >= 1n << 128n) continue;
            const index = addresses.indexOf(outside);
            expect(engine.ordinalOf(pool, words(outside))).toBe(index < 0 ? undefined : index);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  test('beyond 2^53 are the nearest double, and no address is asked for by them', () => {
    const engine = Engine.load({ build });
    const pool = engine.addPool(listOf([[V6, V6 + (1n << 80n) - 1n]]));
    expect(engine.ordinalOf(pool, words(V6 + (1n << 70n)))).toBe(2 ** 70);
    expect(big(engine.addressOf(pool, 2 ** 53 - 1)!)).toBe(V6 + (1n << 53n) - 1n);
    for (const bad of [2 ** 53, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(engine.addressOf(pool, bad)).toBeUndefined();
    }
    expect(engine.counts(pool).total).toBe(2 ** 80);
  });

  test('an empty pool has none, gives nothing and is full', () => {
    const engine = Engine.load({ build });
    const pool = engine.addPool(new Uint32Array(0));
    expect(engine.counts(pool)).toEqual({ total: 0, used: 0, resting: 0 });
    expect(engine.claimNext(pool)).toBeUndefined();
    expect(engine.claimNext(pool, words(V6))).toBeUndefined();
    expect(engine.claimResting(pool)).toBeUndefined();
    expect(engine.addressOf(pool, 0)).toBeUndefined();
    expect(engine.ordinalOf(pool, words(V6))).toBeUndefined();
    expect(engine.verify()).toBeUndefined();
  });
});
