/**
 * The controller on a real control plane. Claims are written by a ledger as an agent has it; pods are objects that
 * no kubelet runs, so that each test says what holds an address.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Claim, Line } from '../../src/ipam/ports.ts';
import { systemTimers } from '../../src/ipam/timers.ts';
import { ApiServer } from '../../src/kube/api-server.ts';
import { BlockServer } from '../../src/kube/block-server.ts';
import { KubernetesLedger } from '../../src/kube/ledger.ts';
import { cidrOf, claimOf, restingOf, unitOf } from '../support/lines.ts';
import { MemoryJournal } from '../support/memory-journal.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { ControllerProcess } from './support/controller-process.ts';
import { missingParts } from './support/missing-parts.ts';

const BASE = join(import.meta.dirname, '../../deploy/base');
const missing = missingParts();
const title = ['the controller', ...missing].join(': ');

const POOLS = `
apiVersion: spiderpool.spidernet.io/v2beta1
kind: SpiderIPPool
metadata: {name: shop-v4}
spec: {ipVersion: 4, subnet: 10.20.0.0/16, ips: [10.20.0.10-10.20.0.29], gateway: 10.20.0.1}
---
apiVersion: spiderpool.spidernet.io/v1
kind: IPPool
metadata: {name: older-v4}
spec: {ipVersion: 4, subnet: 10.30.0.0/24, ips: [10.30.0.10-10.30.0.19]}
---
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: cali}
spec: {cidr: 10.40.0.0/24}
`;

describe.skipIf(missing.length > 0)(title, () => {
  let cluster: ControlPlane;
  let kubeconfig: string;
  let api: ApiServer;
  let ledger: KubernetesLedger;

  beforeAll(async () => {
    cluster = await startControlPlane({ components: ['controller-manager'], crds: true });
    for (const file of ['namespace.yaml', 'controller-rbac.yaml']) {
      await cluster.kubectl(['apply', '-f', join(BASE, file)]);
    }
    // With the rights of deploy/ and no more.
    kubeconfig = await cluster.kubeconfigFor(
      'system:serviceaccount:orbweaver:orbweaver-controller',
    );
    await cluster.kubectl(['create', 'namespace', 'shop']);
    await apply(`apiVersion: v1\nkind: Node\nmetadata: {name: node-1}`);
    await apply(POOLS);
    api = ApiServer.fromKubeconfig(cluster.kubeconfig);
    const timers = systemTimers(api.clock);
    ledger = await KubernetesLedger.open({
      api: new BlockServer(api),
      node: 'node-1',
      journal: new MemoryJournal(),
      timers,
      random: Math.random,
    });
  });
  afterAll(async () => {
    ledger?.close();
    await api?.close();
    await cluster?.stop();
  });

  test('SpiderEndpoint and WorkloadEndpoint, and the counts of pools, as kubectl shows them', async () => {
    await using controller = await ControllerProcess.start(kubeconfig);
    const uid = await pod('web-0');
    await pod('old-0');
    await claim('10.20.0.10', 'shop-v4', 'web-0', uid);
    await claim('10.30.0.10', 'older-v4', 'old-0');

    await until(
      () => columns('se', 'shop'),
      [['web-0', 'eth0', 'shop-v4', '10.20.0.10/16', 'node-1']],
    );
    await until(
      () => columns('swe', 'shop'),
      [['old-0', 'eth0', 'older-v4', '10.30.0.10/24', 'node-1']],
    );
    await until(() => columns('sp'), [['shop-v4', '4', '10.20.0.0/16', '1', '20', 'false']]);
    await until(() => columns('spl'), [['older-v4', '4', '10.30.0.0/24', '1', '10', 'false']]);

    expect(await json('spiderendpoint', 'web-0', 'shop')).toMatchObject({
      metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'web-0', uid }] },
      status: {
        current: {
          uid,
          node: 'node-1',
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
    expect((await json('spiderendpoint', 'web-0', 'shop')).metadata.finalizers).toBeUndefined();
    const { status } = await json('spiderippool', 'shop-v4');
    expect(JSON.parse(String((status as { allocatedIPs: string }).allocatedIPs))).toEqual({
      '10.20.0.10': { pod: 'shop/web-0', podUid: uid },
    });
    expect(await controller.ask('/readyz')).toEqual({ status: 200, body: 'ok\n' });
    expect(await controller.figure('orbweaver_controller_leads')).toBe(1);
    expect(await controller.figure('orbweaver_controller_claims')).toBe(2);
    const calico = (await json('ippools.projectcalico.org', 'cali')).status;
    expect(calico).toMatchObject({ conditions: [{ type: 'Allocatable', status: 'True' }] });
  });

  test('what happened while no controller was there is caught up with, after kill -9', async () => {
    await using controller = await ControllerProcess.start(kubeconfig);
    const uid = await pod('gone-1');
    await claim('10.20.0.11', 'shop-v4', 'gone-1', uid);
    await until(() => endpoint('gone-1'), '10.20.0.11/16');
    await controller.kill();

    await release('10.20.0.11');
    await pod('late-1');
    await claim('10.20.0.12', 'shop-v4', 'late-1');
    const edit = { status: { current: { node: 'elsewhere' } } };
    await cluster.kubectl([
      ...['patch', 'se', 'web-0', '-n', 'shop', '--type=merge', '-p', JSON.stringify(edit)],
    ]);
    await using _next = await ControllerProcess.start(kubeconfig);
    await until(
      () => columns('se', 'shop'),
      [
        ['late-1', 'eth0', 'shop-v4', '10.20.0.12/16', 'node-1'],
        ['web-0', 'eth0', 'shop-v4', '10.20.0.10/16', 'node-1'],
      ],
    );
    await until(() => columns('sp').then(([row]) => row?.[3]), '2');
  });

  test('an endpoint and a status edited or deleted by hand come back', async () => {
    await using _controller = await ControllerProcess.start(kubeconfig);
    await until(() => endpoint('web-0'), '10.20.0.10/16');
    await cluster.kubectl(['delete', 'se', 'web-0', '-n', 'shop']);
    await until(() => endpoint('web-0'), '10.20.0.10/16');
    const path = '/apis/spiderpool.spidernet.io/v2beta1/spiderippools/shop-v4/status';
    const wrong = { status: { allocatedIPCount: 99 } };
    const right = (await columns('sp'))[0]?.[3];
    await cluster.ask('PATCH', path, wrong, 'application/merge-patch+json');
    await until(() => columns('sp').then(([row]) => row?.[3]), right);
  });

  test('one of two leads; when it is killed or hangs, the other goes on', async () => {
    await using first = await ControllerProcess.start(kubeconfig);
    await until(() => first.figure('orbweaver_controller_leads'), 1);
    await using second = await ControllerProcess.start(kubeconfig);
    await until(() => second.ask('/readyz').then(({ status }) => status), 200);
    expect(await second.figure('orbweaver_controller_leads')).toBe(0);

    first.freeze();
    await until(() => second.figure('orbweaver_controller_leads'), 1);
    first.thaw();
    await until(() => first.figure('orbweaver_controller_leads'), 0);
    expect(await second.figure('orbweaver_controller_leads')).toBe(1);
    await second.stop();
    await until(() => first.figure('orbweaver_controller_leads'), 1);
  });

  test('a pool deleted while its pods still have addresses goes with the last one', async () => {
    await using _controller = await ControllerProcess.start(kubeconfig);
    await apply(`
apiVersion: spiderpool.spidernet.io/v2beta1
kind: SpiderIPPool
metadata: {name: leaving}
spec: {ipVersion: 4, subnet: 10.50.0.0/24, ips: [10.50.0.10-10.50.0.11]}
`);
    const finalizers = () =>
      json('spiderippool', 'leaving').then((pool) => pool.metadata.finalizers);
    await until(finalizers, ['spiderpool.spidernet.io']);
    await pod('last-0');
    await claim('10.50.0.10', 'leaving', 'last-0');
    await until(() => columns('sp').then((rows) => rows[0]?.[3]), '1');
    await cluster.kubectl(['delete', 'sp', 'leaving', '--wait=false']);
    expect((await json('spiderippool', 'leaving')).metadata.deletionTimestamp).toBeDefined();
    await release('10.50.0.10');
    await until(() => columns('sp').then((rows) => rows.map(([name]) => name)), ['shop-v4']);
  });

  test('a pool that came past the webhook gets what admission fills in', async () => {
    await using _controller = await ControllerProcess.start(kubeconfig);
    await apply(`
apiVersion: spiderpool.spidernet.io/v2beta1
kind: SpiderIPPool
metadata: {name: bare}
spec: {subnet: 10.70.0.0/24, ips: [10.70.0.10-10.70.0.19]}
---
apiVersion: spiderpool.spidernet.io/v1
kind: IPPool
metadata: {name: bare-older}
spec: {subnet: 10.71.0.0/24, ips: [10.71.0.10-10.71.0.19]}
`);
    const row = async (kind: string, pool: string) =>
      (await columns(kind)).find(([name]) => name === pool);
    await until(() => row('sp', 'bare'), ['bare', '4', '10.70.0.0/24', '0', '10', 'false']);
    await until(
      () => row('spl', 'bare-older'),
      ['bare-older', 'IPv4', '10.71.0.0/24', '0', '10', 'false'],
    );
    expect((await json('spiderippool', 'bare')).metadata.labels).toEqual({
      'ipam.spidernet.io/ippool-cidr': '10-70-0-0-24',
    });
    expect((await json('ippools.projectcalico.org', 'cali')).spec).toMatchObject({ blockSize: 26 });
    await cluster.kubectl(['delete', 'sp/bare', 'spl/bare-older']);
  });

  test('a pool that fills up is named by Events', async () => {
    await using _controller = await ControllerProcess.start(kubeconfig);
    await apply(`
apiVersion: spiderpool.spidernet.io/v2beta1
kind: SpiderIPPool
metadata: {name: tight}
spec: {ipVersion: 4, subnet: 10.60.0.0/24, ips: [10.60.0.10-10.60.0.11]}
`);
    await pod('tight-0');
    await claim('10.60.0.10', 'tight', 'tight-0');
    await claim('10.60.0.11', 'tight', 'tight-0');
    await until(() => reasons('tight'), ['PoolExhausted']);
    await release('10.60.0.10');
    await until(() => reasons('tight'), ['PoolExhausted', 'PoolRelieved']);
    expect(await cluster.kubectl(['describe', 'sp', 'tight'])).toContain('2 of 2 addresses');
  });

  test('a slot edited by hand is named', async () => {
    await using _controller = await ControllerProcess.start(kubeconfig);
    await pod('edited-0');
    await claim('10.20.1.10', 'shop-v4', 'edited-0');
    const operations = [{ op: 'replace', path: '/spec/slots/10', value: 'free this please' }];
    await cluster.kubectl([
      ...['patch', 'ipblock', '10-20-1-0-26', '--type=json', '-p', JSON.stringify(operations)],
    ]);
    await until(() => reasons('10-20-1-0-26'), ['EditedByHand']);
    expect(await cluster.kubectl(['describe', 'ipblock', '10-20-1-0-26'])).toContain(
      '10.20.1.10: it is not a line of Orbweaver',
    );
  });

  test('rule 15: what a node that is gone still held is freed, and what a living one holds is not', async () => {
    await using controller = await ControllerProcess.start(kubeconfig);
    for (const [address, node] of [
      ['10.20.2.10', 'never-there'],
      ['10.20.2.11', 'node-1'],
    ] as const) {
      await write(
        claimOf(address, {
          pool: 'shop-v4',
          node,
          owner: { namespace: 'shop', pod: `on-${node}`, uid: 'uid' },
        }),
      );
    }
    for (const [cidr, node] of [
      ['10.40.0.0/26', 'never-there'],
      ['10.40.0.64/26', 'node-1'],
    ] as const) {
      await ledger.commit([], [{ was: undefined, now: unitOf(cidr, node) }]);
    }
    await until(() => endpoint('on-never-there'), '10.20.2.10/16');
    await until(() => controller.figure('orbweaver_controller_freed_total'), 1, 200_000);
    await ledger.refresh();
    const states = ['10.20.2.10', '10.20.2.11'].map(
      (address) => ledger.line(claimOf(address).address)?.state,
    );
    expect(states).toEqual(['resting', 'claimed']);
    const units = [...ledger.units(cidrOf('10.40.0.0/16'))].map(({ node }) => node);
    expect(units).toEqual(['node-1']);
    await until(() => endpoint('on-never-there'), undefined);
  }, 300_000);

  async function apply(manifests: string): Promise<void> {
    await cluster.kubectl(['apply', '-f', '-'], manifests);
  }

  /** A pod on node-1 that nobody runs; its uid. */
  async function pod(name: string): Promise<string> {
    const made = await cluster.ask('POST', '/api/v1/namespaces/shop/pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'shop' },
      spec: {
        nodeName: 'node-1',
        automountServiceAccountToken: false,
        // No pod of a node that does not exist is collected before its time.
        tolerations: [{ operator: 'Exists' }],
        containers: [{ name: 'c', image: 'none' }],
      },
    });
    return (JSON.parse(made.text) as { metadata: { uid: string } }).metadata.uid;
  }

  async function claim(address: string, pool: string, name: string, uid?: string): Promise<void> {
    const owner = {
      namespace: 'shop',
      pod: name,
      uid: uid ?? (await json('pod', name, 'shop')).metadata.uid,
    };
    const attachment = { network: 'net', containerId: name, interfaceName: 'eth0' };
    const line = claimOf(address, { pool, owner, attachment, claimedAt: api.clock.now() });
    await write(line);
  }

  async function release(address: string): Promise<void> {
    const now = api.clock.now();
    const found = ledger.line(claimOf(address).address) as Claim;
    await write(restingOf(found, { releasedAt: now, until: now + 30_000 }));
  }

  async function write(now: Line): Promise<void> {
    const outcome = await ledger.commit([{ was: ledger.line(now.address), now }]);
    expect(outcome).toEqual({ kind: 'durable' });
  }

  // biome-ignore lint/suspicious/noExplicitAny: what kubectl prints of any kind
  async function json(kind: string, name: string, namespace = 'default'): Promise<any> {
    return JSON.parse(await cluster.kubectl(['get', kind, name, '-n', namespace, '-o', 'json']));
  }

  /** The cells of kubectl's table without those that are empty and without its age. */
  async function columns(kind: string, namespace = 'default'): Promise<string[][]> {
    const text = await cluster.kubectl(['get', kind, '-n', namespace, '--no-headers']);
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(/\s+/).filter((cell) => cell !== '' && !/^\d+[smh]/.test(cell)));
  }

  async function endpoint(name: string): Promise<string | undefined> {
    const rows = await columns('se', 'shop');
    return rows.find(([first]) => first === name)?.[3];
  }

  async function reasons(object: string): Promise<string[]> {
    const selector = `involvedObject.name=${object}`;
    const text = await cluster.kubectl([
      ...['get', 'events', '-n', 'default', '--field-selector', selector],
      ...['-o', 'jsonpath={range .items[*]}{.reason}{"\\n"}{end}'],
    ]);
    return text.split('\n').filter(Boolean).sort();
  }
});

/** Waits until what is read is as expected. */
async function until<T>(read: () => Promise<T>, expected: T, timeout = 45_000): Promise<void> {
  await expect
    .poll(() => read().catch(() => undefined), { timeout, interval: 200 })
    .toEqual(expected);
}
