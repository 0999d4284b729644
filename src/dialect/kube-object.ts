/**
 * A Kubernetes object as it is kept and shown: what a manifest says, with nothing interpreted yet.
 */

/** Who an object belongs to (Kubernetes `metadata.ownerReferences`). */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  name: string;
  /** Absent for cluster-scoped kinds. */
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  uid?: string;
  resourceVersion?: string;
  /** Grows by one with every change of the spec. */
  generation?: number;
  /** RFC 3339, UTC. */
  creationTimestamp?: string;
  /** RFC 3339, UTC; present while the object is being deleted and finalizers hold it. */
  deletionTimestamp?: string;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
}

/**
 * Any object. The reader of a kind checks the types of what it uses; `spec`, `status` and the rest are as
 * they were written.
 */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec?: unknown;
  status?: unknown;
  /** ConfigMap. */
  data?: unknown;
  [field: string]: unknown;
}

/** Whether the object is being deleted; null counts as absent, as everywhere in manifests. */
export function isTerminating(object: KubeObject): boolean {
  return (object.metadata.deletionTimestamp ?? undefined) !== undefined;
}
