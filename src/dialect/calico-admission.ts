/**
 * What may be written of Calico's kinds: defaults filled in, then the rules of reference/calico.md 1.2, 1.3,
 * 3.5 and 3.6, in the words of its newest version. Fields carry the names of the manifest.
 */
import { LIMITS } from '../catalogue/limits.ts';
import { type Cidr, cidrsOverlap, formatCidr, parseCidr } from '../net/cidr.ts';
import {
  duplicate,
  forbidden,
  invalid,
  notSupported,
  tooLong,
  wrongType,
} from '../selector/field-error.ts';
import type { Admission, AdmissionContext, Operation, PoolSummary } from './admission-context.ts';
import { checkSchema, refuse } from './admission-rules.ts';
import {
  affinityOf,
  BLOCK_SIZE_DEFAULT,
  CALICO_IPAM_DEFAULTS,
  poolCidr,
  rangesOfCidr,
  readIpamConfiguration,
  readReserved,
  USES_DEFAULT,
} from './calico.ts';
import { kindOf } from './kinds.ts';
import type { KubeObject } from './kube-object.ts';
import {
  type Fields,
  faultOf,
  fieldFault,
  inline,
  inObject,
  integerAt,
  specOf,
} from './spec-fields.ts';

/** Holds a pool that is being deleted until its last claim is gone (reference/calico.md 1.4). */
export const CALICO_FINALIZER = 'projectcalico.org/ippool-finalizer';

const MODES = ['Never', 'Always', 'CrossSubnet'];
const USES = ['Workload', 'Tunnel', 'LoadBalancer'];
const ASSIGNMENT_MODES = ['Automatic', 'Manual'];
const PERSISTENCE = ['Enabled', 'Disabled'];
/** Bounds of spec fields, inclusive (reference/calico.md 1.2 and 3.5). */
const BLOCK_SIZES = { 4: [20, 32], 6: [116, 128] } as const;
const BLOCKS_PER_HOST_MAX = 1_000_000;
const COOLDOWN_SECONDS_MAX = 1200;
const SELECTOR_CHARS_MAX = 1024;

const IPV4_LINK_LOCAL = parseCidr('169.254.0.0/16')!.cidr;
const IPV6_LINK_LOCAL = parseCidr('fe80::/10')!.cidr;

/**
 * Admits one of Calico's objects. `next` is what is written (on DELETE what is removed), `previous` what was
 * there before. Throws OBJECT_INVALID with every fault of the object; nothing was changed then.
 */
export function admitCalico(
  operation: Operation,
  next: KubeObject,
  previous: KubeObject | undefined,
  context: AdmissionContext,
): Admission {
  if (operation === 'DELETE') return { object: next, warnings: [] };
  switch (kindOf(next).id) {
    case 'CalicoIPPool':
      return admitPool(next, operation === 'UPDATE' ? previous : undefined, context);
    case 'CalicoIPReservation':
      return admitReservation(next);
    default:
      return admitConfiguration(next);
  }
}

/** The faults that the checks throw, in order; a check after the first fault of its field may repeat it. */
function faultsOf(checks: readonly (() => void)[]): string[] {
  return checks.map(faultOf).filter((fault) => fault !== undefined);
}

// IPPool

/** Every field of an IPPool. */
export const CALICO_POOL_FIELDS = {
  cidr: 'text',
  blockSize: 'integer',
  ipipMode: 'text',
  vxlanMode: 'text',
  natOutgoing: 'boolean',
  disabled: 'boolean',
  disableBGPExport: 'boolean',
  nodeSelector: 'text',
  namespaceSelector: 'text',
  allowedUses: 'texts',
  assignmentMode: 'text',
} as const;

function admitPool(
  object: KubeObject,
  previous: KubeObject | undefined,
  context: AdmissionContext,
): Admission {
  checkSchema(object, CALICO_POOL_FIELDS);
  const { spec, cidr } = inObject(object, () => {
    const given = specOf(object);
    const parsed = poolCidr(given);
    if (parsed.hostBits) {
      throw fieldFault(invalid('spec.cidr', given.cidr, 'IPPool CIDR must be strictly masked'));
    }
    return { spec: calicoPoolDefaults(given, parsed.cidr), cidr: parsed.cidr };
  });
  const faults = [
    ...choiceFaults(spec),
    ...addressFaults(spec, cidr),
    ...useFaults(spec, cidr),
    ...selectorFaults(spec),
    ...(previous === undefined ? [] : changeFaults(spec, cidr, specOf(previous))),
  ];
  if (faults.length === 0 && previous === undefined) {
    faults.push(...overlapFaults(object.metadata.name, cidr, context));
  }
  refuse(object, faults);
  const finalizers = object.metadata.finalizers ?? [];
  const metadata =
    previous === undefined && !finalizers.includes(CALICO_FINALIZER)
      ? { ...object.metadata, finalizers: [...finalizers, CALICO_FINALIZER] }
      : object.metadata;
  const warnings = spec.natOutgoing
    ? ['spec.natOutgoing: true is kept and shown, but no address is translated yet']
    : [];
  return { object: { ...object, metadata, spec }, warnings };
}

/** An absent field is filled in; so are an empty text, an empty list and the block size 0. */
export function calicoPoolDefaults(spec: Fields, cidr: Cidr): Fields {
  const uses = spec.allowedUses;
  return {
    ...spec,
    cidr: formatCidr(cidr),
    blockSize: spec.blockSize || BLOCK_SIZE_DEFAULT[cidr.family],
    ipipMode: spec.ipipMode || 'Never',
    vxlanMode: spec.vxlanMode || 'Never',
    nodeSelector: spec.nodeSelector || 'all()',
    allowedUses: !uses || (Array.isArray(uses) && uses.length === 0) ? [...USES_DEFAULT] : uses,
    assignmentMode: spec.assignmentMode || 'Automatic',
  };
}

function choiceFaults(spec: Fields): string[] {
  return faultsOf([
    () => oneOf(spec.ipipMode, 'spec.ipipMode', MODES),
    () => oneOf(spec.vxlanMode, 'spec.vxlanMode', MODES),
    () => oneOf(spec.assignmentMode, 'spec.assignmentMode', ASSIGNMENT_MODES),
    () => checkUses(spec.allowedUses as readonly string[]),
  ]);
}

function oneOf(value: unknown, path: string, supported: readonly string[]): void {
  if (value === undefined || value === null || supported.includes(value as string)) return;
  throw fieldFault(notSupported(path, value, supported));
}

function checkUses(uses: readonly string[]): void {
  for (const [index, use] of uses.entries()) {
    const path = `spec.allowedUses[${index}]`;
    if (!USES.includes(use)) throw fieldFault(invalid(path, use, `unknown use: ${inline(use)}`));
    if (uses.indexOf(use) < index) throw fieldFault(duplicate(path, use));
  }
}

function addressFaults(spec: Fields, cidr: Cidr): string[] {
  const faults: string[] = [];
  const fault = (detail: string) => faults.push(invalid('spec.cidr', spec.cidr, detail));
  if (cidrsOverlap(cidr, IPV4_LINK_LOCAL)) {
    fault('IPPool CIDR overlaps with IPv4 link local range 169.254.0.0/16');
  }
  if (cidrsOverlap(cidr, IPV6_LINK_LOCAL)) {
    fault('IPPool CIDR overlaps with IPv6 link local range fe80::/10');
  }
  const size = spec.blockSize as number;
  const [least, most] = BLOCK_SIZES[cidr.family];
  if (size < least || size > most) {
    const detail =
      'blockSize must be between 20 and 32 for IPv4 pools, and between 116 and 128 for IPv6 pools';
    faults.push(invalid('spec.blockSize', size, detail));
  } else if (cidr.prefix > size && spec.disabled !== true) {
    fault(
      'IP pool size is too small for use with Calico IPAM. It must be equal to or greater than the block size.',
    );
  }
  return faults;
}

function useFaults(spec: Fields, cidr: Cidr): string[] {
  const uses = spec.allowedUses as readonly string[];
  const ipip = spec.ipipMode !== 'Never';
  const vxlan = spec.vxlanMode !== 'Never';
  const faults: string[] = [];
  if (ipip && vxlan) {
    faults.push(forbidden('spec', 'ipipMode and vxlanMode cannot both be enabled'));
  }
  if (ipip && cidr.family === 6) {
    faults.push(forbidden('spec.ipipMode', 'IPIP is not supported on IPv6 pools'));
  }
  if (uses.includes('Tunnel') && spec.namespaceSelector) {
    faults.push(
      forbidden(
        'spec.namespaceSelector',
        'IP Pool with AllowedUse Tunnel cannot have namespaceSelector',
      ),
    );
  }
  if (uses.includes('LoadBalancer')) faults.push(...loadBalancerFaults(spec, uses, ipip || vxlan));
  return faults;
}

function loadBalancerFaults(
  spec: Fields,
  uses: readonly string[],
  encapsulated: boolean,
): string[] {
  const faults: string[] = [];
  if (encapsulated) {
    faults.push(forbidden('spec', 'LoadBalancer IP pool cannot have IPIP or VXLAN enabled'));
  }
  if (uses.some((use) => use !== 'LoadBalancer')) {
    const detail = 'LoadBalancer cannot be combined with Workload or Tunnel allowed uses';
    faults.push(forbidden('spec.allowedUses', detail));
  }
  if (spec.disableBGPExport === true) {
    const detail = 'LoadBalancer IP pools cannot disable BGP export';
    faults.push(forbidden('spec.disableBGPExport', detail));
  }
  if (spec.nodeSelector !== 'all()') {
    const detail = 'IP Pool with AllowedUse LoadBalancer must have nodeSelector set to all()';
    faults.push(invalid('spec.nodeSelector', spec.nodeSelector, detail));
  }
  return faults;
}

function selectorFaults(spec: Fields): string[] {
  return (['nodeSelector', 'namespaceSelector'] as const).flatMap((field) => {
    const path = `spec.${field}`;
    const text = (spec[field] ?? '') as string;
    if (text.length > SELECTOR_CHARS_MAX) return [tooLong(path, SELECTOR_CHARS_MAX)];
    if (text.includes('global(')) {
      return [invalid(path, text, `global() selector is not valid for IPPool ${field}`)];
    }
    return faultsOf([() => affinityOf(text, path)]);
  });
}

/** What an edit may not change. Another spelling of the same network is no change. */
function changeFaults(spec: Fields, cidr: Cidr, previous: Fields): string[] {
  const guide = 'cannot be changed; follow IP pool migration guide to avoid corruption.';
  const before = calicoPoolDefaults(previous, poolCidr(previous).cidr);
  const faults: string[] = [];
  if (formatCidr(cidr) !== before.cidr) {
    faults.push(invalid('spec.cidr', spec.cidr, `CIDR ${guide}`));
  } else if (spec.blockSize !== before.blockSize) {
    faults.push(invalid('spec.blockSize', spec.blockSize, `Block size ${guide}`));
  }
  const served = before.allowedUses as readonly string[];
  const uses = spec.allowedUses as readonly string[];
  if (served.includes('LoadBalancer') && !uses.includes('LoadBalancer')) {
    const detail = 'IPPool allowed use cannot be changed from LoadBalacer to Workload or Tunnel';
    faults.push(invalid('spec.allowedUses', uses, detail));
  }
  return faults;
}

/** The first pool of any dialect that already has an address of the new one. */
function overlapFaults(name: string, cidr: Cidr, context: AdmissionContext): string[] {
  for (const other of context.poolsSharing(rangesOfCidr(cidr))) {
    if (other.dialect === 'calico' && other.name === name) continue;
    const detail = `IPPool(${name}) CIDR overlaps with ${namedPool(other)} CIDR ${formatCidr(other.subnet)}`;
    return [invalid('spec.cidr', formatCidr(cidr), detail)];
  }
  return [];
}

function namedPool(pool: PoolSummary): string {
  return `${pool.dialect === 'spiderpool' ? 'SpiderIPPool' : 'IPPool'}(${pool.name})`;
}

// IPReservation

function admitReservation(object: KubeObject): Admission {
  checkSchema(object, { reservedCIDRs: 'list' });
  const entries = specOf(object).reservedCIDRs ?? [];
  refuse(object, faultsOf([() => checkReserved(entries as readonly unknown[])]));
  return { object, warnings: [] };
}

function checkReserved(entries: readonly unknown[]): void {
  const most = LIMITS.poolRangesMax;
  if (entries.length > most) {
    const detail = `Too many: ${entries.length}: must have at most ${most} items`;
    throw fieldFault(`spec.reservedCIDRs: ${detail}`);
  }
  for (const [index, entry] of entries.entries()) {
    const path = `spec.reservedCIDRs[${index}]`;
    if (typeof entry !== 'string') throw fieldFault(wrongType(path, entry, 'string'));
    if (readReserved(entry) === undefined) {
      throw fieldFault(invalid(path, entry, 'must be an IP address or a CIDR'));
    }
  }
}

// IPAMConfiguration

/** Every field of an IPAMConfiguration. */
export const CALICO_CONFIGURATION_FIELDS = {
  strictAffinity: 'boolean',
  autoAllocateBlocks: 'boolean',
  maxBlocksPerHost: 'integer',
  ipCooldownSeconds: 'integer',
  kubeVirtVMAddressPersistence: 'text',
} as const;

function admitConfiguration(object: KubeObject): Admission {
  const { name } = object.metadata;
  if (name !== 'default') {
    const detail = 'Cannot create an IPAMConfiguration resource with a name other than "default"';
    refuse(object, [invalid('metadata.name', name, detail)]);
  }
  checkSchema(object, CALICO_CONFIGURATION_FIELDS);
  const given = specOf(object);
  const spec: Fields = {
    ...given,
    strictAffinity: given.strictAffinity ?? CALICO_IPAM_DEFAULTS.strictAffinity,
    autoAllocateBlocks: given.autoAllocateBlocks ?? CALICO_IPAM_DEFAULTS.autoAllocateBlocks,
    maxBlocksPerHost: given.maxBlocksPerHost ?? 0,
  };
  const admitted = { ...object, spec };
  const persistence = 'spec.kubeVirtVMAddressPersistence';
  refuse(object, [
    ...faultsOf([
      () => within(spec.maxBlocksPerHost, 'spec.maxBlocksPerHost', BLOCKS_PER_HOST_MAX),
      () => within(spec.ipCooldownSeconds, 'spec.ipCooldownSeconds', COOLDOWN_SECONDS_MAX),
      () => oneOf(spec.kubeVirtVMAddressPersistence, persistence, PERSISTENCE),
    ]),
    ...combinationFaults(admitted),
  ]);
  return { object: admitted, warnings: [] };
}

function within(value: unknown, path: string, most: number): void {
  const number = integerAt(value, path) ?? 0;
  if (number >= 0 && number <= most) return;
  const bound = number < 0 ? 'greater than or equal to 0' : `less than or equal to ${most}`;
  throw fieldFault(invalid(path, number, `${path} in body should be ${bound}`));
}

function combinationFaults(object: KubeObject): string[] {
  const config = readIpamConfiguration(object);
  if (config.strictAffinity) return [];
  const faults: string[] = [];
  if (!config.autoAllocateBlocks) {
    const detail = "Cannot disable 'StrictAffinity' and 'AutoAllocateBlocks' at the same time";
    faults.push(forbidden('spec.autoAllocateBlocks', detail));
  }
  if (specOf(object).maxBlocksPerHost !== 0) {
    const detail = 'MaxBlocksPerHost requires StrictAffinity to be enabled';
    faults.push(forbidden('spec.maxBlocksPerHost', detail));
  }
  return faults;
}
