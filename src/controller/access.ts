/**
 * What the controller needs of an API server, so that its duties run on a simulated one as well.
 */
import type { KubeObject } from '../dialect/kube-object.ts';
import type { Clock } from '../ipam/ports.ts';
import type { BlockApi } from '../kube/api.ts';
import type { KubeObjects } from '../kube/objects.ts';
import type { ObjectName, Reflector } from '../kube/reflector.ts';
import type { Resource } from '../kube/resources.ts';

/** Objects of any kind, read from etcd and written. */
export type ObjectApi = Pick<KubeObjects, 'get' | 'create' | 'replace' | 'mergePatch' | 'delete'>;

/** A list that follows the API server. */
export type Feed = Pick<Reflector, 'synced' | 'isSynced' | 'list' | 'get' | 'close'>;

export interface FeedOptions {
  /** Absent: all namespaces, or a kind without. */
  readonly namespace?: string;
  readonly fieldSelector?: string;
  /** What is kept of an object; the rest is forgotten as soon as it has come. */
  readonly keep?: (object: KubeObject) => KubeObject;
  /** After every change, in order. `object` undefined: it is gone; `before` undefined: it is new. */
  readonly onChange?: (
    name: ObjectName,
    object: KubeObject | undefined,
    before: KubeObject | undefined,
  ) => void;
}

export interface ClusterAccess {
  readonly objects: ObjectApi;
  readonly blocks: BlockApi;
  /** The API server's time. */
  readonly clock: Clock;
  /** Begins to follow a list. Of a kind that the server does not have: empty. */
  follow(resource: Resource, options?: FeedOptions): Feed;
  /** A whole list page by page, so that it need not fit in memory; false where it could not be read to its end. */
  eachPage(resource: Resource, read: (objects: readonly KubeObject[]) => void): Promise<boolean>;
}

/** Something that only the leading controller does. */
export interface Duty {
  start(): void;
  /** Begins nothing more; resolves when nothing of it is under way. */
  stop(): Promise<void>;
}
