/** What `apply`, `delete`, `get`, `annotate`, `label` and `patch` ask of the applied objects. */
import { OrbweaverError } from '../catalogue/errors.ts';
import { type Kind, kindById, resourceName } from '../dialect/kinds.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import type { Edit, ObjectStore } from '../embedded/object-store.ts';
import { type ProjectionParts, projectObjects } from '../projection/projected-objects.ts';
import { asOrbweaverError, errorBody } from './json-route.ts';
import type {
  AnnotateRequest,
  ApplyRequest,
  ApplyResponse,
  ApplyResult,
  DeleteRequest,
  DeleteResponse,
  DeleteResult,
  EditResponse,
  ObjectRef,
  ObjectsResponse,
  PatchRequest,
} from './protocol.ts';

/**
 * The store of applied objects; every write goes through admission and is durable when it resolves.
 */
export type ObjectKeeper = Pick<ObjectStore, 'apply' | 'delete' | 'annotate' | 'label' | 'patch'>;

/**
 * Applies each object by itself, in the order given: one that is refused does not hold up the
 * others. They are handed over together, so that they share the flushes to disk.
 */
export async function applyObjects(
  keeper: ObjectKeeper,
  { objects, mode }: ApplyRequest,
): Promise<ApplyResponse> {
  return { results: await Promise.all(objects.map((object) => applyOne(keeper, object, mode))) };
}

async function applyOne(
  keeper: ObjectKeeper,
  object: KubeObject,
  mode: ApplyRequest['mode'],
): Promise<ApplyResult> {
  try {
    const edit = await keeper.apply(object, mode);
    return { object: nameOf(edit.object), action: edit.action, warnings: edit.warnings };
  } catch (error) {
    return {
      object: nameOf(object),
      action: 'failed',
      warnings: [],
      error: errorBody(asOrbweaverError(error)),
    };
  }
}

function nameOf({ apiVersion, kind, metadata }: KubeObject): ApplyResult['object'] {
  return { apiVersion, kind, name: metadata.name };
}

/** Deletes each object by itself, as `applyObjects` applies them. */
export async function deleteObjects(
  keeper: ObjectKeeper,
  { refs }: DeleteRequest,
): Promise<DeleteResponse> {
  return { results: await Promise.all(refs.map((ref) => deleteOne(keeper, ref))) };
}

async function deleteOne(keeper: ObjectKeeper, ref: ObjectRef): Promise<DeleteResult> {
  try {
    kindOfRef(ref);
    return { ref, action: await keeper.delete(ref) };
  } catch (error) {
    return { ref, action: 'failed', error: errorBody(asOrbweaverError(error)) };
  }
}

/** The objects that a query names. Throws OBJECT_NOT_FOUND for a name that does not exist. */
export async function readObjects(
  parts: ProjectionParts,
  query: Readonly<Record<string, string>>,
): Promise<ObjectsResponse> {
  const kind = kindOfRef({ kind: query.kind as ObjectRef['kind'] });
  const { namespace, name } = query;
  const objects = await projectObjects(parts, kind, {
    namespace,
    name,
    full: query.full === 'true',
  });
  return { objects: requireFound(kind, name, objects) };
}

/** The objects. Throws OBJECT_NOT_FOUND where there are none of the name that was asked for. */
export function requireFound(
  kind: Kind,
  name: string | undefined,
  objects: KubeObject[],
): KubeObject[] {
  if (name !== undefined && objects.length === 0) {
    throw new OrbweaverError('OBJECT_NOT_FOUND', `${resourceName(kind)} "${name}" not found`);
  }
  return objects;
}

/** Sets and removes annotations or labels. */
export async function editMetadata(
  keeper: ObjectKeeper,
  verb: 'annotate' | 'label',
  request: AnnotateRequest,
): Promise<EditResponse> {
  kindOfRef(request.ref);
  return asResponse(await keeper[verb](request.ref, request));
}

/** Changes fields of one object. */
export async function patchObject(
  keeper: ObjectKeeper,
  { ref, type, patch }: PatchRequest,
): Promise<EditResponse> {
  kindOfRef(ref);
  return asResponse(await keeper.patch(ref, type, patch));
}

function asResponse({ object, action, warnings }: Edit): EditResponse {
  return { object, changed: action !== 'unchanged', warnings };
}

/** Throws KIND_UNKNOWN for what another version of the CLI may have sent. */
function kindOfRef(ref: Pick<ObjectRef, 'kind'>): Kind {
  const kind = kindById(ref.kind) as Kind | undefined;
  if (kind === undefined) {
    throw new OrbweaverError('KIND_UNKNOWN', `no kind ${JSON.stringify(ref.kind)} here`);
  }
  return kind;
}
