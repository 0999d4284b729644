import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import { EngineLost } from '../../src/engine/engine-lost.ts';
import type { Address } from '../../src/net/address.ts';

const address: Address = [0, 0, 0xffff, 0x0a000001];
const range = Uint32Array.of(...address, 0, 0, 0xffff, 0x0a000020);

/** Every method, called in a way that would work. */
const CALLS: Record<string, (engine: Engine, pool: number) => unknown> = {
  addPool: (engine) => engine.addPool(range),
  replacePool: (engine, pool) => engine.replacePool(pool, range),
  removePool: (engine, pool) => engine.removePool(pool),
  counts: (engine, pool) => engine.counts(pool),
  ordinalOf: (engine, pool) => engine.ordinalOf(pool, address),
  addressOf: (engine, pool) => engine.addressOf(pool, 1),
  claimNext: (engine, pool) => engine.claimNext(pool),
  'claimNext from': (engine, pool) => engine.claimNext(pool, address),
  claimWithin: (engine, pool) => engine.claimWithin(pool, address, address),
  claimResting: (engine, pool) => engine.claimResting(pool),
  claimAddress: (engine) => engine.claimAddress(address),
  isUsed: (engine) => engine.isUsed(address),
  isResting: (engine) => engine.isResting(address),
  unclaim: (engine) => engine.unclaim(address),
  rest: (engine) => engine.rest(address, 9),
  advance: (engine) => engine.advance(9),
  readBlock: (engine) => engine.readBlock(address),
  writeBlock: (engine) => engine.writeBlock(address, 1, 1),
  'ring put': (engine, pool) => engine.ring.claimNext(pool),
  'ring run': (engine) => engine.ring.run(),
  'ring outcome': (engine) => engine.ring.outcome(0),
  addRow: (engine) => engine.addRow(1),
  copyRow: (engine) => engine.copyRow(0),
  setBit: (engine, pool) => engine.setBit(0, pool, 1),
  freeRow: (engine) => engine.freeRow(0),
  intersectRows: (engine) => engine.intersectRows([0], 0),
  intersectResults: (engine) => engine.intersectResults([0], 1),
  resultHas: (engine, pool) => engine.resultHas(0, pool),
  resultPools: (engine) => engine.resultPools(0),
  resultWords: (engine) => engine.resultWords(0),
  verify: (engine) => engine.verify(),
  snapshot: (engine) => engine.snapshot(),
  stats: (engine) => engine.stats(),
};

describe.each(['baseline', 'simd', 'debug'] as const)('a trapped engine (%s build)', (build) => {
  test('throws EngineLost with the trap as its cause', () => {
    const engine = Engine.load({ build });
    try {
      engine.unclaim(address);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(EngineLost);
      expect((error as EngineLost).cause).toBeInstanceOf(WebAssembly.RuntimeError);
    }
  });

  test.each(Object.entries(CALLS))('refuses %s', (_, call) => {
    const engine = Engine.load({ build });
    const pool = engine.addPool(range);
    engine.addRow(1);
    expect(() => engine.unclaim(address)).toThrow(EngineLost);
    expect(() => call(engine, pool)).toThrow(EngineLost);
    expect(() => call(engine, pool)).toThrow(EngineLost);
  });

  test('is lost in a batch as alone', () => {
    const engine = Engine.load({ build });
    engine.ring.unclaim(address);
    expect(() => engine.ring.run()).toThrow(EngineLost);
    expect(() => engine.verify()).toThrow(EngineLost);
  });
});

test('every method of the engine is in the list above', () => {
  const methods = Object.getOwnPropertyNames(Engine.prototype).filter(
    (name) => name !== 'constructor' && name !== 'build',
  );
  const called = Object.keys(CALLS).map((name) => name.split(' ')[0]);
  expect(methods.filter((name) => !called.includes(name))).toEqual([]);
});
