import { describe, expect, test } from 'vitest';
import { endpointDuration, humanDuration } from '../../src/dialect/age.ts';
import { columnsFor, type Era } from '../../src/dialect/columns.ts';
import { KINDS, type KindId, kindById } from '../../src/dialect/kinds.ts';
import type { KubeObject, ObjectMeta } from '../../src/dialect/kube-object.ts';

const NOW = Date.parse('2026-01-01T12:00:00Z');

function ago(seconds: number): string {
  return new Date(NOW - seconds * 1000).toISOString();
}

function object(kind: KindId, metadata: ObjectMeta, rest: Partial<KubeObject> = {}): KubeObject {
  const row = kindById(kind);
  return { apiVersion: row.apiVersions[0]!, kind: row.kinds[0]!, metadata, ...rest };
}

/** Header and rows, cells separated by `|`. */
function table(kind: KindId, objects: KubeObject[], wide = false, era?: Era): string[] {
  const columns = columnsFor(kind, wide, era);
  const rows = objects.map((one) => columns.map((column) => column.value(one, NOW)).join('|'));
  return [columns.map((column) => column.header).join('|'), ...rows];
}

function endpoint(kind: KindId, name: string, pool: string, ip: string, node: string, age: number) {
  const ips = [{ interface: 'eth0', ipv4: ip, ipv4Pool: pool }];
  return object(
    kind,
    { name, namespace: 'default', creationTimestamp: ago(age) },
    {
      status: { current: { uid: 'u', node, ips } },
    },
  );
}

describe("the seeds' tables", () => {
  test('get deploy', () => {
    const metadata = { name: 'test-ns-deploy', creationTimestamp: ago(35) };
    const status = { readyReplicas: 1, updatedReplicas: 1, availableReplicas: 1 };
    expect(table('Deployment', [object('Deployment', metadata, { status })])).toEqual([
      'NAME|READY|UP-TO-DATE|AVAILABLE|AGE',
      'test-ns-deploy|1/1|1|1|35s',
    ]);
  });

  test('get se', () => {
    const name = 'test-ns-deploy-74c6784f9-dlkmx';
    expect(
      table('SpiderEndpoint', [
        endpoint(
          'SpiderEndpoint',
          name,
          'test-ns-ipv4-ippool',
          '172.18.41.41/24',
          'spider-worker',
          46,
        ),
      ]),
    ).toEqual([
      'NAME|INTERFACE|IPV4POOL|IPV4|IPV6POOL|IPV6|NODE|CREATETION TIME',
      `${name}|eth0|test-ns-ipv4-ippool|172.18.41.41/24|||spider-worker|46s`,
    ]);
  });

  test('get swe', () => {
    const kind = 'SpiderpoolV1WorkloadEndpoint';
    const one = endpoint(
      kind,
      'sample-backup',
      'backup-v4-ippool',
      '172.18.40.40/16',
      'spider-worker',
      93,
    );
    expect(table(kind, [one])).toEqual([
      'NAME|INTERFACE|IPV4POOL|IPV4|IPV6POOL|IPV6|NODE|CREATETION TIME',
      'sample-backup|eth0|backup-v4-ippool|172.18.40.40/16|||spider-worker|1m33s',
    ]);
  });

  test('get spl', () => {
    const pool = (name: string, allocated: number) =>
      object(
        'SpiderpoolV1IPPool',
        { name },
        {
          spec: { ipVersion: 'IPv4', subnet: '172.18.0.0/16' },
          status: { allocatedIPCount: allocated, totalIPCount: 5 },
        },
      );
    const pools = [pool('default-v4-ippool', 5), pool('backup-v4-ippool', 1)];
    expect(table('SpiderpoolV1IPPool', pools)).toEqual([
      'NAME|VERSION|SUBNET|ALLOCATED-IP-COUNT|TOTAL-IP-COUNT|DISABLE',
      'default-v4-ippool|IPv4|172.18.0.0/16|5|5|false',
      'backup-v4-ippool|IPv4|172.18.0.0/16|1|5|false',
    ]);
  });

  const external = object(
    'CalicoIPPool',
    { name: 'external-pool' },
    {
      spec: {
        cidr: '10.64.0.0/20',
        blockSize: 26,
        ipipMode: 'Never',
        natOutgoing: true,
        vxlanMode: 'CrossSubnet',
        nodeSelector: 'all()',
        assignmentMode: 'Automatic',
      },
    },
  );

  test('get ippool -o wide, as then and as now', () => {
    expect(table('CalicoIPPool', [external], true)).toEqual([
      'NAME|CIDR|NAT|IPIPMODE|VXLANMODE|DISABLED|DISABLEBGPEXPORT|SELECTOR',
      'external-pool|10.64.0.0/20|true|Never|CrossSubnet|false|false|all()',
    ]);
    expect(table('CalicoIPPool', [external], true, 'current')).toEqual([
      'NAME|CIDR|NAT|IPIPMODE|VXLANMODE|DISABLED|DISABLEBGPEXPORT|SELECTOR|ASSIGNMENTMODE',
      'external-pool|10.64.0.0/20|true|Never|CrossSubnet|false|false|all()|Automatic',
    ]);
  });

  test('get ippool', () => {
    expect(table('CalicoIPPool', [external])).toEqual([
      'NAME|CIDR|SELECTOR',
      'external-pool|10.64.0.0/20|all()',
    ]);
  });

  test('get pods -o wide', () => {
    const pod = object(
      'Pod',
      { name: 'nginx-deployment-5596c58d6b-64jl6', creationTimestamp: ago(448) },
      {
        spec: { nodeName: 's666dan4151', containers: [{ name: 'nginx' }] },
        status: {
          phase: 'Running',
          podIP: '10.64.28.65',
          containerStatuses: [{ ready: true, restartCount: 0, state: { running: {} } }],
        },
      },
    );
    expect(table('Pod', [pod], true)).toEqual([
      'NAME|READY|STATUS|RESTARTS|AGE|IP|NODE|NOMINATED NODE|READINESS GATES',
      'nginx-deployment-5596c58d6b-64jl6|1/1|Running|0|7m28s|10.64.28.65|s666dan4151|<none>|<none>',
    ]);
  });
});

describe('other tables', () => {
  const cases: {
    name: string;
    kind: KindId;
    object: KubeObject;
    wide?: boolean;
    rows: string[];
  }[] = [
    {
      name: 'a waiting pod',
      kind: 'Pod',
      object: object(
        'Pod',
        { name: 'p', creationTimestamp: ago(5) },
        {
          spec: { containers: [{ name: 'a' }, { name: 'b' }] },
          status: {
            phase: 'Pending',
            containerStatuses: [{ state: { waiting: { reason: 'ContainerCreating' } } }],
          },
        },
      ),
      rows: ['NAME|READY|STATUS|RESTARTS|AGE', 'p|0/2|ContainerCreating|0|5s'],
    },
    {
      name: 'a pod that is going',
      kind: 'Pod',
      object: object('Pod', { name: 'p', deletionTimestamp: ago(1) }),
      rows: ['NAME|READY|STATUS|RESTARTS|AGE', 'p|0/0|Terminating|0|<unknown>'],
    },
    {
      name: 'a namespace',
      kind: 'Namespace',
      object: object('Namespace', { name: 'n', creationTimestamp: ago(200_000) }),
      rows: ['NAME|STATUS|AGE', 'n|Active|2d7h'],
    },
    {
      name: 'a node with roles',
      kind: 'Node',
      object: object(
        'Node',
        {
          name: 'control-plane',
          labels: {
            'node-role.kubernetes.io/master': '',
            'node-role.kubernetes.io/control-plane': '',
          },
          creationTimestamp: ago(60),
        },
        { status: { conditions: [{ type: 'Ready', status: 'True' }] } },
      ),
      rows: ['NAME|STATUS|ROLES|AGE|VERSION', 'control-plane|Ready|control-plane,master|60s|'],
    },
    {
      name: 'a SpiderIPPool',
      kind: 'SpiderIPPool',
      wide: true,
      object: object(
        'SpiderIPPool',
        { name: 'p' },
        {
          spec: {
            ipVersion: 4,
            subnet: '10.6.0.0/16',
            nodeName: ['n1', 'n2'],
            default: false,
            disable: false,
            podAffinity: { matchLabels: { 'ipam.spidernet.io/app-namespace': 'blue' } },
          },
          status: { allocatedIPCount: 0, totalIPCount: 9 },
        },
      ),
      rows: [
        'NAME|VERSION|SUBNET|ALLOCATED-IP-COUNT|TOTAL-IP-COUNT|DEFAULT|DISABLE|NODENAME|MULTUSNAME|APP-NAMESPACE',
        'p|4|10.6.0.0/16|0|9|false|false|["n1","n2"]||blue',
      ],
    },
    {
      name: 'a SpiderReservedIP',
      kind: 'SpiderReservedIP',
      object: object('SpiderReservedIP', { name: 'r' }, { spec: { ipVersion: 6 } }),
      rows: ['NAME|VERSION', 'r|6'],
    },
    {
      name: 'an IPReservation',
      kind: 'CalicoIPReservation',
      wide: true,
      object: object(
        'CalicoIPReservation',
        { name: 'r' },
        {
          spec: { reservedCIDRs: ['10.0.0.0/30', '10.0.0.9'] },
        },
      ),
      rows: ['NAME|CIDRS', 'r|10.0.0.0/30,10.0.0.9'],
    },
    {
      name: 'an IPAMConfiguration',
      kind: 'CalicoIPAMConfiguration',
      wide: true,
      object: object(
        'CalicoIPAMConfiguration',
        { name: 'default' },
        {
          spec: { strictAffinity: true, maxBlocksPerHost: 4 },
        },
      ),
      rows: ['NAME|STRICTAFFINITY|AUTOALLOCATEBLOCKS|MAXBLOCKSPERHOST', 'default|true|true|4'],
    },
    {
      name: 'a ConfigMap',
      kind: 'ConfigMap',
      object: object(
        'ConfigMap',
        { name: 'c', creationTimestamp: ago(7200) },
        {
          data: { a: '1', b: '2' },
        },
      ),
      rows: ['NAME|DATA|AGE', 'c|2|120m'],
    },
    {
      name: 'a StatefulSet',
      kind: 'StatefulSet',
      wide: true,
      object: object(
        'StatefulSet',
        { name: 's', creationTimestamp: ago(1) },
        {
          spec: {
            replicas: 3,
            template: { spec: { containers: [{ name: 'c', image: 'busybox' }] } },
          },
          status: { readyReplicas: 2 },
        },
      ),
      rows: ['NAME|READY|AGE|CONTAINERS|IMAGES', 's|2/3|1s|c|busybox'],
    },
    {
      name: 'a Deployment',
      kind: 'Deployment',
      wide: true,
      object: object(
        'Deployment',
        { name: 'd', creationTimestamp: ago(1) },
        {
          spec: { selector: { matchLabels: { app: 'd' } }, template: {} },
        },
      ),
      rows: [
        'NAME|READY|UP-TO-DATE|AVAILABLE|AGE|CONTAINERS|IMAGES|SELECTOR',
        'd|0/1|0|0|1s|||app=d',
      ],
    },
    {
      name: 'a Job',
      kind: 'Job',
      object: object(
        'Job',
        { name: 'j', creationTimestamp: ago(1) },
        {
          spec: { completions: 3 },
          status: { succeeded: 1 },
        },
      ),
      rows: ['NAME|STATUS|COMPLETIONS|DURATION|AGE', 'j|Running|1/3||1s'],
    },
  ];
  test.each(cases)('$name', ({ kind, object: one, wide, rows }) => {
    expect(table(kind, [one], wide)).toEqual(rows);
  });

  test('an object with nothing in it has a row in every kind of table', () => {
    for (const { id } of KINDS) {
      const empty = object(id, { name: 'x' });
      for (const wide of [false, true]) {
        const [header, row] = table(id, [empty], wide);
        expect(header!.startsWith('NAME')).toBe(true);
        expect(row!.startsWith('x')).toBe(true);
      }
    }
  });
});

describe('ages', () => {
  const cases: [seconds: number, age: string, endpoint: string][] = [
    [-5, '0s', '0s'],
    [0, '0s', '0s'],
    [59.9, '59s', '59s'],
    [60, '60s', '1m'],
    [93, '93s', '1m33s'],
    [119, '119s', '1m59s'],
    [120, '2m', '2m'],
    [448, '7m28s', '7m28s'],
    [600, '10m', '10m'],
    [3 * 3600 - 1, '179m', '179m'],
    [3 * 3600, '3h', '3h'],
    [3 * 3600 + 61, '3h1m', '3h1m'],
    [8 * 3600, '8h', '8h'],
    [48 * 3600, '2d', '2d'],
    [50 * 3600, '2d2h', '2d2h'],
    [8 * 86_400, '8d', '8d'],
    [729 * 86_400, '729d', '729d'],
    [731 * 86_400, '2y1d', '2y1d'],
    [9 * 365 * 86_400, '9y', '9y'],
  ];
  test.each(cases)('%d seconds are %s, or %s of an endpoint', (seconds, age, endpointAge) => {
    expect(humanDuration(seconds)).toBe(age);
    expect(endpointDuration(seconds)).toBe(endpointAge);
  });
});
