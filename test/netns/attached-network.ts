/**
 * Pods in network namespaces, attached by Debian's real main plugins with addresses of the built IPAM plugin. The
 * namespaces have no names and go with the test's process, whatever ends it.
 */
import { join } from 'node:path';
import { PACKAGE_FOLDER } from '../../src/cli/package-folder.ts';
import type { NetworkNamespace } from '../../src/cli/walk/network-namespace.ts';
import { MAIN_PLUGINS } from '../../src/cli/walk/pod-network.ts';
import { runProcess } from '../../src/cli/walk/run-process.ts';
import type { CniError } from '../support/cni-call.ts';

const IPAM_PLUGINS = join(PACKAGE_FOLDER, 'build/cni');

/** A CNI result as the main plugin prints it. */
export interface Result {
  readonly cniVersion: string;
  readonly ips: readonly { readonly address: string; readonly version?: string }[];
}

export interface Reply {
  readonly exit: number | string;
  readonly text: string;
}

/** One network of one main plugin, and its machine. */
export class AttachedNetwork {
  readonly host: NetworkNamespace;
  readonly #config: Readonly<Record<string, unknown>>;
  readonly #socket: string;

  constructor(host: NetworkNamespace, socket: string, config: Readonly<Record<string, unknown>>) {
    this.host = host;
    this.#socket = socket;
    this.#config = config;
  }

  /** Executes the main plugin on the machine, as a runtime does. `more` is laid over the config. */
  async call(
    command: 'ADD' | 'CHECK' | 'DEL',
    pod: Pod,
    interfaceName = 'eth0',
    more: Readonly<Record<string, unknown>> = {},
    env: Readonly<Record<string, string>> = {},
  ): Promise<Reply> {
    const [program, ...args] = this.host.inside(join(MAIN_PLUGINS, String(this.#config.type)));
    const { exit, out } = await runProcess(program, args, {
      input: JSON.stringify({ ...this.#config, ...more }),
      env: {
        PATH: process.env.PATH ?? '',
        CNI_COMMAND: command,
        CNI_CONTAINERID: pod.container,
        CNI_NETNS: pod.netns.path,
        CNI_IFNAME: interfaceName,
        CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${pod.name}`,
        CNI_PATH: `${MAIN_PLUGINS}:${IPAM_PLUGINS}`,
        ORBWEAVER_SOCKET: this.#socket,
        ...env,
      },
    });
    return { exit, text: out };
  }

  /** ADD that must succeed. */
  async add(pod: Pod, interfaceName = 'eth0'): Promise<Result> {
    const { exit, text } = await this.call('ADD', pod, interfaceName);
    if (exit !== 0) {
      throw new Error(`ADD ended with ${exit}: ${text}`);
    }
    return JSON.parse(text) as Result;
  }

  /** ADD that must be refused. */
  async refused(pod: Pod): Promise<CniError> {
    const { exit, text } = await this.call('ADD', pod);
    if (exit === 0) {
      throw new Error(`ADD succeeded: ${text}`);
    }
    return JSON.parse(text) as CniError;
  }
}

export interface Pod {
  readonly name: string;
  readonly container: string;
  readonly netns: NetworkNamespace;
}

/** The addresses of an interface in a namespace but for link-local ones, with prefix lengths. */
export async function addressesIn(netns: NetworkNamespace, name: string): Promise<string[]> {
  const { out } = await netns.run('ip', '-br', 'addr', 'show', 'dev', name);
  return out
    .trim()
    .split(/\s+/)
    .slice(2)
    .filter((address) => !address.startsWith('fe80:'))
    .sort();
}

/** True where an echo request to the address, with or without prefix length, is answered. */
export async function reaches(netns: NetworkNamespace, address: string): Promise<boolean> {
  const { exit } = await netns.run('ping', '-c', '1', '-W', '5', address.split('/')[0]!);
  return exit === 0;
}
