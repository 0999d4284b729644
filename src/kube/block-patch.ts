/**
 * What several calls write into one block, as one JSON Patch, and what an answer says about each of them.
 */
import type { SlotConflict, SlotWrite, UnitConflict, UnitWrite } from '../ipam/ports.ts';
import { type Address, addressInBlock, slotOf } from '../net/address.ts';
import { type Cidr, cidrContains } from '../net/cidr.ts';
import type { PatchOperation } from './api.ts';
import { type Names, referredKeys, type WrittenLine, writeLine, writeUnit } from './block-line.ts';
import type { CachedBlock } from './cached-block.ts';
import { type IpBlock, newBlock, unitKey } from './ip-block.ts';

/** What one commit writes into one block: all of it lands, or nothing. */
export interface Part {
  readonly first: Address;
  readonly writes: readonly SlotWrite[];
  readonly units: readonly UnitWrite[];
}

/** Against a block: the part is in it, can still land as it is, or never will. */
export type Verdict =
  | { readonly kind: 'landed' }
  | { readonly kind: 'open' }
  | {
      readonly kind: 'lost';
      readonly conflicts: readonly SlotConflict[];
      readonly units: readonly UnitConflict[];
    };

/** Names that no line uses are taken out when a block has this many more than it needs. */
const UNUSED_NAMES_MAX = 64;
const SLOTS = 64;

/**
 * What the block says of a part. Own nonces count as landed. A part with a conflict has lost for good: what it
 * tests for in that slot never comes back, so nothing that carries it can land any more (rule 2).
 */
export function judge(part: Part, block: CachedBlock | undefined): Verdict {
  const conflicts: SlotConflict[] = [];
  const units: UnitConflict[] = [];
  let missing = 0;
  for (const { was, now } of part.writes) {
    const found = block?.slots.get(slotOf(now.address))?.line;
    if (found?.nonce !== now.nonce) {
      missing += 1;
      if (found?.nonce !== was?.nonce) {
        conflicts.push({ address: now.address, now: found });
      }
    }
  }
  for (const { was, now, vacant } of part.units) {
    const found = block?.units.get(unitKey(now.cidr))?.unit;
    if (found?.nonce !== now.nonce) {
      missing += 1;
      if (found?.nonce !== was?.nonce || (vacant && isTaken(now.cidr, part, block))) {
        units.push({ cidr: now.cidr, now: found });
      }
    }
  }
  if (conflicts.length + units.length > 0) {
    return { kind: 'lost', conflicts, units };
  }
  return { kind: missing === 0 ? 'landed' : 'open' };
}

/** Whether the block has a claim in the unit that is not the part's own. */
function isTaken(unit: Cidr, { writes }: Part, block: CachedBlock | undefined): boolean {
  const own = new Set(writes.map(({ now }) => now.nonce));
  return [...(block?.slots.values() ?? [])].some(
    ({ line }) =>
      line.state === 'claimed' && cidrContains(unit, line.address) && !own.has(line.nonce),
  );
}

/** Whether the part gives back, as DEL does. */
export function isRelease({ writes }: Part): boolean {
  return writes.some(({ now }) => now.state === 'resting' || now.kept === true);
}

/** Whether two parts can go in one patch: no place is written twice, unless by the very same write. */
export function canShare(a: Part, b: Part): boolean {
  const nonces = new Map<string, string>();
  for (const { place, nonce } of placesOf(a)) {
    nonces.set(place, nonce);
  }
  return placesOf(b).every(({ place, nonce }) => (nonces.get(place) ?? nonce) === nonce);
}

/** The object of a block that does not exist, with the parts in it. */
export function blockWith(first: Address, parts: readonly Part[]): IpBlock {
  const writer = new BlockWriter(undefined);
  writer.writeAll(parts);
  return newBlock(first, writer.spec);
}

/**
 * The patch that brings the parts into a block, which has an object. It tests the block's uid, so that it cannot land in another
 * object of the same name (rule 13); for each slot the very text that was read, or its absence; and every name
 * that its lines refer to. With `tidy`, names that no line uses go, which lands only on the version that was
 * read.
 */
export function patchWith(
  block: CachedBlock,
  parts: readonly Part[],
  tidy: boolean,
): PatchOperation[] {
  const writer = new BlockWriter(block);
  writer.writeAll(parts);
  return [
    { op: 'test', path: '/metadata/uid', value: block.uid ?? '' },
    ...writer.nameOperations(),
    ...writer.operations,
    ...(tidy ? tidyOperations(block, writer.usedKeys) : []),
  ];
}

function placesOf(part: Part): { place: string; nonce: string }[] {
  return [
    ...part.writes.map(({ now }) => ({ place: `${slotOf(now.address)}`, nonce: now.nonce })),
    ...part.units.map(({ now }) => ({ place: unitKey(now.cidr), nonce: now.nonce })),
  ];
}

class BlockWriter {
  readonly operations: PatchOperation[] = [];
  readonly #block: CachedBlock | undefined;
  readonly #slots: Record<string, string> = {};
  readonly #units: Record<string, string> = {};
  /** Units that are to stay as they are. */
  readonly #required = new Set<string>();
  #names: Names = {};

  constructor(block: CachedBlock | undefined) {
    this.#block = block;
  }

  writeAll(parts: readonly Part[]): void {
    for (const { writes, units } of parts) {
      for (const { now } of writes) {
        const key = `${slotOf(now.address)}`;
        const found = this.#block?.slots.get(slotOf(now.address));
        if (found?.line.nonce !== now.nonce) {
          this.#write('slots', this.#slots, key, found?.text, (names) => writeLine(now, names));
        }
      }
      for (const { was, now } of units) {
        const key = unitKey(now.cidr);
        const found = this.#block?.units.get(key);
        if (found?.unit.nonce !== now.nonce) {
          this.#write('units', this.#units, key, found?.text, (names) => writeUnit(now, names));
        } else if (was?.nonce === now.nonce && !this.#required.has(key)) {
          this.#required.add(key);
          this.operations.push({ op: 'test', path: `/spec/units/${key}`, value: found.text });
        }
      }
    }
    for (const { units } of parts) {
      for (const { now } of units.filter(({ vacant }) => vacant)) {
        this.#requireVacant(now.cidr);
      }
    }
  }

  /** What is in the unit's slots stays so, but for what this patch writes into them. */
  #requireVacant(unit: Cidr): void {
    const key = unitKey(unit);
    if (this.#block === undefined || !(key in this.#units) || this.#required.has(key)) {
      return;
    }
    this.#required.add(key);
    for (let slot = 0; slot < SLOTS; slot += 1) {
      const inUnit = cidrContains(unit, addressInBlock(this.#block.first, slot));
      if (inUnit && !(`${slot}` in this.#slots)) {
        const found = this.#block.slots.get(slot)?.text ?? null;
        this.operations.push({ op: 'test', path: `/spec/slots/${slot}`, value: found });
      }
    }
  }

  get spec(): Omit<IpBlock['spec'], 'cidr'> {
    return { names: this.#names, slots: this.#slots, units: this.#units };
  }

  get usedKeys(): Iterable<string> {
    return Object.keys(this.#names);
  }

  nameOperations(): PatchOperation[] {
    return Object.entries(this.#names).flatMap(([key, name]): PatchOperation[] => {
      const path = `/spec/names/${key}`;
      return this.#block?.names[key] === name
        ? [{ op: 'test', path, value: name }]
        : [
            { op: 'test', path, value: null },
            { op: 'add', path, value: name },
          ];
    });
  }

  #write(
    map: 'slots' | 'units',
    written: Record<string, string>,
    key: string,
    found: string | undefined,
    format: (known: Names) => WrittenLine,
  ): void {
    // The write of a unit may come with several parts.
    if (key in written) {
      return;
    }
    const { text, names } = format({ ...this.#block?.names, ...this.#names });
    this.#names = { ...this.#names, ...names };
    written[key] = text;
    const path = `/spec/${map}/${key}`;
    this.operations.push(
      { op: 'test', path, value: found ?? null },
      { op: 'add', path, value: text },
    );
  }
}

function tidyOperations(block: CachedBlock, written: Iterable<string>): PatchOperation[] {
  const keys = Object.keys(block.names);
  if (keys.length <= UNUSED_NAMES_MAX || block.resourceVersion === undefined) {
    return [];
  }
  const used = new Set(written);
  for (const { text } of [...block.slots.values(), ...block.units.values()]) {
    for (const key of referredKeys(text ?? '')) {
      used.add(key);
    }
  }
  const unused = keys.filter((key) => !used.has(key));
  if (unused.length <= UNUSED_NAMES_MAX) {
    return [];
  }
  return [
    { op: 'test', path: '/metadata/resourceVersion', value: block.resourceVersion },
    ...unused.map((key) => ({ op: 'remove' as const, path: `/spec/names/${key}` })),
  ];
}
