/** Everything that is put in comes out some time later, in the order in which it was put in. */
import { setTimeout as pause } from 'node:timers/promises';

export class DelayedLine {
  readonly #delayMs: () => number;
  #last: Promise<void> = Promise.resolve();

  constructor(delayMs: () => number) {
    this.#delayMs = delayMs;
  }

  /** Resolves after the delay. */
  async wait(): Promise<void> {
    const ms = this.#delayMs();
    if (ms > 0) await pause(ms);
  }

  /** Does this after the delay, and after everything before it. */
  pass(act: () => void): void {
    const waited = this.wait();
    this.#last = this.#last.then(() => waited).then(act);
  }
}
