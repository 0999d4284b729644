/**
 * Kubernetes' LabelSelector: `matchLabels` and `matchExpressions`, checked as the API server checks it. First
 * the shape, as the schema of a CRD does; then the rules of k8s.io/apimachinery's ValidateLabelSelector.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import {
  aggregated,
  forbidden,
  invalid,
  required,
  schemaTypeOf,
  unknownField,
  wrongType,
} from './field-error.ts';
import { labelKeyFaults, labelValueFaults } from './label-syntax.ts';
import type { Requirement } from './requirement.ts';
import type { Selector } from './selector.ts';

const OPERATORS: ReadonlySet<string> = new Set(['In', 'NotIn', 'Exists', 'DoesNotExist']);

/** A requirement of which only the shape is checked; the operator may be any text. */
interface Draft {
  readonly path: string;
  readonly key: string;
  readonly operator: string;
  readonly values: readonly string[];
}

interface Shape {
  readonly matchLabels: readonly (readonly [key: string, value: string])[];
  readonly expressions: readonly Draft[];
  readonly errors: readonly string[];
}

/**
 * Reads a LabelSelector. `path` is the field's path, such as `spec.podAffinity`. null and undefined are read
 * as the selector without requirements, which selects everything; where an absent selector means something
 * else, ask before calling. matchLabels come first, sorted by key, then matchExpressions as written.
 * Throws OBJECT_INVALID with all field errors in the API server's words.
 */
export function readLabelSelector(value: unknown, path: string): Selector {
  const { requirements, errors } = examine(value, path);
  if (errors.length > 0) throw new OrbweaverError('OBJECT_INVALID', aggregated(errors));
  return { kind: 'requirements', requirements, text: textOf(requirements) };
}

/** The field errors of a LabelSelector in the API server's words; empty when readLabelSelector reads it. */
export function labelSelectorErrors(value: unknown, path: string): readonly string[] {
  return examine(value, path).errors;
}

function examine(
  value: unknown,
  path: string,
): { requirements: readonly Requirement[]; errors: readonly string[] } {
  const shape = shapeOf(value, path);
  if (shape.errors.length > 0) return { requirements: [], errors: shape.errors };
  const errors = [...matchLabelsErrors(shape, path), ...shape.expressions.flatMap(draftErrors)];
  if (errors.length > 0) return { requirements: [], errors };
  const requirements = shape.matchLabels.map(
    ([key, wanted]): Requirement => ({ key, operator: 'In', values: [wanted] }),
  );
  for (const { key, operator, values } of shape.expressions) {
    requirements.push({ key, operator: operator as Requirement['operator'], values });
  }
  return { requirements, errors };
}

function shapeOf(value: unknown, path: string): Shape {
  const errors: string[] = [];
  const fields = objectFields(value, path, ['matchLabels', 'matchExpressions'], errors);
  const labels = objectFields(fields.matchLabels, `${path}.matchLabels`, undefined, errors);
  const matchLabels: [string, string][] = [];
  for (const key of Object.keys(labels).sort()) {
    const text = stringField(labels[key], `${path}.matchLabels.${key}`, errors);
    if (text !== undefined) matchLabels.push([key, text]);
  }
  const expressionsPath = `${path}.matchExpressions`;
  const expressions: Draft[] = [];
  for (const [index, item] of arrayField(
    fields.matchExpressions,
    expressionsPath,
    errors,
  ).entries()) {
    const draft = draftOf(item, `${expressionsPath}[${index}]`, errors);
    if (draft !== undefined) expressions.push(draft);
  }
  return { matchLabels, expressions, errors };
}

function draftOf(item: unknown, path: string, errors: string[]): Draft | undefined {
  if (schemaTypeOf(item) !== 'object') {
    errors.push(wrongType(path, item, 'object'));
    return undefined;
  }
  const fields = objectFields(item, path, ['key', 'operator', 'values'], errors);
  const key = requiredString(fields.key, `${path}.key`, errors);
  const operator = requiredString(fields.operator, `${path}.operator`, errors);
  const values: string[] = [];
  for (const [index, value] of arrayField(fields.values, `${path}.values`, errors).entries()) {
    const text = stringField(value, `${path}.values[${index}]`, errors);
    if (text !== undefined) values.push(text);
  }
  if (key === undefined || operator === undefined) return undefined;
  return { path, key, operator, values };
}

/** The fields of an object; none where it is absent or no object. `known` undefined: any name is a field. */
function objectFields(
  value: unknown,
  path: string,
  known: readonly string[] | undefined,
  errors: string[],
): Readonly<Record<string, unknown>> {
  if (value === undefined || value === null) return {};
  if (schemaTypeOf(value) !== 'object') {
    errors.push(wrongType(path, value, 'object'));
    return {};
  }
  const fields = value as Record<string, unknown>;
  for (const name of known === undefined ? [] : Object.keys(fields)) {
    if (!known!.includes(name)) errors.push(unknownField(`${path}.${name}`));
  }
  return fields;
}

function arrayField(value: unknown, path: string, errors: string[]): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  errors.push(wrongType(path, value, 'array'));
  return [];
}

function stringField(value: unknown, path: string, errors: string[]): string | undefined {
  if (typeof value === 'string') return value;
  errors.push(wrongType(path, value, 'string'));
  return undefined;
}

function requiredString(value: unknown, path: string, errors: string[]): string | undefined {
  if (value === undefined || value === null) {
    errors.push(required(path));
    return undefined;
  }
  return stringField(value, path, errors);
}

function matchLabelsErrors(shape: Shape, path: string): string[] {
  // The API server names matchLabels itself here, not the single label.
  const labelsPath = `${path}.matchLabels`;
  return shape.matchLabels.flatMap(([key, value]) => [
    ...labelKeyFaults(key).map((fault) => invalid(labelsPath, key, fault)),
    ...labelValueFaults(value).map((fault) => invalid(labelsPath, value, fault)),
  ]);
}

function draftErrors({ path, key, operator, values }: Draft): string[] {
  const errors: string[] = [];
  const valuesPath = `${path}.values`;
  if (!OPERATORS.has(operator)) {
    errors.push(invalid(`${path}.operator`, operator, 'not a valid selector operator'));
  } else if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) {
      errors.push(required(valuesPath, "must be specified when `operator` is 'In' or 'NotIn'"));
    }
  } else if (values.length > 0) {
    errors.push(
      forbidden(valuesPath, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
    );
  }
  errors.push(...labelKeyFaults(key).map((fault) => invalid(`${path}.key`, key, fault)));
  for (const [index, value] of values.entries()) {
    errors.push(
      ...labelValueFaults(value).map((fault) => invalid(`${valuesPath}[${index}]`, value, fault)),
    );
  }
  return errors;
}

/** As kubectl prints a selector, requirements sorted by key: `app=web,tier in (a,b),!spare`. */
function textOf(requirements: readonly Requirement[]): string {
  return requirements.map(requirementText).sort().join(',');
}

function requirementText({ key, operator, values }: Requirement): string {
  switch (operator) {
    case 'In':
    case 'NotIn': {
      const list = [...new Set(values)].sort();
      if (operator === 'In' && list.length === 1) return `${key}=${list[0]}`;
      return `${key} ${operator.toLowerCase()} (${list.join(',')})`;
    }
    case 'Exists':
      return key;
    case 'DoesNotExist':
      return `!${key}`;
  }
}
