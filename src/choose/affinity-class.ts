/**
 * One class of affinity (node, namespace, pod or network attachment): what its pools demand, as
 * engine rows.
 *
 * Requirements become rows by key (key-rows.ts). A name list replaces the selector of its class
 * (reference/spiderpool.md 4.2) and is a requirement on a key that no label can have. What rows
 * cannot say (Calico's text operators, nested `||`) is evaluated once per pool and label set and
 * kept as one more row.
 */
import { LIMITS } from '../catalogue/limits.ts';
import type { Affinity } from '../dialect/pool.ts';
import type { Labels } from '../selector/labels.ts';
import type { Requirement } from '../selector/requirement.ts';
import { matches, type Selector } from '../selector/selector.ts';
import type { AffinityEngine } from './affinity-engine.ts';
import { KeyRows } from './key-rows.ts';

/** What a class looks at. An object that is not known has an empty name and no labels. */
export interface Judged {
  readonly name: string;
  readonly labels: Labels;
}

/** The rows of one object, kept for the next call. */
interface View {
  labels: Labels;
  /** `#generation` at which `rows` was right. */
  generation: number;
  rows: readonly number[];
  /** Calls since `rows` was made. */
  uses: number;
  /** The AND of all rows as one row, after enough calls; then it is all of `rows`. */
  whole: number | undefined;
  /** Row of the evaluated selectors; undefined until there is one. */
  evaluated: number | undefined;
  /** How much of `#evaluatedPuts` the evaluated row has seen. */
  seen: number;
}

/** A key that no label has: label keys hold no such character. */
const NAME_KEY = '\0name';

/**
 * Making one row of many costs as much as some tens of queries, so it waits until an object comes
 * again.
 */
const USES_UNTIL_WHOLE = 8;

export class AffinityClass {
  readonly #engine: AffinityEngine;
  readonly #identity: 'name' | 'labels';
  readonly #register: number;
  readonly #keys = new Map<string, KeyRows>();
  /** The keys that each pool has requirements on. */
  readonly #keysOf = new Map<number, readonly string[]>();
  readonly #evaluated = new Map<number, Selector>();
  /** Pools in the order in which they came to `#evaluated`; some are gone since. */
  #evaluatedPuts: number[] = [];
  readonly #views = new Map<string, View>();
  #generation = 0;
  /** The rows of an object without labels, and the generation that they are of. */
  #absent: { readonly generation: number; readonly rows: readonly number[] } = {
    generation: -1,
    rows: [],
  };

  /**
   * `identity`: objects of this class are few and known by name, or many and alike by their labels
   * (pods). `register`: a result register of the engine that nobody else keeps anything in between
   * calls.
   */
  constructor(engine: AffinityEngine, identity: 'name' | 'labels', register: number) {
    this.#engine = engine;
    this.#register = register;
    this.#identity = identity;
  }

  /** True when no pool demands anything, so that every pool passes. */
  get isEmpty(): boolean {
    return this.#keys.size === 0 && this.#evaluated.size === 0;
  }

  /**
   * Adds a pool by its engine handle. It must not be here yet. Touches the rows of its own keys
   * only.
   */
  put(pool: number, affinity: Affinity): void {
    if (affinity.kind === 'any') {
      return;
    }
    if (affinity.kind === 'selector' && affinity.selector.kind === 'expression') {
      this.#evaluate(pool, affinity.selector);
      return;
    }
    const byKey = Map.groupBy(requirementsOf(affinity), (requirement) => requirement.key);
    const added = [...byKey.keys()].filter((key) => !this.#keys.has(key)).length;
    if (affinity.kind === 'selector' && this.#keys.size + added > LIMITS.affinityKeysMax) {
      this.#evaluate(pool, affinity.selector);
      return;
    }
    for (const [key, requirements] of byKey) {
      let rows = this.#keys.get(key);
      if (rows === undefined) {
        rows = new KeyRows(this.#engine);
        this.#keys.set(key, rows);
      }
      rows.put(pool, requirements);
    }
    if (byKey.size > 0) {
      this.#keysOf.set(pool, [...byKey.keys()]);
      this.#generation += 1;
    }
  }

  /** Takes a pool away; one that is not here is no fault. */
  remove(pool: number): void {
    if (this.#evaluated.delete(pool)) {
      this.#forgetEvaluated(pool);
    }
    const keys = this.#keysOf.get(pool);
    if (keys === undefined) {
      return;
    }
    this.#keysOf.delete(pool);
    this.#generation += 1;
    for (const key of keys) {
      const rows = this.#keys.get(key)!;
      rows.remove(pool);
      if (rows.isEmpty) {
        rows.free();
        this.#keys.delete(key);
      }
    }
  }

  /**
   * Appends rows whose AND has the bits of the pools that take this object. Valid until the next
   * call on this class. The answer for an object is kept until its labels or the class's pools
   * change.
   */
  addRowsFor(object: Judged, rows: number[]): void {
    if (this.isEmpty) {
      return;
    }
    if (this.#identity === 'labels' && this.#evaluated.size === 0) {
      this.#collectRows(object, rows);
      return;
    }
    const view = this.#viewOf(object);
    if (view.generation !== this.#generation) {
      this.#refresh(view, object);
    }
    view.uses += 1;
    if (view.uses === USES_UNTIL_WHOLE) {
      this.#makeWhole(view);
    }
    for (const row of view.rows) {
      rows.push(row);
    }
  }

  #refresh(view: View, object: Judged): void {
    if (view.whole !== undefined) {
      this.#engine.freeRow(view.whole);
      view.whole = undefined;
    }
    const rows: number[] = [];
    this.#collectRows(object, rows);
    if (view.evaluated !== undefined) {
      rows.push(view.evaluated);
    }
    view.rows = rows;
    view.uses = 0;
    view.generation = this.#generation;
    if (this.#keys.values().some((keyRows) => keyRows.isCrowded)) {
      // A crowded key frees rows while it makes others, so none of them may be kept.
      this.#makeWhole(view);
    }
  }

  /** Replaces a view's rows by their AND. Only pools of this class can have a clear bit in it. */
  #makeWhole(view: View): void {
    this.#engine.intersectRows(view.rows, this.#register);
    const whole = this.#engine.addRow(1);
    for (const pools of [this.#keysOf, this.#evaluated]) {
      for (const pool of pools.keys()) {
        if (!this.#engine.resultHas(this.#register, pool)) {
          this.#engine.setBit(whole, pool, 0);
        }
      }
    }
    view.whole = whole;
    view.rows = [whole];
    view.uses = USES_UNTIL_WHOLE;
  }

  /**
   * Begins with "absent" for every key and goes through the labels, since objects have few of them.
   */
  #collectRows({ name, labels }: Judged, rows: number[]): void {
    const first = rows.length;
    for (const row of this.#absentRows()) {
      rows.push(row);
    }
    for (const key in labels) {
      const keyRows = this.#keys.get(key);
      if (keyRows !== undefined && Object.hasOwn(labels, key)) {
        rows[first + keyRows.place] = keyRows.rowFor(labels[key]);
      }
    }
    const names = this.#keys.get(NAME_KEY);
    if (names !== undefined) {
      rows[first + names.place] = names.rowFor(name);
    }
  }

  /** The rows of an object without name and labels; tells every key its place among them. */
  #absentRows(): readonly number[] {
    if (this.#absent.generation !== this.#generation) {
      const rows: number[] = [];
      for (const keyRows of this.#keys.values()) {
        keyRows.place = rows.length;
        rows.push(keyRows.rowFor(undefined));
      }
      this.#absent = { generation: this.#generation, rows };
    }
    return this.#absent.rows;
  }

  #viewOf(object: Judged): View {
    const identity = this.#identityOf(object);
    let view = this.#views.get(identity);
    if (view !== undefined && !sameLabels(view.labels, object.labels)) {
      this.#dropView(identity, view);
      view = undefined;
    }
    if (view === undefined) {
      view = {
        labels: object.labels,
        generation: -1,
        rows: [],
        uses: 0,
        whole: undefined,
        evaluated: undefined,
        seen: 0,
      };
      if (this.#views.size >= LIMITS.affinityViewsMax) {
        const [[oldestIdentity, oldest]] = this.#views as unknown as [[string, View]];
        this.#dropView(oldestIdentity, oldest);
      }
      this.#views.set(identity, view);
    }
    this.#catchUp(view, object.labels);
    return view;
  }

  /**
   * No dialect lists pods by name; where a list is here all the same, the name counts beside the
   * labels.
   */
  #identityOf({ name, labels }: Judged): string {
    if (this.#identity === 'name') {
      return name;
    }
    return this.#keys.has(NAME_KEY) ? `${name}\0${textOf(labels)}` : textOf(labels);
  }

  /**
   * Brings the view's evaluated row up to date: only pools put since the last call are evaluated.
   */
  #catchUp(view: View, labels: Labels): void {
    view.labels = labels;
    if (view.evaluated === undefined) {
      if (this.#evaluated.size === 0) {
        return;
      }
      view.evaluated = this.#engine.addRow(1);
      view.generation = -1;
      for (const [pool, selector] of this.#evaluated) {
        this.#engine.setBit(view.evaluated, pool, matches(selector, labels) ? 1 : 0);
      }
      view.seen = this.#evaluatedPuts.length;
      return;
    }
    for (; view.seen < this.#evaluatedPuts.length; view.seen += 1) {
      const pool = this.#evaluatedPuts[view.seen]!;
      const selector = this.#evaluated.get(pool);
      if (selector !== undefined) {
        this.#engine.setBit(view.evaluated, pool, matches(selector, labels) ? 1 : 0);
      }
    }
  }

  #evaluate(pool: number, selector: Selector): void {
    this.#generation += 1;
    this.#evaluated.set(pool, selector);
    if (this.#evaluatedPuts.length >= LIMITS.poolsMax) {
      for (const [identity, view] of this.#views) {
        this.#dropView(identity, view);
      }
      this.#evaluatedPuts = [];
    }
    this.#evaluatedPuts.push(pool);
  }

  /** Done at once and not when a view is next used: by then the engine may have no such pool. */
  #forgetEvaluated(pool: number): void {
    this.#generation += 1;
    for (const view of this.#views.values()) {
      if (view.evaluated !== undefined) {
        this.#engine.setBit(view.evaluated, pool, 1);
      }
    }
  }

  #dropView(identity: string, view: View): void {
    this.#views.delete(identity);
    if (view.whole !== undefined) {
      this.#engine.freeRow(view.whole);
    }
    if (view.evaluated !== undefined) {
      this.#engine.freeRow(view.evaluated);
    }
  }
}

function requirementsOf(affinity: Affinity): readonly Requirement[] {
  if (affinity.kind === 'names') {
    return [{ key: NAME_KEY, operator: 'In', values: affinity.names }];
  }
  return affinity.kind === 'selector' && affinity.selector.kind === 'requirements'
    ? affinity.selector.requirements
    : [];
}

function sameLabels(a: Labels, b: Labels): boolean {
  if (a === b) {
    return true;
  }
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && a[key] === b[key])
  );
}

/** One text for one label set, whatever the order of its keys. */
function textOf(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}
