/**
 * The blocks as the agent last saw them, and the read half of the ledger over them. Every answer to a write is
 * the whole block, so the copy of a block that a node writes to is as new as its last write.
 */
import type { BlockState, Claim, Line, Resting, Unit } from '../ipam/ports.ts';
import { type Address, addressInBlock, blockOf, compareAddresses, slotOf } from '../net/address.ts';
import { blockCidrText, type Cidr, cidrContains } from '../net/cidr.ts';
import {
  briefOf,
  type CachedBlock,
  isBrief,
  isQuarantine,
  isUnknown,
  type KnownBlock,
  lineIn,
  type Quarantined,
  readBlock,
  sameLine,
  stateOf,
} from './cached-block.ts';
import { ClaimIndex } from './claim-index.ts';
import { firstOfBlock, type IpBlock, unitKey } from './ip-block.ts';
import { type Kept, keepClaims, type Losses } from './kept-claims.ts';
import { isOlder } from './resource-version.ts';

/** Addresses whose lines, and affinity units whose owners, are others than before. */
export interface Change {
  readonly addresses: readonly Address[];
  readonly units: readonly Cidr[];
}

export type ChangeListener = (change: Change) => void;

/** For whom the blocks are kept. */
export interface Keeper {
  /** The node whose claims are kept although they vanish from their block. */
  readonly node: string;
  /** Whether a block stays whole although no claim of the node is in it. */
  usesWhole(first: Address): boolean;
  /** Told of claims that vanished, those that somebody else has now, and what newly cannot be read. */
  onTrouble(first: Address, trouble: Losses, faults: readonly Quarantined[]): void;
}

export class BlockCache {
  readonly #blocks = new Map<string, KnownBlock>();
  readonly #byPod = new ClaimIndex(({ owner }) => podKey(owner.namespace, owner.pod));
  readonly #byContainer = new ClaimIndex(({ attachment }) =>
    containerKey(attachment.network, attachment.containerId),
  );
  readonly #byNetwork = new ClaimIndex(({ attachment, node }) =>
    networkKey(attachment.network, node),
  );
  /** How many claims of the keeper's node are in a block. */
  readonly #ownCounts = new Map<string, { readonly first: Address; count: number }>();
  readonly #faults = new Map<string, Quarantined[]>();
  readonly #onChange: ChangeListener;
  readonly #keeper: Keeper | undefined;
  #inOrder: readonly KnownBlock[] | undefined;
  #newest: string | undefined;

  /** Without a keeper all blocks are whole, and what vanishes is gone. */
  constructor(onChange: ChangeListener = () => {}, keeper?: Keeper) {
    this.#onChange = onChange;
    this.#keeper = keeper;
  }

  /** The whole block; undefined where it is not known, or only in brief. */
  block(first: Address): CachedBlock | undefined {
    const known = this.#blocks.get(keyOf(first));
    return known === undefined || isBrief(known) ? undefined : known;
  }

  /** Whether the block is to be read before anything is written to it. */
  isBrief(first: Address): boolean {
    const known = this.#blocks.get(keyOf(first));
    return known !== undefined && isBrief(known);
  }

  /** Blocks that hold claims of the keeper's node. */
  ownBlocks(): Address[] {
    return [...this.#ownCounts.values()].map(({ first }) => first);
  }

  /** The newest version of any object that was seen; undefined: none was. */
  get newest(): string | undefined {
    return this.#newest;
  }

  /** The version in which a block is known, to be handed to `putRead` by a read that begins now. */
  versionOf(first: Address): string | undefined {
    return this.#blocks.get(keyOf(first))?.resourceVersion;
  }

  /**
   * Takes over what a quorum read of one block found; `since`: `versionOf` when it began. A block that was not there
   * may have been made meanwhile, and then its copy is the newer one. An object that is older than what was known
   * before the read is one of a server that was restored from a back-up.
   */
  putRead(first: Address, object: IpBlock | undefined, since: string | undefined): void {
    if (object !== undefined) {
      if (isOlder(object.metadata.resourceVersion, since)) {
        this.forgetVersions();
      }
      this.put(object);
    } else if (this.versionOf(first) === since) {
      this.drop(first);
    }
  }

  /**
   * The server was restored from a back-up: what it says counts from here on, whatever its version. Claims of the
   * keeper's node that it does not have are missing.
   */
  forgetVersions(): void {
    this.#newest = undefined;
    for (const [key, block] of this.#blocks) {
      this.#blocks.set(key, { ...block, resourceVersion: undefined });
    }
    this.#inOrder = undefined;
  }

  /**
   * Takes over an object as the server gave it, unless what is known is newer. An object that stands for no
   * block is only named (`quarantined`).
   */
  put(object: IpBlock): void {
    this.#take(object, () => true);
  }

  /** The same for one of a list: in brief, unless the keeper needs it whole. */
  putListed(object: IpBlock): void {
    const { node, usesWhole } = this.#keeper ?? {};
    this.#take(object, (block) =>
      node === undefined || usesWhole?.(block.first) ? true : hasClaimOf(node, block),
    );
  }

  #take(object: IpBlock, whole: (block: CachedBlock) => boolean): void {
    const { name } = object.metadata;
    const first = firstOfBlock(object);
    if (first === undefined) {
      const fault = 'its name and network are not those of one block';
      const { cidr } = object.spec;
      this.#faults.set(name, [{ place: `IPBlock ${name}`, block: name, text: cidr, fault }]);
      return;
    }
    const seen = this.#blocks.get(keyOf(first))?.resourceVersion;
    const { resourceVersion } = object.metadata;
    if (isOlder(resourceVersion, seen)) {
      return;
    }
    if (this.#newest === undefined || isOlder(this.#newest, resourceVersion)) {
      this.#newest = resourceVersion;
    }
    const { block, faults } = readBlock(first, object, this.block(first));
    const known = this.#faults.get(name) ?? [];
    const news = faults.filter(({ place, text }) =>
      known.every((fault) => fault.place !== place || fault.text !== text),
    );
    this.#faults.delete(name);
    if (faults.length > 0) {
      this.#faults.set(name, faults);
    }
    this.#follow(first, block, news, whole);
  }

  /** The block's object is gone. */
  drop(first: Address): void {
    const before = this.#blocks.get(keyOf(first));
    if (before !== undefined) {
      this.#faults.delete(before.name);
      this.#follow(first, undefined, [], () => true);
    }
  }

  /** Known blocks that a list of version `resourceVersion` did not have, but for those that are newer. */
  unlisted(listed: ReadonlySet<string>, resourceVersion: string): Address[] {
    return [...this.#blocks.values()].flatMap(({ first, name, resourceVersion: seen }) => {
      const isOld = seen === undefined || isOlder(seen, resourceVersion);
      return isOld && !listed.has(name) ? [first] : [];
    });
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
    return lineIn(this.#blocks.get(keyOf(blockOf(address))), slotOf(address));
  }

  unit(cidr: Cidr): Unit | undefined {
    return this.#blocks.get(keyOf(blockOf(cidr.first)))?.units.get(unitKey(cidr))?.unit;
  }

  claimsOfContainer(network: string, containerId: string): Claim[] {
    return this.#byContainer.find(containerKey(network, containerId));
  }

  claimsOfPod(namespace: string, pod: string): Claim[] {
    return this.#byPod.find(podKey(namespace, pod));
  }

  claimsOfNetwork(network: string, node: string): Claim[] {
    return this.#byNetwork
      .find(networkKey(network, node))
      .sort((a, b) => compareAddresses(a.address, b.address));
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

  /** Of whole blocks; in brief ones it is not known who holds what. */
  *claims(): Iterable<Claim> {
    for (const line of this.#lines()) {
      if (isClaim(line)) {
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
      const state = stateOf(block);
      if (state.usedLow !== 0 || state.usedHigh !== 0 || state.resting.length > 0) {
        yield state;
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
      const slots = isBrief(block) ? block.rests : block.slots;
      for (const slot of slots.keys()) {
        yield lineIn(block, slot) as Line;
      }
    }
  }

  #sorted(): readonly KnownBlock[] {
    this.#inOrder ??= [...this.#blocks.values()].sort((a, b) => compareAddresses(a.first, b.first));
    return this.#inOrder;
  }

  #follow(
    first: Address,
    found: CachedBlock | undefined,
    faults: readonly Quarantined[],
    whole: (block: CachedBlock) => boolean,
  ): void {
    const { block, ...trouble }: Kept =
      this.#keeper === undefined
        ? { block: found, missing: [], taken: [] }
        : keepClaims(this.#keeper.node, this.block(first), found);
    this.#replace(first, block === undefined || whole(block) ? block : briefOf(block));
    if (trouble.missing.length + trouble.taken.length + faults.length > 0) {
      this.#keeper?.onTrouble(first, trouble, faults);
    }
  }

  #replace(first: Address, after: KnownBlock | undefined): void {
    const before = this.#blocks.get(keyOf(first));
    this.#inOrder = undefined;
    if (after === undefined) {
      this.#blocks.delete(keyOf(first));
    } else {
      this.#blocks.set(keyOf(first), after);
    }
    const addresses: Address[] = [];
    for (let slot = 0; slot < 64; slot += 1) {
      const old = lineIn(before, slot);
      const now = lineIn(after, slot);
      if (!sameLine(old, now)) {
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
    if (line === undefined || !isClaim(line)) {
      return;
    }
    this.#byPod[step](line);
    this.#byContainer[step](line);
    this.#byNetwork[step](line);
    if (line.node === this.#keeper?.node) {
      const first = blockOf(line.address);
      const own = this.#ownCounts.get(keyOf(first)) ?? { first, count: 0 };
      own.count += step === 'add' ? 1 : -1;
      if (own.count === 0) {
        this.#ownCounts.delete(keyOf(first));
      } else {
        this.#ownCounts.set(keyOf(first), own);
      }
    }
  }
}

/** A claim that can be read. */
function isClaim(line: Line): line is Claim {
  return line.state === 'claimed' && !isQuarantine(line) && !isUnknown(line);
}

function hasClaimOf(node: string, { slots }: CachedBlock): boolean {
  return [...slots.values()].some(({ line }) => isClaim(line) && line.node === node);
}

function changedUnits(before: KnownBlock | undefined, after: KnownBlock | undefined): Cidr[] {
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

function keyOf(first: Address): string {
  return blockCidrText(first);
}

function podKey(namespace: string, pod: string): string {
  return JSON.stringify([namespace, pod]);
}

function containerKey(network: string, containerId: string): string {
  return JSON.stringify([network, containerId]);
}

function networkKey(network: string, node: string): string {
  return JSON.stringify([network, node]);
}
