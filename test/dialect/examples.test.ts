import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { canonicalObject } from '../../src/dialect/canonical-object.ts';
import { kindOf } from '../../src/dialect/kinds.ts';
import { platformOf, withKnownLabels } from '../../src/dialect/known-labels.ts';
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import { parseManifests } from '../../src/dialect/manifest.ts';
import { expandWorkload, isWorkload } from '../../src/dialect/workloads.ts';
import { AdmissionWorld } from '../support/admission-world.ts';
import { errorOf } from '../support/error-of.ts';

const EXAMPLES = join(import.meta.dirname, '../../examples');

function read(...files: string[]): KubeObject[] {
  return files.flatMap((file) => {
    const objects = parseManifests(readFileSync(join(EXAMPLES, file), 'utf8'), file);
    return objects.map((object) =>
      withKnownLabels(canonicalObject(object), platformOf('linux', 'x64')),
    );
  });
}

/** Pods per node that the objects come to once all are admitted. */
function podsByNode(objects: readonly KubeObject[]): Record<string, number> {
  const world = new AdmissionWorld();
  const admitted = objects.map((object) => world.apply(object).object);
  const nodes = admitted.filter((object) => object.kind === 'Node');
  const counts: Record<string, number> = {};
  for (const object of admitted.filter((one) => isWorkload(kindOf(one).id))) {
    for (const pod of expandWorkload(object, nodes, [], () => 'uid').pods) {
      const { nodeName } = pod.spec as { nodeName: string };
      counts[nodeName] = (counts[nodeName] ?? 0) + 1;
    }
  }
  return counts;
}

const SEED3 = '3-priorities-backup-selectors';
const SEED5 = '5-pool-instructions';

describe('examples are admitted, and their pods are spread:', () => {
  const parts: { name: string; files: string[]; pods: Record<string, number> }[] = [
    {
      name: '1-namespace-affinity',
      files: ['nodes', 'test-ns-ipv4-ippool', 'different-ns-deploys'],
      pods: { 'spider-worker': 2 },
    },
    {
      name: '2-pod-affinity',
      files: ['nodes', 'static-ipv4-ippool', 'static-ippool-deploy', 'wrong-static-ippool-deploy'],
      pods: { 'spider-control-plane': 2, 'spider-worker': 1 },
    },
    {
      name: `${SEED3}/priorities`,
      files: ['nodes', 'pools', 'spiderpool-conf', 'namespaces', 'pods'],
      pods: { 'spider-worker': 8 },
    },
    {
      name: `${SEED3}/backup`,
      files: ['nodes', 'pools', 'fill-default', 'sample-backup'],
      pods: { 'spider-worker': 6 },
    },
    {
      name: `${SEED3}/selectors`,
      files: ['nodes', 'default-v4-ippool', 'spiderpool-conf', 'my-deploy'],
      pods: { 'spider-worker': 1 },
    },
    {
      name: `${SEED3}/example`,
      files: ['nodes', 'master-v4-ippool', 'worker-v4-ippool', 'example'],
      pods: { 'control-plane': 3, worker: 2 },
    },
    {
      name: '4-calico-namespaces',
      files: ['nodes', 'default-ipv4-ippool', 'pools', 'nginx-dp'],
      pods: { s666dan4151: 6, s666dan4152: 6, s666dan4153: 6 },
    },
    {
      name: `${SEED5}/fixed`,
      files: ['../nodes', 'fixed-ippool', 'workload01'],
      pods: { 'worker-1': 2 },
    },
    {
      name: `${SEED5}/node-affinity`,
      files: ['../nodes', 'pools', 'one-workload-everywhere', 'workloads-per-site'],
      pods: { 'worker-1': 2, 'worker-2': 4, 'worker-3': 4 },
    },
    {
      name: `${SEED5}/all-affinities`,
      files: ['../nodes', 'namespace', 'ippool', 'pods'],
      pods: { 'worker-1': 4, 'worker-3': 4 },
    },
    {
      name: `${SEED5}/subdivide`,
      files: ['../nodes', 'ippool01', 'instead', 'workloads'],
      pods: { 'worker-1': 2, 'worker-2': 2 },
    },
  ];
  test.each(parts)('$name', ({ name, files, pods }) => {
    expect(podsByNode(read(...files.map((file) => join(name, `${file}.yaml`))))).toEqual(pods);
  });

  test('every manifest in the folder can be read', () => {
    const files = readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' });
    const manifests = files.filter((file) => file.endsWith('.yaml'));
    expect(manifests.length).toBeGreaterThan(30);
    for (const file of manifests) expect(read(file).length).toBeGreaterThan(0);
  });

  test('a pool inside another one is refused', () => {
    const world = new AdmissionWorld();
    for (const object of read(`${SEED5}/subdivide/ippool01.yaml`)) world.apply(object);
    for (const object of read(`${SEED5}/subdivide/refused.yaml`)) {
      expect(errorOf(() => world.apply(object)).message).toContain('overlap with IPPool ippool01');
    }
  });
});
