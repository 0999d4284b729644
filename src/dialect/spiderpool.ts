/**
 * Spiderpool's present kinds, `spiderpool.spidernet.io/v2beta1`: SpiderIPPool, SpiderReservedIP and
 * SpiderSubnet (reference/spiderpool.md 1.1, 1.2, 1.4).
 */
import { type Family, familyOf } from '../net/address.ts';
import { parseRange } from '../net/range.ts';
import type { RangeSet } from '../net/range-set.ts';
import { invalid } from '../selector/field-error.ts';
import {
  readAddresses,
  readGateway,
  readRanges,
  readRoutes,
  reservedRangeRule,
  subnetRangeRule,
} from './address-fields.ts';
import type { SubnetSummary } from './admission-context.ts';
import { isTerminating, type KubeObject } from './kube-object.ts';
import type { Pool } from './pool.ts';
import { type PoolForm, poolFamily, poolSubnet, readPool, statedFamily } from './pool-form.ts';
import { type Fields, fieldFault, inObject, specOf, textsAt } from './spec-fields.ts';

export const SPIDERPOOL_GROUP = 'spiderpool.spidernet.io';

const VERSIONS = { 4: 4, 6: 6 } as const;

export const SPIDER_IP_POOL: PoolForm = {
  dialect: 'spiderpool',
  kind: 'SpiderIPPool',
  resource: `spiderippools.${SPIDERPOOL_GROUP}`,
  webhook: `spiderippool.${SPIDERPOOL_GROUP}`,
  fields: {
    ipVersion: 'version',
    subnet: 'text',
    ips: 'texts',
    excludeIPs: 'texts',
    gateway: 'text',
    routes: 'list',
    podAffinity: 'map',
    namespaceAffinity: 'map',
    namespaceName: 'texts',
    nodeAffinity: 'map',
    nodeName: 'texts',
    multusName: 'texts',
    default: 'boolean',
    disable: 'boolean',
    // Gone since Spiderpool 1.0, but manifests of its documentation still carry it.
    vlan: 'integer',
  },
  versions: VERSIONS,
  versionAliases: new Map(),
  selectors: {
    node: ['nodeAffinity'],
    namespace: ['namespaceAffinity'],
    pod: ['podAffinity'],
  },
  defaults: { default: false, disable: false },
};

/** Field names and types of the two kinds that are not pools. */
export const SPIDER_SUBNET_FIELDS = {
  ipVersion: 'version',
  subnet: 'text',
  ips: 'texts',
  excludeIPs: 'texts',
  gateway: 'text',
  routes: 'list',
} as const;
export const SPIDER_RESERVED_IP_FIELDS = { ipVersion: 'version', ips: 'texts' } as const;

/** Addresses that no pod is given (SpiderReservedIP). */
export interface ReservedAddresses {
  readonly family: Family;
  readonly ranges: RangeSet;
  /** The object is being deleted: it reserves nothing any more (reference/spiderpool.md 1.4). */
  readonly terminating: boolean;
}

/** A SpiderIPPool as a Pool. Throws OBJECT_INVALID naming the object, the field and the value. */
export function readSpiderPool(object: KubeObject): Pool {
  // spec.vlan means nothing any more in this form.
  return { ...readPool(object, SPIDER_IP_POOL), vlan: undefined };
}

/** A SpiderReservedIP. Throws OBJECT_INVALID naming the object, the field and the value. */
export function readReservedIp(object: KubeObject): ReservedAddresses {
  return inObject(object, () => {
    const spec = specOf(object);
    const family = reservedFamily(spec);
    return {
      family,
      ranges: reservedRanges(spec, family),
      terminating: isTerminating(object),
    };
  });
}

/** The family stated, else that of the first entry (reference/spiderpool.md 2.6). */
export function reservedFamily(spec: Fields): Family {
  const family = statedFamily(spec, SPIDER_IP_POOL) ?? familyOfFirst(spec);
  if (family !== undefined) return family;
  const detail = "is not generated correctly, 'spec.ips' is empty or 'spec.ips[0]' may be invalid";
  throw fieldFault(invalid('spec.ipVersion', undefined, detail));
}

function familyOfFirst(spec: Fields): Family | undefined {
  const first = textsAt(spec.ips, 'spec.ips')?.[0];
  const range = first === undefined ? undefined : parseRange(first);
  return range === undefined ? undefined : familyOf(range.first);
}

/** `spec.ips` of a SpiderReservedIP. */
export function reservedRanges(spec: Fields, family: Family): RangeSet {
  return readRanges(textsAt(spec.ips, 'spec.ips') ?? [], 'spec.ips', reservedRangeRule(family));
}

/** A SpiderSubnet. Throws OBJECT_INVALID naming the object, the field and the value. */
export function readSpiderSubnet(object: KubeObject): SubnetSummary {
  return inObject(object, () => {
    const spec = specOf(object);
    const family = poolFamily(spec, SPIDER_IP_POOL);
    const subnet = poolSubnet(spec, family);
    const addresses = readAddresses(spec, subnetRangeRule(subnet));
    return {
      name: object.metadata.name,
      uid: object.metadata.uid ?? '',
      subnet,
      ranges: addresses.ranges,
      gateway: readGateway(spec, subnet, addresses),
      routes: readRoutes(spec, subnet),
    };
  });
}
