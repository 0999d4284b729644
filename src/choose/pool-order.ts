/**
 * Pools in order: by name, or by specificity with ties by name. The pools that a query found are
 * put in order without comparing them: each sets its bit at its place, and the bits are read from
 * the first to the last.
 */
import { LIMITS } from '../catalogue/limits.ts';
import type { Pool } from '../dialect/pool.ts';
import { compareNames, SPECIFICITY_MAX } from './specificity.ts';

/** What is put in order. */
export interface Ordered {
  readonly pool: Pool;
  readonly handle: number;
  readonly specificity: number;
}

/** `by name`: as the API server lists. `by specificity`: the highest first, ties by name. */
export type OrderName = 'by name' | 'by specificity';

/** One order over all pools. */
class Places {
  readonly #pools: Pool[] = [];
  /**
   * By handle. Apart from the pools, since a query over many of them would read memory from all
   * over.
   */
  readonly #places = new Uint32Array(LIMITS.poolsMax);
  /** One bit a place; all clear between queries. */
  readonly #marks = new Uint32Array(LIMITS.poolsMax / 32);

  /** Takes over an order; `entries` are all entries, in it. */
  fill(entries: Iterable<Ordered>): void {
    this.#pools.length = 0;
    for (const { pool, handle } of entries) {
      this.#places[handle] = this.#pools.length;
      this.#pools.push(pool);
    }
  }

  sorted(handles: readonly number[]): Pool[] {
    const marks = this.#marks;
    for (let at = 0; at < handles.length; at += 1) {
      const place = this.#places[handles[at]!]!;
      marks[place >>> 5]! |= 1 << (place & 31);
    }
    const found: Pool[] = [];
    for (let word = 0; found.length < handles.length; word += 1) {
      for (let bits = marks[word]!; bits !== 0; bits &= bits - 1) {
        found.push(this.#pools[word * 32 + 31 - Math.clz32(bits & -bits)]!);
      }
      marks[word] = 0;
    }
    return found;
  }
}

export class PoolOrder {
  /** By name, then by dialect. */
  readonly #entries: Ordered[] = [];
  readonly #places: Readonly<Record<OrderName, Places>> = {
    'by name': new Places(),
    'by specificity': new Places(),
  };
  #isStale = false;

  /** Adds an entry; none of the same name and dialect may be here. */
  add(entry: Ordered): void {
    this.#entries.splice(this.#indexOf(entry), 0, entry);
    this.#isStale = true;
  }

  /** Takes an entry away that was added. */
  remove(entry: Ordered): void {
    this.#entries.splice(this.#indexOf(entry), 1);
    this.#isStale = true;
  }

  /** The pools of some handles, each of an entry that is here, in order. */
  sorted(handles: readonly number[], order: OrderName): Pool[] {
    if (this.#isStale) {
      this.#refresh();
    }
    return this.#places[order].sorted(handles);
  }

  /** O(pools), once after any number of edits. */
  #refresh(): void {
    this.#places['by name'].fill(this.#entries);
    const steps: Ordered[][] = Array.from({ length: SPECIFICITY_MAX + 1 }, () => []);
    for (const entry of this.#entries) {
      steps[SPECIFICITY_MAX - entry.specificity]!.push(entry);
    }
    this.#places['by specificity'].fill(steps.flat());
    this.#isStale = false;
  }

  /** Where the entry is, or belongs: a binary search. */
  #indexOf(entry: Ordered): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareEntries(this.#entries[middle]!, entry) < 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}

function compareEntries(a: Ordered, b: Ordered): number {
  return compareNames(a.pool.name, b.pool.name) || compareNames(a.pool.dialect, b.pool.dialect);
}
