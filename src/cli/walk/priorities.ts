/** Which source of pools wins, backup pools and selectors (examples/3-priorities-backup-selectors). */
import {
  attach,
  command,
  expectAddresses,
  expectNothing,
  expectRefused,
  type Step,
  type Story,
  start,
  stop,
} from './story.ts';

const FOLDER = '3-priorities-backup-selectors';
const REFUSED =
  'spiderpool IP allocation error: [POST /ipam/ip][500] postIpamIpFailure  failed to allocate IP ' +
  'addresses in standard mode: ';

/** Both families of the pools of one number; 0 stands for the cluster's defaults. */
function expectPools(workload: string, number: number, interfaceName = 'eth0'): Step[] {
  const v6 = number === 0 ? 'fd00:20::' : `fd00:20:${number}::`;
  return [
    expectAddresses(workload, 1, `172.20.${number}.10`, `172.20.${number}.99`, { interfaceName }),
    expectAddresses(workload, 1, `${v6}10`, `${v6}99`, { interfaceName }),
  ];
}

const sources: Story = {
  name: 'priorities/sources',
  folder: FOLDER,
  title: 'which of pod, namespace and cluster decides',
  node: 'spider-worker',
  chapters: [
    {
      title: 'Pools for eth0 (1), eth1 (2) and the cluster default, in both families.',
      steps: [
        command('apply -f priorities/nodes.yaml -f priorities/pools.yaml'),
        command('apply -f priorities/spiderpool-conf.yaml'),
        command('get spl'),
      ],
    },
    {
      title: 'The same four pods in a namespace with default pools, and in one without.',
      steps: [
        command('apply -f priorities/namespaces.yaml -f priorities/pods.yaml'),
        start('no-annotation', 'ippool', 'ippools', 'ippool-and-ippools'),
        command('get swe -A'),
      ],
    },
    {
      title: 'Nobody says anything: the pools of the ConfigMap.',
      steps: [
        ...expectPools('plain/no-annotation', 0),
        command('explain pod no-annotation -n plain'),
      ],
    },
    {
      title: 'The namespace says something: its pools.',
      steps: [
        ...expectPools('annotated/no-annotation', 1),
        command('explain pod no-annotation -n annotated'),
      ],
    },
    {
      title:
        'The pod says something: its pools, whatever its namespace says; ippools before ippool.',
      steps: ['plain', 'annotated'].flatMap((namespace) => [
        ...expectPools(`${namespace}/ippool`, 1),
        ...expectPools(`${namespace}/ippools`, 1),
        ...expectPools(`${namespace}/ippool-and-ippools`, 1),
        command(`explain pod ippool -n ${namespace}`),
        command(`explain pod ippool-and-ippools -n ${namespace}`),
      ]),
    },
    {
      title: 'What ippools names for eth1 was claimed with eth0; the second ADD hands it out.',
      steps: [
        attach('eth1', 'ippools', 'ippool-and-ippools'),
        ...['plain', 'annotated'].flatMap((namespace) => [
          ...expectPools(`${namespace}/ippools`, 2, 'eth1'),
          ...expectPools(`${namespace}/ippool-and-ippools`, 2, 'eth1'),
        ]),
        command('get spl'),
      ],
    },
    {
      title: 'Clean up.',
      steps: [
        command('delete -f priorities/pods.yaml'),
        stop(),
        command('delete -f priorities/namespaces.yaml -f priorities/pools.yaml'),
        expectNothing(),
      ],
    },
  ],
};

const backup: Story = {
  name: 'priorities/backup',
  folder: FOLDER,
  title: 'a second pool for when the first is full',
  node: 'spider-worker',
  chapters: [
    {
      title: 'Two pools of five addresses, and five pods that fill the first.',
      steps: [
        command('apply -f backup/nodes.yaml -f backup/pools.yaml -f backup/fill-default.yaml'),
        start('fill-default'),
        expectAddresses('fill-default', 5, '172.18.40.45', '172.18.40.49'),
      ],
    },
    {
      title: 'A pod that names both gets an address of the second.',
      steps: [
        command('apply -f backup/sample-backup.yaml'),
        command('explain pod sample-backup'),
        start('sample-backup'),
        command('get spl'),
        command('get swe sample-backup -n default'),
        expectAddresses('sample-backup', 1, '172.18.40.40', '172.18.40.40'),
      ],
    },
    {
      title: 'Clean up.',
      steps: [
        command('delete -f backup/sample-backup.yaml -f backup/fill-default.yaml'),
        stop(),
        command('delete -f backup/pools.yaml'),
        expectNothing(),
      ],
    },
  ],
};

const selectors: Story = {
  name: 'priorities/selectors',
  folder: FOLDER,
  title: 'a default pool with too harsh a selector',
  node: 'spider-worker',
  chapters: [
    {
      title: "The cluster's default pool is for namespaces with the label foo: bar.",
      steps: [
        command('apply -f selectors/nodes.yaml -f selectors/default-v4-ippool.yaml'),
        command('apply -f selectors/spiderpool-conf.yaml'),
        command('get spl'),
      ],
    },
    {
      title: 'A Deployment in the namespace default, which has no such label.',
      steps: [
        command('create deployment my-deploy --image=nginx'),
        start('my-deploy'),
        command('get deploy my-deploy'),
        command('describe pod {my-deploy}'),
        command('explain pod {my-deploy}'),
        expectRefused(
          'my-deploy',
          1,
          `${REFUSED}no IPPool available, all IPv4 IPPools [default-v4-ippool] of eth0 filtered ` +
            'out: unmatched Namespace affinity of IPPool default-v4-ippool',
        ),
      ],
    },
    {
      title: 'With the label the next try succeeds.',
      steps: [
        command('label namespace default foo=bar'),
        start('my-deploy'),
        expectAddresses('my-deploy', 1, '172.18.40.41', '172.18.40.50'),
      ],
    },
    {
      title: 'Clean up.',
      steps: [
        command('delete deployment my-deploy'),
        stop(),
        command('delete -f selectors/default-v4-ippool.yaml'),
        expectNothing(),
      ],
    },
  ],
};

const nodes: Story = {
  name: 'priorities/nodes',
  folder: FOLDER,
  title: 'one Deployment, a pool for masters and a pool for workers',
  node: 'worker',
  chapters: [
    {
      title: 'A pool for nodes with the master label, and one for nodes without.',
      steps: [
        command(
          'apply -f example/nodes.yaml -f example/master-v4-ippool.yaml ' +
            '-f example/worker-v4-ippool.yaml',
        ),
      ],
    },
    {
      title: 'Five pods that name both pools.',
      steps: [
        command('apply -f example/example.yaml'),
        start('example'),
        command('get swe -n default'),
        command('get spl'),
        expectAddresses('example', 3, '172.18.50.41', '172.18.50.50', { node: 'control-plane' }),
        expectAddresses('example', 2, '172.18.50.51', '172.18.50.60', { node: 'worker' }),
        command('explain pod {example}'),
      ],
    },
    {
      title: 'Clean up.',
      steps: [
        command('delete -f example/example.yaml'),
        stop(),
        command('delete -f example/master-v4-ippool.yaml -f example/worker-v4-ippool.yaml'),
        expectNothing(),
      ],
    },
  ],
};

/** Each with an empty store of its own: their pools share names and addresses. */
export const priorities: readonly Story[] = [sources, backup, selectors, nodes];
