/**
 * Many requests in one call: they are written into a ring in the engine's memory, carried out in order by one
 * call, and their results read from the same places.
 */
import type { Address } from '../net/address.ts';
import type { Instance } from './instance.ts';

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
  readonly #operations: Readonly<
    Record<'first' | 'from' | 'resting' | 'address' | 'unclaim' | 'rest', number>
  >;
  readonly #at: number;
  readonly #none: number;
  readonly #used: number;
  /** Requests that fit into one batch. */
  readonly capacity: number;
  #length = 0;
  #ran = false;

  constructor(instance: Instance) {
    const { wasm } = instance;
    this.#instance = instance;
    this.#at = wasm.RING.value >>> 2;
    this.#none = wasm.STATUS_NONE.value;
    this.#used = wasm.STATUS_USED.value;
    this.capacity = wasm.RING_SLOTS.value;
    this.#operations = {
      first: wasm.OPERATION_CLAIM_FIRST.value,
      from: wasm.OPERATION_CLAIM_FROM.value,
      resting: wasm.OPERATION_CLAIM_RESTING.value,
      address: wasm.OPERATION_CLAIM_ADDRESS.value,
      unclaim: wasm.OPERATION_UNCLAIM.value,
      rest: wasm.OPERATION_REST.value,
    };
  }

  /** Requests put since the last run, or of the last run where none was put since. */
  get length(): number {
    return this.#length;
  }

  /** As Engine.claimNext. Every put returns the request's number in the batch, 0-based. */
  claimNext(pool: number, from?: Address): number {
    if (from === undefined) return this.#put(this.#operations.first, pool);
    return this.#putAddress(this.#operations.from, pool, from, 0);
  }

  /** As Engine.claimResting. */
  claimResting(pool: number): number {
    return this.#put(this.#operations.resting, pool);
  }

  /** As Engine.claimAddress. */
  claimAddress(address: Address): number {
    return this.#putAddress(this.#operations.address, 0, address, 0);
  }

  /** As Engine.unclaim. */
  unclaim(address: Address): number {
    return this.#putAddress(this.#operations.unclaim, 0, address, 0);
  }

  /** As Engine.rest. */
  rest(address: Address, untilTick: number): number {
    return this.#putAddress(this.#operations.rest, 0, address, untilTick);
  }

  /** Carries out the batch in the order of the puts. Returns how many were not refused. */
  run(): number {
    const count = this.#ran ? 0 : this.#length;
    this.#ran = true;
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
    const status = this.#instance.words[this.#at + number * SLOT_WORDS + 7]! | 0;
    if (status === 0) return 'done';
    if (status === this.#none) return 'none';
    return status === this.#used ? 'used' : this.#instance.refuse('runRing', status);
  }

  /** The address of a request of the last run that is done: claimed, or as it was put. */
  addressAt(number: number): Address {
    const { words } = this.#instance;
    const at = this.#at + number * SLOT_WORDS + 2;
    return [words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!];
  }

  #next(): number {
    if (this.#ran) {
      this.#ran = false;
      this.#length = 0;
    }
    if (this.#length === this.capacity) {
      throw new RangeError(`a batch of the ring has room for ${this.capacity} requests`);
    }
    return this.#length++;
  }

  #put(operation: number, pool: number): number {
    const number = this.#next();
    const { words } = this.#instance;
    const at = this.#at + number * SLOT_WORDS;
    words[at] = operation;
    words[at + 1] = pool;
    return number;
  }

  #putAddress(operation: number, pool: number, address: Address, tick: number): number {
    const number = this.#next();
    const { words } = this.#instance;
    const at = this.#at + number * SLOT_WORDS;
    words[at] = operation;
    words[at + 1] = pool;
    words[at + 2] = address[0];
    words[at + 3] = address[1];
    words[at + 4] = address[2];
    words[at + 5] = address[3];
    words[at + 6] = tick;
    return number;
  }
}
