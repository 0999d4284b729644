/** A pool for the pods of one namespace (examples/1-namespace-affinity). */
import { expectAddresses, expectNothing, expectRefused } from '../../../src/cli/walk/story.ts';
import { type ClusterStory, columns, look, refusal, rollout, row, run } from './cluster-story.ts';
import { ENDPOINT_COLUMNS, POOL_COLUMNS, REFUSED } from './spiderpool-words.ts';

const MESSAGE =
  `${REFUSED}no IPPool available, all IPv4 IPPools [test-ns-ipv4-ippool] of eth0 filtered out: ` +
  'unmatched Namespace affinity of IPPool test-ns-ipv4-ippool';

export const namespaceAffinity: ClusterStory = {
  name: 'namespace-affinity',
  folder: '1-namespace-affinity',
  title: 'a pool for the pods of one namespace',
  tell: () => [
    {
      title:
        'The namespace test-ns, and a pool of two addresses that lets in its pods and no others.',
      steps: [
        run('kubectl create namespace test-ns'),
        run('kubectl apply -f test-ns-ipv4-ippool.yaml'),
        look(
          'kubectl get sp',
          columns(...POOL_COLUMNS),
          row('test-ns-ipv4-ippool', '4', '172.18.41.0/24', '0', '2', 'false'),
        ),
      ],
    },
    {
      title: 'A Deployment in test-ns and one in default; both name the pool.',
      steps: [
        run('kubectl apply -f different-ns-deploys.yaml'),
        rollout('test-ns-deploy', 'test-ns'),
      ],
    },
    {
      title: 'The pod in test-ns runs with an address of the pool.',
      steps: [
        look('kubectl get deploy -n test-ns', row('test-ns-deploy', '1/1', '1', '1')),
        look(
          'kubectl get se -n test-ns',
          columns(...ENDPOINT_COLUMNS),
          row(/test-ns-deploy-\S+/, 'eth0', 'test-ns-ipv4-ippool', /172\.18\.41\.4[01]\/24/),
        ),
        look('kubectl get sp', row('test-ns-ipv4-ippool', '4', '172.18.41.0/24', '1', '2')),
        expectAddresses('test-ns-deploy', 1, '172.18.41.40', '172.18.41.41'),
        look('orbweaver explain pod {test-ns-deploy} -n test-ns --kubeconfig $KUBECONFIG'),
      ],
    },
    {
      title: 'The pod in default does not, and its events say why.',
      steps: [
        look('kubectl describe po {default-ns-deploy} -n default', refusal(MESSAGE)),
        expectRefused('default-ns-deploy', 1, MESSAGE),
        look('orbweaver explain pod {default-ns-deploy} -n default --kubeconfig $KUBECONFIG'),
      ],
    },
    {
      title: 'Clean up, so that the tutorial can run again.',
      steps: [
        run('kubectl delete ns test-ns'),
        run(
          'kubectl delete -f test-ns-ipv4-ippool.yaml -f different-ns-deploys.yaml --ignore-not-found=true',
        ),
        expectNothing(),
      ],
    },
  ],
};
