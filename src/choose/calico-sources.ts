/**
 * What Calico's dialect asks for: families, addresses by number, and per family an explicit list of
 * pools (reference/calico.md 2.1 and 2.2). Pod annotation, namespace annotation and CNI config, in
 * this order and for each family by itself; without a list the selectors of the enabled pools
 * decide.
 */
import {
  type CalicoAnnotations,
  readCalicoNamespaceAnnotations,
  readCalicoPodAnnotations,
} from '../dialect/calico-annotations.ts';
import { type Family, familyOf } from '../net/address.ts';
import type { SourceName } from './choice.ts';
import { IP_ADDRS } from './messages.ts';
import { type RequestedAddress, requestedByFamily } from './requested-address.ts';
import { type Context, configListsAreCalicos } from './sources.ts';

/** An explicit list of pools, by name or CIDR, in the order written. */
export interface CalicoList {
  readonly source: SourceName;
  readonly pools: readonly string[];
}

export interface CalicoRule {
  /** Families to give an address of; not empty. */
  readonly families: readonly Family[];
  readonly lists: Readonly<Record<Family, CalicoList | undefined>>;
  /** With an address asked for, lists and selectors do not count. */
  readonly requested: ReadonlyMap<Family, RequestedAddress>;
  readonly notes: readonly string[];
}

const FAMILIES = [4, 6] as const;

/** Where a user may write a list, in order of priority. */
export const CALICO_SOURCES = [
  'Calico pod annotation',
  'Calico namespace annotation',
  'Calico CNI config',
] as const satisfies readonly SourceName[];

/**
 * The lists that were written, in order of priority. An empty one counts: it hides those behind it
 * and leaves the choice to the selectors. Throws what the readers of annotations throw.
 */
export function calicoLists(context: Context): readonly (CalicoList & { family: Family })[] {
  const { catalog, subject } = context;
  const { pod, namespace } = annotationsOf(context);
  const { ipv4Pools, ipv6Pools } = subject.wishes;
  const config = configListsAreCalicos(catalog, subject) ? { ipv4Pools, ipv6Pools } : undefined;
  const written = [pod, namespace, config];
  return CALICO_SOURCES.flatMap((source, at) =>
    FAMILIES.flatMap((family) => {
      const pools = family === 4 ? written[at]?.ipv4Pools : written[at]?.ipv6Pools;
      return pools === undefined ? [] : [{ source, family, pools }];
    }),
  );
}

/** Whether the user wrote anything in Calico's words about the pod's pools or addresses. */
export function calicoSpeaks(context: Context): boolean {
  return (
    annotationsOf(context).pod.addresses.length > 0 ||
    calicoLists(context).some((list) => list.pools.length > 0)
  );
}

/**
 * Throws what the readers of annotations throw, and UNSUPPORTED_REQUEST for two addresses of one
 * family.
 */
export function readCalicoRule(context: Context): CalicoRule {
  const { wishes } = context.subject;
  const { pod, namespace } = annotationsOf(context);
  const notes = [...pod.notes, ...namespace.notes];
  const byAnnotation = pod.addresses.map((address) => ({ address, road: IP_ADDRS }));
  const requested = requestedByFamily({
    addresses: byAnnotation.length > 0 ? byAnnotation : wishes.addresses,
  });
  const lists = calicoLists(context);
  const listOf = (family: Family) => {
    const list = lists.find((candidate) => candidate.family === family);
    return list === undefined || list.pools.length === 0 ? undefined : list;
  };
  const assigned: Readonly<Record<Family, boolean>> = {
    4: wishes.assignIpv4 ?? true,
    6: wishes.assignIpv6 ?? false,
  };
  const families =
    requested.size > 0
      ? [...requested.values()].map(({ address }) => familyOf(address))
      : (pod.families ?? namespace.families ?? FAMILIES.filter((family) => assigned[family]));
  return {
    families: FAMILIES.filter((family) => families.includes(family)),
    lists: { 4: listOf(4), 6: listOf(6) },
    requested,
    notes,
  };
}

/**
 * Where the families of a rule get their pools from, each source once, in the order of families.
 */
export function calicoSourcesInUse(rule: CalicoRule): readonly SourceName[] {
  const sources = rule.families.map((family): SourceName => {
    const requested = rule.requested.get(family);
    if (requested !== undefined) {
      return requested.road === IP_ADDRS ? 'Calico pod annotation' : 'Calico enabled pools';
    }
    return rule.lists[family]?.source ?? 'Calico enabled pools';
  });
  return [...new Set(sources)];
}

function annotationsOf({ subject }: Context): {
  pod: CalicoAnnotations;
  namespace: CalicoAnnotations;
} {
  return {
    pod: readCalicoPodAnnotations(subject.pod?.annotations ?? {}),
    namespace: readCalicoNamespaceAnnotations(subject.namespace?.annotations ?? {}),
  };
}
