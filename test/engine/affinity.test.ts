import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';

const KEYS = ['app', 'tier', 'zone'];
const VALUES = ['a', 'b', 'c'];

type Requirement = readonly [key: string, operator: string, values: readonly string[]];
type Labels = Readonly<Record<string, string>>;

/** What a requirement means, said once more without rows. */
function holds([, operator, values]: Requirement, value: string | undefined): boolean {
  if (operator === 'In') return value !== undefined && values.includes(value);
  if (operator === 'NotIn') return value === undefined || !values.includes(value);
  return operator === 'Exists' ? value !== undefined : value === undefined;
}

/** Rows over pools, as a host keeps them: the row of a value begins as a copy of "any other value". */
class Index {
  readonly #engine: Engine;
  readonly #rows = new Map<string, number>();

  constructor(engine: Engine) {
    this.#engine = engine;
    for (const key of KEYS) {
      this.#rows.set(`${key}!`, engine.addRow(1));
      this.#rows.set(`${key}=`, engine.addRow(1));
    }
  }

  add(pool: number, requirements: readonly Requirement[]): void {
    for (const [key, , values] of requirements) {
      for (const value of values) {
        const name = `${key}=${value}`;
        if (this.#rows.has(name)) continue;
        this.#rows.set(name, this.#engine.copyRow(this.#rows.get(`${key}=`)!));
      }
    }
    for (const [name, row] of this.#rows) {
      const [key, value] = name.endsWith('!') ? [name.slice(0, -1), undefined] : name.split('=');
      const all = requirements.every((one) => one[0] !== key || holds(one, value));
      this.#engine.setBit(row, pool, all ? 1 : 0);
    }
  }

  rowsOf(labels: Labels): number[] {
    return KEYS.map((key) => {
      const value = labels[key];
      if (value === undefined) return this.#rows.get(`${key}!`)!;
      return this.#rows.get(`${key}=${value}`) ?? this.#rows.get(`${key}=`)!;
    });
  }
}

const requirement: fc.Arbitrary<Requirement> = fc.oneof(
  fc.tuple(
    fc.constantFrom(...KEYS),
    fc.constantFrom('In', 'NotIn'),
    fc.uniqueArray(fc.constantFrom(...VALUES), { minLength: 1 }),
  ),
  fc.tuple(
    fc.constantFrom(...KEYS),
    fc.constantFrom('Exists', 'DoesNotExist'),
    fc.constant([] as string[]),
  ),
);
const labels: fc.Arbitrary<Labels> = fc
  .record(
    Object.fromEntries(KEYS.map((key) => [key, fc.constantFrom(...VALUES, 'never written')])),
    { requiredKeys: [] },
  )
  .map((record) => record as Labels);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.array(requirement, { maxLength: 3 }) },
  { weight: 1, arbitrary: fc.nat() },
);

function range(n: number): Uint32Array {
  return Uint32Array.of(0, 0, 0xffff, n * 64, 0, 0, 0xffff, n * 64 + 63);
}

describe.each(['baseline', 'simd', 'debug'] as const)('affinity rows (%s build)', (build) => {
  test('give the pools that matching objects one by one gives', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.array(labels), (steps, asked) => {
        const engine = Engine.load({ build });
        const index = new Index(engine);
        const pools = new Map<number, readonly Requirement[]>();
        for (const [n, one] of steps.entries()) {
          if (typeof one === 'number') {
            const gone = [...pools.keys()][one % Math.max(1, pools.size)];
            if (gone !== undefined) {
              engine.removePool(gone);
              pools.delete(gone);
            }
          } else {
            const pool = engine.addPool(range(n));
            index.add(pool, one);
            pools.set(pool, one);
          }
        }
        for (const subject of asked) {
          const count = engine.intersectRows(index.rowsOf(subject), 3);
          const expected = [...pools]
            .filter(([, all]) => all.every((one) => holds(one, subject[one[0]])))
            .map(([pool]) => pool)
            .sort((a, b) => a - b);
          expect(engine.resultPools(3)).toEqual(expected);
          expect(count).toBe(expected.length);
          for (const pool of pools.keys()) {
            expect(engine.resultHas(3, pool)).toBe(expected.includes(pool));
          }
        }
        expect(engine.verify()).toBeUndefined();
      }),
      { numRuns: 100 },
    );
  });

  test('without rows all pools that exist match, and before the first pool none', () => {
    const engine = Engine.load({ build });
    expect(engine.intersectRows([], 0)).toBe(0);
    expect(engine.resultPools(0)).toEqual([]);
    for (let n = 0; n < 5; n++) engine.addPool(range(n));
    engine.removePool(2);
    expect(engine.intersectRows([], 0)).toBe(4);
    expect(engine.resultPools(0)).toEqual([0, 1, 3, 4]);
  });

  test('keep their bits when more pools than they had room for are added', () => {
    const engine = Engine.load({ build });
    const odd = engine.addRow(0);
    const all = engine.addRow(1);
    for (let n = 0; n < 3000; n++) {
      const pool = engine.addPool(range(n));
      expect(pool).toBe(n);
      if (n % 2 === 1) engine.setBit(odd, pool, 1);
    }
    expect(engine.intersectRows([odd, all], 0)).toBe(1500);
    expect(engine.resultPools(0)).toEqual(Array.from({ length: 1500 }, (_, i) => i * 2 + 1));
    expect(engine.verify()).toBeUndefined();
  });

  test('are undone by the removal of a pool, and its successor begins with the fill', () => {
    const engine = Engine.load({ build });
    const filled = engine.addRow(1);
    const empty = engine.addRow(0);
    const pool = engine.addPool(range(0));
    engine.setBit(filled, pool, 0);
    engine.setBit(empty, pool, 1);
    engine.removePool(pool);
    expect(engine.addPool(range(1))).toBe(pool);
    expect(engine.intersectRows([filled], 0)).toBe(1);
    expect(engine.intersectRows([empty], 0)).toBe(0);
  });

  test('may be more than one query can list', () => {
    const engine = Engine.load({ build });
    const pools = [0, 1, 2].map((n) => engine.addPool(range(n)));
    const rows = Array.from({ length: 2500 }, () => engine.addRow(1));
    engine.setBit(rows[2400]!, pools[1]!, 0);
    expect(engine.intersectRows(rows, 7)).toBe(2);
    expect(engine.resultPools(7)).toEqual([0, 2]);
  });

  test('registers combine', () => {
    const engine = Engine.load({ build });
    for (let n = 0; n < 12; n++) engine.addPool(range(n));
    const [two, three] = [engine.addRow(0), engine.addRow(0)];
    for (let n = 0; n < 12; n += 2) engine.setBit(two, n, 1);
    for (let n = 0; n < 12; n += 3) engine.setBit(three, n, 1);
    engine.intersectRows([two], 0);
    engine.intersectRows([three], 1);
    expect(engine.intersectResults([0, 1], 1)).toBe(2);
    expect(engine.resultPools(1)).toEqual([0, 6]);
    expect([...engine.resultWords(1)].slice(0, 1)).toEqual([(1 << 0) | (1 << 6)]);
    expect(engine.intersectResults([], 2)).toBe(12);
  });

  test('numbers that do not exist are refused and change nothing', () => {
    const engine = Engine.load({ build });
    const pool = engine.addPool(range(0));
    const row = engine.addRow(1);
    expect(() => engine.setBit(row + 1, pool, 0)).toThrow(/no row/);
    expect(() => engine.setBit(row, pool + 1, 0)).toThrow(/no pool/);
    expect(() => engine.copyRow(row + 1)).toThrow(/no row/);
    expect(() => engine.intersectRows([row + 1], 0)).toThrow(/no row/);
    expect(() => engine.intersectRows([row], 16)).toThrow(/register/);
    expect(() => engine.intersectResults([16], 0)).toThrow(/register/);
    engine.freeRow(row);
    expect(() => engine.freeRow(row)).toThrow(/no row/);
    expect(engine.addRow(0)).toBe(row);
    expect(engine.verify()).toBeUndefined();
  });
});
