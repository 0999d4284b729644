/** Objects of any kind as an API server keeps them, with versions and conflicts, and with outcomes that a test writes. */
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import type { ApiOutcome } from '../../src/kube/api.ts';
import type { ObjectPlace } from '../../src/kube/objects.ts';
import { type Resource, resourceTypes } from '../../src/kube/resources.ts';

export interface ObjectRequest {
  readonly verb: 'get' | 'create' | 'replace' | 'mergePatch';
  readonly key: string;
  readonly object?: KubeObject;
}

export class MemoryObjects {
  /** By `plural/namespace/name`. */
  readonly stored = new Map<string, KubeObject>();
  /** Everything that was asked for, in order. */
  readonly requests: ObjectRequest[] = [];
  /** What becomes of a request instead; undefined: it is carried out. */
  fault: (request: ObjectRequest) => ApiOutcome<never> | undefined = () => undefined;
  #version = 0;

  get(resource: Resource, place: ObjectPlace): Promise<ApiOutcome<KubeObject>> {
    const key = keyOf(resource, place);
    return this.#serve({ verb: 'get', key }, () => this.#found(key));
  }

  create(resource: Resource, object: KubeObject): Promise<ApiOutcome<KubeObject>> {
    const key = keyOf(resource, object.metadata);
    return this.#serve({ verb: 'create', key, object }, () =>
      this.stored.has(key) ? { kind: 'conflict' } : this.#put(key, object),
    );
  }

  replace(resource: Resource, object: KubeObject): Promise<ApiOutcome<KubeObject>> {
    const key = keyOf(resource, object.metadata);
    return this.#serve({ verb: 'replace', key, object }, () => {
      const before = this.stored.get(key);
      if (before === undefined) return { kind: 'not-found' };
      const stated = object.metadata.resourceVersion ?? before.metadata.resourceVersion;
      return stated === before.metadata.resourceVersion
        ? this.#put(key, object)
        : { kind: 'conflict' };
    });
  }

  /** Of the top level only, which is all that is sent here. */
  mergePatch(
    resource: Resource,
    place: ObjectPlace,
    patch: object,
  ): Promise<ApiOutcome<KubeObject>> {
    const key = keyOf(resource, place);
    return this.#serve({ verb: 'mergePatch', key }, () => {
      const before = this.stored.get(key);
      return before === undefined
        ? { kind: 'not-found' }
        : this.#put(key, { ...before, ...patch } as KubeObject);
    });
  }

  async #serve(
    request: ObjectRequest,
    serve: () => ApiOutcome<KubeObject>,
  ): Promise<ApiOutcome<KubeObject>> {
    this.requests.push(request);
    return this.fault(request) ?? serve();
  }

  #found(key: string): ApiOutcome<KubeObject> {
    const value = this.stored.get(key);
    return value === undefined ? { kind: 'not-found' } : { kind: 'ok', value };
  }

  #put(key: string, object: KubeObject): ApiOutcome<KubeObject> {
    this.#version += 1;
    const metadata = { ...object.metadata, resourceVersion: String(this.#version) };
    const value = { ...object, metadata };
    this.stored.set(key, value);
    return { kind: 'ok', value };
  }
}

function keyOf(
  resource: Resource,
  { namespace = '', name }: { namespace?: string; name: string },
): string {
  return `${resourceTypes(resource)[0]!.plural}/${namespace}/${name}`;
}
