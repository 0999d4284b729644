/** A plugin as benchmarks start it, ours or a peer's: by the C spawner, so that Node's own spawn does not count. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSpawner } from '../scripts/build-plugin.ts';

const SPAWNER = buildSpawner().file;

/** What the spawner reports; times in milliseconds from before the start of a process to after its end. */
export interface Started {
  readonly totalMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface PluginParts {
  /** For the config and the output of the plugin. */
  readonly folder: string;
  readonly program: string;
  /** Network config on stdin. */
  readonly config: object;
  /** Further variables. */
  readonly env: Readonly<Record<string, string>>;
}

export class StartedPlugin {
  readonly #parts: PluginParts;
  readonly #config: string;
  readonly #printed: string;

  constructor(parts: PluginParts) {
    this.#parts = parts;
    mkdirSync(parts.folder, { recursive: true });
    this.#config = join(parts.folder, 'config.json');
    this.#printed = join(parts.folder, 'printed');
    writeFileSync(this.#config, JSON.stringify(parts.config));
  }

  /**
   * Starts the plugin `count` times, for containers number `first` and up, `parallel` at once. Throws where
   * one of them exits with anything but 0.
   */
  start(verb: 'ADD' | 'DEL', first: number, count: number, parallel: number): Started {
    return this.#spawn(verb, first, count, ['--parallel', String(parallel)]);
  }

  /** ADD and at once DEL for one container after another; a time covers both. Throws as `start`. */
  startPairs(first: number, count: number): Started {
    return this.#spawn('ADD', first, count * 2, ['--then', 'CNI_COMMAND=DEL']);
  }

  #spawn(verb: string, first: number, starts: number, options: readonly string[]): Started {
    const { program, env } = this.#parts;
    const variables = {
      CNI_COMMAND: verb,
      CNI_CONTAINERID: `${'0'.repeat(48)}{i}`,
      CNI_NETNS: '/run/netns/none',
      CNI_IFNAME: 'eth0',
      CNI_PATH: '/opt/cni/bin',
      CNI_ARGS:
        'IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-{i};K8S_POD_UID=uid-{i}',
      ...env,
    };
    const count = options[0] === '--then' ? starts / 2 : starts;
    const text = execFileSync(SPAWNER, [
      ...['--program', program, '--count', String(count), '--first', String(first), ...options],
      ...['--stdin', this.#config, '--stdout', this.#printed],
      ...Object.entries(variables).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    ]);
    const report = JSON.parse(text.toString()) as Started & { exits: Record<string, number> };
    if (report.exits['0'] !== starts) {
      const said = readFileSync(this.#printed, 'utf8').slice(-500);
      throw new Error(`${program} ${verb}: ${JSON.stringify(report.exits)} ${said}`);
    }
    return report;
  }

  /** The addresses printed since the last call, in order; each must be a new one. */
  takeAddresses(): string[] {
    const printed = readFileSync(this.#printed, 'utf8');
    rmSync(this.#printed);
    return [...printed.matchAll(/"address":\s*"([^"/]+)/g)].map((match) => match[1]!);
  }
}
