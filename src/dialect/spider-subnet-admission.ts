/**
 * Admission of SpiderSubnet (reference/spiderpool.md 2.5). Automatic pools out of a subnet are not made yet,
 * so a subnet is checked, kept and shown, and pools of its CIDR inherit from it.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { type Cidr, formatCidr, parseCidr } from '../net/cidr.ts';
import { RangeSet } from '../net/range-set.ts';
import { forbidden, invalid } from '../selector/field-error.ts';
import {
  mergedRanges,
  readAddresses,
  readGateway,
  readRoutes,
  subnetRangeRule,
} from './address-fields.ts';
import type { Admission, AdmissionContext, Operation, PoolSummary } from './admission-context.ts';
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
import { poolFamily, poolSubnet } from './pool-form.ts';
import { faultOf, fieldFault, inObject, specOf } from './spec-fields.ts';
import { readSpiderSubnet, SPIDER_IP_POOL, SPIDER_SUBNET_FIELDS } from './spiderpool.ts';

const WEBHOOK = 'spidersubnet.spiderpool.spidernet.io';
const CIDR_LABEL = 'ipam.spidernet.io/subnet-cidr';
const LATER = 'SpiderSubnet is kept and shown; pools are not made from it automatically yet';

/** The subnet as it is to be stored, or OBJECT_INVALID in Spiderpool's words. On DELETE `next` goes, and nothing comes back. */
export function admitSpiderSubnet(
  operation: Operation,
  next: KubeObject,
  previous: KubeObject | undefined,
  context: AdmissionContext,
): Admission | undefined {
  if (operation === 'DELETE') {
    asWebhook(WEBHOOK, () => checkDelete(next, context));
    return undefined;
  }
  checkSchema(next, SPIDER_SUBNET_FIELDS);
  const object = mutate(next);
  asWebhook(WEBHOOK, () => {
    // Spiderpool's own spelling.
    if (operation === 'UPDATE' && checkTerminating(object, 'Subnet', 'terminaing')) return;
    validate(object, operation === 'UPDATE' ? previous : undefined, context);
  });
  return { object, warnings: [LATER] };
}

function mutate(next: KubeObject): KubeObject {
  if (isTerminating(next)) return next;
  const object = editable(next);
  const spec = object.spec;
  addFinalizer(object);
  const subnet = typeof spec.subnet === 'string' ? parseCidr(spec.subnet)?.cidr : undefined;
  if (subnet === undefined) return object;
  spec.ipVersion ??= subnet.family;
  setLabel(object, CIDR_LABEL, cidrLabel(formatCidr(subnet)));
  if (spec.ips !== undefined) spec.ips = mergedRanges(spec.ips);
  if (spec.excludeIPs !== undefined) spec.excludeIPs = mergedRanges(spec.excludeIPs);
  return object;
}

function validate(
  object: KubeObject,
  previous: KubeObject | undefined,
  context: AdmissionContext,
): void {
  const spec = specOf(object);
  if (previous !== undefined) {
    refuse(object, immutableFaults(specOf(previous), spec, ['ipVersion', 'subnet']));
  }
  inObject(object, () => {
    const family = poolFamily(spec, SPIDER_IP_POOL);
    checkFamilyEnabled(family, context);
    const subnet = poolSubnet(spec, family);
    if (previous === undefined) checkOverlap(object.metadata.name, subnet, context);
    const addresses = readAddresses(spec, subnetRangeRule(subnet));
    readGateway(spec, subnet, addresses);
    readRoutes(spec, subnet);
    const before = previous === undefined ? undefined : rangesOf(previous);
    if (before === undefined) checkPoolsInside(object, subnet, addresses.ranges, context);
    else checkInUse(subnet, before, addresses.ranges, context);
  });
}

function rangesOf(object: KubeObject): RangeSet {
  let ranges = RangeSet.empty;
  faultOf(() => {
    ranges = readSpiderSubnet(object).ranges;
  });
  return ranges;
}

function isSpiderpool(pool: PoolSummary): boolean {
  return pool.dialect !== 'calico';
}

function checkOverlap(name: string, subnet: Cidr, context: AdmissionContext): void {
  const text = formatCidr(subnet);
  for (const other of context.spiderSubnetsOverlapping(subnet)) {
    if (other.name === name) continue;
    const detail = `overlap with Subnet ${other.name} which 'spec.subnet' is ${formatCidr(other.subnet)}`;
    throw fieldFault(invalid('spec.subnet', text, detail));
  }
  for (const pool of context.poolsWithOtherSubnet(subnet)) {
    if (!isSpiderpool(pool)) continue;
    const detail = `overlap with SpiderIPPool '${pool.name}' resource 'spec.subnet' ${formatCidr(pool.subnet)}`;
    throw fieldFault(invalid('spec.subnet', text, detail));
  }
}

/** Pools of exactly this CIDR. */
function* poolsOf(subnet: Cidr, context: AdmissionContext): Generator<PoolSummary> {
  const text = formatCidr(subnet);
  for (const pool of context.poolsOverlapping(subnet)) {
    if (formatCidr(pool.subnet) === text && isSpiderpool(pool)) yield pool;
  }
}

/** Pools that exist already lie inside the new subnet. */
function checkPoolsInside(
  object: KubeObject,
  subnet: Cidr,
  ranges: RangeSet,
  context: AdmissionContext,
): void {
  for (const pool of poolsOf(subnet, context)) {
    if (pool.ranges.subtract(ranges).isEmpty) continue;
    const detail = `SpiderIPPool '${pool.name}' owns some IP addresses that SpiderSubnet '${object.metadata.name}' can't control`;
    throw fieldFault(invalid('spec.ips', specOf(object).ips, detail));
  }
}

/** Addresses that pools have out of the subnet stay in it. */
function checkInUse(
  subnet: Cidr,
  before: RangeSet,
  ranges: RangeSet,
  context: AdmissionContext,
): void {
  const lost = before.subtract(ranges);
  if (lost.isEmpty) return;
  for (const pool of poolsOf(subnet, context)) {
    const used = pool.ranges.intersect(lost);
    if (used.isEmpty) continue;
    const what = `remove some IP ranges ${goList(used.format())} that is being used by IPPool ${pool.name}`;
    const total =
      "total IP addresses of an Subnet are jointly determined by 'spec.ips' and 'spec.excludeIPs'";
    throw fieldFault(forbidden('spec.ips', `${what}, ${total}`));
  }
}

/** Addresses handed to pools count as allocated (1.2), so a subnet with pools is in use. */
function checkDelete(object: KubeObject, context: AdmissionContext): void {
  if (!context.conf.enableValidatingResourcesDeletedWebhook) return;
  let count = 0n;
  faultOf(() => {
    const { subnet, ranges } = readSpiderSubnet(object);
    for (const pool of poolsOf(subnet, context)) count += pool.ranges.intersect(ranges).size();
  });
  if (count === 0n) return;
  const { name } = object.metadata;
  throw new OrbweaverError(
    'OBJECT_INVALID',
    `spidersubnets.spiderpool.spidernet.io "${name}" is forbidden: cannot delete an Subnet with allocated IPs(${count})`,
  );
}
