/**
 * What the pods of a walk are connected to: real network namespaces and the real `bridge` plugin where this
 * machine allows that, else nothing but their addresses.
 *
 *     host namespace ── bridge cni0 ─┬─ veth ── eth0  pod namespace
 *                                    └─ veth ── eth0  pod namespace
 *
 * The host namespace stands for the machine, whose own network is never touched.
 */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { CalledAs } from '../../choose/subject.ts';
import { NetworkNamespace } from './network-namespace.ts';

/** Where Debian's containernetworking-plugins puts them. */
export const MAIN_PLUGINS = '/usr/lib/cni';

/** Program → the Debian package that has it. */
const PROGRAMS: Readonly<Record<string, string>> = {
  unshare: 'util-linux',
  nsenter: 'util-linux',
  ip: 'iproute2',
  ping: 'iputils-ping',
};

/** In words, what this machine lacks for network namespaces with these main plugins; empty: nothing. */
export function missingParts(mainPlugins: readonly string[]): string[] {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return [
    ...(process.getuid?.() === 0 ? [] : ['only root may make them']),
    ...Object.entries(PROGRAMS)
      .filter(([program]) => !folders.some((folder) => isProgram(join(folder, program))))
      .map(([program, from]) => `${program} is missing (Debian package ${from})`),
    ...mainPlugins
      .map((plugin) => join(MAIN_PLUGINS, plugin))
      .filter((path) => !isProgram(path))
      .map((path) => `${path} is missing (Debian package containernetworking-plugins)`),
  ];
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export class PodNetwork implements AsyncDisposable {
  /** One sentence on what pods are here. */
  readonly description: string;
  readonly #plugins: string;
  readonly #host: NetworkNamespace | undefined;

  private constructor(plugins: string, description: string, host: NetworkNamespace | undefined) {
    this.#plugins = plugins;
    this.description = description;
    this.#host = host;
  }

  /** The CNI network config, as the runtime gives it to the plugin. */
  config(calledAs: CalledAs): string {
    return JSON.stringify({
      cniVersion: '1.0.0',
      name: 'bridge-cni-default',
      type: 'bridge',
      bridge: 'cni0',
      ipam: { type: calledAs },
    });
  }

  /** `plugins`: the folder of the built IPAM plugin. Without `namespaces` it is the addresses only. */
  static async open(plugins: string, namespaces: boolean): Promise<PodNetwork> {
    const missing = namespaces ? missingParts(['bridge']) : ['--no-netns was given'];
    if (missing.length === 0) {
      try {
        const host = await NetworkNamespace.make();
        const how = `Pods are network namespaces on a bridge, made by ${MAIN_PLUGINS}/bridge.`;
        return new PodNetwork(plugins, how, host);
      } catch (error) {
        missing.push((error as Error).message);
      }
    }
    const how = `Pods get addresses but no network namespaces: ${missing.join('; ')}.`;
    return new PodNetwork(plugins, how, undefined);
  }

  /** A namespace for one pod, or undefined where pods have none. */
  async newNamespace(): Promise<NetworkNamespace | undefined> {
    return this.#host === undefined ? undefined : NetworkNamespace.make();
  }

  /** What the runtime executes: the main plugin, which calls the IPAM plugin, or that one by itself. */
  pluginCommand(calledAs: CalledAs): readonly [string, ...string[]] {
    return this.#host === undefined
      ? [join(this.#plugins, calledAs)]
      : this.#host.inside(join(MAIN_PLUGINS, 'bridge'));
  }

  /** CNI_PATH. */
  get pluginPath(): string {
    return [MAIN_PLUGINS, this.#plugins].join(delimiter);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#host?.[Symbol.asyncDispose]();
  }
}
