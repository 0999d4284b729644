/** A wait that can be cut short. */
import type { Timers } from '../ipam/timers.ts';

export class WakingRest {
  readonly #timers: Timers;
  #wake = () => {};

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Resolves after `ms` milliseconds, or when `wake` is called. One at a time. */
  rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const callOff = this.#timers.after(ms, resolve);
      this.#wake = () => {
        callOff();
        resolve();
      };
    });
  }

  /** Ends the wait that is on, if one is. */
  wake(): void {
    this.#wake();
  }
}
