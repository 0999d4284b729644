/**
 * Objects as users of the embedded store read them: what was applied, with the status that follows from the
 * ledger. Nothing of it is stored, so it is never out of date (DESIGN section 4, "projections").
 */
import type { PodView } from '../choose/subject.ts';
import type { Kind } from '../dialect/kinds.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import type { DialectName, Pool } from '../dialect/pool.ts';
import type { ObjectStore } from '../embedded/object-store.ts';
import type { Allocator } from '../ipam/allocator.ts';
import { poolOfClaim } from '../ipam/pool-of-claim.ts';
import type { Claim, Cluster, Ledger } from '../ipam/ports.ts';
import { endpointOf } from './endpoint.ts';
import { withPodStatus, withWorkloadStatus } from './pod-status.ts';
import { withPoolStatus } from './pool-status.ts';

export interface ProjectionParts {
  readonly objects: Pick<ObjectStore, 'list' | 'get'>;
  readonly ledger: Ledger;
  readonly cluster: Cluster;
  readonly allocator: Allocator;
  /** Addresses held from each pool, by its name. */
  allocatedCounts(): ReadonlyMap<string, number>;
}

/** Which objects: of one namespace (else all) and of one name (else all). */
export interface Selection {
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  /** Also what is long and rarely read: the records of a pool's addresses. */
  readonly full: boolean;
}

/** The selected objects of a kind with their status, by namespace and name. */
export async function projectObjects(
  parts: ProjectionParts,
  kind: Kind,
  selection: Selection,
): Promise<KubeObject[]> {
  switch (kind.id) {
    case 'SpiderEndpoint':
      return endpoints(parts, kind, selection, (dialect) => dialect === 'spiderpool');
    case 'SpiderpoolV1WorkloadEndpoint':
      return endpoints(parts, kind, selection, (dialect) => dialect === 'spiderpool-v1');
    case 'SpiderIPPool':
      return pools(parts, 'spiderpool', selection, applied(parts, kind, selection));
    case 'SpiderpoolV1IPPool':
      return pools(parts, 'spiderpool-v1', selection, applied(parts, kind, selection));
    case 'Pod':
      return pods(parts, selection, applied(parts, kind, selection));
    case 'Deployment':
    case 'ReplicaSet':
    case 'StatefulSet':
    case 'DaemonSet':
    case 'Job':
      return workloads(parts, selection, applied(parts, kind, selection));
    default:
      return applied(parts, kind, selection);
  }
}

function applied(parts: ProjectionParts, kind: Kind, selection: Selection): KubeObject[] {
  const { namespace, name } = selection;
  if (name === undefined || (kind.namespaced && namespace === undefined)) {
    const all = parts.objects.list(kind.id, namespace);
    return all.filter((object) => name === undefined || object.metadata.name === name);
  }
  const place = kind.namespaced ? (namespace ?? '') : '';
  const object = parts.objects.get({ kind: kind.id, namespace: place, name });
  return object === undefined ? [] : [object];
}

function pools(
  parts: ProjectionParts,
  dialect: DialectName,
  selection: Selection,
  objects: readonly KubeObject[],
): KubeObject[] {
  const counts = parts.allocatedCounts();
  const byName = new Map<string, Pool>();
  for (const pool of parts.cluster.pools()) {
    if (pool.dialect === dialect) {
      byName.set(pool.name, pool);
    }
  }
  return objects.map((object) => {
    const { name } = object.metadata;
    const pool = byName.get(name);
    const held = {
      count: counts.get(name) ?? 0,
      claims: (limit: number) => parts.ledger.claimsOfPool(name, limit),
    };
    return pool === undefined ? object : withPoolStatus(object, pool, held, selection.full);
  });
}

/** Claims by pod (`namespace/name`) of the selection; claims that name no pod belong to none. */
function claimsByPod(parts: ProjectionParts, selection: Selection): Map<string, Claim[]> {
  const { namespace, name } = selection;
  const claims =
    namespace !== undefined && name !== undefined
      ? parts.ledger.claimsOfPod(namespace, name)
      : parts.ledger.claims();
  const byPod = new Map<string, Claim[]>();
  for (const claim of claims) {
    const { owner } = claim;
    const wanted =
      owner.pod !== '' &&
      (namespace === undefined || owner.namespace === namespace) &&
      (name === undefined || owner.pod === name);
    if (wanted) {
      const key = podKey(owner.namespace, owner.pod);
      const before = byPod.get(key);
      if (before === undefined) {
        byPod.set(key, [claim]);
      } else {
        before.push(claim);
      }
    }
  }
  for (const list of byPod.values()) {
    list.sort((a, b) => a.order - b.order);
  }
  return byPod;
}

/** A pod whose claims are of several dialects is shown under that of its first interface. */
async function endpoints(
  parts: ProjectionParts,
  kind: Kind,
  selection: Selection,
  speaks: (dialect: DialectName) => boolean,
): Promise<KubeObject[]> {
  const form = { apiVersion: kind.apiVersions[0]!, kind: kind.kinds[0]! };
  const poolOf = (claim: Claim) => poolOfClaim(parts.allocator, claim);
  const shown: KubeObject[] = [];
  for (const [, claims] of inOrder(claimsByPod(parts, selection))) {
    const pool = poolOf(claims[0]!);
    // Claims of a deleted pool are shown in the present form rather than nowhere.
    if (speaks(pool?.dialect ?? 'spiderpool')) {
      const { namespace, pod } = claims[0]!.owner;
      shown.push(endpointOf(form, claims, await podOf(parts, namespace, pod), poolOf));
    }
  }
  return shown;
}

async function pods(
  parts: ProjectionParts,
  selection: Selection,
  objects: readonly KubeObject[],
): Promise<KubeObject[]> {
  const claims = claimsByPod(parts, selection);
  return objects.map((pod) => {
    const { namespace = '', name } = pod.metadata;
    return withPodStatus(pod, claims.get(podKey(namespace, name)) ?? []);
  });
}

async function workloads(
  parts: ProjectionParts,
  selection: Selection,
  objects: readonly KubeObject[],
): Promise<KubeObject[]> {
  const { namespace } = selection;
  const claims = claimsByPod(parts, { ...selection, name: undefined });
  const tally = new Map<string, { count: number; ready: number }>();
  for (const { metadata } of parts.objects.list('Pod', namespace)) {
    const place = metadata.namespace ?? '';
    const pod = await podOf(parts, place, metadata.name);
    const key = workloadKey(place, pod?.controller.kind, pod?.controller.name);
    const numbers = tally.get(key) ?? { count: 0, ready: 0 };
    numbers.count += 1;
    numbers.ready += claims.has(podKey(place, metadata.name)) ? 1 : 0;
    tally.set(key, numbers);
  }
  return objects.map((workload) => {
    const { namespace: place, name } = workload.metadata;
    const numbers = tally.get(workloadKey(place ?? '', workload.kind, name));
    return withWorkloadStatus(workload, numbers ?? { count: 0, ready: 0 });
  });
}

function podOf(
  parts: ProjectionParts,
  namespace: string,
  name: string,
): Promise<PodView | undefined> {
  return parts.cluster.pod(namespace, name);
}

function podKey(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

function workloadKey(namespace: string, kind: string | undefined, name: string | undefined) {
  return `${namespace}/${kind ?? ''}/${name ?? ''}`;
}

function inOrder<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}
