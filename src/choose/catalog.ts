/**
 * The pools as the engine sees them: per affinity class rows of bits over pools, and rows for
 * family, dialect, default and state, so that "which default pools take this pod" is an AND of
 * rows.
 *
 * The class that said no can be named, because each class can be asked by itself.
 */
import { LIMITS } from '../catalogue/limits.ts';
import type { DialectName, Pool } from '../dialect/pool.ts';
import type { Family } from '../net/address.ts';
import { formatCidr } from '../net/cidr.ts';
import { AffinityClass, type Judged } from './affinity-class.ts';
import type { AffinityEngine } from './affinity-engine.ts';
import { parseGlob } from './glob.ts';
import { qualifiedNetwork } from './network-attachment.ts';
import { type Ordered, type OrderName, PoolOrder } from './pool-order.ts';
import { specificityOf } from './specificity.ts';

/** The two lists of pools that sources name pools of: both forms of Spiderpool share one. */
export type PoolList = 'spiderpool' | 'calico';

/** Properties of a pool that have a row. */
export type Property = 'alive' | 'enabled' | 'default' | 'automatic' | 'workload';

/** The classes of affinity in the order in which the first to say no gives the reason. */
export const CLASSES = ['node', 'namespace', 'pod', 'network'] as const;
export type ClassName = (typeof CLASSES)[number];

/** What each class is asked about. */
export type Question = Readonly<Record<ClassName, Judged>>;

/** Pools of a list and family with all properties that all named classes take. */
export interface Selection {
  readonly list: PoolList;
  readonly family: Family;
  readonly properties: readonly Property[];
  readonly classes: readonly ClassName[];
}

/** Result registers of the engine. */
const REGISTERS = { node: 0, namespace: 1, pod: 2, network: 3, selection: 4, scratch: 5 } as const;

export class Catalog {
  readonly #engine: AffinityEngine;
  readonly #classes: Readonly<Record<ClassName, AffinityClass>>;
  readonly #properties: Readonly<Record<Property, number>>;
  readonly #members: Readonly<Record<PoolList, Readonly<Record<Family, number>>>>;
  readonly #entries: Readonly<Record<DialectName, Map<string, Ordered>>> = {
    spiderpool: new Map(),
    'spiderpool-v1': new Map(),
    calico: new Map(),
  };
  readonly #calicoByNetwork = new Map<string, Ordered>();
  readonly #order = new PoolOrder();
  readonly #wildcards = new Map<string, readonly Pool[]>();
  #generation = 0;
  /** The question whose answers are in the class registers. */
  #asked: Verdicts | undefined;

  /** Makes its rows in `engine` and uses result registers 0–5 of it. */
  constructor(engine: AffinityEngine) {
    this.#engine = engine;
    this.#classes = {
      node: new AffinityClass(engine, 'name', REGISTERS.scratch),
      namespace: new AffinityClass(engine, 'name', REGISTERS.scratch),
      pod: new AffinityClass(engine, 'labels', REGISTERS.scratch),
      network: new AffinityClass(engine, 'name', REGISTERS.scratch),
    };
    this.#properties = {
      alive: engine.addRow(0),
      enabled: engine.addRow(0),
      default: engine.addRow(0),
      automatic: engine.addRow(0),
      workload: engine.addRow(0),
    };
    this.#members = {
      spiderpool: { 4: engine.addRow(0), 6: engine.addRow(0) },
      calico: { 4: engine.addRow(0), 6: engine.addRow(0) },
    };
  }

  /** Grows by one with every put and remove. */
  get generation(): number {
    return this.#generation;
  }

  /**
   * Adds a pool, or replaces the one of its dialect and name. `handle` is its handle in the engine.
   */
  put(pool: Pool, handle: number): void {
    this.remove(pool);
    const entry = { pool, handle, specificity: specificityOf(pool) };
    this.#entries[pool.dialect].set(pool.name, entry);
    this.#order.add(entry);
    if (pool.dialect === 'calico') {
      this.#calicoByNetwork.set(formatCidr(pool.subnet), entry);
    }
    this.#classes.node.put(handle, pool.node);
    this.#classes.namespace.put(handle, pool.namespace);
    this.#classes.pod.put(handle, pool.pod);
    if (pool.multusNames.length > 0) {
      const names = pool.multusNames.map(qualifiedNetwork);
      this.#classes.network.put(handle, { kind: 'names', names });
    }
    for (const row of this.#ownRows(pool)) {
      this.#engine.setBit(row, handle, 1);
    }
    this.#changed();
  }

  /**
   * Takes a pool away; one that is not here is no fault. Call it before the engine's handle is
   * removed.
   */
  remove({ dialect, name }: Pick<Pool, 'dialect' | 'name'>): void {
    const entry = this.#entries[dialect].get(name);
    if (entry === undefined) {
      return;
    }
    this.#entries[dialect].delete(name);
    this.#order.remove(entry);
    const network = formatCidr(entry.pool.subnet);
    if (this.#calicoByNetwork.get(network) === entry) {
      this.#calicoByNetwork.delete(network);
    }
    for (const className of CLASSES) {
      this.#classes[className].remove(entry.handle);
    }
    for (const row of this.#ownRows(entry.pool)) {
      this.#engine.setBit(row, entry.handle, 0);
    }
    this.#changed();
  }

  /** The pool, or undefined. */
  byName(dialect: DialectName, name: string): Pool | undefined {
    return this.#entries[dialect].get(name)?.pool;
  }

  /** The pool that a source of this dialect means by a name, or undefined. */
  find(list: PoolList, name: string): Pool | undefined {
    return list === 'calico'
      ? this.byName('calico', name)
      : (this.byName('spiderpool', name) ?? this.byName('spiderpool-v1', name));
  }

  /** Calico's pool of exactly this network, in canonical text, or undefined. */
  withNetwork(network: string): Pool | undefined {
    return this.#calicoByNetwork.get(network)?.pool;
  }

  /** The engine's handle of a pool, or undefined where this very pool is not here (any more). */
  handleOf(pool: Pool): number | undefined {
    return this.#entries[pool.dialect].get(pool.name)?.handle;
  }

  /** Every pool, by dialect and in the order in which they came. */
  *all(): Iterable<Pool> {
    for (const entries of Object.values(this.#entries)) {
      for (const entry of entries.values()) {
        yield entry.pool;
      }
    }
  }

  /**
   * Pools of a family whose names match a wildcard, the most specific first, ties by name.
   * Undefined where the pattern is malformed.
   */
  matching(list: PoolList, family: Family, pattern: string): readonly Pool[] | undefined {
    const key = `${list} ${family} ${pattern}`;
    const known = this.#wildcards.get(key);
    if (known !== undefined) {
      return known;
    }
    const glob = parseGlob(pattern);
    if (glob === undefined) {
      return undefined;
    }
    const all = this.#poolsIn(this.#rowsOf(list, family, []), 'by specificity');
    const pools = all.filter((pool) => glob(pool.name));
    if (this.#wildcards.size >= LIMITS.wildcardsMax) {
      this.#wildcards.clear();
    }
    this.#wildcards.set(key, pools);
    return pools;
  }

  /** Whether a pool of a family has all these properties. */
  has(list: PoolList, family: Family, properties: readonly Property[]): boolean {
    return (
      this.#engine.intersectRows(this.#rowsOf(list, family, properties), REGISTERS.selection) > 0
    );
  }

  /**
   * True when some pool is for certain network attachments only, so that the attachment must be
   * known.
   */
  get asksForNetworks(): boolean {
    return !this.#classes.network.isEmpty;
  }

  /** Answers to a question about one pod, worked out when first read. */
  ask(question: Question): Verdicts {
    return new Verdicts(this, question);
  }

  /** For Verdicts: fills the class registers, unless they hold this question's answers. */
  fillRegisters(verdicts: Verdicts): void {
    if (this.#asked === verdicts) {
      return;
    }
    for (const name of CLASSES) {
      const rows: number[] = [];
      this.#classes[name].addRowsFor(verdicts.question[name], rows);
      if (rows.length > 0) {
        this.#engine.intersectRows(rows, REGISTERS[name]);
      }
    }
    this.#asked = verdicts;
  }

  /** For Verdicts: whether a class takes a pool. The registers must be filled. */
  takes(className: ClassName, pool: Pool): boolean {
    const handle = this.handleOf(pool);
    if (handle === undefined || this.#classes[className].isEmpty) {
      return true;
    }
    return this.#engine.resultHas(REGISTERS[className], handle);
  }

  /**
   * For Verdicts: the pools of a selection that take the question's pod, in one query over all
   * classes.
   */
  select(
    question: Question,
    { list, family, properties, classes }: Selection,
    order: OrderName,
  ): Pool[] {
    const rows = this.#rowsOf(list, family, properties);
    for (const name of classes) {
      this.#classes[name].addRowsFor(question[name], rows);
    }
    return this.#poolsIn(rows, order);
  }

  #poolsIn(rows: readonly number[], order: OrderName): Pool[] {
    const count = this.#engine.intersectRows(rows, REGISTERS.selection);
    return count === 0
      ? []
      : this.#order.sorted(this.#engine.resultPools(REGISTERS.selection), order);
  }

  #changed(): void {
    this.#generation += 1;
    this.#wildcards.clear();
    this.#asked = undefined;
  }

  #rowsOf(list: PoolList, family: Family, properties: readonly Property[]): number[] {
    const rows = [this.#members[list][family]];
    for (const property of properties) {
      rows.push(this.#properties[property]);
    }
    return rows;
  }

  /** Rows that have this pool's bit set. */
  #ownRows(pool: Pool): number[] {
    const list = pool.dialect === 'calico' ? 'calico' : 'spiderpool';
    const rows = [this.#members[list][pool.family]];
    const has: Readonly<Record<Property, boolean>> = {
      alive: !pool.terminating,
      enabled: !pool.disabled,
      default: pool.isDefault,
      automatic: pool.calico?.assignmentMode === 'Automatic',
      workload: pool.calico?.allowedUses.includes('Workload') ?? false,
    };
    for (const [property, row] of Object.entries(this.#properties)) {
      if (has[property as Property]) {
        rows.push(row);
      }
    }
    return rows;
  }
}

/**
 * The classes' answers to one question. Which pools take the pod is one AND over the rows of all
 * classes; which class refuses a pool is asked class by class, only when somebody wants to know.
 * Those answers live in the engine's registers as bits; when another question or an edit has come
 * between, they are worked out again from the pools as they are now.
 */
export class Verdicts {
  readonly #catalog: Catalog;
  readonly question: Question;

  constructor(catalog: Catalog, question: Question) {
    this.#catalog = catalog;
    this.question = question;
  }

  /** The first class that refuses a pool, in the order of CLASSES; undefined: all take it. */
  refusing(pool: Pool): ClassName | undefined {
    this.#catalog.fillRegisters(this);
    return CLASSES.find((name) => !this.#catalog.takes(name, pool));
  }

  /** The pools of a selection, the most specific first, ties by name. */
  ranked(selection: Selection): readonly Pool[] {
    return this.#catalog.select(this.question, selection, 'by specificity');
  }

  /** The pools of a selection in the order of their names. */
  named(selection: Selection): readonly Pool[] {
    return this.#catalog.select(this.question, selection, 'by name');
  }
}
