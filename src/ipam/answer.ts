/** From claims to the result of ADD: prefix, gateway and routes come from the pool (reference/spiderpool.md 5.2). */
import { OrbweaverError } from '../catalogue/errors.ts';
import type { Choice } from '../choose/choice.ts';
import { chooseOrRefuse } from '../choose/choose.ts';
import type { Subject } from '../choose/subject.ts';
import type { Pool, Route } from '../dialect/pool.ts';
import { equalAddresses, familyOf } from '../net/address.ts';
import { cidrOf, formatCidr } from '../net/cidr.ts';
import { customRoutesOf } from './custom-routes.ts';
import type { Parts } from './parts.ts';
import { poolOfClaim } from './pool-of-claim.ts';
import type { Claim } from './ports.ts';
import type { AddResult, ResultAddress, ResultRoute } from './result.ts';

/** What the pod's source says beside the pools. */
interface Extras {
  readonly cleanGateway: boolean;
  readonly customRoutes: readonly Route[];
  isRequested(claim: Claim): boolean;
}

/**
 * The result for the claims of one interface; `claims` is not empty. Without `choice` the subject's source
 * is read again.
 */
export function answerOf(
  parts: Parts,
  subject: Subject,
  claims: readonly Claim[],
  choice = readAgain(parts, subject),
): AddResult {
  const extras = extrasOf(subject, claims, choice);
  const addresses: ResultAddress[] = [];
  const routes: ResultRoute[] = [];
  for (const claim of claims) {
    const pool = poolOfClaim(parts.allocator, claim);
    addresses.push(resultAddress(claim, pool, extras));
    routes.push(...resultRoutes(claim, pool, extras, customOf(parts, claim, extras)));
  }
  return { addresses, routes };
}

/**
 * The source is read again rather than kept in the ledger, passing over refusals, because a claim outlives
 * the pools' edits. Undefined where the annotations can no longer be read at all.
 */
function readAgain(parts: Parts, subject: Subject): Choice | undefined {
  try {
    return parts.allocator.withCatalog((catalog) =>
      chooseOrRefuse({ catalog, conf: parts.cluster.conf(), subject }, () => {}),
    );
  } catch (error) {
    if (!(error instanceof OrbweaverError)) {
      throw error;
    }
    return undefined;
  }
}

function extrasOf(subject: Subject, claims: readonly Claim[], choice: Choice | undefined): Extras {
  const item = choice?.interfaces.find(
    (candidate) =>
      candidate.name === subject.interfaceName ||
      (candidate.name === '' && candidate.order === claims[0]?.order),
  );
  return {
    cleanGateway: item?.cleanGateway ?? subject.wishes.cleanGateway,
    customRoutes: choice?.customRoutes ?? [],
    isRequested: (claim) =>
      item?.families.some(
        (family) =>
          family.requested !== undefined && equalAddresses(family.requested, claim.address),
      ) ?? false,
  };
}

function resultAddress(claim: Claim, pool: Pool | undefined, extras: Extras): ResultAddress {
  const family = familyOf(claim.address);
  const whole = family === 4 ? 32 : 128;
  const calico = pool?.calico;
  return {
    family,
    address: claim.address,
    // Calico's result carries the block's mask, the whole length for a requested address (calico.md 2.1).
    prefix:
      calico === undefined
        ? (pool?.subnet.prefix ?? whole)
        : extras.isRequested(claim)
          ? whole
          : calico.blockSize,
    gateway: pool?.gateway,
  };
}

function customOf(parts: Parts, claim: Claim, { customRoutes }: Extras): readonly Route[] {
  if (customRoutes.length === 0) {
    return [];
  }
  const claims = parts.ledger.claimsOfPod(claim.owner.namespace, claim.owner.pod);
  return customRoutesOf(claim, customRoutes, claims, (one) => poolOfClaim(parts.allocator, one));
}

function resultRoutes(
  claim: Claim,
  pool: Pool | undefined,
  extras: Extras,
  custom: readonly Route[],
): ResultRoute[] {
  const family = familyOf(claim.address);
  if (pool === undefined) {
    return [];
  }
  if (pool.calico !== undefined) {
    const { prefix } = resultAddress(claim, pool, extras);
    return [{ family, destination: formatCidr(cidrOf(claim.address, prefix)), gateway: undefined }];
  }
  const routes = [...pool.routes, ...custom].map(
    (route): ResultRoute => ({
      family,
      destination: formatCidr(route.destination),
      gateway: route.gateway,
    }),
  );
  if (pool.gateway !== undefined && !extras.cleanGateway) {
    routes.push({
      family,
      destination: family === 4 ? '0.0.0.0/0' : '::/0',
      gateway: pool.gateway,
    });
  }
  return routes;
}
