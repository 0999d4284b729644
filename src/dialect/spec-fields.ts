/**
 * Typed access to the fields of a spec. A field of another type than its kind states is refused in the API
 * server's words; null counts as absent, as it does there.
 *
 * Faults are thrown as OBJECT_INVALID whose message is the field error alone; `inObject` puts the object's
 * name in front, once.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { quoted, type SchemaType, wrongType } from '../selector/field-error.ts';
import { invalidObject } from './invalid-object.ts';
import type { KubeObject } from './kube-object.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** The error of one field; `text` is made by selector/field-error.ts. */
export function fieldFault(text: string): OrbweaverError {
  return new OrbweaverError('OBJECT_INVALID', text);
}

/** Runs `read` and names the object in what it throws as OBJECT_INVALID. */
export function inObject<T>(object: KubeObject, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof OrbweaverError) || error.code !== 'OBJECT_INVALID') throw error;
    throw invalidObject(object, [error.message]);
  }
}

/** The message of the OBJECT_INVALID that `check` throws, or undefined; other errors pass through. */
export function faultOf(check: () => void): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (!(error instanceof OrbweaverError) || error.code !== 'OBJECT_INVALID') throw error;
    return error.message;
  }
}

/** A text inside a sentence: what is not printable is escaped, and a long one is cut. */
export function inline(text: string): string {
  return quoted(text).slice(1, -1);
}

/** `spec` of the object; empty where it is absent. */
export function specOf(object: KubeObject): Fields {
  return mapAt(object.spec, 'spec') ?? {};
}

function isMap(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function mismatch(path: string, value: unknown, wanted: SchemaType): OrbweaverError {
  return fieldFault(wrongType(path, value, wanted));
}

/** A map, or undefined where the field is absent. */
export function mapAt(value: unknown, path: string): Fields | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isMap(value)) throw mismatch(path, value, 'object');
  return value;
}

/** A text, or undefined where the field is absent. */
export function textAt(value: unknown, path: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw mismatch(path, value, 'string');
  return value;
}

/** A boolean, or undefined where the field is absent. */
export function booleanAt(value: unknown, path: string): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'boolean') throw mismatch(path, value, 'boolean');
  return value;
}

/** A whole number, or undefined where the field is absent. */
export function integerAt(value: unknown, path: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Number.isInteger(value)) throw mismatch(path, value, 'integer');
  return value as number;
}

/** A list of anything, or undefined where the field is absent. */
export function listAt(value: unknown, path: string): readonly unknown[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw mismatch(path, value, 'array');
  return value;
}

/** A list of texts, or undefined where the field is absent. */
export function textsAt(value: unknown, path: string): readonly string[] | undefined {
  const list = listAt(value, path);
  if (list === undefined) return undefined;
  for (const [index, item] of list.entries()) {
    if (typeof item !== 'string') throw mismatch(`${path}[${index}]`, item, 'string');
  }
  return list as readonly string[];
}
