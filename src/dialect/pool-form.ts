/**
 * The two written forms of a Spiderpool pool, and the one reader for both: they differ in the names of a few
 * fields, not in what the fields mean.
 */
import type { Family } from '../net/address.ts';
import { type Cidr, parseCidr } from '../net/cidr.ts';
import { invalid, notSupported, required } from '../selector/field-error.ts';
import { readLabelSelector } from '../selector/label-selector.ts';
import { subdomainFaults } from '../selector/label-syntax.ts';
import {
  type ListedAddresses,
  poolRangeRule,
  readAddresses,
  readGateway,
  readRoutes,
  readSubnet,
} from './address-fields.ts';
import { isTerminating, type KubeObject } from './kube-object.ts';
import type { Affinity, Pool } from './pool.ts';
import {
  booleanAt,
  type Fields,
  fieldFault,
  inObject,
  integerAt,
  specOf,
  textAt,
  textsAt,
} from './spec-fields.ts';

export type FieldType = 'version' | 'text' | 'texts' | 'boolean' | 'integer' | 'list' | 'map';

/** What a selector looks at. */
export type Who = 'node' | 'namespace' | 'pod';

/** What one form is called and how it names its fields. */
export interface PoolForm {
  readonly dialect: 'spiderpool' | 'spiderpool-v1';
  readonly kind: string;
  /** Plural and group, as the API server names the resource. */
  readonly resource: string;
  /** Name of the admission webhook that users see in front of a refusal. */
  readonly webhook: string;
  /** Every field of the spec. */
  readonly fields: Readonly<Record<string, FieldType>>;
  /** `spec.ipVersion` as stored for each family. */
  readonly versions: Readonly<Record<Family, number | string>>;
  /** Other spellings of `spec.ipVersion` that are read. */
  readonly versionAliases: ReadonlyMap<unknown, Family>;
  /** Selector fields by class; of several spellings one may be set. */
  readonly selectors: Readonly<Record<Who, readonly string[]>>;
  /** Values the schema fills in where a field is absent. */
  readonly defaults: Readonly<Record<string, unknown>>;
}

/** Largest VLAN id; 0 means none. */
const VLAN_MAX = 4094;

/**
 * The family `spec.ipVersion` states, undefined where it is absent. Rows 2 and the enum of the schema
 * (reference/spiderpool.md 2.4).
 */
export function statedFamily(spec: Fields, form: PoolForm): Family | undefined {
  const value = spec.ipVersion;
  if (value === undefined || value === null) return undefined;
  if (value === form.versions[4]) return 4;
  if (value === form.versions[6]) return 6;
  const family = form.versionAliases.get(value);
  if (family !== undefined) return family;
  const supported = [String(form.versions[4]), String(form.versions[6])];
  throw fieldFault(notSupported('spec.ipVersion', value, supported));
}

/** The family of the pool: stated, else that of the subnet (rows 1 and 2). */
export function poolFamily(spec: Fields, form: PoolForm): Family {
  const family = statedFamily(spec, form) ?? familyOfSubnet(spec);
  if (family !== undefined) return family;
  if (textAt(spec.subnet, 'spec.subnet') === undefined) throw fieldFault(required('spec.subnet'));
  const detail = "is not generated correctly, 'spec.subnet' may be invalid";
  throw fieldFault(invalid('spec.ipVersion', undefined, detail));
}

/** The family of `spec.subnet`; undefined where that is no CIDR. */
export function familyOfSubnet(spec: Fields): Family | undefined {
  const subnet = textAt(spec.subnet, 'spec.subnet');
  return subnet === undefined ? undefined : parseCidr(subnet)?.cidr.family;
}

/** `spec.subnet` (rows 4 and 5), which the schema requires. */
export function poolSubnet(spec: Fields, family: Family): Cidr {
  const text = textAt(spec.subnet, 'spec.subnet');
  if (text === undefined) throw fieldFault(required('spec.subnet'));
  return readSubnet(text, family);
}

/** `spec.ips` and `spec.excludeIPs` (row 8). */
export function poolAddresses(spec: Fields, subnet: Cidr): ListedAddresses {
  return readAddresses(spec, poolRangeRule(subnet));
}

/** `spec.vlan`, 0–4094; undefined where absent. */
export function poolVlan(spec: Fields): number | undefined {
  const vlan = integerAt(spec.vlan, 'spec.vlan');
  if (vlan === undefined || (vlan >= 0 && vlan <= VLAN_MAX)) return vlan;
  throw fieldFault(invalid('spec.vlan', vlan, `must be between 0 and ${VLAN_MAX}, inclusive`));
}

/** A list of names that objects can have; those of `multusName` may have a namespace in front. */
export function poolNames(spec: Fields, field: string): readonly string[] {
  const path = `spec.${field}`;
  const names = textsAt(spec[field], path) ?? [];
  for (const [index, name] of names.entries()) {
    const parts = field === 'multusName' && name.split('/').length === 2 ? name.split('/') : [name];
    const fault = name === '' ? 'must not be empty' : parts.flatMap(subdomainFaults)[0];
    if (fault !== undefined) throw fieldFault(invalid(`${path}[${index}]`, name, fault));
  }
  return names;
}

/** The selector field of a class that is set, under the spelling used; undefined where none is. */
export function selectorField(spec: Fields, form: PoolForm, who: Who): string | undefined {
  const set = form.selectors[who].filter((name) => spec[name] !== undefined && spec[name] !== null);
  if (set.length <= 1) return set[0];
  const detail = `set either spec.${set[0]} or spec.${set[1]}, they are two spellings of one field`;
  throw fieldFault(invalid(`spec.${set[1]}`, spec[set[1]!], detail));
}

/** Who may use the pool, in one class. A name list replaces the selector (4.2 rows 5 and 6). */
export function poolAffinity(spec: Fields, form: PoolForm, who: Who): Affinity {
  const field = selectorField(spec, form, who);
  const selector =
    field === undefined ? undefined : readLabelSelector(spec[field], `spec.${field}`);
  const namesField = `${who}Name`;
  if (Object.hasOwn(form.fields, namesField)) {
    const names = poolNames(spec, namesField);
    if (names.length > 0) return { kind: 'names', names };
  }
  return selector === undefined ? { kind: 'any' } : { kind: 'selector', selector };
}

/**
 * Reads a pool. Every rule that needs nothing but the object is applied, so that a pool that came past
 * admission is refused as well. Throws OBJECT_INVALID naming the object, the field and the value.
 */
export function readPool(object: KubeObject, form: PoolForm): Pool {
  return inObject(object, () => {
    const spec = specOf(object);
    const family = poolFamily(spec, form);
    const subnet = poolSubnet(spec, family);
    const addresses = poolAddresses(spec, subnet);
    return {
      dialect: form.dialect,
      name: object.metadata.name,
      revision: revisionOf(object),
      family,
      subnet,
      ranges: addresses.ranges,
      gateway: readGateway(spec, subnet, addresses),
      routes: readRoutes(spec, subnet),
      vlan: poolVlan(spec),
      isDefault: booleanAt(spec.default, 'spec.default') ?? false,
      disabled: booleanAt(spec.disable, 'spec.disable') ?? false,
      terminating: isTerminating(object),
      node: poolAffinity(spec, form, 'node'),
      namespace: poolAffinity(spec, form, 'namespace'),
      pod: poolAffinity(spec, form, 'pod'),
      multusNames: poolNames(spec, 'multusName'),
      restMs: undefined,
      calico: undefined,
    };
  });
}

/** Grows with every edit of the spec: the generation, else the version of the whole object. */
function revisionOf(object: KubeObject): number {
  const { generation, resourceVersion } = object.metadata;
  return generation ?? (Number(resourceVersion) || 0);
}
