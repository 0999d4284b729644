/** How one object becomes another: kubectl's apply, a merge patch (RFC 7386) and a JSON patch (RFC 6902). */
import { isDeepStrictEqual } from 'node:util';
import { OrbweaverError } from '../catalogue/errors.ts';
import { shown } from '../catalogue/shown.ts';

type Json = Record<string, unknown>;

function isMap(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * What `kubectl apply` makes of a live value: everything the manifest says holds; what the last applied
 * manifest said and this one does not is taken away; what others have set stays. Lists are replaced whole, as
 * for every kind without a schema of its own.
 */
export function applied(last: unknown, manifest: Json, live: Json): Json {
  const before = isMap(last) ? last : {};
  const result: Json = {};
  for (const [key, value] of Object.entries(live)) {
    if (Object.hasOwn(manifest, key) || !Object.hasOwn(before, key)) {
      result[key] = value;
    }
  }
  for (const [key, value] of Object.entries(manifest)) {
    const there = result[key];
    // Keys come from a manifest, so one may be `__proto__`; definition, not assignment, keeps it a key.
    Object.defineProperty(result, key, {
      value: isMap(value) && isMap(there) ? applied(before[key], value, there) : value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return result;
}

/** The value after a merge patch: maps are merged, null takes a key away, anything else replaces. */
export function mergePatched(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) {
    return patch;
  }
  const result = new Map(Object.entries(isMap(target) ? target : {}));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) {
      result.delete(key);
    } else {
      result.set(key, mergePatched(result.get(key), value));
    }
  }
  return Object.fromEntries(result);
}

/**
 * The value after a list of JSON patch operations; `target` stays as it is. Throws OBJECT_INVALID naming the
 * first operation that cannot be carried out; then nothing holds.
 */
export function jsonPatched(target: unknown, operations: unknown): unknown {
  if (!Array.isArray(operations)) {
    throw unusable('a JSON patch is a list of operations');
  }
  const document = { value: structuredClone(target) };
  for (const [index, operation] of operations.entries()) {
    try {
      step(document, operation as Json);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw unusable(`operation ${index} (${shown(JSON.stringify(operation))}): ${why}`);
    }
  }
  return document.value;
}

function unusable(why: string): OrbweaverError {
  return new OrbweaverError('OBJECT_INVALID', `the patch cannot be applied: ${why}`);
}

function step(document: { value: unknown }, operation: Json): void {
  const path = pointer(operation?.path, 'path');
  switch (operation.op) {
    case 'add':
      insert(document, path, structuredClone(operand(operation)));
      return;
    case 'remove':
      take(document, path);
      return;
    case 'replace':
      take(document, path);
      insert(document, path, structuredClone(operand(operation)));
      return;
    case 'move':
      insert(document, path, take(document, pointer(operation.from, 'from')));
      return;
    case 'copy':
      insert(document, path, structuredClone(read(document, pointer(operation.from, 'from'))));
      return;
    case 'test':
      if (!isDeepStrictEqual(read(document, path), operand(operation))) {
        throw new Error('the value is another one');
      }
      return;
    default:
      throw new Error('"op" must be add, remove, replace, move, copy or test');
  }
}

function operand(operation: Json): unknown {
  if (!Object.hasOwn(operation, 'value')) {
    throw new Error('"value" is missing');
  }
  return operation.value;
}

/** The keys of a JSON pointer (RFC 6901). */
function pointer(text: unknown, field: string): string[] {
  if (typeof text !== 'string' || (text !== '' && !text.startsWith('/'))) {
    throw new Error(`"${field}" must be a path that begins with /`);
  }
  const keys = text.split('/').slice(1);
  return keys.map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function read(document: { value: unknown }, path: readonly string[]): unknown {
  return path.reduce((value, key) => child(value, key), document.value);
}

function child(parent: unknown, key: string): unknown {
  if (Array.isArray(parent)) {
    return parent[indexIn(parent, key, parent.length - 1)];
  }
  if (isMap(parent) && Object.hasOwn(parent, key)) {
    return parent[key];
  }
  throw new Error(`there is no "${key}"`);
}

function indexIn(list: readonly unknown[], key: string, last: number): number {
  if (!/^(0|[1-9][0-9]{0,9})$/.test(key) || Number(key) > last) {
    throw new Error(`"${key}" is no place in a list of ${list.length}`);
  }
  return Number(key);
}

function insert(document: { value: unknown }, path: readonly string[], value: unknown): void {
  const key = path.at(-1);
  if (key === undefined) {
    document.value = value;
    return;
  }
  const parent = read(document, path.slice(0, -1));
  if (Array.isArray(parent)) {
    parent.splice(key === '-' ? parent.length : indexIn(parent, key, parent.length), 0, value);
  } else if (isMap(parent)) {
    Object.defineProperty(parent, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  } else {
    throw new Error(`there is nothing that could hold "${key}"`);
  }
}

function take(document: { value: unknown }, path: readonly string[]): unknown {
  const value = read(document, path);
  const key = path.at(-1);
  const parent = read(document, path.slice(0, -1));
  if (key === undefined) {
    document.value = null;
  } else if (Array.isArray(parent)) {
    parent.splice(Number(key), 1);
  } else {
    delete (parent as Json)[key];
  }
  return value;
}
