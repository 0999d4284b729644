/** Fixed pools, node affinity, and all affinities together (examples/5-pool-instructions). */
import {
  command,
  expectAddresses,
  expectNothing,
  expectRefused,
  refusedCommand,
  type Story,
  start,
  stop,
} from './story.ts';

const FOLDER = '5-pool-instructions';
const NODE = 'worker-1';
const REFUSED =
  'spiderpool IP allocation error: [POST /ipam/ip][500] postIpamIpFailure  failed to allocate IP ' +
  'addresses in standard mode: no IPPool available, all IPv4 IPPools [';

const fixed: Story = {
  name: 'pool-instructions/fixed',
  folder: FOLDER,
  title: 'fixed addresses for one workload, by hand',
  node: NODE,
  chapters: [
    {
      title: 'A pool of two addresses for the pods of workload01, and its two pods.',
      steps: [
        command('apply -f nodes.yaml -f fixed/fixed-ippool.yaml -f fixed/workload01.yaml'),
        start('workload01'),
        command('get se'),
        expectAddresses('workload01', 2, '10.6.124.200', '10.6.124.201'),
      ],
    },
    {
      title: 'All of them are made anew, and find the same two addresses.',
      steps: [
        command('delete -f fixed/workload01.yaml'),
        stop(),
        command('apply -f fixed/workload01.yaml'),
        start('workload01'),
        expectAddresses('workload01', 2, '10.6.124.200', '10.6.124.201'),
        command('explain pod {workload01}'),
      ],
    },
    {
      title: 'Clean up.',
      steps: [
        command('delete -f fixed/workload01.yaml'),
        stop(),
        command('delete -f fixed/fixed-ippool.yaml'),
        expectNothing(),
      ],
    },
  ],
};

const nodeAffinity: Story = {
  name: 'pool-instructions/node-affinity',
  folder: FOLDER,
  title: 'nodes in two subnets and two data centres',
  node: NODE,
  chapters: [
    {
      title: 'Two nodes in two subnets of one data centre, a third in another; a pool for each.',
      steps: [command('apply -f nodes.yaml -f node-affinity/pools.yaml'), command('get sp')],
    },
    {
      title: 'One Deployment on all of them: each pod takes the pool of its node.',
      steps: [
        command('apply -f node-affinity/one-workload-everywhere.yaml'),
        start('everywhere'),
        command('get se'),
        expectAddresses('everywhere', 2, '10.6.124.10', '10.6.124.99', { node: 'worker-1' }),
        expectAddresses('everywhere', 2, '10.6.125.10', '10.6.125.99', { node: 'worker-2' }),
        expectAddresses('everywhere', 2, '10.7.124.10', '10.7.124.99', { node: 'worker-3' }),
        command('explain pod {everywhere}'),
      ],
    },
    {
      title: 'Two Deployments that are bound to their nodes and name one pool each.',
      steps: [
        command('apply -f node-affinity/workloads-per-site.yaml'),
        start('only-dc1-subnet2', 'only-dc2'),
        command('get se'),
        expectAddresses('only-dc1-subnet2', 2, '10.6.125.10', '10.6.125.99', { node: 'worker-2' }),
        expectAddresses('only-dc2', 2, '10.7.124.10', '10.7.124.99', { node: 'worker-3' }),
      ],
    },
    {
      title: 'Clean up.',
      steps: [
        command('delete -f node-affinity/one-workload-everywhere.yaml'),
        command('delete -f node-affinity/workloads-per-site.yaml'),
        stop(),
        command('delete -f node-affinity/pools.yaml'),
        expectNothing(),
      ],
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

const allAffinities: Story = {
  name: 'pool-instructions/all-affinities',
  folder: FOLDER,
  title: 'a pool with affinities to node, namespace and pod',
  node: NODE,
  chapters: [
    {
      title: 'A pool for workload01, in the namespace default, in the first data centre.',
      steps: [
        command('apply -f nodes.yaml -f all-affinities/namespace.yaml'),
        command('apply -f all-affinities/ippool.yaml'),
      ],
    },
    {
      title: 'Eight pods, one for each combination. All affinities must hold: one pod passes.',
      steps: [
        command('apply -f all-affinities/pods.yaml'),
        start('dc1-default-workload01', ...Object.keys(FORBIDDEN)),
        command('get pods -A -o wide'),
        command('get se -A'),
        expectAddresses('dc1-default-workload01', 1, '10.6.124.10', '10.6.124.19'),
        ...Object.entries(FORBIDDEN).map(([pod, affinity]) =>
          expectRefused(
            pod,
            1,
            `${REFUSED}all-affinities-ippool] of eth0 filtered out: unmatched ${affinity} ` +
              'affinity of IPPool all-affinities-ippool',
          ),
        ),
        command('explain pod dc1-default-workload01'),
        command('explain pod dc2-other-workload02 -n other'),
      ],
    },
    {
      title: 'Clean up.',
      steps: [
        command('delete -f all-affinities/pods.yaml'),
        stop(),
        command('delete -f all-affinities/ippool.yaml'),
        expectNothing(),
      ],
    },
  ],
};

const subdivide: Story = {
  name: 'pool-instructions/subdivide',
  folder: FOLDER,
  title: 'one pool for two fixed workloads',
  node: NODE,
  chapters: [
    {
      title: 'A pool of a hundred addresses for the namespace default.',
      steps: [command('apply -f nodes.yaml -f subdivide/ippool01.yaml'), command('get sp')],
    },
    {
      title: 'Ten of them for each of two workloads: an address belongs to one pool.',
      steps: [
        refusedCommand('apply -f subdivide/refused.yaml', 'overlap with IPPool ippool01'),
        command('get sp'),
      ],
    },
    {
      title: 'Instead, the pool is shrunk, and each workload gets a pool of its own beside it.',
      steps: [
        command('apply -f subdivide/instead.yaml'),
        command('get sp'),
        command('apply -f subdivide/workloads.yaml'),
        start('workload01', 'workload02'),
        command('get se'),
        expectAddresses('workload01', 2, '10.6.124.10', '10.6.124.19'),
        expectAddresses('workload02', 2, '10.6.124.20', '10.6.124.29'),
      ],
    },
    {
      title: 'Clean up.',
      steps: [
        command('delete -f subdivide/workloads.yaml'),
        stop(),
        command('delete -f subdivide/instead.yaml'),
        expectNothing(),
      ],
    },
  ],
};

/** Each with an empty store of its own: their pools share addresses. */
export const poolInstructions: readonly Story[] = [fixed, nodeAffinity, allAffinities, subdivide];
