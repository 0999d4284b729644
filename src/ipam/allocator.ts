/**
 * Which address next? The engine answers from its copy; the ledger's write decides (I2).
 *
 * The allocator keeps the engine in step with the pools, remembers the slots that are chosen but not yet
 * durable (holds), and makes a new engine out of the ledger when an instance is lost.
 */
import { isDeepStrictEqual } from 'node:util';
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
import type { Subject } from '../choose/subject.ts';
import type { Pool } from '../dialect/pool.ts';
import { Engine } from '../engine/engine.ts';
import { EngineLost } from '../engine/engine-lost.ts';
import { type Address, type Family, formatAddress } from '../net/address.ts';
import { formatCidr } from '../net/cidr.ts';
import { RangeSet } from '../net/range-set.ts';
import { holderText } from './holder-text.ts';
import { type HeldUnit, PendingUnits } from './pending-units.ts';
import type { Clock, Cluster, Ledger, Line, Resting, Unit } from './ports.ts';
import { type Found, keyOf, type PoolEntry, SlotSearch } from './slot-search.ts';
import { UnitIndex } from './unit-index.ts';

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
  /** Affinity units that the node becomes the owner of with these slots. */
  readonly units: readonly HeldUnit[];
}

/** For whom slots are held. */
export interface Claimant {
  readonly node: string;
  /** Fresh for every change of a unit's owner (rule 1). */
  readonly nonce: () => string;
}

/** What one `hold` has chosen so far. */
interface Attempt {
  readonly slots: HeldSlot[];
  /** By the unit's network. */
  readonly units: Map<string, HeldUnit>;
}

const MS_PER_TICK = 1_000;

export class Allocator {
  readonly #ledger: Ledger;
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #loadEngine: () => Engine;
  /** Addresses of the holds that have not ended, by their text. */
  readonly #held = new Map<string, Address>();
  readonly #pending = new PendingUnits();
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
   * rest (in Calico's pools as unit-search.ts says), and addresses at rest only when no candidate has
   * anything else.
   *
   * Throws what `pick` throws, and ADDRESSES_EXHAUSTED or ADDRESS_TAKEN in the dialect's words. The caller
   * writes the hold's units with its slots and ends it with `settle`.
   */
  hold(
    pick: (catalog: Catalog) => Choice,
    wanted: (item: InterfaceChoice) => boolean,
    claimant: Claimant,
  ): { hold: Hold; choice: Choice } {
    const { hold, choice } = this.withCatalog((catalog) => {
      this.#engine.advance(this.#tick(this.#clock.now()));
      const chosen = pick(catalog);
      return { choice: chosen, hold: this.#holdAll(chosen, wanted, claimant) };
    });
    for (const slot of hold.slots) {
      this.#held.set(formatAddress(slot.address), slot.address);
    }
    this.#pending.begin(hold.units);
    return { hold, choice };
  }

  /**
   * Ends a hold, whether its slots became durable, failed, or were lost to somebody faster: the engine shows
   * what the ledger says of them now.
   */
  settle(hold: Hold): void {
    for (const unit of hold.units) {
      const { cidr } = unit.write.now;
      const found = this.#follow(() => this.#ledger.unit(cidr));
      this.#pending.end(unit, found);
      const now = this.#pending.of(cidr)?.write.now ?? found;
      this.#entries.get(keyOf(unit.pool))?.units?.show(cidr, now);
    }
    for (const slot of hold.slots) {
      this.#held.delete(formatAddress(slot.address));
    }
    this.learn(hold.slots.map((slot) => slot.address));
  }

  /**
   * The lines of these addresses changed: the engine shows what the ledger says now. It is read again rather
   * than passed in, because news may arrive late: the slot may have been given to another hold since. Where
   * that fails, the engine is made anew later: whoever brings the news has an outcome of its own to tell.
   */
  learn(addresses: readonly Address[]): void {
    this.#follow(() => {
      for (const address of addresses) {
        if (!this.#held.has(formatAddress(address))) {
          this.#show(address, this.#ledger.line(address));
        }
      }
    });
  }

  #follow<T>(step: () => T): T | undefined {
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
   * The address that a claim from `node` would get from this candidate after `given` others, 0 for the very
   * next; undefined where it would have none, or only addresses at rest. Nothing stays claimed.
   */
  peek(pool: Pool, given: number, family: FamilyChoice, node: string): Address | undefined {
    return this.withCatalog(() => {
      this.#engine.advance(this.#tick(this.#clock.now()));
      const search = this.#searchFor(node);
      const taken: Found[] = [];
      while (taken.length <= given) {
        const found = search.free(pool, family);
        if (found === undefined) {
          break;
        }
        taken.push(found);
        if (found.claims !== undefined) {
          const { cidr } = found.claims;
          const now = { cidr, node, claimedAt: this.#clock.now(), nonce: '' };
          found.entry.units?.show(cidr, now);
        }
      }
      for (const { entry, address, claims } of taken.toReversed()) {
        this.#engine.unclaim(address);
        if (claims !== undefined) {
          entry.units?.show(claims.cidr, claims.was);
        }
      }
      return taken[given]?.address;
    });
  }

  /**
   * What keeps a node from another unit of a family's candidates, in Calico's words; undefined:
   * nothing.
   */
  obstacle(family: FamilyChoice, node: string): string | undefined {
    return this.withCatalog(() => this.#searchFor(node).obstacle(family));
  }

  /**
   * ADDRESS_TAKEN in the words of ADD where the address that the family asks for by number is
   * another's or out of the node's reach; undefined where the subject's pod would get it or has it.
   * Nothing is claimed, and no rest ends. The family has a candidate.
   */
  requestRefusal(
    choice: Choice,
    item: InterfaceChoice,
    family: FamilyChoice,
    { node, pod }: Subject,
  ): OrbweaverError | undefined {
    const { requested } = family;
    if (requested === undefined) {
      return undefined;
    }
    const line = this.#ledger.line(requested);
    const holder = line?.state === 'claimed' ? line.owner : undefined;
    if (holder && holder.namespace === pod?.namespace && holder.pod === pod.name) {
      return undefined;
    }
    return this.withCatalog(() => {
      try {
        this.#searchFor(node.name).unitOfRequested(family, requested);
      } catch (error) {
        if (error instanceof OrbweaverError) {
          return error;
        }
        throw error;
      }
      const used = holder !== undefined || this.#engine.isUsed(requested);
      return used ? this.#takenError(choice, item, family) : undefined;
    });
  }

  /** The affinity units of a pool that somebody owns, in address order. */
  unitsOf(pool: Pool): Unit[] {
    return this.withCatalog(() => this.#entries.get(keyOf(pool))?.units?.units() ?? []);
  }

  /** Checks the engine from end to end: the first broken invariant in words, or undefined. */
  verify(): string | undefined {
    return this.#guarded(() => this.#engine.verify());
  }

  #holdAll(choice: Choice, wanted: (item: InterfaceChoice) => boolean, claimant: Claimant): Hold {
    const attempt: Attempt = { slots: [], units: new Map() };
    const search = this.#searchFor(claimant.node);
    const exhausted: Exhausted[] = [];
    try {
      for (const item of choice.interfaces.filter(wanted)) {
        for (const family of item.families) {
          const found = this.#findOne(search, choice, item, family);
          if (found === undefined) {
            const obstacle = search.obstacle(family);
            const counts = this.#countsOfCandidates(family);
            exhausted.push({ interface: item, family, counts, obstacle });
          } else {
            const { address, was, entry } = found;
            attempt.slots.push({ address, pool: entry.pool, interface: item, was });
            this.#holdUnit(attempt, found, claimant);
          }
        }
      }
      if (exhausted.length > 0) {
        throw exhaustedGroupsError(choice, exhausted);
      }
      return { slots: attempt.slots, units: [...attempt.units.values()] };
    } catch (error) {
      if (error instanceof OrbweaverError) {
        this.#abandon(attempt);
      }
      throw error;
    }
  }

  #abandon(attempt: Attempt): void {
    for (const slot of attempt.slots) {
      this.#show(slot.address, slot.was);
    }
    for (const { pool, write } of attempt.units.values()) {
      const { cidr } = write.now;
      const before = this.#pending.of(cidr)?.write.now ?? write.was;
      this.#entries.get(keyOf(pool))?.units?.show(cidr, before);
    }
  }

  /**
   * An address that the engine calls free but the ledger does not stays used, and the search goes on
   * (I2).
   */
  #findOne(
    search: SlotSearch,
    choice: Choice,
    item: InterfaceChoice,
    family: FamilyChoice,
  ): (Found & { readonly was: Resting | undefined }) | undefined {
    for (;;) {
      const { requested } = family;
      const found =
        requested === undefined ? search.next(family) : search.requested(family, requested);
      if (found === undefined && requested !== undefined) {
        throw this.#takenError(choice, item, family);
      }
      const was = found && this.#ledger.line(found.address);
      if (was?.state !== 'claimed') {
        return found && { ...found, was };
      }
    }
  }

  #takenError(choice: Choice, item: InterfaceChoice, family: FamilyChoice): OrbweaverError {
    const line = family.requested && this.#ledger.line(family.requested);
    const holder = line?.state === 'claimed' ? holderText(line) : 'an ADD in progress';
    return addressTakenError(choice, item, family, holder);
  }

  /**
   * The unit of an address that was found: claimed with it, or about to become the node's by another hold or
   * another slot of this one; then the write of its owner goes with this claim too.
   */
  #holdUnit(attempt: Attempt, { entry, address, claims }: Found, claimant: Claimant): void {
    if (entry.units === undefined) {
      return;
    }
    if (claims === undefined) {
      const pending = this.#pending.of(entry.units.networkOf(address));
      if (pending?.write.now.node === claimant.node) {
        attempt.units.set(formatCidr(pending.write.now.cidr), pending);
      }
      return;
    }
    const { cidr, was } = claims;
    const { node, nonce } = claimant;
    const now = { cidr, node, claimedAt: this.#clock.now(), nonce: nonce() };
    attempt.units.set(formatCidr(cidr), { pool: entry.pool, write: { was, now } });
    entry.units.show(cidr, now);
  }

  #searchFor(node: string): SlotSearch {
    return new SlotSearch({
      engine: this.#engine,
      entries: this.#entries,
      node,
      now: this.#clock.now(),
      putBack: (address) => this.#show(address, this.#ledger.line(address)),
    });
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
    for (const { write } of this.#pending.all()) {
      units.show(write.now.cidr, write.now);
    }
    return units;
  }

  /** Runs an engine step that may be repeated; a lost engine is replaced once. */
  #guarded<T>(step: () => T): T {
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

  #rebuild(): void {
    this.#rebuilds += 1;
    this.#stale = true;
    this.#engine = this.#loadEngine();
    this.#catalog = new Catalog(this.#engine);
    this.#entries = new Map();
    this.#generation = -1;
    this.#fill();
    for (const address of this.#held.values()) {
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
    this.#engine.advance(this.#tick(now));
  }
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

/** Rest of an address that a pool gave, in milliseconds. */
export function restMsOf(pool: Pool | undefined): number {
  return pool?.restMs ?? LIMITS.restMs;
}
