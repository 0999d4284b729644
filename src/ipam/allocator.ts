/**
 * Which address next? The engine answers from its copy; the ledger's write decides (I2).
 *
 * The allocator chooses slots for ADDs, all of one ADD or none, and remembers those that are not yet durable
 * (holds). engine-copy.ts keeps the engine in step with ledger and pools.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import type { Catalog } from '../choose/catalog.ts';
import type { Choice, FamilyChoice, InterfaceChoice } from '../choose/choice.ts';
import { type Exhausted, exhaustedGroupsError, type PoolCounts } from '../choose/messages.ts';
import type { Pool } from '../dialect/pool.ts';
import type { Engine } from '../engine/engine.ts';
import { type Address, blockOf, equalAddresses } from '../net/address.ts';
import { type Cidr, formatCidr, lastOfCidr } from '../net/cidr.ts';
import { RangeSet } from '../net/range-set.ts';
import { doubtful } from './doubtful.ts';
import { type CopyParts, EngineCopy } from './engine-copy.ts';
import { type HeldSlot, type Hold, Holds } from './holds.ts';
import type { HeldUnit } from './pending-units.ts';
import type { Clock, Ledger, Resting, Sight, Unit, UnitWrite } from './ports.ts';
import { Preview } from './preview.ts';
import { type Found, keyOf, type SlotSearch } from './slot-search.ts';
import { takenError } from './taken-error.ts';

/** For whom slots are held. */
export interface Claimant {
  readonly node: string;
  /** Fresh for every change of a unit's owner (rule 1). */
  readonly nonce: () => string;
  /** Of what others write. */
  readonly sight: Sight;
}

/** What came of a choice. */
export type Held =
  | { readonly kind: 'held'; readonly hold: Hold; readonly choice: Choice }
  /**
   * Nothing is left among these addresses but, perhaps, what others have given back: it is to be looked for with a
   * better sight (`Ledger.shared`), then it is chosen again (rule 11). Nothing is held.
   */
  | { readonly kind: 'unsure'; readonly addresses: readonly RangeSet[] };

/** What one `hold` has chosen so far. */
interface Attempt {
  readonly slots: HeldSlot[];
  /** By the unit's network. */
  readonly units: Map<string, HeldUnit>;
  readonly conditions: Map<string, UnitWrite>;
}

export class Allocator {
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #holds = new Holds();
  readonly #copy: EngineCopy;

  /** Reads the whole ledger once. Throws what the ledger throws. */
  constructor(parts: CopyParts, loadEngine?: () => Engine) {
    this.#ledger = parts.ledger;
    this.#clock = parts.clock;
    this.#copy = new EngineCopy(parts, this.#holds, loadEngine);
  }

  /** How often a lost engine was replaced. */
  get rebuilds(): number {
    return this.#copy.rebuilds;
  }

  /** Bytes of engine memory. */
  get engineBytes(): number {
    return this.#copy.guarded(() => this.#copy.engine.stats().memoryBytes);
  }

  /** Runs `read` on the catalog of the pools as they are now; again on a new engine if this one is lost. */
  withCatalog<T>(read: (catalog: Catalog) => T): T {
    return this.#copy.use(() => read(this.#copy.catalog));
  }

  /**
   * Chooses with `pick` and marks one slot per interface and family of its outcome, or none. The order within
   * a family is DESIGN section 3: pools in candidate order, in a pool the lowest free address that is not at
   * rest (in Calico's pools as unit-search.ts says), and addresses at rest only when no candidate has
   * anything else.
   *
   * Throws what `pick` throws, and ADDRESSES_EXHAUSTED or ADDRESS_TAKEN in the dialect's words; where others write
   * to the ledger only in `new` sight. The caller writes the hold's units with its slots and
   * ends it with `settle`.
   */
  hold(
    pick: (catalog: Catalog) => Choice,
    wanted: (item: InterfaceChoice) => boolean,
    claimant: Claimant,
  ): Held {
    const held = this.withCatalog((catalog) => this.#holdAll(pick(catalog), wanted, claimant));
    if (held.kind === 'held') {
      this.#holds.begin(held.hold);
    }
    return held;
  }

  /** Others were faster to claim these addresses: this node looks elsewhere in their blocks. */
  lose(addresses: readonly Address[]): void {
    this.#copy.lose(addresses);
  }

  /** The next blocks, so many at most, in which the search goes on that came to the slots of this hold. */
  ahead({ slots }: Hold, count: number): Address[] {
    return this.#copy.use(() =>
      slots.flatMap(({ address, pool }) => this.#copy.ahead(pool, address, count)).slice(0, count),
    );
  }

  /**
   * Ends a hold, whether its slots became durable, failed, or were lost to somebody faster: the engine shows
   * what the ledger says of them now.
   */
  settle(hold: Hold): void {
    for (const unit of hold.units) {
      const { cidr } = unit.write.now;
      const found = this.#copy.follow(() => this.#ledger.unit(cidr));
      this.#holds.pending.end(unit, found);
      this.#copy.showUnit(cidr, this.#holds.pending.of(cidr)?.write.now ?? found);
    }
    this.#holds.endSlots(hold);
    this.learn(hold.slots.map((slot) => slot.address));
  }

  /**
   * The lines of these addresses and the owners of these units changed: the engine shows what the ledger says
   * now. It is read again rather than passed in, because news may arrive late: the slot may have been given to
   * another hold since.
   */
  learn(addresses: readonly Address[], units: readonly Cidr[] = []): void {
    this.#copy.follow(() => {
      for (const address of addresses) {
        if (!this.#holds.has(address)) {
          this.#copy.show(address, this.#ledger.line(address));
        }
      }
      for (const cidr of units) {
        const pending = this.#holds.pending.of(cidr);
        this.#copy.showUnit(cidr, pending?.write.now ?? this.#ledger.unit(cidr));
      }
    });
  }

  /** Counts of one pool as the engine has them, or undefined for a pool that is not known. */
  counts(pool: Pool): PoolCounts | undefined {
    return this.#copy.counts(pool);
  }

  /** What ADD would find, for `explain`. */
  preview(sight: Sight): Preview {
    return new Preview({ copy: this.#copy, ledger: this.#ledger, clock: this.#clock, sight });
  }

  /** The reserved addresses that no automatic claim of this pool may take. */
  reservedOf(pool: Pool): RangeSet {
    return this.#copy.use(() => this.#copy.entries.get(keyOf(pool))?.reserved ?? RangeSet.empty);
  }

  /** The affinity units of a pool that somebody owns, in address order. */
  unitsOf(pool: Pool): Unit[] {
    return this.#copy.use(() => this.#copy.entries.get(keyOf(pool))?.units?.units() ?? []);
  }

  /** Checks the engine from end to end: the first broken invariant in words, or undefined. */
  verify(): string | undefined {
    return this.#copy.guarded(() => this.#copy.engine.verify());
  }

  #holdAll(choice: Choice, wanted: (item: InterfaceChoice) => boolean, claimant: Claimant): Held {
    const attempt: Attempt = { slots: [], units: new Map(), conditions: new Map() };
    const search = this.#copy.search(claimant.node, claimant.sight);
    const exhausted: Exhausted[] = [];
    const unsure: RangeSet[] = [];
    try {
      for (const item of choice.interfaces.filter(wanted)) {
        for (const family of item.families) {
          const found = this.#findOne(search, choice, item, family);
          if (found === 'unsure') {
            unsure.push(...doubtful(family));
          } else if (found === undefined) {
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
      if (unsure.length > 0) {
        this.#abandon(attempt);
        return { kind: 'unsure', addresses: unsure };
      }
      if (exhausted.length > 0) {
        throw exhaustedGroupsError(choice, exhausted);
      }
      return { kind: 'held', hold: holdOf(attempt), choice };
    } catch (error) {
      if (error instanceof OrbweaverError) {
        this.#abandon(attempt);
      }
      throw error;
    }
  }

  #abandon(attempt: Attempt): void {
    for (const slot of attempt.slots) {
      this.#copy.show(slot.address, slot.was);
    }
    for (const { write } of attempt.units.values()) {
      const { cidr } = write.now;
      this.#copy.showUnit(cidr, this.#holds.pending.of(cidr)?.write.now ?? write.was);
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
  ): (Found & { readonly was: Resting | undefined }) | 'unsure' | undefined {
    for (;;) {
      const { requested } = family;
      const found =
        requested === undefined ? search.next(family) : search.requested(family, requested);
      if (found === undefined && requested !== undefined) {
        throw takenError(this.#ledger, choice, item, family);
      }
      if (found === undefined || found === 'unsure') {
        return found;
      }
      const was = this.#ledger.line(found.address);
      if (was?.state !== 'claimed') {
        return { ...found, was };
      }
    }
  }

  /**
   * The unit of an address that was found: claimed with it, or about to become the node's by another hold or
   * another slot of this one; then the write of its owner goes with this claim too.
   */
  #holdUnit(attempt: Attempt, found: Found, claimant: Claimant): void {
    const { entry, address, claims } = found;
    if (entry.units === undefined) {
      return;
    }
    if (claims === undefined) {
      const pending = this.#holds.pending.of(entry.units.networkOf(address));
      if (pending?.write.now.node === claimant.node) {
        attempt.units.set(formatCidr(pending.write.now.cidr), pending);
      } else {
        this.#requireUnit(attempt, found, claimant.node);
      }
      return;
    }
    const { cidr, was } = claims;
    const { node, nonce } = claimant;
    const now = { cidr, node, claimedAt: this.#clock.now(), nonce: nonce() };
    const write = was === undefined ? { was, now } : { was, now, vacant: true as const };
    attempt.units.set(formatCidr(cidr), { pool: entry.pool, write });
    entry.units.show(cidr, now);
  }

  /**
   * Where affinity is strict, another node may take over the unit before the claim lands. That is ruled out for units
   * inside a block, whose owner is written beside their slots.
   */
  #requireUnit(attempt: Attempt, { entry, address }: Found, node: string): void {
    const unit = entry.units?.ownerOf(address);
    const strict = entry.pool.calico?.unitRules.strictAffinity === true;
    const shared = this.#ledger.shared !== undefined;
    if (strict && shared && unit?.node === node && inOneBlock(unit.cidr, address)) {
      attempt.conditions.set(formatCidr(unit.cidr), { was: unit, now: unit });
    }
  }

  #countsOfCandidates(family: FamilyChoice): PoolCounts[] {
    return family.candidates.flatMap((pool) => {
      const entry = this.#copy.entries.get(keyOf(pool));
      return entry === undefined ? [] : [this.#copy.countsOf(entry)];
    });
  }
}

function holdOf({ slots, units, conditions }: Attempt): Hold {
  return { slots, units: [...units.values()], conditions: [...conditions.values()] };
}

function inOneBlock(unit: Cidr, address: Address): boolean {
  const block = blockOf(address);
  return (
    equalAddresses(blockOf(unit.first), block) && equalAddresses(blockOf(lastOfCidr(unit)), block)
  );
}
