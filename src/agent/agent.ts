/**
 * One machine's agent: the store, the use-cases over it, and the socket in front, started in that
 * order and stopped in the reverse.
 *
 *     state folder ─ ledger, objects ─ engine ─ use-cases ─ socket
 *
 * The socket comes last, so whoever is answered at all is answered by an agent that has read
 * everything.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { EmbeddedStore } from '../embedded/store.ts';
import { type Log, type LogLevel, openLog } from '../http/log.ts';
import { Metrics } from '../http/metrics.ts';
import { buildServer, type HttpServer } from '../http/server.ts';
import { listenOnTcp, readTcpAddress } from '../http/tcp-address.ts';
import { listenOnSocket } from '../http/unix-socket.ts';
import { Allocator } from '../ipam/allocator.ts';
import { MonotonicClock } from '../ipam/clock.ts';
import { type CallRecord, IpamService } from '../ipam/service.ts';
import { cniRoute } from './cni-route.ts';
import { refuseJson } from './json-route.ts';
import { readManifestFiles } from './manifest-files.ts';
import { observeCall, observeUnanswered } from './observer.ts';
import { PodEvents } from './pod-events.ts';
import { poolUsage } from './pool-usage.ts';
import type { AgentResponse } from './protocol.ts';
import { commandRoutes, publicRoutes } from './routes.ts';

export interface AgentOptions {
  /** Folder of the state file; made if missing. */
  readonly state: string;
  /** Absolute path of the unix socket. */
  readonly socket: string;
  /** Name of this node. */
  readonly node: string;
  /** The version that `orbweaver version` shows. */
  readonly version: string;
  /** Files and folders of manifests to apply before anything is served. */
  readonly manifests: { readonly names: readonly string[]; readonly folder: string };
  /** HOST:PORT of a further listener for metrics and health. */
  readonly listen?: string;
  readonly logLevel: LogLevel;
}

export interface Agent {
  readonly socket: string;
  /** HOST:PORT of the TCP listener with the real port, where there is one. */
  readonly tcp: string | undefined;
  /**
   * Stops accepting, answers what is in flight, closes the store. Further calls wait for the same
   * stop.
   */
  stop(): Promise<void>;
  /** Resolves when the agent has stopped, by `stop` or by a signal. */
  readonly stopped: Promise<void>;
}

const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/**
 * Starts an agent and resolves when it serves. Throws STORE_LOCKED, STORE_DAMAGED, STORE_TOO_NEW,
 * SOCKET_IN_USE, IO_FAILURE, USAGE, or what is wrong with a manifest; then nothing is left running.
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const listen = options.listen === undefined ? undefined : readTcpAddress(options.listen);
  const log = openLog(options.logLevel);
  const running = new RunningAgent(options, log);
  try {
    await running.open();
    await running.listenOnSocket();
    if (listen !== undefined) {
      await running.listenOnTcp(listen);
    }
  } catch (error) {
    // What went wrong first is what the operator needs to know.
    await running.stop().catch(() => {});
    throw error;
  }
  running.stopOnSignals();
  log.info({ node: options.node, socket: options.socket, tcp: running.tcp }, 'ready');
  return running;
}

class RunningAgent implements Agent {
  readonly #options: AgentOptions;
  readonly #log: Log;
  readonly #clock: MonotonicClock;
  readonly #events: PodEvents;
  readonly #metrics: Metrics;
  readonly #servers: HttpServer[] = [];
  readonly #stopped = Promise.withResolvers<void>();
  #store: EmbeddedStore | undefined;
  #allocator: Allocator | undefined;
  #service: IpamService | undefined;
  #stopping = false;
  /** Resolves when pools that lost their last claim are gone. */
  #swept: Promise<void> = Promise.resolve();
  #tcp: string | undefined;

  constructor(options: AgentOptions, log: Log) {
    this.#options = options;
    this.#log = log;
    this.#clock = new MonotonicClock((ms) => log.warn({ ms }, 'the clock was set back'));
    this.#events = new PodEvents(() => this.#clock.now());
    this.#metrics = new Metrics({
      pools: () => this.#poolUsage(),
      queueDepth: () => this.#service?.queueDepth ?? 0,
      engineRebuilds: () => this.#allocator?.rebuilds ?? 0,
    });
  }

  get socket(): string {
    return this.#options.socket;
  }

  get tcp(): string | undefined {
    return this.#tcp;
  }

  get stopped(): Promise<void> {
    return this.#stopped.promise;
  }

  /** Opens the store, applies the manifests and fills the engine. */
  async open(): Promise<void> {
    const { state, node } = this.#options;
    const clock = this.#clock;
    this.#store = await EmbeddedStore.open(state, {
      clock,
      node,
      onCommit: ({ writes, durationMs }) => this.#metrics.committed(writes, durationMs),
      onFailure: (error) => {
        this.#metrics.commitFailed();
        this.#log.error({ error: String(error) }, 'a commit failed');
      },
    });
    await this.#applyManifests(this.#store);
    this.#forgetEventsOfDeleted(this.#store);
    for (const problem of this.#store.objects.problems) {
      this.#log.error({ problem }, 'a stored object cannot be read');
    }
    const { ledger, cluster } = this.#store;
    const allocator = new Allocator({ ledger, cluster, clock });
    this.#allocator = allocator;
    this.#service = new IpamService({
      ledger,
      cluster,
      allocator,
      clock,
      node,
      observe: (record) => this.#observe(record),
    });
    // The last claim of a pool may have gone just before the agent was killed.
    this.#sweep();
  }

  async listenOnSocket(): Promise<void> {
    const service = this.#service!;
    const store = this.#store!;
    const routes = [
      cniRoute({
        service: () => (this.#stopping ? undefined : service),
        clock: this.#clock,
        events: this.#events,
        unanswered: (verb, error, ms) =>
          observeUnanswered(this.#log, this.#metrics, verb, error, ms),
      }),
      ...commandRoutes({
        ipam: service.parts,
        keeper: store.objects,
        projection: {
          objects: store.objects,
          ledger: store.ledger,
          cluster: store.cluster,
          allocator: this.#allocator!,
          allocatedCounts: () => store.ledger.claimedCounts(),
        },
        events: this.#events,
        backup: store,
        about: () => this.#about(),
        released: () => this.#sweep(),
        swept: () => this.#swept,
      }),
      ...publicRoutes(this.#metrics, () => !this.#stopping),
    ];
    const http = await buildServer(routes, refuseJson);
    await listenOnSocket(http.server, this.#options.socket);
    this.#servers.push(http);
  }

  async listenOnTcp(address: { host: string; port: number }): Promise<void> {
    const http = await buildServer(
      publicRoutes(this.#metrics, () => !this.#stopping),
      refuseJson,
    );
    const port = await listenOnTcp(http.server, address);
    this.#servers.push(http);
    this.#tcp = address.host.includes(':')
      ? `[${address.host}]:${port}`
      : `${address.host}:${port}`;
  }

  /** The first signal stops in good order; a second one ends the process at once. */
  stopOnSignals(): void {
    for (const signal of STOP_SIGNALS) {
      const onSignal = () => {
        this.#log.info({ signal }, 'stopping');
        void this.stop();
      };
      process.once(signal, onSignal);
      void this.stopped.then(() => process.off(signal, onSignal));
    }
  }

  stop(): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      this.#stopAll().then(this.#stopped.resolve, this.#stopped.reject);
    }
    return this.stopped;
  }

  async #stopAll(): Promise<void> {
    await Promise.all(this.#servers.map((http) => http.close()));
    await this.#service?.close();
    this.#store?.close();
    this.#log.info({}, 'stopped');
    this.#log.close();
  }

  /**
   * An object that is refused stops the start: an agent with half of its pools would hand out wrong
   * ones.
   */
  async #applyManifests(store: EmbeddedStore): Promise<void> {
    const { names, folder } = this.#options.manifests;
    const sourced = readManifestFiles(names, { folder });
    // All at once: they are admitted in this order and share the flushes to disk.
    const edits = sourced.map(({ object }) => store.objects.apply(object));
    await Promise.allSettled(edits);
    for (const [at, { object, source }] of sourced.entries()) {
      try {
        const { action, warnings } = await edits[at]!;
        for (const warning of warnings) {
          this.#log.warn({ source, object: object.metadata.name, warning }, 'manifest');
        }
        this.#log.info(
          { source, kind: object.kind, object: object.metadata.name, action },
          'manifest',
        );
      } catch (error) {
        if (!(error instanceof OrbweaverError)) {
          throw error;
        }
        throw new OrbweaverError(error.code, `${source}: ${error.message}`, error.details, {
          cause: error,
        });
      }
    }
  }

  #forgetEventsOfDeleted({ objects }: EmbeddedStore): void {
    objects.onChange((ref) => {
      if (ref?.kind === 'Pod' && objects.get(ref) === undefined) {
        this.#events.forget(ref.namespace, ref.name);
      }
    });
  }

  #observe(record: CallRecord): void {
    observeCall(this.#log, this.#metrics, record);
    if (record.addresses.length > 0 && record.verb !== 'ADD') {
      this.#sweep();
    }
  }

  /** A pool that is being deleted goes with its last claim. */
  #sweep(): void {
    this.#swept = this.#store!.objects.sweepTerminating().then(
      (names) => {
        if (names.length > 0) {
          this.#log.info({ pools: names }, 'pools deleted with their last address');
        }
      },
      (error) => this.#log.error({ error: String(error) }, 'pools could not be deleted'),
    );
  }

  #poolUsage() {
    const store = this.#store;
    const allocator = this.#allocator;
    return store === undefined || allocator === undefined
      ? []
      : poolUsage({ ledger: store.ledger, cluster: store.cluster, allocator });
  }

  #about(): AgentResponse {
    const { version, node } = this.#options;
    return { version, node, ready: !this.#stopping };
  }
}
