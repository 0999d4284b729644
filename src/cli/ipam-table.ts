/**
 * The tables of `ipam show` (reference/calico.md 7.1; the older layout as the fourth seed prints
 * it).
 */
import type { BlockRow, BorrowedRow, PoolsResponse } from '../agent/protocol.ts';
import { generalNumber, percentage } from './go-number.ts';
import { type BoxColumn, boxTable } from './table.ts';

/** `classic`: five columns, as calicoctl printed up to Calico 3.32. */
export type Layout = 'classic' | 'current';

export interface UsageRow {
  readonly grouping: 'IP Pool' | 'Block';
  readonly usage: BlockRow;
}

const LEFT = 'left';
const RIGHT = 'right';

/** calicoctl's older table library put only bare numbers to the right. */
const CLASSIC: readonly BoxColumn[] = [
  { title: 'GROUPING', align: LEFT },
  { title: 'CIDR', align: LEFT },
  { title: 'IPS TOTAL', align: RIGHT },
  { title: 'IPS IN USE', align: LEFT },
  { title: 'IPS FREE', align: LEFT },
];
const CURRENT: readonly BoxColumn[] = [
  { title: 'GROUPING', align: LEFT },
  { title: 'CIDR', align: LEFT },
  { title: 'IPS TOTAL', align: RIGHT },
  { title: 'IPS IN USE', align: RIGHT },
  { title: 'IPS RESERVED', align: RIGHT },
  { title: 'IPS FREE', align: RIGHT },
];

/**
 * Each pool and behind it its blocks; blocks of no pool come last. The classic layout sorts by
 * text.
 */
export function blockRows(response: PoolsResponse, layout: Layout): UsageRow[] {
  const sorted = <T extends { readonly cidr: string }>(rows: readonly T[]): readonly T[] =>
    layout === 'classic' ? [...rows].sort((a, b) => (a.cidr < b.cidr ? -1 : 1)) : rows;
  const rows = sorted(response.pools).flatMap((pool): UsageRow[] => [
    { grouping: 'IP Pool', usage: pool },
    ...sorted(pool.blocks).map((usage): UsageRow => ({ grouping: 'Block', usage })),
  ]);
  const orphans = sorted(response.orphans).map((usage): UsageRow => ({ grouping: 'Block', usage }));
  return [...rows, ...orphans];
}

/** The box. Addresses at rest count as free: they are given when nothing else is. */
export function usageTable(rows: readonly UsageRow[], layout: Layout): string {
  return layout === 'classic'
    ? boxTable(CLASSIC, rows.map(classicCells), 'centred')
    : boxTable(CURRENT, rows.map(currentCells), 'left');
}

/** The box of addresses that nodes hold outside of their own blocks. */
export function borrowedTable(rows: readonly BorrowedRow[], layout: Layout): string {
  const titles = ['IP', 'BORROWING-NODE', 'BLOCK', 'BLOCK OWNER', 'TYPE', 'ALLOCATED-TO'];
  const columns = titles.map((title): BoxColumn => ({ title, align: LEFT }));
  const cells = rows.map((row) => [
    row.ip,
    row.node,
    row.block,
    row.owner,
    row.type,
    row.allocatedTo,
  ]);
  return boxTable(columns, cells, layout === 'classic' ? 'centred' : 'left');
}

function classicCells({ grouping, usage }: UsageRow): string[] {
  const [total, used] = [Number(usage.total), Number(usage.used)];
  return [
    grouping,
    usage.cidr,
    generalNumber(total),
    share(used, total),
    share(total - used, total),
  ];
}

function currentCells({ grouping, usage }: UsageRow): string[] {
  // The total of the present layout includes what is reserved.
  const reserved = Number(usage.reserved);
  const used = Number(usage.used);
  const total = Number(usage.total) + reserved;
  const free = total - used - reserved;
  const counts = [used, reserved, free].map((count) => share(count, total));
  return [grouping, usage.cidr, generalNumber(total), ...counts];
}

function share(part: number, whole: number): string {
  return `${generalNumber(part)} (${percentage(part, whole)})`;
}
