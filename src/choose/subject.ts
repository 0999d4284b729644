/**
 * What choosing a pool looks at: the pod, its namespace and node, and the call. Pure data.
 */
import type { Address } from '../net/address.ts';

/** Labels and annotations of a Namespace or Node; both empty where the object is not known. */
export interface ObjectView {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** What the use-cases need to know of a pod. */
export interface PodView {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Finished or being deleted, by the rules of `reference/spiderpool.md` 5.1 step 2. */
  readonly dead: boolean;
  /**
   * Top controller, as SpiderEndpoint shows it: `Deployment`/`web`; a bare pod is `Pod`/its name.
   */
  readonly controller: { readonly kind: string; readonly name: string };
}

/**
 * The name the plugin was called by; it decides the dialect of texts and results (DESIGN section
 * 6).
 */
export type CalledAs = 'orbweaver' | 'spiderpool' | 'calico-ipam';

/**
 * What the network config and CNI_ARGS say about addresses, already parsed and checked for type.
 */
export interface CallWishes {
  /**
   * Names (wildcards allowed) from the config: Spiderpool's `default_ipv4_ippool`, Calico's
   * `ipv4_pools`; undefined where the key is absent.
   */
  readonly ipv4Pools: readonly string[] | undefined;
  readonly ipv6Pools: readonly string[] | undefined;
  /** Spiderpool's `clean_gateway`: no default route in the result. */
  readonly cleanGateway: boolean;
  /** Calico's `assign_ipv4` / `assign_ipv6`; undefined where absent. */
  readonly assignIpv4: boolean | undefined;
  readonly assignIpv6: boolean | undefined;
  /**
   * Addresses asked for by number: `runtimeConfig.ips`, `args.cni.ips`, `CNI_ARGS IP=`, with the
   * road each came by.
   */
  readonly addresses: readonly { readonly address: Address; readonly road: string }[];
}

/** One call, complete: what `choose` decides from. */
export interface Subject {
  readonly calledAs: CalledAs;
  /**
   * Undefined where the caller names no pod, or names one that is not known on the embedded
   * default.
   */
  readonly pod: PodView | undefined;
  /** Undefined where no namespace is named. */
  readonly namespace: ObjectView | undefined;
  readonly node: ObjectView;
  /** CNI_IFNAME. */
  readonly interfaceName: string;
  readonly wishes: CallWishes;
}
