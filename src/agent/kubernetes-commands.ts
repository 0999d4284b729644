/**
 * The commands on the socket of an agent in a cluster: it shows what it knows, after a look at what it does not
 * watch; what changes objects is kubectl's, and is refused with the way to do it.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { type KindId, kindById, resourceName } from '../dialect/kinds.ts';
import type { Allocator } from '../ipam/allocator.ts';
import type { Cluster } from '../ipam/ports.ts';
import type { KubernetesCluster } from '../kube/cluster.ts';
import type { KubernetesLedger } from '../kube/ledger.ts';
import type { CommandParts } from './backend.ts';
import type { ObjectKeeper } from './object-requests.ts';
import type { CheckProblem } from './protocol.ts';

export interface ClusterCommandParts {
  readonly cluster: KubernetesCluster;
  readonly ledger: KubernetesLedger;
  readonly allocator: Allocator;
}

/** What commands work with, on a ledger that knows all claims. */
export function clusterCommands(parts: ClusterCommandParts): CommandParts {
  const { cluster, ledger, allocator } = parts;
  return {
    keeper: KEPT_ELSEWHERE,
    projection: {
      objects: {
        list: (kind, namespace) => {
          requireWatched(cluster, kind);
          return cluster.list(kind, namespace);
        },
        get: ({ kind, namespace, name }) => {
          requireWatched(cluster, kind);
          return cluster.get(kind, namespace, name);
        },
      },
      ledger,
      cluster: withOwners(cluster),
      allocator,
      allocatedCounts: () => countsByPool(ledger),
    },
    backup: {
      backup: async () => {
        throw elsewhere('the API server keeps the addresses', 'kubectl get ipblocks -o yaml');
      },
    },
    upToDate: async () => {},
    knowNode: (name) => cluster.learnNode(name),
    problems: () => problemsOf(parts),
  };
}

/** Refuses every change of an object: the API server keeps them. */
const KEPT_ELSEWHERE: ObjectKeeper = {
  apply: async ({ kind, metadata }) => {
    throw elsewhere(`the API server keeps ${kind} ${metadata.name}`, 'kubectl apply -f FILE');
  },
  delete: async (ref) => {
    throw refuseEdit(ref, 'delete');
  },
  annotate: async (ref) => {
    throw refuseEdit(ref, 'annotate');
  },
  label: async (ref) => {
    throw refuseEdit(ref, 'label');
  },
  patch: async (ref) => {
    throw refuseEdit(ref, 'patch');
  },
};

interface Named {
  readonly kind: KindId;
  readonly namespace: string;
  readonly name: string;
}

function refuseEdit({ kind, namespace, name }: Named, verb: string): OrbweaverError {
  const place = namespace === '' ? '' : ` -n ${namespace}`;
  return elsewhere(
    `the API server keeps ${kindById(kind).kinds[0]} ${name}`,
    `kubectl ${verb} ${resourceName(kindById(kind))} ${name}${place}`,
  );
}

function requireWatched(cluster: KubernetesCluster, kind: KindId): void {
  if (!cluster.watches(kind)) {
    throw elsewhere(
      `the agent of a node does not watch ${kindById(kind).plural}`,
      `kubectl get ${resourceName(kindById(kind))}`,
    );
  }
}

function elsewhere(what: string, command: string): OrbweaverError {
  return new OrbweaverError('KEPT_BY_CLUSTER', what, `use: ${command}`);
}

/** The same cluster, whose pods come with the controller at the top of their owners. */
function withOwners(cluster: KubernetesCluster): Cluster {
  return {
    get poolGeneration() {
      return cluster.poolGeneration;
    },
    servesUnknownPods: cluster.servesUnknownPods,
    servesOtherNodes: cluster.servesOtherNodes,
    keepsForLivePods: cluster.keepsForLivePods,
    pools: () => cluster.pools(),
    reserved: (family) => cluster.reserved(family),
    conf: () => cluster.conf(),
    pod: (namespace, name) => cluster.podWithOwner(namespace, name),
    namespace: (name) => cluster.namespace(name),
    node: (name) => cluster.node(name),
  };
}

function countsByPool(ledger: KubernetesLedger): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { pool } of ledger.claims()) {
    counts.set(pool, (counts.get(pool) ?? 0) + 1);
  }
  return counts;
}

function problemsOf({ cluster, ledger }: ClusterCommandParts): CheckProblem[] {
  return [
    ...cluster.problems.map((what) => ({ ip: 'object', what })),
    ...ledger.quarantined().map(({ place, block, fault }) => ({
      ip: place,
      what: `was edited by hand in IPBlock ${block}: ${fault}`,
    })),
  ];
}
