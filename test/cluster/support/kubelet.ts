/** The kubelet of a node: its configuration, its credentials and its command line. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { programPath } from './binaries.ts';
import { writeKubeconfig } from './certificates.ts';
import { RUNTIME_SOCKET } from './container-runtime.ts';
import type { ControlPlane } from './control-plane.ts';
import type { NodeRoot } from './node-root.ts';

const FOLDER = '/var/lib/kubelet';

/** Writes what it reads and gives its command line. */
export async function kubeletCommand(node: {
  readonly name: string;
  readonly address: string;
  readonly apiUrl: string;
  readonly controlGroup: string;
  readonly root: NodeRoot;
  readonly controlPlane: ControlPlane;
}): Promise<string[]> {
  const { name, address, root } = node;
  const { certificates } = node.controlPlane;
  const outside = (file: string) => root.outside(`${FOLDER}/${file}`);
  mkdirSync(outside('.'), { recursive: true });
  const serving = await certificates.server(`kubelet-${name}`, [`DNS:${name}`, `IP:${address}`]);
  const client = await certificates.client(`system:node:${name}`, ['system:nodes']);
  copyFileSync(certificates.authority.certificate, outside('ca.crt'));
  copyFileSync(serving.certificate, outside('kubelet.crt'));
  writeFileSync(outside('kubelet.key'), readFileSync(serving.key), { mode: 0o600 });
  writeKubeconfig(outside('kubeconfig'), node.apiUrl, certificates.authorityPem, client);
  writeFileSync(outside('resolv.conf'), 'options ndots:1\n');
  writeFileSync(outside('config.json'), JSON.stringify(configuration(address, node.controlGroup)));
  return [
    programPath('kubelet'),
    `--config=${FOLDER}/config.json`,
    `--kubeconfig=${FOLDER}/kubeconfig`,
    `--root-dir=${FOLDER}`,
    `--cert-dir=${FOLDER}/pki`,
    `--hostname-override=${name}`,
    `--node-ip=${address}`,
  ];
}

function configuration(address: string, controlGroup: string) {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address,
    healthzBindAddress: '127.0.0.1',
    readOnlyPort: 0,
    tlsCertFile: `${FOLDER}/kubelet.crt`,
    tlsPrivateKeyFile: `${FOLDER}/kubelet.key`,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: false },
      x509: { clientCAFile: `${FOLDER}/ca.crt` },
    },
    authorization: { mode: 'AlwaysAllow' },
    containerRuntimeEndpoint: `unix://${RUNTIME_SOCKET}`,
    resolvConf: `${FOLDER}/resolv.conf`,
    // Nobody answers there; without it every pod gets a warning.
    clusterDNS: ['10.96.0.10'],
    clusterDomain: 'cluster.local',
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${controlGroup}`,
    failCgroupV1: false,
    failSwapOn: false,
    enforceNodeAllocatable: [],
    // Of the machine that all nodes share nothing is theirs to guard.
    evictionHard: { 'memory.available': '1Mi', 'nodefs.available': '1Mi' },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    makeIPTablesUtilChains: false,
    maxOpenFiles: 20_000,
    protectKernelDefaults: true,
    maxPods: 250,
    shutdownGracePeriod: '0s',
    volumePluginDir: `${FOLDER}/plugins`,
    nodeStatusUpdateFrequency: '4s',
  };
}
