/**
 * AdmissionReviews (admission.k8s.io/v1): the rules of src/dialect, asked by the API server before it stores an
 * object. First it lets the object be filled in (`mutate`), which never refuses, then checks its schema and rules,
 * and last asks whether it may stand (`validate`).
 */
import { isDeepStrictEqual } from 'node:util';
import { OrbweaverError } from '../catalogue/errors.ts';
import { admit } from '../dialect/admission.ts';
import type { Admission, AdmissionContext, Operation } from '../dialect/admission-context.ts';
import { type Kind, type KindId, kindOf } from '../dialect/kinds.ts';
import type { KubeObject, ObjectMeta } from '../dialect/kube-object.ts';
import { isPoolKind } from '../dialect/pool-registry.ts';
import type { PatchOperation } from '../kube/api.ts';

export type Stage = 'mutate' | 'validate';

/** `request` of a review, as far as it is read. */
export interface ReviewRequest {
  readonly uid: string;
  readonly operation: Operation | 'CONNECT';
  readonly object?: KubeObject | null;
  readonly oldObject?: KubeObject | null;
}

/** `response` of a review. */
export interface ReviewResponse {
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
  readonly patchType?: 'JSONPatch';
  /** A JSON Patch in base64. */
  readonly patch?: string;
  readonly warnings?: readonly string[];
}

/** The world as the rules of a kind see it. */
export type WorldOf = (kind: KindId) => AdmissionContext;

/** Set by the API server from the webhook's name in its configuration, so not said twice. */
const DENIED = /^admission webhook "[^"]*" denied the request: /;
/** What of the metadata is filled in. */
const META_FIELDS = ['labels', 'finalizers', 'ownerReferences'] as const;
/** The API server cuts warnings that are longer together (in characters). */
const WARNING_CHARS_MAX = 256;

/** Answers one review. Throws where the answer would be a guess: then the API server's failurePolicy decides. */
export function answerReview(
  stage: Stage,
  request: ReviewRequest,
  worldOf: WorldOf,
): ReviewResponse {
  const { uid, operation } = request;
  const allowed = { uid, allowed: true };
  const given = request.object ?? request.oldObject ?? undefined;
  const kind = given === undefined ? undefined : knownKind(given);
  if (given === undefined || kind === undefined || operation === 'CONNECT') {
    return allowed;
  }
  let admission: Admission;
  try {
    const next = canonical(request.object, kind);
    const previous = canonical(request.oldObject, kind);
    admission = admit(operation, next, previous, worldOf(kind.id));
  } catch (error) {
    if (!(error instanceof OrbweaverError) || error.code !== 'OBJECT_INVALID') {
      throw error;
    }
    if (stage === 'mutate') {
      return allowed;
    }
    const message = error.message.replace(DENIED, '');
    return { uid, allowed: false, status: { code: 422, reason: 'Invalid', message } };
  }
  if (stage === 'validate') {
    const { warnings } = admission;
    return warnings.length === 0
      ? allowed
      : { ...allowed, warnings: warnings.map((text) => text.slice(0, WARNING_CHARS_MAX)) };
  }
  const patch = operation === 'DELETE' ? [] : patchOf(kind, given, admission.object);
  if (patch.length === 0) {
    return allowed;
  }
  return {
    ...allowed,
    patchType: 'JSONPatch',
    patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
  };
}

/** Undefined for a kind that the rules do not know: nothing is to be said about it. */
function knownKind(object: KubeObject): Kind | undefined {
  try {
    return kindOf({ ...object, metadata: object.metadata ?? { name: '' } });
  } catch {
    return undefined;
  }
}

/** In the version that the rules are written in. Before it is stored an object may have no name yet. */
function canonical(object: KubeObject | null | undefined, kind: Kind): KubeObject | undefined {
  if (object === null || object === undefined) {
    return undefined;
  }
  const metadata = object.metadata as ObjectMeta & { generateName?: string };
  return {
    ...object,
    apiVersion: kind.apiVersions[0]!,
    kind: kind.kinds[0]!,
    metadata: { ...metadata, name: metadata.name ?? metadata.generateName ?? '' },
  };
}

/** What admission filled in, field by field. */
function patchOf(kind: Kind, before: KubeObject, after: KubeObject): PatchOperation[] {
  const patch: PatchOperation[] = [];
  const set = (path: string, value: unknown) => patch.push({ op: 'add', path, value });
  for (const field of META_FIELDS) {
    // Only pools wait for their addresses before they go; nobody would take it off the others again.
    const isFilled = field !== 'finalizers' || isPoolKind(kind.id);
    const value = after.metadata[field];
    if (isFilled && value !== undefined && !isDeepStrictEqual(value, before.metadata[field])) {
      set(`/metadata/${field}`, value);
    }
  }
  const spec = (before.spec ?? {}) as Readonly<Record<string, unknown>>;
  if (before.spec === undefined || before.spec === null) {
    if (after.spec !== undefined && after.spec !== null) {
      set('/spec', after.spec);
    }
    return patch;
  }
  for (const [field, value] of Object.entries((after.spec ?? {}) as object)) {
    if (!isDeepStrictEqual(value, spec[field])) {
      set(`/spec/${field}`, value);
    }
  }
  return patch;
}
