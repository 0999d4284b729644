/**
 * What the admission rules of all Spiderpool kinds share: the schema stage before the webhook, the words in
 * front of a webhook's refusal, and the rules about terminating objects and families.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import type { Family } from '../net/address.ts';
import { forbidden, unknownField } from '../selector/field-error.ts';
import type { AdmissionContext } from './admission-context.ts';
import { closestWord } from './did-you-mean.ts';
import { invalidObject } from './invalid-object.ts';
import { isTerminating, type KubeObject } from './kube-object.ts';
import type { FieldType } from './pool-form.ts';
import {
  booleanAt,
  type Fields,
  fieldFault,
  inObject,
  integerAt,
  listAt,
  mapAt,
  specOf,
  textAt,
  textsAt,
} from './spec-fields.ts';

/** The finalizer of Spiderpool's objects: the name of its API group (reference/spiderpool.md 1.1). */
export const SPIDER_FINALIZER = 'spiderpool.spidernet.io';

const TYPE_CHECKS: Readonly<Record<FieldType, (value: unknown, path: string) => unknown>> = {
  version: (value) => value,
  text: textAt,
  texts: textsAt,
  boolean: booleanAt,
  integer: integerAt,
  list: listAt,
  map: mapAt,
};

/**
 * Refuses a spec with a field of the wrong type or one that the kind does not have, as the API server does
 * before any webhook sees the object. An unknown field would otherwise be dropped without a word, and a
 * misspelt affinity would open its pool to everybody.
 */
export function checkSchema(object: KubeObject, fields: Readonly<Record<string, FieldType>>): void {
  inObject(object, () => {
    for (const [name, value] of Object.entries(specOf(object))) {
      const type = Object.hasOwn(fields, name) ? fields[name] : undefined;
      if (type === undefined) throw fieldFault(unknownFieldText(name, Object.keys(fields)));
      TYPE_CHECKS[type](value, `spec.${name}`);
    }
  });
}

function unknownFieldText(name: string, known: readonly string[]): string {
  const meant = closestWord(name, known);
  const hint = meant === undefined ? '' : `, did you mean "spec.${meant}"?`;
  return `${unknownField(`spec.${name}`)}${hint}`;
}

/** Runs a webhook's rules; what they refuse reads as users see a webhook's refusal. */
export function asWebhook<T>(webhook: string, rules: () => T): T {
  try {
    return rules();
  } catch (error) {
    if (!(error instanceof OrbweaverError) || error.code !== 'OBJECT_INVALID') throw error;
    const message = `admission webhook "${webhook}" denied the request: ${error.message}`;
    throw new OrbweaverError(error.code, message, error.details, { cause: error });
  }
}

/** Throws OBJECT_INVALID with all faults, where there are any. */
export function refuse(object: KubeObject, faults: readonly string[]): void {
  if (faults.length > 0) throw invalidObject(object, faults);
}

/**
 * An update of a terminating object may only take Spiderpool's finalizer away. True where the object is
 * terminating and the update is of that kind; then no further rule applies.
 */
export function checkTerminating(
  next: KubeObject,
  shownKind: string,
  terminating = 'terminating',
): boolean {
  if (!isTerminating(next)) return false;
  if (!(next.metadata.finalizers ?? []).includes(SPIDER_FINALIZER)) return true;
  throw new OrbweaverError(
    'OBJECT_INVALID',
    `forbidden: cannot update a ${terminating} ${shownKind}`,
  );
}

/** Row 3: the family is enabled in the ConfigMap. */
export function checkFamilyEnabled(family: Family, context: AdmissionContext): void {
  if (context.conf[`enableIPv${family}`]) return;
  throw fieldFault(forbidden('spec.ipVersion', `IPv${family} is disabled`));
}

/** The faults of fields that may never change: the ones named whose values differ. */
export function immutableFaults(
  previous: Fields,
  next: Fields,
  fields: readonly string[],
): readonly string[] {
  const changed = fields.filter((name) => (previous[name] ?? null) !== (next[name] ?? null));
  return changed.map((name) => forbidden(`spec.${name}`, 'is not changeable'));
}

/** `[a b c]`, as Go prints a list; at most LIMITS.reasonsMax entries, then how many more. */
export function goList(texts: readonly string[]): string {
  const shown = texts.slice(0, LIMITS.reasonsMax);
  const rest = texts.length - shown.length;
  return `[${shown.join(' ')}${rest > 0 ? ` and ${rest} more` : ''}]`;
}

/** A copy of the object whose metadata and spec may be written to. */
export function editable(object: KubeObject): KubeObject & { spec: Record<string, unknown> } {
  return { ...object, metadata: { ...object.metadata }, spec: { ...specOf(object) } };
}

/** Adds Spiderpool's finalizer to an editable object that lacks it. */
export function addFinalizer(object: KubeObject): void {
  const finalizers = object.metadata.finalizers ?? [];
  if (!finalizers.includes(SPIDER_FINALIZER)) {
    object.metadata.finalizers = [...finalizers, SPIDER_FINALIZER];
  }
}

/** Sets one label of an editable object. */
export function setLabel(object: KubeObject, key: string, value: string): void {
  object.metadata.labels = { ...object.metadata.labels, [key]: value };
}

/** A CIDR as a label value: `172.100.0.0/16` is `172-100-0-0-16` (reference/spiderpool.md 1.1). */
export function cidrLabel(subnet: string): string {
  return subnet.replace(/[.:/]/g, '-');
}
