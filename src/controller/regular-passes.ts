/** Work that is done again and again, a while after its last end. */
import type { Timers } from '../ipam/timers.ts';

export interface RegularPassesParts {
  readonly timers: Timers;
  /** Between the end of one pass and the beginning of the next, in milliseconds. */
  readonly everyMs: number;
  readonly pass: () => Promise<void>;
}

export class RegularPasses {
  readonly #parts: RegularPassesParts;
  #stopped = false;
  #ended: Promise<void> = Promise.resolve();
  #wake = () => {};

  constructor(parts: RegularPassesParts) {
    this.#parts = parts;
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
    this.#wake();
    await this.#ended;
  }

  async #run(ready: Promise<unknown>): Promise<void> {
    const stopped = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    await Promise.race([ready, stopped]);
    while (!this.#stopped) {
      await this.#parts.pass();
      if (!this.#stopped) {
        await this.#rest();
      }
    }
  }

  #rest(): Promise<void> {
    return new Promise((resolve) => {
      const callOff = this.#parts.timers.after(this.#parts.everyMs, resolve);
      this.#wake = () => {
        callOff();
        resolve();
      };
    });
  }
}
