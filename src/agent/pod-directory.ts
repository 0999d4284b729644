/**
 * The pods of a cluster for one table: the pods of a namespace are read with one list, not one by one.
 */
import type { PodView } from '../choose/subject.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import { isPodDead } from '../dialect/pod-owner.ts';
import type { Timers } from '../ipam/timers.ts';
import { okValue } from '../kube/object-outcome.ts';
import type { KubeObjects } from '../kube/objects.ts';
import { OwnerChain } from '../kube/owner-chain.ts';

export class PodDirectory {
  readonly #objects: KubeObjects;
  readonly #owners: OwnerChain;
  readonly #byNamespace = new Map<string, Promise<ReadonlyMap<string, KubeObject>>>();

  constructor(objects: KubeObjects, timers: Timers) {
    this.#objects = objects;
    this.#owners = new OwnerChain(objects, timers);
  }

  /** A pod with the controller at the top of its owners. Rejects with API_SERVER_AWAY or API_FORBIDDEN. */
  async pod(namespace: string, name: string): Promise<PodView | undefined> {
    let pods = this.#byNamespace.get(namespace);
    if (pods === undefined) {
      pods = this.#list(namespace);
      this.#byNamespace.set(namespace, pods);
    }
    const object = (await pods).get(name);
    if (object === undefined) {
      return undefined;
    }
    const { uid = '', labels = {}, annotations = {} } = object.metadata;
    const { nodeName: node = '' } = (object.spec ?? {}) as { nodeName?: string };
    const controller = await this.#owners.topOf(object);
    return { namespace, name, uid, node, labels, annotations, dead: isPodDead(object), controller };
  }

  async #list(namespace: string): Promise<ReadonlyMap<string, KubeObject>> {
    const { items } = okValue(await this.#objects.list('Pod', { namespace }), 'pods');
    return new Map(items.map((object) => [object.metadata.name, object]));
  }
}
