/**
 * The folder of one cluster: everything it writes, and a record of each process it has started. Whoever reads the
 * folder can therefore take the whole cluster away, also after its owner was killed.
 *
 *     owner.json             the process that the cluster serves; a kept one has none
 *     processes/NAME.json    what was started under that name last
 *     cgroups.json           groups that were made for its nodes, in every hierarchy
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { removeControlGroups } from './control-groups.ts';
import { identityOf, isRunning, type ProcessIdentity, signal } from './process-identity.ts';

const PREFIX = 'orbweaver-cluster-';
const KEPT = `${PREFIX}kept`;
const GONE_POLL_MS = 20;
const GONE_WAIT_MS = 60_000;

export class RunFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes a folder that belongs to this process, after those whose owner is gone were cleared away. */
  static async make(): Promise<RunFolder> {
    await clearStale();
    const run = new RunFolder(mkdtempSync(join(tmpdir(), PREFIX)));
    run.#write('owner.json', identityOf(process.pid));
    return run;
  }

  /** Makes the one that outlives its maker. Throws where it is there already. */
  static makeKept(): RunFolder {
    const run = new RunFolder(join(tmpdir(), KEPT));
    mkdirSync(run.path);
    return run;
  }

  /** The kept one, where it is. */
  static kept(): RunFolder | undefined {
    const path = join(tmpdir(), KEPT);
    return existsSync(path) ? new RunFolder(path) : undefined;
  }

  /** A short name for what has to be unique on the machine. */
  get id(): string {
    return basename(this.path).toLowerCase();
  }

  /** A path in it, whose folder is made. */
  file(...names: string[]): string {
    const path = join(this.path, ...names);
    mkdirSync(join(path, '..'), { recursive: true });
    return path;
  }

  /** A folder in it, made if it is not there. */
  folder(...names: string[]): string {
    const path = join(this.path, ...names);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** Writes down a process to be ended with the cluster. */
  recordProcess(name: string, pid: number): void {
    const identity = identityOf(pid);
    if (identity !== undefined) this.#write(`processes/${name}.json`, identity);
  }

  /** Writes down a control group, by its path below each hierarchy. */
  recordControlGroup(path: string): void {
    this.#write('cgroups.json', [...new Set([...this.controlGroups(), path])]);
  }

  /** What has been written down, running or not. */
  processes(): Map<string, ProcessIdentity> {
    const folder = join(this.path, 'processes');
    const names = existsSync(folder) ? readdirSync(folder) : [];
    return new Map(
      names.map((name) => [
        name.replace(/\.json$/, ''),
        this.#read(`processes/${name}`) as ProcessIdentity,
      ]),
    );
  }

  /** Groups that have been written down. */
  controlGroups(): string[] {
    return (this.#read('cgroups.json') ?? []) as string[];
  }

  /** True where its owner is gone, by whatever way. */
  get isStale(): boolean {
    if (basename(this.path) === KEPT) return false;
    const owner = this.#read('owner.json') as ProcessIdentity | undefined;
    return owner !== undefined && !isRunning(owner);
  }

  /** Kills what still runs, and at once: for the end of the owner. */
  killAll(): void {
    for (const identity of this.processes().values()) signal(identity, 'SIGKILL');
  }

  /** Takes everything away: processes, control groups, the folder. */
  async remove(): Promise<void> {
    const running = () => [...this.processes()].filter(([, identity]) => isRunning(identity));
    const until = performance.now() + GONE_WAIT_MS;
    for (this.killAll(); running().length > 0; this.killAll()) {
      if (performance.now() > until) {
        throw new Error(`still running: ${running().map(([name]) => name)}`);
      }
      await pause(GONE_POLL_MS);
    }
    for (const group of this.controlGroups()) await removeControlGroups(group);
    rmSync(this.path, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Those of all owners. */
  static all(): RunFolder[] {
    return readdirSync(tmpdir())
      .filter((name) => name.startsWith(PREFIX))
      .map((name) => new RunFolder(join(tmpdir(), name)));
  }

  #write(name: string, value: unknown): void {
    writeFileSync(this.file(name), JSON.stringify(value));
  }

  #read(name: string): unknown {
    try {
      return JSON.parse(readFileSync(join(this.path, name), 'utf8'));
    } catch {
      return undefined;
    }
  }
}

/** Removes every cluster whose owner is gone. */
export async function clearStale(): Promise<void> {
  for (const run of RunFolder.all()) {
    if (run.isStale) await run.remove();
  }
}
