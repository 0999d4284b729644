/**
 * Where faults happen: a pool, and bare nodes that share it, each with its own proxy in front of the API server,
 * its agent with the rights of deploy/, and a runtime. One check looks after all of them.
 */
import { join } from 'node:path';
import type { AgentOptions } from '../../support/agent-process.ts';
import type { ApiProxy } from './api-proxy.ts';
import { AGENT_NAMESPACE, apply, BareNode, makeNamespace } from './bare-node.ts';
import { Churn } from './churn.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { type Counts, FaultCheck } from './fault-check.ts';
import type { FaultTable } from './fault-table.ts';
import { SandboxRuntime } from './sandbox-runtime.ts';

const RBAC = join(import.meta.dirname, '../../../deploy/base/agent-rbac.yaml');
const ACCOUNT = `system:serviceaccount:${AGENT_NAMESPACE}:orbweaver-agent`;
const PODS = 'faults';

/** A control plane on which stages can be set. */
export async function startFaultCluster(): Promise<ControlPlane> {
  const cluster = await startControlPlane({ crds: true });
  await makeNamespace(cluster, AGENT_NAMESPACE);
  await makeNamespace(cluster, PODS);
  await cluster.kubectl(['apply', '-f', RBAC]);
  return cluster;
}

export interface StageOptions {
  /** Of the pool, and the beginning of the names of its nodes. */
  readonly name: string;
  /** The pool's addresses are within this /24: `10.70.1`. */
  readonly network: string;
  /** The last parts of the pool's first and last address. */
  readonly range?: readonly [number, number];
  /** One node each. */
  readonly agents: readonly AgentOptions[];
  readonly table?: FaultTable;
  /** What was promised is written, and what is left behind is freed, within so many milliseconds. */
  readonly restMs?: number;
}

export interface StageNode {
  readonly node: BareNode;
  readonly proxy: ApiProxy;
  readonly runtime: SandboxRuntime;
}

/** Stages that are set at the same time are set one after the other: each agent wants a processor for its start. */
let setting: Promise<unknown> = Promise.resolve();
/** Of stages whose test has not ended them. */
const open = new Set<BareNode>();

/** Ends what tests have left that failed or took too long, and the cluster. */
export async function stopFaultCluster(cluster: ControlPlane | undefined): Promise<void> {
  for (const node of open) await node[Symbol.asyncDispose]();
  open.clear();
  await cluster?.stop();
}

export class FaultStage implements AsyncDisposable {
  readonly check: FaultCheck;
  readonly nodes: readonly StageNode[];
  readonly #table: FaultTable | undefined;
  #told: Counts & { conflicts: number } = { adds: 0, refused: 0, dels: 0, conflicts: 0 };

  private constructor(check: FaultCheck, nodes: readonly StageNode[], table?: FaultTable) {
    this.check = check;
    this.nodes = nodes;
    this.#table = table;
  }

  /** Makes pool, nodes and proxies, and starts the agents. */
  static set(cluster: ControlPlane, options: StageOptions): Promise<FaultStage> {
    const set = setting.then(() => FaultStage.#set(cluster, options));
    setting = set.catch(() => {});
    return set;
  }

  static async #set(cluster: ControlPlane, options: StageOptions): Promise<FaultStage> {
    const { name, network, range = [10, 209], agents, table, restMs } = options;
    await apply(cluster, {
      apiVersion: 'spiderpool.spidernet.io/v2beta1',
      kind: 'SpiderIPPool',
      metadata: { name },
      spec: {
        subnet: `${network}.0/24`,
        ips: [`${network}.${range[0]}-${network}.${range[1]}`],
      },
    });
    const check = new FaultCheck(cluster, name, network, restMs);
    const nodes: StageNode[] = [];
    for (const [at, agent] of agents.entries()) {
      const proxy = await cluster.newProxy();
      const kubeconfig = await cluster.kubeconfigFor(ACCOUNT, [], proxy.url);
      const node = await BareNode.make(cluster, `${name}-n${at + 1}`, { kubeconfig, agent });
      open.add(node);
      const parts = { cluster, node, check, namespace: PODS, pool: name };
      nodes.push({ node, proxy, runtime: new SandboxRuntime(parts) });
    }
    for (const { node } of nodes) await node.start();
    return new FaultStage(check, nodes, table);
  }

  /** Begins to make pods on all nodes, or on these. */
  churn(options: { workers?: number; seed?: number; on?: readonly StageNode[] } = {}): Churn {
    const { workers = 4, seed = 1, on = this.nodes } = options;
    const runtimes = on.map(({ runtime }) => runtime);
    return new Churn(runtimes, this.check, workers, seed);
  }

  /** Checks all that has to be true once no call is under way, and adds the fault to the table. */
  async settle(fault: string, restarts = 0): Promise<void> {
    await this.check.atRest(() => this.#collect());
    const before = this.#told;
    const now = { ...this.check.counts, conflicts: this.#conflicts };
    this.#told = now;
    this.#table?.add({
      fault,
      adds: now.adds - before.adds,
      refused: now.refused - before.refused,
      dels: now.dels - before.dels,
      conflicts: now.conflicts - before.conflicts,
      restarts,
    });
  }

  /** Everything that still runs ends, and nothing is left of it. */
  async clear(): Promise<void> {
    await Promise.all(
      this.nodes.flatMap(({ node, runtime }) =>
        this.check.running
          .filter((sandbox) => sandbox.node === node.name)
          .map(async (sandbox) => {
            await runtime.deletePod(sandbox.pod);
            await runtime.end(sandbox);
          }),
      ),
    );
    await this.check.atRest(() => this.#collect());
  }

  async #collect(): Promise<void> {
    for (const { runtime } of this.nodes) await runtime.collect();
  }

  get #conflicts(): number {
    const lost = this.nodes.flatMap(({ proxy }) =>
      proxy.seen.filter(
        ({ path, status }) => path.includes('/ipblocks') && (status === 409 || status === 422),
      ),
    );
    return lost.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { node } of this.nodes) {
      await node[Symbol.asyncDispose]();
      open.delete(node);
    }
  }
}
