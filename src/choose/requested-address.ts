/**
 * Addresses that the call asks for by number: `runtimeConfig.ips`, `args.cni.ips`, `CNI_ARGS IP=`
 * (reference/cni.md section 7). A request is honoured or refused by name, never dropped.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import {
  type Address,
  equalAddresses,
  type Family,
  familyOf,
  formatAddress,
} from '../net/address.ts';
import type { CallWishes } from './subject.ts';

export interface RequestedAddress {
  readonly address: Address;
  /** Who asks: `runtimeConfig.ips`, `CNI_ARGS IP`, an annotation key. */
  readonly road: string;
}

/**
 * The address asked for in each family; equal ones count once. Throws UNSUPPORTED_REQUEST for two
 * in one family: an interface has one address per family.
 */
export function requestedByFamily(
  wishes: Pick<CallWishes, 'addresses'>,
): ReadonlyMap<Family, RequestedAddress> {
  const requested = new Map<Family, RequestedAddress>();
  for (const wish of wishes.addresses) {
    const family = familyOf(wish.address);
    const before = requested.get(family);
    if (before !== undefined && !equalAddresses(before.address, wish.address)) {
      throw new OrbweaverError(
        'UNSUPPORTED_REQUEST',
        `${wish.road} asks for ${formatAddress(wish.address)} beside ` +
          `${formatAddress(before.address)}: an interface has one IPv${family} address`,
      );
    }
    if (before === undefined) {
      requested.set(family, wish);
    }
  }
  return requested;
}
