/**
 * One IPBlock as it is kept: whole, with the very text of every line, or in brief, where no claim of the node is
 * in it: then only which addresses are held or at rest (no agent keeps the claims of the whole cluster).
 */
import type { BlockState, Claim, Line, Resting, Unit } from '../ipam/ports.ts';
import { type Address, addressInBlock, formatAddress } from '../net/address.ts';
import { type Cidr, formatCidr } from '../net/cidr.ts';
import { type LineFault, type Names, readLine, readUnit, textDigest } from './block-line.ts';
import { type IpBlock, unitOfKey } from './ip-block.ts';

/** One slot of a block: what it says, and the very text in the object, for the `test` of a patch. */
export interface CachedSlot {
  /** Undefined where the object has nothing in this slot. */
  readonly text: string | undefined;
  readonly line: Line;
  /** The line is a claim of this node that the object does not have any more: somebody removed it by hand. */
  readonly missing?: true;
}

export interface CachedUnit {
  readonly text: string;
  readonly unit: Unit;
}

export interface CachedBlock {
  readonly first: Address;
  readonly name: string;
  /** Undefined where there is no object any more, only claims that are missing in it. */
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly names: Names;
  readonly slots: ReadonlyMap<number, CachedSlot>;
  /** By the key within `spec.units`. */
  readonly units: ReadonlyMap<string, CachedUnit>;
}

/** A block in brief. */
export interface BriefBlock {
  readonly first: Address;
  readonly name: string;
  readonly resourceVersion: string | undefined;
  readonly state: BlockState;
  /** Those of `state`, and when each was released. */
  readonly rests: ReadonlyMap<number, { readonly releasedAt: number; readonly until: number }>;
  readonly units: ReadonlyMap<string, CachedUnit>;
}

export type KnownBlock = CachedBlock | BriefBlock;

/** Something that was edited by hand, and is left alone until somebody mends it (rule 13). */
export interface Quarantined {
  /** The address, unit, name or object it is about. */
  readonly place: string;
  readonly block: string;
  readonly text: string;
  readonly fault: string;
}

/** Whether a block is known in brief only. */
export function isBrief(block: KnownBlock): block is BriefBlock {
  return 'rests' in block;
}

/** The object as a whole block, and what in it cannot be read. Texts that are as before are not read again. */
export function readBlock(
  first: Address,
  object: IpBlock,
  before: CachedBlock | undefined,
): { block: CachedBlock; faults: Quarantined[] } {
  const { metadata, spec } = object;
  const names = spec.names ?? {};
  const faults: Quarantined[] = [];
  const blame = (place: string, text: string, fault: string) =>
    faults.push({ place, block: metadata.name, text, fault });
  const namesKept = Object.entries(before?.names ?? {}).every(([key, name]) => names[key] === name);
  const slots = new Map<number, CachedSlot>();
  for (const [slot, text] of slotsInOrder(spec.slots ?? {}, blame)) {
    const address = addressInBlock(first, slot);
    const known = before?.slots.get(slot);
    const same = namesKept && known?.text === text && !known.missing && !isQuarantine(known.line);
    const line = same ? known.line : readLine(address, text, names);
    if ('fault' in line) {
      blame(formatAddress(address), text, line.fault);
      slots.set(slot, { text, line: quarantineLine(address, text, line) });
    } else {
      slots.set(slot, { text, line });
    }
  }
  const units = new Map<string, CachedUnit>();
  for (const [key, text] of Object.entries(spec.units ?? {})) {
    const cidr = unitOfKey(first, key);
    if (cidr === undefined) {
      blame(`unit ${key}`, text, 'no unit begins there');
      continue;
    }
    const unit = readUnit(cidr, text, names);
    if ('fault' in unit) {
      blame(`unit ${formatCidr(cidr)}`, text, unit.fault);
      units.set(key, { text, unit: quarantineUnit(cidr, text) });
    } else {
      units.set(key, { text, unit });
    }
  }
  const { name, uid = '', resourceVersion = '' } = metadata;
  return { block: { first, name, uid, resourceVersion, names, slots, units }, faults };
}

/** What is kept of a block in brief. */
export function briefOf(block: CachedBlock): BriefBlock {
  const { first, name, resourceVersion, slots, units } = block;
  const rests = new Map<number, { releasedAt: number; until: number }>();
  for (const [slot, { line }] of slots) {
    if (line.state === 'resting') {
      rests.set(slot, { releasedAt: line.releasedAt, until: line.until });
    }
  }
  return { first, name, resourceVersion, state: stateOf(block), rests, units };
}

/** What a block says of one slot; of a brief one, that it is held or at rest, and by whom is not known. */
export function lineIn(block: KnownBlock | undefined, slot: number): Line | undefined {
  if (block === undefined || !isBrief(block)) {
    return block?.slots.get(slot)?.line;
  }
  const rest = block.rests.get(slot);
  if (rest !== undefined) {
    return unknownRest(addressInBlock(block.first, slot), rest);
  }
  const { usedLow, usedHigh } = block.state;
  const used = slot < 32 ? usedLow & (1 << slot) : usedHigh & (1 << (slot - 32));
  return used === 0 ? undefined : standIn(addressInBlock(block.first, slot), UNKNOWN, UNKNOWN_TEXT);
}

/** Whether what is known of a slot is the same for everybody who asks. */
export function sameLine(a: Line | undefined, b: Line | undefined): boolean {
  if (a === b || a === undefined || b === undefined) {
    return a === b;
  }
  const untilOf = (line: Line) => (line.state === 'resting' ? line.until : undefined);
  return isUnknown(a) && isUnknown(b) && a.state === b.state && untilOf(a) === untilOf(b);
}

/** What a block says to the engine. */
export function stateOf(block: KnownBlock): BlockState {
  if (isBrief(block)) {
    return block.state;
  }
  let usedLow = 0;
  let usedHigh = 0;
  const resting: { slot: number; until: number }[] = [];
  for (const [slot, { line }] of block.slots) {
    if (line.state === 'resting') {
      resting.push({ slot, until: line.until });
    } else if (slot < 32) {
      usedLow |= 1 << slot;
    } else {
      usedHigh |= 1 << (slot - 32);
    }
  }
  return { first: block.first, usedLow: usedLow >>> 0, usedHigh: usedHigh >>> 0, resting };
}

/** What a nonce begins with that was never written: the line stands in for one that cannot be read, */
const QUARANTINE = '!';
/** or for one that was not kept. */
const UNKNOWN = '?';
const UNKNOWN_TEXT = '(held by another node)';

/** Whether a line stands in for one that cannot be read. */
export function isQuarantine(line: Line): boolean {
  return line.state === 'claimed' && line.nonce.startsWith(QUARANTINE);
}

/** Whether a line stands in for one of a block in brief. No write over it lands: its block is read first. */
export function isUnknown(line: Line): boolean {
  return line.nonce.startsWith(UNKNOWN);
}

/**
 * A slot whose text cannot be read counts as used, by nobody. A write that has it as `was` replaces the very
 * text that was seen, so that an operator can free it.
 */
function quarantineLine(address: Address, text: string, { fault }: LineFault): Claim {
  return standIn(address, `${QUARANTINE}${textDigest(text)}`, `(quarantined: ${fault})`);
}

function quarantineUnit(cidr: Cidr, text: string): Unit {
  return { cidr, node: '', claimedAt: 0, nonce: `${QUARANTINE}${textDigest(text)}` };
}

function standIn(address: Address, nonce: string, containerId: string): Claim {
  return {
    state: 'claimed',
    address,
    pool: '',
    node: '',
    owner: { namespace: '', pod: '', uid: '' },
    attachment: { network: '', containerId, interfaceName: '' },
    ahead: false,
    order: 0,
    claimedAt: 0,
    nonce,
  };
}

function unknownRest(address: Address, rest: { releasedAt: number; until: number }): Resting {
  const owner = { namespace: '', pod: '', uid: '' };
  return { state: 'resting', address, pool: '', owner, ...rest, nonce: UNKNOWN };
}

function slotsInOrder(
  slots: Readonly<Record<string, string>>,
  blame: (place: string, text: string, fault: string) => void,
): [slot: number, text: string][] {
  const found: [number, string][] = [];
  for (const [key, text] of Object.entries(slots)) {
    if (/^(\d|[1-5]\d|6[0-3])$/.test(key)) {
      found.push([Number(key), text]);
    } else {
      blame(`slot ${key}`, text, 'a block has the places 0 to 63');
    }
  }
  return found.sort(([a], [b]) => a - b);
}
