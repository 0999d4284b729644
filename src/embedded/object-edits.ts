/** One object and its next form: what a writer may say of it, and what only the store may. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { OrbweaverError } from '../catalogue/errors.ts';
import { invalidObject } from '../dialect/invalid-object.ts';
import type { KubeObject, ObjectMeta } from '../dialect/kube-object.ts';
import { SERVER_FIELDS } from '../dialect/server-fields.ts';
import { invalid, wrongType } from '../selector/field-error.ts';

/** The manifest without what only the store may say. */
export function stated(manifest: KubeObject): KubeObject {
  const metadata: Record<string, unknown> = { ...manifest.metadata };
  for (const field of SERVER_FIELDS) {
    delete metadata[field];
  }
  return { ...manifest, metadata: metadata as unknown as ObjectMeta };
}

/**
 * Refuses a uid, finalizers or owners of a wrong type, which would be tripped over only when they are used.
 * Throws OBJECT_INVALID with every fault.
 */
export function checkOwnership(object: KubeObject): void {
  const { uid, finalizers, ownerReferences } = object.metadata as unknown as Record<
    string,
    unknown
  >;
  const isText = (value: unknown) => typeof value === 'string' && value !== '';
  const isOwner = (value: unknown) => {
    const owner = value as Record<string, unknown> | null;
    return ['apiVersion', 'kind', 'name', 'uid'].every((field) => isText(owner?.[field]));
  };
  const faults: string[] = [];
  if (uid !== undefined && !isText(uid)) {
    faults.push(wrongType('metadata.uid', uid, 'string'));
  }
  if (finalizers !== undefined && !(Array.isArray(finalizers) && finalizers.every(isText))) {
    faults.push(invalid('metadata.finalizers', finalizers, 'must be a list of names'));
  }
  if (
    ownerReferences !== undefined &&
    !(Array.isArray(ownerReferences) && ownerReferences.every(isOwner))
  ) {
    const what = 'must be a list of owners with apiVersion, kind, name and uid';
    faults.push(invalid('metadata.ownerReferences', ownerReferences, what));
  }
  if (faults.length > 0) {
    throw invalidObject(object, faults);
  }
}

/** The object with the fields that only the store may say as they were. */
export function withServerFields(object: KubeObject, previous: KubeObject): KubeObject {
  const { metadata } = stated(object);
  const before = previous.metadata as unknown as Record<string, unknown>;
  const kept = SERVER_FIELDS.filter((field) => before[field] !== undefined);
  return {
    ...object,
    metadata: {
      ...metadata,
      ...Object.fromEntries(['uid', ...kept].map((field) => [field, before[field]])),
    } as ObjectMeta,
  };
}

/** What is compared to tell whether anything changed. JSON has no `undefined`, so keys that hold it are none. */
export function plain(object: KubeObject): unknown {
  return JSON.parse(JSON.stringify(object));
}

/** What a patch made of an object, if it is still that object; otherwise throws OBJECT_INVALID. */
export function samePlace(object: KubeObject, next: unknown): KubeObject {
  const patched = next as Partial<KubeObject> | null | undefined;
  const { apiVersion, kind, metadata } = object;
  const place = [
    patched?.apiVersion,
    patched?.kind,
    patched?.metadata?.name,
    patched?.metadata?.namespace,
  ];
  const before = [apiVersion, kind, metadata.name, metadata.namespace];
  if (!isDeepStrictEqual(place, before)) {
    throw new OrbweaverError(
      'OBJECT_INVALID',
      `the patch of ${kind} "${metadata.name}" changes its apiVersion, kind, name or namespace`,
    );
  }
  return patched as KubeObject;
}
