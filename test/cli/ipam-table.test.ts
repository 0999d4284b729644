import { describe, expect, test } from 'vitest';
import type { BlockRow, PoolRow, PoolsResponse } from '../../src/agent/protocol.ts';
import { generalNumber, percentage } from '../../src/cli/go-number.ts';
import { blockRows, usageTable } from '../../src/cli/ipam-table.ts';

function block(cidr: string, used: number, total = 64): BlockRow {
  return { cidr, total: String(total), used: String(used), resting: '0', reserved: '0' };
}

function pool(cidr: string, total: number, blocks: BlockRow[], reserved = '0'): PoolRow {
  const used = blocks.reduce((sum, row) => sum + Number(row.used), 0);
  return { ...block(cidr, used, total), name: cidr, dialect: 'calico', blocks, reserved };
}

/** What the fourth seed shows, its cluster's other pods included. */
const SEED: PoolsResponse = {
  pools: [
    pool('10.64.0.0/20', 4096, [
      block('10.64.0.64/26', 3),
      block('10.64.1.128/26', 3),
      block('10.64.12.64/26', 3),
    ]),
    pool('10.64.16.0/20', 4096, [
      block('10.64.16.64/26', 3),
      block('10.64.17.128/26', 3),
      block('10.64.28.64/26', 3),
    ]),
    pool('10.255.0.0/16', 65536, [
      block('10.255.96.64/26', 12),
      block('10.255.108.128/26', 3),
      block('10.255.129.128/26', 8),
      block('10.255.140.64/26', 13),
    ]),
  ],
  orphans: [],
};

describe('ipam show prints', () => {
  test('the table of the fourth seed, byte for byte', () => {
    expect(usageTable(blockRows(SEED, 'classic'), 'classic')).toBe(
      `\
+----------+-------------------+-----------+------------+--------------+
| GROUPING |       CIDR        | IPS TOTAL | IPS IN USE |   IPS FREE   |
+----------+-------------------+-----------+------------+--------------+
| IP Pool  | 10.255.0.0/16     |     65536 | 36 (0%)    | 65500 (100%) |
| Block    | 10.255.108.128/26 |        64 | 3 (5%)     | 61 (95%)     |
| Block    | 10.255.129.128/26 |        64 | 8 (12%)    | 56 (88%)     |
| Block    | 10.255.140.64/26  |        64 | 13 (20%)   | 51 (80%)     |
| Block    | 10.255.96.64/26   |        64 | 12 (19%)   | 52 (81%)     |
| IP Pool  | 10.64.0.0/20      |      4096 | 9 (0%)     | 4087 (100%)  |
| Block    | 10.64.0.64/26     |        64 | 3 (5%)     | 61 (95%)     |
| Block    | 10.64.1.128/26    |        64 | 3 (5%)     | 61 (95%)     |
| Block    | 10.64.12.64/26    |        64 | 3 (5%)     | 61 (95%)     |
| IP Pool  | 10.64.16.0/20     |      4096 | 9 (0%)     | 4087 (100%)  |
| Block    | 10.64.16.64/26    |        64 | 3 (5%)     | 61 (95%)     |
| Block    | 10.64.17.128/26   |        64 | 3 (5%)     | 61 (95%)     |
| Block    | 10.64.28.64/26    |        64 | 3 (5%)     | 61 (95%)     |
+----------+-------------------+-----------+------------+--------------+
`,
    );
  });

  test('the present layout with reserved addresses, in address order', () => {
    const response = {
      pools: [pool('10.65.0.0/16', 65_526, [block('10.65.79.0/26', 5)], '10')],
      orphans: [block('10.9.0.0/26', 1)],
    };
    expect(usageTable(blockRows(response, 'current'), 'current')).toBe(
      `\
+----------+---------------+-----------+------------+--------------+--------------+
| GROUPING | CIDR          | IPS TOTAL | IPS IN USE | IPS RESERVED | IPS FREE     |
+----------+---------------+-----------+------------+--------------+--------------+
| IP Pool  | 10.65.0.0/16  |     65536 |     5 (0%) |      10 (0%) | 65521 (100%) |
| Block    | 10.65.79.0/26 |        64 |     5 (8%) |       0 (0%) |     59 (92%) |
| Block    | 10.9.0.0/26   |        64 |     1 (2%) |       0 (0%) |     63 (98%) |
+----------+---------------+-----------+------------+--------------+--------------+
`,
    );
  });

  test.each([
    [0, '0'],
    [64, '64'],
    [65_536, '65536'],
    [99_999, '99999'],
    [1_048_576, '1.0486e+06'],
    [100_000, '1e+05'],
    [2 ** 80, '1.2089e+24'],
  ])('%d as Go does: %s', (value, text) => {
    expect(generalNumber(value)).toBe(text);
  });

  test.each([
    [8, 64, '12%'],
    [56, 64, '88%'],
    [1, 200, '0%'],
    [3, 200, '2%'],
    [0, 0, '0%'],
    [1, 3, '33%'],
  ])('%d of %d as %s, halves to the even number', (part, whole, text) => {
    expect(percentage(part, whole)).toBe(text);
  });
});
