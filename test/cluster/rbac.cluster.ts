/**
 * Least rights: the verbs that agent and controller need, and those that they must be refused, asked of a real API
 * server's authorizer. The table has a row for every rule of deploy/base/*-rbac.yaml.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseManifests } from '../../src/dialect/manifest.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { missingParts } from './support/missing-parts.ts';

const missing = missingParts();
const title = ['rights', ...missing].join(': ');
const DEPLOY = join(import.meta.dirname, '../../deploy');

type Who = 'agent' | 'controller';

/** `group/resource[/subresource]`, the core group empty; `@namespace` and `#name` where they matter. */
type Row = readonly [what: string, verbs: string];

const ALLOWED: Readonly<Record<Who, readonly Row[]>> = {
  agent: [
    ['ipam.orbweaver.dev/ipblocks', 'get list create patch'],
    ['spiderpool.spidernet.io/spiderippools', 'get list watch'],
    ['spiderpool.spidernet.io/spidersubnets', 'get list watch'],
    ['spiderpool.spidernet.io/spiderreservedips', 'get list watch'],
    ['spiderpool.spidernet.io/ippools', 'get list watch'],
    ['projectcalico.org/ippools', 'get list watch'],
    ['projectcalico.org/ipreservations', 'get list watch'],
    ['projectcalico.org/ipamconfigurations', 'get list watch'],
    ['crd.projectcalico.org/ippools', 'get list watch'],
    ['crd.projectcalico.org/ipreservations', 'get list watch'],
    ['crd.projectcalico.org/ipamconfigs', 'get list watch'],
    ['/pods', 'get list watch'],
    ['/nodes', 'get list watch'],
    ['/namespaces', 'get list watch'],
    ['/configmaps@kube-system#spiderpool-conf', 'get list watch'],
    ['apps/replicasets@shop', 'get'],
    ['batch/jobs@shop', 'get'],
    ['/events@shop', 'create patch'],
    ['coordination.k8s.io/leases@orbweaver', 'get create update'],
  ],
  controller: [
    ['ipam.orbweaver.dev/ipblocks', 'get list watch patch delete'],
    ['spiderpool.spidernet.io/spiderippools', 'get list watch patch'],
    ['spiderpool.spidernet.io/spiderippools/status', 'patch'],
    ['spiderpool.spidernet.io/ippools', 'get list watch patch'],
    ['spiderpool.spidernet.io/ippools/status', 'patch'],
    ['spiderpool.spidernet.io/spidersubnets', 'get list watch'],
    ['spiderpool.spidernet.io/spiderreservedips', 'get list watch'],
    ['spiderpool.spidernet.io/spiderendpoints@shop', 'get list watch create patch delete'],
    ['spiderpool.spidernet.io/workloadendpoints@shop', 'get list watch create patch delete'],
    ['projectcalico.org/ippools', 'get list watch patch'],
    ['projectcalico.org/ippools/status', 'patch'],
    ['projectcalico.org/ipreservations', 'get list watch'],
    ['projectcalico.org/ipamconfigurations', 'get list watch'],
    ['crd.projectcalico.org/ippools', 'get list watch patch'],
    ['crd.projectcalico.org/ippools/status', 'patch'],
    ['crd.projectcalico.org/ipreservations', 'get list watch'],
    ['crd.projectcalico.org/ipamconfigs', 'get list watch'],
    ['/pods', 'get list'],
    ['/nodes', 'get list watch'],
    ['/configmaps@kube-system#spiderpool-conf', 'get list watch'],
    ['apps/replicasets@shop', 'get'],
    ['batch/jobs@shop', 'get'],
    ['/events@default', 'get create patch'],
    ['admissionregistration.k8s.io/mutatingwebhookconfigurations#orbweaver', 'get update'],
    ['admissionregistration.k8s.io/validatingwebhookconfigurations#orbweaver', 'get update'],
    ['apiextensions.k8s.io/customresourcedefinitions', 'create'],
    ['apiextensions.k8s.io/customresourcedefinitions#ippools.projectcalico.org', 'get update'],
    ['coordination.k8s.io/leases@orbweaver', 'get list watch create'],
    ['coordination.k8s.io/leases@orbweaver#orbweaver-controller', 'update'],
    ['/secrets@orbweaver', 'create'],
    ['/secrets@orbweaver#orbweaver-webhook', 'get update'],
  ],
};

/** What whoever takes over a node, or the controller, must not get out of it. */
const REFUSED: Readonly<Record<Who, readonly Row[]>> = {
  agent: [
    ['ipam.orbweaver.dev/ipblocks', 'update delete deletecollection watch'],
    ['spiderpool.spidernet.io/spiderippools', 'create update patch delete'],
    ['spiderpool.spidernet.io/spiderippools/status', 'update patch'],
    ['spiderpool.spidernet.io/ippools', 'create update patch delete'],
    ['spiderpool.spidernet.io/ippools/status', 'update patch'],
    ['spiderpool.spidernet.io/spidersubnets', 'create update patch delete'],
    ['spiderpool.spidernet.io/spiderreservedips', 'create update patch delete'],
    ['spiderpool.spidernet.io/spiderendpoints@shop', 'get list create update patch delete'],
    ['projectcalico.org/ippools', 'create update patch delete'],
    ['projectcalico.org/ipamconfigurations', 'create update patch delete'],
    ['crd.projectcalico.org/ippools', 'create update patch delete'],
    ['/pods@shop', 'create update patch delete deletecollection'],
    ['/pods/exec@shop', 'create get'],
    ['/pods/status@shop', 'update patch'],
    ['/pods/eviction@shop', 'create'],
    ['/nodes', 'create update patch delete'],
    ['/nodes/status', 'update patch'],
    ['/nodes/proxy', 'get create'],
    ['/namespaces', 'create update patch delete'],
    ['/configmaps@kube-system', 'get list watch create update patch delete'],
    ['/configmaps@kube-system#kubeadm-config', 'get'],
    ['/configmaps@kube-system#spiderpool-conf', 'create update patch delete'],
    ['/secrets@kube-system', 'get list watch create update patch delete'],
    ['/secrets@orbweaver#orbweaver-webhook', 'get update delete'],
    ['/serviceaccounts@kube-system', 'get list impersonate'],
    ['/serviceaccounts/token@kube-system', 'create'],
    ['/users', 'impersonate'],
    ['/events@shop', 'get list watch update delete'],
    ['apps/replicasets@shop', 'list watch update patch delete'],
    ['apps/daemonsets@orbweaver#orbweaver-agent', 'get update patch delete'],
    ['batch/jobs@shop', 'list watch create update patch delete'],
    ['coordination.k8s.io/leases@orbweaver', 'list watch patch delete'],
    ['coordination.k8s.io/leases@kube-system', 'get create update patch delete'],
    ['apiextensions.k8s.io/customresourcedefinitions', 'get list create update patch delete'],
    [
      'admissionregistration.k8s.io/validatingwebhookconfigurations#orbweaver',
      'get update patch delete',
    ],
    ['rbac.authorization.k8s.io/clusterroles', 'get create update patch delete bind escalate'],
    ['rbac.authorization.k8s.io/clusterrolebindings', 'get create update patch delete'],
  ],
  controller: [
    ['ipam.orbweaver.dev/ipblocks', 'create update deletecollection'],
    ['spiderpool.spidernet.io/spiderippools', 'create update delete deletecollection'],
    ['spiderpool.spidernet.io/ippools', 'create update delete deletecollection'],
    ['spiderpool.spidernet.io/spidersubnets', 'create update patch delete'],
    ['spiderpool.spidernet.io/spiderreservedips', 'create update patch delete'],
    ['spiderpool.spidernet.io/spiderendpoints@shop', 'update deletecollection'],
    ['projectcalico.org/ippools', 'create update delete deletecollection'],
    ['projectcalico.org/ipamconfigurations', 'create update patch delete'],
    ['crd.projectcalico.org/ippools', 'create update delete'],
    ['/pods@shop', 'watch create update patch delete deletecollection'],
    ['/pods/exec@shop', 'create get'],
    ['/pods/status@shop', 'update patch'],
    ['/pods/eviction@shop', 'create'],
    ['/nodes', 'create update patch delete'],
    ['/nodes/proxy', 'get create'],
    ['/namespaces', 'get list watch create update patch delete'],
    ['/configmaps@kube-system', 'get list watch create update patch delete'],
    ['/configmaps@kube-system#spiderpool-conf', 'create update patch delete'],
    ['/secrets@orbweaver', 'get list watch update patch delete'],
    ['/secrets@orbweaver#orbweaver-webhook', 'list watch patch delete'],
    ['/secrets@kube-system', 'get list watch create update patch delete'],
    ['/serviceaccounts/token@kube-system', 'create'],
    ['/users', 'impersonate'],
    ['/events@shop', 'list watch update delete'],
    ['apps/replicasets@shop', 'list watch update patch delete'],
    ['apps/deployments@orbweaver#orbweaver-controller', 'get update patch delete'],
    ['batch/jobs@shop', 'list watch create update patch delete'],
    ['coordination.k8s.io/leases@orbweaver', 'update patch delete'],
    ['coordination.k8s.io/leases@orbweaver#agent-node-1', 'update delete'],
    ['coordination.k8s.io/leases@kube-system', 'get create update'],
    ['apiextensions.k8s.io/customresourcedefinitions', 'get list watch update patch delete'],
    [
      'apiextensions.k8s.io/customresourcedefinitions#ipblocks.ipam.orbweaver.dev',
      'get update delete',
    ],
    [
      'apiextensions.k8s.io/customresourcedefinitions#felixconfigurations.crd.projectcalico.org',
      'get update delete',
    ],
    ['apiextensions.k8s.io/customresourcedefinitions#ippools.projectcalico.org', 'patch delete'],
    [
      'admissionregistration.k8s.io/validatingwebhookconfigurations',
      'get list create update delete',
    ],
    ['admissionregistration.k8s.io/validatingwebhookconfigurations#orbweaver', 'patch delete'],
    ['admissionregistration.k8s.io/mutatingwebhookconfigurations#somebody', 'get update'],
    ['rbac.authorization.k8s.io/clusterroles', 'get create update patch delete bind escalate'],
    ['rbac.authorization.k8s.io/clusterrolebindings', 'get create update patch delete'],
  ],
};

interface Attributes {
  group: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
  verb: string;
}

function attributes(what: string, verb: string): Attributes {
  const match = /^([^/]*)\/([^/@#]+)(?:\/([^@#]+))?(?:@([^#]+))?(?:#(.+))?$/.exec(what)!;
  const [, group = '', resource = '', subresource = '', namespace = '', name = ''] = match;
  return { group, resource, subresource, namespace, name, verb };
}

function questions(rows: readonly Row[]): { what: string; verb: string }[] {
  return rows.flatMap(([what, verbs]) => verbs.split(' ').map((verb) => ({ what, verb })));
}

describe.skipIf(missing.length > 0)(title, () => {
  let cluster: ControlPlane;

  beforeAll(async () => {
    cluster = await startControlPlane();
    const all = await cluster.kubectl(['kustomize', DEPLOY]);
    const isRights = (text: string) =>
      /^kind: (Namespace|ServiceAccount|(Cluster)?Role(Binding)?)$/m.test(text);
    const rights = all.split(/^---$/m).filter(isRights).join('---');
    await cluster.kubectl(['apply', '-f', '-'], rights);
  });
  afterAll(() => cluster?.stop());

  async function isAllowed(who: Who, what: string, verb: string): Promise<boolean> {
    const account = `system:serviceaccount:orbweaver:orbweaver-${who}`;
    const answer = await cluster.ask('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: {
        user: account,
        groups: [
          'system:serviceaccounts',
          'system:serviceaccounts:orbweaver',
          'system:authenticated',
        ],
        resourceAttributes: attributes(what, verb),
      },
    });
    const { status } = JSON.parse(answer.text) as { status: { allowed: boolean } };
    return status.allowed;
  }

  for (const who of ['agent', 'controller'] as const) {
    describe(`of the ${who}`, () => {
      test.each(questions(ALLOWED[who]))('$verb $what: allowed', async ({ what, verb }) => {
        expect(await isAllowed(who, what, verb)).toBe(true);
      });

      test.each(questions(REFUSED[who]))('$verb $what: refused', async ({ what, verb }) => {
        expect(await isAllowed(who, what, verb)).toBe(false);
      });

      test('every rule of the manifests has its row', async () => {
        const text = await cluster.kubectl(['kustomize', DEPLOY]);
        const granted = parseManifests(text, 'deploy')
          .filter(
            ({ kind, metadata }) =>
              /Role$/.test(kind) && metadata.name.startsWith(`orbweaver-${who}`),
          )
          .flatMap(({ rules }) => rules as Record<string, string[] | undefined>[])
          .flatMap(({ apiGroups = [], resources = [], verbs = [] }) =>
            apiGroups.flatMap((group) =>
              resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`)),
            ),
          )
          // Calico's configuration has another plural in each of its groups; the other pair does not exist.
          .filter(
            (one) =>
              !/ (projectcalico.org\/ipamconfigs|crd\.projectcalico.org\/ipamconfigurations)$/.test(
                one,
              ),
          );
        const asked = questions(ALLOWED[who]).map(
          ({ what, verb }) => `${verb} ${what.replace(/[@#].*$/, '')}`,
        );
        expect([...new Set(granted)].sort()).toEqual([...new Set(asked)].sort());
      });
    });
  }

  test('without the right to make kinds, by the overlay', async () => {
    const text = await cluster.kubectl(['kustomize', join(DEPLOY, 'overlays/crds-by-hand')]);
    expect(text).not.toContain('apiextensions.k8s.io\n');
    expect(text).not.toContain('orbweaver-controller-crds');
    expect(text).not.toContain('--install-crds');
  });
});
