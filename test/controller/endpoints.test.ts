/** Endpoints follow from claims, whatever happened to them (src/controller/endpoint-duty.ts). */
import { describe, expect, test } from 'vitest';
import { Scene } from './scene.ts';

const MANAGED = { 'app.kubernetes.io/managed-by': 'orbweaver' };

function scene(): Scene {
  const made = new Scene();
  made.spiderPool('shop-v4', '10.20.0.0/16', ['10.20.0.10-10.20.0.29'], { gateway: '10.20.0.1' });
  return made;
}

describe('an endpoint', () => {
  test('has the shape of reference/spiderpool.md 1.3, belongs to its pod and has no finalizer', async () => {
    const s = scene();
    const uid = s.pod('web-0');
    await s.claim('10.20.0.10', 'shop-v4', 'web-0', { node: 'worker' });
    s.controller();
    await s.settle();
    expect(s.endpoint('web-0')).toMatchObject({
      apiVersion: 'spiderpool.spidernet.io/v2beta1',
      kind: 'SpiderEndpoint',
      status: {
        current: {
          uid,
          node: 'worker',
          ips: [
            {
              interface: 'eth0',
              ipv4: '10.20.0.10/16',
              ipv4Pool: 'shop-v4',
              ipv4Gateway: '10.20.0.1',
              vlan: 0,
            },
          ],
        },
        ownerControllerType: 'Pod',
        ownerControllerName: 'web-0',
      },
    });
    const { metadata } = s.endpoint('web-0')!;
    expect(metadata.ownerReferences).toEqual([
      { apiVersion: 'v1', kind: 'Pod', name: 'web-0', uid },
    ]);
    expect(metadata.finalizers).toBeUndefined();
  });

  test('has the routes of the pod’s annotation, also when the controller begins', async () => {
    const s = scene();
    const annotations = { 'ipam.spidernet.io/routes': '[{"dst":"10.9.0.0/16","gw":"10.20.0.3"}]' };
    s.pod('web-0', { annotations });
    await s.claim('10.20.0.10', 'shop-v4', 'web-0');
    const first = s.controller();
    await s.settle();
    const routes = [{ dst: '10.9.0.0/16', gw: '10.20.0.3' }];
    expect(s.endpoint('web-0')?.status).toMatchObject({ current: { ips: [{ routes }] } });
    await first.close();
    const { resourceVersion } = s.endpoint('web-0')!.metadata;
    s.controller();
    await s.settle();
    expect(s.endpoint('web-0')!.metadata.resourceVersion).toBe(resourceVersion);
  });

  test('names the Deployment above the ReplicaSet', async () => {
    const s = scene();
    const above = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      name: 'web',
      uid: 'd',
      controller: true,
    };
    s.object('ReplicaSet', 'apps/v1', 'web-5d', {
      metadata: { namespace: 'shop', ownerReferences: [above] },
    });
    const owner = {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      name: 'web-5d',
      uid: 'r',
      controller: true,
    };
    s.pod('web-5d-x', { ownerReferences: [owner] });
    await s.claim('10.20.0.10', 'shop-v4', 'web-5d-x');
    s.controller();
    await s.settle();
    expect(s.endpoint('web-5d-x')?.status).toMatchObject({
      ownerControllerType: 'Deployment',
      ownerControllerName: 'web',
    });
  });

  test('of a pod on a pool of the older form is a WorkloadEndpoint', async () => {
    const s = scene();
    s.object('SpiderpoolV1IPPool', 'spiderpool.spidernet.io/v1', 'older', {
      spec: { ipVersion: 4, subnet: '10.30.0.0/24', ips: ['10.30.0.10'] },
    });
    s.pod('old-0');
    await s.claim('10.30.0.10', 'older', 'old-0');
    s.controller();
    await s.settle();
    expect(s.endpoint('old-0')).toBeUndefined();
    expect(s.endpoint('old-0', 'SpiderpoolV1WorkloadEndpoint')).toMatchObject({
      apiVersion: 'spiderpool.spidernet.io/v1',
      kind: 'WorkloadEndpoint',
    });
  });

  test('follows while a controller leads: a claim, a second interface, the release', async () => {
    const s = scene();
    s.pod('web-0');
    s.controller();
    await s.settle();
    await s.claim('10.20.0.10', 'shop-v4', 'web-0');
    await s.settle();
    await s.claim('10.20.0.11', 'shop-v4', 'web-0', {
      order: 1,
      attachment: { network: 'net', containerId: 'c1', interfaceName: 'net1' },
    });
    await s.settle();
    const { current } = s.endpoint('web-0')!.status as { current: { ips: object[] } };
    expect(current.ips).toMatchObject([{ interface: 'eth0' }, { interface: 'net1' }]);
    await s.release('10.20.0.10');
    await s.release('10.20.0.11');
    await s.settle();
    expect(s.endpoint('web-0')).toBeUndefined();
  });

  test('is written once for many changes, and not at all where it is right', async () => {
    const s = scene();
    s.pod('web-0');
    const claim = await s.claim('10.20.0.10', 'shop-v4', 'web-0');
    const first = s.controller();
    await s.settle();
    for (let at = 0; at < 5; at += 1) {
      await s.write({ ...claim, nonce: `again-${at}` });
    }
    await s.settle();
    await first.close();
    s.controller();
    await s.settle(40_000);
    expect(s.cluster.writes.filter(({ list }) => list.startsWith('spiderendpoints'))).toHaveLength(
      1,
    );
  });

  test('is written with the gateway that its pool has now', async () => {
    const s = scene();
    s.pod('web-0');
    await s.claim('10.20.0.10', 'shop-v4', 'web-0');
    s.controller();
    await s.settle();
    s.spiderPool('shop-v4', '10.20.0.0/16', ['10.20.0.10-10.20.0.29'], { gateway: '10.20.0.2' });
    await s.settle();
    expect(s.endpoint('web-0')?.status).toMatchObject({
      current: { ips: [{ ipv4Gateway: '10.20.0.2' }] },
    });
  });
});

/** Each: what is wrong while no controller is there, or while one is; afterwards all is as it should be. */
const DIVERGENCES: readonly { name: string; harm: (s: Scene) => void | Promise<void> }[] = [
  {
    name: 'claims without endpoint: somebody deleted it',
    harm: (s) => s.cluster.remove('SpiderEndpoint', 'web-0', 'shop'),
  },
  {
    name: 'an endpoint without claims',
    harm: (s) => {
      s.object('SpiderEndpoint', 'spiderpool.spidernet.io/v2beta1', 'ghost', {
        metadata: { namespace: 'shop', labels: MANAGED },
        status: { current: { uid: 'u', node: 'n', ips: [] } },
      });
    },
  },
  {
    name: 'an endpoint whose status was edited by hand',
    harm: (s) => {
      s.cluster.put('SpiderEndpoint', { ...s.endpoint('web-0')!, status: { current: {} } });
    },
  },
  {
    name: 'an endpoint whose owner was taken off',
    harm: (s) => {
      const { ownerReferences: _, ...metadata } = s.endpoint('web-0')!.metadata;
      s.cluster.put('SpiderEndpoint', { ...s.endpoint('web-0')!, metadata });
    },
  },
  {
    name: 'an endpoint in the form of another pool',
    harm: (s) => {
      s.object('SpiderpoolV1WorkloadEndpoint', 'spiderpool.spidernet.io/v1', 'web-0', {
        metadata: { namespace: 'shop', labels: MANAGED },
        status: { current: {} },
      });
    },
  },
  {
    name: "an endpoint of Spiderpool's, held by its finalizer, of a pod that has claims here",
    harm: (s) => {
      const metadata = {
        namespace: 'shop',
        name: 'web-0',
        finalizers: ['spiderpool.spidernet.io'],
      };
      s.cluster.put('SpiderEndpoint', {
        ...s.endpoint('web-0')!,
        metadata,
        status: { current: {} },
      });
    },
  },
];

describe.each(DIVERGENCES)('$name', ({ harm }) => {
  async function whole() {
    const s = scene();
    s.pod('web-0');
    await s.claim('10.20.0.10', 'shop-v4', 'web-0');
    const controller = s.controller();
    await s.settle();
    const { status, metadata } = s.endpoint('web-0')!;
    const check = () => {
      expect(s.endpoint('web-0')?.status).toEqual(status);
      expect(s.endpoint('web-0')?.metadata).toMatchObject({
        ownerReferences: metadata.ownerReferences,
        labels: MANAGED,
      });
      expect(s.endpoint('web-0')?.metadata.finalizers ?? []).toEqual([]);
      expect(s.cluster.all('SpiderEndpoint').map((one) => one.metadata.name)).toEqual(['web-0']);
      expect(s.cluster.all('SpiderpoolV1WorkloadEndpoint')).toEqual([]);
    };
    return { s, controller, check };
  }

  test('while a controller leads', async () => {
    const { s, check } = await whole();
    await harm(s);
    await s.settle();
    check();
  });

  test('while none is there for an hour', async () => {
    const { s, controller, check } = await whole();
    controller.die();
    await harm(s);
    await s.settle(3_600_000);
    s.controller();
    await s.settle(30_000);
    check();
  });
});

describe('is left alone:', () => {
  test('an endpoint of a Spiderpool that still runs, whose pod has no claims here', async () => {
    const s = scene();
    s.object('SpiderEndpoint', 'spiderpool.spidernet.io/v2beta1', 'theirs', {
      metadata: { namespace: 'shop', finalizers: ['spiderpool.spidernet.io'] },
      status: { current: { uid: 'u', node: 'n', ips: [] } },
    });
    s.controller();
    await s.settle();
    expect(s.endpoint('theirs')?.metadata.finalizers).toEqual(['spiderpool.spidernet.io']);
    expect(s.cluster.writes.filter(({ name }) => name === 'theirs')).toEqual([]);
  });

  test('what its server makes of an endpoint: it is not written again and again', async () => {
    const s = scene();
    s.cluster.prune = (object) =>
      object.kind === 'SpiderEndpoint' ? { ...object, status: { current: 'pruned' } } : object;
    s.pod('web-0');
    await s.claim('10.20.0.10', 'shop-v4', 'web-0');
    s.controller();
    await s.settle(60_000);
    expect(s.cluster.writes.filter(({ name }) => name === 'web-0')).toHaveLength(1);
  });
});

describe('pods of one name', () => {
  test('the endpoint shows the pod that there is, beside claims of a former one', async () => {
    const s = scene();
    s.pod('web-0');
    await s.claim('10.20.0.10', 'shop-v4', 'web-0');
    s.cluster.remove('Pod', 'web-0', 'shop');
    const uid = s.pod('web-0');
    await s.claim('10.20.0.11', 'shop-v4', 'web-0');
    s.controller();
    await s.settle();
    expect(s.endpoint('web-0')?.status).toMatchObject({
      current: { uid, ips: [{ ipv4: '10.20.0.11/16' }] },
    });
  });

  test('where the pod is gone and its address is not, the endpoint stays and belongs to nobody', async () => {
    const s = scene();
    await s.claim('10.20.0.10', 'shop-v4', 'web-0');
    s.controller();
    await s.settle();
    expect(s.endpoint('web-0')?.metadata.ownerReferences).toBeUndefined();
    expect(s.endpoint('web-0')?.status).toMatchObject({ current: { uid: 'uid-unknown' } });
  });

  test('a static pod owns its endpoint under either of its uids', async () => {
    const s = scene();
    const uid = s.pod('static-0', { annotations: { 'kubernetes.io/config.hash': 'file-uid' } });
    const owner = { namespace: 'shop', pod: 'static-0', uid: 'file-uid' };
    await s.claim('10.20.0.10', 'shop-v4', 'static-0', { owner });
    s.controller();
    await s.settle();
    expect(s.endpoint('static-0')?.metadata.ownerReferences).toMatchObject([{ uid }]);
  });
});

describe('the API server', () => {
  test('is away for a while: everything is written when it is back', async () => {
    const s = scene();
    s.pod('web-0');
    s.controller();
    await s.settle();
    await s.claim('10.20.0.10', 'shop-v4', 'web-0');
    s.cluster.away = true;
    await s.settle(8_000);
    expect(s.endpoint('web-0')).toBeUndefined();
    s.cluster.away = false;
    await s.settle(40_000);
    expect(s.endpoint('web-0')).toBeDefined();
  });

  test('refuses an endpoint: it is named once and tried again with the next full pass', async () => {
    const s = scene();
    s.pod('web-0');
    s.pod('web-1');
    await s.claim('10.20.0.10', 'shop-v4', 'web-0');
    await s.claim('10.20.0.11', 'shop-v4', 'web-1');
    s.cluster.refuse = (write, list) =>
      write === 'create' && list.startsWith('spiderendpoints')
        ? { kind: 'refused', reason: 'spiderendpoints is forbidden' }
        : undefined;
    const { log } = s.controller();
    await s.settle(60_000);
    expect(log.filter((line) => line.includes('refused'))).toHaveLength(1);
    s.cluster.refuse = () => undefined;
    await s.settle(600_000);
    expect(s.endpoint('web-0')).toBeDefined();
    expect(s.endpoint('web-1')).toBeDefined();
  });
});
