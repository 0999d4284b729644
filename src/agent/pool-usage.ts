/**
 * How full pools and their blocks are, for `ipam show` and the metrics. Pools come from the
 * engine's counts, blocks from the ledger's words of 64 addresses.
 */
import type { Pool } from '../dialect/pool.ts';
import type { PoolUsage } from '../http/metrics.ts';
import type { Allocator } from '../ipam/allocator.ts';
import type { BlockState, Cluster, Ledger, Unit } from '../ipam/ports.ts';
import { type Address, addressInBlock, addToAddress, compareAddresses } from '../net/address.ts';
import { blockCidrText, type Cidr, cidrOf, formatCidr, lastOfCidr } from '../net/cidr.ts';
import { RangeSet } from '../net/range-set.ts';
import type { BlockRow, PoolRow, PoolsResponse } from './protocol.ts';

export interface UsageParts {
  readonly ledger: Ledger;
  readonly cluster: Cluster;
  readonly allocator: Allocator;
}

const SLOTS = 64;
/** Prefix length of a block of 64 addresses. */
const BLOCK_PREFIX = { 4: 26, 6: 122 } as const;

/** Counts of every pool, in the cluster's order. */
export function* poolUsage({ cluster, allocator }: UsageParts): Generator<PoolUsage> {
  for (const pool of cluster.pools()) {
    const counts = allocator.counts(pool);
    if (counts !== undefined) {
      const { used, free, resting } = counts;
      yield { pool: pool.name, dialect: pool.dialect, used, free, resting };
    }
  }
}

/** The answer to GET /v1/ipam/pools, pools in address order; blocks only where asked for. */
export function poolRows(parts: UsageParts, withBlocks: boolean): PoolsResponse {
  const pools = [...parts.cluster.pools()].sort((a, b) =>
    compareAddresses(a.subnet.first, b.subnet.first),
  );
  const tally = withBlocks ? new BlockTally([...parts.ledger.blocks()]) : undefined;
  const rows = pools.map((pool) => poolRow(parts, pool, tally));
  return { pools: rows, orphans: tally?.orphans() ?? [] };
}

function poolRow(parts: UsageParts, pool: Pool, tally: BlockTally | undefined): PoolRow {
  const owned =
    tally === undefined || pool.calico === undefined ? [] : parts.ledger.units(pool.subnet);
  const reserved = parts.cluster.reserved(pool.family);
  const unavailable = pool.ranges.intersect(reserved).size();
  const counts = parts.allocator.counts(pool);
  return {
    name: pool.name,
    dialect: pool.dialect,
    cidr: formatCidr(pool.subnet),
    total: String(pool.ranges.size() - unavailable),
    used: String(counts?.used ?? 0),
    resting: String(counts?.resting ?? 0),
    reserved: String(unavailable),
    blocks: tally?.unitsOf(pool, reserved, owned) ?? [],
  };
}

/** An affinity unit of a Calico pool, or a block of another one. */
interface Tally {
  readonly cidr: Cidr;
  used: number;
  resting: number;
  owner: string | undefined;
}

/** Sums the blocks that have lines into the affinity units of pools. */
class BlockTally {
  readonly #blocks: readonly BlockState[];
  /** Used slots that some pool covers, by the block's place in the list; 64 bits. */
  readonly #covered: bigint[];

  constructor(blocks: readonly BlockState[]) {
    this.#blocks = blocks;
    this.#covered = blocks.map(() => 0n);
  }

  /**
   * The units of a pool that are owned, or in which something is or was claimed, in address order.
   * `owned` may hold units of another size, which an earlier pool has left.
   */
  unitsOf(pool: Pool, reserved: RangeSet, owned: Iterable<Unit>): BlockRow[] {
    const last = lastOfCidr(pool.subnet);
    const tallies = new Map<string, Tally>();
    for (let at = this.#firstFrom(pool.subnet.first); at < this.#blocks.length; at += 1) {
      if (compareAddresses(this.#blocks[at]!.first, last) > 0) {
        break;
      }
      this.#addBlock(at, pool, tallies);
    }
    for (const { cidr, node } of owned) {
      if (cidr.prefix === unitPrefix(pool)) {
        tallyAt(tallies, cidr.first, pool).owner = node;
      }
    }
    return [...tallies.values()]
      .filter(({ used, resting, owner }) => used + resting > 0 || owner !== undefined)
      .sort((a, b) => compareAddresses(a.cidr.first, b.cidr.first))
      .map((tally) => unitRow(tally, pool, reserved));
  }

  /** Blocks with claims that no pool covers. */
  orphans(): BlockRow[] {
    return this.#blocks.flatMap((block, at) => {
      const used = bitCount(usedWord(block) & ~this.#covered[at]!);
      const cidr = blockCidrText(block.first);
      const counts = { total: String(SLOTS), used: String(used), resting: '0', reserved: '0' };
      return used === 0 ? [] : [{ cidr, ...counts }];
    });
  }

  #addBlock(at: number, pool: Pool, tallies: Map<string, Tally>): void {
    const block = this.#blocks[at]!;
    const used = usedWord(block);
    const resting = new Set(block.resting.map((rest) => rest.slot));
    const unitSlots = slotsPerUnit(pool);
    let tally: Tally | undefined;
    for (let slot = 0; slot < SLOTS; slot += 1) {
      const address = addressInBlock(block.first, slot);
      if (tally === undefined || slot % unitSlots === 0) {
        tally = tallyAt(tallies, address, pool);
      }
      if (!pool.ranges.has(address)) {
        continue;
      }
      const bit = 1n << BigInt(slot);
      if ((used & bit) !== 0n) {
        tally.used += 1;
        this.#covered[at]! |= bit;
      } else if (resting.has(slot)) {
        tally.resting += 1;
      }
    }
  }

  /** Place of the first block that ends at or after the address. */
  #firstFrom(address: Address): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const last = addToAddress(this.#blocks[middle]!.first, SLOTS - 1);
      if (compareAddresses(last, address) < 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}

function unitPrefix(pool: Pool): number {
  return pool.calico?.blockSize ?? BLOCK_PREFIX[pool.family];
}

/** How many slots of a block of 64 belong to one unit of the pool. */
function slotsPerUnit(pool: Pool): number {
  return SLOTS >>> Math.max(0, unitPrefix(pool) - BLOCK_PREFIX[pool.family]);
}

/** The unit that covers the address, made on demand. */
function tallyAt(tallies: Map<string, Tally>, address: Address, pool: Pool): Tally {
  const cidr = cidrOf(address, unitPrefix(pool));
  const key = formatCidr(cidr);
  let tally = tallies.get(key);
  if (tally === undefined) {
    tally = { cidr, used: 0, resting: 0, owner: undefined };
    tallies.set(key, tally);
  }
  return tally;
}

function unitRow({ cidr, used, resting, owner }: Tally, pool: Pool, reserved: RangeSet): BlockRow {
  const unit = RangeSet.of([{ first: cidr.first, last: lastOfCidr(cidr) }]);
  const ranges = unit.intersect(pool.ranges);
  const unavailable = ranges.intersect(reserved).size();
  return {
    cidr: formatCidr(cidr),
    total: String(ranges.size() - unavailable),
    used: String(used),
    resting: String(resting),
    reserved: String(unavailable),
    ...(owner === undefined ? {} : { owner }),
  };
}

function usedWord(block: BlockState): bigint {
  return (BigInt(block.usedHigh) << 32n) | BigInt(block.usedLow);
}

function bitCount(word: bigint): number {
  let count = 0;
  for (let rest = word; rest !== 0n; rest &= rest - 1n) {
    count += 1;
  }
  return count;
}
