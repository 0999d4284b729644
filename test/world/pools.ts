/**
 * The pools of a simulated machine: a small one, a backup that overlaps it by mistake, and a wide IPv6 one;
 * of Calico's, one with fewer units than nodes and one with units of several blocks.
 */
import type { Pool, UnitRules } from '../../src/dialect/pool.ts';
import { parseCidr } from '../../src/net/cidr.ts';
import { parseRange } from '../../src/net/range.ts';
import { RangeSet } from '../../src/net/range-set.ts';
import { calicoPool } from '../support/pools.ts';

export function worldPools(): Pool[] {
  return [
    poolOf('small', '172.18.0.0/24', ['172.18.0.10-172.18.0.13']),
    poolOf('large', '172.18.0.0/24', ['172.18.0.12-172.18.0.17', '172.18.0.63-172.18.0.66']),
    poolOf('six', 'fd00::/48', ['fd00::1-fd00:0:0:ffff::']),
    ...calicoPools({ strictAffinity: false, autoAllocateBlocks: true, maxBlocksPerHost: 20 }),
  ];
}

/** Calico's pools under these rules: two units of two addresses, and eight units of two blocks each. */
export function calicoPools(unitRules: UnitRules): Pool[] {
  return [
    calicoPool('two-units', '10.9.0.0/30', { restMs: 2_000, calico: { blockSize: 31, unitRules } }),
    calicoPool('wide-units', 'fd09::/118', { calico: { blockSize: 121, unitRules } }),
  ];
}

/** A pool with nothing but a name, a network and ranges. */
export function poolOf(name: string, subnet: string, ranges: readonly string[]): Pool {
  const { cidr } = parseCidr(subnet)!;
  return {
    dialect: 'spiderpool',
    name,
    revision: 0,
    family: cidr.family,
    subnet: cidr,
    ranges: RangeSet.of(ranges.map((text) => parseRange(text)!)),
    gateway: undefined,
    routes: [],
    vlan: undefined,
    isDefault: false,
    disabled: false,
    terminating: false,
    node: { kind: 'any' },
    namespace: { kind: 'any' },
    pod: { kind: 'any' },
    multusNames: [],
    restMs: undefined,
    calico: undefined,
  };
}
