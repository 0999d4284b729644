/** A whole cluster: a control plane in a network of its own and nodes that are plugged into it. */

import { ALL_PROGRAMS } from './binaries.ts';
import { ClusterNetwork } from './cluster-network.ts';
import { absentHierarchies } from './control-groups.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { compileReaper, makeImages } from './images.ts';
import { neverPullImages, POLICY_ARGS } from './local-images.ts';
import { absentCommands, missingParts } from './missing-parts.ts';
import { ClusterNode, NODE_COMMANDS, type NodeOptions } from './node.ts';
import { RunFolder } from './run-folder.ts';

export interface ClusterOptions {
  readonly nodes: readonly string[];
  readonly node?: Partial<NodeOptions>;
  readonly crds?: boolean;
  /** It stays when this process ends; `npm run cluster -- down` takes it away. */
  readonly kept?: boolean;
  /** Told of each step that takes its time. */
  readonly say?: (line: string) => void;
}

export class Cluster implements AsyncDisposable {
  readonly controlPlane: ControlPlane;
  readonly images: readonly string[];
  readonly #reaper: string;
  readonly #nodes = new Map<string, ClusterNode>();

  private constructor(controlPlane: ControlPlane, images: readonly string[], reaper: string) {
    this.controlPlane = controlPlane;
    this.images = images;
    this.#reaper = reaper;
  }

  static async start(options: ClusterOptions): Promise<Cluster> {
    const { say = () => {}, kept = false } = options;
    const run = kept ? RunFolder.makeKept() : await RunFolder.make();
    let cluster: Cluster | undefined;
    try {
      const reaper = await compileReaper(run);
      const images = await makeImages(run, reaper);
      const site = await ClusterNetwork.make(run, reaper, kept);
      say('control plane');
      const controlPlane = await startControlPlane({
        site,
        components: ['controller-manager', 'scheduler'],
        apiServerArgs: POLICY_ARGS,
        ...(options.crds === undefined ? {} : { crds: options.crds }),
      });
      await neverPullImages(controlPlane);
      cluster = new Cluster(controlPlane, images, reaper);
      say(`nodes ${options.nodes.join(', ')}`);
      await Promise.all(options.nodes.map((name) => cluster!.addNode(name, options.node)));
      return cluster;
    } catch (error) {
      await run.remove();
      throw error;
    }
  }

  /** Starts another node; it is ready when this resolves. */
  async addNode(name: string, more: Partial<NodeOptions> = {}): Promise<ClusterNode> {
    const options = { images: this.images, reaper: this.#reaper, ...more };
    const node = await ClusterNode.start(this.controlPlane, name, options);
    this.#nodes.set(name, node);
    return node;
  }

  get nodes(): readonly ClusterNode[] {
    return [...this.#nodes.values()];
  }

  /** Throws where there is none of this name. */
  node(name: string): ClusterNode {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new Error(`no node ${name}`);
    return node;
  }

  /** As an administrator; what it prints. */
  kubectl(args: readonly string[], input?: string): Promise<string> {
    return this.controlPlane.kubectl(args, input);
  }

  /** Stops everything and leaves nothing behind. */
  stop(): Promise<void> {
    return this.controlPlane.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** In words, what this machine lacks for a cluster with nodes; empty: nothing. */
export function missingForNodes(): string[] {
  return [
    ...(process.getuid?.() === 0 ? [] : ['only root may make network namespaces']),
    ...missingParts(ALL_PROGRAMS),
    ...absentCommands(NODE_COMMANDS),
    ...absentHierarchies().map((name) => `cgroup v1 hierarchy ${name} is missing`),
  ];
}
