/** What is printed while the last agent stays up: how to send calls of one's own. */
import { join } from 'node:path';
import type { KubeObject } from '../../dialect/kube-object.ts';
import { PACKAGE_FOLDER } from '../package-folder.ts';
import { shellLine } from './narrator.ts';

const CONFIG = {
  cniVersion: '1.0.0',
  name: 'my-network',
  type: 'bridge',
  ipam: { type: 'spiderpool' },
};

/** Lines to show; those that begin with blanks can be pasted into a POSIX shell in any folder. */
export function ownCallLines(socket: string, pod: KubeObject): string[] {
  const { namespace = 'default', name } = pod.metadata;
  const orbweaver = (line: string) =>
    `  ORBWEAVER_SOCKET=${shellLine([socket])} npm --prefix ${shellLine([PACKAGE_FOLDER])} run -s orbweaver -- ${line}`;
  return [
    'Send an ADD of your own from another terminal, as a container runtime does:',
    '',
    pluginLine('ADD', socket, pod),
    '',
    'See what became of it, and give the address back:',
    '',
    orbweaver('get se'),
    orbweaver(`explain pod ${name} -n ${namespace}`),
    pluginLine('DEL', socket, pod),
  ];
}

function pluginLine(verb: 'ADD' | 'DEL', socket: string, { metadata }: KubeObject): string {
  const variables = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: 'my-container',
    CNI_NETNS: '/run/netns/my-pod',
    CNI_IFNAME: 'eth0',
    CNI_ARGS: `K8S_POD_NAMESPACE=${metadata.namespace};K8S_POD_NAME=${metadata.name}`,
    CNI_PATH: join(PACKAGE_FOLDER, 'build/cni'),
    ORBWEAVER_SOCKET: socket,
  };
  const assignments = Object.entries(variables).map(
    ([name, value]) => `${name}=${shellLine([value])}`,
  );
  const plugin = shellLine([join(PACKAGE_FOLDER, 'build/cni/spiderpool')]);
  return `  echo '${JSON.stringify(CONFIG)}' | ${assignments.join(' ')} ${plugin}; echo`;
}
