import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import { isPodDead, topController } from '../../src/dialect/pod-owner.ts';
import { type Expansion, expandWorkload } from '../../src/dialect/workloads.ts';
import { errorOf } from '../support/error-of.ts';

type Spec = Record<string, unknown>;

const TEMPLATE = {
  metadata: { labels: { app: 'web' }, annotations: { 'ipam.spidernet.io/ippool': '{}' } },
  spec: { containers: [{ name: 'web', image: 'busybox' }] },
};
const API: Record<string, string> = { Pod: 'v1', Job: 'batch/v1' };

function workload(kind: string, spec: Spec = {}, name = 'web'): KubeObject {
  return {
    apiVersion: API[kind] ?? 'apps/v1',
    kind,
    metadata: { name, namespace: 'default', uid: `uid-of-${name}` },
    spec: { selector: { matchLabels: { app: 'web' } }, template: TEMPLATE, ...spec },
  };
}

function job(spec: Spec): KubeObject {
  const template = { ...TEMPLATE, spec: { ...TEMPLATE.spec, restartPolicy: 'Never' } };
  return workload('Job', { selector: undefined, template, ...spec });
}

function node(name: string, more: { labels?: Record<string, string>; spec?: Spec } = {}) {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: more.labels ?? {} },
    spec: more.spec ?? {},
  } satisfies KubeObject;
}

function uids(): () => string {
  let next = 0;
  return () => {
    next += 1;
    return `new-${next}`;
  };
}

const NODES = [node('n2'), node('n1'), node('n3')];

function expand(object: KubeObject, existing: readonly KubeObject[] = [], nodes = NODES) {
  return expandWorkload(object, nodes, existing, uids());
}

function names(expansion: Expansion): string[] {
  return expansion.pods.map((pod) => pod.metadata.name);
}

function placed(expansion: Expansion): (string | undefined)[] {
  return expansion.pods.map((pod) => (pod.spec as { nodeName?: string }).nodeName);
}

/** What a store holds after an expansion. */
function kept({ replicaSet, pods }: Expansion): KubeObject[] {
  return replicaSet === undefined ? [...pods] : [...pods, replicaSet];
}

describe('a Deployment', () => {
  test('becomes pods with the names, labels and owners of Kubernetes', () => {
    const { pods, replicaSet } = expand(workload('Deployment', { replicas: 2 }));
    const hash = replicaSet!.metadata.labels!['pod-template-hash']!;
    expect(hash).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{8,10}$/);
    expect(replicaSet!.metadata).toMatchObject({
      name: `web-${hash}`,
      namespace: 'default',
      ownerReferences: [{ kind: 'Deployment', name: 'web', uid: 'uid-of-web', controller: true }],
    });
    expect(pods).toHaveLength(2);
    for (const pod of pods) {
      expect(pod.metadata.name).toMatch(
        new RegExp(`^web-${hash}-[bcdfghjklmnpqrstvwxz2456789]{5}$`),
      );
      expect(pod.metadata).toMatchObject({
        namespace: 'default',
        labels: { app: 'web', 'pod-template-hash': hash },
        annotations: TEMPLATE.metadata.annotations,
        ownerReferences: [
          {
            apiVersion: 'apps/v1',
            kind: 'ReplicaSet',
            name: `web-${hash}`,
            uid: replicaSet!.metadata.uid,
            controller: true,
          },
        ],
      });
      expect(pod.status).toEqual({ phase: 'Pending' });
    }
    expect(new Set(pods.map((pod) => pod.metadata.uid)).size).toBe(2);
  });

  test('has one pod where replicas is not set, and none for 0', () => {
    expect(expand(workload('Deployment')).pods).toHaveLength(1);
    expect(expand(workload('Deployment', { replicas: 0 })).pods).toHaveLength(0);
  });

  test('applied again keeps the very pods that are there', () => {
    const first = expand(workload('Deployment', { replicas: 3 }));
    const second = expand(workload('Deployment', { replicas: 3 }), kept(first));
    expect(second.pods).toEqual(first.pods);
    for (const [index, pod] of second.pods.entries()) expect(pod).toBe(first.pods[index]);
    expect(second.replicaSet!.metadata.uid).toBe(first.replicaSet!.metadata.uid);
    expect(second.removed).toEqual([]);
  });

  test('scaled up keeps its pods and adds to them', () => {
    const first = expand(workload('Deployment', { replicas: 2 }));
    const second = expand(workload('Deployment', { replicas: 5 }), kept(first));
    expect(names(second).slice(0, 2)).toEqual(names(first));
    expect(new Set(names(second)).size).toBe(5);
    expect(placed(second)).toEqual(['n1', 'n2', 'n3', 'n1', 'n2']);
  });

  test('scaled down loses the highest', () => {
    const first = expand(workload('Deployment', { replicas: 4 }));
    const second = expand(workload('Deployment', { replicas: 1 }), kept(first));
    expect(names(second)).toEqual(names(first).slice(0, 1));
    expect(second.removed).toEqual(names(first).slice(1));
  });

  test('with another template replaces its pods and its ReplicaSet', () => {
    const first = expand(workload('Deployment', { replicas: 2 }));
    const template = { ...TEMPLATE, spec: { containers: [{ name: 'web', image: 'alpine' }] } };
    const second = expand(workload('Deployment', { replicas: 2, template }), kept(first));
    expect(second.removed).toEqual(names(first));
    expect(second.removedReplicaSets).toEqual([first.replicaSet!.metadata.name]);
    expect(names(second).some((name) => names(first).includes(name))).toBe(false);
  });

  test('finds its pods where its ReplicaSet was not kept', () => {
    const first = expand(workload('Deployment', { replicas: 2 }));
    const second = expand(workload('Deployment', { replicas: 2 }), first.pods);
    expect(second.pods).toEqual(first.pods);
    expect(second.replicaSet!.metadata.uid).toBe(first.replicaSet!.metadata.uid);
  });

  test("leaves other workloads' pods alone", () => {
    const other = expand(workload('Deployment', { replicas: 2 }, 'web-a'));
    const { namespace: _, ...elsewhere } = workload('Deployment', { replicas: 2 }).metadata;
    const foreign = expand({
      ...workload('Deployment', { replicas: 2 }),
      metadata: { ...elsewhere, namespace: 'blue' },
    });
    const mine = expand(workload('Deployment', { replicas: 0 }), [
      ...kept(other),
      ...kept(foreign),
    ]);
    expect(mine.removed).toEqual([]);
    expect(mine.removedReplicaSets).toEqual([]);
  });

  test('has names of at most 63 characters, all different, however long its own', () => {
    const expansion = expand(workload('Deployment', { replicas: 500 }, 'a'.repeat(120)));
    expect(new Set(names(expansion)).size).toBe(500);
    for (const name of names(expansion)) expect(name.length).toBeLessThanOrEqual(63);
  });

  test('of the largest size has as many names as pods', () => {
    const expansion = expand(workload('Deployment', { replicas: LIMITS.workloadPodsMax }));
    expect(new Set(names(expansion)).size).toBe(LIMITS.workloadPodsMax);
  });
});

describe('other workloads', () => {
  test('a ReplicaSet owns its pods itself', () => {
    const { pods, replicaSet } = expand(workload('ReplicaSet', { replicas: 2 }));
    expect(replicaSet).toBeUndefined();
    expect(pods[0]!.metadata.name).toMatch(/^web-[a-z0-9]{5}$/);
    expect(pods[0]!.metadata.ownerReferences).toMatchObject([{ kind: 'ReplicaSet', name: 'web' }]);
  });

  test('a StatefulSet counts from 0, or from where it is told', () => {
    expect(names(expand(workload('StatefulSet', { replicas: 2 })))).toEqual(['web-0', 'web-1']);
    const ordinals = { start: 5 };
    const expansion = expand(workload('StatefulSet', { replicas: 2, ordinals, serviceName: 's' }));
    expect(names(expansion)).toEqual(['web-5', 'web-6']);
    expect(expansion.pods[0]).toMatchObject({
      metadata: {
        labels: {
          app: 'web',
          'apps.kubernetes.io/pod-index': '5',
          'statefulset.kubernetes.io/pod-name': 'web-5',
        },
      },
      spec: { hostname: 'web-5', subdomain: 's' },
    });
  });

  test('a StatefulSet with another template makes new pods of the same names', () => {
    const first = expand(workload('StatefulSet', { replicas: 1 }));
    const template = { ...TEMPLATE, spec: { containers: [] } };
    const second = expandWorkload(
      workload('StatefulSet', { replicas: 1, template }),
      NODES,
      first.pods,
      () => 'another',
    );
    expect(names(second)).toEqual(['web-0']);
    expect(second.pods[0]!.metadata.uid).toBe('another');
    expect(second.removed).toEqual([]);
  });

  test('a DaemonSet has one pod on each node, and keeps the others when one comes', () => {
    const first = expand(workload('DaemonSet'));
    expect(placed(first)).toEqual(['n1', 'n2', 'n3']);
    const second = expand(workload('DaemonSet'), first.pods, [...NODES, node('n0')]);
    expect(placed(second)).toEqual(['n0', 'n1', 'n2', 'n3']);
    expect(names(second).slice(1)).toEqual(names(first));
    const third = expand(workload('DaemonSet'), first.pods, [node('n1')]);
    expect(third.removed).toEqual(names(first).slice(1));
  });

  const jobs: { name: string; spec: Spec; pattern: RegExp; count: number }[] = [
    { name: 'a Job has one pod', spec: {}, pattern: /^web-[a-z0-9]{5}$/, count: 1 },
    {
      name: 'a Job runs as many at once as it needs',
      spec: { parallelism: 5, completions: 2 },
      pattern: /^web-[a-z0-9]{5}$/,
      count: 2,
    },
    {
      name: 'a Job runs no more at once than it may',
      spec: { parallelism: 2, completions: 5 },
      pattern: /^web-[a-z0-9]{5}$/,
      count: 2,
    },
    { name: 'a suspended Job has none', spec: { suspend: true }, pattern: /^$/, count: 0 },
    {
      name: 'an indexed Job has the index in its names',
      spec: { completionMode: 'Indexed', parallelism: 3, completions: 3 },
      pattern: /^web-[012]-[a-z0-9]{5}$/,
      count: 3,
    },
  ];
  test.each(jobs)('$name', ({ spec, pattern, count }) => {
    const { pods } = expand(job(spec));
    expect(pods).toHaveLength(count);
    for (const pod of pods) {
      expect(pod.metadata.name).toMatch(pattern);
      expect(pod.metadata.labels).toMatchObject({ app: 'web', 'job-name': 'web' });
    }
  });

  test('a bare pod gets a uid and a node and keeps both', () => {
    const pod: KubeObject = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', namespace: 'default', labels: { v: '1' } },
      spec: {},
    };
    const first = expand(pod);
    expect(first.pods[0]).toMatchObject({ metadata: { uid: 'new-1' }, spec: { nodeName: 'n1' } });
    const edited = { ...pod, metadata: { ...pod.metadata, labels: { v: '2' } } };
    const second = expandWorkload(edited, [node('n0')], first.pods, () => 'another');
    expect(second.pods[0]).toMatchObject({
      metadata: { uid: 'new-1', labels: { v: '2' } },
      spec: { nodeName: 'n1' },
    });
  });
});

describe('pods are placed', () => {
  const zones = [
    node('a', { labels: { zone: 'east', cpu: '4' } }),
    node('b', { labels: { zone: 'west', cpu: '8' } }),
    node('c', { labels: { zone: 'east', cpu: '16' } }),
    node('d', { spec: { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] } }),
    node('e', { spec: { unschedulable: true } }),
  ];
  const required = (...nodeSelectorTerms: unknown[]) => ({
    affinity: {
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } },
    },
  });
  const expression = (key: string, operator: string, values?: string[]) => ({
    matchExpressions: [{ key, operator, values }],
  });
  const cases: { name: string; spec: Spec; nodes: (string | undefined)[] }[] = [
    { name: 'in turn, on nodes that take them', spec: {}, nodes: ['a', 'b', 'c', 'a'] },
    {
      name: 'by nodeSelector',
      spec: { nodeSelector: { zone: 'east' } },
      nodes: ['a', 'c', 'a', 'c'],
    },
    { name: 'by nodeName', spec: { nodeName: 'z' }, nodes: ['z', 'z', 'z', 'z'] },
    {
      name: 'by In',
      spec: required(expression('zone', 'In', ['west'])),
      nodes: ['b', 'b', 'b', 'b'],
    },
    {
      name: 'by NotIn',
      spec: required(expression('zone', 'NotIn', ['east'])),
      nodes: ['b', 'b', 'b', 'b'],
    },
    { name: 'by Gt', spec: required(expression('cpu', 'Gt', ['7'])), nodes: ['b', 'c', 'b', 'c'] },
    {
      name: 'by one of several terms',
      spec: required(expression('zone', 'In', ['west']), {
        matchFields: [{ key: 'metadata.name', operator: 'In', values: ['c'] }],
      }),
      nodes: ['b', 'c', 'b', 'c'],
    },
    {
      name: 'on a tainted node they tolerate',
      spec: { tolerations: [{ key: 'gpu', operator: 'Exists' }] },
      nodes: ['a', 'b', 'c', 'd'],
    },
    {
      name: 'on a cordoned node they tolerate',
      spec: { tolerations: [{ operator: 'Exists' }], nodeSelector: {} },
      nodes: ['a', 'b', 'c', 'd'],
    },
    {
      name: 'nowhere when no node takes them',
      spec: { nodeSelector: { zone: 'north' } },
      nodes: [undefined, undefined, undefined, undefined],
    },
  ];
  test.each(cases)('$name', ({ spec, nodes }) => {
    const template = { ...TEMPLATE, spec };
    const expansion = expand(workload('Deployment', { replicas: 4, template }), [], zones);
    expect(placed(expansion)).toEqual(nodes);
  });

  test('nowhere, and say so, when there are nodes but none that fits', () => {
    const template = { ...TEMPLATE, spec: { nodeSelector: { zone: 'north' } } };
    const { pods } = expand(workload('Deployment', { template }), [], zones);
    expect(pods[0]!.status).toMatchObject({
      phase: 'Pending',
      conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' }],
    });
  });

  test('on a node that came later, when applied again', () => {
    const template = { ...TEMPLATE, spec: { nodeSelector: { zone: 'north' } } };
    const object = workload('Deployment', { replicas: 2, template });
    const first = expand(object, [], zones);
    const north = node('n', { labels: { zone: 'north' } });
    const second = expand(object, kept(first), [...zones, north]);
    expect(placed(second)).toEqual(['n', 'n']);
    expect(second.pods[0]!.status).toEqual({ phase: 'Pending' });
    expect(second.pods[0]!.metadata).toEqual(first.pods[0]!.metadata);
    const pod = { ...first.pods[0]!, metadata: { name: 'bare', namespace: 'default' } };
    expect(expand(pod, [pod], [north]).pods[0]).toMatchObject({
      spec: { nodeName: 'n' },
      status: { phase: 'Pending' },
    });
  });

  test('never on another node than before', () => {
    const pod: KubeObject = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', namespace: 'default' },
      spec: { nodeName: 'n1' },
    };
    const moved = { ...pod, spec: { nodeName: 'n2' } };
    expect(errorOf(() => expand(moved, [pod])).message).toBe(
      'Pod "p" is invalid: spec.nodeName: Invalid value: "n2": a pod stays on its node, which is n1; delete the pod first',
    );
  });

  test('nowhere when no node was applied', () => {
    const { pods } = expand(workload('Deployment'), [], []);
    expect(pods[0]!.spec).not.toHaveProperty('nodeName');
    expect(pods[0]!.status).toEqual({ phase: 'Pending' });
  });
});

describe('a workload is refused for', () => {
  const bad: { name: string; object: KubeObject; fault: string }[] = [
    {
      name: 'no template',
      object: workload('Deployment', { template: undefined }),
      fault: 'Deployment.apps "web" is invalid: spec.template: Required value',
    },
    {
      name: 'no selector',
      object: workload('Deployment', { selector: undefined }),
      fault: 'Deployment.apps "web" is invalid: spec.selector: Required value',
    },
    {
      name: 'an empty selector',
      object: workload('StatefulSet', { selector: {} }),
      fault:
        'StatefulSet.apps "web" is invalid: spec.selector: Invalid value: {}: empty selector is invalid for statefulset',
    },
    {
      name: 'a selector that misses its own pods',
      object: workload('Deployment', { selector: { matchLabels: { app: 'other' } } }),
      fault:
        'Deployment.apps "web" is invalid: spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
    },
    {
      name: 'a negative number of pods',
      object: workload('Deployment', { replicas: -1 }),
      fault:
        'Deployment.apps "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    },
    {
      name: 'text for a number',
      object: workload('Deployment', { replicas: '2' }),
      fault:
        'Deployment.apps "web" is invalid: spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"',
    },
    {
      name: 'more pods than can be kept',
      object: workload('Deployment', { replicas: 1e9 }),
      fault: `Deployment.apps "web" is invalid: spec.replicas: Invalid value: 1000000000: must be less than or equal to ${LIMITS.workloadPodsMax}`,
    },
    {
      name: 'annotations that are no texts',
      object: workload('Deployment', {
        template: { ...TEMPLATE, metadata: { labels: { app: 'web' }, annotations: { a: {} } } },
      }),
      fault:
        'Deployment.apps "web" is invalid: spec.template.metadata.annotations.a: Invalid value: "object": spec.template.metadata.annotations.a in body must be of type string: "object"',
    },
    {
      name: 'a Deployment that ends',
      object: workload('Deployment', {
        template: { ...TEMPLATE, spec: { restartPolicy: 'Never' } },
      }),
      fault:
        'Deployment.apps "web" is invalid: spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    },
    {
      name: 'a Job that never ends',
      object: workload('Job'),
      fault:
        'Job.batch "web" is invalid: spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
    },
  ];
  test.each(bad)('$name', ({ object, fault }) => {
    const error = errorOf(() => expand(object));
    expect(error.code).toBe('OBJECT_INVALID');
    expect(error.message).toBe(fault);
  });
});

describe('topController', () => {
  const { pods, replicaSet } = expand(workload('Deployment'));
  const foreign: KubeObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'p',
      ownerReferences: [
        { apiVersion: 'example.com/v1', kind: 'ReplicaSet', name: 'x', uid: 'u', controller: true },
      ],
    },
  };

  test('goes through the ReplicaSet to the Deployment', () => {
    const find = (kind: string, name: string) =>
      kind === 'ReplicaSet' && name === replicaSet!.metadata.name ? replicaSet : undefined;
    expect(topController(pods[0]!, find)).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      name: 'web',
    });
  });

  test('stops at an owner that is not known, or of a foreign API', () => {
    expect(topController(pods[0]!, () => undefined).kind).toBe('ReplicaSet');
    expect(topController(foreign, () => replicaSet)).toEqual({
      apiVersion: 'example.com/v1',
      kind: 'ReplicaSet',
      name: 'x',
    });
  });

  test('is the pod itself where nobody owns it', () => {
    const bare = { ...foreign, metadata: { name: 'p' } };
    expect(topController(bare, () => undefined)).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      name: 'p',
    });
  });
});

describe('isPodDead', () => {
  const cases: {
    name: string;
    policy?: string;
    status?: Spec;
    deleted?: boolean;
    dead: boolean;
  }[] = [
    { name: 'a pending pod lives', status: { phase: 'Pending' }, dead: false },
    { name: 'a pod without status lives', dead: false },
    { name: 'a pod that is being deleted is dead', deleted: true, dead: true },
    {
      name: 'a pod that succeeded for good is dead',
      policy: 'Never',
      status: { phase: 'Succeeded' },
      dead: true,
    },
    {
      name: 'a pod that succeeded and is started again lives',
      status: { phase: 'Succeeded' },
      dead: false,
    },
    {
      name: 'a pod that failed for good is dead',
      policy: 'Never',
      status: { phase: 'Failed' },
      dead: true,
    },
    {
      name: 'a pod that failed and is started again lives',
      policy: 'OnFailure',
      status: { phase: 'Failed' },
      dead: false,
    },
    {
      name: 'an evicted pod is dead',
      policy: 'Always',
      status: { phase: 'Failed', reason: 'Evicted' },
      dead: true,
    },
    { name: 'a pod of an unknown phase lives', status: { phase: 'Unknown' }, dead: false },
  ];
  test.each(cases)('$name', ({ policy, status, deleted, dead }) => {
    const pod: KubeObject = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', ...(deleted && { deletionTimestamp: '2026-01-01T00:00:00Z' }) },
      spec: policy === undefined ? {} : { restartPolicy: policy },
      status,
    };
    expect(isPodDead(pod)).toBe(dead);
  });
});
