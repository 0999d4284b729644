/**
 * The commands of an agent's socket, answered without one: objects by the API server, addresses out of its
 * IPBlocks, read once.
 *
 *     apply, delete, patch, … ──────────────► API server
 *     get pods, ippool, … ──────────────────► API server
 *     get sp, se, …; ipam …; explain ─ pools, blocks ─► ledger, engine ─► the handlers of the socket
 *
 * Nothing here is an agent: it holds no Lease and keeps no journal, and it writes one kind of line, the rest of an
 * address that `ipam release` frees.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import { type Kind, type KindId, kindById } from '../dialect/kinds.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import { Allocator } from '../ipam/allocator.ts';
import { IpamService } from '../ipam/service.ts';
import { systemTimers } from '../ipam/timers.ts';
import { ApiServer } from '../kube/api-server.ts';
import { BlockServer } from '../kube/block-server.ts';
import { KubernetesCluster } from '../kube/cluster.ts';
import { asKept, withoutManagedFields } from '../kube/kept-form.ts';
import { KubernetesLedger } from '../kube/ledger.ts';
import { MemoryJournal } from '../kube/memory-journal.ts';
import { ObjectKeeper } from '../kube/object-keeper.ts';
import { okValue } from '../kube/object-outcome.ts';
import { KubeObjects } from '../kube/objects.ts';
import { podEvents } from '../kube/pod-events.ts';
import { asOrbweaverError } from './json-route.ts';
import { clusterCommands } from './kubernetes-commands.ts';
import {
  applyObjects,
  deleteObjects,
  editMetadata,
  patchObject,
  requireFound,
} from './object-requests.ts';
import { PodDirectory } from './pod-directory.ts';
import { PodEvents } from './pod-events.ts';
import type {
  AnnotateRequest,
  ApplyRequest,
  DeleteRequest,
  ErrorBody,
  PatchRequest,
  ServerResponse,
} from './protocol.ts';
import { commandRoutes, type RouteParts } from './routes.ts';

type Query = Readonly<Record<string, string>>;

/** Kinds whose objects are shown with what the blocks say now; all others as the API server has them. */
const SHOWN_FROM_BLOCKS: ReadonlySet<string> = new Set<KindId>([
  'SpiderIPPool',
  'SpiderpoolV1IPPool',
  'SpiderEndpoint',
  'SpiderpoolV1WorkloadEndpoint',
]);

/** How long the API server may take to show everything, in milliseconds. */
const PATIENCE_MS = 2 * LIMITS.apiRequestMs;

export class DirectCommands {
  readonly #api: ApiServer;
  readonly #objects: KubeObjects;
  readonly #keeper: ObjectKeeper;
  #parts: Promise<RouteParts> | undefined;
  #close: (() => void)[] = [];

  /** Throws KUBECONFIG_INVALID. */
  constructor(kubeconfig: string) {
    this.#api = ApiServer.fromKubeconfig(kubeconfig);
    this.#objects = new KubeObjects(this.#api);
    this.#keeper = new ObjectKeeper(this.#objects);
  }

  /**
   * Answers a request as an agent's socket does (protocol.ts). Throws what the handler throws, API_SERVER_AWAY
   * and API_FORBIDDEN.
   */
  async answer(
    method: 'GET' | 'POST',
    path: string,
    query: Query,
    body: unknown,
  ): Promise<unknown> {
    switch (path) {
      case '/v1/apply':
        return applyObjects(this.#keeper, body as ApplyRequest);
      case '/v1/delete':
        return deleteObjects(this.#keeper, body as DeleteRequest);
      case '/v1/annotate':
        return editMetadata(this.#keeper, 'annotate', body as AnnotateRequest);
      case '/v1/label':
        return editMetadata(this.#keeper, 'label', body as AnnotateRequest);
      case '/v1/patch':
        return patchObject(this.#keeper, body as PatchRequest);
      case '/v1/events':
        return { events: await podEvents(this.#objects, query.namespace ?? '', query.pod ?? '') };
      case '/v1/server':
        return this.#server();
      case '/v1/objects':
        if (!SHOWN_FROM_BLOCKS.has(query.kind ?? '')) {
          return { objects: await this.#read(kindById(query.kind as KindId), query) };
        }
    }
    return this.#fromBlocks(method, path, query, body);
  }

  async #server(): Promise<ServerResponse> {
    const { url } = this.#api;
    const request = { method: 'GET', path: '/version' } as const;
    const info = okValue(await this.#api.request<{ readonly gitVersion: string }>(request), url);
    return { url, version: info.gitVersion };
  }

  /** Gives up what is open. */
  async close(): Promise<void> {
    for (const close of this.#close) {
      close();
    }
    await this.#api.close();
  }

  async #read(kind: Kind, { namespace, name }: Query): Promise<KubeObject[]> {
    if (name !== undefined && (namespace !== undefined || !kind.namespaced)) {
      const place = kind.namespaced ? { namespace: namespace!, name } : { name };
      const outcome = await this.#objects.get(kind.id, place);
      const found =
        outcome.kind === 'not-found' ? [] : [okValue(outcome, `${kind.plural} "${name}"`)];
      return requireFound(
        kind,
        name,
        found.map((object) => shown(kind, object)),
      );
    }
    const place = namespace === undefined ? {} : { namespace };
    const { items } = okValue(await this.#objects.list(kind.id, place), kind.plural);
    const named = items.filter(({ metadata }) => name === undefined || metadata.name === name);
    return named.map((object) => shown(kind, object));
  }

  async #fromBlocks(
    method: 'GET' | 'POST',
    path: string,
    query: Query,
    body: unknown,
  ): Promise<unknown> {
    this.#parts ??= this.#open();
    const parts = await this.#parts;
    const route = commandRoutes(notAnAgent, () => parts).find(
      (known) => known.method === method && known.path === path,
    );
    if (route === undefined) {
      throw new OrbweaverError('PATH_UNKNOWN', `no ${method} ${path} here`);
    }
    const reply = await route.handle({ body, query, gone: () => false });
    const value = JSON.parse(reply.body) as { error?: ErrorBody };
    if (value.error !== undefined) {
      throw new OrbweaverError(value.error.code, value.error.message, value.error.details);
    }
    return value;
  }

  /** Reads pools and blocks, each once. */
  async #open(): Promise<RouteParts> {
    const api = this.#api;
    const blocks = new BlockServer(api);
    // Asked first, because what follows tries for as long as it is refused.
    okValue(await blocks.list({ limit: 1 }), 'ipblocks.ipam.orbweaver.dev');
    const clock = api.clock;
    const timers = systemTimers(clock);
    const random = Math.random;
    const cluster = KubernetesCluster.open({ api, timers, random });
    this.#close.push(() => cluster.close());
    const opened = Promise.all([
      cluster.synced(),
      KubernetesLedger.open({
        api: blocks,
        journal: new MemoryJournal(),
        timers,
        random,
        node: '',
      }),
    ]);
    const [, ledger] = await within(opened, () => {
      const { unsynced } = cluster;
      return unsynced.length > 0 ? `the lists of ${unsynced.join(', ')}` : 'the IPBlocks';
    });
    this.#close.push(() => ledger.close());
    const allocator = new Allocator({ ledger, cluster, clock });
    const service = new IpamService({ ledger, cluster, allocator, clock, timers, node: '' });
    const commands = clusterCommands({ cluster, ledger, allocator });
    const pods = new PodDirectory(this.#objects, timers);
    return {
      ...commands,
      projection: {
        ...commands.projection,
        cluster: {
          ...commands.projection.cluster,
          pod: (namespace, name) => pods.pod(namespace, name),
        },
      },
      // It has just been read.
      upToDate: async () => {},
      ipam: service.parts,
      events: new PodEvents(() => clock.now()),
      released: () => {},
    };
  }
}

/** As users read it. */
function shown(kind: Kind, object: KubeObject): KubeObject {
  return withoutManagedFields(asKept(kind.id, object));
}

async function notAnAgent(): Promise<never> {
  throw new OrbweaverError('USAGE', 'this asks an agent: give its --socket, not a kubeconfig');
}

function within<T>(work: Promise<T>, missing: () => string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const what = `could not be read within ${PATIENCE_MS / 1_000} s`;
      reject(new OrbweaverError('API_SERVER_AWAY', `${missing()} ${what}`));
    }, PATIENCE_MS);
    work
      .then(resolve, (error) => reject(asOrbweaverError(error)))
      .finally(() => clearTimeout(timer));
  });
}
