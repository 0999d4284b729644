/**
 * Pools in the order of their names, so that the answer to a query is put in order by sorting small numbers
 * and not names.
 */
import { compareNames, SPECIFICITY_MAX } from './specificity.ts';

/** What is put in order. */
export interface Ordered {
  readonly pool: { readonly name: string; readonly dialect: string };
  readonly specificity: number;
  /** Place among all names; right only after NameOrder brought it up to date. */
  position: number;
}

/** Places fit below this: LIMITS.poolsMax. */
const POSITIONS = 0x10000;

export class NameOrder<T extends Ordered> {
  readonly #entries: T[] = [];
  #isStale = false;
  #keys = new Uint32Array(64);

  /** Adds an entry; none of the same name and dialect may be here. */
  add(entry: T): void {
    this.#entries.splice(this.#placeOf(entry), 0, entry);
    this.#isStale = true;
  }

  /** Takes an entry away that was added. */
  remove(entry: T): void {
    this.#entries.splice(this.#placeOf(entry), 1);
    this.#isStale = true;
  }

  /**
   * The pools of some entries, by name; by specificity first, the highest before the others, where that is
   * asked for.
   */
  sorted(entries: readonly T[], order: 'by name' | 'by specificity'): T['pool'][] {
    this.#refresh();
    const count = entries.length;
    const keys = this.#scratch(count);
    for (let at = 0; at < count; at += 1) {
      const { specificity, position } = entries[at]!;
      const rank = order === 'by name' ? 0 : SPECIFICITY_MAX - specificity;
      keys[at] = rank * POSITIONS + position;
    }
    sortFirst(keys, count);
    const pools: T['pool'][] = [];
    for (let at = 0; at < count; at += 1) {
      pools.push(this.#entries[keys[at]! % POSITIONS]!.pool);
    }
    return pools;
  }

  /** Room for `count` keys; the same array again and again, as making one costs more than sorting it. */
  #scratch(count: number): Uint32Array {
    if (this.#keys.length < count) {
      this.#keys = new Uint32Array(2 * count);
    }
    return this.#keys;
  }

  /** O(pools), once after any number of edits. */
  #refresh(): void {
    if (this.#isStale) {
      for (const [at, entry] of this.#entries.entries()) {
        entry.position = at;
      }
      this.#isStale = false;
    }
  }

  /** Where the entry is, or belongs: a binary search. */
  #placeOf(entry: T): number {
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
