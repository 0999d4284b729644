/**
 * Calico's annotations on pods and namespaces as typed data (reference/calico.md 2.2 and 2.3). Values are
 * read as Go reads JSON. Which of pod, namespace and config wins is the choice's matter.
 *
 * Every reader throws ANNOTATION_INVALID for a value that cannot be used and UNSUPPORTED_REQUEST for what
 * is not given here, with Calico's text where it has one.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { type Address, type Family, familyOf, parseAddress } from '../net/address.ts';
import { quoted } from '../selector/field-error.ts';
import { closestWord } from './did-you-mean.ts';
import { readGoJson } from './go-json.ts';

type Annotations = Readonly<Record<string, string>>;

const PREFIX = 'cni.projectcalico.org/';

/** The annotation keys that choosing a pool or an address looks at. */
export const CALICO_KEYS = {
  ipv4Pools: `${PREFIX}ipv4pools`,
  ipv6Pools: `${PREFIX}ipv6pools`,
  ipFamilies: `${PREFIX}ipFamilies`,
  ipAddrs: `${PREFIX}ipAddrs`,
  ipAddrsNoIpam: `${PREFIX}ipAddrsNoIpam`,
  floatingIps: `${PREFIX}floatingIPs`,
} as const;

/** Every key under Calico's prefix, those included that only other parts of it read or write. */
const KNOWN_KEYS: readonly string[] = [
  ...Object.values(CALICO_KEYS),
  `${PREFIX}hwAddr`,
  `${PREFIX}allowedSourcePrefixes`,
  `${PREFIX}containerID`,
  `${PREFIX}podIP`,
  `${PREFIX}podIPs`,
];

/** What a pod or a namespace asks for. */
export interface CalicoAnnotations {
  /** Pools by name or CIDR in the order written; undefined where nothing is said, empty for `[]`. */
  readonly ipv4Pools: readonly string[] | undefined;
  readonly ipv6Pools: readonly string[] | undefined;
  /** Families to give an address of, each once; undefined where nothing is said. */
  readonly families: readonly Family[] | undefined;
  /** Addresses asked for by number, at most one per family. Always empty for a namespace. */
  readonly addresses: readonly Address[];
  /** For `explain`: keys that are probably misspelt, and keys without effect where they stand. */
  readonly notes: readonly string[];
}

/** Reads a pod's annotations. */
export function readCalicoPodAnnotations(annotations: Annotations): CalicoAnnotations {
  const addresses = stated(annotations, CALICO_KEYS.ipAddrs);
  const withoutIpam = stated(annotations, CALICO_KEYS.ipAddrsNoIpam);
  if (addresses !== undefined && withoutIpam !== undefined) {
    throw invalidAnnotation(
      "can't have both annotations: 'ipAddrs' and 'ipAddrsNoIpam' in use at the same time",
    );
  }
  if (withoutIpam !== undefined) throw notEnabled('ip_addrs_no_ipam');
  if (stated(annotations, CALICO_KEYS.floatingIps) !== undefined) throw notEnabled('floating_ips');
  return {
    ...readCommon(annotations),
    addresses: addresses === undefined ? [] : readAddresses(addresses),
    notes: misspelt(annotations),
  };
}

/** Reads a namespace's annotations. Addresses by number are a pod's matter and only noted here. */
export function readCalicoNamespaceAnnotations(annotations: Annotations): CalicoAnnotations {
  const notes = misspelt(annotations);
  for (const key of [CALICO_KEYS.ipAddrs, CALICO_KEYS.ipAddrsNoIpam, CALICO_KEYS.floatingIps]) {
    if (stated(annotations, key) !== undefined) {
      notes.push(`annotation ${key} has no effect on a namespace, only on a pod`);
    }
  }
  return { ...readCommon(annotations), addresses: [], notes };
}

function readCommon(
  annotations: Annotations,
): Pick<CalicoAnnotations, 'ipv4Pools' | 'ipv6Pools' | 'families'> {
  return {
    ipv4Pools: readPools(annotations, CALICO_KEYS.ipv4Pools),
    ipv6Pools: readPools(annotations, CALICO_KEYS.ipv6Pools),
    families: readFamilies(annotations),
  };
}

/** The value of a key; an empty one counts as absent, as in Calico. */
function stated(annotations: Annotations, key: string): string | undefined {
  return (Object.hasOwn(annotations, key) && annotations[key]) || undefined;
}

function readPools(annotations: Annotations, key: string): readonly string[] | undefined {
  const text = stated(annotations, key);
  if (text === undefined) return undefined;
  const list = readList(text);
  if (typeof list === 'string') {
    throw invalidAnnotation(`error parsing annotation ${quoted(key)} = ${quoted(text)}: ${list}`);
  }
  return list;
}

function readFamilies(annotations: Annotations): readonly Family[] | undefined {
  const text = stated(annotations, CALICO_KEYS.ipFamilies);
  if (text === undefined) return undefined;
  const list = readList(text);
  const families = new Set<Family>();
  for (const name of typeof list === 'string' ? [] : list) {
    if (name !== 'IPv4' && name !== 'IPv6') {
      families.clear();
      break;
    }
    families.add(name === 'IPv4' ? 4 : 6);
  }
  if (families.size === 0) throw invalidAnnotation(`error parsing ipFamilies: ${clean(text)}`);
  return [...families];
}

function readAddresses(text: string): readonly Address[] {
  const key = CALICO_KEYS.ipAddrs;
  const list = readList(text);
  if (typeof list === 'string') {
    const value = clean(text);
    throw invalidAnnotation(
      `failed to parse IPs ${value} for annotation "${key}": failed to parse '${value}' as JSON: ${list}`,
    );
  }
  if (list.length === 0) throw invalidAnnotation(`annotation "${key}" specified but empty`);
  const found = new Map<Family, Address>();
  for (const entry of list) {
    const address = parseAddress(entry);
    if (address === undefined) throw invalidAnnotation(`invalid IP format: ${clean(entry)}`);
    const family = familyOf(address);
    if (found.has(family)) {
      throw invalidAnnotation(
        `cannot have more than one IPv${family} address for "${key}" annotation`,
      );
    }
    found.set(family, address);
  }
  return [...found.values()];
}

/** A JSON list of strings, or in words what is wrong. A null in it is the empty string, as in Go. */
function readList(text: string): readonly string[] | string {
  const outcome = readGoJson(text, { kind: 'list', of: { kind: 'string' } });
  if (!outcome.ok) return outcome.fault;
  return ((outcome.value ?? []) as (string | undefined)[]).map((entry) => entry ?? '');
}

function misspelt(annotations: Annotations): string[] {
  const notes: string[] = [];
  for (const key of Object.keys(annotations)) {
    if (!key.startsWith(PREFIX) || KNOWN_KEYS.includes(key)) continue;
    // The shared prefix says nothing about how near two keys are.
    const names = KNOWN_KEYS.map((known) => known.slice(PREFIX.length));
    const meant = closestWord(key.slice(PREFIX.length), names);
    const hint = meant === undefined ? '' : `, did you mean ${PREFIX}${meant}?`;
    notes.push(`annotation ${clean(key)} is read by nothing here${hint}`);
  }
  return notes;
}

/** A text of the user inside a sentence: unprintable characters escaped, cut when long. */
function clean(text: string): string {
  return quoted(text).slice(1, -1).replaceAll('\\"', '"');
}

function invalidAnnotation(message: string): OrbweaverError {
  return new OrbweaverError('ANNOTATION_INVALID', message);
}

function notEnabled(feature: string): OrbweaverError {
  return new OrbweaverError('UNSUPPORTED_REQUEST', `requested feature is not enabled: ${feature}`);
}
