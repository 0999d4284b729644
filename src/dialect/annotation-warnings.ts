/**
 * What is worth saying about annotations of either dialect when an object with them is applied: values that
 * no pod could use, keys that nothing reads, and features that act only later. None of it is a refusal: the
 * API server would not refuse it either, and other software may read the key.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { quoted } from '../selector/field-error.ts';
import {
  type Annotations,
  readNamespaceDefaults,
  readPodIppool,
  readPodIppools,
  readPodRoutes,
  SPIDERPOOL_KEYS,
  subnetAnnotation,
  suspectKeys,
} from './annotations.ts';
import { readCalicoNamespaceAnnotations, readCalicoPodAnnotations } from './calico-annotations.ts';
import type { KindId } from './kinds.ts';
import type { KubeObject } from './kube-object.ts';

const TEMPLATED: ReadonlySet<KindId> = new Set([
  'Deployment',
  'ReplicaSet',
  'StatefulSet',
  'DaemonSet',
  'Job',
]);

/** Sentences about the annotations of a Pod, a Namespace or a workload's pod template; else none. */
export function annotationWarnings(kind: KindId, object: KubeObject): string[] {
  if (kind === 'Namespace') return namespaceWarnings(object.metadata.annotations ?? {});
  if (kind === 'Pod') return podWarnings(object.metadata.annotations ?? {});
  return TEMPLATED.has(kind) ? podWarnings(templateAnnotations(object)) : [];
}

/** The annotations of `spec.template`, as far as they are texts; the workload's own reader checks types. */
function templateAnnotations(object: KubeObject): Annotations {
  const spec = object.spec as { template?: { metadata?: { annotations?: unknown } } } | undefined;
  const annotations = spec?.template?.metadata?.annotations;
  if (typeof annotations !== 'object' || annotations === null) return {};
  const texts = Object.entries(annotations).filter(([, value]) => typeof value === 'string');
  return Object.fromEntries(texts);
}

/** Warnings about the annotations of a pod, also one that does not exist yet. */
export function podWarnings(annotations: Annotations): string[] {
  const warnings = suspectWarnings(annotations);
  const subnet = subnetAnnotation(annotations);
  if (subnet !== undefined) {
    warnings.push(
      `annotation ${SPIDERPOOL_KEYS[subnet]} is accepted, but pools are not made from SpiderSubnets automatically yet`,
    );
  }
  if (
    annotations[SPIDERPOOL_KEYS.ippools] !== undefined &&
    annotations[SPIDERPOOL_KEYS.ippool] !== undefined
  ) {
    warnings.push(
      `annotation ${SPIDERPOOL_KEYS.ippool} has no effect beside ${SPIDERPOOL_KEYS.ippools}`,
    );
  }
  warnings.push(
    ...notesOrFault(() => readPodIppools(annotations)?.notes),
    ...notesOrFault(() => readPodIppool(annotations)?.notes),
    ...notesOrFault(() => {
      readPodRoutes(annotations);
      return [];
    }),
    ...notesOrFault(() => readCalicoPodAnnotations(annotations).notes),
  );
  return warnings;
}

/** Warnings about the annotations of a namespace. */
export function namespaceWarnings(annotations: Annotations): string[] {
  return [
    ...suspectWarnings(annotations),
    ...notesOrFault(() => readNamespaceDefaults(annotations)?.notes),
    ...notesOrFault(() => readCalicoNamespaceAnnotations(annotations).notes),
  ];
}

function suspectWarnings(annotations: Annotations): string[] {
  return suspectKeys(annotations).map(({ key, meant }) => {
    const hint = meant === undefined ? '' : `, did you mean ${meant}?`;
    return `annotation ${quoted(key).slice(1, -1)} is read by nothing here${hint}`;
  });
}

function notesOrFault(read: () => readonly string[] | undefined): readonly string[] {
  try {
    return read() ?? [];
  } catch (error) {
    if (!(error instanceof OrbweaverError)) throw error;
    return [`pods with this annotation get no address: ${error.message}`];
  }
}
