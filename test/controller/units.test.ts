/** Affinity units that nobody will use any more (src/controller/unit-duty.ts). */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { Scene } from './scene.ts';

/** Long enough for the Lease of a node that is gone to expire, and for a pass. */
const LONG_MS = LIMITS.leaseMs + 3 * LIMITS.deadNodePassMs;

function pool(s: Scene, name: string, cidr: string, blockSize: number): void {
  const spec = { cidr, blockSize };
  s.object('CalicoIPPool', 'projectcalico.org/v3', name, { spec });
}

function scene(): Scene {
  const s = new Scene();
  pool(s, 'cali', '10.40.0.0/16', 28);
  s.node('alive');
  s.renew('alive');
  return s;
}

describe('an empty unit', () => {
  test('of a node that is gone is given up, whether or not its agent had a Lease', async () => {
    const s = scene();
    s.renew('gone');
    await s.own('10.40.0.0/28', 'gone');
    await s.own('10.40.0.16/28', 'never-there');
    await s.own('10.40.0.32/28', 'alive');
    s.controller();
    await s.settle(LIMITS.leaseMs - 1_000);
    expect(s.units()).toHaveLength(3);
    await s.settle(LONG_MS);
    expect(s.units()).toEqual(['10.40.0.32/28 alive']);
  });

  test('of a node whose Node is gone stays while its agent renews its Lease', async () => {
    const s = scene();
    await s.own('10.40.0.0/28', 'cut-off');
    s.controller();
    for (let passed = 0; passed < 3 * LONG_MS; passed += 10_000) {
      s.renew('cut-off');
      await s.settle(10_000);
    }
    expect(s.units()).toEqual(['10.40.0.0/28 cut-off']);
  });

  test('of a node that is gone is given up once what rests or is held in it is gone', async () => {
    const s = scene();
    // Another node borrowed an address of it.
    await s.own('10.40.0.0/28', 'gone');
    await s.claim('10.40.0.3', 'cali', 'web-0', { node: 'alive' });
    s.pod('web-0');
    s.controller();
    await s.settle(LONG_MS);
    expect(s.units()).toEqual(['10.40.0.0/28 gone']);
    await s.release('10.40.0.3');
    await s.settle(LONG_MS);
    expect(s.units()).toEqual([]);
    // The rest goes on.
    expect(s.line('10.40.0.3')?.state).toBe('resting');
  });

  test.each([
    { name: 'its pool was deleted', harm: (s: Scene) => s.cluster.remove('CalicoIPPool', 'cali') },
    {
      name: 'its pool has units of another size',
      harm: (s: Scene) => pool(s, 'cali', '10.40.0.0/16', 26),
    },
    { name: 'its pool is elsewhere', harm: (s: Scene) => pool(s, 'cali', '10.41.0.0/16', 28) },
  ])('of a living node is given up where $name', async ({ harm }) => {
    const s = scene();
    await s.own('10.40.0.0/28', 'alive');
    s.controller();
    await s.settle(LONG_MS);
    expect(s.units()).toEqual(['10.40.0.0/28 alive']);
    harm(s);
    await s.settle(LONG_MS);
    expect(s.units()).toEqual([]);
  });

  test('stays where a pool cannot be read: it may be one of its own', async () => {
    const s = scene();
    await s.own('10.40.0.0/28', 'alive');
    pool(s, 'cali', 'nonsense', 28);
    s.controller();
    await s.settle(LONG_MS);
    expect(s.units()).toEqual(['10.40.0.0/28 alive']);
  });

  test('of several blocks stays while an address of any of them is held', async () => {
    const s = scene();
    pool(s, 'wide', '10.50.0.0/16', 24);
    await s.own('10.50.0.0/24', 'gone');
    await s.claim('10.50.0.200', 'wide', 'web-0', { node: 'alive' });
    s.pod('web-0');
    s.controller();
    await s.settle(LONG_MS);
    expect(s.units()).toEqual(['10.50.0.0/24 gone']);
    await s.release('10.50.0.200');
    await s.settle(LONG_MS);
    expect(s.units()).toEqual([]);
  });

  test('is not given up over an address that was claimed since', async () => {
    const s = scene();
    await s.own('10.40.0.0/28', 'gone');
    s.cluster.blocks.holds = ({ client, verb }) => client === 'controller' && verb === 'patch';
    s.controller();
    await s.settle(LONG_MS);
    const [patch] = s.cluster.blocks.held;
    s.cluster.blocks.holds = () => false;
    await s.claim('10.40.0.3', 'cali', 'web-0', { node: 'alive' });
    s.pod('web-0');
    patch!.answer();
    await s.settle(LONG_MS);
    expect(s.units()).toEqual(['10.40.0.0/28 gone']);
  });

  test('that was edited by hand is left alone', async () => {
    const s = scene();
    await s.own('10.40.0.0/28', 'gone');
    const name = s.blockOf('10.40.0.0');
    s.cluster.blocks.edit(name, (block) => ({
      ...block,
      spec: { ...block.spec, units: { '0-28': 'mine' } },
    }));
    s.controller();
    await s.settle(2 * LONG_MS);
    expect(s.cluster.blocks.blocks.get(name)?.spec.units).toEqual({ '0-28': 'mine' });
  });
});

test('rule 13: a block of units that were given up goes when its lines have long finished resting', async () => {
  const s = scene();
  await s.own('10.40.0.0/28', 'gone');
  await s.own('10.40.1.0/28', 'alive');
  await s.claim('10.40.0.3', 'cali', 'web-0', { node: 'gone' });
  await s.release('10.40.0.3');
  s.controller();
  await s.settle(LIMITS.blockKeptMs - LIMITS.fullPassMs);
  expect(s.units()).toEqual(['10.40.1.0/28 alive']);
  expect(s.cluster.blocks.blocks.size).toBe(2);
  await s.settle(3 * LIMITS.fullPassMs);
  expect([...s.cluster.blocks.blocks.keys()]).toEqual([s.blockOf('10.40.1.0')]);
});
