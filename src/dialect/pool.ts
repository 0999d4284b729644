/**
 * The one Pool model that all dialects are read into (DESIGN section 6). Pure data: nothing here knows a
 * manifest, an engine or a ledger.
 */
import type { Address, Family } from '../net/address.ts';
import type { Cidr } from '../net/cidr.ts';
import type { RangeSet } from '../net/range-set.ts';
import type { Selector } from '../selector/selector.ts';

export type DialectName = 'spiderpool' | 'spiderpool-v1' | 'calico';

export interface Route {
  readonly destination: Cidr;
  readonly gateway: Address;
}

/**
 * Who may use a pool, in one class (node, namespace or pod). A name list replaces the selector of its class
 * (`reference/spiderpool.md` 4.2, rows 5 and 6).
 */
export type Affinity =
  | { readonly kind: 'any' }
  | { readonly kind: 'names'; readonly names: readonly string[] }
  | { readonly kind: 'selector'; readonly selector: Selector };

/** How nodes may use affinity units: what the IPAMConfiguration says (reference/calico.md 3.5). */
export interface UnitRules {
  /** A node takes addresses only from units of its own. */
  readonly strictAffinity: boolean;
  /** False: a node never claims another unit. */
  readonly autoAllocateBlocks: boolean;
  /** Units that a node may own, per family and over all pools that a pod may use; at least 1. */
  readonly maxBlocksPerHost: number;
}

/** What only Calico's IPPool says. */
export interface CalicoPool {
  /** Prefix length of an affinity unit, 20–32 or 116–128. */
  readonly blockSize: number;
  readonly unitRules: UnitRules;
  readonly allowedUses: readonly ('Workload' | 'Tunnel' | 'LoadBalancer')[];
  readonly assignmentMode: 'Automatic' | 'Manual';
  readonly natOutgoing: boolean;
  readonly ipipMode: 'Never' | 'Always' | 'CrossSubnet';
  readonly vxlanMode: 'Never' | 'Always' | 'CrossSubnet';
  readonly disableBGPExport: boolean;
  readonly nodeSelectorText: string;
  readonly namespaceSelectorText: string;
}

export interface Pool {
  readonly dialect: DialectName;
  /** Unique over all dialects together with `dialect`; annotations name pools by it. */
  readonly name: string;
  /** Changes with every edit of the object, so that caches can tell. */
  readonly revision: number;
  readonly family: Family;
  /** The pool's network; its prefix length goes into results of Spiderpool's dialect. */
  readonly subnet: Cidr;
  /** `ips` minus `excludeIPs` (Spiderpool) or the whole CIDR (Calico). Reserved addresses are not subtracted here. */
  readonly ranges: RangeSet;
  readonly gateway: Address | undefined;
  readonly routes: readonly Route[];
  readonly vlan: number | undefined;
  /** `spec.default: true`. Calico's enabled Automatic pools are their dialect's default without it. */
  readonly isDefault: boolean;
  readonly disabled: boolean;
  /** The object is being deleted: it gives nothing new and goes with its last claim. */
  readonly terminating: boolean;
  readonly node: Affinity;
  readonly namespace: Affinity;
  readonly pod: Affinity;
  /** Network attachments (`namespace/name`) the pool is for; empty: any. */
  readonly multusNames: readonly string[];
  /** Rest of a released address in milliseconds; undefined: the default of LIMITS.restMs. */
  readonly restMs: number | undefined;
  readonly calico: CalicoPool | undefined;
}
