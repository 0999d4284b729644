/**
 * One node's agent: the use-cases over a backend (backend.ts), and the socket in front, started in that order
 * and stopped in the reverse.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { type Log, type LogLevel, openLog } from '../http/log.ts';
import { Metrics } from '../http/metrics.ts';
import { buildServer, type HttpServer } from '../http/server.ts';
import { stopOnSignals } from '../http/stop-signals.ts';
import { listenOnTcp, readTcpAddress } from '../http/tcp-address.ts';
import { listenOnSocket } from '../http/unix-socket.ts';
import type { Parts } from '../ipam/parts.ts';
import { type CallRecord, IpamService } from '../ipam/service.ts';
import type { Backend, Opened } from './backend.ts';
import { cniRoute } from './cni-route.ts';
import { EmbeddedBackend, type EmbeddedBackendOptions } from './embedded-backend.ts';
import { refuseJson } from './json-route.ts';
import type { KubernetesBackendOptions } from './kubernetes-backend.ts';
import { observeCall, observeUnanswered } from './observer.ts';
import { PodEvents } from './pod-events.ts';
import { poolUsage } from './pool-usage.ts';
import type { AgentResponse } from './protocol.ts';
import { commandRoutes, publicRoutes, type RouteParts } from './routes.ts';
import { refusePath, spiderpoolApiRoutes } from './spiderpool-api.ts';

export interface AgentOptions {
  /** State folder; made if missing. */
  readonly state: string;
  /** Absolute path of the unix socket. */
  readonly socket: string;
  /** Name of this node. */
  readonly node: string;
  /** The version that `orbweaver version` shows. */
  readonly version: string;
  /** Where addresses and objects are kept. */
  readonly backend:
    | ({ readonly kind: 'embedded' } & EmbeddedBackendOptions)
    | ({ readonly kind: 'kubernetes' } & KubernetesBackendOptions);
  /** Absolute path of a further socket, with Spiderpool's agent API. */
  readonly spiderpoolSocket?: string;
  /** HOST:PORT of a further listener for metrics and health. */
  readonly listen?: string;
  readonly logLevel: LogLevel;
}

export interface Agent {
  readonly socket: string;
  /** HOST:PORT of the TCP listener with the real port, where there is one. */
  readonly tcp: string | undefined;
  /**
   * Stops accepting, answers what is in flight, closes the backend. Further calls wait for the same
   * stop.
   */
  stop(): Promise<void>;
  /** Resolves when the agent has stopped, by `stop` or by a signal. */
  readonly stopped: Promise<void>;
}

/**
 * Starts an agent and resolves when its socket answers. On an API server that is not yet read, the answer may
 * be that the agent is not ready.
 *
 * Throws SOCKET_IN_USE, IO_FAILURE, USAGE, or what `Backend.open` does; then nothing is left running.
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const listen = options.listen === undefined ? undefined : readTcpAddress(options.listen);
  const log = openLog(options.logLevel);
  const running = new RunningAgent(options, log, await backendOf(options, log));
  try {
    await running.open();
    await running.listenOnSockets();
    if (listen !== undefined) {
      await running.listenOnTcp(listen);
    }
  } catch (error) {
    // What went wrong first is what the operator needs to know.
    await running.stop().catch(() => {});
    throw error;
  }
  stopOnSignals(running, log);
  log.info({ node: options.node, socket: options.socket, tcp: running.tcp }, 'ready');
  return running;
}

async function backendOf({ backend }: AgentOptions, log: Log): Promise<Backend> {
  if (backend.kind === 'embedded') {
    return new EmbeddedBackend(backend, log);
  }
  // The client of the API server is large, and on one machine nobody needs it.
  const { KubernetesBackend } = await import('./kubernetes-backend.ts');
  return new KubernetesBackend(backend, log);
}

class RunningAgent implements Agent {
  readonly #options: AgentOptions;
  readonly #log: Log;
  readonly #backend: Backend;
  readonly #events: PodEvents;
  readonly #metrics: Metrics;
  readonly #servers: HttpServer[] = [];
  readonly #stopped = Promise.withResolvers<void>();
  #opened: Opened | undefined;
  #service: IpamService | undefined;
  #stopping = false;
  #tcp: string | undefined;

  constructor(options: AgentOptions, log: Log, backend: Backend) {
    this.#options = options;
    this.#log = log;
    this.#backend = backend;
    this.#events = new PodEvents(() => backend.clock.now());
    this.#metrics = new Metrics({
      pools: () => (this.#opened === undefined ? [] : poolUsage(this.#opened)),
      queueDepth: () => this.#service?.queueDepth ?? 0,
      engineRebuilds: () => this.#opened?.allocator.rebuilds ?? 0,
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

  async open(): Promise<void> {
    const { node, state } = this.#options;
    await this.#backend.open({
      node,
      state,
      log: this.#log,
      metrics: this.#metrics,
      serve: (opened) => this.#serve(opened),
      podDeleted: (namespace, name) => this.#events.forget(namespace, name),
    });
  }

  async listenOnSockets(): Promise<void> {
    const { socket, spiderpoolSocket } = this.#options;
    const calls = this.#callParts();
    const routes = [
      cniRoute(calls),
      ...commandRoutes(
        () => this.#about(),
        () => this.#routeParts(),
      ),
      ...this.#publicRoutes(),
    ];
    await this.#listen(await buildServer(routes, refuseJson), socket);
    if (spiderpoolSocket !== undefined) {
      const api = spiderpoolApiRoutes({
        ...calls,
        ipam: () => (this.#stopping ? undefined : this.#service?.parts),
        released: () => this.#backend.freed(),
      });
      await this.#listen(await buildServer(api, refusePath), spiderpoolSocket);
    }
  }

  async listenOnTcp(address: { host: string; port: number }): Promise<void> {
    const http = await buildServer(this.#publicRoutes(), refuseJson);
    const port = await listenOnTcp(http.server, address);
    this.#servers.push(http);
    this.#tcp = address.host.includes(':')
      ? `[${address.host}]:${port}`
      : `${address.host}:${port}`;
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
    await this.#backend.close();
    this.#log.info({}, 'stopped');
    this.#log.close();
  }

  async #listen(http: HttpServer, socket: string): Promise<void> {
    await listenOnSocket(http.server, socket);
    this.#servers.push(http);
  }

  #callParts() {
    return {
      service: () => this.#callService(),
      refusal: (verb: string) => this.#refusal(verb),
      clock: this.#backend.clock,
      events: this.#events,
      unanswered: (verb: string, error: OrbweaverError, ms: number) =>
        observeUnanswered(this.#log, this.#metrics, verb, error, ms),
    };
  }

  #serve(opened: Opened): Parts {
    const { node } = this.#options;
    const { clock } = this.#backend;
    this.#opened = opened;
    this.#service = new IpamService({
      ...opened,
      clock,
      node,
      observe: (record) => this.#observe(record),
    });
    return this.#service.parts;
  }

  #publicRoutes() {
    return publicRoutes(this.#metrics, () => this.#refusal('STATUS'));
  }

  /** Until the use-cases are there, a DEL may be promised; everything else is refused. */
  #callService(): Pick<IpamService, 'call'> | undefined {
    const { promised } = this.#backend;
    if (this.#stopping) {
      return undefined;
    }
    return this.#service ?? (promised && { call: (request) => promised.answer(request) });
  }

  /** Why a verb is not served now; undefined: it is. */
  #refusal(verb: string): string | undefined | Promise<string | undefined> {
    if (this.#stopping) {
      return 'the agent is stopping';
    }
    if (this.#service !== undefined) {
      return this.#backend.refusal(verb);
    }
    const promises = verb === 'DEL' && this.#backend.promised !== undefined;
    return promises ? undefined : `the agent is starting: ${this.#backend.waiting}`;
  }

  #routeParts(): RouteParts {
    const { commands } = this.#backend;
    if (this.#service === undefined || commands === undefined) {
      throw new OrbweaverError('NOT_READY', `the agent is starting: ${this.#backend.waiting}`);
    }
    return {
      ...commands,
      ipam: this.#service.parts,
      events: this.#events,
      released: () => this.#backend.freed(),
    };
  }

  #observe(record: CallRecord): void {
    observeCall(this.#log, this.#metrics, record);
    this.#backend.observe(record);
    if (record.addresses.length > 0 && record.verb !== 'ADD') {
      this.#backend.freed();
    }
  }

  async #about(): Promise<AgentResponse> {
    const { version, node } = this.#options;
    const waits = await this.#refusal('STATUS');
    return { version, node, ready: waits === undefined, ...(waits === undefined ? {} : { waits }) };
  }
}
