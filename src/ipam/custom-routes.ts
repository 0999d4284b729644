/** Which interface of a pod has the routes of its annotation (reference/spiderpool.md 5.2). */
import type { Pool, Route } from '../dialect/pool.ts';
import { cidrContains } from '../net/cidr.ts';
import type { Claim } from './ports.ts';

/**
 * Those of `routes` that go with the claim: each goes to the first interface of the container whose subnet holds its
 * gateway. `claims` are the pod's, in any order; `poolOf` tells the pool of a claim where it still exists.
 */
export function customRoutesOf(
  claim: Claim,
  routes: readonly Route[],
  claims: readonly Claim[],
  poolOf: (claim: Claim) => Pool | undefined,
): readonly Route[] {
  const pool = routes.length === 0 ? undefined : poolOf(claim);
  if (pool === undefined) {
    return [];
  }
  const earlier = claims
    .filter(
      ({ attachment, order }) =>
        attachment.containerId === claim.attachment.containerId && order < claim.order,
    )
    .flatMap((other) => poolOf(other) ?? []);
  return routes.filter(
    ({ gateway }) =>
      cidrContains(pool.subnet, gateway) &&
      !earlier.some(({ subnet }) => cidrContains(subnet, gateway)),
  );
}
