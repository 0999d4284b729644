/**
 * The pools of all dialects by network, by address and by name, for the overlap rules of admission
 * (reference/spiderpool.md 2.4 rows 6 and 9, reference/calico.md 1.3). Applying n pools costs O(n log n).
 */
import { type Cidr, formatCidr } from '../net/cidr.ts';
import type { RangeSet } from '../net/range-set.ts';
import type { PoolOverlaps, PoolSummary } from './admission-context.ts';
import { CidrIndex } from './cidr-index.ts';
import { IntervalIndex } from './interval-index.ts';
import type { DialectName } from './pool.ts';

/** One pool's place in the index; `pool` changes with edits that leave its addresses alone. */
interface Entry {
  readonly key: string;
  pool: PoolSummary;
}

function keyOf(dialect: DialectName, name: string): string {
  return `${dialect}/${name}`;
}

/** All pools, ready for the questions of PoolOverlaps. */
export class PoolIndex implements PoolOverlaps {
  readonly #entries = new Map<string, Entry>();
  readonly #byName = new Map<string, Entry[]>();
  readonly #bySubnet = new CidrIndex<Entry>();
  readonly #byRange = new IntervalIndex<Entry>();

  /** Pools kept. */
  get size(): number {
    return this.#entries.size;
  }

  /** Adds a pool, or replaces the one of the same dialect and name. Costs O(log n) for each range that is new. */
  put(pool: PoolSummary): void {
    const key = keyOf(pool.dialect, pool.name);
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      this.#insert({ key, pool });
    } else if (sameAddresses(entry.pool, pool)) {
      // The index points into the words it was given, so the old ones stay.
      entry.pool = { ...pool, ranges: entry.pool.ranges, subnet: entry.pool.subnet };
    } else {
      this.delete(pool.dialect, pool.name);
      this.#insert({ key, pool });
    }
  }

  /** Forgets a pool; nothing happens where it is not kept. */
  delete(dialect: DialectName, name: string): void {
    const entry = this.#entries.get(keyOf(dialect, name));
    if (entry === undefined) return;
    this.#entries.delete(entry.key);
    const namesakes = (this.#byName.get(name) ?? []).filter((other) => other !== entry);
    if (namesakes.length === 0) this.#byName.delete(name);
    else this.#byName.set(name, namesakes);
    this.#bySubnet.delete(entry.pool.subnet, entry.key);
    this.#byRange.remove(entry.pool.ranges.words, entry);
  }

  *poolsOverlapping(subnet: Cidr): Generator<PoolSummary> {
    for (const group of this.#bySubnet.overlapping(subnet)) {
      for (const entry of group.values.values()) yield entry.pool;
    }
  }

  *poolsWithOtherSubnet(subnet: Cidr): Generator<PoolSummary> {
    const own = formatCidr(subnet);
    for (const group of this.#bySubnet.overlapping(subnet)) {
      if (formatCidr(group.cidr) === own) continue;
      for (const entry of group.values.values()) yield entry.pool;
    }
  }

  *poolsSharing(ranges: RangeSet): Generator<PoolSummary> {
    const seen = new Set<Entry>();
    for (const entry of this.#byRange.overlapping(ranges.words)) {
      if (seen.has(entry)) continue;
      seen.add(entry);
      yield entry.pool;
    }
  }

  poolsNamed(name: string): readonly PoolSummary[] {
    return (this.#byName.get(name) ?? []).map((entry) => entry.pool);
  }

  #insert(entry: Entry): void {
    const { pool, key } = entry;
    this.#entries.set(key, entry);
    this.#byName.set(pool.name, [...(this.#byName.get(pool.name) ?? []), entry]);
    this.#bySubnet.set(pool.subnet, key, entry);
    this.#byRange.add(pool.ranges.words, entry);
  }
}

function sameAddresses(a: PoolSummary, b: PoolSummary): boolean {
  return formatCidr(a.subnet) === formatCidr(b.subnet) && a.ranges.equals(b.ranges);
}
