/** Calico's pools, one per namespace (examples/4-calico-namespaces). */
import { expectBlocks, expectNothing, expectRefused } from '../../../src/cli/walk/story.ts';
import {
  type ClusterStory,
  columns,
  look,
  refusal,
  rollout,
  row,
  run,
  type Sight,
} from './cluster-story.ts';

const DISABLED = 'the given pool (10.64.0.0/20) does not exist, or is not enabled';

function pool(name: string, cidr: string, disabled = 'false'): Sight {
  return row(name, cidr, 'true', 'Never', 'CrossSubnet', disabled, 'false', 'all()');
}

/** A row of `ipam show`. */
function usage(grouping: string, cidr: string | RegExp, total: string, inUse: string): Sight {
  return row('|', grouping, '|', cidr, '|', total, '|', inUse);
}

export const calicoNamespaces: ClusterStory = {
  name: 'calico-namespaces',
  folder: '4-calico-namespaces',
  title: 'a Calico pool per namespace, and a block of it per node',
  calledAs: 'calico-ipam',
  tell: () => [
    {
      title: 'The default pool of the cluster, and the two pools of the tutorial.',
      steps: [
        run('calicoctl create -f default-ipv4-ippool.yaml'),
        run('calicoctl apply -f pools.yaml'),
        look(
          'calicoctl get ippool -o wide',
          columns(
            ...['NAME', 'CIDR', 'NAT', 'IPIPMODE', 'VXLANMODE', 'DISABLED', 'DISABLEBGPEXPORT'],
            'SELECTOR',
          ),
          pool('default-ipv4-ippool', '10.255.0.0/16'),
          pool('external-pool', '10.64.0.0/20'),
          pool('internal-pool', '10.64.16.0/20'),
        ),
      ],
    },
    {
      title: 'Two namespaces, each told to use one pool only.',
      steps: [
        run('kubectl create namespace external-ns'),
        run('kubectl create namespace internal-ns'),
        run(
          `kubectl annotate namespace external-ns "cni.projectcalico.org/ipv4pools"='["external-pool"]'`,
        ),
        run(
          `kubectl annotate namespace internal-ns "cni.projectcalico.org/ipv4pools"='["internal-pool"]'`,
        ),
      ],
    },
    {
      title: 'Nine pods in each namespace, over two nodes.',
      steps: [
        run('kubectl create -f nginx-dp.yaml'),
        rollout('nginx-deployment', 'external-ns'),
        rollout('nginx-deployment', 'internal-ns'),
      ],
    },
    {
      title:
        "Each node's pods have addresses of one /26, which lies in the pool of their namespace.",
      steps: [
        look('kubectl get pods -o wide -n external-ns', row(/\S+/, '1/1', 'Running')),
        look('kubectl get pods -o wide -n internal-ns', row(/\S+/, '1/1', 'Running')),
        expectBlocks('external-ns/nginx-deployment', '10.64.0.0/20', 26, { nodes: 2, pods: 9 }),
        expectBlocks('internal-ns/nginx-deployment', '10.64.16.0/20', 26, { nodes: 2, pods: 9 }),
      ],
    },
    {
      title: 'How full the pools are, and their blocks.',
      steps: [
        look(
          'calicoctl ipam show',
          usage('IP Pool', '10.255.0.0/16', '65536', '0 (0%)'),
          usage('IP Pool', '10.64.0.0/20', '4096', '9 (0%)'),
          usage('IP Pool', '10.64.16.0/20', '4096', '9 (0%)'),
        ),
        look('calicoctl ipam show --show-blocks', usage('Block', /10\.64\.\d+\.\d+\/26/, '64', '')),
      ],
    },
    {
      title: 'A pool that is disabled gives nothing new.',
      steps: [
        run(`calicoctl patch ippool external-pool -p '{"spec": {"disabled": true}}'`),
        look('calicoctl get ippool -o wide', pool('external-pool', '10.64.0.0/20', 'true')),
        run('kubectl run nginx --image=nginx -n external-ns'),
        look('kubectl describe pods nginx -n external-ns', refusal(DISABLED)),
        expectRefused('external-ns/nginx', 1, DISABLED),
      ],
    },
    {
      title: 'Clean up: the pools go while their pods still end.',
      steps: [
        run('kubectl delete -f nginx-dp.yaml'),
        run('kubectl delete -f pools.yaml'),
        run('kubectl delete namespace external-ns'),
        run('kubectl delete namespace internal-ns'),
        run('kubectl delete -f default-ipv4-ippool.yaml'),
        expectNothing(),
      ],
    },
  ],
};
