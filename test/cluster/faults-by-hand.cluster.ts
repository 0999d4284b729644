/** What somebody does to IPBlocks by hand, past every agent (rule 13). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blockName } from '../../src/kube/ip-block.ts';
import { blockOf, parseAddress, slotOf } from '../../src/net/address.ts';
import { runCli } from '../cli/run-cli.ts';
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

const missing = missingParts();
const title = ['faults by hand', ...missing].join(': ');
/** The time within which the agents have to notice. */
const MINUTE = { timeout: 60_000, interval: 250 };
const LONG_MS = 240_000;
const JSON_PATCH = 'application/json-patch+json';

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

  /** The object that an address is in, and its key there. */
  function placeOf(address: string): { path: string; slot: string } {
    const parsed = parseAddress(address)!;
    const path = `/apis/ipam.orbweaver.dev/v1alpha1/ipblocks/${blockName(blockOf(parsed))}`;
    return { path, slot: String(slotOf(parsed)) };
  }

  async function edit(address: string, operation: 'add' | 'remove', value?: string): Promise<void> {
    const { path, slot } = placeOf(address);
    const patch = [{ op: operation, path: `/spec/slots/${slot}`, value }];
    expect(await cluster.ask('PATCH', path, patch, JSON_PATCH)).toMatchObject({ status: 200 });
  }

  async function holders(pool: string): Promise<string[]> {
    const { lines } = await readBlocks(cluster);
    const claims = lines.filter((line) => line.state === 'claimed' && line.pool === pool);
    return claims.map(({ owner }) => owner.pod).sort();
  }

  test.concurrent(
    'an IPBlock deleted, finalizer and all: its claims are written again',
    async () => {
      await using stage = await FaultStage.set(cluster, {
        ...{ name: 'deleted', network: '10.73.1', range: [1, 60], table },
        agents: [{}, {}],
      });
      const churn = stage.churn({ workers: 3 });
      await churn.more(20);
      await churn.stop();
      const before = await holders('deleted');
      const { path } = placeOf(stage.check.running[0]!.address!);
      // Its finalizer keeps it as long as it is not taken off, too.
      expect((await cluster.ask('DELETE', path)).status).toBe(200);
      expect(await holders('deleted')).toEqual(before);
      const bare = [{ op: 'remove', path: '/metadata/finalizers' }];
      expect((await cluster.ask('PATCH', path, bare, JSON_PATCH)).status).toBe(200);
      expect(await holders('deleted')).toEqual([]);
      await poll(() => holders('deleted'), MINUTE).toEqual(before);
      for (const { node } of stage.nodes) {
        await poll(() => node.agent!.logs, MINUTE).toContain('was removed by hand');
      }
      const after = stage.churn({ workers: 3, seed: 2 });
      await after.more(20);
      await after.stop();
      await stage.settle('an IPBlock deleted by hand, finalizer and all');
      await stage.clear();
    },
    LONG_MS,
  );

  test.concurrent(
    'slots edited: removed, spoilt while held, spoilt while free',
    async () => {
      await using controller = await ControllerProcess.start(cluster.kubeconfig);
      await using stage = await FaultStage.set(cluster, {
        ...{ name: 'edited', network: '10.73.2', range: [1, 12], table },
        agents: [{}, {}],
      });
      const [one, two] = stage.nodes as [StageNode, StageNode];
      const [removed, spoilt, spared] = [
        await one.runtime.runPod(),
        await one.runtime.runPod(),
        await two.runtime.runPod(),
      ];
      const free = '10.73.2.9';
      stage.check.setAside(spoilt.address!);
      stage.check.setAside(free);
      await edit(spoilt.address!, 'add', 'spoilt');
      await edit(free, 'add', '1c made/up');
      await edit(removed.address!, 'remove');
      // Written again.
      const names = [removed, spared].map(({ pod }) => pod.name).sort();
      await poll(() => holders('edited'), MINUTE).toEqual(names);
      // Detected by the agent whose claim it was, and named by the controller as well.
      await poll(() => one.node.agent!.logs, MINUTE).toContain('edited by hand');
      const events = async () => {
        const args = ['get', 'events', '-A', '--field-selector=reason=EditedByHand', '-o', 'json'];
        const { items } = JSON.parse(await cluster.kubectl(args)) as {
          items: { message: string }[];
        };
        return items.map(({ message }) => message).join('\n');
      };
      await poll(events, MINUTE).toContain(spoilt.address!);
      expect(await events()).toContain(free);
      // Quarantined: with the pool full to the brim nobody is given them.
      const more = await Promise.all(
        Array.from({ length: 8 }, (_, at) => stage.nodes[at % 2]!.runtime.runPod()),
      );
      const refused = two.runtime.sandbox(await two.runtime.makePod());
      expect(await two.runtime.add(refused)).toMatchObject({ ok: false, error: { code: 11 } });
      await two.runtime.end(refused);
      expect(new Set([...more, removed, spared].map(({ address }) => address)).size).toBe(10);
      // An operator mends it.
      const release = ['ipam', 'release', `--ip=${free}`, '--kubeconfig', cluster.kubeconfig];
      expect(await runCli(release)).toMatchObject({ code: 0 });
      await stage.settle('slots removed and spoilt by hand');
      expect(controller.tcp).not.toBe('');
    },
    LONG_MS,
  );
});
