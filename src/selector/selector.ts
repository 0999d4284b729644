/**
 * A selector that was read and checked: Kubernetes' LabelSelector or Calico's text, in one form.
 */
import {
  type CalicoExpression,
  evaluateExpression,
  unmetInExpression,
} from './calico-expression.ts';
import { foundText, type Labels, labelOf, valuesText } from './labels.ts';
import { holds, type Requirement } from './requirement.ts';

/**
 * `text` is canonical: two selectors of one language with the same text select the same objects.
 */
export type Selector =
  | {
      readonly kind: 'requirements';
      /** All must hold; without any, everything is selected. */
      readonly requirements: readonly Requirement[];
      readonly text: string;
    }
  | {
      /** What an AND of requirements cannot say; evaluated object by object. */
      readonly kind: 'expression';
      readonly expression: CalicoExpression;
      readonly text: string;
    };

/** Whether the selector selects an object with these labels. */
export function matches(selector: Selector, labels: Labels): boolean {
  if (selector.kind === 'expression') return evaluateExpression(selector.expression, labels);
  for (const requirement of selector.requirements) {
    if (!holds(requirement, labelOf(labels, requirement.key))) return false;
  }
  return true;
}

/**
 * Why the selector does not select an object with these labels: one sentence without a full stop that names
 * the first requirement that fails, its label, and what the object has instead, such as
 * `label zone is missing, wanted In [east, west]`. Undefined where the selector matches.
 */
export function firstUnmet(selector: Selector, labels: Labels): string | undefined {
  if (selector.kind === 'expression') return unmetInExpression(selector.expression, labels);
  for (const requirement of selector.requirements) {
    const value = labelOf(labels, requirement.key);
    if (!holds(requirement, value)) {
      return `${foundText(requirement.key, value)}, wanted ${wantedText(requirement)}`;
    }
  }
  return undefined;
}

function wantedText(requirement: Requirement): string {
  switch (requirement.operator) {
    case 'In':
    case 'NotIn':
      return `${requirement.operator} ${valuesText(requirement.values)}`;
    default:
      return requirement.operator;
  }
}
