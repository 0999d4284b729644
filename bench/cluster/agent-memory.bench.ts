/**
 * What an agent of a cluster takes: a process of its own, installed as the image has it and with the environment of
 * its DaemonSet, on a real API server, with many pods on its node and the claims of many other nodes in the cluster; beside it the same agent where there are
 * no claims but its own.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { ApiServer } from '../../src/kube/api-server.ts';
import { apply, makeNamespace } from '../../test/cluster/support/bare-node.ts';
import type { ControlPlane } from '../../test/cluster/support/control-plane.ts';
import { AgentFolder, AgentProcess } from '../../test/support/agent-process.ts';
import { addressOf } from '../../test/support/lines.ts';
import { type Bench, median, type Row } from '../harness.ts';
import { addRequest, burst, openConnections } from '../lean-client.ts';
import { checksumOfAddresses } from './address-checksum.ts';
import { startBenchCluster } from './bench-cluster.ts';
import { fillBlocks } from './fill-blocks.ts';
import { InstalledPackage } from './installed-package.ts';
import { makePods } from './pods.ts';

const SIZES = {
  smoke: { pods: 8, claims: 640, rounds: 1 },
  full: { pods: 200, claims: 100_000, rounds: 3 },
} as const;

const FIRST_HELD = '10.0.0.0';
const POOL = {
  apiVersion: 'spiderpool.spidernet.io/v2beta1',
  kind: 'SpiderIPPool',
  metadata: { name: 'pool' },
  spec: { default: true, subnet: '10.0.0.0/8', ips: ['10.0.0.0-10.3.255.255'] },
};

const AGENT_MANIFEST = join(import.meta.dirname, '../../deploy/base/agent.yaml');
const AT_ONCE = 32;
const KIB_PER_MIB = 1_024;

interface Measured {
  readonly rssMiB: number;
  readonly peakMiB: number;
  readonly readyMs: number;
  readonly addresses: readonly string[];
}

export const bench: Bench = {
  name: 'cluster-agent-memory',
  async run(size) {
    const { pods, claims, rounds } = SIZES[size];
    using installed = await InstalledPackage.make();
    const measured = { pods, rounds, command: installed.command };
    const few = await measureAgents({ ...measured, claims: 0 });
    const many = await measureAgents({ ...measured, claims });
    const of = (list: readonly Measured[], key: 'rssMiB' | 'peakMiB' | 'readyMs') =>
      median(list.map((run) => run[key]));
    const checksum = checksumOfAddresses([...few, ...many].flatMap(({ addresses }) => addresses));
    const row = (
      work: string,
      key: 'rssMiB' | 'peakMiB' | 'readyMs',
      target?: Row['target'],
    ): Row => ({
      work: `agent with ${pods} pods on its node, ${claims.toLocaleString('en-US')} claims in the cluster: ${work}`,
      ours: of(many, key),
      beside: of(few, key),
      besideName: 'no claims of others',
      unit: key === 'readyMs' ? 'ms' : 'MiB',
      ratio: target === undefined ? of(many, key) / of(few, key) : of(many, key),
      target: size === 'full' ? target : undefined,
      checksum,
    });
    return [
      row(`RSS after ${pods} ADDs`, 'rssMiB', { comparison: '≤', value: 150 }),
      row('the most RSS it ever had', 'peakMiB'),
      row('start to ready', 'readyMs'),
    ];
  },
};

/** Agents of several nodes, one after another, in a cluster of which others hold so many addresses. */
async function measureAgents(options: {
  readonly pods: number;
  readonly rounds: number;
  readonly claims: number;
  readonly command: string;
}): Promise<Measured[]> {
  await using cluster = await startBenchCluster();
  await makeNamespace(cluster, 'orbweaver');
  await apply(cluster, POOL);
  const api = ApiServer.fromKubeconfig(cluster.kubeconfig);
  await fillBlocks(api, addressOf(FIRST_HELD), options.claims);
  await api.close();
  const all: Measured[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    const node = `bench-${round}`;
    await apply(cluster, { apiVersion: 'v1', kind: 'Node', metadata: { name: node } });
    const numbers = Array.from({ length: options.pods }, (_, at) => round * options.pods + at);
    const pods = await makePods(
      cluster,
      node,
      numbers.map((number) => `web-${number}`),
    );
    all.push(await measureAgent(cluster, node, pods, options.command));
  }
  return all;
}

/** Starts an agent, gives every pod an address, and looks at the process. */
async function measureAgent(
  { kubeconfig }: ControlPlane,
  node: string,
  pods: ReadonlyMap<string, string>,
  command: string,
): Promise<Measured> {
  using folder = new AgentFolder();
  const began = performance.now();
  const args = ['--kubeconfig', kubeconfig];
  const env = deployedEnvironment();
  await using agent = await AgentProcess.start(folder, { node, command, args, env });
  const readyMs = performance.now() - began;
  const connections = await openConnections(folder.socket, AT_ONCE);
  const requests = [...pods].map(([name, uid]) =>
    addRequest(Number(name.slice('web-'.length)), uid),
  );
  const { addresses } = await burst(connections, requests);
  for (const socket of connections) socket.destroy();
  const status = readFileSync(`/proc/${agent.pid}/status`, 'utf8');
  const mib = (field: string) =>
    Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) / KIB_PER_MIB;
  return { rssMiB: mib('VmRSS'), peakMiB: mib('VmHWM'), readyMs, addresses };
}

interface DaemonSet {
  readonly kind?: string;
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly {
          readonly env: readonly { readonly name: string; readonly value?: string }[];
        }[];
      };
    };
  };
}

/** What the DaemonSet sets for every node alike. */
function deployedEnvironment(): Readonly<Record<string, string>> {
  const documents = parseAllDocuments(readFileSync(AGENT_MANIFEST, 'utf8'));
  const daemons = documents.map((document) => document.toJS() as DaemonSet);
  const containers = daemons.find(({ kind }) => kind === 'DaemonSet')?.spec.template.spec
    .containers;
  const fixed = (containers ?? []).flatMap(({ env }) =>
    env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])),
  );
  return Object.fromEntries(fixed) as Record<string, string>;
}
