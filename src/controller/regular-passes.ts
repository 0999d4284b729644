/** Work that is done again and again, a while after its last end. */
import type { Timers } from '../ipam/timers.ts';
import { WakingRest } from './waking-rest.ts';

export interface RegularPassesParts {
  readonly timers: Timers;
  /** Between the end of one pass and the beginning of the next, in milliseconds. */
  readonly everyMs: number;
  readonly pass: () => Promise<void>;
}

export class RegularPasses {
  readonly #parts: RegularPassesParts;
  readonly #pause: WakingRest;
  readonly #stopping = Promise.withResolvers<void>();
  #stopped = false;
  #ended: Promise<void> = Promise.resolve();

  constructor(parts: RegularPassesParts) {
    this.#parts = parts;
    this.#pause = new WakingRest(parts.timers);
  }

  /** The first pass begins when `ready` resolves. */
  start(ready: Promise<unknown>): void {
    this.#ended = this.#run(ready);
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  /** Begins no more passes; resolves when none is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopping.resolve();
    this.#pause.wake();
    await this.#ended;
  }

  async #run(ready: Promise<unknown>): Promise<void> {
    await Promise.race([ready, this.#stopping.promise]);
    while (!this.#stopped) {
      await this.#parts.pass();
      if (!this.#stopped) {
        await this.#pause.rest(this.#parts.everyMs);
      }
    }
  }
}
