/** The cluster as one machine knows it: the applied objects. */
import type { ObjectView, PodView } from '../choose/subject.ts';
import type { KindId } from '../dialect/kinds.ts';
import { isPodDead, topController } from '../dialect/pod-owner.ts';
import type { Pool } from '../dialect/pool.ts';
import type { PoolRegistry } from '../dialect/pool-registry.ts';
import type { SpiderpoolConf } from '../dialect/spiderpool-conf.ts';
import type { Cluster } from '../ipam/ports.ts';
import type { Family } from '../net/address.ts';
import type { RangeSet } from '../net/range-set.ts';
import type { ObjectStore } from './object-store.ts';

/** Views remembered of each kind; beyond that they are read again. */
const REMEMBERED_MAX = 10_000;

export class EmbeddedCluster implements Cluster {
  readonly servesUnknownPods = true;
  readonly servesOtherNodes = true;
  readonly keepsForLivePods = false;
  readonly #objects: ObjectStore;
  readonly #registry: PoolRegistry;
  readonly #node: string;
  readonly #views = {
    Namespace: new Map<string, ObjectView>(),
    Node: new Map<string, ObjectView>(),
  };

  /** `node` is the name of the agent's own node: where pods run that name none. */
  constructor(parts: { objects: ObjectStore; registry: PoolRegistry; node: string }) {
    this.#objects = parts.objects;
    this.#registry = parts.registry;
    this.#node = parts.node;
    parts.objects.onChange((ref) => {
      if (ref === undefined) {
        this.#views.Namespace.clear();
        this.#views.Node.clear();
      } else if (ref.kind === 'Namespace' || ref.kind === 'Node') {
        this.#views[ref.kind].delete(ref.name);
      }
    });
  }

  get poolGeneration(): number {
    return this.#registry.generation;
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

  /** There is only one source, so what it says is always fresh. */
  async pod(namespace: string, name: string): Promise<PodView | undefined> {
    return this.podNow(namespace, name);
  }

  /** The same, at once. */
  podNow(namespace: string, name: string): PodView | undefined {
    const object = this.#objects.get({ kind: 'Pod', namespace, name });
    if (object === undefined) {
      return undefined;
    }
    const { metadata } = object;
    const controller = topController(object, (kind, above) =>
      this.#objects.get({ kind: kind as KindId, namespace, name: above }),
    );
    return {
      namespace,
      name,
      uid: metadata.uid ?? '',
      node: (object.spec as { nodeName?: string } | undefined)?.nodeName || this.#node,
      labels: metadata.labels ?? {},
      annotations: metadata.annotations ?? {},
      dead: isPodDead(object),
      controller: { kind: controller.kind, name: controller.name },
    };
  }

  namespace(name: string): ObjectView {
    return this.#view('Namespace', name);
  }

  node(name: string): ObjectView {
    return this.#view('Node', name);
  }

  #view(kind: 'Namespace' | 'Node', name: string): ObjectView {
    const views = this.#views[kind];
    const known = views.get(name);
    if (known !== undefined) {
      return known;
    }
    const metadata = this.#objects.get({ kind, namespace: '', name })?.metadata;
    const { labels = {}, annotations = {} } = metadata ?? {};
    const view = { name, labels, annotations };
    if (views.size >= REMEMBERED_MAX) {
      views.clear();
    }
    views.set(name, view);
    return view;
  }
}
