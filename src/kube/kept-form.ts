/** An object of an API server in the form that the rest of the house knows. */
import { type KindId, kindById } from '../dialect/kinds.ts';
import type { KubeObject, ObjectMeta } from '../dialect/kube-object.ts';

/** Items of a list may come without their kind, and in another version than the one that is kept. */
export function asKept(kind: KindId, object: KubeObject): KubeObject {
  const { apiVersions, kinds } = kindById(kind);
  const [apiVersion, name] = [apiVersions[0]!, kinds[0]!];
  return object.apiVersion === apiVersion && object.kind === name
    ? object
    : { ...object, apiVersion, kind: name };
}

/** Who wrote which field is half of an object, and nobody asks for it here. */
export function withoutManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata as ObjectMeta & {
    managedFields?: unknown;
  };
  return { ...object, metadata };
}
