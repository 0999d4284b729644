/**
 * A network namespace without a name: a process holds it, and a pipe to this process holds that one. When
 * either end goes, by whatever signal, the kernel takes the namespace away with every interface in it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { type ProcessResult, runProcess } from './run-process.ts';

/**
 * Without the check for duplicates an IPv6 address serves at once; these networks have no stranger in them.
 * `cat` then waits for the end of the pipe.
 */
const HOLD =
  'ip link set lo up && ' +
  '{ echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad; } 2>/dev/null; echo held && exec cat';

export class NetworkNamespace implements AsyncDisposable {
  /** Where programs find it, and CNI_NETNS of a pod in it. */
  readonly path: string;
  readonly #holder: ChildProcess;
  readonly #ended: Promise<void>;

  private constructor(holder: ChildProcess) {
    this.path = `/proc/${holder.pid}/ns/net`;
    this.#holder = holder;
    this.#ended = new Promise((resolve) => {
      holder.once('close', () => resolve());
    });
  }

  /** Rejects with what the system says where it does not allow one. */
  static async make(): Promise<NetworkNamespace> {
    const holder = spawn('unshare', ['--net', 'sh', '-c', HOLD], {
      stdio: 'pipe',
      detached: true,
    });
    const complaint = text(holder.stderr);
    await new Promise<void>((resolve, reject) => {
      holder.once('error', reject);
      holder.stdout.once('data', () => resolve());
      holder.once('exit', () => {
        complaint.then((said) => reject(new Error(said.trim() || 'unshare --net failed')), reject);
      });
    });
    return new NetworkNamespace(holder);
  }

  /** The command line that runs a program in it. */
  inside(program: string, ...args: readonly string[]): readonly [string, ...string[]] {
    return ['nsenter', `--net=${this.path}`, program, ...args];
  }

  /** Runs a program in it to its end. */
  run(program: string, ...args: readonly string[]): Promise<ProcessResult> {
    const [first, ...rest] = this.inside(program, ...args);
    return runProcess(first, rest);
  }

  /** The kernel removes what was in it shortly after. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#holder.stdin?.destroy();
    await this.#ended;
  }
}
