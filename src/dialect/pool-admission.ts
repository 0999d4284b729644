/**
 * Admission of Spiderpool's pools in both forms: what its webhooks change and what they refuse
 * (reference/spiderpool.md 2.3 and 2.4; "row" means a row of the table there).
 *
 * Where Spiderpool has a known fault the right thing is done instead; docs/differences.md lists each.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { type Address, formatAddress } from '../net/address.ts';
import { type Cidr, formatCidr, parseCidr } from '../net/cidr.ts';
import { RangeSet } from '../net/range-set.ts';
import { forbidden, invalid } from '../selector/field-error.ts';
import { mergedRanges, readGateway, readRoutes } from './address-fields.ts';
import type {
  Admission,
  AdmissionContext,
  Operation,
  PoolSummary,
  SubnetSummary,
} from './admission-context.ts';
import {
  addFinalizer,
  asWebhook,
  checkFamilyEnabled,
  checkSchema,
  checkTerminating,
  cidrLabel,
  editable,
  goList,
  immutableFaults,
  refuse,
  setLabel,
} from './admission-rules.ts';
import { isTerminating, type KubeObject } from './kube-object.ts';
import {
  familyOfSubnet,
  type PoolForm,
  poolAddresses,
  poolAffinity,
  poolFamily,
  poolNames,
  poolSubnet,
  poolVlan,
  selectorField,
  statedFamily,
} from './pool-form.ts';
import { poolWarnings } from './pool-warnings.ts';
import { type Fields, faultOf, fieldFault, inObject, specOf } from './spec-fields.ts';

/** Of Spiderpool's pools: their subnet. */
export const CIDR_LABEL = 'ipam.spidernet.io/ippool-cidr';
const OWNER_SUBNET_LABEL = 'ipam.spidernet.io/owner-spider-subnet';
const OWNER_APPLICATION_LABEL = 'ipam.spidernet.io/owner-application-name';
const SPIDER_SUBNET_API = 'spiderpool.spidernet.io/v2beta1';
/** The pod labels by which an automatically made pool belongs to its application (6.3). */
const APPLICATION_KEYS: ReadonlySet<string> = new Set(
  ['api-group', 'api-version', 'kind', 'namespace', 'name'].map(
    (part) => `ipam.spidernet.io/app-${part}`,
  ),
);
const TOTAL =
  "total IP addresses of an IPPool are jointly determined by 'spec.ips' and 'spec.excludeIPs'";

/** The pool as it is to be stored, or OBJECT_INVALID in Spiderpool's words. On DELETE `next` goes, and nothing comes back. */
export function admitPool(
  form: PoolForm,
  operation: Operation,
  next: KubeObject,
  previous: KubeObject | undefined,
  context: AdmissionContext,
): Admission | undefined {
  if (operation === 'DELETE') {
    asWebhook(form.webhook, () => checkDelete(form, next, context));
    return undefined;
  }
  checkSchema(next, form.fields);
  const object = mutate(next, form, context);
  asWebhook(form.webhook, () => {
    if (operation === 'UPDATE' && checkTerminating(object, 'IPPool')) return;
    validate(object, operation === 'UPDATE' ? previous : undefined, form, context);
  });
  return { object, warnings: poolWarnings(specOf(object), form) };
}

function checkDelete(form: PoolForm, object: KubeObject, context: AdmissionContext): void {
  if (!context.conf.enableValidatingResourcesDeletedWebhook) return;
  const { name } = object.metadata;
  const count = context.allocatedCount(name);
  if (count === 0) return;
  throw new OrbweaverError(
    'OBJECT_INVALID',
    `${form.resource} "${name}" is forbidden: cannot delete an IPPool with allocated IPs(${count})`,
  );
}

/** What the schema and the mutating webhook fill in (2.3). A subnet that is no CIDR ends it, as there. */
function mutate(next: KubeObject, form: PoolForm, context: AdmissionContext): KubeObject {
  if (isTerminating(next)) return next;
  const object = editable(next);
  const spec = object.spec;
  Object.assign(spec, spiderPoolDefaults(spec, form));
  addFinalizer(object);
  const subnet = typeof spec.subnet === 'string' ? parseCidr(spec.subnet)?.cidr : undefined;
  if (subnet === undefined) return object;
  setLabel(object, CIDR_LABEL, cidrLabel(formatCidr(subnet)));
  attachToSubnet(object, form, subnet, context);
  if (spec.ips !== undefined) spec.ips = mergedRanges(spec.ips);
  if (spec.excludeIPs !== undefined) spec.excludeIPs = mergedRanges(spec.excludeIPs);
  return object;
}

/**
 * The fields that follow from the others and from nothing else: what the schema defaults, and the family in the
 * form's own spelling, where there is one.
 */
export function spiderPoolDefaults(spec: Fields, form: PoolForm): Fields {
  const filled = Object.fromEntries(
    Object.entries(form.defaults).map(([name, value]) => [name, spec[name] ?? value]),
  );
  const subnet = typeof spec.subnet === 'string' ? parseCidr(spec.subnet) : undefined;
  const family = subnet === undefined ? undefined : versionFamily(spec, form);
  return family === undefined ? filled : { ...filled, ipVersion: form.versions[family] };
}

/** The family stated or derived; undefined where what is stated is no family, which validation tells. */
function versionFamily(spec: Fields, form: PoolForm): 4 | 6 | undefined {
  if (faultOf(() => statedFamily(spec, form)) !== undefined) return undefined;
  return statedFamily(spec, form) ?? familyOfSubnet(spec);
}

/**
 * A pool with the CIDR of a SpiderSubnet becomes its own and inherits, once, the gateway and routes that it
 * does not state; an empty list of routes counts as stated.
 */
function attachToSubnet(
  object: KubeObject & { spec: Record<string, unknown> },
  form: PoolForm,
  subnet: Cidr,
  context: AdmissionContext,
): void {
  if (form.dialect !== 'spiderpool' || !context.conf.enableSpiderSubnet) return;
  if (controllerSubnet(object) !== undefined) return;
  const owner = spiderSubnetOf(subnet, context);
  if (owner === undefined) return;
  const reference = {
    apiVersion: SPIDER_SUBNET_API,
    kind: 'SpiderSubnet',
    name: owner.name,
    uid: owner.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
  const others = (object.metadata.ownerReferences ?? []).filter((other) => !other.controller);
  object.metadata.ownerReferences = [...others, reference];
  setLabel(object, OWNER_SUBNET_LABEL, owner.name);
  if (owner.gateway !== undefined) object.spec.gateway ??= formatAddress(owner.gateway);
  if (owner.routes.length > 0) {
    object.spec.routes ??= owner.routes.map((route) => ({
      dst: formatCidr(route.destination),
      gw: formatAddress(route.gateway),
    }));
  }
}

/** The SpiderSubnet that controls the pool, where label and owner reference agree. */
function controllerSubnet(object: KubeObject): string | undefined {
  const owner = object.metadata.ownerReferences?.find((reference) => reference.controller === true);
  if (owner?.kind !== 'SpiderSubnet') return undefined;
  return object.metadata.labels?.[OWNER_SUBNET_LABEL] === owner.name ? owner.name : undefined;
}

/** The SpiderSubnet with exactly this CIDR. */
function spiderSubnetOf(subnet: Cidr, context: AdmissionContext): SubnetSummary | undefined {
  const text = formatCidr(subnet);
  for (const other of context.spiderSubnetsOverlapping(subnet)) {
    if (formatCidr(other.subnet) === text) return other;
  }
  return undefined;
}

function validate(
  object: KubeObject,
  previous: KubeObject | undefined,
  form: PoolForm,
  context: AdmissionContext,
): void {
  const spec = specOf(object);
  const { name } = object.metadata;
  if (previous !== undefined) refuse(object, immutables(specOf(previous), spec, form));
  const subnet = inObject(object, () => {
    const family = poolFamily(spec, form);
    checkFamilyEnabled(family, context);
    const cidr = poolSubnet(spec, family);
    if (previous === undefined) {
      checkSubnetOverlap(cidr, form, name, context);
      checkNamesake(form, name, context);
    }
    return cidr;
  });
  const before = previous === undefined ? RangeSet.empty : rangesOf(previous);
  let ranges = RangeSet.empty;
  const addressFault = faultOf(() => {
    const addresses = poolAddresses(spec, subnet);
    ranges = addresses.ranges;
    checkRangeOverlap(ranges.subtract(before), form, name, context);
    readGateway(spec, subnet, addresses);
    readRoutes(spec, subnet);
  });
  const faults = [addressFault, ...whoFaults(object, spec, form)];
  refuse(
    object,
    faults.filter((fault) => fault !== undefined),
  );
  inObject(object, () => {
    if (!before.subtract(ranges).isEmpty) checkInUse(name, ranges, context);
    checkControllerSubnet(object, subnet, ranges, context);
  });
}

/** `spec.ipVersion` and `spec.subnet`; two spellings of one family are no change. */
function immutables(previous: Fields, next: Fields, form: PoolForm): readonly string[] {
  const version = (spec: Fields) => ({ ...spec, ipVersion: versionFamily(spec, form) });
  return immutableFaults(version(previous), version(next), ['ipVersion', 'subnet']);
}

/** The total set of a pool that is stored; empty where it cannot be read, so that it can be repaired. */
function rangesOf(object: KubeObject): RangeSet {
  const spec = specOf(object);
  const subnet = typeof spec.subnet === 'string' ? parseCidr(spec.subnet)?.cidr : undefined;
  let ranges = RangeSet.empty;
  if (subnet !== undefined) {
    faultOf(() => {
      ranges = poolAddresses(spec, subnet).ranges;
    });
  }
  return ranges;
}

function isSelf(pool: PoolSummary, form: PoolForm, name: string): boolean {
  return pool.dialect === form.dialect && pool.name === name;
}

/**
 * Row 6: Spiderpool's pools on one network state it alike. Spiderpool itself lets a pool overlap a
 * SpiderSubnet, although it refuses the same the other way round. A Calico pool is addresses and nothing
 * else, so with those only shared addresses count (row 9).
 */
function checkSubnetOverlap(
  subnet: Cidr,
  form: PoolForm,
  name: string,
  context: AdmissionContext,
): void {
  const text = formatCidr(subnet);
  const overlap = (what: string, other: Cidr) =>
    fieldFault(
      invalid(
        'spec.subnet',
        text,
        `overlap with ${what} which 'spec.subnet' is ${formatCidr(other)}`,
      ),
    );
  for (const pool of context.poolsWithOtherSubnet(subnet)) {
    if (pool.dialect === 'calico' || isSelf(pool, form, name)) continue;
    throw overlap(`IPPool ${pool.name}`, pool.subnet);
  }
  for (const other of context.spiderSubnetsOverlapping(subnet)) {
    if (formatCidr(other.subnet) === text) continue;
    throw overlap(`Subnet ${other.name}`, other.subnet);
  }
}

/** Annotations name pools of both forms in the same way, so a name is taken by either. */
function checkNamesake(form: PoolForm, name: string, context: AdmissionContext): void {
  for (const pool of context.poolsNamed(name)) {
    if (pool.dialect === form.dialect || pool.dialect === 'calico') continue;
    const version = pool.dialect === 'spiderpool' ? 'v2beta1 SpiderIPPool' : 'v1 IPPool';
    const detail = `a pool of this name exists as spiderpool.spidernet.io/${version}, annotations could not tell the two apart`;
    throw fieldFault(invalid('metadata.name', name, detail));
  }
}

/** Row 9, for the addresses that the pool gains: no other pool has them. */
function checkRangeOverlap(
  gained: RangeSet,
  form: PoolForm,
  name: string,
  context: AdmissionContext,
): void {
  if (gained.isEmpty) return;
  for (const pool of context.poolsSharing(gained)) {
    if (isSelf(pool, form, name)) continue;
    const shared = goList(gained.intersect(pool.ranges).format());
    const detail = `overlap with IPPool ${pool.name} in IP ranges ${shared}, ${TOTAL}`;
    throw fieldFault(forbidden('spec.ips', detail));
  }
}

/** Rows 17 and 18, and the checks of the other classes that Spiderpool leaves to the first pod. */
function whoFaults(object: KubeObject, spec: Fields, form: PoolForm): (string | undefined)[] {
  return [
    faultOf(() => checkPodSelector(object, spec, form)),
    faultOf(() => poolAffinity(spec, form, 'namespace')),
    faultOf(() => poolAffinity(spec, form, 'node')),
    faultOf(() => poolNames(spec, 'multusName')),
    faultOf(() => poolVlan(spec)),
  ];
}

function checkPodSelector(object: KubeObject, spec: Fields, form: PoolForm): void {
  const affinity = poolAffinity(spec, form, 'pod');
  const field = selectorField(spec, form, 'pod');
  if (field === undefined || affinity.kind !== 'selector') return;
  const { selector } = affinity;
  if (selector.kind !== 'requirements') return;
  const path = `spec.${field}`;
  if (object.metadata.labels?.[OWNER_APPLICATION_LABEL] !== undefined) {
    checkApplicationSelector(spec[field] as Fields, path);
  } else if (selector.requirements.length === 0) {
    throw fieldFault(invalid(path, spec[field], `empty ${field} is invalid for ${form.kind}`));
  }
}

function checkApplicationSelector(selector: Fields, path: string): void {
  const refused = (what: string) =>
    fieldFault(
      invalid(
        path,
        selector,
        `it's invalid to add additional podAffinity ${what} for auto-created SpiderIPPool`,
      ),
    );
  const keys = Object.keys((selector.matchLabels as Fields | null | undefined) ?? {});
  if (keys.some((key) => !APPLICATION_KEYS.has(key))) throw refused('matchLabels');
  const expressions = (selector.matchExpressions ?? []) as readonly unknown[];
  if (expressions.length > 0) throw refused('matchExpressions');
}

/** Addresses in use stay in the pool: throws a field fault for the lowest one that is held outside of `ranges`. */
export function checkInUse(name: string, ranges: RangeSet, context: AdmissionContext): void {
  const claim: { address: Address; pod: string } | undefined = context.claimsOutside(name, ranges);
  if (claim === undefined) return;
  const what = `remove an IP address ${formatAddress(claim.address)} that is being used by Pod ${claim.pod}`;
  throw fieldFault(forbidden('spec.ips', `${what}, ${TOTAL}`));
}

/** Row 19: a pool that a SpiderSubnet controls stays inside it. */
function checkControllerSubnet(
  object: KubeObject,
  subnet: Cidr,
  ranges: RangeSet,
  context: AdmissionContext,
): void {
  const name = controllerSubnet(object);
  if (name === undefined || !context.conf.enableSpiderSubnet || ranges.isEmpty) return;
  const owner = spiderSubnetOf(subnet, context);
  if (owner === undefined) {
    const detail = `failed to get controller Subnet ${name}: SpiderSubnet.spiderpool.spidernet.io "${name}" not found`;
    throw fieldFault(`spec.ips: Internal error: ${detail}`);
  }
  const outside = ranges.subtract(owner.ranges);
  if (outside.isEmpty) return;
  const what = `add some IP ranges ${goList(outside.format())} that are not contained in controller Subnet ${name}`;
  throw fieldFault(forbidden('spec.ips', `${what}, ${TOTAL}`));
}
