/** What every ledger does, on a real API server. */
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { systemTimers } from '../../src/ipam/timers.ts';
import { ApiServer } from '../../src/kube/api-server.ts';
import { BlockServer, IP_BLOCKS } from '../../src/kube/block-server.ts';
import { KubernetesLedger } from '../../src/kube/ledger.ts';
import { KubeObjects } from '../../src/kube/objects.ts';
import { resourcePath } from '../../src/kube/resources.ts';
import { ledgerSuite } from '../support/ledger-suite.ts';
import { MemoryJournal } from '../support/memory-journal.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { missingParts } from './support/missing-parts.ts';

const missing = missingParts();

describe.skipIf(missing.length > 0)(['a real API server', ...missing].join(': '), () => {
  let cluster: ControlPlane;
  let api: ApiServer;

  beforeAll(async () => {
    cluster = await startControlPlane({ crds: true });
    api = ApiServer.fromKubeconfig(cluster.kubeconfig);
  });

  afterAll(async () => {
    await api?.close();
    await cluster?.stop();
  });

  ledgerSuite('etcd', async () => {
    await removeAllBlocks(api);
    const ledger = await KubernetesLedger.open({
      api: new BlockServer(api),
      node: 'node-1',
      journal: new MemoryJournal(),
      timers: systemTimers(api.clock),
      random: Math.random,
    });
    return { ledger, close: () => ledger.close() };
  });
});

/** By hand, as an administrator may: finalizers and all. */
async function removeAllBlocks(api: ApiServer): Promise<void> {
  const objects = new KubeObjects(api);
  const blocks = await objects.list(IP_BLOCKS);
  expect(blocks.kind).toBe('ok');
  const names = blocks.kind === 'ok' ? blocks.value.items.map(({ metadata }) => metadata.name) : [];
  const patch = { metadata: { finalizers: null } };
  await Promise.all(names.map((name) => objects.mergePatch(IP_BLOCKS, { name }, patch)));
  const removed = await api.request({ method: 'DELETE', path: resourcePath(IP_BLOCKS) });
  expect(removed.kind).toBe('ok');
}
