/**
 * The objects of an API server as the command line writes them: what kubectl does with the same words. The server's
 * rules and those of the webhook decide; their words are passed on.
 */
import { isDeepStrictEqual } from 'node:util';
import { OrbweaverError } from '../catalogue/errors.ts';
import { type KeyEdits, withKeys } from '../dialect/key-edits.ts';
import { type Kind, type KindId, kindById, kindOf, resourceName } from '../dialect/kinds.ts';
import { isTerminating, type KubeObject } from '../dialect/kube-object.ts';
import { isPoolKind } from '../dialect/pool-registry.ts';
import { SERVER_FIELDS } from '../dialect/server-fields.ts';
import type { ApiOutcome, PatchOperation } from './api.ts';
import { asKept } from './kept-form.ts';
import { failureOf, okValue } from './object-outcome.ts';
import type { KubeObjects, ObjectPlace, WriteOptions } from './objects.ts';

/** Which object; `namespace` is empty for a kind without. */
interface Ref {
  readonly kind: KindId;
  readonly namespace: string;
  readonly name: string;
}

export interface ObjectEdit {
  readonly object: KubeObject;
  readonly action: 'created' | 'configured' | 'unchanged';
  readonly warnings: readonly string[];
}

/** Who owns the fields that are written. */
const WRITER: WriteOptions = { fieldManager: 'orbweaver', strict: true };

/** Tries against others that write the same object. */
const EDIT_TRIES = 5;

/** Of a server-side apply the uid as well: it would be a precondition. */
const LEFT_OUT: readonly string[] = [...SERVER_FIELDS, 'uid'];

export class ObjectKeeper {
  readonly #objects: KubeObjects;

  constructor(objects: KubeObjects) {
    this.#objects = objects;
  }

  /**
   * Creates the object or makes it what the manifest says, by server-side apply (`mode` create: only creates).
   * Throws KIND_UNKNOWN, OBJECT_INVALID, OBJECT_EXISTS, OBJECT_NOT_FOUND (namespace), OBJECT_CONFLICT,
   * API_FORBIDDEN, API_SERVER_AWAY.
   */
  async apply(
    manifest: KubeObject,
    mode: 'apply' | 'create' | 'replace' = 'apply',
  ): Promise<ObjectEdit> {
    const kind = kindOf(manifest);
    const object = stated(kind, manifest);
    const name = nameOf(kind, object.metadata.name);
    if (mode === 'create') {
      return this.#create(kind, object, name);
    }
    const before = await this.#find(kind, placeOf(kind, object));
    if (before === undefined && mode === 'replace') {
      throw failureOf({ kind: 'not-found' }, name);
    }
    const options = { ...WRITER, fieldManager: 'orbweaver', force: true };
    const outcome = await this.#objects.applyServerSide(kind.id, object, options);
    if (outcome.kind === 'not-found') {
      throw this.#noNamespace(object);
    }
    return edit(manifest, before, outcome, name);
  }

  /**
   * Deletes the object and what it owns. `terminating`: a pool that stays until its last address is free. Throws
   * OBJECT_INVALID (in use), OBJECT_CONFLICT, API_FORBIDDEN, API_SERVER_AWAY.
   */
  async delete(ref: Ref): Promise<'deleted' | 'terminating' | 'missing'> {
    const kind = kindById(ref.kind);
    const place = placeOfRef(kind, ref);
    const options = { propagationPolicy: 'Background' } as const;
    const outcome = await this.#objects.delete(ref.kind, place, options);
    if (outcome.kind === 'not-found') {
      return 'missing';
    }
    okValue(outcome, nameOf(kind, ref.name));
    const left = isPoolKind(ref.kind) ? await this.#find(kind, place) : undefined;
    return left !== undefined && isTerminating(left) ? 'terminating' : 'deleted';
  }

  /** Throws OBJECT_NOT_FOUND, OBJECT_INVALID (a value stands in the way), and what `apply` throws. */
  annotate(ref: Ref, edits: KeyEdits): Promise<ObjectEdit> {
    return this.#editKeys(ref, 'annotations', edits);
  }

  /** As `annotate`. */
  label(ref: Ref, edits: KeyEdits): Promise<ObjectEdit> {
    return this.#editKeys(ref, 'labels', edits);
  }

  /** `merge` is RFC 7396, `json` is RFC 6902. Throws OBJECT_NOT_FOUND, and what `apply` throws. */
  async patch(ref: Ref, type: 'merge' | 'json', patch: unknown): Promise<ObjectEdit> {
    const kind = kindById(ref.kind);
    const name = nameOf(kind, ref.name);
    const place = placeOfRef(kind, ref);
    if (type === 'json' ? !Array.isArray(patch) : typeof patch !== 'object' || patch === null) {
      throw new OrbweaverError(
        'OBJECT_INVALID',
        `the patch of ${name} is not ${type === 'json' ? 'a list' : 'an object'}`,
      );
    }
    const before = await this.#read(kind, place);
    const outcome =
      type === 'json'
        ? this.#objects.jsonPatch(ref.kind, place, patch as PatchOperation[], WRITER)
        : this.#objects.mergePatch(ref.kind, place, patch as object, WRITER);
    return edit(before, before, await outcome, name);
  }

  async #create(kind: Kind, object: KubeObject, name: string): Promise<ObjectEdit> {
    const outcome = await this.#objects.create(kind.id, object, WRITER);
    if (outcome.kind === 'conflict') {
      throw new OrbweaverError('OBJECT_EXISTS', `${name} already exists`);
    }
    if (outcome.kind === 'not-found') {
      throw this.#noNamespace(object);
    }
    return edit(object, undefined, outcome, name);
  }

  async #editKeys(ref: Ref, field: 'annotations' | 'labels', edits: KeyEdits): Promise<ObjectEdit> {
    const kind = kindById(ref.kind);
    const place = placeOfRef(kind, ref);
    for (let tries = 1; ; tries += 1) {
      const before = await this.#read(kind, place);
      const after = withKeys(before, field, edits);
      if (isDeepStrictEqual(before.metadata[field] ?? {}, after.metadata[field] ?? {})) {
        return { object: before, action: 'unchanged', warnings: [] };
      }
      const removed = edits.remove.map((key) => [key, null]);
      // Without the version a value that came meanwhile would be overwritten unasked.
      const { resourceVersion } = before.metadata;
      const values = { ...edits.set, ...Object.fromEntries(removed) };
      const patch = { metadata: { resourceVersion, [field]: values } };
      const outcome = await this.#objects.mergePatch(ref.kind, place, patch, WRITER);
      if (outcome.kind !== 'conflict' || tries === EDIT_TRIES) {
        return edit(before, before, outcome, nameOf(kind, ref.name));
      }
    }
  }

  async #read(kind: Kind, place: ObjectPlace): Promise<KubeObject> {
    return asKept(
      kind.id,
      okValue(await this.#objects.get(kind.id, place), nameOf(kind, place.name)),
    );
  }

  async #find(kind: Kind, place: ObjectPlace): Promise<KubeObject | undefined> {
    const outcome = await this.#objects.get(kind.id, place);
    return outcome.kind === 'not-found' ? undefined : okValue(outcome, nameOf(kind, place.name));
  }

  #noNamespace({ metadata }: KubeObject): OrbweaverError {
    return failureOf({ kind: 'not-found' }, `namespaces "${metadata.namespace ?? ''}"`);
  }
}

/** The object under the version that the user knows it by. Throws what `okValue` throws. */
function edit(
  known: KubeObject,
  before: KubeObject | undefined,
  outcome: ApiOutcome<KubeObject>,
  name: string,
): ObjectEdit {
  const after = okValue(outcome, name);
  const unchanged = before?.metadata.resourceVersion === after.metadata.resourceVersion;
  const { apiVersion, kind } = known;
  return {
    object: { ...after, apiVersion, kind },
    action: before === undefined ? 'created' : unchanged ? 'unchanged' : 'configured',
    warnings: outcome.kind === 'ok' ? (outcome.warnings ?? []) : [],
  };
}

/** The manifest in its namespace, without what only the server may say. */
function stated(kind: Kind, manifest: KubeObject): KubeObject {
  const { namespace, ...metadata } = manifest.metadata;
  const said = Object.entries(metadata).filter(([field]) => !LEFT_OUT.includes(field));
  const place = kind.namespaced ? { namespace: namespace ?? 'default' } : {};
  return {
    ...manifest,
    metadata: { ...(Object.fromEntries(said) as typeof metadata), ...place },
  };
}

function placeOf(kind: Kind, { metadata }: KubeObject): ObjectPlace {
  return placeOfRef(kind, { namespace: metadata.namespace ?? '', name: metadata.name });
}

function placeOfRef(kind: Kind, { namespace, name }: Pick<Ref, 'namespace' | 'name'>): ObjectPlace {
  return kind.namespaced ? { namespace, name } : { name };
}

/** `spiderippools.spiderpool.spidernet.io "pool-a"`, as the API server calls it. */
function nameOf(kind: Kind, name: string): string {
  return `${resourceName(kind)} "${name}"`;
}
