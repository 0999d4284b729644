/**
 * Under which of its versions a kind is served. What was found is looked for again from time to time, because CRDs
 * are installed and removed under a running process.
 */
import { LIMITS } from '../catalogue/limits.ts';
import type { ApiOutcome } from './api.ts';
import type { ApiServer } from './api-server.ts';
import { type Resource, type ResourceType, resourceTypes } from './resources.ts';

interface ResourceList {
  readonly resources: readonly { readonly name: string }[];
}

interface Known {
  readonly at: number;
  readonly found: Promise<ApiOutcome<ResourceType>>;
}

export class ServedResources {
  readonly #api: ApiServer;
  readonly #known = new Map<Resource, Known>();

  constructor(api: ApiServer) {
    this.#api = api;
  }

  /**
   * The type of a kind that the server has, the preferred of several; `not-found` where it has none. Of a kind with
   * one version the server is not asked: its own answer says whether it is there.
   */
  typeOf(resource: Resource): Promise<ApiOutcome<ResourceType>> {
    const types = resourceTypes(resource);
    if (types.length === 1) {
      return Promise.resolve({ kind: 'ok', value: types[0]! });
    }
    const now = performance.now();
    const known = this.#known.get(resource);
    if (known !== undefined && now - known.at < LIMITS.unservedKindMs) {
      return known.found;
    }
    const found = this.#find(types);
    const entry = { at: now, found };
    this.#known.set(resource, entry);
    void found.then(({ kind }) => {
      // A failure says nothing about the kind.
      if (kind !== 'ok' && kind !== 'not-found' && this.#known.get(resource) === entry) {
        this.#known.delete(resource);
      }
    });
    return found;
  }

  async #find(types: readonly ResourceType[]): Promise<ApiOutcome<ResourceType>> {
    for (const type of types) {
      const outcome = await this.#api.request<ResourceList>({
        method: 'GET',
        path: `/apis/${type.group}/${type.version}`,
      });
      if (
        outcome.kind === 'ok' &&
        outcome.value.resources.some(({ name }) => name === type.plural)
      ) {
        return { kind: 'ok', value: type };
      }
      if (outcome.kind !== 'ok' && outcome.kind !== 'not-found') {
        return outcome;
      }
    }
    return { kind: 'not-found' };
  }
}
