/**
 * One requirement on one label: what Kubernetes' matchLabels and matchExpressions say, and what most of
 * Calico's comparisons say as well. Requirements are what the engine keeps as rows.
 */

export interface Requirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  /**
   * The wanted (In) or unwanted (NotIn) values, else empty. Kubernetes demands one at least; Calico's
   * `key in {}` gives In without values, which no label fulfils.
   */
  readonly values: readonly string[];
}

/**
 * Whether the requirement holds for an object whose label `requirement.key` is `value`; undefined: it has no
 * such label. NotIn holds for an absent label, in Kubernetes as in Calico (reference/calico.md 1.7).
 */
export function holds(requirement: Requirement, value: string | undefined): boolean {
  switch (requirement.operator) {
    case 'In':
      return value !== undefined && requirement.values.includes(value);
    case 'NotIn':
      return value === undefined || !requirement.values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}
