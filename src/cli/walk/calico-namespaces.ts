/** Calico's pools, one per namespace (examples/4-calico-namespaces). */
import {
  command,
  expectBlocks,
  expectNothing,
  expectRefused,
  type Story,
  start,
  stop,
} from './story.ts';

export const calicoNamespaces: Story = {
  name: 'calico-namespaces',
  folder: '4-calico-namespaces',
  title: 'a Calico pool per namespace, and a block of it per node',
  node: 's666dan4151',
  calledAs: 'calico-ipam',
  chapters: [
    {
      title: 'Three nodes and the default pool of the cluster; then the two pools of the tutorial.',
      steps: [
        command('apply -f nodes.yaml -f default-ipv4-ippool.yaml'),
        command('apply -f pools.yaml'),
        command('get ippool -o wide'),
      ],
    },
    {
      title: 'Two namespaces, each told to use one pool only.',
      steps: [
        command('create namespace external-ns'),
        command('create namespace internal-ns'),
        command(
          'annotate namespace external-ns',
          'cni.projectcalico.org/ipv4pools=["external-pool"]',
        ),
        command(
          'annotate namespace internal-ns',
          'cni.projectcalico.org/ipv4pools=["internal-pool"]',
        ),
      ],
    },
    {
      title: 'Nine pods in each namespace, over three nodes.',
      steps: [command('create -f nginx-dp.yaml'), start('nginx-deployment')],
    },
    {
      title:
        "Each node's pods have addresses of one /26, which lies in the pool of their namespace.",
      steps: [
        command('get pods -o wide -n external-ns'),
        command('get pods -o wide -n internal-ns'),
        expectBlocks('external-ns/nginx-deployment', '10.64.0.0/20', 26, { nodes: 3, pods: 9 }),
        expectBlocks('internal-ns/nginx-deployment', '10.64.16.0/20', 26, { nodes: 3, pods: 9 }),
        command('explain pod {external-ns/nginx-deployment} -n external-ns'),
      ],
    },
    {
      title: 'How full the pools are, and their blocks.',
      steps: [
        command('ipam show'),
        command('ipam show --show-blocks'),
        command('ipam show --show-blocks --layout current'),
      ],
    },
    {
      title: 'A pool that is disabled gives nothing new.',
      steps: [
        command('patch ippool external-pool -p', '{"spec": {"disabled": true}}'),
        command('get ippool -o wide'),
        command('run nginx --image=nginx -n external-ns'),
        start('external-ns/nginx'),
        command('describe pods nginx -n external-ns'),
        command('explain pod nginx -n external-ns'),
        expectRefused(
          'external-ns/nginx',
          1,
          'the given pool (10.64.0.0/20) does not exist, or is not enabled',
        ),
      ],
    },
    {
      title: 'Clean up.',
      steps: [
        command('delete -f nginx-dp.yaml'),
        stop(),
        command('delete -f pools.yaml -f default-ipv4-ippool.yaml'),
        command('delete namespace external-ns'),
        command('delete namespace internal-ns'),
        expectNothing(),
      ],
    },
  ],
};
