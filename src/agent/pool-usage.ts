/**
 * How full pools and their blocks are, for `ipam show` and the metrics. Pools come from the
 * engine's counts, blocks from the ledger's words of 64 addresses.
 */
import type { Pool } from '../dialect/pool.ts';
import type { PoolUsage } from '../http/metrics.ts';
import type { Allocator } from '../ipam/allocator.ts';
import type { BlockState, Cluster, Ledger } from '../ipam/ports.ts';
import {
  type Address,
  addressInBlock,
  addToAddress,
  compareAddresses,
  formatAddress,
} from '../net/address.ts';
import { blockCidrText, formatCidr, lastOfCidr, parseCidr } from '../net/cidr.ts';
import type { RangeSet } from '../net/range-set.ts';
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
  const blocks = withBlocks ? [...parts.ledger.blocks()] : [];
  const tally = new BlockTally(blocks);
  const rows = pools.map((pool) => poolRow(parts, pool, tally));
  return { pools: rows, orphans: tally.orphans() };
}

function poolRow(parts: UsageParts, pool: Pool, tally: BlockTally): PoolRow {
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
    blocks: tally.unitsOf(pool, reserved),
  };
}

interface Unit {
  total: number;
  used: number;
  resting: number;
  reserved: number;
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

  /** The units of a pool in which something is or was claimed, in address order. */
  unitsOf(pool: Pool, reserved: RangeSet): BlockRow[] {
    const last = lastOfCidr(pool.subnet);
    const units = new Map<string, Unit>();
    for (let at = this.#firstFrom(pool.subnet.first); at < this.#blocks.length; at += 1) {
      if (compareAddresses(this.#blocks[at]!.first, last) > 0) {
        break;
      }
      this.#addBlock(at, pool, reserved, units);
    }
    const rows: BlockRow[] = [];
    for (const [cidr, unit] of units) {
      if (unit.used + unit.resting > 0) {
        rows.push(asRow(cidr, unit));
      }
    }
    return rows;
  }

  /** Blocks with claims that no pool covers. */
  orphans(): BlockRow[] {
    return this.#blocks.flatMap((block, at) => {
      const used = bitCount(usedWord(block) & ~this.#covered[at]!);
      const unit = { total: SLOTS, used, resting: 0, reserved: 0 };
      return used === 0 ? [] : [asRow(blockCidrText(block.first), unit)];
    });
  }

  #addBlock(at: number, pool: Pool, reserved: RangeSet, units: Map<string, Unit>): void {
    const block = this.#blocks[at]!;
    const used = usedWord(block);
    const resting = new Set(block.resting.map((rest) => rest.slot));
    const unitSlots = slotsPerUnit(pool);
    let unit: Unit | undefined;
    for (let slot = 0; slot < SLOTS; slot += 1) {
      const address = addressInBlock(block.first, slot);
      if (unit === undefined || slot % unitSlots === 0) {
        unit = unitAt(units, address, pool);
      }
      if (!pool.ranges.has(address)) {
        continue;
      }
      const bit = 1n << BigInt(slot);
      if ((used & bit) !== 0n) {
        unit.used += 1;
        this.#covered[at]! |= bit;
      } else if (resting.has(slot)) {
        unit.resting += 1;
      }
      if (reserved.has(address)) {
        unit.reserved += 1;
      } else {
        unit.total += 1;
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
function unitAt(units: Map<string, Unit>, address: Address, pool: Pool): Unit {
  const cidr = formatCidr(parseCidr(`${formatAddress(address)}/${unitPrefix(pool)}`)!.cidr);
  let unit = units.get(cidr);
  if (unit === undefined) {
    unit = { total: 0, used: 0, resting: 0, reserved: 0 };
    units.set(cidr, unit);
  }
  return unit;
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

function asRow(cidr: string, unit: Unit): BlockRow {
  return {
    cidr,
    total: String(unit.total),
    used: String(unit.used),
    resting: String(unit.resting),
    reserved: String(unit.reserved),
  };
}
