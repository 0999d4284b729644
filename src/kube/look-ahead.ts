/**
 * Blocks that a search is about to come to, read before anything is written there (rule 12). A node that knows nothing
 * of a block takes it for free; among blocks that others have filled it would lose one race after another. These
 * reads may be a little old: a write decides, and what was seen is never replaced by something older.
 */
import { LIMITS } from '../catalogue/limits.ts';
import type { Timers } from '../ipam/timers.ts';
import type { Address } from '../net/address.ts';
import { blockCidrText } from '../net/cidr.ts';
import type { BlockApi } from './api.ts';
import type { BlockCache } from './block-cache.ts';
import { blockName } from './ip-block.ts';
import type { RequestGate } from './request-gate.ts';

export interface LookAheadParts {
  readonly api: BlockApi;
  readonly cache: BlockCache;
  readonly gate: RequestGate;
  readonly timers: Timers;
}

/** A look at a block: it is under way, or was a moment ago. */
interface Look {
  /** Milliseconds since the epoch. */
  readonly begun: number;
  readonly done: Promise<void>;
}

export class LookAhead {
  readonly #parts: LookAheadParts;
  /** By the block's network. */
  readonly #looks = new Map<string, Look>();

  constructor(parts: LookAheadParts) {
    this.#parts = parts;
  }

  /** As `SharedLedger.lookAt` says. */
  lookAt(blocks: readonly Address[], deadline: number): Promise<void> {
    const { timers } = this.#parts;
    this.#forgetOld();
    const looks = blocks.map((block) => this.#looks.get(blockCidrText(block)) ?? this.#look(block));
    return new Promise((resolve) => {
      const callOff = timers.after(Math.max(0, deadline - timers.now()), resolve);
      void Promise.all(looks.map(({ done }) => done)).then(() => {
        callOff();
        resolve();
      });
    });
  }

  #look(block: Address): Look {
    const look = { begun: this.#parts.timers.now(), done: this.#read(block) };
    this.#looks.set(blockCidrText(block), look);
    return look;
  }

  /** Of a block that is not there nothing is to be said: it is free, as an unknown one is. */
  async #read(block: Address): Promise<void> {
    const { api, cache, gate } = this.#parts;
    const outcome = await gate.run(() => api.peek(blockName(block)));
    if (outcome.kind === 'ok') {
      cache.putListed(outcome.value);
    }
  }

  #forgetOld(): void {
    const oldest = this.#parts.timers.now() - LIMITS.lookAheadMs;
    for (const [key, { begun }] of this.#looks) {
      if (begun < oldest) {
        this.#looks.delete(key);
      }
    }
  }
}
