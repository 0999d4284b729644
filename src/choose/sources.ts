/**
 * Where a list of candidate pools may come from in Spiderpool's dialect, in order of priority
 * (reference/spiderpool.md 3.2, DESIGN section 6). The first that speaks wins; nothing falls
 * through.
 *
 * The SpiderSubnet annotations come first on paper. They act with automatic pools only, so they are
 * noted and do not speak.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import {
  ippoolsItemIndex,
  readNamespaceDefaults,
  readPodIppool,
  readPodIppools,
  SPIDERPOOL_KEYS,
  subnetAnnotation,
} from '../dialect/annotations.ts';
import type { SpiderpoolConf } from '../dialect/spiderpool-conf.ts';
import type { Family } from '../net/address.ts';
import { parseCidr } from '../net/cidr.ts';
import type { Catalog } from './catalog.ts';
import type { SourceName } from './choice.ts';
import { isPattern } from './glob.ts';
import { nameInText } from './messages.ts';
import type { Subject } from './subject.ts';

/** All that choosing looks at. */
export interface Context {
  readonly catalog: Catalog;
  readonly conf: SpiderpoolConf;
  readonly subject: Subject;
}

/**
 * Names as written (wildcards not expanded), the cluster's default pools, or nothing for that
 * family.
 */
export type FamilyList = readonly string[] | 'default pools' | undefined;

/** One interface of a source's rule. */
export interface SourceItem {
  /** Empty for an item of `ippools` without a name. */
  readonly name: string;
  readonly order: number;
  readonly cleanGateway: boolean;
  readonly lists: Readonly<Record<Family, FamilyList>>;
}

/** What a source says. */
export interface Rule {
  readonly source: SourceName;
  readonly items: readonly SourceItem[];
  readonly notes: readonly string[];
}

/**
 * A source and how it is read: undefined where it does not speak. Throws what its reader throws.
 */
export interface Source {
  readonly name: SourceName;
  read(context: Context): Rule | undefined;
}

const NO_ANNOTATIONS: Readonly<Record<string, string>> = {};

/** Sources that a user wrote for the pod, its namespace or its network, in order. */
export const SPIDERPOOL_SOURCES: readonly Source[] = [
  { name: 'pod ippools', read: readIppools },
  { name: 'pod ippool', read: readIppool },
  { name: 'namespace default', read: readNamespace },
  { name: 'CNI config', read: readConfig },
];

/** The source that is asked when no other speaks. */
export const CLUSTER_DEFAULT: Source = { name: 'cluster default', read: readClusterDefault };

/** What is said of a pod's SpiderSubnet annotation, or undefined where it has none. */
export function subnetNote(subject: Subject): string | undefined {
  const key = subnetAnnotation(subject.pod?.annotations ?? NO_ANNOTATIONS);
  return key === undefined
    ? undefined
    : `annotation ${SPIDERPOOL_KEYS[key]} has no effect yet: pools are not made automatically, ` +
        'so the next source is asked';
}

function readIppools({ subject }: Context): Rule | undefined {
  const ippools = readPodIppools(subject.pod?.annotations ?? NO_ANNOTATIONS);
  if (ippools === undefined) {
    return undefined;
  }
  // Throws where the items have names and the interface asked for is not among them.
  ippoolsItemIndex(ippools, subject.interfaceName);
  const items = ippools.items.map((item, order) => ({
    name: item.interface,
    order,
    cleanGateway: item.cleanGateway,
    lists: { 4: item.ipv4, 6: item.ipv6 },
  }));
  return { source: 'pod ippools', items, notes: ippools.notes };
}

function readIppool({ subject }: Context): Rule | undefined {
  const ippool = readPodIppool(subject.pod?.annotations ?? NO_ANNOTATIONS);
  if (ippool === undefined) {
    return undefined;
  }
  if (ippool.interface !== undefined && ippool.interface !== subject.interfaceName) {
    throw new OrbweaverError(
      'ANNOTATION_INVALID',
      `wrong input, invalid format of Pod annotation '${SPIDERPOOL_KEYS.ippool}': it is for ` +
        `interface ${nameInText(ippool.interface)}, but the CNI request is for interface ${subject.interfaceName}`,
    );
  }
  return oneInterface(
    'pod ippool',
    subject,
    { 4: ippool.ipv4, 6: ippool.ipv6 },
    ippool.notes,
    ippool.cleanGateway,
  );
}

function readNamespace({ subject }: Context): Rule | undefined {
  const defaults = readNamespaceDefaults(subject.namespace?.annotations ?? NO_ANNOTATIONS);
  return defaults === undefined
    ? undefined
    : oneInterface(
        'namespace default',
        subject,
        { 4: defaults.ipv4, 6: defaults.ipv6 },
        defaults.notes,
      );
}

function readConfig({ catalog, subject }: Context): Rule | undefined {
  const { ipv4Pools = [], ipv6Pools = [] } = subject.wishes;
  if (ipv4Pools.length + ipv6Pools.length === 0 || configListsAreCalicos(catalog, subject)) {
    return undefined;
  }
  return oneInterface('CNI config', subject, {
    4: ipv4Pools.length > 0 ? ipv4Pools : undefined,
    6: ipv6Pools.length > 0 ? ipv6Pools : undefined,
  });
}

/** The lists of the ConfigMap, and for a family without one the pools that say `default: true`. */
function readClusterDefault({ catalog, conf, subject }: Context): Rule | undefined {
  const listOf = (family: Family): FamilyList => {
    const written = family === 4 ? conf.clusterDefaultIPv4IPPool : conf.clusterDefaultIPv6IPPool;
    if (written.length > 0) {
      return written;
    }
    return catalog.has('spiderpool', family, ['default']) ? 'default pools' : undefined;
  };
  const lists = { 4: listOf(4), 6: listOf(6) };
  return lists[4] === undefined && lists[6] === undefined
    ? undefined
    : oneInterface('cluster default', subject, lists);
}

/**
 * Whether the CNI config's lists are Calico's. The config's keys tell no more than the name that
 * the plugin was called by; under its own name the lists belong to the dialect whose pools they
 * name, Spiderpool first.
 */
export function configListsAreCalicos(catalog: Catalog, subject: Subject): boolean {
  if (subject.calledAs !== 'orbweaver') {
    return subject.calledAs === 'calico-ipam';
  }
  const names = [...(subject.wishes.ipv4Pools ?? []), ...(subject.wishes.ipv6Pools ?? [])];
  const isSpiderpools = (name: string) =>
    isPattern(name) || catalog.find('spiderpool', name) !== undefined;
  const isCalicos = (name: string) =>
    parseCidr(name) !== undefined || catalog.find('calico', name) !== undefined;
  return !names.some(isSpiderpools) && names.some(isCalicos);
}

function oneInterface(
  source: SourceName,
  subject: Subject,
  lists: Readonly<Record<Family, FamilyList>>,
  notes: readonly string[] = [],
  cleanGateway = subject.wishes.cleanGateway,
): Rule {
  return { source, items: [{ name: subject.interfaceName, order: 0, cleanGateway, lists }], notes };
}
