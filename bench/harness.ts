/**
 * What every benchmark is made of: the same work done by us and by something beside us, in one run, with a
 * checksum over the results of both, so that nobody makes it faster by making it do something else.
 *
 * A file `bench/<topic>.bench.ts` exports `bench: Bench`. `smoke` is small enough for every test run, `full`
 * gives figures. Times come from loops of our own around whole batches: a benchmark library's closure a call
 * costs more than the nanoseconds that some of this takes.
 */

/** One line of the table. */
export interface Row {
  /** What was done, in words. */
  readonly work: string;
  /** Our figure and that of what stands beside us, in `unit`; `beside` is undefined where nothing does. */
  readonly ours: number;
  readonly beside: number | undefined;
  /** What stands beside us. */
  readonly besideName: string;
  readonly unit: string;
  /** The figure that the target is about, as the row defines it: usually beside ÷ ours. */
  readonly ratio: number | undefined;
  readonly target: Target | undefined;
  /** Over all results; equal for equal sizes, run after run. */
  readonly checksum: string;
}

/** What the ratio has to reach. */
export interface Target {
  readonly comparison: '≥' | '≤';
  readonly value: number;
}

export type Size = 'smoke' | 'full';

export interface Bench {
  readonly name: string;
  run(size: Size): Promise<readonly Row[]>;
}

/** True where the row has no target or reaches it. */
export function reachesTarget(row: Row): boolean {
  if (row.target === undefined || row.ratio === undefined) return true;
  return row.target.comparison === '≥'
    ? row.ratio >= row.target.value
    : row.ratio <= row.target.value;
}

/** The middle of some figures. */
export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Nanoseconds that `work` takes. */
export function nanoseconds(work: () => void): number {
  const begin = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - begin);
}

/**
 * Runs the candidates in turn, `rounds` times, and returns for each the nanoseconds of an operation in its
 * third fastest round. Other work on the machine only ever makes a round slower, so the fast ones say what
 * the work costs, and the third leaves out a lucky one; taking turns lets a slow moment hit all alike.
 */
export function takeTurns(
  rounds: number,
  candidates: readonly { readonly operations: number; readonly work: () => void }[],
): number[] {
  const figures = candidates.map((): number[] => []);
  for (let round = -1; round < rounds; round++) {
    for (const [i, candidate] of candidates.entries()) {
      const taken = nanoseconds(candidate.work) / candidate.operations;
      // The first round warms up and is not counted.
      if (round >= 0) figures[i]!.push(taken);
    }
  }
  return figures.map((taken) => taken.sort((a, b) => a - b)[Math.min(2, taken.length - 1)]!);
}

/** A checksum that grows by 32-bit numbers (FNV-1a over words). */
export class Checksum {
  #hash = 0x811c9dc5;

  add(value: number): this {
    this.#hash = Math.imul(this.#hash ^ value, 0x01000193) >>> 0;
    return this;
  }

  addAll(values: Iterable<number>): this {
    for (const value of values) this.add(value);
    return this;
  }

  toString(): string {
    return this.#hash.toString(16).padStart(8, '0');
  }
}

/** Random 32-bit numbers that are the same in every run (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** A figure with as many digits as mean something. */
export function figure(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toPrecision(3);
}

/** The rows as a table with aligned columns. */
export function table(rows: readonly Row[]): string {
  const head = ['work', 'ours', 'beside', '', 'unit', 'ratio', 'target', '', 'checksum'];
  const body = rows.map((row) => [
    row.work,
    figure(row.ours),
    row.beside === undefined ? '' : figure(row.beside),
    row.besideName,
    row.unit,
    row.ratio === undefined ? '' : figure(row.ratio),
    row.target === undefined
      ? ''
      : `${row.target.comparison} ${row.target.value.toLocaleString('en-US')}`,
    row.target === undefined ? '' : reachesTarget(row) ? 'reached' : 'MISSED',
    row.checksum,
  ]);
  const right = new Set([1, 2, 5]);
  const widths = head.map((_, i) => Math.max(...[head, ...body].map((cells) => cells[i]!.length)));
  return [head, widths.map((width) => '─'.repeat(width)), ...body]
    .map((cells) =>
      cells
        .map((cell, i) => (right.has(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
