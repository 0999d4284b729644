import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Unit } from '../../src/ipam/ports.ts';
import { UnitIndex } from '../../src/ipam/unit-index.ts';
import { formatAddress } from '../../src/net/address.ts';
import { formatCidr } from '../../src/net/cidr.ts';
import { addressOf, cidrOf, unitOf } from '../support/lines.ts';
import { calicoPool } from '../support/pools.ts';

function poolOf(cidr: string, blockSize: number) {
  const unitRules = { strictAffinity: false, autoAllocateBlocks: true, maxBlocksPerHost: 20 };
  return calicoPool('p', cidr, { calico: { blockSize, unitRules } });
}

/** Sixteen units of four addresses; some texts lie outside of the pool or have another size. */
const POOL = poolOf('10.0.0.0/26', 30);
const CIDRS = [
  ...Array.from({ length: 16 }, (_, at) => `10.0.0.${at * 4}/30`),
  '10.0.0.0/31',
  '10.0.1.0/30',
];
const edits = fc.array(
  fc.record({
    cidr: fc.constantFrom(...CIDRS),
    node: fc.constantFrom('a', 'b', 'c', undefined),
  }),
  { maxLength: 60 },
);

describe('an index of units', () => {
  test('knows after any edits what a list of owners says, built by edits or at once', () => {
    fc.assert(
      fc.property(edits, (list) => {
        const index = new UnitIndex(POOL, []);
        const owners = new Map<string, Unit>();
        for (const { cidr, node } of list) {
          const unit = node === undefined ? undefined : unitOf(cidr, node);
          index.show(cidrOf(cidr), unit);
          if (unit === undefined) owners.delete(cidr);
          else owners.set(cidr, unit);
        }
        const built = new UnitIndex(POOL, owners.values());
        for (const shown of [index, built]) {
          expect(shown.units().map(({ cidr, node }) => `${formatCidr(cidr)} ${node}`)).toEqual(
            CIDRS.slice(0, 16).flatMap((cidr) => {
              const owner = owners.get(cidr);
              return owner === undefined ? [] : [`${cidr} ${owner.node}`];
            }),
          );
          for (let host = 0; host < 64; host += 1) {
            const address = addressOf(`10.0.0.${host}`);
            const owner = owners.get(`10.0.0.${host - (host % 4)}/30`)?.node;
            expect(shown.ownerOf(address)?.node).toBe(owner);
            expect(shown.unowned.has(address)).toBe(owner === undefined);
            for (const node of ['a', 'b', 'c']) {
              expect(shown.ownedBy(node).has(address)).toBe(owner === node);
            }
          }
          for (const node of ['a', 'b', 'c']) {
            const count = CIDRS.slice(0, 16).filter((cidr) => owners.get(cidr)?.node === node);
            expect(shown.count(node)).toBe(count.length);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    { cidr: '10.0.0.0/24', size: 26, node: 'node-a' },
    { cidr: '10.64.0.0/20', size: 26, node: 's666dan4151' },
    { cidr: '10.0.0.0/8', size: 32, node: 'node-a' },
    { cidr: '10.0.0.0/26', size: 26, node: 'node-a' },
    { cidr: 'fd00::/48', size: 128, node: 'node-a' },
  ])('begins in $cidr at a unit of the pool', ({ cidr, size, node }) => {
    const pool = poolOf(cidr, size);
    const index = new UnitIndex(pool, []);
    const start = index.startOf(node);
    expect(pool.ranges.has(start)).toBe(true);
    expect(formatAddress(index.networkOf(start).first)).toBe(formatAddress(start));
    expect(new UnitIndex(pool, []).startOf(node)).toEqual(start);
  });

  test('spreads a hundred nodes over most of a thousand units', () => {
    const index = new UnitIndex(poolOf('10.0.0.0/16', 26), []);
    const starts = Array.from({ length: 100 }, (_, at) =>
      formatAddress(index.startOf(`node-${at}`)),
    );
    expect(new Set(starts).size).toBeGreaterThan(85);
  });

  test('gives the three nodes of the tutorial three beginnings', () => {
    const index = new UnitIndex(poolOf('10.64.0.0/20', 26), []);
    const starts = ['s666dan4151', 's666dan4152', 's666dan4153'].map((node) =>
      formatAddress(index.startOf(node)),
    );
    expect(new Set(starts).size).toBe(3);
  });
});
