/**
 * Pods of a cluster without a registry: every container's `imagePullPolicy` becomes Never as the pod is made, so that
 * manifests run as they are. The API server does it by a policy of its own, and no webhook is in the way.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { ControlPlane } from './control-plane.ts';

/** What the API server needs for such a policy in this release. */
export const POLICY_ARGS = [
  '--feature-gates=MutatingAdmissionPolicy=true',
  '--runtime-config=admissionregistration.k8s.io/v1beta1=true',
];

const POLL_MS = 50;
const WAIT_MS = 30_000;
const NAME = 'images-are-local';
const GROUP = 'admissionregistration.k8s.io/v1beta1';

const containersOf = (field: string) =>
  `${field}: object.spec.${field}.map(c, Object.spec.${field}{name: c.name, imagePullPolicy: "Never"})`;

const mutation = (field: string) => ({
  patchType: 'ApplyConfiguration',
  applyConfiguration: {
    expression: `has(object.spec.${field}) ? Object{spec: Object.spec{${containersOf(field)}}} : Object{}`,
  },
});

const POLICY = {
  apiVersion: GROUP,
  kind: 'MutatingAdmissionPolicy',
  metadata: { name: NAME },
  spec: {
    failurePolicy: 'Fail',
    reinvocationPolicy: 'IfNeeded',
    matchConstraints: {
      resourceRules: [
        { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] },
      ],
    },
    mutations: [mutation('containers'), mutation('initContainers')],
  },
};

const BINDING = {
  apiVersion: GROUP,
  kind: 'MutatingAdmissionPolicyBinding',
  metadata: { name: NAME },
  spec: { policyName: NAME },
};

/** Applies the policy and resolves once it is in force. */
export async function neverPullImages(cluster: ControlPlane): Promise<void> {
  await cluster.kubectl(
    ['apply', '-f', '-'],
    [POLICY, BINDING].map((one) => JSON.stringify(one)).join('\n---\n'),
  );
  const probe = { metadata: { name: 'probe' }, spec: { containers: [{ name: 'c', image: 'c' }] } };
  const until = performance.now() + WAIT_MS;
  const path = '/api/v1/namespaces/default/pods?dryRun=All';
  for (;;) {
    const { status, text } = await cluster.ask('POST', path, probe);
    if (status === 201 && text.includes('"imagePullPolicy":"Never"')) return;
    if (performance.now() > until)
      throw new Error(`the policy for images is not in force: ${text}`);
    await pause(POLL_MS);
  }
}
