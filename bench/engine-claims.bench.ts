/**
 * Claim and release in an almost full pool: against a walk with a JS Set, as most IPAM code does, over pools
 * of growing size, and many in one call against one by one.
 */
import { Engine } from '../src/engine/engine.ts';
import type { Address } from '../src/net/address.ts';
import { type Bench, Checksum, type Row, randomNumbers, type Size, takeTurns } from './harness.ts';

const V4 = 0x0a000000;
/** A batch is 256 requests: a claim and a release each turn. */
const BATCH_TURNS = 128;

function address(n: number): Address {
  return [0, 0, 0xffff, n >>> 0];
}

/** An engine with one pool of `count` addresses, of which only the last is free. */
function almostFull(count: number): { engine: Engine; pool: number } {
  const engine = Engine.load();
  const pool = engine.addPool(Uint32Array.of(...address(V4), ...address(V4 + count - 1)));
  for (let n = 0; n < count; n += 64) {
    const slots = Math.min(64, count - n);
    const word = (bits: number) => (bits >= 32 ? 0xffffffff : bits <= 0 ? 0 : (1 << bits) - 1);
    engine.writeBlock(address(V4 + n), word(slots) >>> 0, word(slots - 32) >>> 0);
  }
  engine.unclaim(address(V4 + count - 1));
  return { engine, pool };
}

/** Which address is released after each claim, so that the free one is somewhere else every time. */
function releases(count: number, operations: number): Uint32Array {
  const random = randomNumbers(count);
  return Uint32Array.from({ length: operations }, () => V4 + (random() % count));
}

/**
 * One turn: claims the free address, then releases the next of the list. The address released is never the
 * one that is free: the claim has taken that.
 */
function oneByOne(engine: Engine, pool: number, list: Uint32Array, sum: Checksum): void {
  for (let i = 0; i < list.length; i++) {
    const claimed = engine.claimNext(pool)!;
    sum.add(claimed[3]);
    engine.unclaim(address(list[i]!));
  }
}

/** The same through the ring. */
function batched(engine: Engine, pool: number, list: Uint32Array, sum: Checksum): void {
  const { ring } = engine;
  for (let begin = 0; begin < list.length; ) {
    const end = Math.min(begin + BATCH_TURNS, list.length);
    for (let i = begin; i < end; i++) {
      ring.claimNext(pool);
      ring.unclaim(address(list[i]!));
    }
    ring.run();
    for (let i = 0; i < end - begin; i++) {
      sum.add(ring.addressAt(i * 2)![3]);
    }
    begin = end;
  }
}

/** As much IPAM code has it: a set of used addresses as text, and a walk from the first one. */
function walk(
  used: Set<string>,
  texts: readonly string[],
  released: Uint32Array,
  sum: Checksum,
): void {
  for (const release of released) {
    const free = texts.findIndex((text) => !used.has(text));
    used.add(texts[free]!);
    sum.add(V4 + 1 + free);
    used.delete(texts[release - V4 - 1]!);
  }
}

function text(n: number): string {
  return `${n >>> 24}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`;
}

/** A /16 without its network and broadcast address, one free; both give the lowest free address. */
function againstWalk(size: Size): Row {
  const count = 65_534;
  const rounds = size === 'full' ? 12 : 2;
  const walks = size === 'full' ? 5 : 1;
  const operations = size === 'full' ? 20_000 : 1_000;
  const { engine, pool } = slash16(count);
  const texts = Array.from({ length: count }, (_, i) => text(V4 + 1 + i));
  const used = new Set(texts);
  used.delete(texts[count - 1]!);
  // The free one is always the last, the worst case of the walk and what a full pool tends to.
  const last = (length: number) => new Uint32Array(length).fill(V4 + count);
  const ourSum = new Checksum();
  const walkSum = new Checksum();
  const [ours, beside] = takeTurns(rounds, [
    { operations, work: () => oneByOne(engine, pool, last(operations), ourSum) },
    { operations: walks, work: () => walk(used, texts, last(walks), walkSum) },
  ]);
  return {
    work: 'claim + release, 1 address free of 65,534',
    ours: ours!,
    beside: beside!,
    besideName: 'walk with a JS Set',
    unit: 'ns',
    ratio: beside! / ours!,
    target: { comparison: '≥', value: 10_000 },
    checksum: `${ourSum}/${walkSum}`,
  };
}

function slash16(count: number): { engine: Engine; pool: number } {
  const engine = Engine.load();
  const pool = engine.addPool(Uint32Array.of(...address(V4 + 1), ...address(V4 + count)));
  for (let i = 0; i < count; i++) engine.claimNext(pool);
  engine.unclaim(address(V4 + count));
  return { engine, pool };
}

/** One size of pool: the last address free all the time, or the free one somewhere else after every claim. */
interface Filled {
  readonly bits: number;
  readonly engine: Engine;
  readonly pool: number;
  readonly list: Uint32Array;
  readonly single: Checksum;
  readonly batch: Checksum;
}

function filled(bits: number, operations: number, where: 'last' | 'anywhere'): Filled {
  const last = V4 + 2 ** bits - 1;
  const list =
    where === 'last' ? new Uint32Array(operations).fill(last) : releases(2 ** bits, operations);
  // Each round begins as the one before it began: the last one is free.
  list[operations - 1] = last;
  return { bits, ...almostFull(2 ** bits), list, single: new Checksum(), batch: new Checksum() };
}

/** The same at growing sizes, one by one and through the ring. */
function overSizes(size: Size, where: 'last' | 'anywhere'): Row[] {
  const rounds = size === 'full' ? 40 : 2;
  const operations = size === 'full' ? 20_480 : 1_024;
  const sizes = size === 'full' ? [8, 16, 20, 24] : [8, 16];
  const pools = sizes.map((bits) => filled(bits, operations, where));
  const figures = takeTurns(
    rounds,
    pools.flatMap(({ engine, pool, list, single, batch }) => [
      { operations, work: () => oneByOne(engine, pool, list, single) },
      { operations, work: () => batched(engine, pool, list, batch) },
    ]),
  );
  const single = pools.map((_, i) => figures[i * 2]!);
  const which = where === 'last' ? 'the last' : 'any one';
  const rows = pools.map(
    (pool, i): Row => ({
      work: `claim + release, ${which} free of 2^${pool.bits}: 256 a call`,
      ours: figures[i * 2 + 1]!,
      beside: single[i]!,
      besideName: 'one by one',
      unit: 'ns',
      ratio: figures[i * 2 + 1]! / single[i]!,
      target: { comparison: '≤', value: 0.9 },
      checksum: `${pool.single}/${pool.batch}`,
    }),
  );
  return [
    {
      work: `claim + release, ${which} free of 2^${sizes[0]} … 2^${sizes.at(-1)}: slowest`,
      ours: Math.max(...single),
      beside: Math.min(...single),
      besideName: 'fastest',
      unit: 'ns',
      ratio: Math.max(...single) / Math.min(...single),
      // Where the free address jumps about, the largest pool pays for the cache misses of 16 MB of blocks.
      target: where === 'last' ? { comparison: '≤', value: 6 } : undefined,
      checksum: pools.map((pool) => `${pool.single}`).join('/'),
    },
    ...rows,
  ];
}

export const bench: Bench = {
  name: 'engine claims',
  async run(size) {
    return [againstWalk(size), ...overSizes(size, 'last'), ...overSizes(size, 'anywhere')];
  },
};
