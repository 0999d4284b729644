/** A pool for the pods of one namespace (examples/1-namespace-affinity). */
import {
  command,
  expectAddresses,
  expectNothing,
  expectRefused,
  type Story,
  start,
  stop,
} from './story.ts';

export const namespaceAffinity: Story = {
  name: 'namespace-affinity',
  folder: '1-namespace-affinity',
  title: 'a pool for the pods of one namespace',
  node: 'spider-worker',
  chapters: [
    {
      title: 'Two nodes, and the namespace test-ns.',
      steps: [command('apply -f nodes.yaml'), command('create namespace test-ns')],
    },
    {
      title: 'A pool of two addresses that lets in the pods of test-ns and no others.',
      steps: [command('apply -f test-ns-ipv4-ippool.yaml'), command('get sp')],
    },
    {
      title: 'A Deployment in test-ns and one in default; both name the pool.',
      steps: [
        command('apply -f different-ns-deploys.yaml'),
        start('test-ns-deploy', 'default-ns-deploy'),
      ],
    },
    {
      title: 'The pod in test-ns runs with an address of the pool.',
      steps: [
        command('get deploy -n test-ns'),
        command('get se -n test-ns'),
        command('get sp'),
        expectAddresses('test-ns-deploy', 1, '172.18.41.40', '172.18.41.41'),
        command('explain pod {test-ns-deploy} -n test-ns'),
      ],
    },
    {
      title: 'The pod in default does not, and its events say why.',
      steps: [
        command('get pods -A -o wide'),
        command('describe pod {default-ns-deploy} -n default'),
        command('explain pod {default-ns-deploy} -n default'),
        expectRefused(
          'default-ns-deploy',
          1,
          'spiderpool IP allocation error: [POST /ipam/ip][500] postIpamIpFailure  failed to ' +
            'allocate IP addresses in standard mode: no IPPool available, all IPv4 IPPools ' +
            '[test-ns-ipv4-ippool] of eth0 filtered out: unmatched Namespace affinity of IPPool ' +
            'test-ns-ipv4-ippool',
        ),
      ],
    },
    {
      title: 'Clean up, so that the tutorial can run again.',
      steps: [
        command('delete ns test-ns'),
        stop(),
        command(
          'delete -f test-ns-ipv4-ippool.yaml -f different-ns-deploys.yaml --ignore-not-found=true',
        ),
        stop(),
        command('get sp,se,pods -A'),
        expectNothing(),
      ],
    },
  ],
};
