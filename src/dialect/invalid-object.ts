/** The refusal of an object, as the API server words it. */
import { OrbweaverError } from '../catalogue/errors.ts';
import { aggregated, quoted } from '../selector/field-error.ts';
import type { KubeObject } from './kube-object.ts';

/**
 * OBJECT_INVALID with `KIND.GROUP "NAME" is invalid: FAULT`; several faults stand in brackets. The faults
 * are texts of selector/field-error.ts, at least one.
 */
export function invalidObject(object: KubeObject, faults: readonly string[]): OrbweaverError {
  const slash = object.apiVersion.indexOf('/');
  const group = slash < 0 ? '' : `.${object.apiVersion.slice(0, slash)}`;
  const what = `${object.kind}${group} ${quoted(object.metadata.name)}`;
  return new OrbweaverError('OBJECT_INVALID', `${what} is invalid: ${aggregated(faults)}`);
}
