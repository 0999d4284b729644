/**
 * The result of ADD in the config's own version (reference/cni.md sections 4 and 5).
 *
 * | version | form |
 * |---|---|
 * | 1.0.0, 1.1.0 | `ips[] {address, gateway}`, `routes[] {dst, gw}` |
 * | 0.3.0 – 0.4.0 | the same with `ips[].version` and `dns: {}` |
 * | 0.1.0, 0.2.0 | `ip4 {}` and `ip6 {}`, one address per family |
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { type Address, type Family, formatAddress } from '../net/address.ts';
import { atLeast, type CniVersion } from './cni-version.ts';

/** One address of a result. */
export interface ResultAddress {
  readonly family: Family;
  readonly address: Address;
  /** Prefix length in the family's own terms. */
  readonly prefix: number;
  readonly gateway: Address | undefined;
}

export interface ResultRoute {
  readonly family: Family;
  /** CIDR text. */
  readonly destination: string;
  readonly gateway: Address | undefined;
}

export interface AddResult {
  readonly addresses: readonly ResultAddress[];
  readonly routes: readonly ResultRoute[];
}

/**
 * The JSON object that ADD prints. Throws UNSUPPORTED_REQUEST when the version is too old to say it: more
 * than one address of a family before 0.3.0.
 */
export function shapeResult(result: AddResult, version: CniVersion): object {
  if (!atLeast(version, '0.3.0')) {
    return shapeOldest(result, version);
  }
  const named = !atLeast(version, '1.0.0');
  const shaped = {
    cniVersion: version,
    ips: result.addresses.map((item) => ({
      ...(named ? { version: String(item.family) } : {}),
      address: `${formatAddress(item.address)}/${item.prefix}`,
      ...(item.gateway === undefined ? {} : { gateway: formatAddress(item.gateway) }),
    })),
    ...(result.routes.length === 0 ? {} : { routes: result.routes.map(shapeRoute) }),
  };
  return named ? { ...shaped, dns: {} } : shaped;
}

function shapeOldest(result: AddResult, version: CniVersion): object {
  const shaped: Record<string, unknown> = { cniVersion: version };
  for (const family of [4, 6] as const) {
    const addresses = result.addresses.filter((item) => item.family === family);
    const first = addresses[0];
    if (first === undefined) {
      continue;
    }
    if (addresses.length > 1) {
      throw new OrbweaverError(
        'UNSUPPORTED_REQUEST',
        `CNI version ${version} does not support more than 1 address per family`,
      );
    }
    const routes = result.routes.filter((route) => route.family === family);
    shaped[`ip${family}`] = {
      ip: `${formatAddress(first.address)}/${first.prefix}`,
      ...(first.gateway === undefined ? {} : { gateway: formatAddress(first.gateway) }),
      ...(routes.length === 0 ? {} : { routes: routes.map(shapeRoute) }),
    };
  }
  return { ...shaped, dns: {} };
}

function shapeRoute(route: ResultRoute): object {
  return {
    dst: route.destination,
    ...(route.gateway === undefined ? {} : { gw: formatAddress(route.gateway) }),
  };
}
