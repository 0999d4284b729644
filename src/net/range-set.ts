/**
 * Immutable sets of addresses, kept as sorted ranges that neither overlap nor touch.
 */
import type { Address } from './address.ts';
import { formatRange, type Range } from './range.ts';
import { withAlgebra } from './shared-algebra.ts';

/** 32-bit words of one range: four of the first address, four of the last. */
const RANGE_WORDS = 8;

/**
 * A set of addresses. `words` holds eight words a range, first and last address (both inclusive) in network
 * order, sorted, merged: two ranges always have an address between them that is in neither. IPv4 and IPv6 are
 * one line here, so a set of both families may hold a range across their border. Nobody may write to `words`.
 */
export class RangeSet {
  /** The set without addresses. */
  static readonly empty = new RangeSet(new Uint32Array(0));

  readonly words: Uint32Array;

  private constructor(words: Uint32Array) {
    this.words = words;
  }

  /**
   * The addresses of all given ranges, which may overlap and stand in any order. Throws INTERNAL for a
   * reversed range.
   */
  static of(ranges: Iterable<Range>): RangeSet {
    const list = [...ranges];
    if (list.length === 0) return RangeSet.empty;
    const words = new Uint32Array(list.length * RANGE_WORDS);
    for (const [index, range] of list.entries()) {
      words.set(range.first, index * RANGE_WORDS);
      words.set(range.last, index * RANGE_WORDS + 4);
    }
    return RangeSet.fromWords(words);
  }

  /**
   * The set of ranges in `words` (eight words each, in any order, may overlap). `words` is not kept. Throws
   * INTERNAL for a reversed range.
   */
  static fromWords(words: Uint32Array): RangeSet {
    return RangeSet.#wrap(withAlgebra((algebra) => algebra.normalize(words)));
  }

  static #wrap(words: Uint32Array): RangeSet {
    return words.length === 0 ? RangeSet.empty : new RangeSet(words);
  }

  /** How many ranges the set has. */
  get count(): number {
    return this.words.length / RANGE_WORDS;
  }

  get isEmpty(): boolean {
    return this.words.length === 0;
  }

  /** How many addresses the set has. */
  size(): bigint {
    let size = 0n;
    for (let index = 0; index < this.words.length; index += RANGE_WORDS) {
      size += this.#bigAt(index + 4) - this.#bigAt(index) + 1n;
    }
    return size;
  }

  #bigAt(index: number): bigint {
    let value = 0n;
    for (let word = index; word < index + 4; word += 1) {
      value = (value << 32n) | BigInt(this.words[word]!);
    }
    return value;
  }

  #addressAt(index: number): Address {
    const words = this.words;
    return [words[index]!, words[index + 1]!, words[index + 2]!, words[index + 3]!];
  }

  /** The ranges in ascending order. */
  *ranges(): IterableIterator<Range> {
    for (let index = 0; index < this.words.length; index += RANGE_WORDS) {
      yield { first: this.#addressAt(index), last: this.#addressAt(index + 4) };
    }
  }

  /** Whether the address is in the set: O(log count). */
  has(address: Address): boolean {
    const range = this.#firstEndingAtOrAfter(address);
    return range < this.count && this.#compareAt(range * RANGE_WORDS, address) <= 0;
  }

  /** The index of the first range whose last address is not before `address`; `count` if there is none. */
  #firstEndingAtOrAfter(address: Address): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compareAt(middle * RANGE_WORDS + 4, address) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** As compareAddresses, for the address that begins at word `index`. */
  #compareAt(index: number, address: Address): number {
    const words = this.words;
    return (
      words[index]! - address[0] ||
      words[index + 1]! - address[1] ||
      words[index + 2]! - address[2] ||
      words[index + 3]! - address[3]
    );
  }

  /** All addresses of either set. */
  union(other: RangeSet): RangeSet {
    if (this.isEmpty) return other;
    if (other.isEmpty) return this;
    return RangeSet.#wrap(withAlgebra((algebra) => algebra.union(this.words, other.words)));
  }

  /** The addresses that are in both sets. */
  intersect(other: RangeSet): RangeSet {
    if (this.isEmpty || other.isEmpty) return RangeSet.empty;
    return RangeSet.#wrap(withAlgebra((algebra) => algebra.intersect(this.words, other.words)));
  }

  /** The addresses of this set that are not in `other`. */
  subtract(other: RangeSet): RangeSet {
    if (this.isEmpty || other.isEmpty) return this;
    return RangeSet.#wrap(withAlgebra((algebra) => algebra.subtract(this.words, other.words)));
  }

  /** Whether an address is in both sets: O(m log n), where m is the count of the set with fewer ranges. */
  overlaps(other: RangeSet): boolean {
    if (this.isEmpty || other.isEmpty) return false;
    const [few, many] = this.count <= other.count ? [this, other] : [other, this];
    for (const range of few.ranges()) {
      const index = many.#firstEndingAtOrAfter(range.first);
      if (index === many.count) return false;
      if (many.#compareAt(index * RANGE_WORDS, range.last) <= 0) return true;
    }
    return false;
  }

  /** Whether both sets have the same addresses. */
  equals(other: RangeSet): boolean {
    const words = this.words;
    if (words.length !== other.words.length) return false;
    for (let index = 0; index < words.length; index += 1) {
      if (words[index] !== other.words[index]) return false;
    }
    return true;
  }

  /** One text `A` or `A-B` per range, ascending. */
  format(): string[] {
    return Array.from(this.ranges(), formatRange);
  }
}
