/**
 * The engine, as the rest of Orbweaver sees it: typed synchronous calls, addresses in and out, no memory.
 *
 * It is the fast copy of the ledger (I2): it answers "which free slot next" and nothing it knows is ever
 * written down by itself. Every method throws EngineLost once the instance has trapped, and OrbweaverError
 * INTERNAL for a refusal that the caller could have known (a handle that no pool has, ranges that are not
 * normalized). A throw other than EngineLost has changed nothing.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { EngineLost } from './engine-lost.ts';
import { Instance } from './instance.ts';
import { invariantText } from './invariants.ts';
import type { EngineBuild, LoadOptions } from './module.ts';
import { Ring } from './ring.ts';
import type { Words } from './words.ts';

const RANGE_WORDS = 8;
/** Word indexes of the header, as docs/engine-abi.md lists them. */
const HEADER = { length: 2, poolCount: 12, blockCount: 17 } as const;

/** How many addresses of a pool are what. Doubles: exact below 2^53, the nearest double above. */
export interface PoolCounts {
  /** Addresses in the pool's ranges. */
  readonly total: number;
  readonly used: number;
  readonly resting: number;
}

/** The state of a block of 64 addresses: bit i of a word is slot i, each word as two unsigned halves. */
export interface BlockWords {
  readonly usedLow: number;
  readonly usedHigh: number;
  readonly restingLow: number;
  readonly restingHigh: number;
}

export interface EngineStats {
  /** Linear memory, in bytes. */
  readonly memoryBytes: number;
  /** The part of it that a snapshot copies. */
  readonly imageBytes: number;
  /** Blocks that have a record. */
  readonly blocks: number;
  readonly pools: number;
}

export class Engine {
  readonly #instance: Instance;
  readonly #scratch: number;
  readonly #rowList: number;
  readonly #rowListMax: number;
  readonly #none: number;
  readonly #used: number;
  /** Many requests in one call. */
  readonly ring: Ring;

  private constructor(instance: Instance) {
    const { wasm } = instance;
    this.#instance = instance;
    this.#scratch = wasm.SCRATCH.value >>> 2;
    this.#rowList = wasm.ROW_LIST.value >>> 2;
    this.#rowListMax = wasm.ROW_LIST_MAX.value;
    this.#none = wasm.STATUS_NONE.value;
    this.#used = wasm.STATUS_USED.value;
    this.ring = new Ring(instance);
  }

  /** A new, empty engine. */
  static load(options?: LoadOptions): Engine {
    return new Engine(Instance.open(options));
  }

  /**
   * An engine that goes on where the snapshot was taken; any build reads the snapshots of any other. Throws
   * INTERNAL for bytes that are not a sound snapshot of this version: everything is verified.
   */
  static restore(bytes: Uint8Array, options?: LoadOptions): Engine {
    const engine = new Engine(Instance.open(options, bytes));
    if (engine.#instance.words[HEADER.length]! !== bytes.length) {
      throw new OrbweaverError('INTERNAL', 'engine: restore: the snapshot is cut off or too long');
    }
    const broken = engine.#verifyUntrusted();
    if (broken !== undefined) throw new OrbweaverError('INTERNAL', `engine: restore: ${broken}`);
    return engine;
  }

  #verifyUntrusted(): string | undefined {
    try {
      return this.verify();
    } catch (cause) {
      if (cause instanceof EngineLost) return 'the snapshot is damaged: verifying it trapped';
      throw cause;
    }
  }

  /** Which build runs. */
  get build(): EngineBuild {
    return this.#instance.build;
  }

  // ─── Pools ───────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Adds a pool. Returns its handle, the lowest free one; it is also the pool's bit in affinity rows.
   * `ranges` is normalized, eight words a range. What is used or resting there already counts at once.
   */
  addPool(ranges: Uint32Array): number {
    this.#putRanges(ranges);
    let status: number;
    try {
      status = this.#instance.wasm.addPool(ranges.length / RANGE_WORDS);
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
    return this.#instance.expect('addPool', status);
  }

  /** Gives a pool other ranges. Used and resting slots stay so, also those the pool no longer covers. */
  replacePool(pool: number, ranges: Uint32Array): void {
    this.#putRanges(ranges);
    let status: number;
    try {
      status = this.#instance.wasm.replacePool(pool, ranges.length / RANGE_WORDS);
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
    this.#instance.expect('replacePool', status);
  }

  /** Removes a pool. Used and resting slots stay so; the handle may be given to another pool. */
  removePool(pool: number): void {
    let status: number;
    try {
      status = this.#instance.wasm.removePool(pool);
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
    this.#instance.expect('removePool', status);
  }

  /** How many addresses the pool has, and how many of them are used and resting. O(1). */
  counts(pool: number): PoolCounts {
    try {
      const { wasm } = this.#instance;
      const total = wasm.poolTotal(pool);
      if (total < 0) this.#instance.refuse('counts', total);
      return { total, used: wasm.poolUsed(pool), resting: wasm.poolResting(pool) };
    } catch (cause) {
      throw this.#thrown(cause);
    }
  }

  /**
   * Position of the address in the pool's ranges, 0-based, undefined where it is not in the pool. Exact below
   * 2^53, the nearest double above. O(log ranges).
   */
  ordinalOf(pool: number, address: Words): number | undefined {
    let ordinal: number;
    try {
      ordinal = this.#instance.wasm.ordinalOf(pool, address[0], address[1], address[2], address[3]);
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
    if (ordinal >= 0) return ordinal;
    return ordinal === this.#none ? undefined : this.#instance.refuse('ordinalOf', ordinal);
  }

  /** The address at an ordinal below 2^53, undefined where the pool has none there. O(log ranges). */
  addressOf(pool: number, ordinal: number): Words | undefined {
    let status: number;
    try {
      status = this.#instance.wasm.addressOf(pool, ordinal);
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
    return this.#claimed('addressOf', status);
  }

  // ─── Claims ──────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Claims the lowest address of the pool that is neither used nor resting, at or behind `from`; where none
   * is left there, or without `from`, the pool's lowest. Undefined: nothing is free. O(log64 blocks).
   */
  claimNext(pool: number, from?: Words): Words | undefined {
    let status: number;
    try {
      const { wasm } = this.#instance;
      status =
        from === undefined
          ? wasm.claimFirst(pool)
          : wasm.claimFrom(pool, from[0], from[1], from[2], from[3]);
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
    return this.#claimed('claimNext', status);
  }

  /** Claims the pool's lowest free address from `first` to `last`, both inclusive. Undefined: none. */
  claimWithin(pool: number, first: Words, last: Words): Words | undefined {
    const [f0, f1, f2, f3] = first;
    const [l0, l1, l2, l3] = last;
    let status: number;
    try {
      status = this.#instance.wasm.claimWithin(pool, f0, f1, f2, f3, l0, l1, l2, l3);
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
    return this.#claimed('claimWithin', status);
  }

  /**
   * Claims the pool's resting address whose rest ends soonest (which of several that end at once is not
   * said). Undefined: none rests. Amortized O(log n) over the pool's rests.
   */
  claimResting(pool: number): Words | undefined {
    let status: number;
    try {
      status = this.#instance.wasm.claimResting(pool);
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
    return this.#claimed('claimResting', status);
  }

  /** Claims just this address, in a pool or not; a rest of it ends. */
  claimAddress(address: Words): 'claimed' | 'used' {
    let status: number;
    try {
      status = this.#instance.wasm.claimAddress(address[0], address[1], address[2], address[3]);
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
    if (status === this.#used) return 'used';
    this.#instance.expect('claimAddress', status);
    return 'claimed';
  }

  /** True when the address is used. */
  isUsed(address: Words): boolean {
    return (this.#stateOf(address) & 1) !== 0;
  }

  /** True when the address rests. */
  isResting(address: Words): boolean {
    return (this.#stateOf(address) & 2) !== 0;
  }

  #stateOf(address: Words): number {
    try {
      return this.#instance.wasm.stateOf(address[0], address[1], address[2], address[3]);
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
  }

  /** Frees a used address at once. One that is not used is a bug: the engine traps and is lost. */
  unclaim(address: Words): void {
    let status: number;
    try {
      status = this.#instance.wasm.unclaim(address[0], address[1], address[2], address[3]);
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
    this.#instance.expect('unclaim', status);
  }

  /**
   * Lets an address rest, whatever it was before, until the engine's time reaches `untilTick` (32 bits, in
   * the unit that `advance` uses). A tick that has passed frees it at once.
   */
  rest(address: Words, untilTick: number): void {
    let status: number;
    try {
      const { wasm } = this.#instance;
      status = wasm.rest(address[0], address[1], address[2], address[3], untilTick);
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
    this.#instance.expect('rest', status);
  }

  /** Time goes on: every slot whose rest ends at or before `tick` is free. Returns how many; never goes back. */
  advance(tick: number): number {
    try {
      return this.#instance.wasm.advance(tick);
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
  }

  /** The words of the block that holds the address. */
  readBlock(address: Words): BlockWords {
    try {
      this.#instance.wasm.readBlock(address[0], address[1], address[2], address[3]);
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
    const { words } = this.#instance;
    const at = this.#scratch;
    return {
      usedLow: words[at]!,
      usedHigh: words[at + 1]!,
      restingLow: words[at + 2]!,
      restingHigh: words[at + 3]!,
    };
  }

  /** Sets the whole used word of the block that holds the address. Slots that become used stop resting. */
  writeBlock(address: Words, usedLow: number, usedHigh: number): void {
    const [w0, w1, w2, w3] = address;
    let status: number;
    try {
      status = this.#instance.wasm.writeBlock(w0, w1, w2, w3, usedLow, usedHigh);
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
    this.#instance.expect('writeBlock', status);
  }

  /** The address that a call left in scratch, or undefined where it found none. */
  #claimed(call: string, status: number): Words | undefined {
    if (status === this.#none) return undefined;
    if (status < 0) this.#instance.refuse(call, status);
    const { words } = this.#instance;
    const at = this.#scratch;
    return [words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!];
  }

  // ─── Affinity ────────────────────────────────────────────────────────────────────────────────────────

  /** A new row. `fill` is the bit of every pool, present and future, that `setBit` does not set. */
  addRow(fill: 0 | 1): number {
    let status: number;
    try {
      status = this.#instance.wasm.addRow(fill);
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
    return this.#instance.expect('addRow', status);
  }

  /** A new row with the bits and the fill of another. */
  copyRow(row: number): number {
    let status: number;
    try {
      status = this.#instance.wasm.copyRow(row);
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
    return this.#instance.expect('copyRow', status);
  }

  /** Sets the bit of a pool in a row; removing the pool undoes it. */
  setBit(row: number, pool: number, bit: 0 | 1): void {
    let status: number;
    try {
      status = this.#instance.wasm.setBit(row, pool, bit);
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
    this.#instance.expect('setBit', status);
  }

  /** Gives a row back; its number may be given to another. */
  freeRow(row: number): void {
    let status: number;
    try {
      status = this.#instance.wasm.freeRow(row);
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
    this.#instance.expect('freeRow', status);
  }

  /**
   * Leaves in result register `result` (0 to 15) the pools whose bit is set in every row; without rows, all
   * pools that exist. Returns how many. A register holds until the next call that names it or adds a pool.
   */
  intersectRows(rows: ArrayLike<number>, result: number): number {
    const count = Math.min(rows.length, this.#rowListMax);
    this.#list(rows, 0, count);
    let pools: number;
    try {
      pools = this.#instance.wasm.intersectRows(count, result);
      for (let at = count; at < rows.length && pools >= 0; at += this.#rowListMax) {
        const more = Math.min(rows.length - at, this.#rowListMax);
        this.#list(rows, at, more);
        pools = this.#instance.wasm.narrowResult(more, result);
      }
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
    return this.#instance.expect('intersectRows', pools);
  }

  /** Leaves in register `into` the pools that are in every one of the registers; returns how many. */
  intersectResults(results: ArrayLike<number>, into: number): number {
    this.#list(results, 0, results.length);
    let pools: number;
    try {
      pools = this.#instance.wasm.intersectResults(results.length, into);
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
    return this.#instance.expect('intersectResults', pools);
  }

  #list(numbers: ArrayLike<number>, from: number, count: number): void {
    const { words } = this.#instance;
    for (let i = 0; i < count; i++) words[this.#rowList + i] = numbers[from + i]!;
  }

  /** True when the pool is in a result register. */
  resultHas(result: number, pool: number): boolean {
    const [at, length] = this.#resultWords(result);
    if (pool >>> 5 >= length) return false;
    return ((this.#instance.words[at + (pool >>> 5)]! >>> (pool & 31)) & 1) !== 0;
  }

  /** The pools of a result register, ascending. */
  resultPools(result: number): number[] {
    const [at, length] = this.#resultWords(result);
    const { words } = this.#instance;
    const pools: number[] = [];
    for (let i = 0; i < length; i++) {
      for (let bits = words[at + i]!; bits !== 0; bits &= bits - 1) {
        pools.push(i * 32 + 31 - Math.clz32(bits & -bits));
      }
    }
    return pools;
  }

  /** A copy of a result register: 32 pools a word, pool 0 is bit 0 of the first. */
  resultWords(result: number): Uint32Array {
    const [at, length] = this.#resultWords(result);
    return this.#instance.words.slice(at, at + length);
  }

  /** Index of the register's first word, and how many words it has. */
  #resultWords(result: number): readonly [number, number] {
    try {
      const { wasm } = this.#instance;
      const offset = wasm.resultOffset(result);
      return offset === 0 ? [0, 0] : [offset >>> 2, wasm.resultBytes() >>> 2];
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
  }

  // ─── The whole ───────────────────────────────────────────────────────────────────────────────────────

  /** The first broken invariant in words, undefined where all hold. Walks everything. */
  verify(): string | undefined {
    try {
      return invariantText(this.#instance.wasm, this.#instance.wasm.verify());
    } catch (cause) {
      throw this.#instance.lose(cause);
    }
  }

  /** A copy of everything, for `restore`. */
  snapshot(): Uint8Array {
    const { words } = this.#instance;
    return new Uint8Array(words.buffer, 0, words[HEADER.length]!).slice();
  }

  /** Sizes, for metrics. */
  stats(): EngineStats {
    const { words } = this.#instance;
    return {
      memoryBytes: words.byteLength,
      imageBytes: words[HEADER.length]!,
      blocks: words[HEADER.blockCount]!,
      pools: words[HEADER.poolCount]!,
    };
  }

  #putRanges(ranges: Uint32Array): void {
    const at = this.#instance.workspace(ranges.length);
    this.#instance.words.set(ranges, at);
  }

  /** What to throw: refusals as they are, a trap as the loss of the engine. */
  #thrown(cause: unknown): Error {
    return cause instanceof OrbweaverError ? cause : this.#instance.lose(cause);
  }
}
