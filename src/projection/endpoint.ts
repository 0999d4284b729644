/**
 * A pod's addresses as an object: SpiderEndpoint (reference/spiderpool.md 1.3), and for pods on
 * older pools the WorkloadEndpoint of that form, which has the same fields.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import type { PodView } from '../choose/subject.ts';
import { readPodRoutes } from '../dialect/annotations.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import type { Pool, Route } from '../dialect/pool.ts';
import { customRoutesOf } from '../ipam/custom-routes.ts';
import type { Claim } from '../ipam/ports.ts';
import { familyOf, formatAddress } from '../net/address.ts';
import { formatCidr } from '../net/cidr.ts';

/** One interface: `status.current.ips[]`. */
interface EndpointAddress {
  interface: string;
  [field: string]: unknown;
}

export interface EndpointForm {
  readonly apiVersion: string;
  readonly kind: string;
}

/**
 * The endpoint of one pod. `claims` are all of that pod's, at least one, by order and address;
 * `poolOf` tells the pool of a claim where it still exists. A pod that is not known owns nothing.
 */
export function endpointOf(
  form: EndpointForm,
  claims: readonly Claim[],
  pod: Pick<PodView, 'uid' | 'controller' | 'annotations'> | undefined,
  poolOf: (claim: Claim) => Pool | undefined,
): KubeObject {
  const first = claims[0]!;
  const { namespace, pod: name, uid } = first.owner;
  const since = Math.min(...claims.map((claim) => claim.claimedAt));
  const controller = pod?.controller ?? { kind: 'Pod', name };
  return {
    ...form,
    metadata: {
      name,
      namespace,
      creationTimestamp: new Date(since).toISOString().replace(/\.\d+Z$/, 'Z'),
      ...(pod === undefined
        ? {}
        : { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name, uid: pod.uid }] }),
    },
    status: {
      current: { uid, node: first.node, ips: interfacesOf(claims, routesOf(pod), poolOf) },
      ownerControllerType: controller.kind,
      ownerControllerName: controller.name,
    },
  };
}

/** Of the pod's annotation; none where that can no longer be read, which ADD would have refused. */
function routesOf(pod: Pick<PodView, 'annotations'> | undefined): readonly Route[] {
  try {
    return readPodRoutes(pod?.annotations ?? {});
  } catch (error) {
    if (!(error instanceof OrbweaverError)) {
      throw error;
    }
    return [];
  }
}

/** One element for each interface, carrying both families. */
function interfacesOf(
  claims: readonly Claim[],
  custom: readonly Route[],
  poolOf: (claim: Claim) => Pool | undefined,
): EndpointAddress[] {
  const interfaces = new Map<string, EndpointAddress>();
  for (const claim of claims) {
    const { interfaceName } = claim.attachment;
    const key = `${claim.order} ${interfaceName}`;
    const item = interfaces.get(key) ?? { interface: interfaceName };
    const added = customRoutesOf(claim, custom, claims, poolOf);
    interfaces.set(key, Object.assign(item, addressFields(claim, poolOf(claim), added, item)));
  }
  return [...interfaces.values()];
}

function addressFields(
  claim: Claim,
  pool: Pool | undefined,
  custom: readonly Route[],
  item: EndpointAddress,
): object {
  const family = familyOf(claim.address);
  const prefix = pool?.subnet.prefix ?? (family === 4 ? 32 : 128);
  const routes = [...(pool?.routes ?? []), ...custom].map((route) => ({
    dst: formatCidr(route.destination),
    gw: formatAddress(route.gateway),
  }));
  return {
    [`ipv${family}`]: `${formatAddress(claim.address)}/${prefix}`,
    [`ipv${family}Pool`]: claim.pool,
    ...(pool?.gateway === undefined
      ? {}
      : { [`ipv${family}Gateway`]: formatAddress(pool.gateway) }),
    vlan: pool?.vlan ?? item.vlan ?? 0,
    ...(routes.length === 0 ? {} : { routes: [...((item.routes as object[]) ?? []), ...routes] }),
  };
}
