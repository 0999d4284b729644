/** Status, finalizers and Events of pools follow from claims (src/controller/pool-duty.ts, pool-alarm.ts). */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import type { KindId } from '../../src/dialect/kinds.ts';
import { Scene } from './scene.ts';

function scene(): Scene {
  const made = new Scene();
  made.spiderPool('small', '10.20.0.0/24', ['10.20.0.10-10.20.0.19']);
  return made;
}

function calico(s: Scene, name: string, cidr: string, more: object = {}): void {
  s.object('CalicoIPPool', 'projectcalico.org/v3', name, { spec: { cidr, ...more } });
}

function status(s: Scene, name: string, kind: KindId = 'SpiderIPPool') {
  return s.cluster.get(kind, name)?.status as Record<string, unknown> | undefined;
}

function allocatable(s: Scene, name: string) {
  const { conditions = [] } = (status(s, name, 'CalicoIPPool') ?? {}) as {
    conditions?: { type: string; status: string; reason: string }[];
  };
  const found = conditions.find(({ type }) => type === 'Allocatable');
  return found && `${found.status} ${found.reason}`;
}

describe('the status of a pool', () => {
  test('has counts and records, and none once nothing is held', async () => {
    const s = scene();
    const uid = s.pod('web-0');
    s.controller();
    await s.settle();
    expect(status(s, 'small')).toEqual({ allocatedIPCount: 0, totalIPCount: 10 });
    await s.claim('10.20.0.10', 'small', 'web-0');
    await s.settle();
    expect(status(s, 'small')).toEqual({
      allocatedIPCount: 1,
      totalIPCount: 10,
      allocatedIPs: JSON.stringify({ '10.20.0.10': { pod: 'shop/web-0', podUid: uid } }),
    });
    await s.release('10.20.0.10');
    await s.settle();
    expect(status(s, 'small')).toEqual({ allocatedIPCount: 0, totalIPCount: 10 });
  });

  test('of the older form has them, too', async () => {
    const s = scene();
    s.object('SpiderpoolV1IPPool', 'spiderpool.spidernet.io/v1', 'older', {
      spec: { ipVersion: 4, subnet: '10.30.0.0/24', ips: ['10.30.0.10-10.30.0.12'] },
    });
    await s.claim('10.30.0.10', 'older', 'web-0');
    s.controller();
    await s.settle();
    expect(status(s, 'older', 'SpiderpoolV1IPPool')).toMatchObject({
      allocatedIPCount: 1,
      totalIPCount: 3,
    });
  });

  test('counts of two pools of one name what is in each', async () => {
    const s = scene();
    s.object('SpiderpoolV1IPPool', 'spiderpool.spidernet.io/v1', 'small', {
      spec: { ipVersion: 4, subnet: '10.30.0.0/24', ips: ['10.30.0.10-10.30.0.12'] },
    });
    await s.claim('10.20.0.10', 'small', 'web-0');
    await s.claim('10.30.0.10', 'small', 'web-1');
    await s.claim('10.30.0.11', 'small', 'web-2');
    s.controller();
    await s.settle();
    expect(status(s, 'small')).toMatchObject({ allocatedIPCount: 1 });
    expect(status(s, 'small', 'SpiderpoolV1IPPool')).toMatchObject({ allocatedIPCount: 2 });
  });

  test.each([
    { name: 'edited by hand', harm: { allocatedIPCount: 99, totalIPCount: 10 } },
    { name: 'emptied', harm: undefined },
  ])('comes back where it was $name', async ({ harm }) => {
    const s = scene();
    s.controller();
    await s.settle();
    const { status: _, ...object } = s.cluster.get('SpiderIPPool', 'small')!;
    s.cluster.put('SpiderIPPool', harm === undefined ? object : { ...object, status: harm });
    await s.settle();
    expect(status(s, 'small')).toEqual({ allocatedIPCount: 0, totalIPCount: 10 });
  });

  test('is caught up with after an hour without a controller', async () => {
    const s = scene();
    const first = s.controller();
    await s.settle();
    first.die();
    await s.claim('10.20.0.10', 'small', 'web-0');
    await s.settle(3_600_000);
    expect(status(s, 'small')).toMatchObject({ allocatedIPCount: 0 });
    s.controller();
    await s.settle(30_000);
    expect(status(s, 'small')).toMatchObject({ allocatedIPCount: 1 });
  });

  test('is written no more often than the limit says, and not where it is right', async () => {
    const s = scene();
    s.controller();
    await s.settle();
    const before = s.cluster.writes.length;
    for (let at = 10; at < 19; at += 1) {
      await s.claim(`10.20.0.${at}`, 'small', `web-${at}`);
      await s.settle(LIMITS.poolStatusDelayMs / 10);
    }
    await s.settle(60_000);
    const writes = s.cluster.writes.slice(before).filter(({ name }) => name === 'small');
    expect(status(s, 'small')).toMatchObject({ allocatedIPCount: 9 });
    expect(writes.length).toBeLessThanOrEqual(2);
  });

  test('is not written again and again where its server drops a field', async () => {
    const s = scene();
    s.cluster.prune = (object) => {
      const { allocatedIPs: _, ...rest } = (object.status ?? {}) as Record<string, unknown>;
      return object.kind === 'SpiderIPPool' ? { ...object, status: rest } : object;
    };
    await s.claim('10.20.0.10', 'small', 'web-0');
    s.controller();
    await s.settle(60_000);
    // The finalizer, what admission had not filled in, and the status once.
    expect(s.cluster.writes.filter(({ name }) => name === 'small')).toHaveLength(3);
  });
});

describe('the finalizer of a pool', () => {
  test.each([
    { kind: 'SpiderIPPool' as const, finalizer: 'spiderpool.spidernet.io' },
    { kind: 'CalicoIPPool' as const, finalizer: 'projectcalico.org/ippool-finalizer' },
  ])(
    '$kind: put on, and taken off with the last address; a resting one does not hold it',
    async (row) => {
      const s = new Scene();
      if (row.kind === 'CalicoIPPool') {
        calico(s, 'p', '10.20.0.0/24');
      } else {
        s.spiderPool('p', '10.20.0.0/24', ['10.20.0.10-10.20.0.19']);
      }
      s.controller();
      await s.settle();
      expect(s.cluster.get(row.kind, 'p')?.metadata.finalizers).toEqual([row.finalizer]);
      await s.claim('10.20.0.10', 'p', 'web-0');
      s.cluster.remove(row.kind, 'p');
      await s.settle(60_000);
      expect(s.cluster.get(row.kind, 'p')).toBeDefined();
      await s.release('10.20.0.10');
      await s.settle();
      expect(s.cluster.get(row.kind, 'p')).toBeUndefined();
    },
  );

  test('of a pool deleted while no controller was there', async () => {
    const s = scene();
    const first = s.controller();
    await s.settle();
    await s.claim('10.20.0.10', 'small', 'web-0');
    first.die();
    s.cluster.remove('SpiderIPPool', 'small');
    await s.release('10.20.0.10');
    s.controller();
    await s.settle(30_000);
    expect(s.cluster.get('SpiderIPPool', 'small')).toBeUndefined();
  });

  test('of a pool that cannot be read stays for as long as anything of its name is held', async () => {
    const s = new Scene();
    s.spiderPool('broken', 'nonsense', ['10.20.0.10']);
    await s.claim('10.20.0.10', 'broken', 'web-0');
    s.controller();
    await s.settle();
    s.cluster.remove('SpiderIPPool', 'broken');
    await s.settle();
    expect(s.cluster.get('SpiderIPPool', 'broken')).toBeDefined();
    await s.release('10.20.0.10');
    await s.settle();
    expect(s.cluster.get('SpiderIPPool', 'broken')).toBeUndefined();
  });
});

describe('what admission had filled in', () => {
  const label = { 'ipam.spidernet.io/ippool-cidr': '10-20-0-0-24' };
  test.each<{
    name: string;
    kind: KindId;
    api: string;
    given: object;
    want: object;
    labels?: object;
  }>([
    {
      name: 'a pool of the present form',
      kind: 'SpiderIPPool',
      api: 'spiderpool.spidernet.io/v2beta1',
      given: { subnet: '10.20.0.0/24', ips: ['10.20.0.10-10.20.0.19'], disable: true },
      want: {
        ipVersion: 4,
        subnet: '10.20.0.0/24',
        ips: ['10.20.0.10-10.20.0.19'],
        default: false,
        disable: true,
      },
      labels: label,
    },
    {
      name: 'a pool of the older form, with a family in the other spelling',
      kind: 'SpiderpoolV1IPPool',
      api: 'spiderpool.spidernet.io/v1',
      given: { ipVersion: 4, subnet: '10.20.0.0/24', ips: ['10.20.0.10'] },
      want: { ipVersion: 4, subnet: '10.20.0.0/24', ips: ['10.20.0.10'], disable: false, vlan: 0 },
      labels: label,
    },
    {
      name: 'a pool of the older form without a family',
      kind: 'SpiderpoolV1IPPool',
      api: 'spiderpool.spidernet.io/v1',
      given: { subnet: '10.20.0.0/24', ips: ['10.20.0.10'], vlan: 7, disable: null },
      want: {
        ipVersion: 'IPv4',
        subnet: '10.20.0.0/24',
        ips: ['10.20.0.10'],
        disable: false,
        vlan: 7,
      },
      labels: label,
    },
    {
      name: 'a pool of Calico',
      kind: 'CalicoIPPool',
      api: 'projectcalico.org/v3',
      given: { cidr: '10.20.0.0/24', vxlanMode: 'Always' },
      want: {
        cidr: '10.20.0.0/24',
        blockSize: 26,
        ipipMode: 'Never',
        vxlanMode: 'Always',
        nodeSelector: 'all()',
        allowedUses: ['Workload', 'Tunnel'],
        assignmentMode: 'Automatic',
      },
    },
  ])('$name gets it, and keeps what it has', async ({ kind, api, given, want, labels }) => {
    const s = new Scene();
    s.object(kind, api, 'p', { spec: given });
    s.controller();
    await s.settle();
    const { spec, metadata } = s.cluster.get(kind, 'p')!;
    expect(spec).toEqual(want);
    expect(metadata.labels).toEqual(labels);
    const written = s.cluster.writes.length;
    await s.settle(LIMITS.fullPassMs);
    expect(s.cluster.writes.slice(written).filter(({ name }) => name === 'p')).toEqual([]);
  });

  test('is left out of a pool that goes, and of one that cannot be read', async () => {
    const s = new Scene();
    const going = { finalizers: ['elsewhere.example'] };
    s.object('CalicoIPPool', 'projectcalico.org/v3', 'going', {
      metadata: going,
      spec: { cidr: '10.20.0.0/24' },
    });
    s.cluster.remove('CalicoIPPool', 'going');
    s.object('CalicoIPPool', 'projectcalico.org/v3', 'broken', { spec: { cidr: 'nonsense' } });
    s.controller();
    await s.settle();
    expect(s.cluster.get('CalicoIPPool', 'going')?.spec).toEqual({ cidr: '10.20.0.0/24' });
    expect(s.cluster.get('CalicoIPPool', 'broken')?.spec).toEqual({ cidr: 'nonsense' });
  });

  test('goes over nothing that was written meanwhile', async () => {
    const s = new Scene();
    s.object('SpiderIPPool', 'spiderpool.spidernet.io/v2beta1', 'p', {
      spec: { subnet: '10.20.0.0/24', ips: ['10.20.0.10'] },
    });
    let edited = false;
    s.cluster.refuse = (write, _, name) => {
      const object = s.cluster.get('SpiderIPPool', 'p')!;
      const isHeld = object.metadata.finalizers !== undefined;
      if (!edited && write === 'mergePatch' && name === 'p' && isHeld) {
        edited = true;
        s.cluster.put('SpiderIPPool', {
          ...object,
          spec: { ...(object.spec as object), disable: true },
        });
      }
      return undefined;
    };
    s.controller();
    await s.settle();
    expect(edited).toBe(true);
    expect(s.cluster.get('SpiderIPPool', 'p')?.spec).toMatchObject({ ipVersion: 4, disable: true });
  });

  test('is not written again and again where the kind lacks a field', async () => {
    const s = new Scene();
    s.cluster.prune = (object) => {
      const { assignmentMode: _, ...spec } = (object.spec ?? {}) as Record<string, unknown>;
      return object.kind === 'IPPool' ? { ...object, spec } : object;
    };
    calico(s, 'p', '10.20.0.0/24');
    s.controller();
    await s.settle(60_000);
    // The finalizer, the fields once, the status.
    expect(s.cluster.writes.filter(({ name }) => name === 'p')).toHaveLength(3);
    expect(allocatable(s, 'p')).toBe('True OK');
  });
});

describe('the conditions of a pool', () => {
  test('Calico: in use, disabled, overlapped by an earlier one, free again', async () => {
    const s = new Scene();
    calico(s, 'first', '10.40.0.0/24');
    await s.timers.advance(2_000);
    calico(s, 'second', '10.40.0.0/25');
    calico(s, 'off', '10.41.0.0/24', { disabled: true });
    s.controller();
    await s.settle();
    expect(['first', 'second', 'off'].map((name) => allocatable(s, name))).toEqual([
      'True OK',
      'False CIDROverlap',
      'False PoolDisabled',
    ]);
    s.cluster.remove('CalicoIPPool', 'first');
    await s.settle();
    expect(s.cluster.get('CalicoIPPool', 'first')).toBeUndefined();
    expect(allocatable(s, 'second')).toBe('True OK');
  });

  test('a pool that the webhook would have refused says so, and no more once it is right', async () => {
    const s = scene();
    await s.timers.advance(2_000);
    s.spiderPool('late', '10.20.0.0/24', ['10.20.0.15-10.20.0.25']);
    s.controller();
    await s.settle();
    expect(status(s, 'late')).toMatchObject({
      conditions: [{ type: 'Valid', status: 'False', reason: 'Refused' }],
    });
    expect(JSON.stringify(status(s, 'late'))).toContain('overlap with IPPool small');
    expect(status(s, 'small')).not.toHaveProperty('conditions');
    s.spiderPool('late', '10.20.0.0/24', ['10.20.0.20-10.20.0.25']);
    await s.settle();
    expect(status(s, 'late')).not.toHaveProperty('conditions');
  });

  test('a pool that cannot be read says why', async () => {
    const s = new Scene();
    s.spiderPool('broken', 'nonsense', ['10.20.0.10']);
    s.controller();
    await s.settle();
    expect(status(s, 'broken')).toMatchObject({ conditions: [{ type: 'Valid', status: 'False' }] });
  });

  test('those of others are left as they are', async () => {
    const s = scene();
    const other = { type: 'Theirs', status: 'True' };
    const object = s.cluster.get('SpiderIPPool', 'small')!;
    s.cluster.put('SpiderIPPool', { ...object, status: { conditions: [other] } });
    s.controller();
    await s.settle();
    expect(status(s, 'small')).toMatchObject({ conditions: [other], totalIPCount: 10 });
  });
});

describe('Events of a pool', () => {
  test('nearly exhausted, exhausted, no longer, relieved: each once', async () => {
    const s = scene();
    s.controller();
    const said = () => s.events().map(({ reason, count }) => `${reason} ${count}`);
    for (let at = 10; at < 19; at += 1) {
      await s.claim(`10.20.0.${at}`, 'small', `web-${at}`);
    }
    await s.settle();
    expect(s.events()).toMatchObject([
      { reason: 'PoolNearlyExhausted', name: 'small', message: '9 of 10 addresses are in use' },
    ]);
    await s.claim('10.20.0.19', 'small', 'web-19');
    await s.settle();
    await s.release('10.20.0.19');
    await s.settle();
    await s.release('10.20.0.18');
    await s.settle();
    expect(said()).toHaveLength(3);
    await s.release('10.20.0.17');
    await s.settle();
    expect(said().sort()).toEqual([
      'PoolExhausted 1',
      'PoolNearlyExhausted 1',
      'PoolNoLongerExhausted 1',
      'PoolRelieved 1',
    ]);
  });

  test('reserved addresses are not free', async () => {
    const s = scene();
    s.object('SpiderReservedIP', 'spiderpool.spidernet.io/v2beta1', 'kept', {
      spec: { ipVersion: 4, ips: ['10.20.0.11-10.20.0.19'] },
    });
    await s.claim('10.20.0.10', 'small', 'web-0');
    s.controller();
    await s.settle();
    expect(s.events()).toMatchObject([
      { reason: 'PoolExhausted', message: 'no address is free: 1 of 1 addresses are in use' },
    ]);
  });
});
