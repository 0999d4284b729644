/** deploy/uninstall.sh where kinds of others are: nothing waits for a program that is gone. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runProcess } from '../../src/cli/walk/run-process.ts';
import { programPath } from './support/binaries.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { missingParts } from './support/missing-parts.ts';

const missing = missingParts();
const title = ['uninstalling', ...missing].join(': ');
const DEPLOY = join(import.meta.dirname, '../../deploy');

const POOLS = [
  ['spiderippools.spiderpool.spidernet.io', 'spiderpool.spidernet.io/v2beta1', 'SpiderIPPool'],
  ['ippools.spiderpool.spidernet.io', 'spiderpool.spidernet.io/v1', 'IPPool'],
  ['ippools.projectcalico.org', 'projectcalico.org/v3', 'IPPool'],
  ['ippools.crd.projectcalico.org', 'crd.projectcalico.org/v1', 'IPPool'],
] as const;

describe.skipIf(missing.length > 0)(title, () => {
  let cluster: ControlPlane;

  beforeAll(async () => {
    cluster = await startControlPlane({ components: ['controller-manager'], crds: true });
    // As Calico makes it, in the group that its own programs read, and one of Spiderpool's.
    const text = readFileSync(join(DEPLOY, 'crds/ippool-calico.yaml'), 'utf8')
      .replace('name: ippools.projectcalico.org', 'name: ippools.crd.projectcalico.org')
      .replace('group: projectcalico.org', 'group: crd.projectcalico.org')
      .replace('name: v3', 'name: v1')
      .replace('managed-by: orbweaver', 'managed-by: calico');
    await cluster.kubectl(['create', '-f', '-'], text);
    const spiders = 'crd/spiderippools.spiderpool.spidernet.io';
    await cluster.kubectl(['label', '--overwrite', spiders, 'app.kubernetes.io/managed-by=Helm']);
    for (const [kind] of POOLS) {
      await cluster.kubectl(['wait', '--for=condition=Established', `crd/${kind}`]);
    }
  });
  afterAll(() => cluster?.stop());

  test('takes the finalizers off pools of any kind, whoever made the kind', async () => {
    for (const [index, [kind, apiVersion, name]] of POOLS.entries()) {
      const own = kind.endsWith('spidernet.io')
        ? 'spiderpool.spidernet.io'
        : 'projectcalico.org/ippool-finalizer';
      const network = `10.${index}.0.0/16`;
      const pool = {
        apiVersion,
        kind: name,
        metadata: { name: `pool-${index}`, finalizers: [own, 'example.com/theirs'] },
        spec: own.startsWith('spiderpool') ? { subnet: network } : { cidr: network },
      };
      await cluster.kubectl(['create', '-f', '-'], JSON.stringify(pool));
    }
    const { exit, out } = await runProcess(
      'sh',
      [join(DEPLOY, 'uninstall.sh'), '--', '--kubeconfig', cluster.kubeconfig],
      { env: { ...process.env, PATH: `${dirname(programPath('kubectl'))}:${process.env.PATH}` } },
    );
    expect(out).toContain('uninstall: done');
    expect(exit).toBe(0);
    for (const [index, [kind]] of POOLS.entries()) {
      const pool = ['get', kind, `pool-${index}`, '-o', 'jsonpath={.metadata.finalizers}'];
      expect([kind, await cluster.kubectl(pool)]).toEqual([kind, '["example.com/theirs"]']);
    }
  });
});
