/**
 * Which address of a family's candidates is next for a pod on a node (DESIGN section 3): the pools
 * in their order, and addresses at rest only when no pool has anything else.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import type { FamilyChoice } from '../choose/choice.ts';
import { calicoAddressError } from '../choose/messages.ts';
import type { Pool } from '../dialect/pool.ts';
import type { Engine } from '../engine/engine.ts';
import type { Address } from '../net/address.ts';
import { type Cidr, formatCidr } from '../net/cidr.ts';
import type { RangeSet } from '../net/range-set.ts';
import type { NodeStarts } from './node-starts.ts';
import type { Sight } from './ports.ts';
import type { UnitIndex } from './unit-index.ts';
import {
  type Licence,
  licenceOf,
  type UnitFind,
  type UnitPool,
  UnitSearch,
} from './unit-search.ts';

/** A pool as the engine has it. */
export interface PoolEntry {
  readonly pool: Pool;
  readonly handle: number;
  /** The reserved addresses that were left out of the eligible ones. */
  readonly reserved: RangeSet;
  /** Who owns the affinity units; Calico's pools only. */
  readonly units: UnitIndex | undefined;
}

/** The entries of the pools by `keyOf`. */
export type PoolEntries = ReadonlyMap<string, PoolEntry>;

/** An address that a search has marked used in the engine. */
export interface Found extends UnitFind {
  readonly entry: PoolEntry;
}

/** What tells a pool from all others. */
export function keyOf(pool: Pool): string {
  return `${pool.dialect}/${pool.name}`;
}

export interface SearchParts {
  readonly engine: Engine;
  readonly entries: PoolEntries;
  readonly node: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Where nodes begin that share the pools; undefined: at the lowest address. */
  readonly starts: NodeStarts | undefined;
  /** What the engine's copy is worth. `unsure` is the answer where it is worth too little to say more. */
  readonly sight: Sight;
  /** Lets an address rest again that was taken out of its rest and then passed over. */
  readonly putBack: (address: Address) => void;
}

/** The searches of one hold. It is not kept: the engine and the entries may be replaced. */
export class SlotSearch {
  readonly #engine: Engine;
  readonly #entries: PoolEntries;
  readonly #node: string;
  readonly #starts: NodeStarts | undefined;
  readonly #sight: Sight;
  readonly #units: UnitSearch;
  readonly #putBack: (address: Address) => void;

  constructor(parts: SearchParts) {
    this.#engine = parts.engine;
    this.#entries = parts.entries;
    this.#node = parts.node;
    this.#starts = parts.starts;
    this.#sight = parts.sight;
    this.#units = new UnitSearch(parts);
    this.#putBack = parts.putBack;
  }

  /** The next address of the family, or undefined where no candidate has one for this node. */
  next(family: FamilyChoice): Found | 'unsure' | undefined {
    for (const pool of family.candidates) {
      const found = this.free(pool, family);
      if (found !== undefined) {
        return found;
      }
    }
    if (this.#sight === 'old') {
      return 'unsure';
    }
    for (const pool of family.candidates) {
      const found = this.#resting(pool, family);
      if (found !== undefined) {
        return found;
      }
    }
    return this.#nothing();
  }

  /** The next address of one candidate that does not rest. */
  free(pool: Pool, family: FamilyChoice): Found | 'unsure' | undefined {
    const entry = this.#entries.get(keyOf(pool));
    if (entry === undefined) {
      return undefined;
    }
    const { handle } = entry;
    if (hasUnits(entry)) {
      const found = this.#units.free(entry, () => this.#licence(family));
      if (found === undefined || found === 'unsure') {
        return found;
      }
      const unit = entry.units.networkOf(found.address);
      return { ...found, entry, address: this.#spread(handle, found.address, unit) };
    }
    const start = this.#starts?.blockOf(this.#engine, handle, this.#node);
    const address = this.#engine.claimNext(handle, start);
    return address && { entry, address: this.#spread(handle, address), claims: undefined };
  }

  #spread(handle: number, found: Address, within?: Cidr): Address {
    return this.#starts?.spread(this.#engine, handle, this.#node, found, within) ?? found;
  }

  #resting(pool: Pool, family: FamilyChoice): Found | undefined {
    const entry = this.#entries.get(keyOf(pool));
    if (entry === undefined) {
      return undefined;
    }
    if (hasUnits(entry)) {
      const found = this.#units.resting(entry, this.#licence(family), this.#putBack);
      return found && { ...found, entry };
    }
    const address = this.#engine.claimResting(entry.handle);
    return address && { entry, address, claims: undefined };
  }

  /**
   * The address that the family asks for by number, or undefined where somebody has it. Throws
   * ADDRESS_TAKEN in Calico's words where strict affinity keeps the node from its unit.
   */
  requested(family: FamilyChoice, address: Address): Found | 'unsure' | undefined {
    try {
      const found = this.unitOfRequested(family, address);
      if (this.#engine.claimAddress(address) !== 'used') {
        return found;
      }
    } catch (error) {
      if (this.#sight === 'new' || !(error instanceof OrbweaverError)) {
        throw error;
      }
    }
    return this.#nothing();
  }

  #nothing(): 'unsure' | undefined {
    return this.#sight === 'new' ? undefined : 'unsure';
  }

  /** The same before anything is claimed, whoever has the address. Throws as `requested` does. */
  unitOfRequested(family: FamilyChoice, address: Address): Found {
    // Every candidate holds the address, and a choice has only pools that the catalog knows.
    const entry = this.#entries.get(keyOf(family.candidates[0]!))!;
    const unit: UnitFind | string = hasUnits(entry)
      ? this.#units.requested(entry, address)
      : { address, claims: undefined };
    if (typeof unit === 'string') {
      const owner = entry.units?.ownerOf(address)?.node ?? 'nobody';
      const cidr = entry.units?.networkOf(address);
      const block = cidr === undefined ? '' : formatCidr(cidr);
      throw calicoAddressError(unit, family.road, `block ${block} is owned by ${owner}`);
    }
    return { ...unit, entry };
  }

  /** What keeps the node from another unit, in Calico's words; undefined where nothing does. */
  obstacle(family: FamilyChoice): string | undefined {
    return family.candidates[0]?.calico === undefined ? undefined : this.#licence(family).obstacle;
  }

  /** Looks at every candidate: asked for only when the node's own units have nothing. */
  #licence(family: FamilyChoice): Licence {
    const entries = family.candidates.flatMap((pool) => this.#entries.get(keyOf(pool)) ?? []);
    return licenceOf(entries.filter(hasUnits), this.#node);
  }
}

function hasUnits(entry: PoolEntry): entry is PoolEntry & UnitPool {
  return entry.units !== undefined;
}
