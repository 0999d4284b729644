/**
 * Addresses of nodes that are gone (src/controller/dead-node-duty.ts): rule 15 of DESIGN section 4, its part that no
 * agent can do. Each row leaves out one of the conditions.
 */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { Scene } from './scene.ts';

/** Long enough for the Lease to expire and for both looks. */
const LONG_MS = LIMITS.leaseMs + LIMITS.deadNodeWaitMs + 3 * LIMITS.deadNodePassMs;

async function scene(): Promise<Scene> {
  const s = new Scene();
  s.spiderPool('shop', '10.20.0.0/16', ['10.20.0.0-10.20.255.255']);
  s.node('alive');
  s.pod('web-0');
  await s.claim('10.20.0.10', 'shop', 'web-0', { node: 'gone' });
  s.renew('gone');
  return s;
}

const stateOf = (s: Scene, address = '10.20.0.10') => s.line(address)?.state;

describe('rule 15: a claim of a node that is gone', () => {
  test('is freed, as a resting line, once pod, Node and Lease are gone for long enough', async () => {
    const s = await scene();
    s.cluster.remove('Pod', 'web-0', 'shop');
    const { reconciler } = s.controller();
    await s.settle(LIMITS.leaseMs + LIMITS.deadNodeWaitMs - 1_000);
    expect(stateOf(s)).toBe('claimed');
    await s.settle(LONG_MS);
    expect(s.line('10.20.0.10')).toMatchObject({ state: 'resting', pool: 'shop' });
    expect(reconciler.freed).toBe(1);
    expect(s.endpoint('web-0')).toBeUndefined();
  });

  test('is freed where another pod has the name', async () => {
    const s = await scene();
    s.cluster.remove('Pod', 'web-0', 'shop');
    s.pod('web-0');
    s.controller();
    await s.settle(LONG_MS);
    expect(stateOf(s)).toBe('resting');
  });

  test('is freed where its agent never had a Lease', async () => {
    const s = new Scene();
    s.spiderPool('shop', '10.20.0.0/16', ['10.20.0.10']);
    await s.claim('10.20.0.10', 'shop', 'web-0', { node: 'gone' });
    s.controller();
    await s.settle(LONG_MS);
    expect(stateOf(s)).toBe('resting');
  });

  test.each<{ name: string; keeps: (s: Scene) => void | Promise<void> }>([
    { name: 'the pod is there', keeps: () => {} },
    {
      name: 'the Node is there',
      keeps: (s) => {
        s.cluster.remove('Pod', 'web-0', 'shop');
        s.node('gone');
      },
    },
    {
      name: 'the claim names no pod',
      keeps: async (s) => {
        const owner = { namespace: '', pod: '', uid: '' };
        await s.claim('10.20.0.10', 'shop', '', { node: 'gone', owner });
      },
    },
  ])('stays while $name', async ({ keeps }) => {
    const s = await scene();
    await keeps(s);
    s.controller();
    await s.settle(10 * LONG_MS);
    expect(stateOf(s)).toBe('claimed');
  });

  test('stays while the agent renews its Lease, whatever the times in it say', async () => {
    const s = await scene();
    s.cluster.remove('Pod', 'web-0', 'shop');
    s.controller();
    for (let passed = 0; passed < 3 * LONG_MS; passed += 10_000) {
      s.renew('gone');
      await s.settle(10_000);
    }
    expect(stateOf(s)).toBe('claimed');
  });

  test('stays where the Node comes back between the two looks', async () => {
    const s = await scene();
    s.cluster.remove('Pod', 'web-0', 'shop');
    s.controller();
    await s.settle(LIMITS.leaseMs + LIMITS.deadNodePassMs + 5_000);
    s.node('gone');
    await s.settle(LIMITS.deadNodePassMs);
    s.cluster.remove('Node', 'gone');
    await s.settle(LIMITS.deadNodeWaitMs - LIMITS.deadNodePassMs);
    expect(stateOf(s)).toBe('claimed');
  });

  test('stays where it was written again between the two looks', async () => {
    const s = await scene();
    s.cluster.remove('Pod', 'web-0', 'shop');
    s.controller();
    for (let at = 0; at < 6; at += 1) {
      await s.settle(LIMITS.deadNodePassMs);
      await s.claim('10.20.0.10', 'shop', 'web-0', { node: 'gone' });
    }
    expect(stateOf(s)).toBe('claimed');
  });

  test('is counted from the start by the next leader', async () => {
    const s = await scene();
    s.cluster.remove('Pod', 'web-0', 'shop');
    const first = s.controller();
    await s.settle(LIMITS.leaseMs + LIMITS.deadNodePassMs);
    first.die();
    s.controller();
    await s.settle(LIMITS.leaderLeaseMs + LIMITS.leaseMs);
    expect(stateOf(s)).toBe('claimed');
    await s.settle(LONG_MS);
    expect(stateOf(s)).toBe('resting');
  });

  test('is not freed over a line that was written since: the patch tests the line that was read', async () => {
    const s = await scene();
    s.cluster.remove('Pod', 'web-0', 'shop');
    s.cluster.blocks.holds = ({ client, verb }) => client === 'controller' && verb === 'patch';
    s.controller();
    await s.settle(LONG_MS);
    const [patch] = s.cluster.blocks.held;
    s.cluster.blocks.holds = () => false;
    await s.claim('10.20.0.10', 'shop', 'web-9', { node: 'alive' });
    patch!.answer();
    await s.settle(LONG_MS);
    expect(s.line('10.20.0.10')).toMatchObject({ state: 'claimed', owner: { pod: 'web-9' } });
  });
});

describe('I7: an implausible share', () => {
  async function crowd(dead: number, alive: number): Promise<Scene> {
    const s = new Scene();
    s.spiderPool('shop', '10.20.0.0/16', ['10.20.0.0-10.20.255.255']);
    s.node('alive');
    for (let at = 0; at < dead + alive; at += 1) {
      const address = `10.20.${at >> 8}.${at & 255}`;
      const node = at < dead ? 'gone' : 'alive';
      await s.claim(address, 'shop', `web-${at}`, { node });
    }
    return s;
  }
  const resting = (s: Scene) =>
    [...s.cluster.blocks.blocks.values()]
      .flatMap(({ spec }) => Object.values(spec.slots))
      .filter((text) => text.startsWith('1r')).length;

  test('frees nothing, and says so', async () => {
    const s = await crowd(LIMITS.freedAlwaysMax + 1, LIMITS.freedAlwaysMax - 1);
    const { log } = s.controller();
    await s.settle(LONG_MS);
    expect(resting(s)).toBe(0);
    expect(s.events().map(({ reason }) => reason)).toContain('FreeingStopped');
    expect(log.join('\n')).toContain('nothing is freed');
  });

  test.each([
    { name: 'few claims, whatever share', dead: LIMITS.freedAlwaysMax, alive: 0 },
    { name: 'half of many', dead: 100, alive: 100 },
  ])('$name are freed', async ({ dead, alive }) => {
    const s = await crowd(dead, alive);
    s.controller();
    await s.settle(LONG_MS);
    expect(resting(s)).toBe(dead);
  });
});
