/** `orbweaver agent` as a child process with an empty store of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { OrbweaverError } from '../../catalogue/errors.ts';
import { PACKAGE_FOLDER } from '../package-folder.ts';

/** A graceful stop answers what is in flight; nothing is, so this is long. */
const STOP_WAIT_MS = 10_000;
const LOG_CHARS = 2_000;

/** The arguments of `orbweaver` that start an agent in `folder`. */
export function agentArguments(folder: string, node: string): string[] {
  return [
    'agent',
    '--state',
    join(folder, 'state'),
    '--socket',
    join(folder, 'cni.sock'),
    '--node',
    node,
  ];
}

export class AgentChild implements AsyncDisposable {
  readonly socket: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;

  private constructor(folder: string, args: readonly string[]) {
    this.socket = join(folder, 'cni.sock');
    mkdirSync(folder);
    const log = openSync(join(folder, 'agent.log'), 'a');
    this.#child = spawn(
      process.execPath,
      [join(PACKAGE_FOLDER, 'src/cli/orbweaver.mjs'), ...args],
      // A group of its own: Ctrl-C is for the walk, which then stops the agent.
      { stdio: ['ignore', 'pipe', log], detached: true },
    );
    closeSync(log);
    const killed = () => this.#child.kill('SIGKILL');
    process.once('exit', killed);
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', () => {
        process.off('exit', killed);
        resolve();
      });
    });
  }

  /** Resolves with the agent and its ready line. Throws IO_FAILURE with its log where it ends before. */
  static async start(
    folder: string,
    node: string,
  ): Promise<{ readonly agent: AgentChild; readonly ready: string }> {
    const agent = new AgentChild(folder, agentArguments(folder, node));
    const lines = createInterface({ input: agent.#child.stdout! });
    const ready = await Promise.race([
      new Promise<string>((resolve) => lines.once('line', resolve)),
      agent.#exited,
    ]);
    if (ready === undefined) {
      const log = readFileSync(join(folder, 'agent.log'), 'utf8').trim();
      throw new OrbweaverError('IO_FAILURE', 'the agent did not start', log.slice(-LOG_CHARS));
    }
    return { agent, ready };
  }

  /** SIGTERM, and SIGKILL where that is not enough. Resolves when it has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_WAIT_MS);
    await this.#exited;
    clearTimeout(timer);
  }
}
