/**
 * The custom resource that holds the claims of one block of 64 addresses (deploy/crds/ipblock.yaml).
 *
 * All three maps are atomic maps of strings, because the API server's work grows with the number of fields
 * and not with bytes (reference/kubernetes-api.md section 1).
 */
import { type Address, addressInBlock, equalAddresses, familyOf, slotOf } from '../net/address.ts';
import { blockCidrText, type Cidr, cidrOf, parseCidr } from '../net/cidr.ts';
import type { Names } from './block-line.ts';

export const IP_BLOCK = {
  group: 'ipam.orbweaver.dev',
  version: 'v1alpha1',
  kind: 'IPBlock',
  plural: 'ipblocks',
} as const;

/** Keeps a block that is deleted by hand for as long as it has claims (rule 13). */
export const CLAIMS_FINALIZER = 'ipam.orbweaver.dev/claims';

/**
 * The coarse network that a block lies in: 1,024 blocks each, so that a list of the blocks of one pool need
 * not read those of all others (rule 11).
 */
export const COARSE_LABEL = 'ipam.orbweaver.dev/coarse-network';
const COARSE_PREFIX = { 4: 16, 6: 112 } as const;
const ADDRESS_BITS = { 4: 32, 6: 128 } as const;

export interface IpBlock {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
  };
  readonly spec: {
    /** The block's own network: an aligned /26 or /122. */
    readonly cidr: string;
    /** Names that lines refer to, by the beginning of their digest. */
    readonly names: Names;
    /** One line per address that was ever given, by its place in the block, 0 to 63. */
    readonly slots: Readonly<Record<string, string>>;
    /** Owners of the affinity units that begin in this block, by place and prefix length: `0-26`. */
    readonly units: Readonly<Record<string, string>>;
  };
}

/** The name of a block's object: `10-0-0-64-26`, `fd00-0-0-0-0-0-0-40-122`. */
export function blockName(first: Address): string {
  return dashed(first, familyOf(first) === 4 ? 26 : 122);
}

/** The value of COARSE_LABEL for a block. */
export function coarseNetwork(first: Address): string {
  const { first: network, prefix } = cidrOf(first, COARSE_PREFIX[familyOf(first)]);
  return dashed(network, prefix);
}

/** An object for a block that does not exist yet. */
export function newBlock(first: Address, spec: Omit<IpBlock['spec'], 'cidr'>): IpBlock {
  return {
    apiVersion: `${IP_BLOCK.group}/${IP_BLOCK.version}`,
    kind: IP_BLOCK.kind,
    metadata: {
      name: blockName(first),
      labels: { [COARSE_LABEL]: coarseNetwork(first) },
      finalizers: [CLAIMS_FINALIZER],
    },
    spec: { cidr: blockCidrText(first), ...spec },
  };
}

/**
 * The first address of the block that an object stands for, or undefined for an object that stands for none:
 * its network is no block, or its name is not the one of that network, so that it would be a second object.
 */
export function firstOfBlock({ metadata, spec }: IpBlock): Address | undefined {
  const first = parseCidr(spec.cidr)?.cidr.first;
  const sound =
    first !== undefined &&
    slotOf(first) === 0 &&
    blockCidrText(first) === spec.cidr &&
    blockName(first) === metadata.name;
  return sound ? first : undefined;
}

/** The key of a unit among the units of the block that it begins in. */
export function unitKey(cidr: Cidr): string {
  return `${slotOf(cidr.first)}-${cidr.prefix}`;
}

/** The unit of a key, or undefined where it is none. */
export function unitOfKey(block: Address, key: string): Cidr | undefined {
  const [, slot, prefix] = /^(\d{1,2})-(\d{1,3})$/.exec(key) ?? [];
  if (slot === undefined || prefix === undefined || Number(slot) > 63) {
    return undefined;
  }
  const address = addressInBlock(block, Number(slot));
  if (Number(prefix) > ADDRESS_BITS[familyOf(address)]) {
    return undefined;
  }
  const cidr = cidrOf(address, Number(prefix));
  return unitKey(cidr) === key && equalAddresses(cidr.first, address) ? cidr : undefined;
}

/** Address and prefix as a name may have them: neither `/` nor an empty part between two `:`. */
function dashed(address: Address, prefix: number): string {
  const parts =
    familyOf(address) === 4
      ? [address[3] >>> 24, (address[3] >>> 16) & 255, (address[3] >>> 8) & 255, address[3] & 255]
      : address.flatMap((word) => [word >>> 16, word & 0xffff]).map((group) => group.toString(16));
  return [...parts, prefix].join('-');
}
