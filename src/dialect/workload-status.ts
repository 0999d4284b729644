/**
 * Status of pods and workloads, worked out from the addresses that pods hold: nothing here runs containers,
 * so a pod that has its addresses counts as running (DESIGN section 4, projections).
 */
import { kindOf } from './kinds.ts';
import type { KubeObject } from './kube-object.ts';

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function containerNames(pod: KubeObject): string[] {
  const { containers } = fieldsOf(pod.spec);
  return Array.isArray(containers) ? containers.map((one) => String(fieldsOf(one).name ?? '')) : [];
}

/**
 * The pod's status when it holds `addresses` (canonical texts without prefix length, the first interface's
 * first) since `startedAt` (RFC 3339). Without addresses it waits, unless it was never given a node. A pod
 * that has finished keeps the status it was applied with.
 */
export function podStatus(
  pod: KubeObject,
  addresses: readonly string[],
  startedAt: string | undefined,
): Fields {
  const status = fieldsOf(pod.status);
  if (status.phase === 'Succeeded' || status.phase === 'Failed') return status;
  const ready = addresses.length > 0;
  if (!ready && Array.isArray(status.conditions)) return status;
  const state = ready ? { running: { startedAt } } : { waiting: { reason: 'ContainerCreating' } };
  return {
    phase: ready ? 'Running' : 'Pending',
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    ...(ready && {
      podIP: addresses[0],
      podIPs: addresses.map((ip) => ({ ip })),
      startTime: startedAt,
    }),
    containerStatuses: containerNames(pod).map((name) => ({ name, ready, restartCount: 0, state })),
  };
}

/** Whether the pod's status says that it is ready. */
export function isPodReady(pod: KubeObject): boolean {
  const { conditions } = fieldsOf(pod.status);
  if (!Array.isArray(conditions)) return false;
  return conditions.some(
    (one) => fieldsOf(one).type === 'Ready' && fieldsOf(one).status === 'True',
  );
}

/**
 * The status of a workload whose pods are `pods`, in the fields that its kind has; undefined for kinds that
 * make no pods.
 */
export function workloadStatus(
  workload: KubeObject,
  pods: readonly KubeObject[],
): Fields | undefined {
  const ready = pods.filter(isPodReady).length;
  const counts = { replicas: pods.length, readyReplicas: ready, availableReplicas: ready };
  switch (kindOf(workload).id) {
    case 'Deployment':
    case 'StatefulSet':
      return { ...counts, updatedReplicas: pods.length };
    case 'ReplicaSet':
      return { ...counts, fullyLabeledReplicas: pods.length };
    case 'DaemonSet':
      return {
        desiredNumberScheduled: pods.length,
        currentNumberScheduled: pods.length,
        updatedNumberScheduled: pods.length,
        numberReady: ready,
        numberAvailable: ready,
        numberMisscheduled: 0,
      };
    case 'Job': {
      const succeeded = pods.filter((pod) => fieldsOf(pod.status).phase === 'Succeeded').length;
      return { active: pods.length - succeeded, ready, succeeded };
    }
    default:
      return undefined;
  }
}
