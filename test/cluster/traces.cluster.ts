/**
 * The traces T1 to T6 of the claim protocol on a real API server: real agents and plugins, and a proxy that holds
 * requests back. A late request lands as the administrator's, since its own connection is gone; the server does
 * with it what it would have done. T7 is a stated limit.
 */
import { readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import type { Claim } from '../../src/ipam/ports.ts';
import { systemTimers } from '../../src/ipam/timers.ts';
import { ApiServer } from '../../src/kube/api-server.ts';
import { BlockCache } from '../../src/kube/block-cache.ts';
import { deleteSpent } from '../../src/kube/block-deletion.ts';
import { BlockLane } from '../../src/kube/block-lane.ts';
import { BlockServer } from '../../src/kube/block-server.ts';
import { containerRef } from '../../src/kube/container-ref.ts';
import { blockName } from '../../src/kube/ip-block.ts';
import { RequestGate } from '../../src/kube/request-gate.ts';
import { blockOf, formatAddress } from '../../src/net/address.ts';
import { requestBytes } from '../support/cni-call.ts';
import type { ProxiedRequest } from './support/api-proxy.ts';
import type { BareNode } from './support/bare-node.ts';
import type { ControlPlane } from './support/control-plane.ts';
import { readBlocks } from './support/fault-check.ts';
import {
  FaultStage,
  type StageNode,
  startFaultCluster,
  stopFaultCluster,
} from './support/fault-stage.ts';
import { missingParts } from './support/missing-parts.ts';
import { poll } from './support/poll.ts';

const missing = missingParts();
const title = ['traces on a real API server', ...missing].join(': ');
const SOON = { timeout: 60_000, interval: 100 };

const isWrite = ({ method, path }: ProxiedRequest) =>
  method !== 'GET' && path.startsWith('/apis/ipam.orbweaver.dev/');

describe.skipIf(missing.length > 0)(title, () => {
  let cluster: ControlPlane;
  let stages = 0;

  beforeAll(async () => {
    cluster = await startFaultCluster();
  });
  afterAll(() => stopFaultCluster(cluster));

  /** A pool of one block, and one node. */
  async function scene(name: string): Promise<{ stage: FaultStage } & StageNode> {
    stages += 1;
    const network = `10.71.${stages}`;
    const stage = await FaultStage.set(cluster, { name, network, range: [1, 9], agents: [{}] });
    return { stage, ...stage.nodes[0]! };
  }

  /** `address container state` of every line of the pool. */
  async function lines(pool: string): Promise<string[]> {
    const { lines: all } = await readBlocks(cluster);
    return all
      .filter((line) => line.pool === pool)
      .map((line) => {
        const address = formatAddress(line.address);
        if (line.state === 'resting') return `${address} resting`;
        const kept = line.kept === true ? ' kept' : '';
        return `${address} ${line.attachment.containerId}${kept}`;
      })
      .sort();
  }

  /** A late request gets to the server after all; the status of its answer, which nobody hears. */
  async function land({ method, path, body }: ProxiedRequest): Promise<number> {
    const type = method === 'PATCH' ? 'application/json-patch+json' : 'application/json';
    const { status } = await cluster.ask(method, path, JSON.parse(body), type);
    return status;
  }

  /** A crash that takes the journal along. Who the agent is stays, or its next life would wait for the Lease. */
  async function crashWithoutJournal(node: BareNode): Promise<void> {
    await node.agent!.kill();
    for (const file of readdirSync(node.folder.state)) {
      if (file !== 'agent-id') rmSync(join(node.folder.state, file), { recursive: true });
    }
  }

  test('T1: an ADD whose plugin was killed while it waited re-keys nothing', async () => {
    const { stage, node, proxy, runtime } = await scene('t1');
    await using _stage = stage;
    const pod = await runtime.makePod();
    const [dead, next] = [runtime.sandbox(pod), runtime.sandbox(pod)];
    const held = proxy.holdNext(isWrite);
    const answer = runtime.add(next);
    await held.arrived;
    // It is sent whole and read by nobody before its caller is gone.
    await new Promise<void>((resolve, reject) => {
      const socket = connect(node.folder.socket, () => {
        const bytes = requestBytes({ verb: 'ADD', pod, container: dead.container });
        socket.end(bytes, () => {
          socket.destroy();
          resolve();
        });
      });
      socket.on('error', reject);
    });
    held.release();
    expect(await answer).toMatchObject({ ok: true });
    await runtime.end(dead);
    expect(await lines('t1')).toEqual([`${next.address} ${containerRef(next.container)}`]);
    await stage.settle('T1');
  });

  test.each([{ lands: 'before' }, { lands: 'after' }])(
    'T2a: a DEL of an earlier life that lands $lands the repeated ADD does not unmake its answer',
    async ({ lands }) => {
      const name = `t2a-${lands}`;
      const { stage, node, proxy, runtime } = await scene(name);
      await using _stage = stage;
      const sandbox = await runtime.runPod();
      const held = proxy.holdNext(isWrite);
      const { pod, container } = sandbox;
      const unanswered = node.call({ verb: 'DEL', pod, container });
      const ghost = await held.arrived;
      await crashWithoutJournal(node);
      expect(await unanswered).toMatchObject({ ok: false });
      held.drop();
      await node.start();
      if (lands === 'before') expect(await land(ghost)).toBe(200);
      expect(await runtime.add(sandbox)).toMatchObject({ ok: true });
      if (lands === 'after') expect(await land(ghost)).toBe(422);
      // Neither freed nor marked as one without a sandbox.
      expect(await lines(name)).toEqual([`${sandbox.address} ${containerRef(container)}`]);
      await stage.settle('T2a');
    },
  );

  test('T2b: a release by the controller that is on its way does not unmake a confirmed ADD', async () => {
    const { stage, runtime } = await scene('t2b');
    await using _stage = stage;
    const sandbox = await runtime.runPod();
    const { lines: all } = await readBlocks(cluster);
    const was = all.find(({ pool }) => pool === 't2b') as Claim;
    // As src/controller frees what a node that is gone still held.
    const proxy = await cluster.newProxy();
    const api = ApiServer.fromKubeconfig(proxy.kubeconfig);
    const first = blockOf(was.address);
    const blocks = new BlockServer(api);
    const cache = new BlockCache();
    const read = await blocks.get(blockName(first));
    if (read.kind === 'ok') cache.put(read.value);
    const parts = { api: blocks, cache, gate: new RequestGate(1), random: Math.random };
    const lane = new BlockLane(first, { ...parts, timers: systemTimers(api.clock) }, () => {});
    const held = proxy.holdNext(isWrite);
    const releasedAt = api.clock.now();
    const { address, pool, owner } = was;
    const rest = { releasedAt, until: releasedAt + LIMITS.restMs, nonce: 'late' };
    const now = { state: 'resting', address, pool, owner, ...rest } as const;
    const { end } = lane.submit({ first, writes: [{ was, now }], units: [] });
    await held.arrived;
    expect(await runtime.add(sandbox)).toMatchObject({ ok: true });
    held.release();
    expect(await end).toMatchObject({ kind: 'lost' });
    await api.close();
    expect(await lines('t2b')).toEqual([`${sandbox.address} ${containerRef(sandbox.container)}`]);
    await stage.settle('T2b');
  });

  test('T3: after a restart without memory nothing of a sandbox that runs is freed, though its pod is gone', async () => {
    const { stage, node, runtime } = await scene('t3');
    await using _stage = stage;
    const sandbox = await runtime.runPod();
    await crashWithoutJournal(node);
    await node.start();
    await runtime.deletePod(sandbox.pod);
    const other = await runtime.runPod();
    expect(other.address).not.toBe(sandbox.address);
    // The runtime lists both (CNI GC); the look by CRI is a row of the faults of nodes.
    await stage.settle('T3');
    await stage.clear();
  });

  test('T4: what DEL kept for a living pod is known as such after a restart, and goes with the pod', async () => {
    const { stage, node, runtime } = await scene('t4');
    await using _stage = stage;
    const sandbox = await runtime.runPod();
    await runtime.end(sandbox);
    await crashWithoutJournal(node);
    await node.start();
    const { address, container, pod } = sandbox;
    expect(await lines('t4')).toEqual([`${address} ${containerRef(container)} kept`]);
    await runtime.deletePod(pod);
    await poll(() => lines('t4'), SOON).toEqual([`${address} resting`]);
  });

  test('T5: an ADD that lands after its agent, journal and DEL are gone is freed by what the runtime lists', async () => {
    const { stage, node, proxy, runtime } = await scene('t5');
    await using _stage = stage;
    const other = await runtime.runPod();
    const sandbox = runtime.sandbox(await runtime.makePod());
    const { pod, container } = sandbox;
    const held = proxy.holdNext(isWrite);
    const unanswered = runtime.add(sandbox);
    const ghost = await held.arrived;
    await crashWithoutJournal(node);
    expect(await unanswered).toMatchObject({ ok: false });
    held.drop();
    await node.start();
    await runtime.end(sandbox);
    expect(await land(ghost)).toBe(200);
    expect(await lines('t5')).toContainEqual(expect.stringContaining(containerRef(container)));
    await runtime.deletePod(pod);
    await node.agent!.kill();
    await node.start();
    await runtime.collect();
    const held2 = `${other.address} ${containerRef(other.container)}`;
    await poll(() => lines('t5'), SOON).toEqual([held2, expect.stringMatching(/ resting$/)]);
  });

  test('T6: a patch for a block that was deleted and made again does not land in it', async () => {
    const { stage, proxy, runtime } = await scene('t6');
    await using _stage = stage;
    const other = await runtime.runPod();
    const pod = await runtime.makePod();
    const held = proxy.holdNext(isWrite);
    const answer = runtime.run(pod);
    const ghost = await held.arrived;
    held.drop();
    const sandbox = await answer;
    for (const one of [sandbox, other]) {
      await runtime.deletePod(one.pod);
      await runtime.end(one);
    }
    expect(await lines('t6')).toEqual([
      expect.stringMatching(/ resting$/),
      expect.stringMatching(/ resting$/),
    ]);
    const api = ApiServer.fromKubeconfig(cluster.kubeconfig);
    const blocks = new BlockServer(api);
    const block = await blocks.get(/[^/?]+-26/.exec(ghost.path)![0]);
    expect(block.kind).toBe('ok');
    if (block.kind === 'ok') {
      const much = LIMITS.restMs + 2 * LIMITS.blockKeptMs;
      expect(await deleteSpent(blocks, block.value, api.clock.now() + much)).toBe(true);
    }
    await api.close();
    expect(await lines('t6')).toEqual([]);
    const next = await runtime.runPod();
    expect(await land(ghost)).toBe(422);
    expect(await lines('t6')).toEqual([`${next.address} ${containerRef(next.container)}`]);
    await stage.settle('T6');
  });
});
