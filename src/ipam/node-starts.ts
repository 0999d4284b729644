/**
 * Where the search of a node begins in pools that many nodes share, so that they rarely meet (DESIGN section 3).
 * It decides how often a race is lost, never who may have an address.
 *
 *     pool   ▕ block ▏ block ▏ block ▏ block ▏   from a block by the node's name, going round at the end
 *     block  ▕ slots 0 … 63 ▏                    from its lowest slot; after a lost race from one by the name
 */
import { LIMITS } from '../catalogue/limits.ts';
import type { Engine } from '../engine/engine.ts';
import {
  type Address,
  addressInBlock,
  addToAddress,
  blockOf,
  compareAddresses,
  formatAddress,
} from '../net/address.ts';
import { type Cidr, lastOfCidr } from '../net/cidr.ts';
import { nameHash } from './name-hash.ts';

const SLOTS = 64;

export class NodeStarts {
  /** Races lost, by the block's first address; the block of the oldest first loss first. */
  readonly #lost = new Map<string, number>();

  /**
   * The first address of the block that the node begins at, or undefined for the pool's lowest address: where
   * the pool has no more addresses than a block.
   */
  blockOf(engine: Engine, pool: number, node: string): Address | undefined {
    const blocks = Math.ceil(engine.counts(pool).total / SLOTS);
    if (blocks <= 1) {
      return undefined;
    }
    const first = engine.addressOf(pool, (nameHash(node) % blocks) * SLOTS);
    return first && blockOf(first);
  }

  /** Somebody else was faster to claim these addresses. */
  lose(addresses: readonly Address[]): void {
    for (const block of new Set(addresses.map((address) => formatAddress(blockOf(address))))) {
      this.#lost.set(block, (this.#lost.get(block) ?? 0) + 1);
    }
    for (const [block] of this.#lost) {
      if (this.#lost.size <= LIMITS.sharedBlocksMax) {
        break;
      }
      this.#lost.delete(block);
    }
  }

  /**
   * Another claim in place of `found`, which the engine has just made: in a block where the node has lost a race,
   * the pool's first free address from a slot on that follows from the node's name, and is another one after
   * every loss. It stays inside `within`.
   */
  spread(engine: Engine, pool: number, node: string, found: Address, within?: Cidr): Address {
    if (this.#lost.size === 0) {
      return found;
    }
    const block = blockOf(found);
    const losses = this.#lost.get(formatAddress(block));
    if (losses === undefined) {
      return found;
    }
    const hash = nameHash(node);
    // Steps by an odd number meet every slot, and nodes that meet a second time go on by different steps.
    const step = (hash >>> 6) | 1;
    const slot = (hash + Math.imul(losses - 1, step)) & (SLOTS - 1);
    const [first, last] = boundsOf(block, within);
    const from = addressInBlock(block, slot);
    engine.unclaim(found);
    const inside = compareAddresses(first, from) <= 0 && compareAddresses(from, last) <= 0;
    const after = inside ? engine.claimWithin(pool, from, last) : undefined;
    // There is one, since the one that was found is free again.
    return after ?? engine.claimWithin(pool, first, last)!;
  }
}

/**
 * The next blocks behind the one of an address that have something free, `count` at most, in the order in which a
 * search of the pool comes to them: it goes round at the end, and ends before the block it began in.
 */
export function blocksBehind(
  engine: Engine,
  pool: number,
  address: Address,
  count: number,
): Address[] {
  const begun = blockOf(address);
  const seen = new Set([formatAddress(begun)]);
  const blocks: Address[] = [];
  for (let last = begun; blocks.length < count; ) {
    const found = engine.claimNext(pool, addToAddress(last, SLOTS));
    if (found === undefined) {
      break;
    }
    engine.unclaim(found);
    last = blockOf(found);
    if (seen.has(formatAddress(last))) {
      break;
    }
    seen.add(formatAddress(last));
    blocks.push(last);
  }
  return blocks;
}

function boundsOf(block: Address, within: Cidr | undefined): readonly [Address, Address] {
  const end = addressInBlock(block, SLOTS - 1);
  if (within === undefined) {
    return [block, end];
  }
  const last = lastOfCidr(within);
  return [
    compareAddresses(block, within.first) < 0 ? within.first : block,
    compareAddresses(last, end) < 0 ? last : end,
  ];
}
