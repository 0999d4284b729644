/** Namespaces of the cluster's own: a process holds them, and what is in them goes when it goes. */
import { existsSync, readFileSync } from 'node:fs';
import { type ProcessResult, runProcess } from '../../../src/cli/walk/run-process.ts';
import { Component } from './component.ts';
import type { RunFolder } from './run-folder.ts';

export interface NamespacesOptions {
  readonly run: RunFolder;
  /** Unique in the cluster. */
  readonly name: string;
  readonly kept: boolean;
  /** The program of reaper.c, which holds them. */
  readonly reaper: string;
  /** Adds mounts and processes of their own to the network. */
  readonly isMachine: boolean;
  /** A shell script, run inside before anything else; it must not end in another process. */
  readonly prepare: string;
}

export class Namespaces {
  readonly name: string;
  readonly #holder: Component;
  readonly #isMachine: boolean;

  private constructor(options: NamespacesOptions) {
    const { run, name, isMachine, prepare, reaper, kept } = options;
    this.name = name;
    this.#isMachine = isMachine;
    const ready = run.file('ready', name);
    // With --kill-child whoever kills `unshare` kills the first process, and the kernel all the others.
    const kinds = isMachine
      ? ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc']
      : [];
    const script = `set -e\nip link set lo up\n${prepare}\n: > "$1"\nexec "$2"`;
    this.#holder = new Component({
      ...{ run, kept, name: `holder-${name}` },
      command: ['unshare', '--net', ...kinds, 'sh', '-c', script, 'sh', ready, reaper],
      isReady: () => existsSync(ready),
      ...(isMachine ? { pidOf: childOf } : {}),
    });
  }

  static async make(options: NamespacesOptions): Promise<Namespaces> {
    const made = new Namespaces(options);
    await made.#holder.start();
    // The first process goes last, so whoever waits for it has waited for all.
    options.run.recordProcess(`first-${options.name}`, made.pid);
    return made;
  }

  /** Of the process that holds them, as seen from outside. */
  get pid(): number {
    return this.#holder.pid;
  }

  /** The command line that runs a program inside. Where processes are its own, a parent stays in front of it. */
  inside(command: readonly string[]): readonly string[] {
    const kinds = this.#isMachine ? ['--mount', '--pid', '--wd=/'] : [];
    return ['nsenter', `--target=${this.pid}`, '--net', ...kinds, '--', ...command];
  }

  /** How to find a program that `inside` has started. */
  get pidOf(): ((spawned: number) => number | undefined) | undefined {
    return this.#isMachine ? childOf : undefined;
  }

  /** Runs a program inside to its end. */
  run(...command: readonly string[]): Promise<ProcessResult> {
    const [first, ...rest] = this.inside(command);
    return runProcess(first!, rest);
  }

  /** Runs one that must succeed; what it prints. */
  async must(...command: readonly string[]): Promise<string> {
    const { exit, out, err } = await this.run(...command);
    if (exit !== 0) throw new Error(`${this.name}: ${command.join(' ')}: ${exit} ${err || out}`);
    return out;
  }

  /** Several commands, one a line, that must succeed. */
  async script(lines: string): Promise<void> {
    await this.must('sh', '-ec', lines);
  }

  /** Kills all that is inside, at once, as a machine that loses power. */
  kill(): Promise<void> {
    return this.#holder.kill();
  }
}

function childOf(pid: number): number | undefined {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return children === '' ? undefined : Number(children.split(' ')[0]);
  } catch {
    return undefined;
  }
}
