/** What every command works with. */
import { resolve } from 'node:path';
import { AgentClient, DEFAULT_SOCKET } from './agent-client.ts';
import type { Terminal } from './terminal.ts';

export interface Shell {
  readonly terminal: Terminal;
  /** Where the user stands: relative file names start here. */
  readonly folder: string;
  /** The agent that `--socket`, $ORBWEAVER_SOCKET or the default path leads to. */
  agent(options: SocketOption): AgentClient;
  /** 0 until a command that goes on after a failure has met one. */
  exitCode: number;
}

export interface SocketOption {
  readonly socket?: string;
}

/** A shell for the process's own terminal and environment. */
export function processShell(terminal: Terminal): Shell {
  // npm runs scripts in the package's folder and says here where the user called it.
  const folder = process.env.INIT_CWD ?? process.cwd();
  return {
    terminal,
    folder,
    agent: ({ socket }) => new AgentClient(socketPath(socket, folder)),
    exitCode: 0,
  };
}

/** The socket's absolute path: as given, else $ORBWEAVER_SOCKET, else where the plugin looks. */
export function socketPath(given: string | undefined, folder: string): string {
  return resolve(folder, given ?? (process.env.ORBWEAVER_SOCKET || DEFAULT_SOCKET));
}
