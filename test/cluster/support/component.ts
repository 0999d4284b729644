/** One program of a cluster that runs until it is stopped: started, killed, frozen and started again by name. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { RunFolder } from './run-folder.ts';

const READY_POLL_MS = 30;
const READY_WAIT_MS = 90_000;
const STOP_WAIT_MS = 10_000;

export interface ComponentOptions {
  readonly run: RunFolder;
  readonly name: string;
  /** The whole command line. */
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Asked again and again until it says yes. */
  readonly isReady?: () => Promise<boolean> | boolean;
  /** It outlives the process that starts it. */
  readonly kept?: boolean;
  /** The command line stays in front of the program and only passes signals on from its parent. */
  readonly pidOf?: (spawned: number) => number | undefined;
}

export class Component {
  readonly name: string;
  readonly #options: ComponentOptions;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #starts = 0;

  constructor(options: ComponentOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** Starts it and waits until it is ready. Rejects with the end of its log where it ends before. */
  async start(): Promise<void> {
    const { run, command, env, kept } = this.#options;
    if (this.isUp) throw new Error(`${this.name} runs already`);
    this.#starts += 1;
    const log = openSync(this.logFile, 'a');
    // Whatever ends the owner ends this too: the kernel sees to it.
    const line = kept ? command : ['setpriv', '--pdeathsig', 'KILL', '--', ...command];
    const child = spawn(line[0]!, line.slice(1), {
      stdio: ['ignore', log, log],
      // A group of its own: Ctrl-C is for the owner, which stops components in their order.
      detached: true,
      ...(env === undefined ? {} : { env: { ...process.env, ...env } }),
    });
    closeSync(log);
    if (kept) child.unref();
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    if (child.pid !== undefined) run.recordProcess(this.name, child.pid);
    await this.#untilReady();
  }

  async #untilReady(): Promise<void> {
    const until = performance.now() + READY_WAIT_MS;
    const isReady = this.#options.isReady ?? (() => true);
    while (!(await isReady())) {
      if (!this.isUp || performance.now() > until) {
        throw new Error(`${this.name} did not become ready:\n${this.log.slice(-4_000)}`);
      }
      await pause(READY_POLL_MS);
    }
  }

  get isUp(): boolean {
    const child = this.#child;
    return child?.pid !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** The pid of the program itself. Throws where it does not run. */
  get pid(): number {
    const spawned = this.#child?.pid;
    const { pidOf } = this.#options;
    const pid = spawned === undefined || pidOf === undefined ? spawned : pidOf(spawned);
    if (!this.isUp || pid === undefined) throw new Error(`${this.name} does not run`);
    return pid;
  }

  /** How often it was started. */
  get starts(): number {
    return this.#starts;
  }

  get logFile(): string {
    return this.#options.run.file('logs', `${this.name}.log`);
  }

  /** All that it has written so far, of all its starts. */
  get log(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  /** SIGKILL; resolves once it is gone. */
  async kill(): Promise<void> {
    process.kill(this.pid, 'SIGKILL');
    await this.#ended;
  }

  /** SIGSTOP: connections stay, nothing is answered. */
  freeze(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  /** SIGCONT. */
  thaw(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  /** SIGTERM, and SIGKILL where that does not help. Does nothing where it is gone. */
  async stop(): Promise<void> {
    if (!this.isUp) return;
    const { pid } = this;
    process.kill(pid, 'SIGCONT');
    process.kill(pid, 'SIGTERM');
    const late = setTimeout(() => this.isUp && process.kill(pid, 'SIGKILL'), STOP_WAIT_MS);
    await this.#ended;
    clearTimeout(late);
  }

  /** Kills it if it still runs, then starts it again. */
  async restart(): Promise<void> {
    if (this.isUp) await this.kill();
    await this.start();
  }
}
