import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import { big, listOf, words } from './model.ts';

const V4 = 0xffff0a000000n;
const one = listOf([[V4, V4 + 9n]]);

function reversed(): Uint32Array {
  return Uint32Array.of(...words(V4 + 9n), ...words(V4));
}

describe.each(['baseline', 'simd', 'debug'] as const)('a refusal (%s build)', (build) => {
  const many = listOf(Array.from({ length: 10_001 }, (_, i) => [BigInt(i * 2), BigInt(i * 2)]));

  test.each<[string, (engine: Engine) => void, RegExp]>([
    ['a reversed range', (e) => e.addPool(reversed()), /addPool: .*reversed/],
    ['10,001 ranges', (e) => e.addPool(many), /addPool: .*poolRangesMax/],
    [
      'replacing with a reversed range',
      (e) => e.replacePool(0, reversed()),
      /replacePool: .*reversed/,
    ],
    ['replacing with 10,001 ranges', (e) => e.replacePool(0, many), /replacePool: .*poolRangesMax/],
    ['replacing a pool that is not there', (e) => e.replacePool(1, one), /replacePool: no pool/],
    ['removing a pool that is not there', (e) => e.removePool(7), /removePool: no pool/],
    ['counting in a pool that is not there', (e) => e.counts(1), /counts: no pool/],
    ['claiming in a pool that is not there', (e) => e.claimNext(1), /claimNext: no pool/],
    ['claiming from an address in such a pool', (e) => e.claimNext(1, words(V4)), /no pool/],
    ['claiming within such a pool', (e) => e.claimWithin(1, words(0n), words(1n)), /no pool/],
    ['claiming a rest in such a pool', (e) => e.claimResting(65_536), /no pool/],
    ['an ordinal in such a pool', (e) => e.ordinalOf(1, words(V4)), /ordinalOf: no pool/],
    ['an address of such a pool', (e) => e.addressOf(-1, 0), /addressOf: no pool/],
  ])('of %s names the call and changes nothing', (_, call, message) => {
    const engine = Engine.load({ build });
    engine.addPool(one);
    engine.claimNext(0);
    // A long list makes the workspace longer; that is not a change of what the engine knows.
    engine.addPool(
      listOf(Array.from({ length: 10_000 }, (_, i) => [BigInt(i * 2), BigInt(i * 2)])),
    );
    engine.removePool(1);
    try {
      call(engine);
    } catch {
      // The first time may have made the workspace longer.
    }
    const before = engine.counts(0);
    const blocks = engine.stats().blocks;
    expect(() => call(engine)).toThrow(message);
    expect(engine.counts(0)).toEqual(before);
    expect(engine.stats()).toMatchObject({ blocks, pools: 1 });
    expect(engine.verify()).toBeUndefined();
    expect(big(engine.claimNext(0)!)).toBe(V4 + 1n);
  });

  test('in a batch is one request’s own', () => {
    const engine = Engine.load({ build });
    const pool = engine.addPool(listOf([[V4, V4]]));
    const { ring } = engine;
    const [first, none, used] = [ring.claimNext(pool), ring.claimNext(pool), ring.claimAddress(words(V4))]; // biome-ignore format: one request after the other
    const unknown = ring.claimNext(pool + 1);
    const last = ring.claimAddress(words(V4 + 1n));
    expect(ring.run()).toBe(2);
    expect([first, none, used, last].map((n) => ring.outcome(n))).toEqual(['done', 'none', 'used', 'done']); // biome-ignore format: one outcome after the other
    expect([first, none, used].map((n) => ring.addressAt(n))).toEqual([words(V4), undefined, undefined]); // biome-ignore format: one address after the other
    expect(() => ring.outcome(unknown)).toThrow(/no pool/);
    expect(engine.verify()).toBeUndefined();
  });

  test('of an image that is none changes nothing that exists', () => {
    const engine = Engine.load({ build });
    engine.addPool(one);
    const good = engine.snapshot();
    const bad = good.slice();
    bad[0] = 0;
    expect(() => Engine.restore(bad, { build })).toThrow(/not a snapshot/);
    expect(() => Engine.restore(good.slice(0, 5000), { build })).toThrow(/not a snapshot|cut off/);
    expect(() => Engine.restore(new Uint8Array(0), { build })).toThrow(/cut off/);
    expect(Engine.restore(good, { build }).counts(0)).toEqual(engine.counts(0));
  });

  test('for want of memory leaves the engine whole', () => {
    const engine = Engine.load({ build });
    const pool = engine.addPool(listOf([[V4, V4 + 0xffffffn]]));
    engine.claimNext(pool);
    expect(() => engine.addPool(new Uint32Array(0x3fffc000))).toThrow();
    expect(engine.verify()).toBeUndefined();
    expect(big(engine.claimNext(pool)!)).toBe(V4 + 1n);
  });
});
