/**
 * The engine as a copy of the ledger (I2): kept in step with the pools and the lines, and made anew out of the
 * ledger when an instance is lost or may differ.
 */
import { isDeepStrictEqual } from 'node:util';
import { OrbweaverError } from '../catalogue/errors.ts';
import { Catalog } from '../choose/catalog.ts';
import type { PoolCounts } from '../choose/messages.ts';
import type { Pool } from '../dialect/pool.ts';
import { Engine } from '../engine/engine.ts';
import { EngineLost } from '../engine/engine-lost.ts';
import type { Address, Family } from '../net/address.ts';
import type { Cidr } from '../net/cidr.ts';
import type { RangeSet } from '../net/range-set.ts';
import type { Holds } from './holds.ts';
import { blocksBehind, NodeStarts } from './node-starts.ts';
import type { Clock, Cluster, Ledger, Line, Sight, Unit } from './ports.ts';
import { keyOf, type PoolEntries, type PoolEntry, SlotSearch } from './slot-search.ts';
import { UnitIndex } from './unit-index.ts';

const MS_PER_TICK = 1_000;

export interface CopyParts {
  readonly ledger: Ledger;
  readonly cluster: Cluster;
  readonly clock: Clock;
}

export class EngineCopy {
  readonly #ledger: Ledger;
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #holds: Holds;
  readonly #starts: NodeStarts | undefined;
  readonly #loadEngine: () => Engine;
  #engine: Engine;
  #catalog: Catalog;
  #entries = new Map<string, PoolEntry>();
  #generation = -1;
  #rebuilds = 0;
  /**
   * The ledger could not be read when the engine had to follow a change of it, so the two may differ: the
   * engine is made anew before its next use.
   */
  #stale = false;

  /** Reads the whole ledger once. Throws what the ledger throws. */
  constructor(parts: CopyParts, holds: Holds, loadEngine: () => Engine = () => Engine.load()) {
    this.#ledger = parts.ledger;
    this.#starts = parts.ledger.shared && new NodeStarts();
    this.#cluster = parts.cluster;
    this.#clock = parts.clock;
    this.#holds = holds;
    this.#loadEngine = loadEngine;
    this.#engine = loadEngine();
    this.#catalog = new Catalog(this.#engine);
    this.#fill();
  }

  /** The engine of this moment: a later step may find another one. */
  get engine(): Engine {
    return this.#engine;
  }

  /** The pools of this moment, for choosing. */
  get catalog(): Catalog {
    return this.#catalog;
  }

  /** The pools of this moment, as the engine has them. */
  get entries(): PoolEntries {
    return this.#entries;
  }

  /** How often the engine was replaced. */
  get rebuilds(): number {
    return this.#rebuilds;
  }

  /**
   * Runs `step` on the pools as they are now, at this time; again on a new engine if this one is lost. So it
   * must be a step that may be repeated.
   */
  use<T>(step: () => T): T {
    return this.guarded(() => {
      this.#syncPools();
      this.#engine.advance(tickOf(this.#clock.now()));
      return step();
    });
  }

  /** The same for a step that asks about the engine and not about pools. */
  guarded<T>(step: () => T): T {
    if (this.#stale) {
      this.#rebuild();
    }
    try {
      return step();
    } catch (error) {
      if (!(error instanceof EngineLost)) {
        this.#stale ||= !isRefusal(error);
        throw error;
      }
      this.#rebuild();
      return step();
    }
  }

  /**
   * Runs a step that follows a change of the ledger. Where the ledger or the engine fails, the engine is made
   * anew later and the result is undefined: whoever brings the news has an outcome of its own to tell.
   */
  follow<T>(step: () => T): T | undefined {
    try {
      return step();
    } catch (error) {
      this.#stale = true;
      if (error instanceof EngineLost || error instanceof OrbweaverError) {
        return undefined;
      }
      throw error;
    }
  }

  /** Makes the engine show one slot as the ledger has it. */
  show(address: Address, line: Line | undefined): void {
    if (line?.state === 'claimed') {
      this.#engine.claimAddress(address);
      return;
    }
    if (line?.state === 'resting' && line.until > this.#clock.now()) {
      this.#engine.rest(address, this.#endTick(line));
      return;
    }
    if (this.#engine.isUsed(address)) {
      this.#engine.unclaim(address);
    }
  }

  /** Shows the owner of a unit. O(pools with units). */
  showUnit(cidr: Cidr, now: Unit | undefined): void {
    for (const { units } of this.#entries.values()) {
      units?.show(cidr, now);
    }
  }

  /**
   * A search for a node; it must not outlive the step that makes it. `sight` does not matter where nobody else writes.
   */
  search(node: string, sight: Sight): SlotSearch {
    return new SlotSearch({
      engine: this.#engine,
      entries: this.#entries,
      node,
      now: this.#clock.now(),
      starts: this.#starts,
      sight: this.#ledger.shared === undefined ? 'new' : sight,
      putBack: (address) => this.show(address, this.#ledger.line(address)),
    });
  }

  /** Somebody else was faster to claim these addresses: searches begin elsewhere in their blocks. */
  lose(addresses: readonly Address[]): void {
    this.#starts?.lose(addresses);
  }

  /** The next blocks, so many at most, in which the search of a pool goes on behind an address. */
  ahead(pool: Pool, address: Address, count: number): Address[] {
    const entry = this.#entries.get(keyOf(pool));
    // In a pool with units the search goes by their owners.
    return entry === undefined || entry.units !== undefined
      ? []
      : blocksBehind(this.#engine, entry.handle, address, count);
  }

  /** Counts of one pool as the engine has them, or undefined for a pool that is not known. */
  counts(pool: Pool): PoolCounts | undefined {
    return this.use(() => {
      const entry = this.#entries.get(keyOf(pool));
      return entry === undefined ? undefined : this.countsOf(entry);
    });
  }

  countsOf(entry: PoolEntry): PoolCounts {
    const counts = this.#engine.counts(entry.handle);
    return {
      pool: entry.pool.name,
      total: Number(entry.pool.ranges.size()),
      used: counts.used,
      resting: counts.resting,
      reserved: Number(entry.pool.ranges.intersect(entry.reserved).size()),
      free: counts.total - counts.used - counts.resting,
    };
  }

  /** Rule 9: a release that lies in the future (a clock was set back) begins its rest now. */
  #endTick(line: { releasedAt: number; until: number }): number {
    const now = this.#clock.now();
    const until = line.releasedAt > now ? now + (line.until - line.releasedAt) : line.until;
    return Math.ceil(until / MS_PER_TICK);
  }

  #syncPools(): void {
    if (this.#generation === this.#cluster.poolGeneration) {
      return;
    }
    const reserved: Record<Family, RangeSet> = {
      4: this.#cluster.reserved(4),
      6: this.#cluster.reserved(6),
    };
    const before = this.#entries;
    const after = new Map<string, PoolEntry>();
    for (const pool of this.#cluster.pools()) {
      const key = keyOf(pool);
      after.set(key, this.#placePool(pool, before.get(key), reserved[pool.family]));
      before.delete(key);
    }
    for (const { pool, handle } of before.values()) {
      this.#catalog.remove(pool);
      this.#engine.removePool(handle);
    }
    this.#entries = after;
    this.#generation = this.#cluster.poolGeneration;
  }

  #placePool(pool: Pool, before: PoolEntry | undefined, reserved: RangeSet): PoolEntry {
    if (before === undefined) {
      const handle = this.#engine.addPool(pool.ranges.subtract(reserved).words);
      this.#catalog.put(pool, handle);
      return { pool, handle, reserved, units: this.#readUnits(pool) };
    }
    if (isSamePool(before.pool, pool) && before.reserved.equals(reserved)) {
      return before;
    }
    this.#engine.replacePool(before.handle, pool.ranges.subtract(reserved).words);
    this.#catalog.put(pool, before.handle);
    return { pool, handle: before.handle, reserved, units: this.#readUnits(pool) };
  }

  /** A pool of the same name may be another one by now, so its units are read again with every edit. */
  #readUnits(pool: Pool): UnitIndex | undefined {
    if (pool.calico === undefined) {
      return undefined;
    }
    const units = new UnitIndex(pool, this.#ledger.units(pool.subnet));
    for (const { write } of this.#holds.pending.all()) {
      units.show(write.now.cidr, write.now);
    }
    return units;
  }

  #rebuild(): void {
    this.#rebuilds += 1;
    this.#stale = true;
    this.#engine = this.#loadEngine();
    this.#catalog = new Catalog(this.#engine);
    this.#entries = new Map();
    this.#generation = -1;
    this.#fill();
    for (const address of this.#holds.addresses()) {
      this.#engine.claimAddress(address);
    }
    this.#stale = false;
  }

  #fill(): void {
    this.#syncPools();
    for (const block of this.#ledger.blocks()) {
      this.#engine.writeBlock(block.first, block.usedLow, block.usedHigh);
    }
    const now = this.#clock.now();
    for (const line of this.#ledger.resting()) {
      if (line.until > now) {
        this.#engine.rest(line.address, this.#endTick(line));
      }
    }
    this.#engine.advance(tickOf(now));
  }
}

function tickOf(ms: number): number {
  return Math.floor(ms / MS_PER_TICK);
}

/** What a step says on purpose; anything else, a store that fails say, may have left it half done. */
function isRefusal(error: unknown): boolean {
  return error instanceof OrbweaverError && !error.code.startsWith('STORE_');
}

/** Settings that reach into pools may go without a trace in the pools' revisions. */
function isSamePool(before: Pool, now: Pool): boolean {
  return (
    before.revision === now.revision &&
    before.restMs === now.restMs &&
    isDeepStrictEqual(before.calico?.unitRules, now.calico?.unitRules)
  );
}
