/** `orbweaver agent`. */
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { AgentOptions as StartOptions } from '../agent/agent.ts';
import { OrbweaverError } from '../catalogue/errors.ts';
import { declareCommand, withSocket } from './command.ts';
import type { Shell } from './shell.ts';
import { socketPath } from './target.ts';
import { ownVersion } from './version.ts';

interface AgentOptions {
  readonly socket?: string;
  readonly state: string;
  readonly node: string;
  readonly manifests?: string[];
  readonly kubeconfig?: string;
  readonly inCluster?: true;
  readonly namespace: string;
  readonly criSocket?: string;
  readonly spiderpoolSocket?: string;
  readonly listen?: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

/** Declares `orbweaver agent`; its action writes to the shell. */
export function agentCommand(shell: Shell): Command {
  const command = declareCommand({
    usage: 'agent',
    summary: 'Serve the CNI plugin and these commands on a unix socket',
    more:
      'Addresses and objects are kept in the state folder; with --kubeconfig or --in-cluster the API server ' +
      'keeps them, and the state folder holds what the agent was about to write. The agent prints one line when its ' +
      'socket answers; SIGTERM and SIGINT end it after it has answered what is in flight.',
    examples: [
      'agent --state ./state --socket ./run/cni.sock --node node1',
      'agent --state /var/lib/orbweaver --node $(hostname) --manifests /etc/orbweaver/pools',
      'agent --state ./state --node node1 --listen 127.0.0.1:9090',
      'agent --state /var/lib/orbweaver --node worker-1 --kubeconfig /etc/orbweaver/kubeconfig',
      'agent --state /var/lib/orbweaver --node "$NODE_NAME" --in-cluster',
    ],
  });
  withSocket(command);
  return command
    .requiredOption('--state <folder>', 'where addresses and objects are kept; made if missing')
    .requiredOption('--node <name>', 'the name of this node')
    .option(
      '--manifests <path>',
      'a file or folder of manifests to apply at the start; may be repeated',
      (value: string, before: string[] | undefined) => [...(before ?? []), value],
    )
    .option('--kubeconfig <file>', 'the API server that keeps addresses and objects')
    .option('--in-cluster', 'the same, by the service account of the pod that the agent runs in')
    .option('--namespace <name>', 'in a cluster: where the Leases of the agents are', 'orbweaver')
    .option(
      '--cri-socket <path>',
      "in a cluster: the container runtime's socket, to know which sandboxes still run",
    )
    .option(
      '--spiderpool-socket <path>',
      "also serve Spiderpool's agent API, for its own plugin (its default: /var/run/spidernet/spiderpool.sock)",
    )
    .option('--listen <host:port>', 'also serve /metrics, /healthz and /readyz over TCP')
    .addOption(
      new Option('--log-level <level>', 'of the log on standard error, one JSON object a line')
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    )
    .action((options: AgentOptions) => run(shell, options));
}

async function run(shell: Shell, options: AgentOptions): Promise<void> {
  // Only this command needs the server and the engine; the others start faster without.
  const { startAgent } = await import('../agent/agent.ts');
  const agent = await startAgent({
    state: resolve(shell.folder, options.state),
    socket: socketPath(options.socket, { folder: shell.folder, environment: process.env }),
    node: options.node,
    version: ownVersion(),
    backend: backendOf(shell, options),
    logLevel: options.logLevel,
    ...(options.spiderpoolSocket === undefined
      ? {}
      : { spiderpoolSocket: resolve(shell.folder, options.spiderpoolSocket) }),
    ...(options.listen === undefined ? {} : { listen: options.listen }),
  });
  const tcp = agent.tcp === undefined ? '' : `, metrics on ${agent.tcp}`;
  shell.terminal.out(`orbweaver agent ready: node ${options.node}, socket ${agent.socket}${tcp}\n`);
  await agent.stopped;
}

/** Throws USAGE for options that do not go together. */
function backendOf({ folder }: Shell, options: AgentOptions): StartOptions['backend'] {
  const { kubeconfig, inCluster, manifests, criSocket, namespace } = options;
  if (kubeconfig === undefined && inCluster === undefined) {
    if (criSocket !== undefined) {
      throw new OrbweaverError('USAGE', '--cri-socket is for an agent in a cluster only');
    }
    return { kind: 'embedded', manifests: { names: manifests ?? [], folder } };
  }
  const given = kubeconfig === undefined ? '--in-cluster' : '--kubeconfig';
  if (kubeconfig !== undefined && inCluster !== undefined) {
    throw new OrbweaverError('USAGE', '--kubeconfig and --in-cluster exclude each other');
  }
  if (manifests !== undefined) {
    throw new OrbweaverError(
      'USAGE',
      `--manifests and ${given} exclude each other: the API server keeps the objects`,
      `apply them with kubectl: kubectl apply -f ${manifests[0]}`,
    );
  }
  return {
    kind: 'kubernetes',
    namespace,
    ...(kubeconfig === undefined ? {} : { kubeconfig: resolve(folder, kubeconfig) }),
    ...(criSocket === undefined ? {} : { criSocket: resolve(folder, criSocket) }),
  };
}
