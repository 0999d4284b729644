/**
 * The shape of a workload, checked as the API server checks it, as far as its pods depend on it. Containers
 * are nobody's business here: a pod needs none of them to get an address.
 */
import { LIMITS } from '../catalogue/limits.ts';
import { aggregated, invalid, notSupported, required } from '../selector/field-error.ts';
import { labelSelectorErrors, readLabelSelector } from '../selector/label-selector.ts';
import { matches } from '../selector/selector.ts';
import { annotationFaults, labelFaults } from './canonical-object.ts';
import { kindOf } from './kinds.ts';
import type { KubeObject } from './kube-object.ts';
import {
  booleanAt,
  type Fields,
  fieldFault,
  inObject,
  integerAt,
  mapAt,
  specOf,
  textAt,
} from './spec-fields.ts';

/** The workloads that pods are made from. */
export const WORKLOAD_KINDS = [
  'Deployment',
  'ReplicaSet',
  'StatefulSet',
  'DaemonSet',
  'Job',
] as const;
export type WorkloadKind = (typeof WORKLOAD_KINDS)[number];

/** What a workload says about its pods. */
export interface WorkloadForm {
  readonly kind: WorkloadKind;
  /** Pods wanted; for a DaemonSet one per node that takes them, whatever stands here. */
  readonly count: number;
  readonly template: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly spec: Fields;
  };
  /** StatefulSet: the first ordinal. */
  readonly firstOrdinal: number;
  /** StatefulSet: the headless service, empty where none is named. */
  readonly serviceName: string;
  /** Job: every pod has a completion index in its name. */
  readonly indexed: boolean;
}

/** Reads a workload. Throws OBJECT_INVALID naming the object and every fault. */
export function readWorkload(object: KubeObject): WorkloadForm {
  return inObject(object, () => {
    const kind = kindOf(object).id as WorkloadKind;
    const spec = specOf(object);
    const template = mapAt(spec.template, 'spec.template');
    if (template === undefined) throw fieldFault(required('spec.template'));
    const metadata = mapAt(template.metadata, 'spec.template.metadata') ?? {};
    const podSpec = mapAt(template.spec, 'spec.template.spec');
    const faults = [
      ...labelFaults('spec.template.metadata.labels', metadata.labels),
      ...annotationFaults('spec.template.metadata.annotations', metadata.annotations),
      ...(podSpec === undefined ? [required('spec.template.spec')] : []),
      ...restartFaults(kind, podSpec ?? {}),
    ];
    if (faults.length === 0 && kind !== 'Job') faults.push(...selectorFaults(kind, spec, metadata));
    if (faults.length > 0) throw fieldFault(aggregated(faults));
    const ordinals = mapAt(spec.ordinals, 'spec.ordinals') ?? {};
    return {
      kind,
      count: countOf(kind, spec),
      template: {
        labels: (metadata.labels ?? {}) as Record<string, string>,
        annotations: (metadata.annotations ?? {}) as Record<string, string>,
        spec: podSpec!,
      },
      firstOrdinal: natural(ordinals.start, 'spec.ordinals.start') ?? 0,
      serviceName: textAt(spec.serviceName, 'spec.serviceName') ?? '',
      indexed: textAt(spec.completionMode, 'spec.completionMode') === 'Indexed',
    };
  });
}

/** Pods whose work ends may not be started again for ever, and the others must be. */
function restartFaults(kind: WorkloadKind, podSpec: Fields): string[] {
  const path = 'spec.template.spec.restartPolicy';
  const policy = textAt(podSpec.restartPolicy, path);
  if (kind === 'Job') {
    if (policy === undefined) return [required(path, 'valid values: "OnFailure", "Never"')];
    const supported = ['OnFailure', 'Never'];
    return supported.includes(policy) ? [] : [notSupported(path, policy, supported)];
  }
  return policy === undefined || policy === 'Always'
    ? []
    : [notSupported(path, policy, ['Always'])];
}

function selectorFaults(kind: WorkloadKind, spec: Fields, metadata: Fields): string[] {
  const path = 'spec.selector';
  if (spec.selector === undefined || spec.selector === null) return [required(path)];
  const faults = labelSelectorErrors(spec.selector, path);
  if (faults.length > 0) return [...faults];
  const selector = readLabelSelector(spec.selector, path);
  if (selector.kind === 'requirements' && selector.requirements.length === 0) {
    const what = kind.toLowerCase();
    return [invalid(path, spec.selector, `empty selector is invalid for ${what}`)];
  }
  const labels = (metadata.labels ?? {}) as Record<string, string>;
  if (matches(selector, labels)) return [];
  const detail = '`selector` does not match template `labels`';
  return [invalid('spec.template.metadata.labels', labels, detail)];
}

function countOf(kind: WorkloadKind, spec: Fields): number {
  if (kind !== 'Job') return natural(spec.replicas, 'spec.replicas') ?? 1;
  const parallelism = natural(spec.parallelism, 'spec.parallelism') ?? 1;
  const completions = natural(spec.completions, 'spec.completions');
  if (booleanAt(spec.suspend, 'spec.suspend') === true) return 0;
  return completions === undefined ? parallelism : Math.min(parallelism, completions);
}

/** A count of pods; the largest is LIMITS.workloadPodsMax. */
function natural(value: unknown, path: string): number | undefined {
  const number = integerAt(value, path);
  if (number === undefined) return undefined;
  if (number < 0) {
    throw fieldFault(invalid(path, number, 'must be greater than or equal to 0'));
  }
  if (number > LIMITS.workloadPodsMax) {
    const detail = `must be less than or equal to ${LIMITS.workloadPodsMax}`;
    throw fieldFault(invalid(path, number, detail));
  }
  return number;
}
