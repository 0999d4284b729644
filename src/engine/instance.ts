/**
 * One WebAssembly instance: its exports, a view of its memory that survives growth, and the rule that a
 * trapped instance is never entered again.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import type { EngineExports } from './abi.ts';
import { EngineLost } from './engine-lost.ts';
import { chooseBuild, type EngineBuild, instantiate, type LoadOptions } from './module.ts';

/** What each refusal means to a caller who did not expect it; the numbers come from the engine itself. */
const REFUSALS = {
  STATUS_NONE: 'nothing is free there',
  STATUS_USED: 'the address is used',
  STATUS_POOL_UNKNOWN: 'no pool has this handle',
  STATUS_POOLS_FULL: 'no more pools fit into one engine (limit poolsMax)',
  STATUS_RANGES_INVALID: 'a range list is not sorted and merged, or has a reversed range',
  STATUS_RANGES_TOO_MANY: 'a pool has more ranges than fit (limit poolRangesMax)',
  STATUS_MEMORY_FULL: 'the memory of the engine is full (4 GiB)',
  STATUS_NUMBER_UNKNOWN: 'no row, register, ring slot or operation has this number',
  STATUS_IMAGE_INVALID: 'the bytes are not a snapshot of this version of the engine',
} as const satisfies Partial<Record<keyof EngineExports, string>>;

/** Stands in for the exports of a lost instance: touching any of them throws. */
function lostExports(lost: EngineLost): EngineExports {
  return new Proxy({} as EngineExports, {
    get() {
      throw lost;
    },
  });
}

export class Instance {
  readonly build: EngineBuild;
  /** The exports. Call them inside `try` and pass what is caught to `lose`. */
  wasm: EngineExports;
  #words: Uint32Array;

  private constructor(build: EngineBuild, wasm: EngineExports) {
    this.build = build;
    this.wasm = wasm;
    this.#words = new Uint32Array(wasm.memory.buffer);
  }

  /** A new instance; where `image` is given its memory begins as those bytes. */
  static open(options?: LoadOptions, image?: Uint8Array): Instance {
    const build = chooseBuild(options);
    const instance = new Instance(build, instantiate(build));
    if (image !== undefined) instance.#fill(image);
    instance.expect('open', instance.wasm.open());
    return instance;
  }

  #fill(image: Uint8Array): void {
    const { memory } = this.wasm;
    const missing = image.length - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65_536));
    new Uint8Array(memory.buffer).set(image);
  }

  /** All memory as 32-bit words. Not to be kept across a call into the engine: growth detaches it. */
  get words(): Uint32Array {
    // A detached view has no length; asking that is cheaper than comparing buffers.
    if (this.#words.length === 0) this.#words = new Uint32Array(this.wasm.memory.buffer);
    return this.#words;
  }

  /** Where to put `words` words for the engine: the index of the first in `this.words`. */
  workspace(words: number): number {
    let offset: number;
    try {
      offset = this.wasm.reserveWorkspace(words * 4);
    } catch (cause) {
      throw this.lose(cause);
    }
    if (offset === 0) this.refuse('reserveWorkspace', this.wasm.STATUS_MEMORY_FULL.value);
    return offset >>> 2;
  }

  /** Returns `status` where it is no refusal; throws INTERNAL, naming the call and the reason, otherwise. */
  expect(call: string, status: number): number {
    return status >= 0 ? status : this.refuse(call, status);
  }

  /** Throws INTERNAL for a refusal that the caller could have known beforehand. */
  refuse(call: string, status: number): never {
    for (const [name, text] of Object.entries(REFUSALS)) {
      if (this.wasm[name as keyof typeof REFUSALS].value === status) {
        throw new OrbweaverError('INTERNAL', `engine: ${call}: ${text}`);
      }
    }
    throw new OrbweaverError('INTERNAL', `engine: ${call}: unknown status ${status}`);
  }

  /** Gives the instance up after a trap and returns what to throw, now and on every later call. */
  lose(cause: unknown): EngineLost {
    if (cause instanceof EngineLost) return cause;
    const lost = new EngineLost(cause);
    // Growing by nothing empties every view of the memory, so that whoever kept one comes here for another.
    this.wasm.memory.grow(0);
    this.wasm = lostExports(lost);
    this.#words = new Uint32Array(0);
    return lost;
  }
}
