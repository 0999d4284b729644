/** GET /v1/workloadendpoint of Spiderpool's agent API: a pod's addresses, from its SpiderEndpoint. */
import type { Parts } from '../ipam/parts.ts';
import { poolOfClaim } from '../ipam/pool-of-claim.ts';
import { endpointOf } from '../projection/endpoint.ts';
import type { ApiRoute } from './spiderpool-api-call.ts';

/** One interface; members in the order in which its server writes them. */
interface InterfaceDetail {
  readonly interface: string;
  readonly ipv4?: string;
  readonly ipv4Gateway?: string;
  readonly ipv4Pool?: string;
  readonly ipv6?: string;
  readonly ipv6Gateway?: string;
  readonly ipv6Pool?: string;
  readonly routes: readonly ApiRoute[] | null;
  readonly vlan?: number;
}

interface WorkloadEndpointStatus {
  readonly interfaces: readonly InterfaceDetail[];
  readonly node: string;
  readonly podName: string;
  readonly podNamespace: string;
  readonly podUID: string;
}

/** `status.current` of a SpiderEndpoint. */
interface Current {
  readonly uid: string;
  readonly node: string;
  readonly ips: readonly (Omit<InterfaceDetail, 'routes'> & {
    readonly routes?: readonly { readonly dst: string; readonly gw: string }[];
  })[];
}

/** Undefined where no address of the pod is known here. */
export async function endpointStatus(
  parts: Parts,
  namespace: string,
  name: string,
): Promise<WorkloadEndpointStatus | undefined> {
  const claims = parts.ledger.claimsOfPod(namespace, name);
  if (claims.length === 0) {
    return undefined;
  }
  const pod = await parts.cluster.pod(namespace, name);
  const form = { apiVersion: '', kind: '' };
  const { status } = endpointOf(form, claims, pod, (claim) => poolOfClaim(parts.allocator, claim));
  const { current } = status as { current: Current };
  return {
    interfaces: current.ips.map(interfaceDetail),
    node: current.node,
    podName: name,
    podNamespace: namespace,
    podUID: current.uid,
  };
}

function interfaceDetail(item: Current['ips'][number]): InterfaceDetail {
  const { vlan = 0 } = item;
  const routes = (item.routes ?? []).map(({ dst, gw }) => ({ dst, gw, ifName: item.interface }));
  return {
    interface: item.interface,
    ...(item.ipv4 === undefined ? {} : { ipv4: item.ipv4 }),
    ...(item.ipv4Gateway === undefined ? {} : { ipv4Gateway: item.ipv4Gateway }),
    ...(item.ipv4Pool === undefined ? {} : { ipv4Pool: item.ipv4Pool }),
    ...(item.ipv6 === undefined ? {} : { ipv6: item.ipv6 }),
    ...(item.ipv6Gateway === undefined ? {} : { ipv6Gateway: item.ipv6Gateway }),
    ...(item.ipv6Pool === undefined ? {} : { ipv6Pool: item.ipv6Pool }),
    routes: routes.length === 0 ? null : routes,
    ...(vlan === 0 ? {} : { vlan }),
  };
}
