/**
 * Objects of any kind on an API server, as raw JSON: what a typed client does not know it drops
 * (reference/kubernetes-api.md section 3). A kind that the server does not serve has no objects; writing one is
 * refused.
 */
import type { KubeObject } from '../dialect/kube-object.ts';
import type { ApiOutcome, PatchOperation } from './api.ts';
import type { ApiRequest, ApiServer } from './api-server.ts';
import { type ListOptions, listObjects, type ObjectList } from './object-list.ts';
import {
  type Resource,
  type ResourcePlace,
  type ResourceType,
  resourcePath,
  versionOf,
} from './resources.ts';
import { ServedResources } from './served-resources.ts';

export type { ObjectList };

/** Which object. */
export interface ObjectPlace {
  /** Absent for kinds without namespaces. */
  readonly namespace?: string;
  readonly name: string;
  /** `status`, for one. */
  readonly subresource?: string;
}

export interface ObjectListQuery extends ListOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string;
}

export interface WriteOptions {
  /** `status`, for one. */
  readonly subresource?: string;
  /** Who owns the fields that are written; the server makes a name of the user agent where it is absent. */
  readonly fieldManager?: string;
  /** Admission and validation run, and nothing is kept. */
  readonly dryRun?: boolean;
  /** A field that the kind does not have is refused, not dropped. */
  readonly strict?: boolean;
}

export interface ApplyOptions extends WriteOptions {
  readonly fieldManager: string;
  /** Takes fields over from their owners. */
  readonly force?: boolean;
}

export interface DeleteOptions {
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  readonly gracePeriodSeconds?: number;
}

export class KubeObjects {
  readonly api: ApiServer;
  readonly #served: ServedResources;

  constructor(api: ApiServer) {
    this.api = api;
    this.#served = new ServedResources(api);
  }

  /** Reads one from etcd. `not-found`: there is none, or the kind is not served. */
  async get(resource: Resource, place: ObjectPlace): Promise<ApiOutcome<KubeObject>> {
    const type = await this.#served.typeOf(resource);
    return type.kind === 'ok'
      ? this.api.request({ method: 'GET', path: resourcePath(type.value, place) })
      : type;
  }

  /** The whole list. Of a kind that is not served: empty. */
  async list(resource: Resource, query: ObjectListQuery = {}): Promise<ApiOutcome<ObjectList>> {
    const type = await this.#served.typeOf(resource);
    const { namespace, ...options } = query;
    const place = namespace === undefined ? {} : { namespace };
    const outcome =
      type.kind === 'ok'
        ? await listObjects(this.api, resourcePath(type.value, place), options)
        : type;
    return outcome.kind === 'not-found'
      ? { kind: 'ok', value: { items: [], resourceVersion: '' } }
      : outcome;
  }

  /** `conflict`: the name is taken. `not-found`: its namespace is not there. */
  create(
    resource: Resource,
    object: KubeObject,
    options: WriteOptions = {},
  ): Promise<ApiOutcome<KubeObject>> {
    const { namespace } = object.metadata;
    const place = namespace === undefined ? {} : { namespace };
    return this.#write(resource, place, options, (type) => ({
      method: 'POST',
      body: inVersion(object, type),
    }));
  }

  /** A PUT; `conflict`: its `resourceVersion` is not the newest. Without one the last writer wins. */
  replace(
    resource: Resource,
    object: KubeObject,
    options: WriteOptions = {},
  ): Promise<ApiOutcome<KubeObject>> {
    return this.#write(resource, placeOf(object), options, (type) => ({
      method: 'PUT',
      body: inVersion(object, type),
    }));
  }

  /** RFC 7396: null removes a member, a list is replaced as a whole. */
  mergePatch(
    resource: Resource,
    place: ObjectPlace,
    patch: object,
    options: WriteOptions = {},
  ): Promise<ApiOutcome<KubeObject>> {
    return this.#write(resource, place, options, () => ({
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: patch,
    }));
  }

  /** `test-failed`: a `test` found something else, or what is to be removed is not there. */
  jsonPatch(
    resource: Resource,
    place: ObjectPlace,
    operations: readonly PatchOperation[],
    options: WriteOptions = {},
  ): Promise<ApiOutcome<KubeObject>> {
    return this.#write(resource, place, options, () => ({
      method: 'PATCH',
      contentType: 'application/json-patch+json',
      body: operations,
    }));
  }

  /** Server-side apply. `conflict`: another manager owns a field, and `force` is not set. */
  applyServerSide(
    resource: Resource,
    object: KubeObject,
    options: ApplyOptions,
  ): Promise<ApiOutcome<KubeObject>> {
    return this.#write(resource, placeOf(object), options, (type) => ({
      method: 'PATCH',
      contentType: 'application/apply-patch+yaml',
      body: inVersion(object, type),
    }));
  }

  /** `ok`: it is gone, or waits for its finalizers. `conflict`: a precondition does not hold. */
  async delete(
    resource: Resource,
    place: ObjectPlace,
    options: DeleteOptions = {},
  ): Promise<ApiOutcome<void>> {
    const type = await this.#served.typeOf(resource);
    if (type.kind !== 'ok') {
      return type;
    }
    const outcome = await this.api.request({
      method: 'DELETE',
      path: resourcePath(type.value, place),
      body: { apiVersion: 'v1', kind: 'DeleteOptions', ...options },
    });
    return outcome.kind === 'ok' ? { kind: 'ok', value: undefined } : outcome;
  }

  async #write(
    resource: Resource,
    place: ResourcePlace,
    options: WriteOptions & { readonly force?: boolean },
    request: (type: ResourceType) => Omit<ApiRequest, 'path'>,
  ): Promise<ApiOutcome<KubeObject>> {
    const type = await this.#served.typeOf(resource);
    if (type.kind === 'not-found') {
      const name = typeof resource === 'string' ? resource : resource.plural;
      return { kind: 'refused', reason: `the API server does not serve ${name}`, status: 404 };
    }
    if (type.kind !== 'ok') {
      return type;
    }
    const { subresource, fieldManager, dryRun, force, strict } = options;
    const path = resourcePath(type.value, {
      ...place,
      ...(subresource === undefined ? {} : { subresource }),
      query: {
        fieldManager,
        dryRun: dryRun ? 'All' : undefined,
        force: force || undefined,
        fieldValidation: strict ? 'Strict' : undefined,
      },
    });
    return this.api.request({ ...request(type.value), path });
  }
}

function placeOf({ metadata: { namespace, name } }: KubeObject): ResourcePlace {
  return { name, ...(namespace === undefined ? {} : { namespace }) };
}

/** The object under the version that is served, by the name that its kind has there. */
function inVersion(object: KubeObject, type: ResourceType): KubeObject {
  return { ...object, ...versionOf(object, type) };
}
