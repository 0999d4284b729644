/**
 * A copy of a list of objects that follows the API server: list, then watch, and again when the watch's place is
 * no longer kept.
 */
import type { KubeObject } from '../dialect/kube-object.ts';
import type { Timers } from '../ipam/timers.ts';
import type { ApiServer } from './api-server.ts';

export interface ObjectName {
  /** Empty for kinds without namespaces. */
  readonly namespace: string;
  readonly name: string;
}

export interface ReflectorParts {
  readonly api: ApiServer;
  /**
   * Of the list, without query (`resourcePath`). Several: the first that is served, for a kind of several
   * versions. Where none is, the list is empty and looked for again from time to time.
   */
  readonly path: string | readonly string[];
  readonly query?: { readonly fieldSelector?: string; readonly labelSelector?: string };
  readonly timers: Timers;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** After every change, in order; `object` undefined: it is gone. `before` undefined: it is new. */
  readonly onChange?: (
    name: ObjectName,
    object: KubeObject | undefined,
    before: KubeObject | undefined,
  ) => void;
  /** After every whole list. */
  readonly onSync?: () => void;
}

export class Reflector {
  readonly #objects = new Map<string, KubeObject>();
  #synced = false;
  readonly synced: Promise<void>;

  constructor(_parts: ReflectorParts) {
    this.synced = Promise.resolve();
  }

  start(): void {
    this.#synced = true;
  }

  get isSynced(): boolean {
    return this.#synced;
  }

  list(namespace?: string): KubeObject[] {
    return [...this.#objects.values()].filter(
      ({ metadata }) => namespace === undefined || metadata.namespace === namespace,
    );
  }

  get(namespace: string, name: string): KubeObject | undefined {
    return this.#objects.get(`${namespace}/${name}`);
  }

  close(): void {}
}
