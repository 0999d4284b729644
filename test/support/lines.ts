/** Lines of a ledger for tests: everything has a default, so that a test states only what it is about. */
import type { Claim, Line, Resting, SlotWrite, Unit } from '../../src/ipam/ports.ts';
import { type Address, parseAddress } from '../../src/net/address.ts';
import { type Cidr, parseCidr } from '../../src/net/cidr.ts';

let writes = 0;

/** A nonce that no other line has. */
export function freshNonce(): string {
  writes += 1;
  return `nonce-${writes}`;
}

/** The address of a text that is known to be one. */
export function addressOf(text: string): Address {
  const address = parseAddress(text);
  if (address === undefined) {
    throw new Error(`not an address: ${text}`);
  }
  return address;
}

/** The network of a text that is known to be one. */
export function cidrOf(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === undefined) {
    throw new Error(`not a network: ${text}`);
  }
  return parsed.cidr;
}

/** An affinity unit that a node owns. */
export function unitOf(cidr: string, node = 'node-1', more: Partial<Unit> = {}): Unit {
  return {
    cidr: cidrOf(cidr),
    node,
    claimedAt: 1_700_000_000_000,
    nonce: freshNonce(),
    ...more,
  };
}

/** A claim of `address` by pod default/web, container c1, eth0. */
export function claimOf(address: string, more: Partial<Claim> = {}): Claim {
  return {
    state: 'claimed',
    address: addressOf(address),
    pool: 'pool-a',
    node: 'node-1',
    owner: { namespace: 'default', pod: 'web', uid: 'uid-1' },
    attachment: { network: 'net', containerId: 'c1', interfaceName: 'eth0' },
    ahead: false,
    order: 0,
    claimedAt: 1_700_000_000_000,
    nonce: freshNonce(),
    ...more,
  };
}

/** The resting line that a claim leaves behind. */
export function restingOf(claim: Claim, more: Partial<Resting> = {}): Resting {
  return {
    state: 'resting',
    address: claim.address,
    pool: claim.pool,
    owner: claim.owner,
    releasedAt: 1_700_000_100_000,
    until: 1_700_000_130_000,
    nonce: freshNonce(),
    ...more,
  };
}

/** A write of `now` over what was read. */
export function writeOf(now: Line, was?: Line): SlotWrite {
  return { was, now };
}
