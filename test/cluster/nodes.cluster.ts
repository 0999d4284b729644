/** Two real nodes: they become ready, run pods, survive kills of their parts, and leave nothing behind. */
import { basename } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Cluster, missingForNodes } from './support/cluster.ts';
import { machineState } from './support/machine-state.ts';

const missing = missingForNodes();
const title = ['two nodes', ...missing].join(': ');

/** Addresses without an agent, so that the nodes are proven by themselves. */
function stub(number: number) {
  const rangeStart = `10.77.${number}.10`;
  const rangeEnd = `10.77.${number}.99`;
  return { type: 'host-local', ranges: [[{ subnet: '10.77.0.0/16', rangeStart, rangeEnd }]] };
}

/** How long to wait for what is under way. */
const SOON = { timeout: 60_000, interval: 100 };

const PODS = JSON.stringify({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas: 4,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        terminationGracePeriodSeconds: 0,
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: 'kubernetes.io/hostname',
            whenUnsatisfiable: 'DoNotSchedule',
            labelSelector: { matchLabels: { app: 'web' } },
          },
        ],
        containers: [{ name: 'c', image: 'nginx' }],
      },
    },
  },
});

interface Pod {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly nodeName: string };
  readonly status: { readonly podIP: string };
}

describe.skipIf(missing.length > 0)(title, () => {
  let cluster: Cluster;
  let mark: string;
  const before = machineState('orbweaver-cluster-none');

  beforeAll(async () => {
    cluster = await Cluster.start({ nodes: ['node1', 'node2'] });
    cluster.node('node1').writeNetwork(stub(1));
    cluster.node('node2').writeNetwork(stub(2));
    mark = basename(cluster.controlPlane.folder);
  });
  afterAll(() => cluster?.stop());

  async function pods(): Promise<Pod[]> {
    const text = await cluster.kubectl(['get', 'pods', '-l', 'app=web', '-o', 'json']);
    return (JSON.parse(text) as { items: Pod[] }).items;
  }

  test('run pods that reach each other across nodes', async () => {
    await cluster.kubectl(['apply', '-f', '-'], PODS);
    await cluster.kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s']);
    const running = await pods();
    expect(running.map(({ spec }) => spec.nodeName).sort()).toEqual([
      ...['node1', 'node1', 'node2', 'node2'],
    ]);
    const [one, other] = ['node1', 'node2'].map(
      (name) => running.find(({ spec }) => spec.nodeName === name)!,
    );
    const ping = ['ping', '-c', '1', '-W', '5', other!.status.podIP];
    expect(await cluster.kubectl(['exec', one!.metadata.name, '--', ...ping])).toContain(
      '1 packets received',
    );
    for (const { metadata } of running) await cluster.kubectl(['logs', metadata.name]);
  });

  test('keep their pods when containerd and the kubelet are killed', async () => {
    const { containerd, kubelet } = cluster.node('node1');
    const names = (await pods()).map(({ metadata }) => metadata.name);
    await containerd.kill();
    await kubelet.kill();
    await containerd.start();
    await kubelet.start();
    await cluster.node('node1').ready();
    expect((await pods()).map(({ metadata }) => metadata.name)).toEqual(names);
    for (const name of names) {
      // The kubelet hears of its pods from the API server first.
      const call = ['exec', name, '--', 'true'];
      await expect
        .poll(async () => (await cluster.controlPlane.tryKubectl(call)).exit, SOON)
        .toBe(0);
    }
  });

  test('end pods so that nothing of them stays', async () => {
    await cluster.kubectl(['delete', 'deployment', 'web', '--cascade=foreground']);
    await cluster.kubectl(['wait', '--for=delete', 'pod', '-l', 'app=web', '--timeout=60s']);
    for (const node of cluster.nodes) {
      await expect
        .poll(async () => (await node.run('ctr', '-n', 'k8s.io', 'tasks', 'ls', '-q')).out, SOON)
        .toBe('');
      await expect.poll(async () => (await node.run('ls', '/run/netns')).out, SOON).toBe('');
    }
  });

  test('leave nothing behind', async () => {
    await cluster.kubectl(['apply', '-f', '-'], PODS);
    await cluster.kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s']);
    expect(machineState(mark)).not.toEqual(before);
    await cluster.stop();
    expect(machineState(mark)).toEqual(before);
  });
});
