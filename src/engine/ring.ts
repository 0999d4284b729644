/**
 * Many requests in one call: they are written into a ring in the engine's memory, carried out in order by one
 * call, and their results read from the same places.
 */

import type { Instance } from './instance.ts';
import type { Words } from './words.ts';

const SLOT_WORDS = 8;

/** What came of a request: done, nothing free there, or the address was used already. */
export type RingOutcome = 'done' | 'none' | 'used';

/**
 * One batch at a time: put requests, `run`, read the outcomes by the numbers that putting them returned; the
 * first put after a run begins the next batch. Nothing happens before `run`. A request that is a bug (unclaim
 * of a free address) traps and loses the engine, as it does alone.
 */
export class Ring {
  readonly #instance: Instance;
  /** Numbers of the operations. */
  readonly #claimFirst: number;
  readonly #claimFrom: number;
  readonly #claimResting: number;
  readonly #claimAddress: number;
  readonly #unclaim: number;
  readonly #rest: number;
  readonly #none: number;
  readonly #used: number;
  /** Requests that fit into one batch. */
  readonly capacity: number;
  /** Index of the ring's first word, of the word behind the last, and of the next request's first. */
  readonly #begin: number;
  readonly #end: number;
  #next: number;
  #words: Uint32Array;

  constructor(instance: Instance) {
    const { wasm } = instance;
    this.#instance = instance;
    this.#none = wasm.STATUS_NONE.value;
    this.#used = wasm.STATUS_USED.value;
    this.capacity = wasm.RING_SLOTS.value;
    this.#begin = wasm.RING.value >>> 2;
    this.#end = this.#begin + this.capacity * SLOT_WORDS;
    this.#next = this.#begin;
    this.#words = instance.words;
    this.#claimFirst = wasm.OPERATION_CLAIM_FIRST.value;
    this.#claimFrom = wasm.OPERATION_CLAIM_FROM.value;
    this.#claimResting = wasm.OPERATION_CLAIM_RESTING.value;
    this.#claimAddress = wasm.OPERATION_CLAIM_ADDRESS.value;
    this.#unclaim = wasm.OPERATION_UNCLAIM.value;
    this.#rest = wasm.OPERATION_REST.value;
  }

  /** Requests put since the last run. */
  get length(): number {
    return (this.#next - this.#begin) / SLOT_WORDS;
  }

  /** As Engine.claimNext. Every put returns the request's number in the batch, 0-based. */
  claimNext(pool: number, from?: Words): number {
    if (from === undefined) return this.#put(this.#claimFirst, pool);
    const number = this.#putAddress(this.#claimFrom, from);
    this.#view()[this.#begin + number * SLOT_WORDS + 1] = pool;
    return number;
  }

  /** As Engine.claimResting. */
  claimResting(pool: number): number {
    return this.#put(this.#claimResting, pool);
  }

  /** As Engine.claimAddress. */
  claimAddress(address: Words): number {
    return this.#putAddress(this.#claimAddress, address);
  }

  /** As Engine.unclaim. */
  unclaim(address: Words): number {
    return this.#putAddress(this.#unclaim, address);
  }

  /** As Engine.rest. */
  rest(address: Words, untilTick: number): number {
    const number = this.#putAddress(this.#rest, address);
    this.#view()[this.#begin + number * SLOT_WORDS + 6] = untilTick;
    return number;
  }

  /** Carries out the batch in the order of the puts. Returns how many were not refused. */
  run(): number {
    const count = this.length;
    this.#next = this.#begin;
    let done: number;
    try {
      done = this.#instance.wasm.runRing(0, count);
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
    return this.#instance.expect('runRing', done);
  }

  /** What came of a request of the last run. Throws INTERNAL for a refusal that is a fault, as Engine does. */
  outcome(number: number): RingOutcome {
    const status = this.#view()[this.#begin + number * SLOT_WORDS + 7]! | 0;
    if (status === 0) return 'done';
    if (status === this.#none) return 'none';
    return status === this.#used ? 'used' : this.#instance.refuse('runRing', status);
  }

  /**
   * The address that a request of the last run claimed, or that it named; undefined where its outcome is none
   * or used. Throws as `outcome`.
   */
  addressAt(number: number): Words | undefined {
    const words = this.#view();
    const at = this.#begin + number * SLOT_WORDS;
    if (words[at + 7] !== 0) return this.#refused(number);
    return [words[at + 2]!, words[at + 3]!, words[at + 4]!, words[at + 5]!];
  }

  #refused(number: number): undefined {
    this.outcome(number);
  }

  /** All memory as words; asked for anew after it has grown, which empties the old view. */
  #view(): Uint32Array {
    if (this.#words.length === 0) this.#words = this.#instance.words;
    return this.#words;
  }

  /** Takes the next slot: the index of its first word. */
  #take(): number {
    const at = this.#next;
    if (at === this.#end) {
      throw new RangeError(`a batch of the ring has room for ${this.capacity} requests`);
    }
    this.#next = at + SLOT_WORDS;
    return at;
  }

  #put(operation: number, pool: number): number {
    const at = this.#take();
    const words = this.#view();
    words[at] = operation;
    words[at + 1] = pool;
    return (at - this.#begin) / SLOT_WORDS;
  }

  #putAddress(operation: number, address: Words): number {
    const at = this.#take();
    const words = this.#view();
    words[at] = operation;
    words[at + 2] = address[0];
    words[at + 3] = address[1];
    words[at + 4] = address[2];
    words[at + 5] = address[3];
    return (at - this.#begin) / SLOT_WORDS;
  }
}
