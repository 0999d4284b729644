/** The control plane of the tests: it starts, serves, survives its own faults and leaves nothing behind. */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { missingParts } from './support/missing-parts.ts';
import { isRunning } from './support/process-identity.ts';

const missing = missingParts();
const title = ['a control plane', ...missing].join(': ');

describe.skipIf(missing.length > 0)(title, () => {
  let cluster: ControlPlane;

  beforeAll(async () => {
    cluster = await startControlPlane({ crds: true, proxy: true });
  });
  afterAll(() => cluster?.stop());

  test('serves the CRDs of deploy/crds', async () => {
    expect(await cluster.kubectl(['get', 'ipblocks'])).toBe('');
    expect(await cluster.kubectl(['get', 'crd', '-o', 'name'])).toContain(
      'ipblocks.ipam.orbweaver.dev',
    );
  });

  test('knows a client of another name by its certificate, also through the proxy', async () => {
    for (const url of [cluster.url, cluster.proxy.url]) {
      const kubeconfig = await cluster.kubeconfigFor('ada', ['readers'], url);
      const said = await cluster.kubectl(['--kubeconfig', kubeconfig, 'auth', 'whoami']);
      expect(said).toMatch(/Username\s+ada\n/);
      expect(said).toContain('readers');
    }
  });

  test('keeps what was written when etcd and the API server are killed', async () => {
    await cluster.kubectl(['create', 'configmap', 'kept', '--from-literal=a=1']);
    await cluster.kill('kube-apiserver');
    await expect(cluster.ask('GET', '/readyz')).rejects.toThrow();
    await cluster.restart('kube-apiserver');
    await cluster.restart('etcd');
    expect(await cluster.kubectl(['get', 'configmap', 'kept', '-o', 'name'])).toBe(
      'configmap/kept\n',
    );
  });

  test('leaves no process and no folder', async () => {
    const processes = [...cluster.run.processes().values()];
    expect(processes.length).toBeGreaterThan(1);
    expect(processes.filter(isRunning)).toEqual(processes);
    await cluster.stop();
    expect(processes.filter(isRunning)).toEqual([]);
    expect(existsSync(cluster.folder)).toBe(false);
  });
});
