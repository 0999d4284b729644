/**
 * What the controller writes while agents give out addresses, counted apart: they write IPBlocks, it writes what
 * shows them (SpiderEndpoints, the status of pools, Events) and its Lease.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { apply, makeNamespace } from '../../test/cluster/support/bare-node.ts';
import type { ControlPlane } from '../../test/cluster/support/control-plane.ts';
import { ControllerProcess } from '../../test/cluster/support/controller-process.ts';
import { poolOf } from '../../test/world/pools.ts';
import type { Bench, Row } from '../harness.ts';
import { checksumOfAddresses } from './address-checksum.ts';
import { requestsOn, startBenchCluster } from './bench-cluster.ts';
import { BlockAgents } from './block-agents.ts';
import { claimAll, requireUnique } from './designs.ts';
import { makePods } from './pods.ts';

const SIZES = {
  smoke: { nodes: 2, pods: 20 },
  full: { nodes: 10, pods: 1_000 },
} as const;

const AT_ONCE = 32;
const SUBNET = '10.7.0.0/16';
/** Kinds that the controller writes, by their plurals. */
const VIEWS = ['spiderendpoints', 'spiderippools', 'events'] as const;
const SHOWN_WAIT_MS = 120_000;
const POLL_MS = 100;

export const bench: Bench = {
  name: 'cluster-controller',
  async run(size) {
    const { nodes, pods } = SIZES[size];
    await using cluster = await startBenchCluster();
    await makeNamespace(cluster, 'orbweaver');
    const range = `10.7.0.1-10.7.${pods >> 8}.${pods & 255}`;
    await apply(cluster, {
      apiVersion: 'spiderpool.spidernet.io/v2beta1',
      kind: 'SpiderIPPool',
      metadata: { name: 'bench' },
      spec: { subnet: SUBNET, ips: [range], default: true },
    });
    const names = Array.from({ length: pods }, (_, at) => `web-${at}`);
    const uids = await makePods(cluster, 'nowhere', names);
    await using _controller = await ControllerProcess.start(cluster.kubeconfig);
    const pool = { ...poolOf('bench', SUBNET, [range]), isDefault: true };
    await using agents = await BlockAgents.start(
      cluster.kubeconfig,
      pool,
      nodes,
      (pod) => uids.get(pod)!,
    );
    const before = await writesOf(cluster);
    const outcome = await claimAll(agents.claimants, names, AT_ONCE);
    requireUnique(outcome);
    const given = performance.now();
    await allShown(cluster, pods);
    const shownMs = performance.now() - given;
    const after = await writesOf(cluster);
    const of = (plural: string) => ((after.get(plural) ?? 0) - (before.get(plural) ?? 0)) / pods;
    const checksum = checksumOfAddresses(outcome.addresses);
    const what = `${pods} ADDs, ${nodes} agents, ${AT_ONCE} at once each, and a controller`;
    const ours = of('ipblocks');
    const row = (work: string, figure: number, unit: string): Row => ({
      work: `${what}: ${work}`,
      ours: figure,
      beside: ours,
      besideName: "the agents' writes of IPBlocks",
      unit,
      ratio: undefined,
      target: undefined,
      checksum,
    });
    return [
      ...VIEWS.map((plural) =>
        row(`the controller's writes of ${plural}, per ADD`, of(plural), 'requests'),
      ),
      {
        ...row('from the last ADD to the last SpiderEndpoint', shownMs, 'ms'),
        beside: outcome.totalMs,
        besideName: 'all ADDs',
      },
    ];
  },
};

async function writesOf(cluster: ControlPlane): Promise<ReadonlyMap<string, number>> {
  const writes = new Map<string, number>();
  for (const plural of [...VIEWS, 'ipblocks']) {
    writes.set(plural, (await requestsOn(cluster, plural)).writes);
  }
  return writes;
}

/** Resolves when so many pods have a SpiderEndpoint, and the pool's status says so too. */
async function allShown(cluster: ControlPlane, pods: number): Promise<void> {
  const group = '/apis/spiderpool.spidernet.io/v2beta1';
  const until = performance.now() + SHOWN_WAIT_MS;
  for (;;) {
    const list = await cluster.ask('GET', `${group}/spiderendpoints?limit=1`);
    const { items, metadata } = JSON.parse(list.text) as {
      items: readonly unknown[];
      metadata: { remainingItemCount?: number };
    };
    const shown = await cluster.ask('GET', `${group}/spiderippools/bench`);
    const { status } = JSON.parse(shown.text) as { status?: { allocatedIPCount?: number } };
    const endpoints = items.length + (metadata.remainingItemCount ?? 0);
    if (endpoints === pods && status?.allocatedIPCount === pods) return;
    if (performance.now() > until) {
      throw new Error(`${endpoints} of ${pods} SpiderEndpoints, status ${JSON.stringify(status)}`);
    }
    await pause(POLL_MS);
  }
}
