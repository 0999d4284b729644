/** Every path that the agent serves, but for the plugin's own (src/agent/cni-route.ts). */

import { LIMITS } from '../catalogue/limits.ts';
import type { Metrics } from '../http/metrics.ts';
import type { JsonSchema, Received, Reply, Route } from '../http/route.ts';
import type { Parts } from '../ipam/parts.ts';
import type { ProjectionParts } from '../projection/projected-objects.ts';
import { type BackupParts, makeBackup } from './backup-request.ts';
import { borrowedRows } from './borrowed.ts';
import { explainRequest } from './explain-request.ts';
import { checkAll, releaseAddress, showAddress, showPools } from './ipam-requests.ts';
import { jsonRoute, refuseJson } from './json-route.ts';
import {
  applyObjects,
  deleteObjects,
  editMetadata,
  type ObjectKeeper,
  patchObject,
  readObjects,
} from './object-requests.ts';
import type { PodEvents } from './pod-events.ts';
import type {
  AgentResponse,
  AnnotateRequest,
  ApplyRequest,
  BackupRequest,
  DeleteRequest,
  EventsResponse,
  ExplainRequest,
  PatchRequest,
  ReleaseRequest,
} from './protocol.ts';

export interface RouteParts {
  readonly ipam: Parts;
  readonly keeper: ObjectKeeper;
  readonly projection: ProjectionParts;
  readonly events: PodEvents;
  readonly backup: BackupParts;
  about(): AgentResponse;
  /** Told when an address was released by hand. */
  released(): void;
  /** Resolves when pools that lost their last claim are gone, so that nobody is shown one. */
  swept(): Promise<void>;
}

const REF = {
  type: 'object',
  required: ['kind', 'namespace', 'name'],
  properties: {
    kind: { type: 'string' },
    namespace: { type: 'string' },
    name: { type: 'string' },
  },
} as const;

const OBJECT = {
  type: 'object',
  required: ['apiVersion', 'kind', 'metadata'],
  properties: {
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    metadata: {
      type: 'object',
      required: ['name'],
      properties: { name: { type: 'string' }, namespace: { type: 'string' } },
    },
  },
} as const;

const TEXTS = { type: 'object', additionalProperties: { type: 'string' } } as const;

function body(properties: JsonSchema, required: readonly string[] = Object.keys(properties)) {
  return { type: 'object', required, properties };
}

const APPLY = body({
  objects: { type: 'array', items: OBJECT },
  mode: { enum: ['apply', 'create'] },
});
const DELETE = body({ refs: { type: 'array', items: REF } });
const EDIT = body({
  ref: REF,
  set: TEXTS,
  remove: { type: 'array', items: { type: 'string' } },
  overwrite: { type: 'boolean' },
});
const PATCH = body({ ref: REF, type: { enum: ['merge', 'json'] }, patch: {} });
const EXPLAIN = body(
  {
    namespace: { type: 'string' },
    name: { type: 'string' },
    object: OBJECT,
    node: { type: 'string' },
    interface: { type: 'string' },
    calledAs: { type: 'string' },
    config: { type: 'string' },
  },
  ['namespace', 'name', 'interface'],
);
const RELEASE = body({ ip: { type: 'string' } });
const BACKUP = body({ path: { type: 'string' } });

/** Routes of the command line. */
export function commandRoutes(parts: RouteParts): Route[] {
  const { keeper, projection, ipam, events } = parts;
  return [
    get('/v1/agent', async () => parts.about()),
    post<ApplyRequest>('/v1/apply', APPLY, (request) => applyObjects(keeper, request)),
    post<DeleteRequest>('/v1/delete', DELETE, (request) => deleteObjects(keeper, request)),
    get('/v1/objects', async ({ query }) => {
      await parts.swept();
      return readObjects(projection, query);
    }),
    post<AnnotateRequest>('/v1/annotate', EDIT, (request) =>
      editMetadata(keeper, 'annotate', request),
    ),
    post<AnnotateRequest>('/v1/label', EDIT, (request) => editMetadata(keeper, 'label', request)),
    post<PatchRequest>('/v1/patch', PATCH, (request) => patchObject(keeper, request)),
    post<ExplainRequest>('/v1/explain', EXPLAIN, (request) => explainRequest(ipam, request)),
    get(
      '/v1/events',
      async ({ query }): Promise<EventsResponse> => ({
        events: events.of(query.namespace ?? '', query.pod ?? ''),
      }),
    ),
    get('/v1/ipam/pools', async ({ query }) => showPools(ipam, query.blocks === 'true')),
    get('/v1/ipam/borrowed', async () => borrowedRows(ipam)),
    get('/v1/ipam/address', async ({ query }) => showAddress(ipam, query.ip)),
    get('/v1/ipam/check', async () => checkAll(ipam)),
    post<BackupRequest>('/v1/backup', BACKUP, (request) => makeBackup(parts.backup, request)),
    post<ReleaseRequest>('/v1/ipam/release', RELEASE, async ({ ip }) => {
      await releaseAddress(ipam, ip);
      parts.released();
      return {};
    }),
  ];
}

/** Routes that the TCP listener serves as well: figures and health. */
export function publicRoutes(metrics: Metrics, ready: () => boolean): Route[] {
  const text = (status: number, words: string): Reply => ({
    status,
    body: words,
    contentType: 'text/plain; charset=utf-8',
  });
  const plain = (path: string, handle: () => Promise<Reply>): Route => ({
    method: 'GET',
    path,
    handle,
    refuse: refuseJson,
  });
  return [
    plain('/metrics', async () => ({
      status: 200,
      body: await metrics.text(),
      contentType: metrics.contentType,
    })),
    plain('/healthz', async () => text(200, 'ok\n')),
    plain('/readyz', async () => (ready() ? text(200, 'ok\n') : text(503, 'not ready\n'))),
  ];
}

function get(path: string, handle: (received: Received) => Promise<unknown>): Route {
  return jsonRoute('GET', path, handle);
}

function post<T>(
  path: string,
  bodySchema: JsonSchema,
  handle: (request: T) => Promise<unknown>,
): Route {
  return jsonRoute('POST', path, (received) => handle(received.body as T), {
    bodySchema,
    bodyBytesMax: LIMITS.manifestBytesMax,
  });
}
