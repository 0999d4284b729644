/** How the command line names kinds and objects: `spiderippool.spiderpool.spidernet.io/pool-a`. */

import type { ObjectRef } from '../agent/protocol.ts';
import { OrbweaverError } from '../catalogue/errors.ts';
import { type Kind, resolveKind } from '../dialect/kinds.ts';

/** `deployment.apps`; of the core group only `pod`. */
export function qualifiedKind(apiVersion: string, kind: string): string {
  const slash = apiVersion.indexOf('/');
  const singular = kind.toLowerCase();
  return slash < 0 ? singular : `${singular}.${apiVersion.slice(0, slash)}`;
}

/** What `-o name` prints and what every change is reported under. */
export function objectName(object: { apiVersion: string; kind: string; name: string }): string {
  return `${qualifiedKind(object.apiVersion, object.kind)}/${object.name}`;
}

/** The same from a row of the kinds. */
export function refName(kind: Kind, name: string): string {
  return objectName({ apiVersion: kind.apiVersions[0]!, kind: kind.kinds[0]!, name });
}

/** What the arguments of a command name: all objects of a kind, or some of them. */
export interface Target {
  readonly kind: Kind;
  /** Undefined: every object of the kind. */
  readonly name: string | undefined;
}

/**
 * Reads `pods`, `sp,se`, `pod a b` and `pod/a deployment/b`, as kubectl does. Throws USAGE, or
 * KIND_UNKNOWN naming the word.
 */
export function readTargets(words: readonly string[]): Target[] {
  const [first, ...names] = words;
  if (first === undefined) {
    throw new OrbweaverError('USAGE', 'name a kind, such as sp, or an object, such as pod/web-0');
  }
  if (words.some((word) => word.includes('/'))) {
    return words.map(readSlashed);
  }
  const kinds = first.split(',').map(resolveKind);
  if (names.length === 0) {
    return kinds.map((kind) => ({ kind, name: undefined }));
  }
  return kinds.flatMap((kind) => names.map((name) => ({ kind, name })));
}

function readSlashed(word: string): Target {
  const [kind, name, ...rest] = word.split('/');
  if (!kind || !name || rest.length > 0) {
    throw new OrbweaverError('USAGE', `${JSON.stringify(word)} is not KIND/NAME`);
  }
  return { kind: resolveKind(kind), name };
}

/** The reference of a named object; of a cluster-scoped kind without the namespace. */
export function refOf(kind: Kind, name: string, namespace: string): ObjectRef {
  return { kind: kind.id, name, namespace: kind.namespaced ? namespace : '' };
}
