/** What every command works with. */
import { AgentClient } from './agent-client.ts';
import { ClusterClient } from './cluster-client.ts';
import type { CommandClient } from './command-client.ts';
import { type Face, type TargetOptions, targetOf } from './target.ts';
import type { Terminal } from './terminal.ts';

export interface Shell {
  readonly terminal: Terminal;
  /** Where the user stands: relative file names start here. */
  readonly folder: string;
  /** The name that the command was called by. */
  readonly face: Face;
  /** What answers this command line (target.ts); the same for the same options. */
  agent(options: TargetOptions): CommandClient;
  /** Ends what `agent` opened. */
  close(): Promise<void>;
  /** 0 until a command that goes on after a failure has met one. */
  exitCode: number;
}

/** A shell for the process's own terminal and environment. */
export function processShell(terminal: Terminal, face: Face): Shell {
  // npm runs scripts in the package's folder and says here where the user called it.
  const folder = process.env.INIT_CWD ?? process.cwd();
  const place = { folder, face, environment: process.env };
  const clusters = new Map<string, ClusterClient>();
  return {
    terminal,
    folder,
    face,
    agent: (options) => {
      const target = targetOf(options, place);
      if (target.kind === 'agent') {
        return new AgentClient(target.socket);
      }
      const { kubeconfig } = target;
      const client = clusters.get(kubeconfig) ?? new ClusterClient(kubeconfig);
      clusters.set(kubeconfig, client);
      return client;
    },
    close: async () => {
      await Promise.all([...clusters.values()].map((client) => client.close()));
    },
    exitCode: 0,
  };
}
