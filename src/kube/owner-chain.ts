/**
 * The controller at the top of a pod, through its ReplicaSet to the Deployment, through its Job to the CronJob.
 *
 * The step in between is read live and remembered for a while, because no agent watches those kinds: all pods of
 * one ReplicaSet share one read.
 */
import type { KubeObject } from '../dialect/kube-object.ts';
import { type Controller, controllerOf, topController } from '../dialect/pod-owner.ts';
import type { Timers } from '../ipam/timers.ts';
import type { KubeObjects } from './objects.ts';
import type { ResourceType } from './resources.ts';

/** How long a read is believed; owners of an object hardly ever change. */
const BELIEVED_MS = 60_000;
/** Reads remembered; beyond that all are read again. */
const REMEMBERED_MAX = 1_000;

const BETWEEN: Readonly<Record<string, ResourceType>> = {
  'apps/v1 ReplicaSet': { group: 'apps', version: 'v1', plural: 'replicasets', namespaced: true },
  'batch/v1 Job': { group: 'batch', version: 'v1', plural: 'jobs', namespaced: true },
};

interface Known {
  readonly object: KubeObject | undefined;
  readonly until: number;
}

export class OwnerChain {
  readonly #objects: Pick<KubeObjects, 'get'>;
  readonly #timers: Timers;
  readonly #known = new Map<string, Known>();

  constructor(objects: Pick<KubeObjects, 'get'>, timers: Timers) {
    this.#objects = objects;
    this.#timers = timers;
  }

  /**
   * The top controller of a pod; the one that the pod itself names where what is above cannot be read. Never
   * rejects.
   */
  async topOf(pod: KubeObject): Promise<Controller> {
    const owner = controllerOf(pod);
    const type = owner && BETWEEN[`${owner.apiVersion} ${owner.kind}`];
    if (type === undefined) {
      return topController(pod, () => undefined);
    }
    const between = await this.#read(type, pod.metadata.namespace ?? '', owner!.name);
    return topController(pod, () => between);
  }

  async #read(
    type: ResourceType,
    namespace: string,
    name: string,
  ): Promise<KubeObject | undefined> {
    const key = `${type.plural} ${namespace}/${name}`;
    const known = this.#known.get(key);
    if (known !== undefined && known.until > this.#timers.now()) {
      return known.object;
    }
    const outcome = await this.#objects.get(type, { namespace, name });
    if (outcome.kind !== 'ok' && outcome.kind !== 'not-found' && outcome.kind !== 'refused') {
      return undefined;
    }
    if (this.#known.size >= REMEMBERED_MAX) {
      this.#known.clear();
    }
    const object = outcome.kind === 'ok' ? outcome.value : undefined;
    this.#known.set(key, { object, until: this.#timers.now() + BELIEVED_MS });
    return object;
  }
}
