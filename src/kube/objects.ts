/**
 * Objects of any kind on an API server, as raw JSON: what a typed client does not know it drops
 * (reference/kubernetes-api.md section 3).
 */
import type { KubeObject } from '../dialect/kube-object.ts';
import type { ApiOutcome, PatchOperation } from './api.ts';
import type { ApiServer } from './api-server.ts';
import type { Resource } from './resources.ts';

/** Which object. */
export interface ObjectPlace {
  readonly namespace?: string;
  readonly name: string;
  /** `status`, for one. */
  readonly subresource?: string;
}

export interface ObjectListQuery {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface ObjectList {
  readonly items: readonly KubeObject[];
  readonly resourceVersion: string;
}

export interface DeleteOptions {
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  readonly gracePeriodSeconds?: number;
}

export interface ApplyOptions {
  /** Who owns the fields that are applied. */
  readonly fieldManager: string;
  /** Takes fields over from their owners. */
  readonly force?: boolean;
  readonly subresource?: string;
}

const AWAY: ApiOutcome<never> = { kind: 'away', reason: 'not connected' };

export class KubeObjects {
  readonly #api: ApiServer;

  constructor(api: ApiServer) {
    this.#api = api;
  }

  /** The API server that these are on. */
  get api(): ApiServer {
    return this.#api;
  }

  async get(_resource: Resource, _place: ObjectPlace): Promise<ApiOutcome<KubeObject>> {
    return AWAY;
  }

  /** The whole list, read in pages from etcd. Of a kind that is not served: empty. */
  async list(_resource: Resource, _query: ObjectListQuery = {}): Promise<ApiOutcome<ObjectList>> {
    return AWAY;
  }

  /** `conflict`: the name is taken. */
  async create(_resource: Resource, _object: KubeObject): Promise<ApiOutcome<KubeObject>> {
    return AWAY;
  }

  /** A PUT; `conflict`: its `resourceVersion` is not the newest. */
  async replace(
    _resource: Resource,
    _object: KubeObject,
    _subresource?: string,
  ): Promise<ApiOutcome<KubeObject>> {
    return AWAY;
  }

  async mergePatch(
    _resource: Resource,
    _place: ObjectPlace,
    _patch: object,
  ): Promise<ApiOutcome<KubeObject>> {
    return AWAY;
  }

  async jsonPatch(
    _resource: Resource,
    _place: ObjectPlace,
    _operations: readonly PatchOperation[],
  ): Promise<ApiOutcome<KubeObject>> {
    return AWAY;
  }

  /** Server-side apply. `conflict`: another manager owns a field, and `force` is not set. */
  async applyServerSide(
    _resource: Resource,
    _object: KubeObject,
    _options: ApplyOptions,
  ): Promise<ApiOutcome<KubeObject>> {
    return AWAY;
  }

  async delete(
    _resource: Resource,
    _place: ObjectPlace,
    _options: DeleteOptions = {},
  ): Promise<ApiOutcome<void>> {
    return AWAY;
  }
}
