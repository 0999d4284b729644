/** A pool for the pods of one Deployment (examples/2-pod-affinity). */
import { expectAddresses, expectNothing, expectRefused } from '../../../src/cli/walk/story.ts';
import {
  type ClusterStory,
  columns,
  look,
  refusal,
  rollout,
  row,
  run,
  words,
} from './cluster-story.ts';
import { ENDPOINT_COLUMNS, REFUSED } from './spiderpool-words.ts';

const UNMATCHED =
  `${REFUSED}no IPPool available, all IPv4 IPPools [static-ipv4-ippool] of eth0 filtered out: ` +
  'unmatched Pod affinity of IPPool static-ipv4-ippool';
const USED_OUT =
  `${REFUSED}failed to allocate any IPv4 IP address to NIC eth0 from IPPools ` +
  '[static-ipv4-ippool]: all IP addresses used out';
const RUNNING = row(/static-ippool-deploy-\S+/, '1/1', 'Running', '0', /\S+/, /172\.18\.41\.4\d/);

export const podAffinity: ClusterStory = {
  name: 'pod-affinity',
  folder: '2-pod-affinity',
  title: 'a pool for the pods of one Deployment',
  tell: () => [
    {
      title: 'A pool of four addresses for pods with the label app: static, and a Deployment.',
      steps: [
        run('kubectl apply -f static-ipv4-ippool.yaml'),
        run('kubectl apply -f static-ippool-deploy.yaml'),
        rollout('static-ippool-deploy'),
      ],
    },
    {
      title: 'Its pods run, and reach each other.',
      steps: [
        look('kubectl get po -l app=static -o wide', RUNNING),
        look(
          'kubectl get se',
          columns(...ENDPOINT_COLUMNS),
          row(/static-ippool-deploy-\S+/, 'eth0', 'static-ipv4-ippool', /172\.18\.41\.4\d\/24/),
        ),
        look('kubectl get sp', row('static-ipv4-ippool', '4', '172.18.41.0/24', '2', '4')),
        expectAddresses('static-ippool-deploy', 2, '172.18.41.40', '172.18.41.43'),
        look(
          "kubectl exec {static-ippool-deploy} -- ping -c 1 -W 5 $(kubectl get po -l app=static -o jsonpath='{.items[1].status.podIP}')",
          words('1 packets received'),
        ),
      ],
    },
    {
      title: 'A Deployment that names the same pool without having the label.',
      steps: [
        run('kubectl apply -f wrong-static-ippool-deploy.yaml'),
        look('kubectl describe po {wrong-static-ippool-deploy}', refusal(UNMATCHED)),
        expectRefused('wrong-static-ippool-deploy', 1, UNMATCHED),
      ],
    },
    {
      title: 'Six pods for four addresses: two wait until the pool is expanded by hand.',
      steps: [
        run('kubectl scale deployment static-ippool-deploy --replicas=6'),
        expectRefused('static-ippool-deploy', 2, USED_OUT),
        look('kubectl get sp', row('static-ipv4-ippool', '4', '172.18.41.0/24', '4', '4')),
        run(
          'kubectl patch sp static-ipv4-ippool --type merge -p \'{"spec": {"ips": ["172.18.41.40-172.18.41.45"]}}\'',
        ),
        rollout('static-ippool-deploy'),
        look('kubectl get sp', row('static-ipv4-ippool', '4', '172.18.41.0/24', '6', '6')),
        expectAddresses('static-ippool-deploy', 6, '172.18.41.40', '172.18.41.45'),
      ],
    },
    {
      title: 'Clean up: the pool goes while its pods still end.',
      steps: [
        run(
          'kubectl delete -f static-ippool-deploy.yaml -f wrong-static-ippool-deploy.yaml ' +
            '-f static-ipv4-ippool.yaml --ignore-not-found=true',
        ),
        expectNothing(),
      ],
    },
  ],
};
