/** Fixed pools, node affinity, and all affinities together (examples/5-pool-instructions). */
import { expectAddresses, expectNothing, expectRefused } from '../../../src/cli/walk/story.ts';
import {
  type ClusterStep,
  type ClusterStory,
  look,
  type Nodes,
  refusal,
  refusedRun,
  rollout,
  row,
  run,
  words,
} from './cluster-story.ts';
import { REFUSED } from './spiderpool-words.ts';

const FOLDER = '5-pool-instructions';
const REGION = 'topology.kubernetes.io/region';
const SUBNET = 'network.example.com/subnet';

/** Where the nodes of this cluster stand, in the words of the tutorial. */
function label(node: string, region: string, subnet: string): ClusterStep {
  return run(`kubectl label node ${node} --overwrite ${REGION}=${region} ${SUBNET}=${subnet}`);
}

function unlabel({ first, second }: Nodes): ClusterStep {
  return run(`kubectl label node ${first} ${second} ${REGION}- ${SUBNET}-`);
}

const fixed: ClusterStory = {
  name: 'pool-instructions/fixed',
  folder: FOLDER,
  title: 'fixed addresses for one workload, by hand',
  tell: (nodes) => [
    {
      title: 'A pool of two addresses for the pods of workload01, and its two pods.',
      steps: [
        label(nodes.first, 'dc1', '10.6.124.0'),
        label(nodes.second, 'dc1', '10.6.124.0'),
        run('kubectl apply -f fixed/fixed-ippool.yaml -f fixed/workload01.yaml'),
        rollout('workload01'),
        look(
          'kubectl get se',
          row(/workload01-\S+/, 'eth0', 'fixed-ippool', /10\.6\.124\.20[01]\/24/),
        ),
        expectAddresses('workload01', 2, '10.6.124.200', '10.6.124.201'),
      ],
    },
    {
      title: 'All of them are made anew, and find the same two addresses.',
      steps: [
        run('kubectl delete -f fixed/workload01.yaml --cascade=foreground'),
        run('kubectl apply -f fixed/workload01.yaml'),
        rollout('workload01'),
        look('kubectl get sp', row('fixed-ippool', '4', '10.6.124.0/24', '2', '2')),
        expectAddresses('workload01', 2, '10.6.124.200', '10.6.124.201'),
      ],
    },
    {
      title: 'Clean up.',
      steps: [
        run('kubectl delete -f fixed/workload01.yaml -f fixed/fixed-ippool.yaml'),
        unlabel(nodes),
        expectNothing(),
      ],
    },
  ],
};

const nodeAffinity: ClusterStory = {
  name: 'pool-instructions/node-affinity',
  folder: FOLDER,
  title: 'nodes in two subnets, then in two data centres',
  tell: (nodes) => [
    {
      title: 'Two nodes in two subnets of one data centre, and a pool for each subnet.',
      steps: [
        label(nodes.first, 'dc1', '10.6.124.0'),
        label(nodes.second, 'dc1', '10.6.125.0'),
        run('kubectl apply -f node-affinity/pools.yaml'),
        look('kubectl get sp', row('dc2-ippool', '4', '10.7.124.0/24', '0', '90')),
      ],
    },
    {
      title: 'One Deployment on both of them: each pod takes the pool of its node.',
      steps: [
        run('kubectl apply -f node-affinity/one-workload-everywhere.yaml'),
        rollout('everywhere'),
        look('kubectl get se', row(/everywhere-\S+/, 'eth0', 'dc1-subnet1-ippool')),
        expectAddresses('everywhere', 'all', '10.6.124.10', '10.6.124.99', { node: nodes.first }),
        expectAddresses('everywhere', 'all', '10.6.125.10', '10.6.125.99', { node: nodes.second }),
        look('orbweaver explain pod {everywhere} --kubeconfig $KUBECONFIG'),
      ],
    },
    {
      title:
        'The second node moves to another data centre; its new pods take the pool of that one.',
      steps: [
        label(nodes.second, 'dc2', '10.7.124.0'),
        run('kubectl rollout restart deployment/everywhere'),
        rollout('everywhere'),
        look('kubectl get se', row(/everywhere-\S+/, 'eth0', 'dc2-ippool')),
        expectAddresses('everywhere', 'all', '10.6.124.10', '10.6.124.99', { node: nodes.first }),
        expectAddresses('everywhere', 'all', '10.7.124.10', '10.7.124.99', { node: nodes.second }),
      ],
    },
    {
      title: 'A Deployment that is bound to the node of its one pool.',
      steps: [
        run('kubectl apply -f node-affinity/workloads-per-site.yaml'),
        rollout('only-dc2'),
        expectAddresses('only-dc2', 2, '10.7.124.10', '10.7.124.99', { node: nodes.second }),
      ],
    },
    {
      title: 'Clean up.',
      steps: [run('kubectl delete -f node-affinity'), unlabel(nodes), expectNothing()],
    },
  ],
};

/** The pods that one affinity or more forbids, and the first of them that says no. */
const FORBIDDEN = {
  'dc1-default-workload02': 'Pod',
  'dc1-other-workload01': 'Namespace',
  'dc1-other-workload02': 'Namespace',
  'dc2-default-workload01': 'Node',
  'dc2-default-workload02': 'Node',
  'dc2-other-workload01': 'Node',
  'dc2-other-workload02': 'Node',
} as const;

function unmatched(affinity: string): string {
  return (
    `${REFUSED}no IPPool available, all IPv4 IPPools [all-affinities-ippool] of eth0 filtered ` +
    `out: unmatched ${affinity} affinity of IPPool all-affinities-ippool`
  );
}

const allAffinities: ClusterStory = {
  name: 'pool-instructions/all-affinities',
  folder: FOLDER,
  title: 'a pool with affinities to node, namespace and pod',
  tell: (nodes) => [
    {
      title: 'A pool for workload01, in the namespace default, in the first data centre.',
      steps: [
        label(nodes.first, 'dc1', '10.6.124.0'),
        label(nodes.second, 'dc2', '10.7.124.0'),
        run('kubectl apply -f all-affinities/namespace.yaml -f all-affinities/ippool.yaml'),
      ],
    },
    {
      title: 'Eight pods, one for each combination. All affinities must hold: one pod passes.',
      steps: [
        run(
          `sed 's/worker-1/${nodes.first}/; s/worker-3/${nodes.second}/' all-affinities/pods.yaml | kubectl apply -f -`,
        ),
        run('kubectl wait --for=condition=Ready pod/dc1-default-workload01 --timeout=60s'),
        look(
          'kubectl get se -A',
          row('default', 'dc1-default-workload01', 'eth0', 'all-affinities-ippool'),
        ),
        expectAddresses('dc1-default-workload01', 1, '10.6.124.10', '10.6.124.19'),
        ...Object.entries(FORBIDDEN).map(([pod, affinity]) =>
          expectRefused(pod, 1, unmatched(affinity)),
        ),
        look('kubectl get pods -A -o wide', row('other', 'dc2-other-workload02', '0/1')),
        look('kubectl describe pod dc2-other-workload02 -n other', refusal(unmatched('Node'))),
      ],
    },
    {
      title: 'Clean up.',
      steps: [
        run('kubectl delete -f all-affinities --ignore-not-found=true'),
        unlabel(nodes),
        expectNothing(),
      ],
    },
  ],
};

const subdivide: ClusterStory = {
  name: 'pool-instructions/subdivide',
  folder: FOLDER,
  title: 'one pool for two fixed workloads',
  tell: () => [
    {
      title: 'A pool of a hundred addresses for the namespace default.',
      steps: [
        run('kubectl apply -f subdivide/ippool01.yaml'),
        look('kubectl get sp', row('ippool01', '4', '10.6.124.0/24', '0', '100')),
      ],
    },
    {
      title: 'Ten of them for each of two workloads: an address belongs to one pool.',
      steps: [
        refusedRun('kubectl apply -f subdivide/refused.yaml', 'overlap with IPPool ippool01'),
      ],
    },
    {
      title: 'Instead, the pool is shrunk, and each workload gets a pool of its own beside it.',
      steps: [
        run('kubectl apply -f subdivide/instead.yaml'),
        look(
          'kubectl get sp',
          row('ippool01', '4', '10.6.124.0/24', '0', '80'),
          row('ippool01-workload01', '4', '10.6.124.0/24', '0', '10'),
          row('ippool01-workload02', '4', '10.6.124.0/24', '0', '10'),
        ),
        run('kubectl apply -f subdivide/workloads.yaml'),
        rollout('workload01'),
        rollout('workload02'),
        look('kubectl get se', row(/workload02-\S+/, 'eth0', 'ippool01-workload02')),
        expectAddresses('workload01', 2, '10.6.124.10', '10.6.124.19'),
        expectAddresses('workload02', 2, '10.6.124.20', '10.6.124.29'),
        look('orbweaver ipam show --kubeconfig $KUBECONFIG', words('10.6.124.0/24')),
      ],
    },
    {
      title: 'Clean up.',
      steps: [
        run('kubectl delete -f subdivide/workloads.yaml -f subdivide/instead.yaml'),
        expectNothing(),
      ],
    },
  ],
};

export const poolInstructions: readonly ClusterStory[] = [
  fixed,
  nodeAffinity,
  allAffinities,
  subdivide,
];
