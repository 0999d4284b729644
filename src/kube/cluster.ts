/**
 * The cluster as one node knows it: copies of the few lists that decide about addresses, and live reads where a
 * copy cannot be enough.
 *
 *     all pools, reservations, settings, namespaces ─┐
 *     the own node, the pods of the own node ────────┤─ watched ─► answered from memory
 *     a pod, namespace or node not (yet) in them ────┘─ read live ─► a look past the watch's delay
 *
 * The pods of other nodes are not watched: a cluster of a thousand nodes would send each of them the pods of all.
 */
import { isDeepStrictEqual } from 'node:util';
import { OrbweaverError } from '../catalogue/errors.ts';
import type { ObjectView, PodView } from '../choose/subject.ts';
import type { KindId } from '../dialect/kinds.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import { type Controller, isPodDead, topController } from '../dialect/pod-owner.ts';
import type { Pool } from '../dialect/pool.ts';
import { PoolRegistry } from '../dialect/pool-registry.ts';
import { SPIDERPOOL_CONF_NAME, type SpiderpoolConf } from '../dialect/spiderpool-conf.ts';
import type { Cluster } from '../ipam/ports.ts';
import type { Timers } from '../ipam/timers.ts';
import type { Family } from '../net/address.ts';
import type { RangeSet } from '../net/range-set.ts';
import type { ApiServer } from './api-server.ts';
import { asKept, withoutManagedFields } from './kept-form.ts';
import { KubeObjects } from './objects.ts';
import { OwnerChain } from './owner-chain.ts';
import { Reflector } from './reflector.ts';
import { resourcePath, resourceTypes } from './resources.ts';

/** The kinds of which every object is watched. */
const WHOLE_KINDS = [
  'SpiderIPPool',
  'SpiderpoolV1IPPool',
  'CalicoIPPool',
  'SpiderSubnet',
  'SpiderReservedIP',
  'CalicoIPReservation',
  'CalicoIPAMConfiguration',
  'Namespace',
] as const satisfies readonly KindId[];

/** Objects read live and remembered, per kind; beyond that all are read again. */
const LEARNT_MAX = 1_000;

export interface KubernetesClusterParts {
  readonly api: ApiServer;
  /** The own node; undefined where there is none, as in the controller and the command line: no pods are watched. */
  readonly node?: string;
  readonly timers: Timers;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Told of each object that cannot be read, with the reason. */
  readonly onProblem?: (problem: string) => void;
}

/** Told that a pod was deleted, has finished, is being deleted, or was replaced by one of its name. */
export type PodGoneListener = (namespace: string, name: string, deleted: boolean) => void;

export class KubernetesCluster implements Cluster {
  readonly servesUnknownPods = false;
  readonly servesOtherNodes = false;
  readonly keepsForLivePods = true;
  readonly #parts: KubernetesClusterParts;
  readonly #objects: KubeObjects;
  readonly #owners: OwnerChain;
  readonly #registry: PoolRegistry;
  readonly #reflectors = new Map<KindId, Reflector>();
  readonly #goneListeners: PodGoneListener[] = [];
  readonly #listedListeners: (() => void)[] = [];
  /** Read live because no copy had them: what the copy says later comes first. */
  readonly #learnt = {
    Namespace: new Map<string, KubeObject>(),
    Node: new Map<string, KubeObject>(),
  };
  #named: ReadonlySet<string> = new Set();

  private constructor(parts: KubernetesClusterParts) {
    this.#parts = parts;
    this.#objects = new KubeObjects(parts.api);
    this.#owners = new OwnerChain(this.#objects, parts.timers);
    this.#registry = new PoolRegistry({ list: (kind) => this.list(kind) });
    for (const kind of WHOLE_KINDS) {
      this.#reflect(kind);
    }
    this.#reflect('ConfigMap', `metadata.name=${SPIDERPOOL_CONF_NAME}`);
    if (parts.node !== undefined) {
      this.#reflect('Node', `metadata.name=${parts.node}`);
      this.#reflect('Pod', `spec.nodeName=${parts.node}`);
    }
  }

  /** Begins to read and to watch; nothing may be asked before `synced`. */
  static open(parts: KubernetesClusterParts): KubernetesCluster {
    const cluster = new KubernetesCluster(parts);
    for (const reflector of cluster.#reflectors.values()) {
      reflector.start();
    }
    return cluster;
  }

  /** Resolves when every list has been read once. */
  async synced(): Promise<void> {
    await Promise.all([...this.#reflectors.values()].map((reflector) => reflector.synced));
    this.#nameProblems();
  }

  /** The kinds whose lists have not been read yet, each with the reason where there is one. */
  get unsynced(): readonly string[] {
    return [...this.#reflectors]
      .filter(([, copy]) => !copy.isSynced)
      .map(([kind, { failure }]) => (failure === undefined ? kind : `${kind} (${failure})`));
  }

  get poolGeneration(): number {
    return this.#registry.generation;
  }

  /** Objects that cannot be read, with the reason, one sentence each: they take part in nothing. */
  get problems(): readonly string[] {
    return this.#registry.problems;
  }

  /** For tables and projections. */
  get registry(): PoolRegistry {
    return this.#registry;
  }

  pools(): readonly Pool[] {
    return this.#registry.pools();
  }

  reserved(family: Family): RangeSet {
    return this.#registry.reserved(family);
  }

  conf(): SpiderpoolConf {
    return this.#registry.conf;
  }

  /**
   * A pod of the own node from its copy; any other, and any with `fresh`, by a quorum read. Its controller is the
   * one that it names itself (`podWithOwner` looks further).
   *
   * Once it resolves, its namespace and its node can be asked for: a pod may come before the news of them.
   * Rejects with API_SERVER_AWAY where a read was needed and failed.
   */
  async pod(
    namespace: string,
    name: string,
    { fresh = false }: { fresh?: boolean } = {},
  ): Promise<PodView | undefined> {
    const object = await this.#podObject(namespace, name, fresh);
    return object && this.#viewOfPod(object, topController(object, NOTHING));
  }

  /** The same with the controller at the top, which may take further reads: for tables, not for an ADD. */
  async podWithOwner(namespace: string, name: string): Promise<PodView | undefined> {
    const object = await this.#podObject(namespace, name, false);
    return object && this.#viewOfPod(object, await this.#owners.topOf(object));
  }

  namespace(name: string): ObjectView {
    const object = this.get('Namespace', '', name) ?? this.#learnt.Namespace.get(name);
    return viewOf(name, object);
  }

  /** The own node, or one that a pod or `learnNode` has led to; of any other only the name. */
  node(name: string): ObjectView {
    return viewOf(name, this.get('Node', '', name) ?? this.#learnt.Node.get(name));
  }

  /** Reads a node other than the own one, so that `node` knows it as it is now. Rejects with API_SERVER_AWAY. */
  async learnNode(name: string): Promise<void> {
    if (this.get('Node', '', name) === undefined) {
      await this.#learn('Node', name);
    }
  }

  /** Told of each pod of the own node that ends, in the order in which the API server says so. */
  onPodGone(listener: PodGoneListener): void {
    this.#goneListeners.push(listener);
  }

  /**
   * Told when the pods of the own node were listed anew, after the changes that the list shows. A pod that came
   * and went since the last list or event is in neither, and `onPodGone` is not told of it.
   */
  onPodsListed(listener: () => void): void {
    this.#listedListeners.push(listener);
  }

  /** Whether objects of this kind are watched at all. */
  watches(kind: KindId): boolean {
    return this.#reflectors.has(kind);
  }

  /** The copy of a kind's objects, by namespace and name; empty for a kind that is not watched. */
  list(kind: KindId, namespace?: string): KubeObject[] {
    const objects = this.#reflectors.get(kind)?.list(namespace) ?? [];
    return objects.map((object) => asKept(kind, object)).sort(byName);
  }

  /** One object out of the copy. `namespace` is empty for a kind without namespaces. */
  get(kind: KindId, namespace: string, name: string): KubeObject | undefined {
    const object = this.#reflectors.get(kind)?.get(namespace, name);
    return object && asKept(kind, object);
  }

  close(): void {
    for (const reflector of this.#reflectors.values()) {
      reflector.close();
    }
  }

  #reflect(kind: KindId, fieldSelector?: string): void {
    const { api, timers, random } = this.#parts;
    const path = resourceTypes(kind).map((type) => resourcePath(type));
    const reflector = new Reflector({
      api,
      path,
      ...(fieldSelector === undefined ? {} : { query: { fieldSelector } }),
      keep: withoutManagedFields,
      timers,
      random,
      onChange: ({ namespace, name }, object, before) => {
        if (kind === 'Pod') {
          this.#followPod(namespace, name, object, before);
        } else if (kind === 'Namespace' || kind === 'Node') {
          this.#learnt[kind].delete(name);
        } else {
          this.#followPools(kind, name, object, before);
        }
      },
      onSync: () => {
        if (kind === 'Pod') {
          for (const listener of this.#listedListeners) {
            listener();
          }
        }
      },
    });
    this.#reflectors.set(kind, reflector);
  }

  /** A write of the status alone, which the controller does all the time, changes nothing here. */
  #followPools(
    kind: KindId,
    name: string,
    object: KubeObject | undefined,
    before: KubeObject | undefined,
  ): void {
    if (object !== undefined && before !== undefined && decidesTheSame(before, object)) {
      return;
    }
    if (this.unsynced.length > 0) {
      // The registry reads everything at its first use, which is later.
      this.#registry.forget();
      return;
    }
    this.#registry.follow(kind, name, object && asKept(kind, object));
    this.#nameProblems();
  }

  #followPod(
    namespace: string,
    name: string,
    object: KubeObject | undefined,
    before: KubeObject | undefined,
  ): void {
    const replaced = before !== undefined && object?.metadata.uid !== before.metadata.uid;
    const ended = object !== undefined && isPodDead(object) && !(before && isPodDead(before));
    if (object === undefined || replaced || ended) {
      for (const listener of this.#goneListeners) {
        listener(namespace, name, object === undefined || replaced);
      }
    }
  }

  #nameProblems(): void {
    const { problems } = this.#registry;
    for (const problem of problems) {
      if (!this.#named.has(problem)) {
        this.#parts.onProblem?.(problem);
      }
    }
    this.#named = new Set(problems);
  }

  async #podObject(
    namespace: string,
    name: string,
    fresh: boolean,
  ): Promise<KubeObject | undefined> {
    let object = fresh ? undefined : this.get('Pod', namespace, name);
    if (object === undefined) {
      object = await this.#read('Pod', { namespace, name });
    }
    if (object !== undefined && this.get('Namespace', '', namespace) === undefined) {
      await this.#learn('Namespace', namespace);
    }
    return object;
  }

  #viewOfPod(object: KubeObject, controller: Controller): PodView {
    const { name, namespace = '', uid = '', labels = {}, annotations = {} } = object.metadata;
    const { nodeName = '' } = (object.spec ?? {}) as { nodeName?: string };
    return {
      namespace,
      name,
      uid,
      node: nodeName || (this.#parts.node ?? ''),
      labels,
      annotations,
      dead: isPodDead(object),
      controller: { kind: controller.kind, name: controller.name },
    };
  }

  async #learn(kind: 'Namespace' | 'Node', name: string): Promise<void> {
    const learnt = this.#learnt[kind];
    const object = await this.#read(kind, { name });
    if (learnt.size >= LEARNT_MAX) {
      learnt.clear();
    }
    if (object === undefined) {
      learnt.delete(name);
    } else {
      learnt.set(name, object);
    }
  }

  /** A quorum read: the copy of the API server may be behind as well. */
  async #read(
    kind: KindId,
    place: { readonly namespace?: string; readonly name: string },
  ): Promise<KubeObject | undefined> {
    const outcome = await this.#objects.get(kind, place);
    if (outcome.kind === 'ok') {
      return asKept(kind, outcome.value);
    }
    if (outcome.kind === 'not-found') {
      return undefined;
    }
    const where = place.namespace === undefined ? place.name : `${place.namespace}/${place.name}`;
    const reason = 'reason' in outcome ? outcome.reason : outcome.kind;
    throw new OrbweaverError('API_SERVER_AWAY', `failed to get ${kind} ${where}`, reason);
  }
}

const NOTHING = () => undefined;

/** Whether two states of one object are the same to all that reads it. */
function decidesTheSame(before: KubeObject, now: KubeObject): boolean {
  return isDeepStrictEqual(matterOf(before), matterOf(now));
}

function matterOf({ metadata, spec, data, status }: KubeObject): readonly unknown[] {
  const { uid, deletionTimestamp, labels, annotations } = metadata;
  const { conditions } = (status ?? {}) as { conditions?: unknown };
  return [uid, deletionTimestamp, labels, annotations, spec, data, conditions];
}

function viewOf(name: string, object: KubeObject | undefined): ObjectView {
  const { labels = {}, annotations = {} } = object?.metadata ?? {};
  return { name, labels, annotations };
}

function byName({ metadata: a }: KubeObject, { metadata: b }: KubeObject): number {
  const order = (one = '', other = '') => (one < other ? -1 : one > other ? 1 : 0);
  return order(a.namespace, b.namespace) || order(a.name, b.name);
}
