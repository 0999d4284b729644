/**
 * Values by network: which of them have a network that shares an address with a given one.
 */
import { type Cidr, formatCidr, lastOfCidr } from '../net/cidr.ts';
import { IntervalIndex } from './interval-index.ts';

/** All values of one network. */
export interface CidrGroup<T> {
  readonly cidr: Cidr;
  /** In the order they were added. */
  readonly values: ReadonlyMap<string, T>;
}

interface KeptGroup<T> extends CidrGroup<T> {
  readonly values: Map<string, T>;
  readonly words: Uint32Array;
}

/** One range list of one range: the network's first and last address. */
export function cidrWords(cidr: Cidr): Uint32Array {
  return Uint32Array.of(...cidr.first, ...lastOfCidr(cidr));
}

/**
 * Many pools share one network, so networks are kept once each, with their values beneath: a question costs
 * O(log networks + answers) however many values a network has.
 */
export class CidrIndex<T> {
  readonly #groups = new Map<string, KeptGroup<T>>();
  readonly #intervals = new IntervalIndex<KeptGroup<T>>();

  /** Adds or replaces the value of `key` in the network. */
  set(cidr: Cidr, key: string, value: T): void {
    const text = formatCidr(cidr);
    let group = this.#groups.get(text);
    if (group === undefined) {
      group = { cidr, values: new Map(), words: cidrWords(cidr) };
      this.#groups.set(text, group);
      this.#intervals.add(group.words, group);
    }
    group.values.set(key, value);
  }

  /** Removes the value of `key` from the network; nothing happens where there is none. */
  delete(cidr: Cidr, key: string): void {
    const text = formatCidr(cidr);
    const group = this.#groups.get(text);
    if (group === undefined) return;
    group.values.delete(key);
    if (group.values.size > 0) return;
    this.#groups.delete(text);
    this.#intervals.remove(group.words, group);
  }

  /** The networks that share an address with `cidr`, itself included, in address order. */
  *overlapping(cidr: Cidr): Generator<CidrGroup<T>> {
    for (const group of this.#intervals.overlapping(cidrWords(cidr))) {
      // ::/0 spans the words of every IPv4 address, but holds none.
      if (group.cidr.family === cidr.family) yield group;
    }
  }
}
