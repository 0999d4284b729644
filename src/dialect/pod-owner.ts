/**
 * Who a pod belongs to, and whether it still lives: what decides about its address beside its labels.
 */
import { isTerminating, type KubeObject, type OwnerReference } from './kube-object.ts';

/** Where an object came from in the end. */
export interface Controller {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
}

/** API versions whose controllers are looked into (reference/spiderpool.md 5.1 step 3). */
const KNOWN_APIS: readonly string[] = ['v1', 'apps/v1', 'batch/v1'];

/** The owner that controls the object, or undefined. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true);
}

/**
 * The controller at the top of a pod: through its ReplicaSet to the Deployment, through its Job to the
 * CronJob. A bare pod is its own. `find` returns the object of a kind and name in the pod's namespace, or
 * undefined; an owner that is not found, or is of a foreign API, is the top itself.
 */
export function topController(
  pod: KubeObject,
  find: (kind: string, name: string) => KubeObject | undefined,
): Controller {
  const owner = controllerOf(pod);
  if (owner === undefined) return { apiVersion: 'v1', kind: 'Pod', name: pod.metadata.name };
  const { apiVersion, kind, name } = owner;
  if (KNOWN_APIS.includes(apiVersion) && (kind === 'ReplicaSet' || kind === 'Job')) {
    const between = find(kind, name);
    const above = between === undefined ? undefined : controllerOf(between);
    if (above !== undefined) {
      return { apiVersion: above.apiVersion, kind: above.kind, name: above.name };
    }
  }
  return { apiVersion, kind, name };
}

/**
 * Whether a pod is over, so that it gets no address any more: it is being deleted, has finished and is not
 * started again, or was evicted (reference/spiderpool.md 5.1 step 2).
 */
export function isPodDead(pod: KubeObject): boolean {
  if (isTerminating(pod)) return true;
  const status = (pod.status ?? {}) as { phase?: unknown; reason?: unknown };
  const policy = ((pod.spec ?? {}) as { restartPolicy?: unknown }).restartPolicy ?? 'Always';
  if (status.phase === 'Succeeded') return policy !== 'Always';
  if (status.phase === 'Failed') return policy === 'Never' || status.reason === 'Evicted';
  return false;
}
