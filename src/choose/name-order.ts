/**
 * Pools in the order of their names, so that the answer to a query is put in order by sorting small numbers
 * and not names.
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

/** Places among the names fit below this: LIMITS.poolsMax. */
const PLACES = 0x10000;

export class NameOrder {
  readonly #entries: Ordered[] = [];
  #isStale = false;
  /** By place among the names. */
  #pools: Pool[] = [];
  /**
   * By handle: the pool's place, and above it how many steps its specificity is below the highest. Kept apart
   * from the entries because a query over many pools would otherwise read memory from all over.
   */
  #keys = new Uint32Array(LIMITS.poolsMax);
  /** The keys of one query. */
  #scratch = new Uint32Array(64);

  /** Adds an entry; none of the same name and dialect may be here. */
  add(entry: Ordered): void {
    this.#entries.splice(this.#placeOf(entry), 0, entry);
    this.#isStale = true;
  }

  /** Takes an entry away that was added. */
  remove(entry: Ordered): void {
    this.#entries.splice(this.#placeOf(entry), 1);
    this.#isStale = true;
  }

  /**
   * The pools of some handles, by name; by specificity first, the highest before the others, where that is
   * asked for.
   */
  sorted(handles: readonly number[], order: 'by name' | 'by specificity'): Pool[] {
    this.#refresh();
    const count = handles.length;
    if (this.#scratch.length < count) {
      this.#scratch = new Uint32Array(2 * count);
    }
    const keys = this.#scratch;
    const all = this.#keys;
    const modulus = order === 'by name' ? PLACES : PLACES * (SPECIFICITY_MAX + 1);
    for (let at = 0; at < count; at += 1) {
      keys[at] = all[handles[at]!]! % modulus;
    }
    sortFirst(keys, count);
    const pools: Pool[] = [];
    for (let at = 0; at < count; at += 1) {
      pools.push(this.#pools[keys[at]! % PLACES]!);
    }
    return pools;
  }

  /** O(pools), once after any number of edits. */
  #refresh(): void {
    if (!this.#isStale) {
      return;
    }
    this.#pools = this.#entries.map((entry) => entry.pool);
    for (const [place, { handle, specificity }] of this.#entries.entries()) {
      this.#keys[handle] = (SPECIFICITY_MAX - specificity) * PLACES + place;
    }
    this.#isStale = false;
  }

  /** Where the entry is, or belongs: a binary search. */
  #placeOf(entry: Ordered): number {
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

/** Fewer numbers than this are sorted in place faster than a view of them is made. */
const FEW = 64;

/** Sorts the first `count` numbers. */
function sortFirst(numbers: Uint32Array, count: number): void {
  if (count > FEW) {
    numbers.subarray(0, count).sort();
    return;
  }
  for (let at = 1; at < count; at += 1) {
    const number = numbers[at]!;
    let to = at;
    for (; to > 0 && numbers[to - 1]! > number; to -= 1) {
      numbers[to] = numbers[to - 1]!;
    }
    numbers[to] = number;
  }
}

function compareEntries(a: Ordered, b: Ordered): number {
  return compareNames(a.pool.name, b.pool.name) || compareNames(a.pool.dialect, b.pool.dialect);
}
