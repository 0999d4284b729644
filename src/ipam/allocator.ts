/**
 * Which address next? The engine answers from its copy; the ledger's write decides (I2).
 *
 * The allocator keeps the engine in step with the pools, remembers the slots that are chosen but not yet
 * durable (holds), and makes a new engine out of the ledger when an instance is lost.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import { Catalog } from '../choose/catalog.ts';
import type { Choice, FamilyChoice, InterfaceChoice } from '../choose/choice.ts';
import {
  addressTakenError,
  type Exhausted,
  exhaustedGroupsError,
  type PoolCounts,
} from '../choose/messages.ts';
import type { Pool } from '../dialect/pool.ts';
import { Engine } from '../engine/engine.ts';
import { EngineLost } from '../engine/engine-lost.ts';
import { type Address, type Family, formatAddress } from '../net/address.ts';
import { RangeSet } from '../net/range-set.ts';
import { holderText } from './holder-text.ts';
import type { Clock, Cluster, Ledger, Line, Resting } from './ports.ts';

/** A slot chosen for one interface and family, marked used in the engine and not yet in the ledger. */
export interface HeldSlot {
  readonly address: Address;
  readonly pool: Pool;
  readonly interface: InterfaceChoice;
  /** What the ledger says of the slot now: absent or at rest. */
  readonly was: Resting | undefined;
}

/** All slots of one ADD: every interface and family, or none (I5). */
export interface Hold {
  readonly slots: readonly HeldSlot[];
}

interface PoolEntry {
  readonly pool: Pool;
  readonly handle: number;
  /** The reserved addresses that were left out of the eligible ones. */
  readonly reserved: RangeSet;
}

const MS_PER_TICK = 1_000;

export class Allocator {
  readonly #ledger: Ledger;
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #loadEngine: () => Engine;
  /** Addresses of the holds that have not ended, by their text. */
  readonly #held = new Map<string, Address>();
  #engine: Engine;
  #catalog: Catalog;
  #entries = new Map<string, PoolEntry>();
  #generation = -1;
  #rebuilds = 0;

  /** Reads the whole ledger once. Throws what the ledger throws. */
  constructor(
    parts: { ledger: Ledger; cluster: Cluster; clock: Clock },
    loadEngine: () => Engine = () => Engine.load(),
  ) {
    this.#ledger = parts.ledger;
    this.#cluster = parts.cluster;
    this.#clock = parts.clock;
    this.#loadEngine = loadEngine;
    this.#engine = loadEngine();
    this.#catalog = new Catalog(this.#engine);
    this.#fill();
  }

  /** How often a lost engine was replaced. */
  get rebuilds(): number {
    return this.#rebuilds;
  }

  /** Bytes of engine memory. */
  get engineBytes(): number {
    return this.#guarded(() => this.#engine.stats().memoryBytes);
  }

  /** Runs `read` on the catalog of the pools as they are now; again on a new engine if this one is lost. */
  withCatalog<T>(read: (catalog: Catalog) => T): T {
    return this.#guarded(() => {
      this.#syncPools();
      return read(this.#catalog);
    });
  }

  /**
   * Chooses with `pick` and marks one slot per interface and family of its outcome, or none. The order within
   * a family is DESIGN section 3: pools in candidate order, in a pool the lowest free address that is not at
   * rest, and addresses at rest only when no candidate has anything else.
   *
   * Throws what `pick` throws, and ADDRESSES_EXHAUSTED or ADDRESS_TAKEN in the dialect's words. The caller
   * ends the hold with `settle`.
   */
  hold(
    pick: (catalog: Catalog) => Choice,
    wanted: (item: InterfaceChoice) => boolean,
  ): { hold: Hold; choice: Choice } {
    const { slots, choice } = this.withCatalog((catalog) => {
      this.#engine.advance(this.#tick(this.#clock.now()));
      const chosen = pick(catalog);
      return { choice: chosen, slots: this.#holdAll(chosen, wanted) };
    });
    for (const slot of slots) {
      this.#held.set(formatAddress(slot.address), slot.address);
    }
    return { hold: { slots }, choice };
  }

  /**
   * Ends a hold, whether its slots became durable, failed, or were lost to somebody faster: the engine shows
   * what the ledger says of them now.
   */
  settle(hold: Hold): void {
    for (const slot of hold.slots) {
      this.#held.delete(formatAddress(slot.address));
    }
    this.learn(hold.slots.map((slot) => slot.address));
  }

  /**
   * The lines of these addresses changed: the engine shows what the ledger says now. It is read again rather
   * than passed in, because news may arrive late: the slot may have been given to another hold since.
   */
  learn(addresses: readonly Address[]): void {
    try {
      for (const address of addresses) {
        if (!this.#held.has(formatAddress(address))) {
          this.#show(address, this.#ledger.line(address));
        }
      }
    } catch (error) {
      if (!(error instanceof EngineLost)) {
        throw error;
      }
      this.#rebuild();
    }
  }

  /** Counts of one pool as the engine has them, or undefined for a pool that is not known. */
  counts(pool: Pool): PoolCounts | undefined {
    return this.withCatalog(() => {
      this.#engine.advance(this.#tick(this.#clock.now()));
      const entry = this.#entries.get(keyOf(pool));
      return entry === undefined ? undefined : this.#countsOf(entry);
    });
  }

  /** The reserved addresses that no automatic claim of this pool may take. */
  reservedOf(pool: Pool): RangeSet {
    return this.withCatalog(() => this.#entries.get(keyOf(pool))?.reserved ?? RangeSet.empty);
  }

  /**
   * The address a claim would get from this pool after `given` others, 0 for the very next; undefined where
   * it would have none, or only addresses at rest. Nothing stays claimed.
   */
  peek(pool: Pool, given = 0): Address | undefined {
    return this.withCatalog(() => {
      this.#engine.advance(this.#tick(this.#clock.now()));
      const entry = this.#entries.get(keyOf(pool));
      const taken: Address[] = [];
      while (entry !== undefined && taken.length <= given) {
        const address = this.#engine.claimNext(entry.handle, undefined);
        if (address === undefined) {
          break;
        }
        taken.push(address);
      }
      for (const address of taken) {
        this.#engine.unclaim(address);
      }
      return taken[given];
    });
  }

  /** Checks the engine from end to end: the first broken invariant in words, or undefined. */
  verify(): string | undefined {
    return this.#guarded(() => this.#engine.verify());
  }

  #holdAll(choice: Choice, wanted: (item: InterfaceChoice) => boolean): HeldSlot[] {
    const slots: HeldSlot[] = [];
    const exhausted: Exhausted[] = [];
    try {
      for (const item of choice.interfaces.filter(wanted)) {
        for (const family of item.families) {
          const found = this.#holdOne(choice, item, family);
          if (found === undefined) {
            exhausted.push({ interface: item, family, counts: this.#countsOfCandidates(family) });
          } else {
            slots.push(found);
          }
        }
      }
      if (exhausted.length > 0) {
        throw exhaustedGroupsError(choice, exhausted);
      }
      return slots;
    } catch (error) {
      if (error instanceof OrbweaverError) {
        for (const slot of slots) {
          this.#show(slot.address, slot.was);
        }
      }
      throw error;
    }
  }

  /** An address that the engine calls free but the ledger does not stays used, and the search goes on (I2). */
  #holdOne(choice: Choice, item: InterfaceChoice, family: FamilyChoice): HeldSlot | undefined {
    for (;;) {
      const found =
        family.requested === undefined
          ? this.#search(family)
          : this.#claimRequested(choice, item, family, family.requested);
      const was = found && this.#ledger.line(found.address);
      if (was?.state !== 'claimed') {
        return found && { ...found, interface: item, was };
      }
    }
  }

  #search(family: FamilyChoice): { address: Address; pool: Pool } | undefined {
    for (const claim of [
      (handle: number) => this.#engine.claimNext(handle, undefined),
      (handle: number) => this.#engine.claimResting(handle),
    ]) {
      for (const pool of family.candidates) {
        const entry = this.#entries.get(keyOf(pool));
        const address = entry && claim(entry.handle);
        if (address !== undefined) {
          return { address, pool };
        }
      }
    }
    return undefined;
  }

  #claimRequested(
    choice: Choice,
    item: InterfaceChoice,
    family: FamilyChoice,
    address: Address,
  ): { address: Address; pool: Pool } {
    if (this.#engine.claimAddress(address) === 'used') {
      const line = this.#ledger.line(address);
      const holder = line?.state === 'claimed' ? holderText(line) : 'an ADD in progress';
      throw addressTakenError(choice, item, family, holder);
    }
    return { address, pool: family.candidates[0] as Pool };
  }

  #countsOfCandidates(family: FamilyChoice): PoolCounts[] {
    return family.candidates.flatMap((pool) => {
      const entry = this.#entries.get(keyOf(pool));
      return entry === undefined ? [] : [this.#countsOf(entry)];
    });
  }

  #countsOf(entry: PoolEntry): PoolCounts {
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

  /** Makes the engine show one slot as the ledger has it. */
  #show(address: Address, line: Line | undefined): void {
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

  #tick(ms: number): number {
    return Math.floor(ms / MS_PER_TICK);
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
      return { pool, handle, reserved };
    }
    if (before.pool.revision === pool.revision && before.reserved.equals(reserved)) {
      return before;
    }
    this.#engine.replacePool(before.handle, pool.ranges.subtract(reserved).words);
    this.#catalog.put(pool, before.handle);
    return { pool, handle: before.handle, reserved };
  }

  /** Runs an engine step that may be repeated; a lost engine is replaced once. */
  #guarded<T>(step: () => T): T {
    try {
      return step();
    } catch (error) {
      if (!(error instanceof EngineLost)) {
        throw error;
      }
      this.#rebuild();
      return step();
    }
  }

  #rebuild(): void {
    this.#rebuilds += 1;
    this.#engine = this.#loadEngine();
    this.#catalog = new Catalog(this.#engine);
    this.#entries = new Map();
    this.#generation = -1;
    this.#fill();
    for (const address of this.#held.values()) {
      this.#engine.claimAddress(address);
    }
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
    this.#engine.advance(this.#tick(now));
  }
}

function keyOf(pool: Pool): string {
  return `${pool.dialect}/${pool.name}`;
}

/** Rest of an address that a pool gave, in milliseconds. */
export function restMsOf(pool: Pool | undefined): number {
  return pool?.restMs ?? LIMITS.restMs;
}
