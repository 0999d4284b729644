/**
 * All that one agent writes into one block: one request in flight, carrying every call that waits.
 *
 *     submit ─┐                       ┌─ in the answer: landed
 *     submit ─┼─► one PATCH ─► answer ┼─ a test failed: read the block, tell who lost, fewer in the next one
 *     submit ─┘                       └─ none: read the block, and write again until the outcome stands
 *
 * How a part ends (rule 2), whatever became of the requests that carried it:
 * - landed: its nonces were seen in the block;
 * - lost: a slot holds neither what it tests for nor its own nonce, so no copy of it can ever land;
 * - cancelled: no request that carried it is open, or a fence was written before it;
 * - rejected: the server refused it, and no request that carried it is open.
 */

import { OrbweaverError } from '../catalogue/errors.ts';
import type { SlotConflict, UnitConflict } from '../ipam/ports.ts';
import { pause, type Timers } from '../ipam/timers.ts';
import { type Address, equalAddresses, slotOf } from '../net/address.ts';
import type { ApiOutcome, BlockApi } from './api.ts';
import { backoffMs } from './backoff.ts';
import type { BlockCache } from './block-cache.ts';
import { blockWith, canShare, isRelease, judge, type Part, patchWith } from './block-patch.ts';
import { blockName, type IpBlock } from './ip-block.ts';
import type { RequestGate } from './request-gate.ts';
import { fenceOf } from './settle.ts';

export interface LaneParts {
  readonly api: BlockApi;
  readonly cache: BlockCache;
  readonly gate: RequestGate;
  readonly timers: Timers;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export type PartEnd =
  | { readonly kind: 'landed' }
  | { readonly kind: 'cancelled' }
  | {
      readonly kind: 'lost';
      readonly conflicts: readonly SlotConflict[];
      readonly units: readonly UnitConflict[];
    };

/** A part on its way. */
export interface Ticket {
  /** Rejects where the server refused the part, or with NOT_READY where the ledger closed before its end. */
  readonly end: Promise<PartEnd>;
  /** The part is no longer wanted. It may have landed all the same. */
  cancel(): void;
}

interface Entry {
  readonly part: Part;
  readonly resolve: (end: PartEnd) => void;
  readonly reject: (error: unknown) => void;
  /** What keeps the part out, once it is unwanted and a request that carried it is open. */
  fence: Part | undefined;
  unwanted: boolean;
  /** A request that carried it went out and was not answered. */
  inDoubt: boolean;
}

export class BlockLane {
  readonly #first: Address;
  readonly #parts: LaneParts;
  readonly #onIdle: () => void;
  #entries: Entry[] = [];
  #inFlight: readonly Entry[] = [];
  #running = false;
  #closed = false;
  /** The copy of the block is known to be old. */
  #stale = false;
  /** Those who wait for a read of the block. */
  #looks: (() => void)[] = [];
  #failures = 0;
  /** Parts in the next patch. */
  #most = Number.POSITIVE_INFINITY;

  constructor(first: Address, parts: LaneParts, onIdle: () => void) {
    this.#first = first;
    this.#parts = parts;
    this.#onIdle = onIdle;
  }

  /** Puts a part in line. After `close` it is rejected at once. */
  submit(part: Part): Ticket {
    let entry!: Entry;
    const end = new Promise<PartEnd>((resolve, reject) => {
      entry = { part, resolve, reject, fence: undefined, unwanted: false, inDoubt: false };
    });
    this.#entries.push(entry);
    this.#wake();
    return {
      end,
      cancel: () => {
        entry.unwanted = true;
        if (!entry.inDoubt && !this.#inFlight.includes(entry)) {
          this.#leave(entry)?.resolve({ kind: 'cancelled' });
        }
      },
    };
  }

  /** Whether the slot is about to be given back, or has been already without an answer. */
  releases(address: Address): boolean {
    return this.#entries.some(({ part }) =>
      part.writes.some(
        ({ now }) => now.state === 'resting' && equalAddresses(now.address, address),
      ),
    );
  }

  /** Reads the block. Resolves when the copy is as new as this call, or when the lane closes. */
  look(): Promise<void> {
    const seen = new Promise<void>((resolve) => {
      this.#looks.push(resolve);
    });
    this.#stale = true;
    this.#wake();
    return seen;
  }

  #wake(): void {
    if (this.#closed) {
      this.close();
    } else if (!this.#running) {
      this.#running = true;
      void this.#run();
    }
  }

  /** Sends nothing more. */
  close(): void {
    this.#closed = true;
    for (const resolve of this.#looks.splice(0)) {
      resolve();
    }
    for (const { reject } of this.#entries.splice(0)) {
      reject(new OrbweaverError('NOT_READY', 'the agent is stopping'));
    }
  }

  async #run(): Promise<void> {
    // Calls that come in the same turn go in the same request.
    await Promise.resolve();
    while (!this.#closed) {
      const wanted = this.#entries.length > 0 && this.#parts.cache.isBrief(this.#first);
      if (wanted || (this.#stale && this.#entries.length + this.#looks.length > 0)) {
        await this.#read();
        continue;
      }
      this.#endJudged();
      const batch = this.#nextBatch();
      if (batch.length === 0) {
        break;
      }
      this.#inFlight = batch;
      const outcome = await this.#send(batch.map(({ part, fence }) => fence ?? part));
      this.#inFlight = [];
      if (!this.#closed) {
        await this.#heed(outcome, batch);
      }
    }
    this.#running = false;
    this.#onIdle();
  }

  async #read(): Promise<void> {
    const { api, cache, gate } = this.#parts;
    const looks = this.#looks.splice(0);
    let since: string | undefined;
    const outcome = await gate.run(() => {
      since = cache.versionOf(this.#first);
      return api.get(blockName(this.#first));
    });
    if (outcome.kind === 'ok' || outcome.kind === 'not-found') {
      cache.putRead(this.#first, outcome.kind === 'ok' ? outcome.value : undefined, since);
    } else {
      this.#looks.unshift(...looks);
      await this.#rest(outcome);
      return;
    }
    this.#stale = this.#looks.length > 0;
    for (const resolve of looks) {
      resolve();
    }
  }

  #send(batch: readonly Part[]): Promise<ApiOutcome<IpBlock>> {
    const { api, cache, gate } = this.#parts;
    const block = cache.block(this.#first);
    return gate.run(() =>
      block?.uid === undefined
        ? api.create(blockWith(this.#first, batch))
        : api.patch(block.name, patchWith(block, batch, this.#failures === 0)),
    );
  }

  async #heed(outcome: ApiOutcome<IpBlock>, batch: readonly Entry[]): Promise<void> {
    switch (outcome.kind) {
      case 'ok':
        this.#parts.cache.put(outcome.value);
        this.#failures = 0;
        this.#most = Number.POSITIVE_INFINITY;
        return;
      case 'busy':
      case 'away':
        return this.#rest(outcome);
      case 'refused':
        return this.#refuse(outcome, batch);
      case 'unknown':
        for (const entry of batch) {
          entry.inDoubt = true;
        }
        break;
      default:
        // Rule 12: after a lost race read the block, and take fewer along.
        this.#most = Math.max(1, Math.floor(batch.length / 2));
        break;
    }
    this.#stale = true;
    await this.#rest(outcome);
  }

  /** One bad part must not fail the others, so each is refused alone. */
  async #refuse(outcome: ApiOutcome<never>, batch: readonly Entry[]): Promise<void> {
    this.#most = Math.max(1, Math.floor(batch.length / 2));
    const [only, ...others] = batch;
    if (others.length === 0 && only !== undefined && !only.inDoubt) {
      const reason = outcome.kind === 'refused' ? outcome.reason : '';
      this.#leave(only)?.reject(
        new OrbweaverError('API_SERVER_AWAY', 'the API server refused the claim', reason),
      );
      return;
    }
    if (others.length === 0 && only !== undefined && this.#leave(only) !== undefined) {
      // Its end may be long in coming: those behind it go first.
      this.#entries.push(only);
    }
    await this.#rest(outcome);
  }

  #rest(outcome: ApiOutcome<unknown>): Promise<void> {
    const { timers, random } = this.#parts;
    this.#failures += 1;
    const least = outcome.kind === 'busy' ? outcome.retryAfterMs : 0;
    return pause(timers, least + backoffMs(this.#failures, random));
  }

  #endJudged(): void {
    const block = this.#parts.cache.block(this.#first);
    for (const entry of [...this.#entries]) {
      const verdict = judge(entry.part, block);
      const end = verdict.kind === 'open' ? this.#endOfUnwanted(entry) : verdict;
      if (end !== undefined) {
        this.#leave(entry)?.resolve(end);
      }
    }
  }

  /** An unwanted part that is in doubt is kept out by a fence before it is called cancelled (rule 2). */
  #endOfUnwanted(entry: Entry): PartEnd | undefined {
    const { part } = entry;
    if (entry.unwanted && entry.inDoubt && part.writes.length > 0) {
      const block = this.#parts.cache.block(this.#first);
      const now = this.#parts.timers.now();
      const writes = part.writes.map((write) =>
        fenceOf(write, block?.slots.get(slotOf(write.now.address))?.line, now),
      );
      entry.fence = { first: part.first, writes, units: [] };
      return undefined;
    }
    return entry.unwanted ? { kind: 'cancelled' } : undefined;
  }

  /** What goes in one request. After a failure, releases and claims go apart (rule 12). */
  #nextBatch(): Entry[] {
    const [head, ...others] = this.#entries;
    if (head === undefined) {
      return [];
    }
    const batch = [head];
    const taken = [head.fence ?? head.part];
    for (const entry of others) {
      const part = entry.fence ?? entry.part;
      const together = this.#failures === 0 || isRelease(part) === isRelease(taken[0]!);
      if (batch.length >= this.#most) {
        break;
      }
      if (together && taken.every((other) => canShare(other, part))) {
        batch.push(entry);
        taken.push(part);
      }
    }
    return batch;
  }

  #leave(entry: Entry): Entry | undefined {
    const at = this.#entries.indexOf(entry);
    return at < 0 ? undefined : this.#entries.splice(at, 1)[0];
  }
}
