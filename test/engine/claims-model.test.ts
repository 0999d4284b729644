import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import { big, listOf, Model, normalized, type Pair, words } from './model.ts';

const TOP = (1n << 128n) - 1n;
const V4 = 0xffff0a000000n;
const V6 = 0xfd00n << 112n;

/** Places where blocks, words and the space end; everything happens within a few hundred addresses of them. */
const PLACES = [0n, V4, V4 + 64n * 64n, V6, V6 + (1n << 64n) - 64n, V6 + (7n << 70n), TOP - 200n];

const place = fc.constantFrom(...PLACES);
const near = fc
  .tuple(place, fc.integer({ min: 0, max: 200 }))
  .map(([base, offset]) => base + BigInt(offset));

const narrow: fc.Arbitrary<Pair> = fc
  .tuple(near, fc.oneof(fc.nat(5), fc.nat(150)))
  .map(([first, width]) => [first, min(first + BigInt(width), TOP)]);
/** Wide enough to be sparse: from a few million addresses to the whole space. */
const wide: fc.Arbitrary<Pair> = fc.oneof(
  fc
    .tuple(near, fc.integer({ min: 24, max: 90 }))
    .map(([first, bits]): Pair => [first, min(first + (1n << BigInt(bits)), TOP)]),
  fc.constant([0n, TOP] as Pair),
);

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

const ranges = fc.oneof(
  { weight: 3, arbitrary: fc.array(narrow, { maxLength: 6 }) },
  { weight: 1, arbitrary: fc.array(fc.oneof(narrow, wide), { minLength: 1, maxLength: 4 }) },
);

/** `pick` and `which` choose among the pools, and among the used addresses, that exist then. */
const command = fc.oneof(
  { weight: 2, arbitrary: fc.record({ op: fc.constant('addPool' as const), ranges }) },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('replacePool' as const), pick: fc.nat(), ranges }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('removePool' as const), pick: fc.nat() }) },
  {
    weight: 9,
    arbitrary: fc.record({
      op: fc.constant('claimNext' as const),
      pick: fc.nat(),
      from: fc.option(near, { nil: undefined }),
      times: fc.constantFrom(1, 1, 1, 70),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('claimWithin' as const),
      pick: fc.nat(),
      first: near,
      last: near,
    }),
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('claimResting' as const), pick: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('claimAddress' as const), address: near }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('unclaim' as const), which: fc.nat() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('restUsed' as const),
      which: fc.nat(),
      ticks: fc.integer({ min: -1, max: 9 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('restAny' as const),
      address: near,
      ticks: fc.integer({ min: -1, max: 9 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('advance' as const),
      ticks: fc.integer({ min: -3, max: 6 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('writeBlock' as const),
      address: near,
      used: fc.oneof(
        fc.constant(0n),
        fc.constant(~0n & 0xffffffffffffffffn),
        fc.bigInt({ min: 0n, max: 0xffffffffffffffffn }),
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('snapshot' as const) }) },
);
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;
type PoolCommand = Extract<Command, { pick: number }>;

/** Both at once; every command compares what they answer. */
class Duo {
  readonly model = new Model();
  engine: Engine;
  readonly #build: 'baseline' | 'simd' | 'debug';

  constructor(build: 'baseline' | 'simd' | 'debug') {
    this.#build = build;
    this.engine = Engine.load({ build });
  }

  #pool(pick: number): number | undefined {
    const handles = [...this.model.pools.keys()];
    return handles[pick % handles.length];
  }

  #usedAddress(which: number): bigint | undefined {
    return [...this.model.used][which % this.model.used.size];
  }

  run(c: Command): void {
    const { model, engine } = this;
    switch (c.op) {
      case 'addPool':
        expect(engine.addPool(listOf(c.ranges))).toBe(model.addPool(c.ranges));
        return;
      case 'claimAddress':
        expect(engine.claimAddress(words(c.address))).toBe(model.claimAddress(c.address));
        return;
      case 'advance':
        expect(engine.advance(Math.max(0, model.tick + c.ticks))).toBe(
          model.advance(Math.max(0, model.tick + c.ticks)),
        );
        return;
      case 'restAny':
        this.#rest(c.address, c.ticks);
        return;
      case 'writeBlock':
        engine.writeBlock(words(c.address), Number(c.used & 0xffffffffn), Number(c.used >> 32n));
        model.writeBlock(c.address, c.used);
        return;
      case 'snapshot':
        this.engine = Engine.restore(engine.snapshot(), { build: this.#build });
        return;
      case 'unclaim':
      case 'restUsed':
        this.#release(c);
        return;
      default:
        this.#onPool(c);
    }
  }

  #rest(address: bigint, ticks: number): void {
    const until = Math.max(0, this.model.tick + ticks);
    this.engine.rest(words(address), until);
    this.model.rest(address, until);
  }

  #release(c: Command & { op: 'unclaim' | 'restUsed' }): void {
    const address = this.#usedAddress(c.which);
    if (address === undefined) return;
    if (c.op === 'restUsed') {
      this.#rest(address, c.ticks);
      return;
    }
    this.engine.unclaim(words(address));
    this.model.used.delete(address);
  }

  #onPool(c: PoolCommand): void {
    const { model, engine } = this;
    const pool = this.#pool(c.pick);
    if (pool === undefined) return;
    if (c.op === 'replacePool') {
      engine.replacePool(pool, listOf(c.ranges));
      model.pools.set(pool, normalized(c.ranges));
    } else if (c.op === 'removePool') {
      engine.removePool(pool);
      model.removePool(pool);
    } else if (c.op === 'claimResting') {
      const soonest = model.soonest(pool);
      const address = engine.claimResting(pool);
      if (soonest === undefined) expect(address).toBeUndefined();
      else {
        expect(soonest.addresses).toContain(big(address!));
        model.claimAddress(big(address!));
      }
    } else if (c.op === 'claimWithin') {
      const address = engine.claimWithin(pool, words(c.first), words(c.last));
      expect(address && big(address)).toBe(model.claimWithin(pool, c.first, c.last));
    } else {
      for (let i = 0; i < c.times; i++) {
        const address = engine.claimNext(pool, c.from === undefined ? undefined : words(c.from));
        expect(address && big(address)).toBe(model.claimNext(pool, c.from));
      }
    }
  }

  /** Everything that can be asked is the same on both sides, and the engine's invariants hold. */
  compare(): void {
    const { model, engine } = this;
    expect(engine.verify()).toBeUndefined();
    for (const pool of model.pools.keys()) {
      expect(engine.counts(pool)).toEqual(model.counts(pool));
    }
    const blocks = new Set([...model.used, ...model.resting.keys(), V4].map((a) => a & ~63n));
    for (const base of blocks) {
      const { usedLow, usedHigh, restingLow, restingHigh } = engine.readBlock(words(base));
      const join = (low: number, high: number) => (BigInt(high) << 32n) | BigInt(low);
      expect({
        used: join(usedLow, usedHigh),
        resting: join(restingLow, restingHigh),
      }).toEqual(model.readBlock(base));
    }
  }
}

describe.each(['baseline', 'simd', 'debug'] as const)('engine (%s build)', (build) => {
  test('answers as the obvious model does, whatever the commands', () => {
    fc.assert(
      fc.property(fc.array(command, { minLength: 5, maxLength: 80, size: 'max' }), (commands) => {
        const both = new Duo(build);
        for (const c of commands) both.run(c);
        both.compare();
      }),
      { numRuns: Number(process.env.ENGINE_MODEL_RUNS ?? 250) },
    );
  });
});
