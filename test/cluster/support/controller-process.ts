/** The real controller as a process of its own: started, asked, killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

const COMMAND = join(import.meta.dirname, '../../../src/cli/orbweaver.mjs');

const alive = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of alive) {
    child.kill('SIGKILL');
  }
});

export class ControllerProcess implements AsyncDisposable {
  /** HOST:PORT of metrics and health. */
  readonly tcp: string;
  readonly #child: ChildProcess;
  readonly #exit: Promise<void>;

  private constructor(child: ChildProcess, tcp: string, exit: Promise<void>) {
    this.#child = child;
    this.tcp = tcp;
    this.#exit = exit;
  }

  /** Resolves when it says that it has started; rejects with its log where it ends before. */
  static start(
    kubeconfig: string,
    args: readonly string[] = [],
    nodeArgs: readonly string[] = [],
  ): Promise<ControllerProcess> {
    const child = spawn(
      process.execPath,
      [
        ...nodeArgs,
        COMMAND,
        'controller',
        '--kubeconfig',
        kubeconfig,
        '--listen',
        '127.0.0.1:0',
        ...args,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    alive.add(child);
    let out = '';
    let log = '';
    child.stderr.on('data', (chunk) => {
      log += chunk;
    });
    const exit = new Promise<void>((resolve) => {
      child.once('close', () => {
        alive.delete(child);
        resolve();
      });
    });
    return new Promise((resolve, reject) => {
      child.stdout.on('data', (chunk) => {
        out += chunk;
        const tcp = /metrics on ([\d.:]+)/.exec(out)?.[1];
        if (tcp !== undefined) {
          resolve(new ControllerProcess(child, tcp, exit));
        }
      });
      void exit.then(() => reject(new Error(`the controller ended: ${out}${log}`)));
    });
  }

  /** Status and body of a path. */
  async ask(path: string): Promise<{ readonly status: number; readonly body: string }> {
    const answer = await fetch(`http://${this.tcp}${path}`);
    return { status: answer.status, body: await answer.text() };
  }

  /** One figure of its metrics. */
  async figure(name: string): Promise<number> {
    const { body } = await this.ask('/metrics');
    const line = body.split('\n').find((text) => text.startsWith(`${name} `));
    return Number(line?.split(' ')[1]);
  }

  /** SIGKILL; resolves once it is gone. */
  kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    return this.#exit;
  }

  /** SIGSTOP: it does nothing, and its connections stay. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  /** SIGTERM; resolves once it is gone. */
  stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    return this.#exit;
  }

  /** In good order, so that the next one need not wait until its Lease has expired. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
