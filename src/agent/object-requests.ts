/** What `apply`, `delete`, `get`, `annotate`, `label` and `patch` ask of the applied objects. */
import { OrbweaverError } from '../catalogue/errors.ts';
import { type Kind, kindById } from '../dialect/kinds.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import { asOrbweaverError, errorBody } from './json-route.ts';
import { type ProjectionParts, projectObjects } from './projection.ts';
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

/** What became of one object that was written. */
export interface Written {
  readonly object: KubeObject;
  readonly action: 'created' | 'configured' | 'unchanged';
  readonly warnings: readonly string[];
}

/** The store of applied objects; every write goes through admission and is durable when it resolves. */
export interface ObjectKeeper {
  /** Throws OBJECT_INVALID, KIND_UNKNOWN, or OBJECT_EXISTS with `mustBeNew`. */
  apply(object: KubeObject, options: { mustBeNew: boolean }): Promise<Written>;
  /** Resolves to undefined where there is no such object. */
  delete(
    kind: Kind,
    namespace: string,
    name: string,
  ): Promise<{ terminating: boolean; warnings: readonly string[] } | undefined>;
  /** Throws OBJECT_NOT_FOUND, and USAGE for a key that has another value. */
  setMetadata(
    field: 'annotations' | 'labels',
    ref: { kind: Kind; namespace: string; name: string },
    change: Pick<AnnotateRequest, 'set' | 'remove' | 'overwrite'>,
  ): Promise<Written>;
  /** Throws OBJECT_NOT_FOUND and OBJECT_INVALID. */
  patch(
    ref: { kind: Kind; namespace: string; name: string },
    type: PatchRequest['type'],
    patch: unknown,
  ): Promise<Written>;
}

/** Applies each object by itself: one that is refused does not hold up the others. */
export async function applyObjects(
  keeper: ObjectKeeper,
  request: ApplyRequest,
): Promise<ApplyResponse> {
  const results: ApplyResult[] = [];
  for (const object of request.objects) {
    results.push(await applyOne(keeper, object, request.mode === 'create'));
  }
  return { results };
}

async function applyOne(
  keeper: ObjectKeeper,
  object: KubeObject,
  mustBeNew: boolean,
): Promise<ApplyResult> {
  try {
    const written = await keeper.apply(object, { mustBeNew });
    return {
      object: nameOf(written.object),
      action: written.action,
      warnings: written.warnings,
    };
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

/** Deletes each object by itself; `deleted` is told of every one that went. */
export async function deleteObjects(
  keeper: ObjectKeeper,
  request: DeleteRequest,
  deleted: (ref: ObjectRef) => void,
): Promise<DeleteResponse> {
  const results: DeleteResult[] = [];
  for (const ref of request.refs) {
    const result = await deleteOne(keeper, ref);
    if (result.action === 'deleted') {
      deleted(ref);
    }
    results.push(result);
  }
  return { results };
}

async function deleteOne(keeper: ObjectKeeper, ref: ObjectRef): Promise<DeleteResult> {
  try {
    const outcome = await keeper.delete(kindOfRef(ref), ref.namespace, ref.name);
    if (outcome === undefined) {
      return { ref, action: 'missing', warnings: [] };
    }
    const action = outcome.terminating ? 'terminating' : 'deleted';
    return { ref, action, warnings: outcome.warnings };
  } catch (error) {
    return { ref, action: 'failed', warnings: [], error: errorBody(asOrbweaverError(error)) };
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
  if (name !== undefined && objects.length === 0) {
    throw new OrbweaverError('OBJECT_NOT_FOUND', `${resourceOf(kind)} "${name}" not found`);
  }
  return { objects };
}

/** Sets and removes annotations or labels. */
export async function editMetadata(
  keeper: ObjectKeeper,
  field: 'annotations' | 'labels',
  request: AnnotateRequest,
): Promise<EditResponse> {
  return asEdit(await keeper.setMetadata(field, resolved(request.ref), request));
}

/** Changes fields of one object. */
export async function patchObject(
  keeper: ObjectKeeper,
  request: PatchRequest,
): Promise<EditResponse> {
  return asEdit(await keeper.patch(resolved(request.ref), request.type, request.patch));
}

function asEdit({ object, action, warnings }: Written): EditResponse {
  return { object, changed: action !== 'unchanged', warnings };
}

function resolved(ref: ObjectRef): { kind: Kind; namespace: string; name: string } {
  return { kind: kindOfRef(ref), namespace: ref.namespace, name: ref.name };
}

function kindOfRef(ref: Pick<ObjectRef, 'kind'>): Kind {
  const kind = kindById(ref.kind) as Kind | undefined;
  if (kind === undefined) {
    throw new OrbweaverError('KIND_UNKNOWN', `no kind ${JSON.stringify(ref.kind)} here`);
  }
  return kind;
}

/** `spiderippools.spiderpool.spidernet.io`, as the API server names it in "not found". */
function resourceOf(kind: Kind): string {
  const [group] = kind.apiVersions[0]!.split('/');
  return kind.apiVersions[0]!.includes('/') ? `${kind.plural}.${group}` : kind.plural;
}
