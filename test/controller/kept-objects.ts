/** Objects with versions, as an API server keeps them, with faults on demand. */
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import type { ApiOutcome } from '../../src/kube/api.ts';
import { type Resource, resourcePath } from '../../src/kube/resources.ts';

export class KeptObjects {
  readonly kept = new Map<string, KubeObject>();
  /** Answers instead of doing; undefined lets it be done. */
  fault: (verb: string, path: string) => ApiOutcome<KubeObject> | undefined = () => undefined;
  /** Runs before a write, as another replica would. */
  before: (() => void) | undefined;
  #version = 0;

  put(resource: Resource, object: KubeObject): KubeObject {
    this.#version += 1;
    const { name, namespace } = object.metadata;
    const resourceVersion = String(this.#version);
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion } };
    this.kept.set(resourcePath(resource, { name, ...(namespace ? { namespace } : {}) }), stored);
    return stored;
  }

  async get(resource: Resource, place: { namespace?: string; name: string }) {
    const path = resourcePath(resource, place);
    const found = this.kept.get(path);
    const missing = { kind: 'not-found' } as const;
    return this.fault('get', path) ?? (found ? ({ kind: 'ok', value: found } as const) : missing);
  }

  create(resource: Resource, object: KubeObject) {
    return this.#write('create', resource, object, undefined);
  }

  replace(resource: Resource, object: KubeObject) {
    return this.#write('replace', resource, object, object.metadata.resourceVersion);
  }

  async #write(
    verb: string,
    resource: Resource,
    object: KubeObject,
    version: string | undefined,
  ): Promise<ApiOutcome<KubeObject>> {
    const { name, namespace } = object.metadata;
    const path = resourcePath(resource, { name, ...(namespace ? { namespace } : {}) });
    const race = this.before;
    this.before = undefined;
    race?.();
    const fault = this.fault(verb, path);
    if (fault !== undefined) return fault;
    if (this.kept.get(path)?.metadata.resourceVersion !== version) return { kind: 'conflict' };
    return { kind: 'ok', value: this.put(resource, object) };
  }
}
