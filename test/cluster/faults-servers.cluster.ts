/** kill -9 of each program that takes part, and an API server that stops answering, while pods come and go. */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AgentProcess } from '../support/agent-process.ts';
import type { ComponentName, ControlPlane } from './support/control-plane.ts';
import { ControllerProcess } from './support/controller-process.ts';
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
const title = ['faults of programs', ...missing].join(': ');
const SOON = { timeout: 60_000, interval: 250 };
const AWAY_MS = 30_000;
const CONTROLLER_RBAC = join(import.meta.dirname, '../../deploy/base/controller-rbac.yaml');

describe.skipIf(missing.length > 0)(title, () => {
  const table = new FaultTable();
  let cluster: ControlPlane;
  let stage: FaultStage;
  let controllerConfig: string;

  beforeAll(async () => {
    cluster = await startFaultCluster();
    await cluster.kubectl(['apply', '-f', CONTROLLER_RBAC]);
    controllerConfig = await cluster.kubeconfigFor(
      'system:serviceaccount:orbweaver:orbweaver-controller',
    );
    stage = await FaultStage.set(cluster, {
      // Of one block, so that the nodes meet; most of its free addresses rest.
      ...{ name: 'servers', network: '10.70.1', range: [1, 60], table },
      agents: [{}, {}],
    });
  });
  afterAll(async () => {
    console.log(`\n${table.text}\n`);
    await stopFaultCluster(cluster);
  });

  test('kill -9 of an agent', async () => {
    const churn = stage.churn();
    for (const { node } of [...stage.nodes, ...stage.nodes]) {
      await churn.more(10);
      await node.agent!.kill();
      await node.start();
      await stage.check.look();
    }
    await churn.more(10);
    await churn.stop();
    await stage.settle('kill -9 of an agent', 4);
  });

  test('kill -9 of the controller', async () => {
    const churn = stage.churn({ seed: 2 });
    for (let kills = 0; kills < 2; kills += 1) {
      const controller = await ControllerProcess.start(controllerConfig);
      await churn.more(15);
      await controller.kill();
      await churn.more(15);
    }
    await churn.stop();
    await using _last = await ControllerProcess.start(controllerConfig);
    await stage.settle('kill -9 of the controller', 2);
    const shown = async () => {
      const text = await cluster.kubectl(['get', 'se', '-n', 'faults', '-o', 'json']);
      const { items } = JSON.parse(text) as { items: { metadata: { name: string } }[] };
      return items.map(({ metadata }) => metadata.name).sort();
    };
    const pods = () => stage.check.running.map(({ pod }) => pod.name).sort();
    await poll(shown, SOON).toEqual(pods());
  });

  test.each([
    ['kube-apiserver', 3],
    ['etcd', 4],
  ] as const)('kill -9 of %s', async (name: ComponentName, seed) => {
    const churn = stage.churn({ seed });
    for (let kills = 0; kills < 2; kills += 1) {
      await churn.more(15);
      await cluster.kill(name);
      await cluster.restart(name);
      await stage.check.look();
    }
    await churn.more(15);
    await churn.stop();
    await stage.settle(`kill -9 of ${name}`, 2);
  });

  test('an API server that stops answering for 30 s', async () => {
    const [one, two] = stage.nodes as [StageNode, StageNode];
    const [first, second] = [await one.runtime.runPod(), await one.runtime.runPod()];
    const late = one.runtime.sandbox(await one.runtime.makePod());
    await one.runtime.deletePod(first.pod);
    await one.runtime.deletePod(second.pod);
    const churn = stage.churn({ seed: 5, on: [two] });
    await churn.more(5);
    cluster.freeze('kube-apiserver');
    const over = pause(AWAY_MS);
    const status = () => one.node.call({ verb: 'STATUS' });
    await poll(status, SOON).toMatchObject({ ok: false, error: { code: 50 } });
    // Answered, with "try again", while the server is still away; DEL succeeds.
    expect(await one.runtime.add(late)).toMatchObject({ ok: false, error: { code: 11 } });
    await one.runtime.end(first);
    await one.node.agent!.kill();
    one.node.agent = AgentProcess.spawn(one.node.folder, one.node.options);
    // The next life keeps what the last one promised, and promises itself.
    await one.runtime.end(second);
    await over;
    cluster.thaw('kube-apiserver');
    await poll(status, SOON).toMatchObject({ ok: true });
    await one.runtime.end(late);
    await one.runtime.run(late.pod);
    await churn.more(5);
    await churn.stop();
    await stage.settle('API server away for 30 s (SIGSTOP), agent killed meanwhile', 1);
  });

  test('what ran through all of it ends, and nothing is left', async () => {
    await stage.clear();
  });
});
