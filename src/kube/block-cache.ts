/**
 * The blocks as the agent last saw them, and the read half of the ledger over them. Every answer to a write is
 * the whole block, so the copy of a block that a node writes to is as new as its last write.
 */
import type { BlockState, Claim, Line, Resting, Unit } from '../ipam/ports.ts';
import {
  type Address,
  addressInBlock,
  blockOf,
  compareAddresses,
  formatAddress,
  slotOf,
} from '../net/address.ts';
import { blockCidrText, type Cidr, cidrContains, formatCidr } from '../net/cidr.ts';
import { type LineFault, type Names, readLine, readUnit, textDigest } from './block-line.ts';
import { firstOfBlock, type IpBlock, unitKey, unitOfKey } from './ip-block.ts';

/** One slot of a block: its very text, for the `test` of a patch, and what it says. */
export interface CachedSlot {
  readonly text: string;
  readonly line: Line;
}

export interface CachedUnit {
  readonly text: string;
  readonly unit: Unit;
}

export interface CachedBlock {
  readonly first: Address;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly names: Names;
  readonly slots: ReadonlyMap<number, CachedSlot>;
  /** By the key within `spec.units`. */
  readonly units: ReadonlyMap<string, CachedUnit>;
}

/** Something that was edited by hand, and is left alone until somebody mends it (rule 13). */
export interface Quarantined {
  /** The address, unit, name or object it is about. */
  readonly place: string;
  readonly block: string;
  readonly text: string;
  readonly fault: string;
}

/** Addresses whose lines, and affinity units whose owners, are others than before. */
export interface Change {
  readonly addresses: readonly Address[];
  readonly units: readonly Cidr[];
}

export type ChangeListener = (change: Change) => void;

const byOrder = (a: Claim, b: Claim) => a.order - b.order || compareAddresses(a.address, b.address);

export class BlockCache {
  readonly #blocks = new Map<string, CachedBlock>();
  readonly #byPod = new ClaimIndex();
  readonly #byContainer = new ClaimIndex();
  readonly #faults = new Map<string, Quarantined[]>();
  readonly #onChange: ChangeListener;
  #inOrder: readonly CachedBlock[] | undefined;

  constructor(onChange: ChangeListener = () => {}) {
    this.#onChange = onChange;
  }

  block(first: Address): CachedBlock | undefined {
    return this.#blocks.get(keyOf(first));
  }

  /**
   * Takes over an object as the server gave it, unless what is known is newer. An object that stands for no
   * block is only named (`quarantined`).
   */
  put(object: IpBlock): void {
    const { name } = object.metadata;
    const first = firstOfBlock(object);
    if (first === undefined) {
      const fault = 'its name and network are not those of one block';
      const { cidr } = object.spec;
      this.#faults.set(name, [{ place: `IPBlock ${name}`, block: name, text: cidr, fault }]);
      return;
    }
    const before = this.block(first);
    if (before !== undefined && isOlder(object.metadata.resourceVersion, before.resourceVersion)) {
      return;
    }
    const { block, faults } = readBlock(first, object, before);
    this.#faults.delete(name);
    if (faults.length > 0) {
      this.#faults.set(name, faults);
    }
    this.#replace(first, before, block);
  }

  /** The block's object is gone. */
  drop(first: Address): void {
    const before = this.block(first);
    if (before !== undefined) {
      this.#faults.delete(before.name);
      this.#replace(first, before, undefined);
    }
  }

  /**
   * Blocks that a whole list of version `resourceVersion` did not have are gone, unless they were made later.
   * `listable` says which ones the list would have had.
   */
  dropUnlisted(
    listed: ReadonlySet<string>,
    resourceVersion: string,
    listable: (first: Address) => boolean = () => true,
  ): void {
    for (const { first, name, resourceVersion: seen } of this.#blocks.values()) {
      if (!listed.has(name) && listable(first) && isOlder(seen, resourceVersion)) {
        this.drop(first);
      }
    }
  }

  /** The first addresses of all known blocks, in address order. */
  firsts(): Address[] {
    return this.#sorted().map(({ first }) => first);
  }

  /** What was edited by hand, by block. */
  quarantined(): Quarantined[] {
    return [...this.#faults.values()].flat();
  }

  line(address: Address): Line | undefined {
    return this.block(blockOf(address))?.slots.get(slotOf(address))?.line;
  }

  unit(cidr: Cidr): Unit | undefined {
    return this.block(blockOf(cidr.first))?.units.get(unitKey(cidr))?.unit;
  }

  claimsOfContainer(network: string, containerId: string): Claim[] {
    return this.#byContainer.find(containerKey(network, containerId)).sort(byOrder);
  }

  claimsOfPod(namespace: string, pod: string): Claim[] {
    return this.#byPod.find(podKey(namespace, pod)).sort(byOrder);
  }

  *claimsOfNetwork(network: string, node: string): Iterable<Claim> {
    for (const claim of this.claims()) {
      if (claim.attachment.network === network && claim.node === node) {
        yield claim;
      }
    }
  }

  claimsOfPool(pool: string, limit = Number.POSITIVE_INFINITY): Claim[] {
    const found: Claim[] = [];
    for (const claim of this.claims()) {
      if (found.length >= limit) {
        break;
      }
      if (claim.pool === pool) {
        found.push(claim);
      }
    }
    return found;
  }

  *claims(): Iterable<Claim> {
    for (const line of this.#lines()) {
      if (line.state === 'claimed' && !isQuarantine(line)) {
        yield line;
      }
    }
  }

  *resting(): Iterable<Resting> {
    for (const line of this.#lines()) {
      if (line.state === 'resting') {
        yield line;
      }
    }
  }

  *blocks(): Iterable<BlockState> {
    for (const block of this.#sorted()) {
      if (block.slots.size > 0) {
        yield stateOf(block);
      }
    }
  }

  units(within: Cidr): Unit[] {
    return this.#sorted()
      .flatMap((block) => [...block.units.values()].map(({ unit }) => unit))
      .filter(({ cidr }) => cidrContains(within, cidr.first))
      .sort(
        (a, b) => compareAddresses(a.cidr.first, b.cidr.first) || a.cidr.prefix - b.cidr.prefix,
      );
  }

  *#lines(): Iterable<Line> {
    for (const block of this.#sorted()) {
      for (const { line } of block.slots.values()) {
        yield line;
      }
    }
  }

  #sorted(): readonly CachedBlock[] {
    this.#inOrder ??= [...this.#blocks.values()].sort((a, b) => compareAddresses(a.first, b.first));
    return this.#inOrder;
  }

  #replace(first: Address, before: CachedBlock | undefined, after: CachedBlock | undefined): void {
    this.#inOrder = undefined;
    if (after === undefined) {
      this.#blocks.delete(keyOf(first));
    } else {
      this.#blocks.set(keyOf(first), after);
    }
    const addresses: Address[] = [];
    for (let slot = 0; slot < 64; slot += 1) {
      const old = before?.slots.get(slot)?.line;
      const now = after?.slots.get(slot)?.line;
      if (old !== now) {
        this.#index(old, 'remove');
        this.#index(now, 'add');
        addresses.push(addressInBlock(first, slot));
      }
    }
    const units = changedUnits(before, after);
    if (addresses.length + units.length > 0) {
      this.#onChange({ addresses, units });
    }
  }

  #index(line: Line | undefined, step: 'add' | 'remove'): void {
    if (line?.state === 'claimed' && !isQuarantine(line)) {
      const { owner, attachment } = line;
      this.#byPod[step](podKey(owner.namespace, owner.pod), line);
      this.#byContainer[step](containerKey(attachment.network, attachment.containerId), line);
    }
  }
}

function changedUnits(before: CachedBlock | undefined, after: CachedBlock | undefined): Cidr[] {
  const changed = new Map<string, Cidr>();
  for (const [one, other] of [
    [before, after],
    [after, before],
  ]) {
    for (const [key, { text, unit }] of one?.units ?? []) {
      if (other?.units.get(key)?.text !== text) {
        changed.set(key, unit.cidr);
      }
    }
  }
  return [...changed.values()];
}

class ClaimIndex {
  readonly #claims = new Map<string, Map<string, Claim>>();

  find(key: string): Claim[] {
    return [...(this.#claims.get(key)?.values() ?? [])];
  }

  add(key: string, claim: Claim): void {
    const claims = this.#claims.get(key) ?? new Map<string, Claim>();
    claims.set(formatAddress(claim.address), claim);
    this.#claims.set(key, claims);
  }

  remove(key: string, claim: Claim): void {
    const claims = this.#claims.get(key);
    claims?.delete(formatAddress(claim.address));
    if (claims?.size === 0) {
      this.#claims.delete(key);
    }
  }
}

/** Texts that are as before need not be read again. */
function readBlock(
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
    const same = namesKept && known?.text === text && !isQuarantine(known.line);
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

/** The mark of what stands in for a line that cannot be read; no nonce that was written begins so. */
const QUARANTINE = '!';

/**
 * A slot whose text cannot be read counts as used, by nobody. A write that has it as `was` replaces the very
 * text that was seen, so that an operator can free it.
 */
function quarantineLine(address: Address, text: string, { fault }: LineFault): Claim {
  return {
    state: 'claimed',
    address,
    pool: '',
    node: '',
    owner: { namespace: '', pod: '', uid: '' },
    attachment: { network: '', containerId: `(quarantined: ${fault})`, interfaceName: '' },
    ahead: false,
    order: 0,
    claimedAt: 0,
    nonce: `${QUARANTINE}${textDigest(text)}`,
  };
}

function quarantineUnit(cidr: Cidr, text: string): Unit {
  return { cidr, node: '', claimedAt: 0, nonce: `${QUARANTINE}${textDigest(text)}` };
}

/** Whether a line stands in for one that cannot be read. */
export function isQuarantine(line: Line): boolean {
  return line.state === 'claimed' && line.nonce.startsWith(QUARANTINE);
}

function stateOf(block: CachedBlock): BlockState {
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

/**
 * Whether version `a` is older than `b`. Both are decimal numbers of etcd's one revision, across all objects;
 * a text that is none counts as newer, so that news is never thrown away.
 */
function isOlder(a: string | undefined, b: string): boolean {
  const decimal = /^\d+$/;
  return a !== undefined && decimal.test(a) && decimal.test(b) && BigInt(a) < BigInt(b);
}

function keyOf(first: Address): string {
  return blockCidrText(first);
}

function podKey(namespace: string, pod: string): string {
  return JSON.stringify([namespace, pod]);
}

function containerKey(network: string, containerId: string): string {
  return JSON.stringify([network, containerId]);
}
