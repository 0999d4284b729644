/**
 * Set algebra of range lists. A list is a Uint32Array with eight words a range: first and last address, both
 * inclusive, most significant word first.
 */
import { Instance } from './instance.ts';
import type { LoadOptions } from './module.ts';

const RANGE_WORDS = 8;

type Sweep = 'uniteRanges' | 'intersectRanges' | 'subtractRanges';

/**
 * A calculator with its own WebAssembly instance and no state between calls. Every method returns a new
 * normalized list: sorted, and no two ranges overlap or touch. `union`, `intersect` and `subtract` need
 * normalized lists and throw INTERNAL for others; so does `normalize` for a reversed range.
 */
export class RangeAlgebra {
  readonly #instance: Instance;

  private constructor(instance: Instance) {
    this.#instance = instance;
  }

  /** A new calculator. Throws where the engine was never built. */
  static load(options?: LoadOptions): RangeAlgebra {
    return new RangeAlgebra(Instance.open(options));
  }

  /** The same addresses, sorted and merged. O(n log n), O(n) where sorted already. */
  normalize(words: Uint32Array): Uint32Array {
    const at = this.#instance.workspace(words.length * 2);
    this.#instance.words.set(words, at);
    let count: number;
    try {
      count = this.#instance.wasm.normalizeRanges(words.length / RANGE_WORDS);
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
    return this.#take('normalizeRanges', at, count);
  }

  /** Addresses in `a`, in `b`, or in both. O(a + b). */
  union(a: Uint32Array, b: Uint32Array): Uint32Array {
    return this.#sweep('uniteRanges', a, b);
  }

  /** Addresses in both. O(a + b). */
  intersect(a: Uint32Array, b: Uint32Array): Uint32Array {
    return this.#sweep('intersectRanges', a, b);
  }

  /** Addresses in `a` and not in `b`. O(a + b). */
  subtract(a: Uint32Array, b: Uint32Array): Uint32Array {
    return this.#sweep('subtractRanges', a, b);
  }

  #sweep(sweep: Sweep, a: Uint32Array, b: Uint32Array): Uint32Array {
    const both = a.length + b.length;
    const at = this.#instance.workspace(both * 2);
    this.#instance.words.set(a, at);
    this.#instance.words.set(b, at + a.length);
    let count: number;
    try {
      count = this.#instance.wasm[sweep](a.length / RANGE_WORDS, b.length / RANGE_WORDS);
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
    return this.#take(sweep, at + both, count);
  }

  /** Copies `count` ranges out of the workspace. */
  #take(call: string, at: number, count: number): Uint32Array {
    const ranges = this.#instance.expect(call, count);
    return this.#instance.words.slice(at, at + ranges * RANGE_WORDS);
  }
}
