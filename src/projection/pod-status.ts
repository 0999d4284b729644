/**
 * `status` of pods and of what they belong to, as far as addresses decide it: a pod with an address
 * runs, one without waits. Nothing here starts containers.
 */
import type { KubeObject } from '../dialect/kube-object.ts';
import type { Claim } from '../ipam/ports.ts';
import { formatAddress } from '../net/address.ts';

/** Phases that a manifest may state and that no address changes. */
const ENDED = new Set(['Succeeded', 'Failed']);

/** The pod with its phase and addresses; `claims` are its own, by order and address. */
export function withPodStatus(pod: KubeObject, claims: readonly Claim[]): KubeObject {
  const stated = (pod.status ?? {}) as { phase?: string };
  const runs = claims.length > 0;
  const primary = claims.filter((claim) => claim.order === claims[0]!.order);
  const ips = primary.map((claim) => ({ ip: formatAddress(claim.address) }));
  const phase = ENDED.has(stated.phase ?? '') ? stated.phase : runs ? 'Running' : 'Pending';
  return {
    ...pod,
    status: {
      ...stated,
      phase,
      ...(ips[0] === undefined ? {} : { podIP: ips[0].ip, podIPs: ips }),
      containerStatuses: containersOf(pod).map(({ name, image }) => ({
        name,
        image,
        ready: phase === 'Running',
        restartCount: 0,
        state: phase === 'Running' ? { running: {} } : { waiting: { reason: 'ContainerCreating' } },
      })),
    },
  };
}

/** The workload with the numbers of its pods; `ready` are those that run. */
export function withWorkloadStatus(
  workload: KubeObject,
  pods: { readonly count: number; readonly ready: number },
): KubeObject {
  const { count, ready } = pods;
  const spec = (workload.spec ?? {}) as { replicas?: number; completions?: number };
  switch (workload.kind) {
    case 'DaemonSet':
      return {
        ...workload,
        status: {
          desiredNumberScheduled: count,
          currentNumberScheduled: count,
          updatedNumberScheduled: count,
          numberReady: ready,
          numberAvailable: ready,
        },
      };
    case 'Job':
      return { ...workload, status: { active: ready, succeeded: 0 } };
    default:
      return {
        ...workload,
        status: {
          replicas: count,
          updatedReplicas: count,
          readyReplicas: ready,
          availableReplicas: ready,
          unavailableReplicas: Math.max(0, (spec.replicas ?? 1) - ready),
        },
      };
  }
}

function containersOf(pod: KubeObject): { name: string; image: string }[] {
  const { containers } = (pod.spec ?? {}) as { containers?: unknown };
  if (!Array.isArray(containers)) {
    return [];
  }
  return containers.map((container: { name?: unknown; image?: unknown } | null) => ({
    name: String(container?.name ?? ''),
    image: String(container?.image ?? ''),
  }));
}
