import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import { big, listOf, type Pair, words } from './model.ts';

const V4 = 0xffff0a000000n;
const V6 = 0xfd00n << 112n;
const FULL = 0xffffffff;

/** Fills blocks [from, to) of the pool that begins at `first`. */
function fill(engine: Engine, first: bigint, from: number, to: number): void {
  for (let block = from; block < to; block++) {
    engine.writeBlock(words(first + BigInt(block) * 64n), FULL, FULL);
  }
}

/** Pools of 64 blocks a leaf, 4096 a node: wide enough that whole nodes fill up and empty again. */
const POOLS: [string, Pair][] = [
  ['dense 10.0.0.0/8', [V4, V4 + (1n << 24n) - 1n]],
  ['sparse /64', [V6, V6 + (1n << 64n) - 1n]],
  ['sparse /48', [V6, V6 + (1n << 80n) - 1n]],
  ['sparse ::/0, from its first address', [0n, (1n << 128n) - 1n]],
];

describe.each(['baseline', 'debug'] as const)('a large pool (%s build)', (build) => {
  test.each(POOLS)('%s: search passes whole full subtrees', (_, [first, last]) => {
    const engine = Engine.load({ build });
    const pool = engine.addPool(listOf([[first, last]]));
    const at = (block: number, slot = 0) => first + BigInt(block) * 64n + BigInt(slot);
    const next = () => big(engine.claimNext(pool)!);
    fill(engine, first, 0, 8200);
    expect(next()).toBe(at(8200));
    engine.unclaim(words(at(8200)));
    expect(engine.verify()).toBeUndefined();
    for (const block of [5000, 4096, 4095, 64, 63, 0]) {
      engine.unclaim(words(at(block, 17)));
      expect(next(), `block ${block}`).toBe(at(block, 17));
      engine.unclaim(words(at(block, 17)));
    }
    expect(big(engine.claimNext(pool, words(at(64, 18)))!)).toBe(at(4095, 17));
    expect(big(engine.claimNext(pool, words(at(4096, 17)))!)).toBe(at(4096, 17));
    expect(big(engine.claimNext(pool, words(at(5000, 18)))!)).toBe(at(8200));
    expect(engine.claimWithin(pool, words(at(5000, 18)), words(at(8199, 63)))).toBeUndefined();
    expect(engine.counts(pool).used).toBe(8200 * 64 - 6 + 3);
    for (let block = 8200; block >= 0; block--) engine.writeBlock(words(at(block)), 0, 0);
    expect(engine.counts(pool).used).toBe(0);
    expect(engine.verify()).toBeUndefined();
    expect(next()).toBe(first);
  });

  test('dense 10.0.0.0/8 gives its last address, then says full at once', () => {
    const engine = Engine.load({ build });
    const pool = engine.addPool(listOf([[V4, V4 + (1n << 24n) - 1n]]));
    fill(engine, V4, 0, 1 << 18);
    engine.unclaim(words(V4 + (1n << 24n) - 1n));
    expect(big(engine.claimNext(pool)!)).toBe(V4 + (1n << 24n) - 1n);
    expect(engine.claimNext(pool)).toBeUndefined();
    expect(engine.counts(pool)).toEqual({ total: 2 ** 24, used: 2 ** 24, resting: 0 });
    expect(engine.verify()).toBeUndefined();
  });
});

test('a new /8 of IPv6 costs as little as a new /64, and blocks in use are what is paid for', () => {
  const engine = Engine.load();
  const before = engine.stats().imageBytes;
  const pool = engine.addPool(listOf([[V6, V6 + (1n << 120n) - 1n]]));
  expect(engine.stats().imageBytes - before).toBeLessThan(16_384);
  for (let i = 0; i < 1000; i++) engine.claimAddress(words(V6 + (BigInt(i * 7919) << 70n)));
  expect(engine.stats().blocks).toBe(1000);
  expect(engine.stats().imageBytes - before).toBeLessThan(400_000);
  expect(engine.counts(pool)).toEqual({ total: 2 ** 120, used: 1000, resting: 0 });
});

test('memory that was freed is used again', () => {
  const engine = Engine.load();
  const round = () => {
    const pools = [0n, 1n, 2n].map((n) =>
      engine.addPool(listOf([[V6 + (n << 64n), V6 + (n << 64n) + (1n << 64n) - 1n]])),
    );
    const addresses = Array.from({ length: 3000 }, (_, i) => V6 + (BigInt(i) << 54n));
    for (const address of addresses) engine.writeBlock(words(address), FULL, FULL);
    for (const [i, address] of addresses.entries()) engine.rest(words(address), i + 10_000);
    for (const address of addresses) engine.writeBlock(words(address), 0, 0);
    for (const address of addresses) engine.rest(words(address), 0);
    for (const pool of pools) engine.removePool(pool);
    expect(engine.stats()).toMatchObject({ blocks: 0, pools: 0 });
    expect(engine.verify()).toBeUndefined();
    return engine.stats().imageBytes;
  };
  const once = round();
  for (let i = 0; i < 5; i++) expect(round()).toBe(once);
});

test('memory grows under way without any view going stale', () => {
  const engine = Engine.load();
  const pool = engine.addPool(listOf([[V6, V6 + (1n << 64n) - 1n]]));
  const bytes = engine.stats().memoryBytes;
  engine.ring.claimNext(pool);
  for (let i = 0; i < 40_000; i++) {
    expect(engine.claimAddress(words(V6 + (BigInt(i) << 20n) + 1n))).toBe('claimed');
  }
  expect(engine.stats().memoryBytes).toBeGreaterThan(bytes);
  expect(engine.ring.run()).toBe(1);
  expect(big(engine.ring.addressAt(0)!)).toBe(V6);
  expect(engine.counts(pool).used).toBe(40_001);
});

test('65,536 pools exist at once, one more is refused, and a removed one makes room', () => {
  const engine = Engine.load();
  const range = (n: number) => Uint32Array.of(0, 0, 0xffff, n * 64, 0, 0, 0xffff, n * 64 + 63);
  for (let n = 0; n < 65_536; n++) engine.addPool(range(n));
  expect(() => engine.addPool(range(65_536))).toThrow(/no more pools fit/);
  expect(engine.claimNext(40_000)).toEqual([0, 0, 0xffff, 40_000 * 64]);
  engine.removePool(123);
  expect(engine.addPool(range(65_536))).toBe(123);
  expect(engine.stats().pools).toBe(65_536);
});
