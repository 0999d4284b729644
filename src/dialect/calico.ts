/**
 * Calico's IPPool, IPReservation and IPAMConfiguration, read into the Pool model (reference/calico.md 1.2,
 * 1.5, 3.5 and 3.6). What may be written is calico-admission.ts's matter; the readers here also take
 * objects that never met it, such as a raw custom resource in a cluster, and fill in the same defaults.
 */
import { type Family, parseAddress } from '../net/address.ts';
import { type Cidr, lastOfCidr, parseCidr } from '../net/cidr.ts';
import type { Range } from '../net/range.ts';
import { RangeSet } from '../net/range-set.ts';
import { parseCalicoSelector } from '../selector/calico-selector.ts';
import { invalid, required } from '../selector/field-error.ts';
import type { KubeObject } from './kube-object.ts';
import type { Affinity, CalicoPool, Pool, UnitRules } from './pool.ts';
import {
  booleanAt,
  type Fields,
  fieldFault,
  inObject,
  integerAt,
  listAt,
  specOf,
  textAt,
  textsAt,
} from './spec-fields.ts';

type Use = CalicoPool['allowedUses'][number];
type Mode = CalicoPool['ipipMode'];

/** Prefix length of an affinity unit where the pool says nothing. */
export const BLOCK_SIZE_DEFAULT: Readonly<Record<Family, number>> = { 4: 26, 6: 122 };
export const USES_DEFAULT: readonly Use[] = ['Workload', 'Tunnel'];
/** Blocks that a node may own where nothing else is said (reference/calico.md 3.5). */
export const MAX_BLOCKS_PER_HOST_DEFAULT = 20;

const SECOND_MS = 1000;
const ALL_IPV4 = RangeSet.of([{ first: [0, 0, 0xffff, 0], last: [0, 0, 0xffff, 0xffffffff] }]);

/** What an IPAMConfiguration says, defaults filled in. */
export interface CalicoIpamConfig extends UnitRules {
  /** Rest of a released address in milliseconds; undefined where the object does not say. */
  readonly restMs: number | undefined;
}

/** What holds where no IPAMConfiguration exists. */
export const CALICO_IPAM_DEFAULTS: CalicoIpamConfig = {
  strictAffinity: false,
  autoAllocateBlocks: true,
  maxBlocksPerHost: MAX_BLOCKS_PER_HOST_DEFAULT,
  restMs: undefined,
};

/**
 * The pool that an IPPool describes. It is `disabled` also where its status says that nothing may be
 * allocated from it. Throws OBJECT_INVALID naming the object, the field and the value.
 */
export function readCalicoPool(object: KubeObject, config: CalicoIpamConfig): Pool {
  return inObject(object, () => {
    const spec = specOf(object);
    const cidr = poolCidr(spec).cidr;
    const calico = calicoPart(spec, cidr.family, config);
    const { metadata } = object;
    return {
      dialect: 'calico',
      name: metadata.name,
      // The status counts too, so the version of the whole object comes first.
      revision: Number(metadata.resourceVersion) || (metadata.generation ?? 0),
      family: cidr.family,
      subnet: cidr,
      ranges: rangesOfCidr(cidr),
      gateway: undefined,
      routes: [],
      vlan: undefined,
      isDefault: false,
      disabled: (booleanAt(spec.disabled, 'spec.disabled') ?? false) || isUnallocatable(object),
      terminating: metadata.deletionTimestamp !== undefined,
      node: affinityOf(calico.nodeSelectorText, 'spec.nodeSelector'),
      namespace: affinityOf(calico.namespaceSelectorText, 'spec.namespaceSelector'),
      pod: { kind: 'any' },
      multusNames: [],
      restMs: config.restMs,
      calico,
    };
  });
}

/** `spec.cidr`, host bits and spelling as written. Throws a field fault. */
export function poolCidr(spec: Fields): { readonly cidr: Cidr; readonly hostBits: boolean } {
  const text = textAt(spec.cidr, 'spec.cidr') ?? '';
  if (text === '') throw fieldFault(required('spec.cidr', 'IPPool CIDR must be specified'));
  const parsed = parseCidr(text);
  if (parsed === undefined) {
    throw fieldFault(invalid('spec.cidr', text, 'IPPool CIDR must be a valid subnet'));
  }
  const { cidr, address } = parsed;
  return { cidr, hostBits: address.some((word, index) => word !== cidr.first[index]) };
}

function calicoPart(spec: Fields, family: Family, config: CalicoIpamConfig): CalicoPool {
  const { strictAffinity, autoAllocateBlocks, maxBlocksPerHost } = config;
  const uses = textsAt(spec.allowedUses, 'spec.allowedUses') ?? [];
  const mode = textAt(spec.assignmentMode, 'spec.assignmentMode');
  return {
    blockSize: integerAt(spec.blockSize, 'spec.blockSize') || BLOCK_SIZE_DEFAULT[family],
    unitRules: { strictAffinity, autoAllocateBlocks, maxBlocksPerHost },
    allowedUses: uses.length === 0 ? USES_DEFAULT : (uses as readonly Use[]),
    assignmentMode: mode === 'Manual' ? 'Manual' : 'Automatic',
    natOutgoing: booleanAt(spec.natOutgoing, 'spec.natOutgoing') ?? false,
    ipipMode: (textAt(spec.ipipMode, 'spec.ipipMode') || 'Never') as Mode,
    vxlanMode: (textAt(spec.vxlanMode, 'spec.vxlanMode') || 'Never') as Mode,
    disableBGPExport: booleanAt(spec.disableBGPExport, 'spec.disableBGPExport') ?? false,
    nodeSelectorText: textAt(spec.nodeSelector, 'spec.nodeSelector') || 'all()',
    namespaceSelectorText: textAt(spec.namespaceSelector, 'spec.namespaceSelector') ?? '',
  };
}

/** Reasons that repeat what the object itself says: it may have been changed while no controller was there. */
const REPEATED: readonly unknown[] = ['PoolDisabled', 'Terminating'];

/** The pool controller's verdict (reference/calico.md 1.4 and 1.5). */
function isUnallocatable(object: KubeObject): boolean {
  const status = object.status as { conditions?: unknown } | null | undefined;
  const conditions = Array.isArray(status?.conditions) ? status.conditions : [];
  return conditions.some(
    (condition) =>
      condition?.type === 'Allocatable' &&
      condition?.status === 'False' &&
      !REPEATED.includes(condition?.reason),
  );
}

/** Who a selector text lets in; one that selects everything is no restriction. Throws a field fault. */
export function affinityOf(text: string, path: string): Affinity {
  let selector: ReturnType<typeof parseCalicoSelector>;
  try {
    selector = parseCalicoSelector(text);
  } catch (error) {
    throw fieldFault(invalid(path, text, (error as Error).message));
  }
  const selectsAll = selector.kind === 'requirements' && selector.requirements.length === 0;
  return selectsAll ? { kind: 'any' } : { kind: 'selector', selector };
}

/**
 * Every address of a network. IPv4 has its place inside of IPv6's numbers (net/address.ts), so it is cut out
 * of an IPv6 network that is wide enough to cover it.
 */
export function rangesOfCidr(cidr: Cidr): RangeSet {
  return ofOneFamily(RangeSet.of([rangeOf(cidr)]), cidr.family);
}

function rangeOf(cidr: Cidr): Range {
  return { first: cidr.first, last: lastOfCidr(cidr) };
}

function ofOneFamily(ranges: RangeSet, family: Family): RangeSet {
  return family === 4 ? ranges : ranges.subtract(ALL_IPV4);
}

/**
 * The addresses of one family that an IPReservation keeps from automatic assignment. Entries are networks,
 * host bits allowed, or bare addresses. What cannot be read is left out, as Calico does.
 */
export function readIpReservation(object: KubeObject, family: Family): RangeSet {
  return inObject(object, () => {
    const ranges: Range[] = [];
    for (const entry of listAt(specOf(object).reservedCIDRs, 'spec.reservedCIDRs') ?? []) {
      const cidr = readReserved(entry);
      if (cidr?.family === family) ranges.push(rangeOf(cidr));
    }
    return ofOneFamily(RangeSet.of(ranges), family);
  });
}

/** One entry of `reservedCIDRs`, a bare address as its own network; undefined where it is neither. */
export function readReserved(entry: unknown): Cidr | undefined {
  if (typeof entry !== 'string') return undefined;
  if (parseAddress(entry) === undefined) return parseCidr(entry)?.cidr;
  return parseCidr(`${entry}/${entry.includes(':') ? 128 : 32}`)?.cidr;
}

/**
 * What an IPAMConfiguration says; the defaults where there is no such object. Throws OBJECT_INVALID naming
 * the object, the field and the value.
 */
export function readIpamConfiguration(object: KubeObject | undefined): CalicoIpamConfig {
  if (object === undefined) return CALICO_IPAM_DEFAULTS;
  return inObject(object, () => {
    const spec = specOf(object);
    const blocks = integerAt(spec.maxBlocksPerHost, 'spec.maxBlocksPerHost');
    const seconds = integerAt(spec.ipCooldownSeconds, 'spec.ipCooldownSeconds');
    return {
      strictAffinity: booleanAt(spec.strictAffinity, 'spec.strictAffinity') ?? false,
      autoAllocateBlocks: booleanAt(spec.autoAllocateBlocks, 'spec.autoAllocateBlocks') ?? true,
      maxBlocksPerHost: blocks || MAX_BLOCKS_PER_HOST_DEFAULT,
      restMs: seconds === undefined ? undefined : seconds * SECOND_MS,
    };
  });
}
