/**
 * Which of 10,000 pools match a pod with 16 label keys: rows of bits, ANDed a class at a time, bits out;
 * against matching the pools' selectors one by one.
 */
import { Engine } from '../src/engine/engine.ts';
import { type Bench, Checksum, type Row, randomNumbers, type Size, takeTurns } from './harness.ts';

const NANOSECONDS_PER_MICROSECOND = 1e3;
const VALUES = 50;
const CLASSES = ['node', 'namespace', 'pod'] as const;
/** The keys of each class, 16 in all. */
const KEYS: PerClass<readonly string[]> = {
  node: ['node-0', 'node-1', 'node-2', 'node-3', 'node-4'],
  namespace: ['ns-0', 'ns-1', 'ns-2', 'ns-3', 'ns-4'],
  pod: ['pod-0', 'pod-1', 'pod-2', 'pod-3', 'pod-4', 'pod-5'],
};

interface Requirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values: readonly string[];
}
type Labels = Readonly<Record<string, string>>;
type ClassName = (typeof CLASSES)[number];
type PerClass<T> = Readonly<Record<ClassName, T>>;

function holds(requirement: Requirement, value: string | undefined): boolean {
  switch (requirement.operator) {
    case 'In':
      return value !== undefined && requirement.values.includes(value);
    case 'NotIn':
      return value === undefined || !requirement.values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

/** Pools with one to three requirements, each in any class. */
function somePools(count: number): PerClass<readonly Requirement[]>[] {
  const random = randomNumbers(1);
  const pick = (n: number) => random() % n;
  const operators = ['In', 'In', 'In', 'NotIn', 'Exists', 'DoesNotExist'] as const;
  return Array.from({ length: count }, () => {
    const pool = { node: [], namespace: [], pod: [] } as Record<ClassName, Requirement[]>;
    for (let left = 1 + pick(3); left > 0; left--) {
      const name = CLASSES[pick(CLASSES.length)]!;
      const operator = operators[pick(operators.length)]!;
      const values = operator === 'In' || operator === 'NotIn' ? 1 + pick(3) : 0;
      pool[name].push({
        key: KEYS[name][pick(KEYS[name].length)]!,
        operator,
        values: Array.from({ length: values }, () => `value-${pick(VALUES)}`),
      });
    }
    return pool;
  });
}

/** The value as it is after reading it from JSON text, which is how objects reach Orbweaver. */
function asParsed<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

/** Labels of a subject: each key of the class present in half of the cases. */
function someLabels(name: ClassName, random: () => number): Labels {
  const labels: Record<string, string> = {};
  for (const key of KEYS[name]) {
    if (random() % 2 === 0) labels[key] = `value-${random() % VALUES}`;
  }
  return labels;
}

/** The rows of one key: one a value, one for absent, one for any other value. */
interface KeyRows {
  readonly key: string;
  readonly absent: number;
  readonly other: number;
  readonly values: ReadonlyMap<string, number>;
}

/** One class of requirements as rows. */
class RowIndex {
  readonly #engine: Engine;
  readonly #keys: readonly KeyRows[];

  constructor(engine: Engine, name: ClassName) {
    this.#engine = engine;
    this.#keys = KEYS[name].map((key) => ({
      key,
      absent: engine.addRow(1),
      other: engine.addRow(1),
      values: new Map(Array.from({ length: VALUES }, (_, n) => [`value-${n}`, engine.addRow(1)])),
    }));
  }

  add(pool: number, requirements: readonly Requirement[]): void {
    for (const requirement of requirements) {
      const rows = this.#keys.find(({ key }) => key === requirement.key)!;
      if (!holds(requirement, undefined)) this.#engine.setBit(rows.absent, pool, 0);
      if (!holds(requirement, 'some other value')) this.#engine.setBit(rows.other, pool, 0);
      for (const [value, row] of rows.values) {
        if (!holds(requirement, value)) this.#engine.setBit(row, pool, 0);
      }
    }
  }

  /** The rows of a subject, one a key. */
  rowsOf(labels: Labels, rows: number[]): number[] {
    for (let i = 0; i < this.#keys.length; i++) {
      const { key, absent, other, values } = this.#keys[i]!;
      const value = labels[key];
      rows[i] = value === undefined ? absent : (values.get(value) ?? other);
    }
    rows.length = this.#keys.length;
    return rows;
  }
}

/** True when every requirement of every class holds. */
function matches(pool: PerClass<readonly Requirement[]>, labels: readonly Labels[]): boolean {
  for (let i = 0; i < CLASSES.length; i++) {
    for (const requirement of pool[CLASSES[i]!]) {
      if (!holds(requirement, labels[i]![requirement.key])) return false;
    }
  }
  return true;
}

function affinity(size: Size): Row {
  const count = size === 'full' ? 10_000 : 300;
  const subjects = size === 'full' ? 64 : 8;
  const rounds = size === 'full' ? 12 : 2;
  // So many that our turn is not over before the caches hold our rows again.
  const passes = size === 'full' ? 50 : 1;
  const pools = asParsed(somePools(count));
  const engine = Engine.load();
  const indexes = CLASSES.map((name) => new RowIndex(engine, name));
  for (const [n, pool] of pools.entries()) {
    const handle = engine.addPool(Uint32Array.of(0, 0, 0xffff, n * 64, 0, 0, 0xffff, n * 64 + 63));
    for (const [i, name] of CLASSES.entries()) indexes[i]!.add(handle, pool[name]);
  }
  const random = randomNumbers(2);
  const asked = asParsed(
    Array.from({ length: subjects }, () => CLASSES.map((name) => someLabels(name, random))),
  );
  const bits: Uint32Array[] = [];
  const objectBits: Uint32Array[] = [];
  const rows: number[] = [];
  const registers = CLASSES.map((_, i) => i);
  const all = CLASSES.length;
  const [ours, beside] = takeTurns(rounds, [
    {
      operations: passes * subjects * NANOSECONDS_PER_MICROSECOND,
      work: () => {
        for (let pass = 0; pass < passes; pass++) {
          for (let n = 0; n < asked.length; n++) {
            for (let i = 0; i < all; i++) {
              engine.intersectRows(indexes[i]!.rowsOf(asked[n]![i]!, rows), i);
            }
            engine.intersectResults(registers, all);
            bits[n] = engine.resultWords(all);
          }
        }
      },
    },
    {
      operations: subjects * NANOSECONDS_PER_MICROSECOND,
      work: () => {
        for (const [n, labels] of asked.entries()) {
          const matching = new Uint32Array(bits[n]!.length);
          for (let pool = 0; pool < pools.length; pool++) {
            if (matches(pools[pool]!, labels)) matching[pool >>> 5]! |= 1 << (pool & 31);
          }
          objectBits[n] = matching;
        }
      },
    },
  ]);
  const ourSum = new Checksum();
  const objectSum = new Checksum();
  for (const words of bits) ourSum.addAll(words);
  for (const words of objectBits) objectSum.addAll(words);
  return {
    work: `pools that match a pod, ${count.toLocaleString('en-US')} pools, 16 keys in 3 classes`,
    ours: ours!,
    beside: beside!,
    besideName: 'matching objects one by one',
    unit: 'µs',
    ratio: beside! / ours!,
    target: { comparison: '≥', value: 200 },
    checksum: `${ourSum}/${objectSum}`,
  };
}

export const bench: Bench = {
  name: 'engine affinity',
  async run(size) {
    return [affinity(size)];
  },
};
