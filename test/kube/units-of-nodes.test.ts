/** Affinity units of Calico's pools, where each node has an agent of its own (reference/calico.md 4.2–4.5). */
import { describe, expect, test } from 'vitest';
import type { UnitRules } from '../../src/dialect/pool.ts';
import type { PatchOperation } from '../../src/kube/api.ts';
import { formatAddress } from '../../src/net/address.ts';
import { formatCidr, cidrOf as networkOf } from '../../src/net/cidr.ts';
import { storedClaims } from '../support/block-lines.ts';
import { cidrOf } from '../support/lines.ts';
import { NodeFleet } from '../support/node-fleet.ts';
import { calicoPool } from '../support/pools.ts';
import { addressesOf, type SimulatedNode } from '../support/simulated-node.ts';

const RULES: UnitRules = { strictAffinity: true, autoAllocateBlocks: true, maxBlocksPerHost: 20 };
const NO_BLOCK =
  'ADDRESSES_EXHAUSTED: failed to request IPv4 addresses: Assigned 0 out of 1 requested IPv4 addresses; ' +
  'No more free affine blocks and strict affinity enabled';
/** Longer than an address of these pools rests, and than an empty unit is left to its owner. */
const LONG_MS = 100_000;

function fleetOf(nodes: number, cidr: string, blockSize: number, rules: Partial<UnitRules> = {}) {
  const unitRules = { ...RULES, ...rules };
  const pool = calicoPool('p', cidr, { restMs: 1_000, calico: { blockSize, unitRules } });
  return NodeFleet.start({ nodes, pool });
}

const podOn = (node: SimulatedNode, pod: string) => ({
  pod,
  uid: pod,
  container: `${node.name}-${pod}`,
});
const addOn = (node: SimulatedNode, pod: string) => node.add(podOn(node, pod));
const delOn = (node: SimulatedNode, pod: string) => node.del(podOn(node, pod));

/** `UNIT NODE` of every unit as a node sees them once it has read everything. */
async function units(fleet: NodeFleet): Promise<string[]> {
  const [node] = fleet.nodes;
  await fleet.during(node!.ledger.refresh());
  return [...node!.ledger.units(cidrOf('10.0.0.0/8'))].map(
    ({ cidr, node: owner }) => `${formatCidr(cidr)} ${owner}`,
  );
}

/** The text of a line in etcd, of an address in the block at 10.0.0.0. */
function storedText(fleet: NodeFleet, address: string): string | undefined {
  return fleet.server.blocks.get('10-0-0-0-26')?.spec.slots[address.slice('10.0.0.'.length)];
}

/** Claims in a unit of another node. */
async function borrowed(fleet: NodeFleet, blockSize: number): Promise<string[]> {
  const owned = await units(fleet);
  return storedClaims(fleet.server)
    .filter(
      ({ address, node }) =>
        !owned.includes(`${formatCidr(networkOf(address, blockSize))} ${node}`),
    )
    .map(({ address, node }) => `${formatAddress(address)} ${node}`);
}

describe('strict affinity over nodes', () => {
  test.each([
    { cidr: '10.0.0.0/28', blockSize: 30, what: 'four units in a block' },
    { cidr: '10.0.0.0/24', blockSize: 26, what: 'a unit is a block' },
    { cidr: '10.0.0.0/23', blockSize: 25, what: 'a unit is two blocks' },
  ])('gives every node a unit of its own and nothing else: $what', async ({ cidr, blockSize }) => {
    const fleet = await fleetOf(4, cidr, blockSize);
    const size = 2 ** (32 - blockSize);
    const answers = await fleet.addPods(size, size);
    expect(answers.filter(({ ok }) => !ok)).toEqual([]);
    expect(await units(fleet)).toHaveLength(4);
    expect(await borrowed(fleet, blockSize)).toEqual([]);
    expect(storedClaims(fleet.server)).toHaveLength(4 * size);
    const more = await fleet.addPods(1, 1);
    expect(more.map(addressesOf)).toEqual(Array(4).fill(NO_BLOCK));
  });

  test('refuses a node without a unit until another unit is empty for a while', async () => {
    const fleet = await fleetOf(2, '10.0.0.0/30', 30);
    const [a, b] = fleet.nodes as [SimulatedNode, SimulatedNode];
    expect((await fleet.during(addOn(a, 'one'))).ok).toBe(true);
    expect(addressesOf(await fleet.during(addOn(b, 'two')))).toBe(NO_BLOCK);
    expect((await fleet.during(delOn(a, 'one'))).ok).toBe(true);
    expect(addressesOf(await fleet.during(addOn(b, 'two')))).toBe(NO_BLOCK);
    await fleet.timers.advance(LONG_MS);
    expect((await fleet.during(addOn(b, 'two'))).ok).toBe(true);
    expect(await units(fleet)).toEqual(['10.0.0.0/30 node-1']);
    // The first node learns of it by what it reads, and has no unit any more.
    expect(addressesOf(await fleet.during(addOn(a, 'three')))).toBe(NO_BLOCK);
  });

  /**
   * Node 0 has two units in one block, of which one is full and one is empty; node 1 is about to take over the empty
   * one: its write is on the way.
   */
  async function takeover() {
    const fleet = await fleetOf(2, '10.0.0.0/29', 30);
    const [a, b] = fleet.nodes as [SimulatedNode, SimulatedNode];
    const pods = Array.from({ length: 8 }, (_, at) => `first-${at}`);
    const given = await fleet.during(Promise.all(pods.map((pod) => addOn(a, pod))));
    const emptied = pods.filter((_, at) => /^10\.0\.0\.[0-3]$/.test(`${addressesOf(given[at]!)}`));
    await fleet.during(Promise.all(emptied.map((pod) => delOn(a, pod))));
    await fleet.timers.advance(LONG_MS);
    fleet.server.holds = ({ verb, client }) => verb === 'patch' && client === 'node-1';
    const taking = addOn(b, 'two');
    for (let ms = 0; fleet.server.held.length === 0 && ms < 10_000; ms += 10) {
      await fleet.timers.advance(10);
    }
    const [write] = fleet.server.held;
    expect(write?.verb).toBe('patch');
    fleet.server.holds = () => false;
    // Node 0 asks for another address of the unit than node 1 does, so that no slot is what they meet in.
    const slot = (write!.body as PatchOperation[])
      .filter(({ op, path }) => op === 'add' && path.startsWith('/spec/slots/'))
      .map(({ path }) => Number(path.slice('/spec/slots/'.length)))[0]!;
    const [taken, other] = [`10.0.0.${slot}`, `10.0.0.${(slot + 1) % 4}`];
    const ask = () =>
      fleet.during(a.add({ ...podOn(a, 'three'), config: { runtimeConfig: { ips: [other] } } }));
    return { fleet, a, taking, write: write!, taken, other, ask };
  }

  const inEmptied = (fleet: NodeFleet) =>
    storedClaims(fleet.server)
      .filter(({ address }) => formatCidr(networkOf(address, 30)) === '10.0.0.0/30')
      .map(({ address, node }) => `${formatAddress(address)} ${node}`);

  test('takes no unit over in which its owner has just claimed an address', async () => {
    const { fleet, taking, write, other, ask } = await takeover();
    expect(addressesOf(await ask())).toEqual([other]);
    write.answer();
    expect(addressesOf(await fleet.during(taking))).toBe(NO_BLOCK);
    expect(await units(fleet)).toEqual(['10.0.0.0/30 node-0', '10.0.0.4/30 node-0']);
    expect(inEmptied(fleet)).toEqual([`${other} node-0`]);
  });

  test('takes no unit over that is in use in another block than its first', async () => {
    const fleet = await fleetOf(2, '10.0.0.0/25', 25);
    const [a, b] = fleet.nodes as [SimulatedNode, SimulatedNode];
    await fleet.during(addOn(a, 'one'));
    await fleet.during(delOn(a, 'one'));
    await fleet.timers.advance(LONG_MS);
    await fleet.during(b.ledger.refresh());
    const config = { runtimeConfig: { ips: ['10.0.0.100'] } };
    expect((await fleet.during(a.add({ ...podOn(a, 'two'), config }))).ok).toBe(true);
    expect(addressesOf(await fleet.during(addOn(b, 'three')))).toBe(NO_BLOCK);
    expect(await units(fleet)).toEqual(['10.0.0.0/25 node-0']);
  });

  test('gives no address out of a unit that has just been taken over', async () => {
    const { fleet, a, taking, write, taken, other, ask } = await takeover();
    write.execute();
    // Node 0 has not heard of it: by what it knows the unit is its own, and there is room.
    const before = storedText(fleet, other);
    expect(addressesOf(await ask())).toMatch(/Block host affinity does not match/);
    expect(storedText(fleet, other), 'nothing was written, and taken back').toBe(before);
    expect(addressesOf(await fleet.during(addOn(a, 'four')))).toBe(NO_BLOCK);
    write.answer();
    expect((await fleet.during(taking)).ok).toBe(true);
    expect(await units(fleet)).toEqual(['10.0.0.0/30 node-1', '10.0.0.4/30 node-0']);
    expect(inEmptied(fleet)).toEqual([`${taken} node-1`]);
  });
});

describe('borrowing over nodes', () => {
  test('uses a pool up to its last address, with more nodes than units', async () => {
    const fleet = await fleetOf(6, '10.0.0.0/28', 30, { strictAffinity: false });
    const answers = [...(await fleet.addPods(2, 2)), ...(await fleet.addPods(1, 1)).slice(0, 4)];
    expect(answers.slice(0, 12).filter(({ ok }) => !ok)).toEqual([]);
    expect(storedClaims(fleet.server)).toHaveLength(16);
    expect(await units(fleet)).toHaveLength(4);
    expect((await borrowed(fleet, 30)).length).toBeGreaterThan(0);
  });

  test('is the last resort: a unit that nobody owns, or that is empty, comes first', async () => {
    const fleet = await fleetOf(3, '10.0.0.0/29', 30, { strictAffinity: false });
    const [a, b, c] = fleet.nodes as [SimulatedNode, SimulatedNode, SimulatedNode];
    await fleet.during(addOn(a, 'one'));
    await fleet.during(addOn(b, 'two'));
    await fleet.during(delOn(b, 'two'));
    await fleet.timers.advance(LONG_MS);
    // Node 2 has seen neither unit: it finds both owned, looks, and takes the empty one over.
    await fleet.during(addOn(c, 'three'));
    const owners = (await units(fleet)).map((text) => text.split(' ')[1]).sort();
    expect(owners).toEqual(['node-0', 'node-2']);
    expect(await borrowed(fleet, 30)).toEqual([]);
  });
});
