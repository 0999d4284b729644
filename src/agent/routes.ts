/** Every path that the agent serves, but for the plugin's own (src/agent/cni-route.ts). */

import { LIMITS } from '../catalogue/limits.ts';
import type { KindId } from '../dialect/kinds.ts';
import type { Metrics } from '../http/metrics.ts';
import type { JsonSchema, Received, Reply, Route } from '../http/route.ts';
import type { Parts } from '../ipam/parts.ts';
import type { CommandParts } from './backend.ts';
import { makeBackup } from './backup-request.ts';
import { borrowedRows } from './borrowed.ts';
import { explainRequest } from './explain-request.ts';
import { checkAll, isClaimedIn, releaseAddress, showAddress, showPools } from './ipam-requests.ts';
import { jsonRoute, refuseJson } from './json-route.ts';
import {
  applyObjects,
  deleteObjects,
  editMetadata,
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

export interface RouteParts extends CommandParts {
  readonly ipam: Parts;
  readonly events: PodEvents;
  /** Told when an address was released by hand. */
  released(): void;
}

/** Kinds that show the claims of every node. */
const SHOWN_FROM_CLAIMS: ReadonlySet<string> = new Set<KindId>([
  'SpiderIPPool',
  'SpiderpoolV1IPPool',
  'SpiderEndpoint',
  'SpiderpoolV1WorkloadEndpoint',
]);

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
  mode: { enum: ['apply', 'create', 'replace'] },
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

/**
 * Routes of the command line. `parts` throws NOT_READY until the agent has read everything; `about` always
 * answers.
 */
export function commandRoutes(
  about: () => Promise<AgentResponse>,
  parts: () => RouteParts,
): Route[] {
  return [
    get('/v1/agent', about),
    post<ApplyRequest>('/v1/apply', APPLY, async (request) =>
      applyObjects(parts().keeper, request),
    ),
    post<DeleteRequest>('/v1/delete', DELETE, async (request) =>
      deleteObjects(parts().keeper, request),
    ),
    get('/v1/objects', async ({ query }) => {
      const { projection } = await asOfNow(parts, SHOWN_FROM_CLAIMS.has(query.kind ?? ''));
      return readObjects(projection, query);
    }),
    post<AnnotateRequest>('/v1/annotate', EDIT, async (request) =>
      editMetadata(parts().keeper, 'annotate', request),
    ),
    post<AnnotateRequest>('/v1/label', EDIT, async (request) =>
      editMetadata(parts().keeper, 'label', request),
    ),
    post<PatchRequest>('/v1/patch', PATCH, async (request) => patchObject(parts().keeper, request)),
    post<ExplainRequest>('/v1/explain', EXPLAIN, async (request) => {
      const { ipam, knowNode } = await asOfNow(parts);
      return explainRequest(ipam, request, knowNode);
    }),
    get(
      '/v1/events',
      async ({ query }): Promise<EventsResponse> => ({
        events: parts().events.of(query.namespace ?? '', query.pod ?? ''),
      }),
    ),
    ...ipamRoutes(parts),
    post<BackupRequest>('/v1/backup', BACKUP, async (request) =>
      makeBackup(parts().backup, request),
    ),
  ];
}

/** The parts once they show everything as it is now; or all but the claims of other nodes. */
async function asOfNow(parts: () => RouteParts, everyClaim = true): Promise<RouteParts> {
  const own = parts();
  await own.upToDate();
  return everyClaim ? { ...own, ...(await own.look?.(own.ipam)) } : own;
}

function ipamRoutes(parts: () => RouteParts): Route[] {
  return [
    get('/v1/ipam/pools', async ({ query }) =>
      showPools((await asOfNow(parts)).ipam, query.blocks === 'true'),
    ),
    get('/v1/ipam/borrowed', async () => borrowedRows((await asOfNow(parts)).ipam)),
    get('/v1/ipam/address', async ({ query }) =>
      showAddress((await asOfNow(parts)).ipam, query.ip),
    ),
    get('/v1/ipam/check', async () => {
      const { ipam, problems } = await asOfNow(parts);
      return checkAll(ipam, problems());
    }),
    post<ReleaseRequest>('/v1/ipam/release', RELEASE, async ({ ip }) => {
      const own = parts();
      // What the agent holds itself it frees itself, so that its own copy follows.
      const { ipam } = isClaimedIn(own.ipam, ip) ? own : await asOfNow(parts);
      await releaseAddress(ipam, ip);
      own.released();
      return {};
    }),
  ];
}

/**
 * Routes that the TCP listener serves as well: figures and health. `unready` says what keeps ADDs from being
 * served, or undefined.
 */
export function publicRoutes(
  metrics: Metrics,
  unready: () => string | undefined | Promise<string | undefined>,
): Route[] {
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
    plain('/readyz', async () => {
      const reason = await unready();
      return reason === undefined ? text(200, 'ok\n') : text(503, `not ready: ${reason}\n`);
    }),
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
