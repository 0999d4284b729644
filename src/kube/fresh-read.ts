/**
 * Rule 11: before a pool is called used out, an address is taken out of its rest, or a unit from its owner, what may
 * have changed is read anew.
 *
 *     refresh ─┐                                 ┌─ a few blocks: GET of each
 *     refresh ─┼─ not more often than so ────────┤
 *     refresh ─┘  (one at a time for all)        └─ more: LIST by the coarse networks of those that are known
 *
 * All reads are quorum reads. A block in a network of which nothing is known looks free, so it never is why a pool
 * looks full. The GETs are there because a small pool may lie in a coarse network that is full of others.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import type { SharedLedger, Sight } from '../ipam/ports.ts';
import { pause, type Timers } from '../ipam/timers.ts';
import { type Address, addToAddress, blockOf, equalAddresses } from '../net/address.ts';
import { blockCidrText } from '../net/cidr.ts';
import { RangeSet } from '../net/range-set.ts';
import type { ApiOutcome, BlockApi } from './api.ts';
import { backoffMs } from './backoff.ts';
import type { BlockCache } from './block-cache.ts';
import { listBlocks, readBlock } from './block-list.ts';
import { coarseNetwork } from './ip-block.ts';
import { LookAhead } from './look-ahead.ts';
import type { RequestGate } from './request-gate.ts';

export interface FreshReadParts {
  readonly api: BlockApi;
  readonly cache: BlockCache;
  readonly gate: RequestGate;
  readonly timers: Timers;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** What is read in one piece: a block, or all blocks of a coarse network. */
type Place =
  | { readonly key: string; readonly block: Address }
  | { readonly key: string; readonly network: string };

/** A read of some places: it is to begin, under way, or was a moment ago. */
interface Look {
  /** Milliseconds since the epoch; undefined: not yet. */
  begun: number | undefined;
  readonly done: Promise<void>;
}

type Newer = Exclude<Sight, 'old'>;

/** So many blocks are read one by one; more of them as a list. */
const FEW_BLOCKS = 4;
/** Coarse networks in one list: more would make its address too long. */
const NETWORKS_PER_LIST = 50;
const SLOTS = 64;

export class FreshRead implements SharedLedger {
  readonly #parts: FreshReadParts;
  /** By the key of the place. */
  readonly #looks = new Map<string, Look>();
  readonly #ahead: LookAhead;

  constructor(parts: FreshReadParts) {
    this.#parts = parts;
    this.#ahead = new LookAhead(parts);
  }

  lookAt(blocks: readonly Address[], deadline: number): Promise<void> {
    return this.#ahead.lookAt(blocks, deadline);
  }

  async refresh(addresses: readonly RangeSet[], deadline: number, least: Newer): Promise<Newer> {
    this.#forgetOld();
    const places = this.#placesOf(addresses);
    const unread = places.filter(({ key }) => {
      const look = this.#looks.get(key);
      return look === undefined || (look.begun !== undefined && least === 'new');
    });
    if (unread.length > 0) {
      this.#plan(unread);
    }
    const looks = [...new Set(places.flatMap(({ key }) => this.#looks.get(key) ?? []))];
    const sight = looks.every(({ begun }) => begun === undefined) ? 'new' : 'recent';
    await this.#by(deadline, Promise.all(looks.map(({ done }) => done)));
    return sight;
  }

  #placesOf(addresses: readonly RangeSet[]): Place[] {
    const few = fewBlocksOf(addresses);
    if (few !== undefined) {
      return few.map((block) => ({ key: blockCidrText(block), block }));
    }
    const known = this.#parts.cache.firsts().filter((first) => {
      const block = RangeSet.of([{ first, last: addToAddress(first, SLOTS - 1) }]);
      return addresses.some((set) => set.overlaps(block));
    });
    return [...new Set(known.map(coarseNetwork))].map((network) => ({ key: network, network }));
  }

  #forgetOld(): void {
    const oldest = this.#parts.timers.now() - LIMITS.freshReadMs;
    for (const [key, { begun = oldest }] of this.#looks) {
      if (begun < oldest) {
        this.#looks.delete(key);
      }
    }
  }

  /** A look begins when the last one of any of the places is long enough ago. */
  #plan(places: readonly Place[]): void {
    const { timers } = this.#parts;
    const earliest = places.map(({ key }) => this.#looks.get(key)?.begun ?? -LIMITS.freshReadMs);
    const wait = Math.max(...earliest) + LIMITS.freshReadMs - timers.now();
    // Those who come in the same turn share it.
    const begin = wait > 0 ? pause(timers, wait) : new Promise<void>(setImmediate);
    const look: Look = {
      begun: undefined,
      done: begin.then(() => {
        look.begun = timers.now();
        return this.#readUntil(places, look.begun + LIMITS.apiCommitMs);
      }),
    };
    for (const { key } of places) {
      this.#looks.set(key, look);
    }
    // Those who wait hear of it; the next one tries again.
    look.done.catch(() => {
      for (const { key } of places) {
        if (this.#looks.get(key) === look) {
          this.#looks.delete(key);
        }
      }
    });
  }

  /** Tries until all was read, the server refuses, or time is up. */
  async #readUntil(places: readonly Place[], end: number): Promise<void> {
    const { timers, random } = this.#parts;
    for (let failures = 1; ; failures += 1) {
      const failure = await this.#read(places);
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
  async #read(places: readonly Place[]): Promise<Failure | undefined> {
    const { api, cache, gate } = this.#parts;
    const blocks = places.flatMap((place) => ('block' in place ? [place.block] : []));
    const networks = places.flatMap((place) => ('network' in place ? [place.network] : []));
    const reads = blocks.map((block) => () => readBlock(api, cache, block));
    for (let at = 0; at < networks.length; at += NETWORKS_PER_LIST) {
      const some = networks.slice(at, at + NETWORKS_PER_LIST);
      reads.push(() => listBlocks(api, cache, some));
    }
    const outcomes = await Promise.all(reads.map((read) => gate.run(read)));
    return outcomes.find((outcome) => outcome.kind !== 'ok');
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

/** The blocks that the addresses lie in, or undefined where they are more than a few. */
function fewBlocksOf(addresses: readonly RangeSet[]): Address[] | undefined {
  const blocks = new Map<string, Address>();
  for (const set of addresses) {
    for (const { first, last } of set.ranges()) {
      const end = blockOf(last);
      for (let block = blockOf(first); ; block = addToAddress(block, SLOTS)) {
        blocks.set(blockCidrText(block), block);
        if (blocks.size > FEW_BLOCKS) {
          return undefined;
        }
        if (equalAddresses(block, end)) {
          break;
        }
      }
    }
  }
  return [...blocks.values()];
}

function awayError(reason: string): OrbweaverError {
  return new OrbweaverError(
    'API_SERVER_AWAY',
    'no free address is known here, and the API server could not be asked whether one was given back',
    reason,
  );
}
