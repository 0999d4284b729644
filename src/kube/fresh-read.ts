/**
 * Rule 11: before a pool is called used out, or an address is taken out of its rest, its blocks are read anew.
 *
 *     refresh ─┐                             ┌─ few: GET of each block
 *     refresh ─┼─ blocks not read just now ──┼─ many: LIST by their coarse networks
 *     refresh ─┘  (each in flight once)      └─ none: done
 *
 * Only blocks that are known already are read: one that is not known looks free in the engine, so it never is
 * why a pool looks full. All reads are quorum reads. A pool of a few blocks may lie in a coarse network that is
 * full of others, hence the GETs.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import type { SharedLedger } from '../ipam/ports.ts';
import { pause, type Timers } from '../ipam/timers.ts';
import { type Address, addressInBlock } from '../net/address.ts';
import { blockCidrText } from '../net/cidr.ts';
import { RangeSet } from '../net/range-set.ts';
import type { ApiOutcome, BlockApi } from './api.ts';
import { backoffMs } from './backoff.ts';
import type { BlockCache } from './block-cache.ts';
import { listBlocks } from './block-list.ts';
import { blockName, coarseNetwork } from './ip-block.ts';
import type { RequestGate } from './request-gate.ts';

export interface FreshReadParts {
  readonly api: BlockApi;
  readonly cache: BlockCache;
  readonly gate: RequestGate;
  readonly timers: Timers;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** A read of some blocks that is under way, or was a moment ago. */
interface Look {
  readonly begun: number;
  readonly done: Promise<void>;
}

/** So many blocks are read one by one; more of them as a list. */
const FEW_BLOCKS = 4;
/** Coarse networks in one list: more would make its address too long. */
const NETWORKS_PER_LIST = 50;
const LAST_SLOT = 63;

export class FreshRead implements SharedLedger {
  readonly #parts: FreshReadParts;
  /** By the block's network. */
  readonly #looks = new Map<string, Look>();

  constructor(parts: FreshReadParts) {
    this.#parts = parts;
  }

  refresh(addresses: readonly RangeSet[], deadline: number): Promise<void> {
    this.#forgetOld();
    const blocks = this.#parts.cache.firsts().filter((first) => {
      const block = RangeSet.of([{ first, last: addressInBlock(first, LAST_SLOT) }]);
      return addresses.some((set) => set.overlaps(block));
    });
    const unread = blocks.filter((first) => !this.#looks.has(blockCidrText(first)));
    if (unread.length > 0) {
      this.#look(unread);
    }
    const looks = new Set(blocks.flatMap((first) => this.#looks.get(blockCidrText(first)) ?? []));
    return this.#by(deadline, Promise.all([...looks].map(({ done }) => done)));
  }

  #forgetOld(): void {
    const oldest = this.#parts.timers.now() - LIMITS.freshReadMs;
    for (const [block, look] of this.#looks) {
      if (look.begun < oldest) {
        this.#looks.delete(block);
      }
    }
  }

  #look(blocks: readonly Address[]): void {
    const done = this.#readUntil(blocks, this.#parts.timers.now() + LIMITS.apiCommitMs);
    const look = { begun: this.#parts.timers.now(), done };
    for (const first of blocks) {
      this.#looks.set(blockCidrText(first), look);
    }
    // Those who wait hear of it; the next one tries again.
    done.catch(() => {
      for (const [block, known] of this.#looks) {
        if (known === look) {
          this.#looks.delete(block);
        }
      }
    });
  }

  /** Tries until all blocks were read, the server refuses, or time is up. */
  async #readUntil(blocks: readonly Address[], end: number): Promise<void> {
    const { timers, random } = this.#parts;
    for (let failures = 1; ; failures += 1) {
      const failure = await this.#read(blocks);
      if (failure === undefined) {
        return;
      }
      const least = failure.kind === 'busy' ? failure.retryAfterMs : 0;
      const wait = least + backoffMs(failures, random);
      if (failure.kind === 'refused' || timers.now() + wait > end) {
        throw awayError('reason' in failure ? failure.reason : failure.kind);
      }
      await pause(timers, wait);
    }
  }

  /** The first request that failed, or undefined where none did. */
  async #read(blocks: readonly Address[]): Promise<Failure | undefined> {
    const { api, cache, gate } = this.#parts;
    const reads =
      blocks.length <= FEW_BLOCKS
        ? blocks.map((first) => () => this.#readOne(first))
        : networkLists(blocks).map((networks) => () => listBlocks(api, cache, networks));
    const outcomes = await Promise.all(reads.map((read) => gate.run(read)));
    return outcomes.find((outcome) => outcome.kind !== 'ok');
  }

  async #readOne(first: Address): Promise<ApiOutcome<void>> {
    const { api, cache } = this.#parts;
    const outcome = await api.get(blockName(first));
    if (outcome.kind === 'ok') {
      cache.put(outcome.value);
    } else if (outcome.kind === 'not-found') {
      cache.drop(first);
    } else {
      return outcome;
    }
    return { kind: 'ok', value: undefined };
  }

  #by(deadline: number, read: Promise<unknown>): Promise<void> {
    const { timers } = this.#parts;
    return new Promise((resolve, reject) => {
      const left = Math.min(LIMITS.callDeadlineMs, Math.max(0, deadline - timers.now()));
      const callOff = timers.after(left, () =>
        reject(awayError(`no answer within the ${left} ms that the call had left`)),
      );
      read.then(() => resolve(), reject).finally(callOff);
    });
  }
}

type Failure = Exclude<ApiOutcome<void>, { readonly kind: 'ok' }>;

function networkLists(blocks: readonly Address[]): string[][] {
  const networks = [...new Set(blocks.map(coarseNetwork))];
  const lists: string[][] = [];
  for (let at = 0; at < networks.length; at += NETWORKS_PER_LIST) {
    lists.push(networks.slice(at, at + NETWORKS_PER_LIST));
  }
  return lists;
}

function awayError(reason: string): OrbweaverError {
  return new OrbweaverError(
    'API_SERVER_AWAY',
    'no free address is known here, and the API server could not be asked whether one was given back',
    reason,
  );
}
