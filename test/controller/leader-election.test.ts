/** One controller writes at a time (src/controller/leader-election.ts). */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { CONTROLLER_LEASE } from '../../src/controller/reconciler.ts';
import { LEASES } from '../../src/kube/resources.ts';
import { NAMESPACE, Scene } from './scene.ts';

function scene(): Scene {
  const s = new Scene();
  s.spiderPool('shop', '10.20.0.0/16', ['10.20.0.10-10.20.0.29']);
  return s;
}

const leaseOf = (s: Scene) =>
  s.cluster.get(LEASES, CONTROLLER_LEASE, NAMESPACE)?.spec as {
    holderIdentity: string;
    leaseTransitions: number;
    leaseDurationSeconds: number;
  };

describe('of two controllers', () => {
  test('the first leads, the second waits', async () => {
    const s = scene();
    const first = s.controller().reconciler;
    await s.settle(1_000);
    const second = s.controller().reconciler;
    await s.settle(60_000);
    expect([first.leads, second.leads]).toEqual([true, false]);
    expect(leaseOf(s)).toMatchObject({ holderIdentity: 'controller-1', leaseDurationSeconds: 15 });
  });

  test('the second goes on where the first is killed, after the time of the Lease and not before', async () => {
    const s = scene();
    const first = s.controller();
    await s.settle(1_000);
    const second = s.controller().reconciler;
    await s.settle(10_000);
    first.die();
    await s.settle(LIMITS.leaderLeaseMs - LIMITS.leaderRetryMs - 1_000);
    expect(second.leads).toBe(false);
    await s.settle(3 * LIMITS.leaderRetryMs);
    expect(second.leads).toBe(true);
    expect(leaseOf(s)).toMatchObject({ holderIdentity: 'controller-2', leaseTransitions: 2 });
  });

  test('the second goes on at once where the first stops in good order', async () => {
    const s = scene();
    const first = s.controller();
    await s.settle(1_000);
    const second = s.controller().reconciler;
    await s.settle(1_000);
    void first.close();
    await s.settle(2 * LIMITS.leaderRetryMs);
    expect([first.reconciler.leads, second.leads]).toEqual([false, true]);
  });

  test('never do both lead, where one is cut off from its Lease and from nothing else', async () => {
    const s = scene();
    const first = s.controller();
    await s.settle(1_000);
    const second = s.controller().reconciler;
    await s.settle(1_000);
    first.losesRenewals = true;
    const seen: string[] = [];
    for (let passed = 0; passed < 40_000; passed += 500) {
      await s.settle(500);
      const leading = `${first.reconciler.leads ? 'first' : ''}${second.leads ? 'second' : ''}`;
      if (leading !== seen.at(-1)) {
        seen.push(leading);
      }
    }
    expect(seen).toEqual(['first', '', 'second']);
  });

  test('one that leads no more writes nothing', async () => {
    const s = scene();
    const first = s.controller();
    await s.settle(5_000);
    first.losesRenewals = true;
    await s.settle(LIMITS.leaderRenewMs + 1_000);
    const before = s.cluster.writes.length;
    await s.claim('10.20.0.10', 'shop', 'web-0');
    await s.settle(20_000);
    expect(s.cluster.writes.length).toBe(before);
    expect(s.endpoint('web-0')).toBeUndefined();
  });

  test('a leader that cannot reach the server stops before the other may begin, and leads again later', async () => {
    const s = scene();
    const { reconciler } = s.controller();
    await s.settle(5_000);
    s.cluster.away = true;
    await s.settle(LIMITS.leaderRenewMs + LIMITS.leaderRetryMs);
    expect(reconciler.leads).toBe(false);
    s.cluster.away = false;
    await s.settle(3 * LIMITS.leaderRetryMs);
    expect(reconciler.leads).toBe(true);
  });
});

test('a Lease whose times are an hour off is waited for like any other', async () => {
  const s = scene();
  const hourAhead = new Date(s.timers.now() + 3_600_000).toISOString();
  s.cluster.put(LEASES, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { namespace: NAMESPACE, name: CONTROLLER_LEASE },
    spec: { holderIdentity: 'other', leaseDurationSeconds: 15, renewTime: hourAhead },
  });
  const { reconciler } = s.controller();
  await s.settle(LIMITS.leaderLeaseMs - LIMITS.leaderRetryMs);
  expect(reconciler.leads).toBe(false);
  await s.settle(3 * LIMITS.leaderRetryMs);
  expect(reconciler.leads).toBe(true);
});
