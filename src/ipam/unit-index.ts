/**
 * Who owns the affinity units of one Calico pool: a copy of what the ledger says, shaped for
 * searching. Units side by side are kept as one range, so that a search meets runs of units and
 * never walks units one by one.
 */
import type { Pool } from '../dialect/pool.ts';
import {
  type Address,
  addToAddress,
  compareAddresses,
  familyOf,
  formatAddress,
} from '../net/address.ts';
import { type Cidr, cidrContains, cidrOf, lastOfCidr } from '../net/cidr.ts';
import { RangeSet } from '../net/range-set.ts';
import { nameHash } from './name-hash.ts';
import type { Unit } from './ports.ts';

const NOTHING = { ranges: RangeSet.empty, count: 0 } as const;
const ADDRESS_BITS = { 4: 32, 6: 128 } as const;
const HASH_BITS = 32;

/** The units of one node in one pool. */
interface Estate {
  readonly ranges: RangeSet;
  readonly count: number;
}

export class UnitIndex {
  readonly #subnet: Cidr;
  readonly #prefix: number;
  /** By the text of the unit's first address. */
  readonly #owners = new Map<string, Unit>();
  readonly #estates = new Map<string, Estate>();
  #unowned: RangeSet;

  /**
   * `pool.calico` must be set. Units of another size, as an earlier pool may have left them, do not
   * count.
   */
  constructor(pool: Pool, units: Iterable<Unit>) {
    this.#subnet = pool.subnet;
    this.#prefix = pool.calico!.blockSize;
    const byNode = new Map<string, Cidr[]>();
    for (const unit of units) {
      if (this.#has(unit.cidr)) {
        this.#owners.set(formatAddress(unit.cidr.first), unit);
        const cidrs = byNode.get(unit.node);
        if (cidrs === undefined) {
          byNode.set(unit.node, [unit.cidr]);
        } else {
          cidrs.push(unit.cidr);
        }
      }
    }
    let owned = RangeSet.empty;
    for (const [node, cidrs] of byNode) {
      const ranges = rangesOf(...cidrs);
      this.#estates.set(node, { ranges, count: cidrs.length });
      owned = owned.union(ranges);
    }
    this.#unowned = pool.ranges.subtract(owned);
  }

  /** The addresses of the units that nobody owns. */
  get unowned(): RangeSet {
    return this.#unowned;
  }

  /** The addresses of the node's units. */
  ownedBy(node: string): RangeSet {
    return (this.#estates.get(node) ?? NOTHING).ranges;
  }

  /** How many units the node owns. */
  count(node: string): number {
    return (this.#estates.get(node) ?? NOTHING).count;
  }

  /** The unit that an address of the pool lies in. */
  networkOf(address: Address): Cidr {
    return cidrOf(address, this.#prefix);
  }

  /** The owner of the unit that an address lies in. */
  ownerOf(address: Address): Unit | undefined {
    return this.#owners.get(formatAddress(this.networkOf(address).first));
  }

  /**
   * Where a node begins to look for a unit, so that different nodes use different ones: the FNV-1a
   * hash of its name (32 bits), modulo the number of units. Calico draws from a generator seeded by
   * such a hash (reference/calico.md 4.3); any choice is safe, so this is a plain one. Of a pool
   * with more than 2^32 units only that many first ones are beginnings.
   */
  startOf(node: string): Address {
    const bits = Math.min(HASH_BITS, Math.max(0, this.#prefix - this.#subnet.prefix));
    const index = nameHash(node) % 2 ** bits;
    const unitSize = 2 ** (ADDRESS_BITS[this.#subnet.family] - this.#prefix);
    return addToAddress(this.#subnet.first, index * unitSize);
  }

  /**
   * The owner of a unit is as given now; a unit that is none of this pool's is left out. O(runs of
   * units).
   */
  show(cidr: Cidr, now: Unit | undefined): void {
    if (!this.#has(cidr)) {
      return;
    }
    const key = formatAddress(cidr.first);
    const before = this.#owners.get(key);
    if (before?.node === now?.node) {
      if (now !== undefined) {
        this.#owners.set(key, now);
      }
      return;
    }
    const unit = rangesOf(cidr);
    if (before === undefined) {
      this.#unowned = this.#unowned.subtract(unit);
    } else {
      const { ranges, count } = this.#estates.get(before.node) ?? NOTHING;
      this.#setEstate(before.node, { ranges: ranges.subtract(unit), count: count - 1 });
    }
    if (now === undefined) {
      this.#owners.delete(key);
      this.#unowned = this.#unowned.union(unit);
    } else {
      this.#owners.set(key, now);
      const { ranges, count } = this.#estates.get(now.node) ?? NOTHING;
      this.#setEstate(now.node, { ranges: ranges.union(unit), count: count + 1 });
    }
  }

  /** The owned units in address order. */
  units(): Unit[] {
    return [...this.#owners.values()].sort((a, b) => compareAddresses(a.cidr.first, b.cidr.first));
  }

  #has(cidr: Cidr): boolean {
    return cidr.prefix === this.#prefix && cidrContains(this.#subnet, cidr.first);
  }

  #setEstate(node: string, estate: Estate): void {
    if (estate.count === 0) {
      this.#estates.delete(node);
    } else {
      this.#estates.set(node, estate);
    }
  }
}

function rangesOf(...cidrs: readonly Cidr[]): RangeSet {
  return RangeSet.of(cidrs.map((cidr) => ({ first: cidr.first, last: lastOfCidr(cidr) })));
}

/** How many addresses a unit has. */
export function unitSizeOf(cidr: Cidr): number {
  return 2 ** (ADDRESS_BITS[familyOf(cidr.first)] - cidr.prefix);
}
