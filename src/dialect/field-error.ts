/**
 * The API server's way to say what is wrong with a field: `spec.cidr: Invalid value: "x": detail`. One form
 * for every kind, so that an operator who knows kubectl knows these.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { shown } from '../catalogue/shown.ts';
import type { KubeObject } from './kube-object.ts';

/** `PATH: Invalid value: VALUE: DETAIL`. */
export function fieldInvalid(path: string, value: unknown, detail: string): string {
  return `${path}: Invalid value: ${shown(value)}: ${detail}`;
}

/** `PATH: Forbidden: DETAIL`. */
export function fieldForbidden(path: string, detail: string): string {
  return `${path}: Forbidden: ${detail}`;
}

/** `PATH: Required value`, with `: DETAIL` where there is one. */
export function fieldRequired(path: string, detail = ''): string {
  return detail === '' ? `${path}: Required value` : `${path}: Required value: ${detail}`;
}

/** `PATH: Unsupported value: VALUE: supported values: "a", "b"`. */
export function fieldNotSupported(
  path: string,
  value: unknown,
  supported: readonly string[],
): string {
  const list = supported.map((text) => JSON.stringify(text)).join(', ');
  return `${path}: Unsupported value: ${shown(value)}: supported values: ${list}`;
}

/** `KIND.GROUP "NAME" is invalid: FAULT`; several faults stand in brackets. `faults` is not empty. */
export function invalidObject(object: KubeObject, faults: readonly string[]): OrbweaverError {
  const slash = object.apiVersion.indexOf('/');
  const group = slash < 0 ? '' : `.${object.apiVersion.slice(0, slash)}`;
  const text = faults.length === 1 ? faults[0] : `[${faults.join(', ')}]`;
  return new OrbweaverError(
    'OBJECT_INVALID',
    `${object.kind}${group} ${shown(object.metadata.name)} is invalid: ${text}`,
  );
}
