/** `orbweaver agent`. */
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { declareCommand, withSocket } from './command.ts';
import { type Shell, type SocketOption, socketPath } from './shell.ts';
import { ownVersion } from './version.ts';

interface AgentOptions extends SocketOption {
  readonly state: string;
  readonly node: string;
  readonly manifests?: string[];
  readonly listen?: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

/** Declares `orbweaver agent`; its action writes to the shell. */
export function agentCommand(shell: Shell): Command {
  const command = declareCommand({
    usage: 'agent',
    summary: 'Serve the CNI plugin and these commands on a unix socket',
    more:
      'Addresses and objects are kept in the state folder. The agent prints one line when it is ready; ' +
      'SIGTERM and SIGINT end it after it has answered what is in flight.',
    examples: [
      'agent --state ./state --socket ./run/cni.sock --node node1',
      'agent --state /var/lib/orbweaver --node $(hostname) --manifests /etc/orbweaver/pools',
      'agent --state ./state --node node1 --listen 127.0.0.1:9090',
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
    socket: socketPath(options.socket, shell.folder),
    node: options.node,
    version: ownVersion(),
    manifests: { names: options.manifests ?? [], folder: shell.folder },
    logLevel: options.logLevel,
    ...(options.listen === undefined ? {} : { listen: options.listen }),
  });
  const tcp = agent.tcp === undefined ? '' : `, metrics on ${agent.tcp}`;
  shell.terminal.out(`orbweaver agent ready: node ${options.node}, socket ${agent.socket}${tcp}\n`);
  await agent.stopped;
}
