/**
 * The claims of the agent's own node are looked after (rule 13): their blocks are read again from time to time,
 * and what somebody removed by hand is written again where nobody else has it by now.
 *
 *     a read of a block ─┬─ a claim is missing ── write it again over what is there ── told
 *                        ├─ somebody else has it ── left alone, named ─────────────── told
 *                        └─ a line cannot be read ── left alone, named ────────────── told
 *
 * The write tests exactly what was read and changes only the nonce, so it is lost against any call of the claim's
 * pod, and never lands over another pod's line.
 */
import { LIMITS } from '../catalogue/limits.ts';
import type { Claim, SlotWrite } from '../ipam/ports.ts';
import type { Timers } from '../ipam/timers.ts';
import { type Address, blockOf, formatAddress } from '../net/address.ts';
import { blockCidrText } from '../net/cidr.ts';
import type { BlockCache } from './block-cache.ts';
import type { CachedBlock, Quarantined } from './cached-block.ts';
import { blockName } from './ip-block.ts';
import type { Losses } from './kept-claims.ts';
import { nonceAgain } from './settle.ts';

/** What somebody did to the blocks by hand. */
export interface Trouble extends Quarantined {
  /** Written again; in other hands; or not to be read. */
  readonly kind: 'reasserted' | 'taken' | 'quarantined';
}

export interface OwnClaimsParts {
  readonly cache: BlockCache;
  readonly timers: Timers;
  /** Writes over a claim's own line, all or none. Resolves to whether it landed. */
  rewrite(writes: readonly SlotWrite[]): Promise<boolean>;
  /** Reads a block anew, when nothing else is on its way that shows it. */
  look(first: Address): void;
  readonly onTrouble: (trouble: Trouble) => void;
}

export class OwnClaims {
  readonly #parts: OwnClaimsParts;
  /** Claims that somebody else has now, by address. */
  readonly #taken = new Map<string, Trouble>();
  /** Blocks whose missing claims are being written. */
  readonly #writing = new Set<string>();
  /** Copies that were there in the last round already: not a single answer renewed them since. */
  readonly #old = new WeakSet<CachedBlock>();
  #callOff: () => void = () => {};

  constructor(parts: OwnClaimsParts) {
    this.#parts = parts;
  }

  /** Reads the own blocks from now on. */
  start(): void {
    this.#callOff = this.#parts.timers.after(LIMITS.blockVerifyMs, () => {
      this.#verify();
      this.start();
    });
  }

  stop(): void {
    this.#callOff();
  }

  /** The own claims that others have, for as long as they do. */
  taken(): Quarantined[] {
    return [...this.#taken.values()];
  }

  /** Deals with what a read of a block showed. */
  heed(first: Address, trouble: Losses, faults: readonly Quarantined[]): void {
    const block = blockName(first);
    for (const fault of faults) {
      this.#parts.onTrouble({ kind: 'quarantined', ...fault });
    }
    for (const { was, now } of trouble.taken) {
      const place = formatAddress(was.address);
      const fault = `${holder(was)} of this node had it, and ${holder(now)} of ${now.node} has it now`;
      const told: Trouble = { kind: 'taken', place, block, text: now.nonce, fault };
      this.#taken.set(place, told);
      this.#parts.onTrouble(told);
    }
    if (trouble.missing.length > 0) {
      void this.#writeAgain(first);
    }
  }

  /** Lines of these addresses changed. */
  follow(addresses: readonly Address[]): void {
    for (const address of addresses) {
      const place = formatAddress(address);
      if (this.#parts.cache.line(address)?.nonce !== this.#taken.get(place)?.text) {
        this.#taken.delete(place);
      }
    }
  }

  async #writeAgain(first: Address): Promise<void> {
    const key = blockCidrText(first);
    if (this.#writing.has(key)) {
      return;
    }
    this.#writing.add(key);
    try {
      for (;;) {
        const missing = this.#missing(first);
        if (missing.length === 0) {
          return;
        }
        const writes = missing.map((was) => ({
          was,
          now: { ...was, nonce: nonceAgain(was.nonce) },
        }));
        if (await this.#parts.rewrite(writes)) {
          this.#tellWritten(missing);
        }
      }
    } catch {
      // The ledger closes, or the server refuses: the next round tries again.
    } finally {
      this.#writing.delete(key);
    }
  }

  #missing(first: Address): Claim[] {
    const slots = [...(this.#parts.cache.block(first)?.slots.values() ?? [])];
    return slots.flatMap(({ line, missing }) => (missing ? [line as Claim] : []));
  }

  #tellWritten(claims: readonly Claim[]): void {
    for (const claim of claims) {
      const place = formatAddress(claim.address);
      const fault = `the claim of ${holder(claim)} was removed by hand and was written again`;
      const block = blockName(blockOf(claim.address));
      this.#parts.onTrouble({ kind: 'reasserted', place, block, text: '', fault });
    }
  }

  #verify(): void {
    const { cache, look } = this.#parts;
    for (const first of cache.ownBlocks()) {
      const block = cache.block(first);
      if (block === undefined) {
        continue;
      }
      if (this.#missing(first).length > 0) {
        void this.#writeAgain(first);
      } else if (this.#old.has(block)) {
        look(first);
      } else {
        this.#old.add(block);
      }
    }
  }
}

function holder({ owner, attachment }: Claim): string {
  return owner.pod === ''
    ? `container ${attachment.containerId}`
    : `pod ${owner.namespace}/${owner.pod}`;
}
