import { describe, expect, test } from 'vitest';
import { poolRows, type UsageParts } from '../../src/agent/pool-usage.ts';
import type { BlockRow } from '../../src/agent/protocol.ts';
import { CALICO_IPAM_DEFAULTS, readCalicoPool } from '../../src/dialect/calico.ts';
import type { Pool } from '../../src/dialect/pool.ts';
import { readSpiderPool } from '../../src/dialect/spiderpool.ts';
import type { BlockState, Unit } from '../../src/ipam/ports.ts';
import { blockOf, parseAddress, slotOf } from '../../src/net/address.ts';
import { parseRange } from '../../src/net/range.ts';
import { RangeSet } from '../../src/net/range-set.ts';
import { unitOf } from '../support/lines.ts';

/** Blocks as the ledger gives them, from the addresses that are held and those at rest. */
function blocksOf(held: readonly string[], resting: readonly string[] = []): BlockState[] {
  const blocks = new Map<string, { state: BlockState; low: number; high: number }>();
  const entry = (text: string) => {
    const first = blockOf(parseAddress(text)!);
    const found = blocks.get(first.join());
    const made = found ?? {
      state: { first, usedLow: 0, usedHigh: 0, resting: [] },
      low: 0,
      high: 0,
    };
    blocks.set(first.join(), made);
    return made;
  };
  for (const text of held) {
    const slot = slotOf(parseAddress(text)!);
    const block = entry(text);
    if (slot < 32) block.low = (block.low | (1 << slot)) >>> 0;
    else block.high = (block.high | (1 << (slot - 32))) >>> 0;
  }
  for (const text of resting) {
    (entry(text).state.resting as { slot: number; until: number }[]).push({
      slot: slotOf(parseAddress(text)!),
      until: 1,
    });
  }
  return [...blocks.values()]
    .map(({ state, low, high }) => ({ ...state, usedLow: low, usedHigh: high }))
    .sort((a, b) => a.first[3] - b.first[3]);
}

function parts(
  pools: Pool[],
  blocks: BlockState[],
  reserved: string[] = [],
  units: Unit[] = [],
): UsageParts {
  const set = RangeSet.of(reserved.map((text) => parseRange(text)!));
  return {
    ledger: { blocks: () => blocks, units: () => units },
    cluster: { pools: () => pools, reserved: () => set },
    allocator: { counts: () => undefined },
  } as unknown as UsageParts;
}

function calico(name: string, cidr: string, blockSize: number): Pool {
  const metadata = { name };
  const spec = { cidr, blockSize };
  const object = { apiVersion: 'projectcalico.org/v3', kind: 'IPPool', metadata, spec };
  return readCalicoPool(object, CALICO_IPAM_DEFAULTS);
}

function spider(name: string, subnet: string, ips: string[]): Pool {
  return readSpiderPool({
    apiVersion: 'spiderpool.spidernet.io/v2beta1',
    kind: 'SpiderIPPool',
    metadata: { name },
    spec: { ipVersion: 4, subnet, ips },
  });
}

function cells(row: BlockRow): string {
  return `${row.cidr} ${row.used}/${row.total} resting ${row.resting} reserved ${row.reserved}`;
}

const ONE_BLOCK = ['10.0.0.1', '10.0.0.20', '10.0.0.62', '10.0.0.63'];

describe('usage of pools', () => {
  test.each([
    ['a unit of one block', 26, ONE_BLOCK, ['10.0.0.0/26 4/64']],
    [
      'units that are parts of a block',
      28,
      ONE_BLOCK,
      ['10.0.0.0/28 1/16', '10.0.0.16/28 1/16', '10.0.0.48/28 2/16'],
    ],
    ['units of one address', 32, ['10.0.0.7'], ['10.0.0.7/32 1/1']],
    [
      'a unit of several blocks',
      24,
      ['10.0.0.1', '10.0.0.70', '10.0.0.200', '10.0.1.0'],
      ['10.0.0.0/24 3/256', '10.0.1.0/24 1/256'],
    ],
  ])('counts %s', (_name, blockSize, held, expected) => {
    const { pools } = poolRows(
      parts([calico('p', '10.0.0.0/16', blockSize)], blocksOf(held)),
      true,
    );
    expect(pools[0]!.blocks.map((row) => `${row.cidr} ${row.used}/${row.total}`)).toEqual(expected);
  });

  test('counts only what a pool covers of a block, reserved and resting addresses apart', () => {
    const pool = spider('p', '10.0.0.0/24', ['10.0.0.10-10.0.0.19']);
    const blocks = blocksOf(['10.0.0.10', '10.0.0.30'], ['10.0.0.11', '10.0.0.31']);
    const { pools, orphans } = poolRows(parts([pool], blocks, ['10.0.0.18-10.0.0.25']), true);
    expect(pools[0]!.blocks.map(cells)).toEqual(['10.0.0.0/26 1/8 resting 1 reserved 2']);
    expect(pools[0]).toMatchObject({ cidr: '10.0.0.0/24', total: '8', reserved: '2' });
    expect(orphans.map(cells)).toEqual(['10.0.0.0/26 1/64 resting 0 reserved 0']);
  });

  test('lists units that a node owns, empty ones too, and none of another size', () => {
    const units = [
      unitOf('10.0.0.0/26', 'node-1'),
      unitOf('10.0.1.0/26', 'node-2'),
      unitOf('10.0.2.0/28'),
    ];
    const blocks = blocksOf(['10.0.0.1', '10.0.3.1']);
    const usage = parts([calico('p', '10.0.0.0/16', 26)], blocks, ['10.0.1.0-10.0.1.1'], units);
    const rows = poolRows(usage, true).pools[0]!.blocks;
    expect(rows.map((row) => `${cells(row)} of ${row.owner}`)).toEqual([
      '10.0.0.0/26 1/64 resting 0 reserved 0 of node-1',
      '10.0.1.0/26 0/62 resting 0 reserved 2 of node-2',
      '10.0.3.0/26 1/64 resting 0 reserved 0 of undefined',
    ]);
  });

  test('shows pools in address order and no blocks unless they are asked for', () => {
    const pools = [calico('b', '10.1.0.0/16', 26), calico('a', '10.0.0.0/16', 26)];
    const rows = poolRows(parts(pools, blocksOf(ONE_BLOCK)), false).pools;
    expect(rows.map((row) => [row.name, row.blocks])).toEqual([
      ['a', []],
      ['b', []],
    ]);
  });
});
