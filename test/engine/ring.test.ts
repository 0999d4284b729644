import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import type { Address } from '../../src/net/address.ts';
import { listOf, words } from './model.ts';

const V4 = 0xffff0a000000n;
const V6 = 0xfd00n << 112n;
const near = fc
  .tuple(fc.constantFrom(V4, V6), fc.nat(260))
  .map(([base, offset]): Address => words(base + BigInt(offset)));
const pool = fc.nat(2);
const request = fc.oneof(
  fc.record({
    op: fc.constant('claimNext' as const),
    pool,
    from: fc.option(near, { nil: undefined }),
  }),
  fc.record({ op: fc.constant('claimResting' as const), pool }),
  fc.record({ op: fc.constant('claimAddress' as const), address: near }),
  fc.record({ op: fc.constant('rest' as const), address: near, tick: fc.nat(9) }),
);
type Request = typeof request extends fc.Arbitrary<infer R> ? R : never;

function begin(build: 'baseline' | 'simd' | 'debug'): Engine {
  const engine = Engine.load({ build });
  engine.addPool(listOf([[V4, V4 + 200n]]));
  engine.addPool(listOf([[V4 + 50n, V4 + 70n]]));
  engine.addPool(listOf([[V6, V6 + (1n << 64n)]]));
  return engine;
}

function alone(engine: Engine, r: Request): unknown {
  if (r.op === 'claimNext') return engine.claimNext(r.pool, r.from);
  if (r.op === 'claimResting') return engine.claimResting(r.pool);
  if (r.op === 'rest') return engine.rest(r.address, r.tick);
  return engine.claimAddress(r.address) === 'claimed' ? r.address : undefined;
}

function put(engine: Engine, r: Request): number {
  if (r.op === 'claimNext') return engine.ring.claimNext(r.pool, r.from);
  if (r.op === 'claimResting') return engine.ring.claimResting(r.pool);
  if (r.op === 'rest') return engine.ring.rest(r.address, r.tick);
  return engine.ring.claimAddress(r.address);
}

describe.each(['baseline', 'simd', 'debug'] as const)('the ring (%s build)', (build) => {
  test('answers as the same calls one by one do', () => {
    fc.assert(
      fc.property(fc.array(request, { maxLength: 300, size: 'max' }), (requests) => {
        const single = begin(build);
        const batched = begin(build);
        const expected = requests.map((r) => alone(single, r));
        for (const r of requests) put(batched, r);
        batched.ring.run();
        for (const [i, r] of requests.entries()) {
          if (r.op === 'rest') expect(batched.ring.outcome(i)).toBe('done');
          else expect(batched.ring.addressAt(i)).toEqual(expected[i]);
        }
        for (const handle of [0, 1, 2]) {
          expect(batched.counts(handle)).toEqual(single.counts(handle));
        }
        expect(batched.verify()).toBeUndefined();
      }),
      { numRuns: 40 },
    );
  });

  test('holds at least 256 requests, refuses one too many, and takes the next batch after a run', () => {
    const engine = begin(build);
    const { ring } = engine;
    expect(ring.capacity).toBeGreaterThanOrEqual(256);
    for (let i = 0; i < ring.capacity; i++) expect(ring.claimNext(2)).toBe(i);
    expect(ring.length).toBe(ring.capacity);
    expect(() => ring.claimNext(2)).toThrow(/room for 1024/);
    expect(ring.run()).toBe(ring.capacity);
    expect(ring.addressAt(1023)).toEqual(words(V6 + 1023n));
    expect(ring.length).toBe(0);
    expect(ring.run()).toBe(0);
    for (let i = 0; i < 1024; i++) ring.unclaim(words(V6 + BigInt(i)));
    expect(ring.run()).toBe(1024);
    expect(engine.counts(2).used).toBe(0);
  });
});
