/**
 * Agents of many nodes on one pool: what rules 11 and 12, and the beginnings of searches (DESIGN section 3), are for.
 * Counted, never timed.
 */
import { describe, expect, test } from 'vitest';
import type { CniAnswer } from '../../src/ipam/cni-answer.ts';
import { formatAddress } from '../../src/net/address.ts';
import { storedClaims } from '../support/block-lines.ts';
import { defaultPool, NodeFleet } from '../support/node-fleet.ts';
import { addressesOf } from '../support/simulated-node.ts';

/** Every ADD was answered with an address of its own, which is in etcd. */
function expectAllServed(fleet: NodeFleet, answers: readonly CniAnswer[], count: number): void {
  const told = answers.map(addressesOf);
  expect(told.filter((item) => typeof item === 'string')).toEqual([]);
  const stored = storedClaims(fleet.server).map(({ address }) => formatAddress(address));
  expect(new Set(stored).size).toBe(count);
  expect(told.flat().sort()).toEqual(stored.sort());
}

describe('rule 12: many agents', () => {
  test('64 that race for one block of 64 all succeed, with 3 tries a claim at most', async () => {
    const fleet = await NodeFleet.start({ nodes: 64, pool: defaultPool('10.0.0.0-10.0.0.63') });
    const answers = await fleet.addPods(1, 1);
    expectAllServed(fleet, answers, 64);
    expect(fleet.writes / 64).toBeLessThanOrEqual(3);
  });

  test('10 of 100 pods each, 32 at once, on exactly 1,000 addresses', async () => {
    const fleet = await NodeFleet.start({ nodes: 10, pool: defaultPool('10.0.0.0-10.0.3.231') });
    const answers = await fleet.addPods(100, 32);
    expectAllServed(fleet, answers, 1_000);
    expect(fleet.writes / 1_000).toBeLessThanOrEqual(0.2);
  });

  test('100 on a pool with exactly as many addresses as pods', async () => {
    const fleet = await NodeFleet.start({ nodes: 100, pool: defaultPool('10.0.0.0-10.0.3.231') });
    const answers = await fleet.addPods(10, 10);
    expectAllServed(fleet, answers, 1_000);
  });
});

describe('rules 9 and 11: a pool with exactly as many addresses as pods', () => {
  test('refuses no pod whose predecessor went on another node, while all of them move', async () => {
    const fleet = await NodeFleet.start({ nodes: 10, pool: defaultPool('10.0.0.0-10.0.0.199') });
    await fleet.addPods(20, 20);
    const pods = fleet.nodes.flatMap((node, at) =>
      [...node.ledger.claims()]
        .filter((claim) => claim.node === node.name)
        .map(({ owner }) => ({ from: node, to: fleet.nodes[(at + 1) % 10]!, name: owner.pod })),
    );
    const move = async ({ from, to, name }: (typeof pods)[number]): Promise<CniAnswer> => {
      await from.del({ pod: name, uid: name, container: name });
      const next = `${name}-next`;
      return to.add({ pod: next, uid: next, container: next });
    };
    const answers = await fleet.during(Promise.all(pods.map(move)));
    expectAllServed(fleet, answers, 200);
  });
});
