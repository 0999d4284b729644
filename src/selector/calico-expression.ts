/**
 * The syntax tree of Calico's selector language (reference/calico.md 1.7): evaluation, canonical text, and
 * the translation into requirements where that is possible. Trees are as deep as the parser allows
 * (LIMITS.selectorDepthMax), so recursion is safe.
 */
import { clipped, foundText, type Labels, labelOf, valuesText, valueText } from './labels.ts';
import type { Requirement } from './requirement.ts';

export type TextOperator = '==' | '!=' | 'contains' | 'starts with' | 'ends with';

export type CalicoExpression =
  | { readonly kind: 'all' }
  | { readonly kind: 'global' }
  | { readonly kind: 'has'; readonly key: string }
  | {
      readonly kind: 'text';
      readonly key: string;
      readonly operator: TextOperator;
      readonly value: string;
    }
  | {
      readonly kind: 'set';
      readonly key: string;
      readonly operator: 'in' | 'not in';
      /** Sorted, without repetitions. */
      readonly values: readonly string[];
    }
  | { readonly kind: 'not'; readonly operand: CalicoExpression }
  | { readonly kind: 'and' | 'or'; readonly operands: readonly CalicoExpression[] };

/** Whether the expression selects an object with these labels. */
export function evaluateExpression(expression: CalicoExpression, labels: Labels): boolean {
  switch (expression.kind) {
    case 'all':
    case 'global':
      return true;
    case 'has':
      return labelOf(labels, expression.key) !== undefined;
    case 'text':
      return compareText(expression.operator, labelOf(labels, expression.key), expression.value);
    case 'set': {
      const value = labelOf(labels, expression.key);
      const member = value !== undefined && expression.values.includes(value);
      return expression.operator === 'in' ? member : !member;
    }
    case 'not':
      return !evaluateExpression(expression.operand, labels);
    case 'and':
      return expression.operands.every((operand) => evaluateExpression(operand, labels));
    case 'or':
      return expression.operands.some((operand) => evaluateExpression(operand, labels));
  }
}

function compareText(operator: TextOperator, found: string | undefined, wanted: string): boolean {
  if (found === undefined) return operator === '!=';
  switch (operator) {
    case '==':
      return found === wanted;
    case '!=':
      return found !== wanted;
    case 'contains':
      return found.includes(wanted);
    case 'starts with':
      return found.startsWith(wanted);
    case 'ends with':
      return found.endsWith(wanted);
  }
}

/** The canonical text: one spelling, double quotes where possible, groups of two and more in parentheses. */
export function formatExpression(expression: CalicoExpression): string {
  switch (expression.kind) {
    case 'all':
    case 'global':
      return `${expression.kind}()`;
    case 'has':
      return `has(${expression.key})`;
    case 'text':
      return `${expression.key} ${expression.operator} ${literal(expression.value)}`;
    case 'set':
      return `${expression.key} ${expression.operator} {${expression.values.map(literal).join(', ')}}`;
    case 'not':
      return `!${formatExpression(expression.operand)}`;
    case 'and':
      return `(${expression.operands.map(formatExpression).join(' && ')})`;
    case 'or':
      return `(${expression.operands.map(formatExpression).join(' || ')})`;
  }
}

/** The language has no escapes; a string cannot hold both kinds of quotes. */
function literal(value: string): string {
  return value.includes('"') ? `'${value}'` : `"${value}"`;
}

/**
 * The requirements that say together what the expression says, or undefined where an AND of requirements
 * cannot say it: text operators, `||`, and `!` before `&&` or all(). `!(a || b)` is `!a && !b`.
 */
export function requirementsOf(
  expression: CalicoExpression,
  negated = false,
): readonly Requirement[] | undefined {
  switch (expression.kind) {
    case 'all':
    case 'global':
      return negated ? undefined : [];
    case 'has':
      return [{ key: expression.key, operator: negated ? 'DoesNotExist' : 'Exists', values: [] }];
    case 'text':
      if (expression.operator !== '==' && expression.operator !== '!=') return undefined;
      return inOrNotIn(
        expression.key,
        [expression.value],
        (expression.operator === '==') !== negated,
      );
    case 'set':
      return inOrNotIn(
        expression.key,
        expression.values,
        (expression.operator === 'in') !== negated,
      );
    case 'not':
      return requirementsOf(expression.operand, !negated);
    case 'and':
    case 'or':
      return (expression.kind === 'and') !== negated
        ? requirementsOfAll(expression.operands, negated)
        : undefined;
  }
}

function requirementsOfAll(
  operands: readonly CalicoExpression[],
  negated: boolean,
): readonly Requirement[] | undefined {
  const all: Requirement[] = [];
  for (const operand of operands) {
    const some = requirementsOf(operand, negated);
    if (some === undefined) return undefined;
    all.push(...some);
  }
  return all;
}

function inOrNotIn(key: string, values: readonly string[], wanted: boolean): Requirement[] {
  // `key not in {}` always holds, so it requires nothing.
  if (!wanted && values.length === 0) return [];
  return [{ key, operator: wanted ? 'In' : 'NotIn', values }];
}

/** As firstUnmet of a selector: the reason why the expression does not select these labels, or undefined. */
export function unmetInExpression(
  expression: CalicoExpression,
  labels: Labels,
): string | undefined {
  if (evaluateExpression(expression, labels)) return undefined;
  switch (expression.kind) {
    case 'has':
      return unmetLabel(expression.key, labels, `has(${expression.key})`);
    case 'text':
      return unmetLabel(
        expression.key,
        labels,
        `${expression.operator} ${valueText(expression.value)}`,
      );
    case 'set':
      return unmetLabel(
        expression.key,
        labels,
        `${expression.operator} ${valuesText(expression.values)}`,
      );
    case 'and':
      return expression.operands
        .map((operand) => unmetInExpression(operand, labels))
        .find((reason) => reason !== undefined);
    case 'or':
      return unmetAlternatives(expression.operands, labels);
    case 'not':
      return unmetNegation(expression.operand, labels);
    case 'all':
    case 'global':
      return undefined;
  }
}

/** Alternatives spelled out in one reason. */
const ALTERNATIVES_SHOWN_MAX = 3;

function unmetAlternatives(operands: readonly CalicoExpression[], labels: Labels): string {
  const reasons = operands
    .slice(0, ALTERNATIVES_SHOWN_MAX)
    .map((operand) => unmetInExpression(operand, labels));
  const rest = operands.length - reasons.length;
  const more = rest > 0 ? `; and ${rest} more` : '';
  return `none of ${operands.length} alternatives holds: ${reasons.join('; ')}${more}`;
}

/** `operand` holds, though it must not. */
function unmetNegation(operand: CalicoExpression, labels: Labels): string {
  const text = formatExpression(operand);
  switch (operand.kind) {
    case 'has':
    case 'text':
    case 'set':
      return unmetLabel(operand.key, labels, clipped(`!${text}`));
    default:
      return `the labels fulfil ${clipped(text)}, which the selector excludes`;
  }
}

function unmetLabel(key: string, labels: Labels, wanted: string): string {
  return `${foundText(key, labelOf(labels, key))}, wanted ${wanted}`;
}
