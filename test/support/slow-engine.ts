/**
 * The affinity part of the engine, slow and plain: a row is a fill bit and the handles that differ
 * from it.
 */
import type { AffinityEngine } from '../../src/choose/affinity-engine.ts';

interface Row {
  readonly fill: 0 | 1;
  readonly differing: Set<number>;
}

export class SlowEngine implements AffinityEngine {
  readonly #pools = new Set<number>();
  readonly #rows = new Map<number, Row>();
  readonly #results: Set<number>[] = Array.from({ length: 16 }, () => new Set());
  #nextRow = 0;

  /** A pool without addresses; the lowest handle that is not in use. */
  addPool(_ranges?: Uint32Array): number {
    let handle = 0;
    while (this.#pools.has(handle)) {
      handle += 1;
    }
    this.#pools.add(handle);
    return handle;
  }

  removePool(pool: number): void {
    if (!this.#pools.delete(pool)) {
      throw new Error(`no pool ${pool}`);
    }
    for (const row of this.#rows.values()) {
      row.differing.delete(pool);
    }
  }

  addRow(fill: 0 | 1): number {
    this.#nextRow += 1;
    this.#rows.set(this.#nextRow, { fill, differing: new Set() });
    return this.#nextRow;
  }

  copyRow(row: number): number {
    const { fill, differing } = this.#row(row);
    this.#nextRow += 1;
    this.#rows.set(this.#nextRow, { fill, differing: new Set(differing) });
    return this.#nextRow;
  }

  setBit(row: number, pool: number, bit: 0 | 1): void {
    const { fill, differing } = this.#row(row);
    if (!this.#pools.has(pool)) {
      throw new Error(`no pool ${pool}`);
    }
    if (bit === fill) {
      differing.delete(pool);
    } else {
      differing.add(pool);
    }
  }

  freeRow(row: number): void {
    this.#row(row);
    this.#rows.delete(row);
  }

  intersectRows(rows: readonly number[], result: number): number {
    const all = rows.map((row) => this.#row(row));
    const pools = [...this.#pools].filter((pool) =>
      all.every(({ fill, differing }) => differing.has(pool) !== (fill === 1)),
    );
    this.#results[result] = new Set(pools);
    return pools.length;
  }

  intersectResults(results: readonly number[], into: number): number {
    const pools = [...this.#pools].filter((pool) =>
      results.every((result) => this.#results[result]!.has(pool)),
    );
    this.#results[into] = new Set(pools);
    return pools.length;
  }

  resultHas(result: number, pool: number): boolean {
    return this.#results[result]!.has(pool);
  }

  resultPools(result: number): number[] {
    return [...this.#results[result]!].sort((a, b) => a - b);
  }

  /** Rows in use, for tests of leaks. */
  get rowCount(): number {
    return this.#rows.size;
  }

  #row(row: number): Row {
    const found = this.#rows.get(row);
    if (found === undefined) {
      throw new Error(`no row ${row}`);
    }
    return found;
  }
}
