/**
 * Spiderpool's annotations on pods and namespaces as typed data (reference/spiderpool.md 3.1–3.5), in their
 * present form and in the older one (`ipv4pools`, `defaultRoute`, `defaultv4ippool`). Values are read as Go
 * reads JSON. Where an object carries both forms of one thing the new one wins, and a note says so.
 *
 * Every reader throws ANNOTATION_INVALID with Spiderpool's text for a value that cannot be used.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import { shown } from '../catalogue/shown.ts';
import { familyOf, parseAddress } from '../net/address.ts';
import { parseCidr } from '../net/cidr.ts';
import { closestWord } from './did-you-mean.ts';
import { type GoShape, type GoStruct, readGoJson } from './go-json.ts';
import type { Route } from './pool.ts';
import { inline } from './spec-fields.ts';

export type Annotations = Readonly<Record<string, string>>;

const PREFIX = 'ipam.spidernet.io/';

/** The annotation keys that choosing a pool looks at. */
export const SPIDERPOOL_KEYS = {
  ippool: `${PREFIX}ippool`,
  ippools: `${PREFIX}ippools`,
  routes: `${PREFIX}routes`,
  subnet: `${PREFIX}subnet`,
  subnets: `${PREFIX}subnets`,
  namespaceIpv4: `${PREFIX}default-ipv4-ippool`,
  namespaceIpv6: `${PREFIX}default-ipv6-ippool`,
  namespaceIpv4Old: `${PREFIX}defaultv4ippool`,
  namespaceIpv6Old: `${PREFIX}defaultv6ippool`,
} as const;

/** Every annotation key under Spiderpool's prefix, those included that only other parts of it read. */
export const KNOWN_ANNOTATION_KEYS: readonly string[] = [
  ...Object.values(SPIDERPOOL_KEYS),
  `${PREFIX}ippool-ip-number`,
  `${PREFIX}ippool-reclaim`,
  `${PREFIX}default-route-nic`,
  `${PREFIX}dns`,
];

/** Pool names (wildcards allowed) of each family in the order written; undefined where a family is not named. */
export interface PoolLists {
  readonly ipv4: readonly string[] | undefined;
  readonly ipv6: readonly string[] | undefined;
}

/** The pod annotation `ipam.spidernet.io/ippool`. */
export interface PodIppool extends PoolLists {
  /** The interface the lists are for, where the annotation names one; another one asked for is an error. */
  readonly interface: string | undefined;
  /** True: no default route. Undefined: nothing said, the call decides (reference/spiderpool.md 3.2). */
  readonly cleanGateway: boolean | undefined;
  readonly notes: readonly string[];
}

/** One item of `ipam.spidernet.io/ippools`. */
export interface PodIppoolsItem extends PoolLists {
  /** Empty where the items name no interface. */
  readonly interface: string;
  /** True: no default route on this interface. */
  readonly cleanGateway: boolean;
}

/** The pod annotation `ipam.spidernet.io/ippools`. */
export interface PodIppools {
  /** At least one, at most LIMITS.interfacesMax, in the order written. */
  readonly items: readonly PodIppoolsItem[];
  /** True where every item names its interface, false where none does. */
  readonly named: boolean;
  readonly notes: readonly string[];
}

/** The default pools of a namespace. At least one list is not empty. */
export interface NamespaceDefaults extends PoolLists {
  readonly notes: readonly string[];
}

const STRING: GoShape = { kind: 'string' };
const NAMES: GoShape = { kind: 'list', of: STRING };
const BOOL: GoShape = { kind: 'bool' };
const POOL_FIELDS = {
  interface: STRING,
  ipv4: NAMES,
  ipv6: NAMES,
  ipv4pools: NAMES,
  ipv6pools: NAMES,
  cleangateway: BOOL,
  defaultroute: BOOL,
};
const IPPOOL: GoShape = { kind: 'struct', name: 'AnnoPodIPPoolValue', fields: POOL_FIELDS };
const IPPOOLS: GoShape = {
  kind: 'list',
  type: 'types.AnnoPodIPPoolsValue',
  of: { kind: 'struct', name: 'AnnoIPPoolItem', fields: POOL_FIELDS },
};
const ROUTES: GoShape = {
  kind: 'list',
  type: 'types.AnnoPodRoutesValue',
  of: { kind: 'struct', name: 'AnnoRouteItem', fields: { dst: STRING, gw: STRING } },
};

/** The fields of one pool selection, before old and new spellings are told apart. */
interface PoolFields {
  readonly interface?: string;
  readonly ipv4?: readonly (string | undefined)[];
  readonly ipv6?: readonly (string | undefined)[];
  readonly ipv4pools?: readonly (string | undefined)[];
  readonly ipv6pools?: readonly (string | undefined)[];
  readonly cleangateway?: boolean;
  readonly defaultroute?: boolean;
}

function invalidPodAnnotation(key: string, fault: string, details = ''): OrbweaverError {
  return new OrbweaverError(
    'ANNOTATION_INVALID',
    `wrong input, invalid format of Pod annotation '${key}': ${fault}`,
    details,
  );
}

/** Spiderpool's words name the fault but not the value. */
function valueNote(text: string): string {
  return `the value is ${shown(text)}`;
}

function readPodJson(key: string, text: string, shape: GoShape): unknown {
  const outcome = readGoJson(text, shape);
  if (!outcome.ok) throw invalidPodAnnotation(key, outcome.fault, valueNote(text));
  return outcome.value;
}

/** `ipam.spidernet.io/ippool`, or undefined where the pod has none. */
export function readPodIppool(annotations: Annotations): PodIppool | undefined {
  const key = SPIDERPOOL_KEYS.ippool;
  const text = annotations[key];
  if (text === undefined) return undefined;
  const struct = readPodJson(key, text, IPPOOL) as GoStruct | undefined;
  const fields: PoolFields = struct?.fields ?? {};
  const notes = unknownFieldNotes(key, struct);
  const cleanGateway = fields.cleangateway ?? negated(fields.defaultroute);
  return {
    interface: fields.interface || undefined,
    ...listsOf(key, fields, '', notes),
    cleanGateway,
    notes,
  };
}

/**
 * `ipam.spidernet.io/ippools`, or undefined where the pod has none. Refuses an empty array, items of which
 * only some name their interface, and an interface named twice (reference/spiderpool.md 3.5).
 */
export function readPodIppools(annotations: Annotations): PodIppools | undefined {
  const key = SPIDERPOOL_KEYS.ippools;
  const text = annotations[key];
  if (text === undefined) return undefined;
  const structs = (readPodJson(key, text, IPPOOLS) ?? []) as readonly (GoStruct | undefined)[];
  if (structs.length === 0) throw invalidPodAnnotation(key, 'value requires at least one item');
  if (structs.length > LIMITS.interfacesMax) {
    const fault = `${structs.length} items, at most ${LIMITS.interfacesMax} interfaces`;
    throw invalidPodAnnotation(key, fault);
  }
  const notes: string[] = [];
  const all: PoolFields[] = [];
  for (const struct of structs) {
    notes.push(...unknownFieldNotes(key, struct));
    all.push(struct?.fields ?? {});
  }
  const named = checkInterfaces(key, all);
  const clean = cleanGateways(all);
  const items = all.map((fields, index) => ({
    interface: fields.interface ?? '',
    ...listsOf(key, fields, `[${index}]`, notes),
    cleanGateway: clean[index]!,
  }));
  return { items, named, notes: [...new Set(notes)] };
}

/** The item of an interface asked for. Throws where the items are named and it is not among them. */
export function ippoolsItemIndex(ippools: PodIppools, interfaceName: string): number | undefined {
  if (!ippools.named) return undefined;
  const index = ippools.items.findIndex((item) => item.interface === interfaceName);
  if (index >= 0) return index;
  const fault = `interface ${inline(interfaceName)} must be specified`;
  throw invalidPodAnnotation(SPIDERPOOL_KEYS.ippools, fault);
}

/** True where all items name an interface, false where none does. */
function checkInterfaces(key: string, items: readonly PoolFields[]): boolean {
  const named = Boolean(items[0]?.interface);
  const seen = new Set<string>();
  for (const { interface: name } of items) {
    if (Boolean(name) !== named) {
      throw invalidPodAnnotation(key, 'NIC should be either all specified or all unspecified');
    }
    if (name && seen.has(name))
      throw invalidPodAnnotation(key, `duplicate interface ${inline(name)}`);
    if (name) seen.add(name);
  }
  return named;
}

/**
 * Which items get no default route. New form: each item's own `cleangateway`, else it gets one. In the old
 * form `defaultRoute` says it; of the items that say nothing, the first gets one if no item asked for it.
 */
function cleanGateways(items: readonly PoolFields[]): boolean[] {
  const old = items.some((item) => item.defaultroute !== undefined || usesOldKeys(item));
  let free = !items.some((item) => item.defaultroute === true);
  return items.map((item) => {
    if (item.cleangateway !== undefined) return item.cleangateway;
    if (item.defaultroute !== undefined) return !item.defaultroute;
    if (!old) return false;
    const clean = !free;
    free = false;
    return clean;
  });
}

function usesOldKeys(fields: PoolFields): boolean {
  return fields.ipv4pools !== undefined || fields.ipv6pools !== undefined;
}

function negated(value: boolean | undefined): boolean | undefined {
  return value === undefined ? undefined : !value;
}

/** The lists of both families, new key before old; a list without names counts as absent. */
function listsOf(key: string, fields: PoolFields, item: string, notes: string[]): PoolLists {
  const pick = (family: 4 | 6): readonly string[] | undefined => {
    const fresh = fields[`ipv${family}`];
    const old = fields[`ipv${family}pools`];
    if (fresh !== undefined && old !== undefined) {
      notes.push(
        `annotation ${key}${item}: 'ipv${family}' is used, the older 'ipv${family}pools' is not`,
      );
    }
    const names = fresh ?? old;
    if (names === undefined || names.length === 0) return undefined;
    const used = fresh === undefined ? `ipv${family}pools` : `ipv${family}`;
    return names.map((name, index) => {
      if (name) return name;
      throw invalidPodAnnotation(key, `empty pool name at ${item}${item && '.'}${used}[${index}]`);
    });
  };
  return { ipv4: pick(4), ipv6: pick(6) };
}

const SPELLINGS = [
  'interface',
  'ipv4',
  'ipv6',
  'ipv4pools',
  'ipv6pools',
  'cleangateway',
  'defaultRoute',
];

function unknownFieldNotes(key: string, struct: GoStruct | undefined): string[] {
  return (struct?.unknown ?? []).slice(0, LIMITS.reasonsMax).map((field) => {
    const meant = closestWord(field, SPELLINGS);
    const hint = meant === undefined ? '' : `; did you mean '${meant}'?`;
    return `annotation ${key}: unknown field ${shown(field)} is ignored${hint}`;
  });
}

/**
 * The routes of `ipam.spidernet.io/routes`; none where the pod has no such annotation. Destination and
 * gateway are of one family; host bits of the destination are cleared; a default route is allowed.
 */
export function readPodRoutes(annotations: Annotations): readonly Route[] {
  const key = SPIDERPOOL_KEYS.routes;
  const text = annotations[key];
  if (text === undefined) return [];
  const structs = (readPodJson(key, text, ROUTES) ?? []) as readonly (GoStruct | undefined)[];
  return structs.map((struct) => {
    const { dst = '', gw = '' } = (struct?.fields ?? {}) as { dst?: string; gw?: string };
    const destination = parseCidr(dst)?.cidr;
    const gateway = parseAddress(gw);
    if (destination && gateway && destination.family === familyOf(gateway)) {
      return { destination, gateway };
    }
    throw invalidPodAnnotation(
      key,
      `invalid route format 'dst: ${inline(dst)}, gw: ${inline(gw)}'`,
    );
  });
}

/** Which SpiderSubnet annotation a pod carries; `subnets` comes before `subnet` (reference/spiderpool.md 3.2). */
export function subnetAnnotation(annotations: Annotations): 'subnets' | 'subnet' | undefined {
  if (annotations[SPIDERPOOL_KEYS.subnets] !== undefined) return 'subnets';
  return annotations[SPIDERPOOL_KEYS.subnet] === undefined ? undefined : 'subnet';
}

/**
 * The default pools a namespace names, or undefined where neither list has a name. A family that is not
 * listed gets no address while the other one is (reference/spiderpool.md 3.2).
 */
export function readNamespaceDefaults(annotations: Annotations): NamespaceDefaults | undefined {
  const notes: string[] = [];
  const read = (key: string, oldKey: string): readonly string[] | undefined => {
    const fresh = annotations[key];
    const old = annotations[oldKey];
    if (fresh !== undefined && old !== undefined) {
      notes.push(`annotation ${key} is used, the older ${oldKey} is not`);
    }
    if (fresh !== undefined) return readNameList(key, fresh);
    return old === undefined ? undefined : readNameList(oldKey, old);
  };
  const ipv4 = read(SPIDERPOOL_KEYS.namespaceIpv4, SPIDERPOOL_KEYS.namespaceIpv4Old);
  const ipv6 = read(SPIDERPOOL_KEYS.namespaceIpv6, SPIDERPOOL_KEYS.namespaceIpv6Old);
  if (ipv4 === undefined && ipv6 === undefined) return undefined;
  return { ipv4, ipv6, notes };
}

/** Spiderpool passes Go's error on by itself here; the key stands in front, so that somebody can find it. */
function readNameList(key: string, text: string): readonly string[] | undefined {
  const outcome = readGoJson(text, NAMES);
  const invalid = (fault: string) =>
    new OrbweaverError(
      'ANNOTATION_INVALID',
      `wrong input, invalid format of Namespace annotation '${key}': ${fault}`,
      valueNote(text),
    );
  if (!outcome.ok) throw invalid(outcome.fault);
  const names = (outcome.value ?? []) as readonly (string | undefined)[];
  if (names.length === 0) return undefined;
  return names.map((name, index) => {
    if (name) return name;
    throw invalid(`empty pool name at [${index}]`);
  });
}

/** A key that is probably misspelt, and what was meant where that can be told. */
export interface SuspectKey {
  readonly key: string;
  readonly meant: string | undefined;
}

/**
 * Annotation keys under Spiderpool's prefix that nothing reads, and keys elsewhere that are within a slip of
 * one that is read.
 */
export function suspectKeys(annotations: Annotations): SuspectKey[] {
  const suspects: SuspectKey[] = [];
  for (const key of Object.keys(annotations)) {
    if (KNOWN_ANNOTATION_KEYS.includes(key)) continue;
    const meant = meantKey(key);
    if (meant !== undefined || key.startsWith(PREFIX)) suspects.push({ key, meant });
  }
  return suspects;
}

function meantKey(key: string): string | undefined {
  if (!key.startsWith(PREFIX)) return closestWord(key, KNOWN_ANNOTATION_KEYS);
  // The shared prefix says nothing about how near two keys are.
  const names = KNOWN_ANNOTATION_KEYS.map((known) => known.slice(PREFIX.length));
  const name = closestWord(key.slice(PREFIX.length), names);
  return name === undefined ? undefined : `${PREFIX}${name}`;
}
