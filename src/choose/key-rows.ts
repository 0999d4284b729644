/**
 * The engine rows of one label key (reference/wasm-core.md section 4): one for "absent", one for
 * "other value", and one for a value that pools name. Bit p of a row says that pool p's
 * requirements on this key hold for it; a pool without a requirement on the key has its bit set in
 * all of them.
 *
 * A value's row differs from "other" only at the pools that name the value, so it is made when
 * first asked for. A cluster with one pool per application has as many values as pools, and rows
 * for all of them at once would take memory by the square.
 */
import { LIMITS } from '../catalogue/limits.ts';
import { holds, type Requirement } from '../selector/requirement.ts';
import type { AffinityEngine } from './affinity-engine.ts';

/** No label value and no object name holds this character, so no requirement names it. */
const OTHER = '\0';

export class KeyRows {
  readonly #engine: AffinityEngine;
  readonly #absent: number;
  readonly #other: number;
  readonly #requirements = new Map<number, readonly Requirement[]>();
  /** The pools that name a value. */
  readonly #naming = new Map<string, Set<number>>();
  /** Rows made so far, least recently made first. */
  readonly #rows = new Map<string, number>();

  /** Place of this key's row among the rows of a query; the owner's to set. */
  place = 0;

  constructor(engine: AffinityEngine) {
    this.#engine = engine;
    this.#absent = engine.addRow(1);
    this.#other = engine.addRow(1);
  }

  get isEmpty(): boolean {
    return this.#requirements.size === 0;
  }

  /**
   * Adds a pool with its requirements on this key, all of which must hold. The pool must not be
   * here yet.
   */
  put(pool: number, requirements: readonly Requirement[]): void {
    this.#requirements.set(pool, requirements);
    for (const requirement of requirements) {
      for (const value of requirement.values) {
        const naming = this.#naming.get(value);
        if (naming === undefined) {
          this.#naming.set(value, new Set([pool]));
        } else {
          naming.add(pool);
        }
      }
    }
    this.#engine.setBit(this.#absent, pool, bitFor(requirements, undefined));
    this.#engine.setBit(this.#other, pool, bitFor(requirements, OTHER));
    for (const [value, row] of this.#rows) {
      this.#engine.setBit(row, pool, bitFor(requirements, value));
    }
  }

  /**
   * Takes a pool away. Its bits are set again, as for every pool that says nothing about the key.
   */
  remove(pool: number): void {
    const requirements = this.#requirements.get(pool) ?? [];
    this.#requirements.delete(pool);
    for (const value of requirements.flatMap((requirement) => requirement.values)) {
      const naming = this.#naming.get(value);
      naming?.delete(pool);
      if (naming?.size === 0) {
        this.#naming.delete(value);
        this.#dropRow(value);
      }
    }
    for (const row of [this.#absent, this.#other, ...this.#rows.values()]) {
      this.#engine.setBit(row, pool, 1);
    }
  }

  /**
   * The row for a label value; undefined: the label is absent. Valid until the next put, remove or
   * rowFor.
   */
  rowFor(value: string | undefined): number {
    if (value === undefined) {
      return this.#absent;
    }
    const known = this.#rows.get(value);
    if (known !== undefined) {
      return known;
    }
    const naming = this.#naming.get(value);
    return naming === undefined ? this.#other : this.#makeRow(value, naming);
  }

  /** Gives all rows back to the engine; the object must not be used afterwards. */
  free(): void {
    for (const row of [this.#absent, this.#other, ...this.#rows.values()]) {
      this.#engine.freeRow(row);
    }
  }

  /** True when a row handed out earlier may have been freed by the last rowFor. */
  get isCrowded(): boolean {
    return this.#naming.size > LIMITS.affinityValueRowsMax;
  }

  #makeRow(value: string, naming: ReadonlySet<number>): number {
    if (this.#rows.size >= LIMITS.affinityValueRowsMax) {
      const [oldest] = this.#rows.keys();
      this.#dropRow(oldest!);
    }
    const row = this.#engine.copyRow(this.#other);
    for (const pool of naming) {
      this.#engine.setBit(row, pool, bitFor(this.#requirements.get(pool)!, value));
    }
    this.#rows.set(value, row);
    return row;
  }

  #dropRow(value: string): void {
    const row = this.#rows.get(value);
    if (row !== undefined) {
      this.#engine.freeRow(row);
      this.#rows.delete(value);
    }
  }
}

function bitFor(requirements: readonly Requirement[], value: string | undefined): 0 | 1 {
  return requirements.every((requirement) => holds(requirement, value)) ? 1 : 0;
}
