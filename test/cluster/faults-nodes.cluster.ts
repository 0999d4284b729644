/**
 * Faults of one node and of its way to the API server. Most of them are mostly waiting, so they happen at the same
 * time, each with a pool and nodes of its own.
 */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { AgentProcess } from '../support/agent-process.ts';
import type { ProxiedRequest } from './support/api-proxy.ts';
import { AGENT_NAMESPACE, apply, BareNode } from './support/bare-node.ts';
import type { ControlPlane } from './support/control-plane.ts';
import { ControllerProcess } from './support/controller-process.ts';
import { readBlocks } from './support/fault-check.ts';
import {
  FaultStage,
  type StageNode,
  startFaultCluster,
  stopFaultCluster,
} from './support/fault-stage.ts';
import { FaultTable } from './support/fault-table.ts';
import { missingParts } from './support/missing-parts.ts';
import { poll } from './support/poll.ts';
import { RuntimeSocket } from './support/runtime-socket.ts';

const missing = missingParts();
const title = ['faults of nodes', ...missing].join(': ');
const LONG_MS = 400_000;
const SOON = { timeout: 90_000, interval: 250 };
/** As long as the slowest of the product's own clocks here: a silent watch, and rule 15's two looks. */
const LATE = { timeout: 240_000, interval: 500 };
const HOUR_MS = 3_600_000;

const isBlockWrite = ({ method, path }: ProxiedRequest) =>
  method !== 'GET' && path.startsWith('/apis/ipam.orbweaver.dev/');

/** Node arguments under which the wall clock is wrong by this much; no other clock is. */
function skewed(ms: number): readonly string[] {
  const code = `
    const { now } = Date;
    globalThis.Date = class extends Date {
      constructor(...args) { args.length === 0 ? super(now() + ${ms}) : super(...args); }
      static now() { return now() + ${ms}; }
    };`;
  return ['--import', `data:text/javascript,${encodeURIComponent(code)}`];
}

interface LeaseView {
  readonly metadata: { readonly resourceVersion: string };
  readonly spec: { readonly holderIdentity: string; readonly renewTime: string };
}

describe.skipIf(missing.length > 0)(title, () => {
  const table = new FaultTable();
  let cluster: ControlPlane;

  beforeAll(async () => {
    cluster = await startFaultCluster();
  });
  afterAll(async () => {
    console.log(`\n${table.text}\n`);
    await stopFaultCluster(cluster);
  });

  const lease = async (name: string): Promise<LeaseView> => {
    const path = `/apis/coordination.k8s.io/v1/namespaces/${AGENT_NAMESPACE}/leases/${name}`;
    return JSON.parse((await cluster.ask('GET', path)).text) as LeaseView;
  };

  /** Resolves once a Lease was renewed so many times more. */
  async function renewals(name: string, count: number): Promise<void> {
    const versions = new Set<string>();
    const seen = async () => {
      versions.add((await lease(name)).metadata.resourceVersion);
      return versions.size;
    };
    await poll(seen, LATE).toBeGreaterThan(count);
  }

  // Those that wait longest come first.
  test.concurrent(
    'watches that stop silently',
    async () => {
      await using stage = await FaultStage.set(cluster, {
        ...{ name: 'silent', network: '10.72.3', table, restMs: LATE.timeout },
        agents: [{}],
      });
      const { proxy, runtime, node } = stage.nodes[0]!;
      proxy.silenceWatches();
      await apply(cluster, {
        apiVersion: 'spiderpool.spidernet.io/v2beta1',
        kind: 'SpiderIPPool',
        metadata: { name: 'unheard-of' },
        spec: { subnet: '10.72.4.0/24', ips: ['10.72.4.1-10.72.4.9'] },
      });
      const churn = stage.churn();
      await churn.more(40);
      await churn.stop();
      const annotations = { 'ipam.spidernet.io/ippool': '{"ipv4":["unheard-of"]}' };
      const pod = await node.pod('faults', 'listener', annotations);
      const add = () => node.call({ verb: 'ADD', pod, container: 'l1' });
      expect(await add()).toMatchObject({ ok: false });
      // What is opened from now on delivers again; what has fallen silent stays so.
      proxy.allowWatches();
      await poll(add, LATE).toMatchObject({ ok: true });
      await runtime.deletePod(pod);
      await node.call({ verb: 'DEL', pod, container: 'l1' });
      await stage.settle('watches that stopped silently');
      await stage.clear();
    },
    LONG_MS,
  );

  test.concurrent(
    'pods that are gone without a DEL (rule 15)',
    async () => {
      await using stage = await FaultStage.set(cluster, {
        ...{ name: 'orphans', network: '10.72.8', table },
        agents: [{}],
      });
      const { node, runtime } = stage.nodes[0]!;
      using sockets = await RuntimeSocket.listen(node.folder.folder);
      const [gone, left, alive] = await Promise.all([1, 2, 3].map(() => runtime.runPod()));
      sockets.sandboxes.add(left!.container).add(alive!.container);
      await node.agent!.kill();
      const { args = [], ...more } = node.options;
      const options = { ...more, args: [...args, '--cri-socket', sockets.path] };
      node.agent = await AgentProcess.start(node.folder, options);
      // Both pods are gone, by force; the sandbox of one of them runs on (T3).
      await runtime.deletePod(gone!.pod);
      await runtime.deletePod(left!.pod);
      const held = async () => {
        const { lines } = await readBlocks(cluster);
        const ours = lines.filter(({ pool, state }) => pool === 'orphans' && state === 'claimed');
        return ours.map(({ owner }) => owner.pod).sort();
      };
      const names = [left!.pod.name, alive!.pod.name].sort();
      await poll(held, LATE).toEqual(names);
      // It was looked at as often, and stays; its DEL frees it.
      const { asked } = sockets;
      await poll(() => sockets.asked, LATE).toBeGreaterThan(asked);
      expect(await held()).toEqual(names);
      await runtime.end(gone!);
      await runtime.end(left!);
      await stage.settle('pods deleted by force, no DEL, agent killed (rule 15)', 1);
      await stage.clear();
    },
    LONG_MS,
  );

  test.concurrent(
    'API latency of 2, 50 and 500 ms',
    async () => {
      await using stage = await FaultStage.set(cluster, {
        ...{ name: 'slow', network: '10.72.1', range: [1, 60], table },
        agents: [{}, {}, {}],
      });
      for (const [at, ms] of [2, 50, 500].entries()) stage.nodes[at]!.proxy.delay(ms);
      const churn = stage.churn({ workers: 3 });
      await churn.more(60);
      await churn.stop();
      await stage.settle('API latency of 2, 50 and 500 ms on three nodes');
      await stage.clear();
    },
    LONG_MS,
  );

  test.concurrent(
    'answers that are lost after the commit',
    async () => {
      await using stage = await FaultStage.set(cluster, {
        ...{ name: 'lossy', network: '10.72.2', range: [1, 60], table },
        agents: [{}, {}],
      });
      let writes = 0;
      let lost = 0;
      const losing = (seen: ProxiedRequest) => {
        if (!isBlockWrite(seen)) return false;
        writes += 1;
        lost += writes % 3 === 0 ? 1 : 0;
        return writes % 3 === 0;
      };
      const ends = stage.nodes.map(({ proxy }) => proxy.swallowReplies(losing));
      const churn = stage.churn();
      await churn.more(50);
      await churn.stop();
      for (const end of ends) end();
      expect(lost).toBeGreaterThan(15);
      await stage.settle(`every third answer to a write lost after the commit (${lost})`);
      await stage.clear();
    },
    LONG_MS,
  );

  test.concurrent(
    "a node's state folder lost",
    async () => {
      await using stage = await FaultStage.set(cluster, {
        ...{ name: 'lost', network: '10.72.5', range: [1, 60], table },
        agents: [{}, {}],
      });
      const [{ node, proxy }] = stage.nodes as [StageNode, StageNode];
      const churn = stage.churn();
      await churn.more(20);
      // Requests of the first life that land in the second.
      const held = [proxy.holdNext(isBlockWrite), proxy.holdNext(isBlockWrite)];
      const ghosts = await Promise.all([held[0]!.arrived]);
      await node.agent!.kill();
      rmSync(node.folder.state, { recursive: true });
      const before = (await lease(`agent-${node.name}`)).spec.holderIdentity;
      node.agent = AgentProcess.spawn(node.folder, node.options);
      for (const one of held) one.drop();
      // Nobody knows that the first holder is gone, so its Lease has to run out.
      const status = () => node.call({ verb: 'STATUS' });
      await poll(status, SOON).toMatchObject({
        ok: false,
        error: { code: 50, msg: expect.stringContaining(before) },
      });
      await poll(status, SOON).toMatchObject({ ok: true });
      for (const { method, path, body } of ghosts) {
        const type = method === 'PATCH' ? 'application/json-patch+json' : 'application/json';
        await cluster.ask(method, path, JSON.parse(body), type);
      }
      await churn.more(20);
      await churn.stop();
      await stage.settle("a node's state folder lost, one of its requests late", 1);
      await stage.clear();
    },
    LONG_MS,
  );

  test.concurrent(
    'two agents of one node name',
    async () => {
      await using stage = await FaultStage.set(cluster, {
        ...{ name: 'twins', network: '10.72.6', table },
        agents: [{}],
      });
      const { node, runtime } = stage.nodes[0]!;
      await using second = await BareNode.make(cluster, node.name);
      second.agent = AgentProcess.spawn(second.folder, second.options);
      const churn = stage.churn();
      const { holderIdentity } = (await lease(`agent-${node.name}`)).spec;
      const status = () => second.call({ verb: 'STATUS' });
      const refused = { code: 50, msg: expect.stringContaining(holderIdentity) };
      await poll(status, SOON).toMatchObject({ ok: false, error: refused });
      const pod = await runtime.makePod();
      const add = await second.call({ verb: 'ADD', pod, container: 't1' });
      expect(add).toMatchObject({ ok: false, error: { code: 11 } });
      await renewals(`agent-${node.name}`, 3);
      expect(await status()).toMatchObject({ ok: false, error: refused });
      expect(second.agent.logs).not.toContain('synced');
      await churn.more(10);
      await churn.stop();
      await stage.settle('two agents of one node name');
      await stage.clear();
    },
    LONG_MS,
  );

  test.concurrent(
    'clocks an hour ahead and an hour behind',
    async () => {
      const ahead = { nodeArgs: skewed(HOUR_MS) };
      const behind = { nodeArgs: skewed(-HOUR_MS) };
      await using stage = await FaultStage.set(cluster, {
        ...{ name: 'skewed', network: '10.72.7', range: [1, 60], table },
        agents: [ahead, behind, {}],
      });
      const nodes = stage.nodes.map(({ node }) => node.name);
      // Rests begin and end by the server's time, whoever writes them, whoever reads them.
      for (const { runtime } of stage.nodes) {
        const sandbox = await runtime.runPod();
        await runtime.deletePod(sandbox.pod);
        await runtime.end(sandbox);
        for (const other of stage.nodes) {
          const next = await other.runtime.runPod();
          expect(next.address).not.toBe(sandbox.address);
        }
      }
      const { lines } = await readBlocks(cluster);
      const rests = lines.filter(({ state, pool }) => state === 'resting' && pool === 'skewed');
      expect(rests).toHaveLength(3);
      for (const line of rests) {
        if (line.state !== 'resting') continue;
        expect(line.until - line.releasedAt).toBe(LIMITS.restMs);
        expect(Math.abs(line.releasedAt - Date.now())).toBeLessThan(HOUR_MS / 2);
      }
      // A Lease runs out by the time for which it was seen, not by the times in it.
      await using twin = await BareNode.make(cluster, nodes[2]!, { agent: ahead });
      twin.agent = AgentProcess.spawn(twin.folder, twin.options);
      const churn = stage.churn({ workers: 2 });
      const status = () => twin.call({ verb: 'STATUS' });
      await poll(status, SOON).toMatchObject({ ok: false, error: { code: 50 } });
      await Promise.all(nodes.map((name) => renewals(`agent-${name}`, 4)));
      expect(await status()).toMatchObject({ ok: false, error: { code: 50 } });
      for (const name of nodes) {
        const { renewTime } = (await lease(`agent-${name}`)).spec;
        expect(Math.abs(Date.parse(renewTime) - Date.now())).toBeLessThan(HOUR_MS / 2);
      }
      await churn.more(10);
      await churn.stop();
      await stage.settle('clocks an hour ahead and an hour behind');
      await stage.clear();
    },
    LONG_MS,
  );

  test.concurrent(
    'a controller whose clock is an hour ahead',
    async () => {
      await using first = await ControllerProcess.start(cluster.kubeconfig);
      const leads = (controller: ControllerProcess) =>
        controller.figure('orbweaver_controller_leads');
      await poll(() => leads(first), SOON).toBe(1);
      const ahead = skewed(HOUR_MS);
      await using second = await ControllerProcess.start(cluster.kubeconfig, [], ahead);
      // Longer than its Lease lasts.
      await renewals('orbweaver-controller', 8);
      expect([await leads(first), await leads(second)]).toEqual([1, 0]);
      await first.kill();
      await poll(() => leads(second), SOON).toBe(1);
    },
    LONG_MS,
  );
});
