/**
 * The backend of a node of a cluster: the API server keeps addresses and objects (src/kube). The state folder
 * holds who this agent is, and what it was about to write.
 *
 *     state folder ─ socket answers ─┬─ Lease of the node name ─┐
 *                                    └─ pools, pods, … ─────────┴─ blocks, journal settled ─ engine ─ ADD is served
 *
 * An API server that is away holds up the ready agent, never its start: the socket answers at once, with what it
 * waits for.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { OrbweaverError } from '../catalogue/errors.ts';
import type { RuntimeSandboxes } from '../cri/runtime-sandboxes.ts';
import type { Log } from '../http/log.ts';
import { Allocator } from '../ipam/allocator.ts';
import { OwnNodeFreeing } from '../ipam/own-node-freeing.ts';
import type { Parts } from '../ipam/parts.ts';
import { PromisedDels } from '../ipam/promised-dels.ts';
import type { CallRecord } from '../ipam/service.ts';
import { pause, systemTimers, type Timers } from '../ipam/timers.ts';
import { agentId } from '../kube/agent-id.ts';
import { ApiServer } from '../kube/api-server.ts';
import type { Change } from '../kube/block-cache.ts';
import { BlockServer } from '../kube/block-server.ts';
import { KubernetesCluster } from '../kube/cluster.ts';
import { KubernetesLedger } from '../kube/ledger.ts';
import { NodeLease } from '../kube/node-lease.ts';
import { KubeObjects } from '../kube/objects.ts';
import type { Trouble } from '../kube/own-claims.ts';
import { PodEventWriter } from '../kube/pod-event-writer.ts';
import { ServerProbe } from '../kube/server-probe.ts';
import { SqliteJournal } from '../kube/sqlite-journal.ts';
import { formatAddress } from '../net/address.ts';
import type { Backend, CommandParts, Host } from './backend.ts';
import { clusterCommands } from './kubernetes-commands.ts';
import { refusalOf } from './refusal-event.ts';
import { WholeLook } from './whole-look.ts';

export interface KubernetesBackendOptions {
  /** Absent: the service account of the pod that the agent runs in. */
  readonly kubeconfig?: string;
  /** Where the Leases of agents are. */
  readonly namespace: string;
  /** The container runtime's socket. */
  readonly criSocket?: string;
}

/** A start that failed is tried again after this many milliseconds. */
const AGAIN_MS = 5_000;

/**
 * Verbs that name one attachment and give nothing out: they are served also by an agent that does not hold the
 * Lease. GC is not one of them: what this machine's runtime does not list may be another machine's.
 */
const HARMLESS: readonly string[] = ['DEL', 'CHECK'];

export class KubernetesBackend implements Backend {
  readonly #options: KubernetesBackendOptions;
  readonly #log: Log;
  readonly #api: ApiServer;
  readonly #objects: KubeObjects;
  readonly #timers: Timers;
  readonly #run = randomUUID();
  #journal: SqliteJournal | undefined;
  #promised: PromisedDels | undefined;
  #lease: NodeLease | undefined;
  #probe: ServerProbe | undefined;
  #cluster: KubernetesCluster | undefined;
  #ledger: KubernetesLedger | undefined;
  #events: PodEventWriter | undefined;
  #freeing: OwnNodeFreeing | undefined;
  #sandboxes: RuntimeSandboxes | undefined;
  #commands: CommandParts | undefined;
  /** Why the last try to read everything came to nothing. */
  #failure: string | undefined;
  /** Why the last try to list the blocks came to nothing. */
  #listFailure: string | undefined;
  #closed = false;
  readonly #closing = new AbortController();

  /** Throws KUBECONFIG_INVALID. */
  constructor(options: KubernetesBackendOptions, log: Log) {
    this.#options = options;
    this.#log = log;
    this.#api =
      options.kubeconfig === undefined
        ? ApiServer.inCluster()
        : ApiServer.fromKubeconfig(options.kubeconfig);
    this.#objects = new KubeObjects(this.#api);
    this.#timers = systemTimers(this.#api.clock);
  }

  get clock() {
    return this.#api.clock;
  }

  get commands(): CommandParts | undefined {
    return this.#commands;
  }

  get promised(): PromisedDels | undefined {
    return this.#promised;
  }

  get waiting(): string {
    if (this.#failure !== undefined) {
      return this.#failure;
    }
    if (this.#lease?.refusal !== undefined) {
      return this.#lease.refusal;
    }
    const kinds = this.#cluster?.unsynced ?? [];
    if (kinds.length > 0) {
      return `${kinds.join(', ')} of ${this.#api.url} are not read yet`;
    }
    return this.#listFailure === undefined
      ? `the IPBlocks of ${this.#api.url} are being read`
      : `the IPBlocks of ${this.#api.url} cannot be read: ${this.#listFailure}`;
  }

  /** Throws STORE_LOCKED, STORE_DAMAGED, STORE_TOO_NEW, STORE_FAILURE or IO_FAILURE. */
  async open(host: Host): Promise<void> {
    mkdirSync(host.state, { recursive: true, mode: 0o700 });
    this.#journal = SqliteJournal.open(host.state);
    this.#promised = new PromisedDels(this.#journal);
    const id = agentId(host.state);
    const parts = { objects: this.#objects, timers: this.#timers, random: Math.random };
    this.#lease = new NodeLease({
      ...parts,
      namespace: this.#options.namespace,
      node: host.node,
      id,
      run: this.#run,
      host: hostname(),
      monotonic: () => performance.now(),
      onChange: (refusal) => this.#logLease(refusal),
    });
    this.#probe = new ServerProbe(this.#api, this.#lease.place);
    this.#events = new PodEventWriter({
      ...parts,
      node: host.node,
      run: this.#run,
      onRefused: (reason) => this.#log.warn({ reason }, 'Events of pods cannot be written'),
    });
    this.#lease.start();
    void this.#readUntilDone(host);
  }

  refusal(verb: string): string | undefined | Promise<string | undefined> {
    if (HARMLESS.includes(verb)) {
      return undefined;
    }
    const refusal = this.#lease!.refusal;
    return refusal !== undefined || verb !== 'STATUS' ? refusal : this.#probe!.away();
  }

  observe(record: CallRecord): void {
    const refusal = refusalOf(record);
    if (refusal !== undefined) {
      this.#events!.refused(refusal);
    }
  }

  freed(): void {}

  async close(): Promise<void> {
    this.#closed = true;
    this.#closing.abort();
    this.#lease?.close();
    this.#events?.close();
    this.#freeing?.stop();
    this.#sandboxes?.close();
    this.#cluster?.close();
    this.#ledger?.close();
    await this.#api.close();
    this.#journal?.close();
  }

  /** An API server that is away is waited for inside; what fails otherwise, the journal's disk say, is tried again. */
  async #readUntilDone(host: Host): Promise<void> {
    while (!this.#closed) {
      try {
        await this.#read(host);
        return;
      } catch (error) {
        this.#cluster?.close();
        this.#ledger?.close();
        this.#failure = error instanceof Error ? error.message : String(error);
        if (!this.#closed) {
          this.#log.error({ error: String(error) }, 'the agent could not start to serve');
          await pause(this.#timers, AGAIN_MS);
          this.#failure = undefined;
        }
      }
    }
  }

  async #read(host: Host): Promise<void> {
    const { node } = host;
    const timers = this.#timers;
    const parts = { timers, random: Math.random };
    const cluster = KubernetesCluster.open({
      ...parts,
      api: this.#api,
      node,
      onProblem: (problem) => this.#log.error({ problem }, 'an object cannot be read'),
    });
    this.#cluster = cluster;
    // Nothing is settled under a node name that is another agent's.
    await Promise.all([cluster.synced(), this.#lease!.held]);
    let allocator: Allocator | undefined;
    const ledgerParts = {
      ...parts,
      node,
      api: new BlockServer(this.#api),
      journal: this.#journal!,
      onChange: ({ addresses, units }: Change) => allocator?.learn(addresses, units),
      onListFailed: (reason: string) => this.#logListFailure(reason),
      onTrouble: ({ kind, place, block, fault }: Trouble) =>
        this.#log.error({ kind, place, block, fault }, 'an IPBlock was edited by hand'),
    };
    const ledger = await KubernetesLedger.open(ledgerParts, this.#closing.signal);
    this.#listFailure = undefined;
    this.#ledger = ledger;
    const { criSocket } = this.#options;
    const runtime = criSocket === undefined ? undefined : await connectRuntime(criSocket);
    if (this.#closed) {
      ledger.close();
      runtime?.close();
      return;
    }
    this.#sandboxes = runtime;
    if (cluster.get('Node', '', node) === undefined) {
      this.#log.error(
        { node },
        'there is no Node of this name: no pool that asks for a node serves here',
      );
    }
    allocator = new Allocator({ ledger, cluster, clock: this.clock });
    const promised = this.#promised!;
    const use = host.serve({ ledger, cluster, allocator, timers, promised });
    const look = new WholeLook({ objects: this.#objects, cluster, timers });
    this.#commands = {
      ...clusterCommands({ cluster, ledger, allocator }),
      look: (own) => look.take(own),
    };
    const freeing = this.#free(use, timers, runtime);
    cluster.onPodGone((namespace, name, deleted) => {
      freeing.onPodGone(namespace, name);
      if (deleted) {
        this.#events!.forget(namespace, name);
        host.podDeleted(namespace, name);
      }
    });
    cluster.onPodsListed(() => freeing.onPodsListed());
    this.#log.info({ server: this.#api.url, ms: Math.round(performance.now()) }, 'synced');
  }

  /** What no DEL came for (rule 15); without the runtime's socket, only what is kept for pods that have ended. */
  #free(use: Parts, timers: Timers, runtime: RuntimeSandboxes | undefined): OwnNodeFreeing {
    this.#freeing = new OwnNodeFreeing({
      use,
      timers,
      ...(runtime === undefined ? {} : { sandboxes: { ids: () => this.#sandboxIds(runtime) } }),
      onFreed: (claims) =>
        this.#log.info(
          { addresses: claims.map(({ address }) => formatAddress(address)) },
          'addresses of pods that are gone were freed',
        ),
      onProblem: (problem) =>
        this.#log.warn({ problem }, 'addresses of pods that are gone are not freed'),
    });
    this.#freeing.start();
    return this.#freeing;
  }

  /** The runtime of another machine is not asked, so without the Lease nobody knows which sandboxes there are. */
  async #sandboxIds(runtime: RuntimeSandboxes): Promise<readonly string[]> {
    const refusal = this.#lease!.refusal;
    if (refusal !== undefined) {
      throw new OrbweaverError('NOT_READY', refusal);
    }
    return runtime.ids();
  }

  #logListFailure(reason: string): void {
    if (reason !== this.#listFailure) {
      this.#listFailure = reason;
      this.#log.warn({ reason }, 'the IPBlocks cannot be read');
    }
  }

  #logLease(refusal: string | undefined): void {
    if (refusal === undefined) {
      this.#log.info({}, 'the Lease of the node name is held');
    } else {
      this.#log.error({ reason: refusal }, 'no ADD is served');
    }
  }
}

/** The gRPC library takes memory that an agent without a runtime's socket need not have. */
async function connectRuntime(socket: string): Promise<RuntimeSandboxes> {
  const { RuntimeSandboxes } = await import('../cri/runtime-sandboxes.ts');
  return new RuntimeSandboxes(socket);
}
