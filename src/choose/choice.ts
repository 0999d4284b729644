/**
 * The outcome of choosing: for every interface and family the pools to try, in order, and a reason
 * for every pool that was passed over. Reasons are rendered only when somebody asks.
 */
import type { Pool, Route } from '../dialect/pool.ts';
import type { Address, Family } from '../net/address.ts';

/** Where the candidate list came from (DESIGN section 6, "Sources"). */
export type SourceName =
  | 'SpiderSubnet annotation'
  | 'pod ippools'
  | 'pod ippool'
  | 'namespace default'
  | 'CNI config'
  | 'cluster default'
  | 'Calico pod annotation'
  | 'Calico namespace annotation'
  | 'Calico CNI config'
  | 'Calico enabled pools';

/**
 * What spoke against a pool: its state, its family, a class of affinity, or the address asked for
 * by number.
 */
export type RejectionCause =
  | 'terminating'
  | 'disabled'
  | 'family'
  | 'node'
  | 'namespace'
  | 'pod'
  | 'network'
  | 'address'
  | 'mode'
  | 'use';

/**
 * Why one pool was not used. `text` is the dialect's exact wording (`reference/spiderpool.md` 4.2).
 */
export interface Rejection {
  readonly pool: string;
  readonly cause: RejectionCause;
  readonly text: string;
  /** For `explain`: the requirement that failed and what was found instead. May be empty. */
  readonly because: string;
}

export interface FamilyChoice {
  readonly family: Family;
  /**
   * Pools to try, in order. Never empty: a family without candidates fails the choice or is not
   * asked for.
   */
  readonly candidates: readonly Pool[];
  /** Names as the source listed them after wildcards, in order. Made when first read. */
  readonly listed: readonly string[];
  /**
   * Renders the reasons of the listed pools that are not candidates, from the pools as they are
   * when it is called.
   */
  rejections(): readonly Rejection[];
  /** An address asked for by number, which replaces the search. Every candidate holds it. */
  readonly requested: Address | undefined;
  /**
   * Who asked for that address: `runtimeConfig.ips`, `CNI_ARGS IP`, an annotation key; else empty.
   */
  readonly road: string;
}

export interface InterfaceChoice {
  /** Interface name; empty for an item of `ippools` without a name. */
  readonly name: string;
  /** Position in the source's list, 0-based. */
  readonly order: number;
  readonly families: readonly FamilyChoice[];
  /** No default route on this interface. */
  readonly cleanGateway: boolean;
}

export interface Choice {
  /** Whose texts, codes and result shape apply. */
  readonly dialect: 'spiderpool' | 'calico';
  readonly source: SourceName;
  /** One entry; with `ippools` one per item. All are claimed at the first ADD. */
  readonly interfaces: readonly InterfaceChoice[];
  /** Routes of the pod annotation `ipam.spidernet.io/routes`. */
  readonly customRoutes: readonly Route[];
  /** For `explain`: keys that were overruled, wildcards without matches, families that are off. */
  readonly notes: readonly string[];
}
