/**
 * Which address of a Calico pool suits a node? Its own units first, then a unit that it claims,
 * then, unless affinity is strict, an address out of another node's unit (reference/calico.md 4.1
 * and 4.2).
 *
 * Every step asks the engine for the lowest free address of a range: O(log64 blocks) each, and once
 * per run of units side by side. So a /8 of single addresses costs what its number of runs costs,
 * never its number of units; only the search for an empty unit of another node looks at units, and
 * at a bounded number.
 */
import type { Pool } from '../dialect/pool.ts';
import type { Engine } from '../engine/engine.ts';
import { type Address, addToAddress, blockOf, compareAddresses, slotOf } from '../net/address.ts';
import { type Cidr, formatCidr, lastOfCidr } from '../net/cidr.ts';
import type { Range } from '../net/range.ts';
import type { RangeSet } from '../net/range-set.ts';
import type { Sight, Unit } from './ports.ts';
import { type UnitIndex, unitSizeOf } from './unit-index.ts';

/** A Calico pool that is searched. */
export interface UnitPool {
  readonly pool: Pool;
  readonly handle: number;
  readonly units: UnitIndex;
}

/** An address that the search has marked used in the engine. */
export interface UnitFind {
  readonly address: Address;
  /**
   * The unit that the node must become the owner of, and its owner until then; undefined: it need
   * not.
   */
  readonly claims: { readonly cidr: Cidr; readonly was: Unit | undefined } | undefined;
}

/** What a node may do beyond using its own units, and Calico's words for what it may not. */
export interface Licence {
  readonly mayClaim: boolean;
  readonly mayBorrow: boolean;
  /** Undefined: nothing stands in the way but full pools. */
  readonly obstacle: string | undefined;
}

/**
 * An empty unit is left to its owner for this long, in milliseconds (reference/calico.md 4.2 d).
 */
const EMPTY_UNIT_KEPT_MS = 60_000;
/** Units of other nodes that one search looks at before it gives up finding an empty one. */
const EMPTY_UNIT_TRIES = 256;
/**
 * Resting addresses that one search looks at before it gives up finding one that the node may take.
 */
const RESTING_TRIES = 256;
const SLOTS = 64;

/**
 * What the node may do in the pools that one family of a pod may use. The limit counts the node's
 * units in all of them; at the limit nothing is borrowed either (reference/calico.md 3.5).
 */
export function licenceOf(pools: readonly UnitPool[], node: string): Licence {
  const rules = pools[0]?.pool.calico?.unitRules;
  if (rules === undefined) {
    return { mayClaim: false, mayBorrow: false, obstacle: undefined };
  }
  const none = { mayClaim: false, mayBorrow: false };
  const owned = pools.reduce((sum, { units }) => sum + units.count(node), 0);
  if (owned >= rules.maxBlocksPerHost) {
    const limit = `limit of ${rules.maxBlocksPerHost} blocks reached for this node`;
    return { ...none, obstacle: `Need to allocate an IPAM block but could not - ${limit}` };
  }
  if (!rules.autoAllocateBlocks) {
    return { ...none, obstacle: 'failed to find or claim a block' };
  }
  if (rules.strictAffinity) {
    const obstacle = 'No more free affine blocks and strict affinity enabled';
    return { mayClaim: true, mayBorrow: false, obstacle };
  }
  return { mayClaim: true, mayBorrow: true, obstacle: undefined };
}

export interface UnitSearchParts {
  readonly engine: Engine;
  readonly node: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly sight: Sight;
}

/** One search for one node. The engine is not kept between searches: it may be replaced. */
export class UnitSearch {
  readonly #engine: Engine;
  readonly #node: string;
  readonly #now: number;
  readonly #sight: Sight;

  constructor(parts: UnitSearchParts) {
    this.#engine = parts.engine;
    this.#node = parts.node;
    this.#now = parts.now;
    this.#sight = parts.sight;
  }

  /**
   * An address that neither is used nor rests. Asks for the licence only when the node's own units
   * are full. `unsure`: another node's unit looks empty, and that is to be looked at again first.
   */
  free(place: UnitPool, licenceOfNode: () => Licence): UnitFind | 'unsure' | undefined {
    const { handle, units } = place;
    const own = this.#lowestIn(handle, units.ownedBy(this.#node));
    if (own !== undefined) {
      return { address: own, claims: undefined };
    }
    const licence = licenceOfNode();
    if (licence.mayClaim) {
      const found = this.#inUnowned(place) ?? this.#inEmptyUnit(place);
      if (found !== undefined) {
        return found;
      }
    }
    if (licence.mayBorrow) {
      const address = this.#engine.claimNext(handle, units.startOf(this.#node));
      return address && { address, claims: undefined };
    }
    return undefined;
  }

  /**
   * The resting address whose rest ends soonest, of those that the node may take. Those passed over
   * are handed to `putBack`, which lets them rest again.
   */
  resting(
    place: UnitPool,
    licence: Licence,
    putBack: (address: Address) => void,
  ): UnitFind | undefined {
    const passed: Address[] = [];
    let found: UnitFind | undefined;
    while (found === undefined && passed.length < RESTING_TRIES) {
      const address = this.#engine.claimResting(place.handle);
      if (address === undefined) {
        break;
      }
      found = this.#permitted(place, licence, address);
      if (found === undefined) {
        passed.push(address);
      }
    }
    passed.forEach(putBack);
    return found;
  }

  #permitted({ units }: UnitPool, licence: Licence, address: Address): UnitFind | undefined {
    const owner = units.ownerOf(address);
    if (owner === undefined && licence.mayClaim) {
      return { address, claims: { cidr: units.networkOf(address), was: undefined } };
    }
    const own = owner?.node === this.#node;
    return own || licence.mayBorrow ? { address, claims: undefined } : undefined;
  }

  /**
   * The unit that goes with an address asked for by number: a unit that nobody owns and uses
   * becomes the node's, whatever its limit. Returns Calico's refusal as text where affinity is
   * strict and the unit is another's (reference/calico.md 2.3 and 4.8). Marks nothing used.
   */
  requested({ pool, units }: UnitPool, address: Address): UnitFind | string {
    const strict = pool.calico?.unitRules.strictAffinity ?? false;
    const owner = units.ownerOf(address);
    const cidr = units.networkOf(address);
    if (owner === undefined) {
      if (this.#isEmpty(cidr, undefined)) {
        return { address, claims: { cidr, was: undefined } };
      }
      return strict
        ? `Attempt to assign from block ${formatCidr(cidr)} with no affinity`
        : { address, claims: undefined };
    }
    return strict && owner.node !== this.#node
      ? 'Block host affinity does not match'
      : { address, claims: undefined };
  }

  #lowestIn(handle: number, ranges: RangeSet): Address | undefined {
    for (const { first, last } of ranges.ranges()) {
      const address = this.#engine.claimWithin(handle, first, last);
      if (address !== undefined) {
        return address;
      }
    }
    return undefined;
  }

  /**
   * A new unit for the node: the next one from its start that has something to give. Reserved ones
   * have not.
   */
  #inUnowned({ handle, units }: UnitPool): UnitFind | undefined {
    for (const { first, last } of fromStart(units.unowned, units.startOf(this.#node))) {
      const address = this.#engine.claimWithin(handle, first, last);
      if (address !== undefined) {
        return { address, claims: { cidr: units.networkOf(address), was: undefined } };
      }
    }
    return undefined;
  }

  /**
   * An empty unit of another node, which has had it for a while: the owner gives it up. Looks at
   * EMPTY_UNIT_TRIES units with a free address at most, from the node's start on.
   */
  #inEmptyUnit(place: UnitPool): UnitFind | 'unsure' | undefined {
    const { pool, handle, units } = place;
    let tries = EMPTY_UNIT_TRIES;
    for (const range of fromStart(pool.ranges, units.startOf(this.#node))) {
      let from: Address | undefined = range.first;
      for (; from !== undefined && tries > 0; tries -= 1) {
        const address = this.#engine.claimWithin(handle, from, range.last);
        if (address === undefined) {
          break;
        }
        const cidr = units.networkOf(address);
        const was = units.ownerOf(address);
        if (was !== undefined && this.#isGivenUp(was) && this.#isEmpty(cidr, address)) {
          if (this.#sight !== 'old') {
            return { address, claims: { cidr, was } };
          }
          this.#engine.unclaim(address);
          return 'unsure';
        }
        this.#engine.unclaim(address);
        const last = lastOfCidr(cidr);
        from = compareAddresses(last, range.last) < 0 ? addToAddress(last, 1) : undefined;
      }
    }
    return undefined;
  }

  #isGivenUp(unit: Unit): boolean {
    return unit.node !== this.#node && unit.claimedAt + EMPTY_UNIT_KEPT_MS <= this.#now;
  }

  /**
   * Whether nothing in the unit is used or rests, `except` aside. One engine call for each of 64
   * blocks at most.
   */
  #isEmpty(cidr: Cidr, except: Address | undefined): boolean {
    const size = unitSizeOf(cidr);
    let taken = except === undefined ? 0n : -1n;
    for (let at = 0; at < size; at += SLOTS) {
      const first = addToAddress(cidr.first, at);
      const words = this.#engine.readBlock(blockOf(first));
      const used = wide(words.usedHigh, words.usedLow);
      const resting = wide(words.restingHigh, words.restingLow);
      const inUnit = ((1n << BigInt(Math.min(size, SLOTS))) - 1n) << BigInt(slotOf(first));
      for (let rest = (used | resting) & inUnit; rest !== 0n; rest &= rest - 1n) {
        taken += 1n;
      }
      if (taken > 0n) {
        return false;
      }
    }
    return true;
  }
}

function wide(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}

/** The addresses of a set in order, beginning at `start` and going round. */
function* fromStart(set: RangeSet, start: Address): Iterable<Range> {
  for (const { first, last } of set.ranges()) {
    if (compareAddresses(last, start) >= 0) {
      yield { first: compareAddresses(first, start) < 0 ? start : first, last };
    }
  }
  for (const { first, last } of set.ranges()) {
    if (compareAddresses(first, start) < 0) {
      yield { first, last: compareAddresses(last, start) < 0 ? last : start };
    }
  }
}
