/** A pool for the pods of one Deployment (examples/2-pod-affinity). */
import {
  command,
  expectAddresses,
  expectNothing,
  expectRefused,
  ping,
  type Story,
  start,
  stop,
} from './story.ts';

const REFUSED =
  'spiderpool IP allocation error: [POST /ipam/ip][500] postIpamIpFailure  failed to allocate IP ' +
  'addresses in standard mode: ';

export const podAffinity: Story = {
  name: 'pod-affinity',
  folder: '2-pod-affinity',
  title: 'a pool for the pods of one Deployment',
  node: 'spider-worker',
  chapters: [
    {
      title: 'Two nodes, and a pool of four addresses for pods with the label app: static.',
      steps: [
        command('apply -f nodes.yaml'),
        command('apply -f static-ipv4-ippool.yaml'),
        command('get sp'),
      ],
    },
    {
      title: 'A Deployment of two pods with that label, which names the pool.',
      steps: [command('apply -f static-ippool-deploy.yaml'), start('static-ippool-deploy')],
    },
    {
      title: 'Its pods run, and reach each other.',
      steps: [
        command('get po -l app=static -o wide'),
        command('get se'),
        command('get sp'),
        ping('static-ippool-deploy'),
        expectAddresses('static-ippool-deploy', 2, '172.18.41.40', '172.18.41.43'),
        command('explain pod {static-ippool-deploy}'),
      ],
    },
    {
      title: 'A Deployment that names the same pool without having the label.',
      steps: [
        command('apply -f wrong-static-ippool-deploy.yaml'),
        start('wrong-static-ippool-deploy'),
        command('get pods -o wide'),
        command('describe po {wrong-static-ippool-deploy}'),
        command('explain pod {wrong-static-ippool-deploy}'),
        expectRefused(
          'wrong-static-ippool-deploy',
          1,
          `${REFUSED}no IPPool available, all IPv4 IPPools [static-ipv4-ippool] of eth0 filtered ` +
            'out: unmatched Pod affinity of IPPool static-ipv4-ippool',
        ),
      ],
    },
    {
      title: 'Six pods for four addresses: two wait until the pool is expanded by hand.',
      steps: [
        command('patch deploy static-ippool-deploy -p', '{"spec": {"replicas": 6}}'),
        start('static-ippool-deploy'),
        expectRefused(
          'static-ippool-deploy',
          2,
          `${REFUSED}failed to allocate any IPv4 IP address to NIC eth0 from IPPools ` +
            '[static-ipv4-ippool]: all IP addresses used out',
        ),
        command(
          'patch sp static-ipv4-ippool -p',
          '{"spec": {"ips": ["172.18.41.40-172.18.41.45"]}}',
        ),
        start('static-ippool-deploy'),
        command('get sp'),
        expectAddresses('static-ippool-deploy', 6, '172.18.41.40', '172.18.41.45'),
      ],
    },
    {
      title: 'Clean up, so that the tutorial can run again.',
      steps: [
        command(
          'delete -f static-ippool-deploy.yaml -f wrong-static-ippool-deploy.yaml ' +
            '-f static-ipv4-ippool.yaml --ignore-not-found=true',
        ),
        stop(),
        command('get sp,se,pods -A'),
        expectNothing(),
      ],
    },
  ],
};
