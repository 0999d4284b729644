/**
 * Where a pod may run: what of Kubernetes' scheduler decides which node's pools a pod sees. Resources,
 * preferences and topology are left out, since nothing here runs containers.
 */
import { type Labels, labelOf } from '../selector/labels.ts';
import { holds, type Requirement } from '../selector/requirement.ts';
import type { KubeObject } from './kube-object.ts';
import { type Fields, listAt, mapAt, textAt, textsAt } from './spec-fields.ts';

/** One expression of a node selector term; the operators of labels, and two for numbers. */
interface NodeExpression {
  readonly key: string;
  readonly operator: Requirement['operator'] | 'Gt' | 'Lt';
  readonly values: readonly string[];
}

/** A predicate of one node. */
type NodeRule = (node: KubeObject) => boolean;

/**
 * The nodes that pods of this spec may run on, in name order: `nodeSelector`, the required node affinity,
 * taints against tolerations, and cordons. `nodeName` is not looked at. `path` is the pod spec's path for
 * field faults, which are thrown as OBJECT_INVALID.
 */
export function nodesFor(
  spec: Fields,
  nodes: readonly KubeObject[],
  path: string,
): readonly KubeObject[] {
  const rules = [selectorRule(spec, path), affinityRule(spec, path), taintRule(spec, path)];
  return nodes
    .filter((node) => rules.every((rule) => rule(node)))
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

/** Spreads pods: each goes to the node that has the fewest so far, the first by name where several do. */
export class Spreader {
  readonly #counts: Map<string, number>;

  /** `nodes` in name order. */
  constructor(nodes: readonly KubeObject[]) {
    this.#counts = new Map(nodes.map((node) => [node.metadata.name, 0]));
  }

  /** Counts a pod that runs on a node already. */
  count(node: string | undefined): void {
    const count = node === undefined ? undefined : this.#counts.get(node);
    if (count !== undefined) this.#counts.set(node!, count + 1);
  }

  /** The node for one more pod, which is counted; undefined where there is no node. */
  next(): string | undefined {
    let best: string | undefined;
    let fewest = Number.POSITIVE_INFINITY;
    for (const [node, count] of this.#counts) {
      if (count < fewest) {
        best = node;
        fewest = count;
      }
    }
    this.count(best);
    return best;
  }
}

function labelsOf(node: KubeObject): Labels {
  return node.metadata.labels ?? {};
}

function selectorRule(spec: Fields, path: string): NodeRule {
  const selector = Object.entries(mapAt(spec.nodeSelector, `${path}.nodeSelector`) ?? {});
  return (node) => selector.every(([key, value]) => labelOf(labelsOf(node), key) === value);
}

/** Terms are alternatives; the expressions of one term must all hold. */
function affinityRule(spec: Fields, path: string): NodeRule {
  const at = `${path}.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution`;
  const affinity = mapAt(spec.affinity, `${path}.affinity`);
  const nodeAffinity = mapAt(affinity?.nodeAffinity, `${path}.affinity.nodeAffinity`);
  const required = mapAt(nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution, at);
  const terms = listAt(required?.nodeSelectorTerms, `${at}.nodeSelectorTerms`);
  if (terms === undefined) return () => true;
  const rules = terms.map((term, index): NodeRule => {
    const where = `${at}.nodeSelectorTerms[${index}]`;
    const fields = mapAt(term, where) ?? {};
    const byLabel = expressionsAt(fields.matchExpressions, `${where}.matchExpressions`);
    const byField = expressionsAt(fields.matchFields, `${where}.matchFields`);
    // A term that says nothing selects nothing (Kubernetes API, NodeSelectorTerm).
    if (byLabel.length + byField.length === 0) return () => false;
    return (node) =>
      byLabel.every((one) => meets(one, labelOf(labelsOf(node), one.key))) &&
      byField.every((one) => one.key === 'metadata.name' && meets(one, node.metadata.name));
  });
  return (node) => rules.some((rule) => rule(node));
}

function expressionsAt(value: unknown, path: string): NodeExpression[] {
  return (listAt(value, path) ?? []).map((item, index) => {
    const where = `${path}[${index}]`;
    const fields = mapAt(item, where) ?? {};
    return {
      key: textAt(fields.key, `${where}.key`) ?? '',
      operator: (textAt(fields.operator, `${where}.operator`) ?? '') as NodeExpression['operator'],
      values: textsAt(fields.values, `${where}.values`) ?? [],
    };
  });
}

function meets(expression: NodeExpression, value: string | undefined): boolean {
  const { key, operator, values } = expression;
  switch (operator) {
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      return holds({ key, operator, values }, value);
  }
}

/** Taints that keep new pods away must be tolerated; a cordon counts as one. */
function taintRule(spec: Fields, path: string): NodeRule {
  const tolerations = (listAt(spec.tolerations, `${path}.tolerations`) ?? []).map(
    (item, index) => mapAt(item, `${path}.tolerations[${index}]`) ?? {},
  );
  return (node) =>
    taintsOf(node).every((taint) => tolerations.some((one) => tolerates(one, taint)));
}

function taintsOf(node: KubeObject): Fields[] {
  const spec = mapAt(node.spec, 'spec') ?? {};
  const taints = (listAt(spec.taints, 'spec.taints') ?? []).map(
    (item, index) => mapAt(item, `spec.taints[${index}]`) ?? {},
  );
  if (spec.unschedulable === true) {
    taints.push({ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' });
  }
  return taints.filter((taint) => taint.effect === 'NoSchedule' || taint.effect === 'NoExecute');
}

function tolerates(toleration: Fields, taint: Fields): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.operator === 'Exists') return !toleration.key || toleration.key === taint.key;
  return toleration.key === taint.key && (toleration.value ?? '') === (taint.value ?? '');
}
