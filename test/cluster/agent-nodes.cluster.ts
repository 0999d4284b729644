/** Our agents on two real nodes: pods run with addresses of a pool, keep them through faults, and give them back. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Cluster, missingForNodes } from './support/cluster.ts';
import type { Component } from './support/component.ts';
import { claimsOf, podAddresses } from './support/ledger-view.ts';
import { deployment } from './support/workload.ts';

const missing = missingForNodes();
const title = ['agents on two nodes', ...missing].join(': ');
const SOON = { timeout: 60_000, interval: 100 };

const POOL = `
apiVersion: spiderpool.spidernet.io/v2beta1
kind: SpiderIPPool
metadata: { name: pool-v4 }
spec:
  subnet: 10.77.0.0/16
  ips: [10.77.0.10-10.77.0.99]
  default: true
---
apiVersion: spiderpool.spidernet.io/v2beta1
kind: SpiderIPPool
metadata: { name: pool-v6 }
spec:
  subnet: fd77::/64
  ips: ['fd77::10-fd77::99']
  default: true
`;

describe.skipIf(missing.length > 0)(title, () => {
  let cluster: Cluster;
  const agents = new Map<string, Component>();

  beforeAll(async () => {
    cluster = await Cluster.start({ nodes: ['node1', 'node2'], crds: true });
    const proxy = await cluster.controlPlane.newProxy();
    for (const node of cluster.nodes) {
      // One agent each way: straight, and through a proxy that the node reaches.
      const url = node.name === 'node2' ? { url: proxy.nodeUrl! } : {};
      agents.set(node.name, await node.startAgent(url));
    }
    await cluster.kubectl(['apply', '-f', '-'], POOL);
  });
  afterAll(() => cluster?.stop());

  const running = (name: string) =>
    cluster.kubectl(['rollout', 'status', `deployment/${name}`, '--timeout=60s']);

  /** Claims and pods, which say the same once all is at rest. */
  async function views() {
    const claims = await claimsOf(cluster.controlPlane);
    return { claims, pods: await podAddresses(cluster.controlPlane) };
  }

  test('every pod has an address of each pool, which the ledger knows by its name and node', async () => {
    await cluster.kubectl(['apply', '-f', '-'], deployment('web', 6));
    await running('web');
    const { claims, pods } = await views();
    expect(claims).toEqual(pods);
    expect(claims).toHaveLength(12);
    expect(new Set(claims.map(({ node }) => node))).toEqual(new Set(['node1', 'node2']));
    const byFamily = [/^10\.77\.0\.\d+$/, /^fd77::[0-9a-f]+$/].map(
      (shape) => claims.filter(({ address }) => shape.test(address)).length,
    );
    expect(byFamily).toEqual([6, 6]);
  });

  test('a pod waits for an agent that was killed, and runs when it is back', async () => {
    const agent = agents.get('node1')!;
    const before = await claimsOf(cluster.controlPlane);
    await agent.kill();
    await cluster.kubectl(['apply', '-f', '-'], deployment('late', 1, { node: 'node1' }));
    await expect
      .poll(() => cluster.kubectl(['get', 'events', '--field-selector=type=Warning']), SOON)
      .toContain('FailedCreatePodSandBox');
    await agent.start();
    await running('late');
    const { claims, pods } = await views();
    expect(claims).toEqual(pods);
    expect(claims.filter(({ pod }) => !pod.startsWith('default/late-'))).toEqual(before);
  });

  test('what pods had is given back when they are gone', async () => {
    await cluster.kubectl(['delete', 'deployment', 'web', 'late']);
    await expect.poll(views, SOON).toEqual({ claims: [], pods: [] });
  });
});
