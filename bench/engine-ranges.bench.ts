/**
 * Ranges of 128-bit addresses: address → ordinal, and subtraction of range lists, against the same with
 * BigInt.
 */
import { Engine } from '../src/engine/engine.ts';
import { RangeAlgebra } from '../src/engine/range-algebra.ts';
import type { Address } from '../src/net/address.ts';
import { type Bench, Checksum, type Row, randomNumbers, type Size, takeTurns } from './harness.ts';

const NANOSECONDS_PER_MILLISECOND = 1e6;

interface BigRange {
  readonly first: bigint;
  readonly last: bigint;
}

function words(n: bigint): Address {
  const word = (by: bigint) => Number((n >> by) & 0xffffffffn);
  return [word(96n), word(64n), word(32n), word(0n)];
}

function listOf(ranges: readonly BigRange[]): Uint32Array {
  return Uint32Array.from(ranges.flatMap(({ first, last }) => [...words(first), ...words(last)]));
}

/**
 * Sorted ranges in 2001:db8::/32 of different widths, with gaps; one after the other goes on in the same /64
 * or begins a new one, so that both halves of an address count.
 */
function sortedRanges(count: number, seed: number): BigRange[] {
  const random = randomNumbers(seed);
  let at = 0x20010db8n << 96n;
  return Array.from({ length: count }, () => {
    at += random() % 4 === 0 ? 1n << 64n : BigInt(2 + (random() % 5000));
    const first = at;
    at += BigInt(random() % 5000);
    return { first, last: at };
  });
}

/** Position of an address in sorted ranges, -1 where it is in none. */
function bigOrdinal(ranges: readonly BigRange[], before: readonly bigint[], n: bigint): number {
  let low = 0;
  let high = ranges.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const range = ranges[middle]!;
    if (n < range.first) high = middle - 1;
    else if (n > range.last) low = middle + 1;
    else return Number(before[middle]! + (n - range.first));
  }
  return -1;
}

function addressToOrdinal(size: Size): Row {
  const count = 1_000;
  const queries = size === 'full' ? 65_536 : 2_048;
  const rounds = size === 'full' ? 25 : 2;
  const ranges = sortedRanges(count, 7);
  const before: bigint[] = [];
  let sum = 0n;
  for (const range of ranges) {
    before.push(sum);
    sum += range.last - range.first + 1n;
  }
  const random = randomNumbers(11);
  const wanted = Array.from({ length: queries }, () => {
    const range = ranges[random() % count]!;
    return range.first + (BigInt(random()) % (range.last - range.first + 1n));
  });
  const wantedWords = wanted.map(words);
  const engine = Engine.load();
  const pool = engine.addPool(listOf(ranges));
  const ourSum = new Checksum();
  const bigSum = new Checksum();
  const [ours, beside] = takeTurns(rounds, [
    {
      operations: queries,
      work: () => {
        for (const address of wantedWords) ourSum.add(engine.ordinalOf(pool, address)!);
      },
    },
    {
      operations: queries,
      work: () => {
        for (const n of wanted) bigSum.add(bigOrdinal(ranges, before, n));
      },
    },
  ]);
  return {
    work: 'address → ordinal in 1,000 IPv6 ranges, random addresses',
    ours: ours!,
    beside: beside!,
    besideName: 'BigInt, binary search',
    unit: 'ns',
    ratio: beside! / ours!,
    target: { comparison: '≥', value: 2.5 },
    checksum: `${ourSum}/${bigSum}`,
  };
}

/** a − b of sorted lists, in one pass. */
function bigSubtract(a: readonly BigRange[], b: readonly BigRange[]): BigRange[] {
  const result: BigRange[] = [];
  let j = 0;
  for (const range of a) {
    let first = range.first;
    while (j < b.length && b[j]!.last < first) j++;
    for (let k = j; first <= range.last; k++) {
      const cut = b[k];
      if (cut === undefined || cut.first > range.last) {
        result.push({ first, last: range.last });
        break;
      }
      if (cut.first > first) result.push({ first, last: cut.first - 1n });
      first = cut.last + 1n;
    }
  }
  return result;
}

/** As `ips` and `excludeIPs` of pools: ranges in networks of their own, and in each a range to take out. */
function rangesWithHoles(count: number): { ranges: BigRange[]; holes: BigRange[] } {
  const random = randomNumbers(3);
  const ranges: BigRange[] = [];
  const holes: BigRange[] = [];
  for (let i = 0; i < count; i++) {
    const first = (0x20010db8n << 96n) + (BigInt(i) << 70n);
    const width = 1_000 + (random() % 60_000);
    const begin = 1 + (random() % (width - 2));
    const end = begin + (random() % (width - begin));
    ranges.push({ first, last: first + BigInt(width) });
    holes.push({ first: first + BigInt(begin), last: first + BigInt(end) });
  }
  return { ranges, holes };
}

function subtraction(size: Size): Row {
  const count = size === 'full' ? 100_000 : 500;
  const rounds = size === 'full' ? 12 : 2;
  const { ranges: a, holes: b } = rangesWithHoles(count);
  const algebra = RangeAlgebra.load();
  const aWords = algebra.normalize(listOf(a));
  const bWords = algebra.normalize(listOf(b));
  const ourSum = new Checksum();
  const bigSum = new Checksum();
  // Several at a turn, so that each finds the caches as it left them itself.
  const times = size === 'full' ? 3 : 1;
  let result: Uint32Array = new Uint32Array(0);
  let bigResult: readonly BigRange[] = [];
  const [ours, beside] = takeTurns(rounds, [
    {
      operations: times * NANOSECONDS_PER_MILLISECOND,
      work: () => {
        for (let i = 0; i < times; i++) {
          result = algebra.subtract(aWords, bWords);
          ourSum.add(result.length / 8);
        }
      },
    },
    {
      operations: times * NANOSECONDS_PER_MILLISECOND,
      work: () => {
        for (let i = 0; i < times; i++) {
          bigResult = bigSubtract(a, b);
          bigSum.add(bigResult.length);
        }
      },
    },
  ]);
  ourSum.addAll(result);
  bigSum.addAll(listOf(bigResult));
  return {
    work: `${count.toLocaleString('en-US')} ranges − ${count.toLocaleString('en-US')} ranges`,
    ours: ours!,
    beside: beside!,
    besideName: 'BigInt, one pass',
    unit: 'ms',
    ratio: beside! / ours!,
    target: { comparison: '≥', value: 5 },
    checksum: `${ourSum}/${bigSum}`,
  };
}

export const bench: Bench = {
  name: 'engine ranges',
  async run(size) {
    return [addressToOrdinal(size), subtraction(size)];
  },
};
