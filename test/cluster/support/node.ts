/**
 * A node: a machine as far as Kubernetes can tell, with its own network, mounts and processes, and in it containerd,
 * a kubelet, the CNI plugins and our agent. Whatever ends its owner ends everything in it.
 */
import { copyFileSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ProcessResult } from '../../../src/cli/walk/run-process.ts';
import { getStatus } from '../../support/agent-process.ts';
import { ClusterNetwork, GATEWAY } from './cluster-network.ts';
import { Component } from './component.ts';
import { RUNTIME_SOCKET, runtimeCommand } from './container-runtime.ts';
import { makeControlGroups } from './control-groups.ts';
import type { ControlPlane } from './control-plane.ts';
import { programsIn } from './images.ts';
import { kubeletCommand } from './kubelet.ts';
import { Namespaces } from './namespaces.ts';
import { NodeRoot } from './node-root.ts';
import { type Ipam, writePodNetwork } from './pod-network.ts';

const COMMAND = join(import.meta.dirname, '../../../src/cli/orbweaver.mjs');
const MAIN_PLUGINS = '/usr/lib/cni';
const OWN_PLUGINS = join(import.meta.dirname, '../../../build/cni');
const CONTROLLER_PORT = 9091;
const NAMESPACE = 'orbweaver';
const KUBELET_HEALTH = 'http://127.0.0.1:10248/healthz';
const READY_POLL_MS = 200;
const READY_WAIT_MS = 90_000;

export interface NodeOptions {
  /** The `ipam` object of the network config. By default our plugin under the name `spiderpool`. */
  readonly ipam?: Ipam;
  /** Archives to import. */
  readonly images: readonly string[];
  /** The program of reaper.c. */
  readonly reaper: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Our plugin is not there: another installs it. */
  readonly withoutOwnPlugins?: boolean;
  /** No main plugin's config is written: another installs it. */
  readonly withoutNetwork?: boolean;
}

export interface AgentOptions {
  /** Where it finds the API server, for instance a proxy's `nodeUrl`. */
  readonly url?: string;
  /** Whom the API server takes it for; an administrator unless groups say otherwise. */
  readonly user?: string;
  readonly groups?: readonly string[];
  /** Further arguments of `orbweaver agent`. */
  readonly args?: readonly string[];
}

/** Everything that a machine needs to be a node, but for what a control plane needs. */
export const NODE_COMMANDS: Readonly<Record<string, string>> = {
  containerd: 'containerd',
  ctr: 'containerd',
  runc: 'runc',
  busybox: 'busybox-static',
  gcc: 'gcc',
  ip: 'iproute2',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  tar: 'tar',
};

export class ClusterNode {
  readonly name: string;
  readonly address: string;
  readonly namespaces: Namespaces;
  readonly root: NodeRoot;
  readonly containerd: Component;
  readonly kubelet: Component;
  readonly #controlPlane: ControlPlane;
  readonly #apiUrl: string;
  readonly #options: NodeOptions;

  private constructor(parts: {
    readonly name: string;
    readonly address: string;
    readonly namespaces: Namespaces;
    readonly root: NodeRoot;
    readonly containerd: Component;
    readonly kubelet: Component;
    readonly controlPlane: ControlPlane;
    readonly apiUrl: string;
    readonly options: NodeOptions;
  }) {
    this.name = parts.name;
    this.address = parts.address;
    this.namespaces = parts.namespaces;
    this.root = parts.root;
    this.containerd = parts.containerd;
    this.kubelet = parts.kubelet;
    this.#controlPlane = parts.controlPlane;
    this.#apiUrl = parts.apiUrl;
    this.#options = parts.options;
  }

  /** Starts one; it is registered and ready when this resolves. */
  static async start(
    controlPlane: ControlPlane,
    name: string,
    options: NodeOptions,
  ): Promise<ClusterNode> {
    const { run, site } = controlPlane;
    if (!(site instanceof ClusterNetwork)) {
      throw new Error('nodes want a control plane with a network of its own');
    }
    const { kept } = site;
    const number = site.nextNumber();
    const root = new NodeRoot(run.folder('nodes', name));
    const controlGroup = `${run.id}/${name}`;
    run.recordControlGroup(run.id);
    makeControlGroups(controlGroup);
    const { reaper } = options;
    const prepare = `${root.mounts}\necho 0 > /proc/sys/net/ipv6/conf/default/accept_dad`;
    const namespaces = await Namespaces.make({
      ...{ run, name, kept, reaper, isMachine: true, prepare },
    });
    const address = await site.plug(namespaces, number);
    const apiUrl = `https://${GATEWAY}:${site.port}`;
    const component = (
      program: string,
      command: readonly string[],
      isReady: () => boolean | Promise<boolean>,
    ) =>
      new Component({
        ...{ run, kept, isReady, name: `${program}-${name}` },
        command: namespaces.inside(command),
        ...(namespaces.pidOf === undefined ? {} : { pidOf: namespaces.pidOf }),
      });
    const containerd = component('containerd', runtimeCommand(root), async () => {
      // A socket file may be that of one that was killed.
      const { exit } = await namespaces.run('ctr', 'version');
      return exit === 0;
    });
    const settings = { name, address, apiUrl, controlGroup, root, controlPlane };
    const kubelet = component('kubelet', await kubeletCommand(settings), async () => {
      const { out } = await namespaces.run('busybox', 'wget', '-q', '-O-', KUBELET_HEALTH);
      return out === 'ok';
    });
    const parts = { namespaces, containerd, kubelet, options };
    const node = new ClusterNode({ ...settings, ...parts });
    await node.#start();
    return node;
  }

  async #start(): Promise<void> {
    this.#installPlugins();
    if (!this.#options.withoutNetwork) this.writeNetwork(this.#options.ipam);
    await this.containerd.start();
    for (const archive of this.#options.images) await this.importImage(archive);
    await this.kubelet.start();
    await this.ready();
    const labels = Object.entries(this.#options.labels ?? {}).map(
      ([key, value]) => `${key}=${value}`,
    );
    if (labels.length > 0)
      await this.#controlPlane.kubectl(['label', 'node', this.name, ...labels]);
  }

  #installPlugins(): void {
    const own = this.#options.withoutOwnPlugins
      ? []
      : programsIn(OWN_PLUGINS).filter((path) => basename(path) !== 'arm64');
    for (const program of [...programsIn(MAIN_PLUGINS), ...own]) {
      copyFileSync(program, this.root.outside(`/opt/cni/bin/${basename(program)}`));
    }
  }

  /** Gives the runtime the images of an OCI archive. */
  async importImage(archive: string): Promise<void> {
    await this.namespaces.must('ctr', '-n', 'k8s.io', 'images', 'import', archive);
  }

  /** Writes the network config of the pods: Debian's bridge plugin with this `ipam`. */
  writeNetwork(ipam: Ipam = { type: 'spiderpool' }): void {
    writePodNetwork(this.root.outside('/'), ipam);
  }

  /** Resolves once the API server calls the node ready. */
  async ready(): Promise<void> {
    const until = performance.now() + READY_WAIT_MS;
    while ((await this.#readiness()) !== 'True') {
      if (!this.kubelet.isUp || performance.now() > until) {
        throw new Error(`${this.name} did not become ready:\n${this.kubelet.log.slice(-6_000)}`);
      }
      await pause(READY_POLL_MS);
    }
  }

  async #readiness(): Promise<string | undefined> {
    const { status, text } = await this.#controlPlane.ask('GET', `/api/v1/nodes/${this.name}`);
    if (status !== 200) return undefined;
    const node = JSON.parse(text) as {
      status: { conditions?: { type: string; status: string }[] };
    };
    return node.status.conditions?.find(({ type }) => type === 'Ready')?.status;
  }

  /** Runs a program on the node. */
  run(...command: readonly string[]): Promise<ProcessResult> {
    return this.namespaces.run(...command);
  }

  /** A program that runs on the node until it is stopped; not started yet. */
  component(
    name: string,
    command: readonly string[],
    isReady: () => Promise<boolean> | boolean,
  ): Component {
    const { pidOf } = this.namespaces;
    return new Component({
      run: this.#controlPlane.run,
      kept: this.#controlPlane.site.kept,
      name: `${name}-${this.name}`,
      command: this.namespaces.inside(command),
      isReady,
      ...(pidOf === undefined ? {} : { pidOf }),
    });
  }

  /**
   * Our agent, as a process of the node; it serves when this resolves.
   */
  async startAgent(options: AgentOptions = {}): Promise<Component> {
    const socket = '/run/orbweaver/cni.sock';
    const outside = this.root.outside(socket);
    const isReady = async () => (await getStatus(outside, '/readyz')) === 200;
    const args = [
      ...['--node', this.name, '--state', '/var/lib/orbweaver'],
      ...['--socket', socket, '--cri-socket', RUNTIME_SOCKET],
    ];
    return await this.#startOwn('agent', args, options, isReady);
  }

  /** Our controller, in the same way. */
  async startController(options: AgentOptions = {}): Promise<Component> {
    const url = `http://${this.address}:${CONTROLLER_PORT}/readyz`;
    const isReady = async () => {
      const { exit } = await this.run('busybox', 'wget', '-q', '-O-', url);
      return exit === 0;
    };
    const args = ['--listen', `${this.address}:${CONTROLLER_PORT}`];
    return await this.#startOwn('controller', args, options, isReady);
  }

  async #startOwn(
    name: 'agent' | 'controller',
    args: readonly string[],
    options: AgentOptions,
    isReady: () => Promise<boolean>,
  ): Promise<Component> {
    const { user = name, groups = ['system:masters'], url = this.#apiUrl } = options;
    // It has to be there for the Leases.
    await this.#controlPlane.tryKubectl(['create', 'namespace', NAMESPACE]);
    const file = await this.#controlPlane.kubeconfigFor(user, groups, url);
    const command = [process.execPath, COMMAND, name, '--kubeconfig', file, ...args];
    const own = this.component(name, [...command, ...(options.args ?? [])], isReady);
    await own.start();
    return own;
  }

  /** A file of the node, by the path that the node knows. */
  read(path: string): string {
    return readFileSync(this.root.outside(path), 'utf8');
  }

  /** All of it goes at once, as by a power cut; the Node object stays. */
  kill(): Promise<void> {
    return this.namespaces.kill();
  }
}
