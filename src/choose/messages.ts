/**
 * The words of refusals, exact where a dialect fixes them (reference/spiderpool.md 4.1–4.4 and 10,
 * reference/calico.md 2.3). What the dialect leaves out, such as the label that is missing, goes
 * into the details (I10).
 */
import { type ErrorCode, OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import { inline } from '../dialect/spec-fields.ts';
import type { Family } from '../net/address.ts';
import { formatAddress } from '../net/address.ts';
import { formatCidr } from '../net/cidr.ts';
import type { Choice, FamilyChoice, InterfaceChoice, Rejection } from './choice.ts';

/** What every refusal of Spiderpool's allocation begins with (reference/spiderpool.md 4.4). */
const STANDARD_MODE = 'failed to allocate IP addresses in standard mode: ';

/** How full a candidate pool is, in addresses. */
export interface PoolCounts {
  readonly pool: string;
  readonly total: number;
  readonly used: number;
  readonly resting: number;
  readonly reserved: number;
  readonly free: number;
}

/** One interface and family for which every candidate was full. */
export interface Exhausted {
  readonly interface: InterfaceChoice;
  readonly family: FamilyChoice;
  readonly counts: readonly PoolCounts[];
  /**
   * Calico only: what kept a block from being claimed, in Calico's words (reference/calico.md 2.3).
   * Undefined: the pools are full.
   */
  readonly obstacle?: string | undefined;
}

/** An error whose message begins as Spiderpool's do. */
export function spiderpoolError(code: ErrorCode, text: string, details = ''): OrbweaverError {
  return new OrbweaverError(code, STANDARD_MODE + text, details);
}

/** Takes note of a refusal: throws it, or keeps it and goes on. */
export type Refuse = (error: OrbweaverError) => void;

/**
 * Runs a reader of annotations, whose errors lack the words that Spiderpool's refusals begin with.
 */
export function inStandardMode<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof OrbweaverError && error.code === 'ANNOTATION_INVALID') {
      throw spiderpoolError(error.code, error.message, error.details);
    }
    throw error;
  }
}

/**
 * The name by which Spiderpool's texts call an interface: its position where `ippools` names none.
 */
export function nicOf(choice: Pick<InterfaceChoice, 'name' | 'order'>): string {
  return choice.name === '' ? String(choice.order) : nameInText(choice.name);
}

/** What a user wrote as a name, fit for a sentence: as it is, unless it is longer than names or not printable. */
export function nameInText(name: string): string {
  return /^[\x20-\x7e]{1,253}$/.test(name) ? name : inline(name);
}

/** A list of names as Go prints it: `[a b]`. Beyond LIMITS.reasonsMax only the number of the rest. */
export function goList(names: readonly string[]): string {
  if (names.length <= LIMITS.reasonsMax) {
    return `[${names.map(nameInText).join(' ')}]`;
  }
  const shown = names.slice(0, LIMITS.reasonsMax).map(nameInText).join(' ');
  return `[${shown} … and ${names.length - LIMITS.reasonsMax} more]`;
}

/** Several errors as one text: equal ones once, one of them bare, more as `[a, b]`. */
export function aggregate(texts: readonly string[]): string {
  const distinct = [...new Set(texts)];
  if (distinct.length === 1) {
    return distinct[0]!;
  }
  const rest = distinct.length - LIMITS.reasonsMax;
  const shown = distinct.slice(0, LIMITS.reasonsMax).join(', ');
  return rest > 0 ? `[${shown}, … and ${rest} more]` : `[${shown}]`;
}

/** Every pool of a Spiderpool source refuses the pod. `rejections` is not empty. */
export function filteredOutError(
  family: Family,
  nic: string,
  rejections: readonly Rejection[],
): OrbweaverError {
  const names = goList(rejections.map((rejection) => rejection.pool));
  const reasons = aggregate(rejections.map((rejection) => rejection.text));
  return spiderpoolError(
    'NO_POOL_AVAILABLE',
    `no IPPool available, all IPv${family} IPPools ${names} of ${nic} filtered out: ${reasons}`,
    describeRejections(rejections),
  );
}

/** No source names a pool and no pool is a default one. */
export function noRuleError(details: string): OrbweaverError {
  return spiderpoolError(
    'NO_POOL_AVAILABLE',
    'no IPPool available, no pool selection rules of any type are specified',
    details,
  );
}

/** A source spoke, but nothing of what it names is left for the interface. */
export function emptyRuleError(nic: string, notes: readonly string[]): OrbweaverError {
  return spiderpoolError(
    'NO_POOL_AVAILABLE',
    `no IPPool available, the pool selection rule names no IPPool for ${nic}`,
    notes.join('; '),
  );
}

/** Every candidate of one interface and family is full: ADDRESSES_EXHAUSTED. */
export function exhaustedError(
  choice: Choice,
  item: InterfaceChoice,
  family: FamilyChoice,
  counts: readonly PoolCounts[],
  obstacle?: string,
): OrbweaverError {
  return exhaustedGroupsError(choice, [{ interface: item, family, counts, obstacle }]);
}

/** The same for all interfaces and families that failed together; `groups` is not empty. */
export function exhaustedGroupsError(choice: Choice, groups: readonly Exhausted[]): OrbweaverError {
  const details = groups.map(describeExhausted).join('; ');
  if (choice.dialect === 'calico') {
    const text = calicoExhausted(groups[0]!);
    return new OrbweaverError('ADDRESSES_EXHAUSTED', text, details);
  }
  const texts = groups.map((group) => {
    const names = goList(group.family.candidates.map((pool) => pool.name));
    const nic = nicOf(group.interface);
    return (
      `failed to allocate any IPv${group.family.family} IP address to NIC ${nic} ` +
      `from IPPools ${names}: all IP addresses used out`
    );
  });
  return spiderpoolError('ADDRESSES_EXHAUSTED', aggregate(texts), details);
}

function calicoExhausted(group: Exhausted): string {
  const family = `IPv${group.family.family}`;
  const networks = goList(group.family.candidates.map((pool) => formatCidr(pool.subnet)));
  const obstacle = group.obstacle ?? `No IPs available in pools: ${networks}`;
  return (
    `failed to request ${family} addresses: ` +
    `Assigned 0 out of 1 requested ${family} addresses; ${obstacle}`
  );
}

/**
 * The address that was asked for by number is held already: ADDRESS_TAKEN. `holder` says by whom,
 * for the details. `family.requested` must be set.
 */
export function addressTakenError(
  choice: Choice,
  item: InterfaceChoice,
  family: FamilyChoice,
  holder: string,
): OrbweaverError {
  const { requested, road } = family;
  const address = requested === undefined ? '' : formatAddress(requested);
  const details = `${address}, asked for by ${road}, is held by ${holder}`;
  if (choice.dialect === 'calico') {
    return calicoAddressError('Address already assigned in block', road, details);
  }
  return spiderpoolError(
    'ADDRESS_TAKEN',
    `the IP address ${address} that ${road} asks for on NIC ${nicOf(item)} is in use`,
    details,
  );
}

/** Calico's refusal of an address by number; the road `ipAddrs` has words of its own in front. */
export function calicoAddressError(text: string, road: string, details: string): OrbweaverError {
  const front = road === IP_ADDRS ? 'error getting IP from IPAM: ' : '';
  return new OrbweaverError('ADDRESS_TAKEN', front + text, details);
}

/** Road of an address that Calico's pod annotation asks for. */
export const IP_ADDRS = 'cni.projectcalico.org/ipAddrs';

/** One line for all: `IPPool a: REASON (BECAUSE); IPPool b: …`, bounded by LIMITS.reasonsMax. */
export function describeRejections(rejections: readonly Rejection[]): string {
  const lines = rejections
    .slice(0, LIMITS.reasonsMax)
    .map(({ pool, text, because }) =>
      because === '' ? `${pool}: ${text}` : `${pool}: ${text} (${because})`,
    );
  const rest = rejections.length - lines.length;
  return rest > 0 ? `${lines.join('; ')}; and ${rest} more` : lines.join('; ');
}

function describeExhausted(group: Exhausted): string {
  const counts = group.counts
    .slice(0, LIMITS.reasonsMax)
    .map(
      ({ pool, total, used, resting, reserved }) =>
        `${pool}: ${total} addresses, ${used} used, ${resting} resting, ${reserved} reserved`,
    );
  const rejections = describeRejections(group.family.rejections());
  const lines = rejections === '' ? counts : [...counts, rejections];
  return `IPv${group.family.family} of ${nicOf(group.interface)}: ${lines.join('; ')}`;
}
