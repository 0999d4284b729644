/**
 * `orbweaver controller`: one process of it, from its connection to the API server to its end.
 *
 *     API server ─ views ─ webhook, metrics ─ Lease ─ duties
 *
 * It needs no pod network of its own, and nothing in it is kept: a controller that is killed is replaced by another
 * that reads everything and goes on.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { OrbweaverError } from '../catalogue/errors.ts';
import { ControllerMetrics } from '../http/controller-metrics.ts';
import { type Log, type LogLevel, openLog } from '../http/log.ts';
import type { Reply, Route } from '../http/route.ts';
import { buildServer, type HttpServer } from '../http/server.ts';
import { stopOnSignals } from '../http/stop-signals.ts';
import { listenOnTcp, readTcpAddress, type TcpAddress } from '../http/tcp-address.ts';
import { nonceSource } from '../ipam/nonces.ts';
import { systemTimers } from '../ipam/timers.ts';
import { ApiServer } from '../kube/api-server.ts';
import { KubeObjects } from '../kube/objects.ts';
import { OwnerChain } from '../kube/owner-chain.ts';
import { apiAccess } from './api-access.ts';
import { installCrds } from './crd-install.ts';
import { Reconciler } from './reconciler.ts';
import { startWebhook, type Webhook, type WebhookOptions } from './webhook.ts';

export interface ControllerOptions {
  /** A file; absent: the service account of the pod that this runs in. */
  readonly kubeconfig?: string;
  /** Where the Leases of agents and controllers are. */
  readonly namespace: string;
  /** HOST:PORT for metrics and health. */
  readonly listen?: string;
  /** A folder of CRDs: those of the dialects that the cluster does not have are made. Absent: none are. */
  readonly crds?: string;
  /** Absent: no admission webhook is served. */
  readonly webhook?: WebhookOptions;
  readonly logLevel: LogLevel;
  /** The version that the API server's audit log shows. */
  readonly version: string;
}

export interface Controller {
  /** HOST:PORT of the TCP listener with the real port, where there is one. */
  readonly tcp: string | undefined;
  /** The webhook's port, where there is one. */
  readonly webhookPort: number | undefined;
  /** Stops writing, hands the Lease on, closes. Further calls wait for the same stop. */
  stop(): Promise<void>;
  /** Resolves when the controller has stopped, by `stop` or by a signal. */
  readonly stopped: Promise<void>;
}

/** Timers keep no process alive, and an API server that is away holds no socket open. */
const KEEP_ALIVE_MS = 60_000;

/**
 * Starts a controller and resolves when it listens; it reads and tries to lead from then on, for as long as the API
 * server is away. Throws KUBECONFIG_INVALID, IO_FAILURE or USAGE; then nothing is left running.
 */
export async function startController(options: ControllerOptions): Promise<Controller> {
  const listen = options.listen === undefined ? undefined : readTcpAddress(options.listen);
  const log = openLog(options.logLevel);
  const running = new RunningController(options, log);
  try {
    await running.listen(listen);
  } catch (error) {
    await running.stop().catch(() => {});
    throw error;
  }
  running.begin();
  return running;
}

class RunningController implements Controller {
  readonly #options: ControllerOptions;
  readonly #log: Log;
  readonly #api: ApiServer;
  readonly #objects: KubeObjects;
  readonly #reconciler: Reconciler;
  readonly #metrics: ControllerMetrics;
  readonly #timers = systemTimers({ now: () => performance.now() });
  readonly #stopped = Promise.withResolvers<void>();
  readonly #keepAlive = setInterval(() => {}, KEEP_ALIVE_MS);
  #http: HttpServer | undefined;
  #webhook: Webhook | undefined;
  #stopping = false;
  #tcp: string | undefined;

  constructor(options: ControllerOptions, log: Log) {
    this.#options = options;
    this.#log = log;
    try {
      const { kubeconfig, version } = options;
      const agent = { userAgent: `orbweaver-controller/${version}` };
      this.#api =
        kubeconfig === undefined
          ? ApiServer.inCluster(agent)
          : ApiServer.fromKubeconfig(kubeconfig, agent);
    } catch (error) {
      clearInterval(this.#keepAlive);
      log.close();
      throw error;
    }
    const random = Math.random;
    const timers = this.#timers;
    this.#objects = new KubeObjects(this.#api);
    this.#reconciler = new Reconciler({
      access: apiAccess({ api: this.#api, objects: this.#objects, timers, random }),
      chain: new OwnerChain(this.#objects, timers),
      namespace: options.namespace,
      identity: `${hostname()}_${randomUUID()}`,
      timers,
      random,
      nonce: nonceSource(),
      log,
    });
    this.#metrics = this.#figures();
  }

  get tcp(): string | undefined {
    return this.#tcp;
  }

  get webhookPort(): number | undefined {
    return this.#webhook?.port;
  }

  get stopped(): Promise<void> {
    return this.#stopped.promise;
  }

  async listen(address: TcpAddress | undefined): Promise<void> {
    if (address !== undefined) {
      this.#http = await buildServer(this.#routes(), refuse);
      const port = await listenOnTcp(this.#http.server, address);
      const host = address.host.includes(':') ? `[${address.host}]` : address.host;
      this.#tcp = `${host}:${port}`;
    }
    const { webhook, namespace } = this.#options;
    if (webhook !== undefined) {
      this.#webhook = await startWebhook({
        ...webhook,
        objects: this.#objects,
        timers: this.#timers,
        clock: this.#api.clock,
        log: this.#log,
        namespace,
        worldOf: (kind) => this.#reconciler.worldOf(kind),
        isReady: () => this.#reconciler.isReady,
      });
    }
  }

  /** Reads and leads until it is stopped, by a signal or otherwise. */
  begin(): void {
    stopOnSignals(this, this.#log);
    this.#log.info({ server: this.#api.url, tcp: this.#tcp }, 'started');
    void this.#run();
  }

  async #run(): Promise<void> {
    const { crds: folder } = this.#options;
    if (folder !== undefined) {
      const { created, updated, foreign, faults } = await installCrds({
        api: this.#api,
        objects: this.#objects,
        timers: this.#timers,
        folder,
        isOver: () => this.#stopping,
      });
      this.#log.info({ created, updated, foreign }, 'kinds');
      for (const fault of faults) {
        this.#log.error({ fault }, 'a kind could not be made');
      }
    }
    await this.#reconciler.start();
    if (!this.#stopping) {
      this.#log.info({}, 'ready');
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
    await Promise.all([this.#webhook?.close(), this.#http?.close()]);
    await this.#reconciler.close();
    await this.#api.close();
    clearInterval(this.#keepAlive);
    this.#log.info({}, 'stopped');
    this.#log.close();
  }

  #figures(): ControllerMetrics {
    const reconciler = this.#reconciler;
    const { claims, pools } = reconciler;
    return new ControllerMetrics({
      leads: () => reconciler.leads,
      waiting: () => ({ ...reconciler.waiting }),
      claims: () => claims.size,
      quarantined: () => claims.quarantined().length,
      freed: () => reconciler.freed,
      *pools() {
        for (const pool of reconciler.isReady ? pools.registry.pools() : []) {
          const { name, dialect, ranges } = pool;
          const total = Number(ranges.size());
          yield { pool: name, dialect, used: claims.countOf(pool), total };
        }
      },
    });
  }

  #routes(): Route[] {
    const route = (path: string, handle: () => Promise<Reply>): Route => ({
      method: 'GET',
      path,
      handle,
      refuse,
    });
    return [
      route('/metrics', async () => ({
        status: 200,
        body: await this.#metrics.text(),
        contentType: this.#metrics.contentType,
      })),
      route('/healthz', async () => plain(200, 'ok\n')),
      route('/readyz', async () =>
        this.#reconciler.isReady && !this.#stopping
          ? plain(200, 'ok\n')
          : plain(503, 'not ready\n'),
      ),
    ];
  }
}

function plain(status: number, body: string): Reply {
  return { status, body, contentType: 'text/plain; charset=utf-8' };
}

function refuse(error: OrbweaverError): Reply {
  return plain(error.code === 'PATH_UNKNOWN' ? 404 : 400, `${error.message}\n`);
}
