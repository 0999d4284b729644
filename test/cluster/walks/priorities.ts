/** Which source of pools wins, backup pools and selectors (examples/3-priorities-backup-selectors). */
import { expectAddresses, expectNothing, expectRefused } from '../../../src/cli/walk/story.ts';
import {
  type ClusterStep,
  type ClusterStory,
  columns,
  look,
  refusal,
  refusedRun,
  rollout,
  row,
  run,
  words,
} from './cluster-story.ts';
import { ENDPOINT_COLUMNS, OLDER_POOL_COLUMNS, REFUSED } from './spiderpool-words.ts';

const FOLDER = '3-priorities-backup-selectors';

/** Values of a ConfigMap are texts: an API server refuses lists, true and false. */
const NO_TEXTS = 'cannot unmarshal';

/** Applies a ConfigMap of the tutorial with quotes around its values. */
function applyQuoted(file: string): ClusterStep[] {
  const quote = `sed -E 's/: (\\[.*\\]|true|false)$/: "\\1"/' ${file}`;
  return [look(quote, words('"[default-v4-ippool]"')), run(`${quote} | kubectl apply -f -`)];
}

/** Both families of the pools of one number; 0 stands for the cluster's defaults. */
function expectPools(workload: string, number: number): ClusterStep[] {
  const v6 = number === 0 ? 'fd00:20::' : `fd00:20:${number}::`;
  return [
    expectAddresses(workload, 1, `172.20.${number}.10`, `172.20.${number}.99`),
    expectAddresses(workload, 1, `${v6}10`, `${v6}99`),
  ];
}

const sources: ClusterStory = {
  name: 'priorities/sources',
  folder: FOLDER,
  title: 'which of pod, namespace and cluster decides',
  tell: () => [
    {
      title: 'Pools in both families, of which the ConfigMap makes one pair the default.',
      steps: [
        run('kubectl apply -f priorities/pools.yaml'),
        look(
          'kubectl get spl',
          columns(...OLDER_POOL_COLUMNS),
          row('default-v4-ippool', 'IPv4', '172.20.0.0/24', '0', '90', 'false'),
          row('v6-ippool2', 'IPv6', 'fd00:20:2::/64', '0', '138', 'false'),
        ),
        refusedRun('kubectl apply -f priorities/spiderpool-conf.yaml', NO_TEXTS),
        ...applyQuoted('priorities/spiderpool-conf.yaml'),
      ],
    },
    {
      title: 'The same four pods in a namespace with default pools, and in one without.',
      steps: [
        run('kubectl apply -f priorities/namespaces.yaml -f priorities/pods.yaml'),
        run('kubectl wait --for=condition=Ready pod --all -n plain --timeout=60s'),
        run('kubectl wait --for=condition=Ready pod --all -n annotated --timeout=60s'),
        look(
          'kubectl get swe -A',
          columns('NAMESPACE', ...ENDPOINT_COLUMNS),
          row('plain', 'no-annotation', 'eth0', 'default-v4-ippool', /172\.20\.0\.\d+\/24/),
          row('annotated', 'no-annotation', 'eth0', 'v4-ippool1', /172\.20\.1\.\d+\/24/),
        ),
      ],
    },
    {
      title: 'Nobody says anything: the pools of the ConfigMap.',
      steps: expectPools('plain/no-annotation', 0),
    },
    {
      title: 'The namespace says something: its pools.',
      steps: expectPools('annotated/no-annotation', 1),
    },
    {
      title:
        'The pod says something: its pools, whatever its namespace says; ippools before ippool.',
      steps: [
        ...['plain', 'annotated'].flatMap((namespace) => [
          ...expectPools(`${namespace}/ippool`, 1),
          ...expectPools(`${namespace}/ippools`, 1),
          ...expectPools(`${namespace}/ippool-and-ippools`, 1),
        ]),
        look('orbweaver explain pod ippool-and-ippools -n annotated --kubeconfig $KUBECONFIG'),
      ],
    },
    {
      title: 'What ippools names for eth1 is claimed with eth0, for the ADD of a second network.',
      steps: [
        look(
          'kubectl get spl',
          row('v4-ippool2', 'IPv4', '172.20.2.0/24', '4', '90', 'false'),
          row('v6-ippool2', 'IPv6', 'fd00:20:2::/64', '4', '138', 'false'),
        ),
      ],
    },
    {
      title: 'Clean up.',
      steps: [
        run('kubectl delete -f priorities/pods.yaml'),
        run('kubectl delete -f priorities/namespaces.yaml -f priorities/pools.yaml'),
        run('kubectl delete configmap spiderpool-conf -n kube-system'),
        expectNothing(),
      ],
    },
  ],
};

const backup: ClusterStory = {
  name: 'priorities/backup',
  folder: FOLDER,
  title: 'a second pool for when the first is full',
  tell: () => [
    {
      title: 'Two pools of five addresses, and five pods that fill the first.',
      steps: [
        run('kubectl apply -f backup/pools.yaml -f backup/fill-default.yaml'),
        rollout('fill-default'),
        expectAddresses('fill-default', 5, '172.18.40.45', '172.18.40.49'),
      ],
    },
    {
      title: 'A pod that names both gets an address of the second.',
      steps: [
        run('kubectl apply -f backup/sample-backup.yaml'),
        run('kubectl wait --for=condition=Ready pod/sample-backup --timeout=60s'),
        look(
          'kubectl get spl',
          columns(...OLDER_POOL_COLUMNS),
          row('backup-v4-ippool', 'IPv4', '172.18.0.0/16', '1', '5', 'false'),
          row('default-v4-ippool', 'IPv4', '172.18.0.0/16', '5', '5', 'false'),
        ),
        look(
          'kubectl get swe sample-backup -n default',
          columns(...ENDPOINT_COLUMNS),
          row('sample-backup', 'eth0', 'backup-v4-ippool', /172\.18\.40\.4[0-4]\/16/),
        ),
        expectAddresses('sample-backup', 1, '172.18.40.40', '172.18.40.44'),
      ],
    },
    {
      title: 'Clean up: the pools go while their pods still end.',
      steps: [
        run('kubectl delete -f backup --ignore-not-found=true --wait=false'),
        expectNothing(),
      ],
    },
  ],
};

const UNMATCHED =
  `${REFUSED}no IPPool available, all IPv4 IPPools [default-v4-ippool] of eth0 filtered out: ` +
  'unmatched Namespace affinity of IPPool default-v4-ippool';

const selectors: ClusterStory = {
  name: 'priorities/selectors',
  folder: FOLDER,
  title: 'a default pool with too harsh a selector',
  tell: () => [
    {
      title: "The cluster's default pool is for namespaces with the label foo: bar.",
      steps: [
        run('kubectl apply -f selectors/default-v4-ippool.yaml'),
        ...applyQuoted('selectors/spiderpool-conf.yaml'),
        look('kubectl get spl', row('default-v4-ippool', 'IPv4', '172.18.0.0/16', '0', '10')),
      ],
    },
    {
      title: 'A Deployment in the namespace default, which has no such label.',
      steps: [
        run('kubectl create deployment my-deploy --image=nginx'),
        look('kubectl describe pod {my-deploy}', refusal(UNMATCHED)),
        expectRefused('my-deploy', 1, UNMATCHED),
        look('kubectl get deploy my-deploy', row('my-deploy', '0/1')),
      ],
    },
    {
      title: 'With the label the next try succeeds.',
      steps: [
        run('kubectl label namespace default foo=bar'),
        rollout('my-deploy'),
        expectAddresses('my-deploy', 1, '172.18.40.41', '172.18.40.50'),
      ],
    },
    {
      title: 'Clean up.',
      steps: [
        run('kubectl delete deployment my-deploy'),
        run('kubectl delete -f selectors/default-v4-ippool.yaml'),
        run('kubectl delete configmap spiderpool-conf -n kube-system'),
        run('kubectl label namespace default foo-'),
        expectNothing(),
      ],
    },
  ],
};

const nodes: ClusterStory = {
  name: 'priorities/nodes',
  folder: FOLDER,
  title: 'one Deployment, a pool for masters and a pool for workers',
  tell: ({ first, second }) => [
    {
      title: `A pool for nodes with the master label, which ${first} gets, and one for nodes without.`,
      steps: [
        run(`kubectl label node ${first} node-role.kubernetes.io/master=`),
        run('kubectl apply -f example/master-v4-ippool.yaml -f example/worker-v4-ippool.yaml'),
      ],
    },
    {
      title: 'Five pods that name both pools.',
      steps: [
        run('kubectl apply -f example/example.yaml'),
        rollout('example'),
        look(
          'kubectl get swe -n default',
          columns(...ENDPOINT_COLUMNS),
          row(/example-\S+/, 'eth0', 'master-v4-ippool', /172\.18\.50\.\d+\/16/, first),
          row(/example-\S+/, 'eth0', 'worker-v4-ippool', /172\.18\.50\.\d+\/16/, second),
        ),
        expectAddresses('example', 'all', '172.18.50.41', '172.18.50.50', { node: first }),
        expectAddresses('example', 'all', '172.18.50.51', '172.18.50.60', { node: second }),
        look('orbweaver explain pod {example} --kubeconfig $KUBECONFIG'),
      ],
    },
    {
      title: 'Clean up.',
      steps: [
        run('kubectl delete -f example/example.yaml'),
        run('kubectl delete -f example/master-v4-ippool.yaml -f example/worker-v4-ippool.yaml'),
        run(`kubectl label node ${first} node-role.kubernetes.io/master-`),
        expectNothing(),
      ],
    },
  ],
};

/** In the order of the tutorial; their pools share names and addresses, so each clears up behind itself. */
export const priorities: readonly ClusterStory[] = [sources, backup, selectors, nodes];
