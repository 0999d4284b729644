/**
 * The claims of the whole cluster, followed block by block from one watch: by pod and by pool, so that one
 * changed block costs the pods and pools that it names and nothing else. A view, never the truth: it may be a
 * moment behind, and nothing is freed by it alone.
 */
import type { ClaimedAddress } from '../dialect/admission-context.ts';
import type { Pool } from '../dialect/pool.ts';
import type { Claim } from '../ipam/ports.ts';
import { BlockCache } from '../kube/block-cache.ts';
import { type CachedBlock, isQuarantine, type Quarantined } from '../kube/cached-block.ts';
import { firstOfBlock, type IpBlock } from '../kube/ip-block.ts';
import {
  type Address,
  addressInBlock,
  blockOf,
  compareAddresses,
  equalAddresses,
  familyOf,
} from '../net/address.ts';
import { blockCidrText, type Cidr, cidrContains, lastOfCidr } from '../net/cidr.ts';
import type { RangeSet } from '../net/range-set.ts';

/** What a changed block changes. */
export interface ClaimsChange {
  /** Pods that hold, or no longer hold, an address of the block. */
  readonly pods: readonly PodName[];
  /** Names of the pools that these addresses are from. */
  readonly pools: readonly string[];
}

export interface PodName {
  readonly namespace: string;
  readonly name: string;
}

/** An affinity unit, and the block that its line stands in. */
export interface OwnedUnit {
  readonly cidr: Cidr;
  readonly node: string;
  /** Its key within `spec.units`. */
  readonly key: string;
  readonly block: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

/** The claims of one block from one pool. */
interface Share {
  readonly first: Address;
  count: number;
}

const SLOTS = 64;

export class ClaimsView {
  readonly #cache = new BlockCache();
  /** Objects that stand for no block, by their name. */
  readonly #strange = new Map<string, Quarantined>();
  /** By the pool's name, then by the block. */
  readonly #shares = new Map<string, Map<string, Share>>();
  #size = 0;

  /** Takes over a block as the watch brought it, unless what is known is newer. */
  put(object: IpBlock): ClaimsChange {
    const first = firstOfBlock(object);
    const { name } = object.metadata;
    if (first === undefined) {
      const fault = 'its name and network are not those of one block';
      const place = `IPBlock ${name}`;
      this.#strange.set(name, { place, block: name, text: object.spec?.cidr ?? '', fault });
      return { pods: [], pools: [] };
    }
    this.#strange.delete(name);
    const before = this.#cache.block(first);
    this.#cache.put(object);
    return this.#follow(first, before, this.#cache.block(first));
  }

  /** The block's object is gone; `object` is its last version. */
  drop(object: IpBlock): ClaimsChange {
    const first = firstOfBlock(object);
    this.#strange.delete(object.metadata.name);
    if (first === undefined) {
      return { pods: [], pools: [] };
    }
    const before = this.#cache.block(first);
    this.#cache.drop(first);
    return this.#follow(first, before, undefined);
  }

  /** By order, then address. */
  claimsOfPod({ namespace, name }: PodName): Claim[] {
    return this.#cache.claimsOfPod(namespace, name);
  }

  /** Every pod that holds an address, each once. */
  pods(): PodName[] {
    const pods = new Map<string, PodName>();
    for (const claim of this.#cache.claims()) {
      const pod = podOf(claim);
      if (pod !== undefined) {
        pods.set(podKey(pod), pod);
      }
    }
    return [...pods.values()];
  }

  /** How many addresses are held. */
  get size(): number {
    return this.#size;
  }

  /** All claims in address order. Reads every block. */
  claims(): Iterable<Claim> {
    return this.#cache.claims();
  }

  /** Held from this pool, in address order, `limit` at most. */
  *claimsOfPool(pool: Pool, limit = Number.POSITIVE_INFINITY): Generator<Claim> {
    const shares = [...(this.#shares.get(pool.name)?.values() ?? [])];
    let left = limit;
    for (const { first } of shares.sort((a, b) => compareAddresses(a.first, b.first))) {
      for (const claim of this.#claimsIn(first, pool)) {
        if (left <= 0) {
          return;
        }
        left -= 1;
        yield claim;
      }
    }
  }

  /** How many addresses are held from this pool; resting ones are not. Costs by the pool's blocks. */
  countOf(pool: Pool): number {
    let count = 0;
    for (const share of this.#shares.get(pool.name)?.values() ?? []) {
      count += isWithin(share.first, pool.subnet)
        ? share.count
        : [...this.#claimsIn(share.first, pool)].length;
    }
    return count;
  }

  /** How many addresses are held from pools of this name, of all dialects. */
  allocatedCount(poolName: string): number {
    let count = 0;
    for (const share of this.#shares.get(poolName)?.values() ?? []) {
      count += share.count;
    }
    return count;
  }

  /** The lowest address that is held from a pool of this name outside of `ranges`. */
  claimOutside(poolName: string, ranges: RangeSet): ClaimedAddress | undefined {
    const shares = [...(this.#shares.get(poolName)?.values() ?? [])];
    for (const { first } of shares.sort((a, b) => compareAddresses(a.first, b.first))) {
      for (const { line } of this.#cache.block(first)?.slots.values() ?? []) {
        if (line.state === 'claimed' && line.pool === poolName && !ranges.has(line.address)) {
          return { address: line.address, pod: `${line.owner.namespace}/${line.owner.pod}` };
        }
      }
    }
    return undefined;
  }

  /** Whether an address of the block is held, or not readable. */
  holdsIn(object: IpBlock): boolean {
    const first = firstOfBlock(object);
    const block = first && this.#cache.block(first);
    return (
      block === undefined || [...block.slots.values()].some(({ line }) => line.state === 'claimed')
    );
  }

  /** Affinity units, but those that were edited by hand. */
  *units(): Generator<OwnedUnit> {
    for (const first of this.#cache.firsts()) {
      const { name, uid = '', resourceVersion = '', units } = this.#cache.block(first)!;
      for (const [key, { unit }] of units) {
        if (unit.node !== '') {
          const { cidr, node } = unit;
          yield { cidr, node, key, block: name, uid, resourceVersion };
        }
      }
    }
  }

  /** Whether an address of a unit is held, or not readable. */
  isHeldIn(unit: Cidr): boolean {
    const own = blockOf(unit.first);
    const isLarger = !equalAddresses(blockOf(lastOfCidr(unit)), own);
    const firsts = isLarger
      ? this.#cache.firsts().filter((first) => cidrContains(unit, first))
      : [own];
    return firsts.some((first) =>
      [...(this.#cache.block(first)?.slots.values() ?? [])].some(
        ({ line }) => line.state === 'claimed' && cidrContains(unit, line.address),
      ),
    );
  }

  /** What was edited by hand. */
  quarantined(): Quarantined[] {
    return [...this.#strange.values(), ...this.#cache.quarantined()];
  }

  *#claimsIn(first: Address, pool: Pool): Generator<Claim> {
    for (const { line } of this.#cache.block(first)?.slots.values() ?? []) {
      const held = line.state === 'claimed' && !isQuarantine(line) && line.pool === pool.name;
      // Pools of several dialects may have one name; the address tells them apart.
      if (held && cidrContains(pool.subnet, line.address)) {
        yield line;
      }
    }
  }

  #follow(
    first: Address,
    before: CachedBlock | undefined,
    after: CachedBlock | undefined,
  ): ClaimsChange {
    const pods = new Map<string, PodName>();
    const pools = new Set<string>();
    for (let slot = 0; slot < SLOTS; slot += 1) {
      const old = before?.slots.get(slot)?.line;
      const now = after?.slots.get(slot)?.line;
      if (old === now) {
        continue;
      }
      for (const [line, step] of [
        [old, -1],
        [now, 1],
      ] as const) {
        if (line?.state === 'claimed' && !isQuarantine(line)) {
          this.#count(first, line.pool, step);
          pools.add(line.pool);
          const pod = podOf(line);
          if (pod !== undefined) {
            pods.set(podKey(pod), pod);
          }
        }
      }
    }
    return { pods: [...pods.values()], pools: [...pools] };
  }

  #count(first: Address, pool: string, step: 1 | -1): void {
    const shares = this.#shares.get(pool) ?? new Map<string, Share>();
    this.#shares.set(pool, shares);
    const key = blockCidrText(first);
    const share = shares.get(key) ?? { first, count: 0 };
    shares.set(key, share);
    share.count += step;
    this.#size += step;
    if (share.count === 0) {
      shares.delete(key);
    }
    if (shares.size === 0) {
      this.#shares.delete(pool);
    }
  }
}

/** Undefined for a claim that names no pod. */
function podOf({ owner }: Claim): PodName | undefined {
  return owner.pod === '' ? undefined : { namespace: owner.namespace, name: owner.pod };
}

/** `namespace/name`: neither part may have a `/`. */
export function podKey({ namespace, name }: PodName): string {
  return `${namespace}/${name}`;
}

function isWithin(first: Address, subnet: Cidr): boolean {
  return (
    familyOf(first) === familyOf(subnet.first) &&
    cidrContains(subnet, first) &&
    cidrContains(subnet, addressInBlock(first, SLOTS - 1))
  );
}
