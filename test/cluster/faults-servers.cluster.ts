/** kill -9 of each program that takes part, and an API server that stops answering, while pods come and go. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ComponentName, ControlPlane } from './support/control-plane.ts';
import { ControllerProcess } from './support/controller-process.ts';
import { FaultStage, startFaultCluster } from './support/fault-stage.ts';
import { FaultTable } from './support/fault-table.ts';
import { missingParts } from './support/missing-parts.ts';

const missing = missingParts();
const title = ['faults of programs', ...missing].join(': ');
const SOON = { timeout: 60_000, interval: 250 };
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
      ...{ name: 'servers', network: '10.70.1', table },
      agents: [{}, {}],
    });
  });
  afterAll(async () => {
    console.log(`\n${table.text}\n`);
    await stage?.[Symbol.asyncDispose]();
    await cluster?.stop();
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
    await expect.poll(shown, SOON).toEqual(pods());
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

  test('what ran through all of it ends, and nothing is left', async () => {
    await stage.clear();
  });
});
