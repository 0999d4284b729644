/** Writes of a controller that leads; what another begins is not sent. */
import type { ApiOutcome, BlockApi } from '../kube/api.ts';
import type { ObjectApi } from './access.ts';

const NOT_LEADING: ApiOutcome<never> = { kind: 'away', reason: 'another controller leads' };

/** The same objects, whose writes are `away` as soon as `leads` is false. */
export function guardedObjects(objects: ObjectApi, leads: () => boolean): ObjectApi {
  const guard = async <T>(write: () => Promise<ApiOutcome<T>>): Promise<ApiOutcome<T>> =>
    leads() ? write() : NOT_LEADING;
  return {
    get: (resource, place) => objects.get(resource, place),
    create: (resource, object, options) => guard(() => objects.create(resource, object, options)),
    replace: (resource, object, options) => guard(() => objects.replace(resource, object, options)),
    mergePatch: (resource, place, patch, options) =>
      guard(() => objects.mergePatch(resource, place, patch, options)),
    delete: (resource, place, options) => guard(() => objects.delete(resource, place, options)),
  };
}

/** The same for IPBlocks. */
export function guardedBlocks(blocks: BlockApi, leads: () => boolean): BlockApi {
  const guard = async <T>(write: () => Promise<ApiOutcome<T>>): Promise<ApiOutcome<T>> =>
    leads() ? write() : NOT_LEADING;
  return {
    get: (name) => blocks.get(name),
    peek: (name) => blocks.peek(name),
    list: (query) => blocks.list(query),
    create: (block) => guard(() => blocks.create(block)),
    patch: (name, operations) => guard(() => blocks.patch(name, operations)),
    delete: (name, preconditions) => guard(() => blocks.delete(name, preconditions)),
  };
}
