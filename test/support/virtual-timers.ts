/** Time that passes when the test says so. */
import type { Timers } from '../../src/ipam/timers.ts';

interface Alarm {
  readonly at: number;
  readonly wake: () => void;
}

export class VirtualTimers implements Timers {
  #now: number;
  readonly #alarms = new Set<Alarm>();

  constructor(now = 1_700_000_000_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, wake: () => void): () => void {
    const alarm = { at: this.#now + ms, wake };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  /** Lets `ms` milliseconds pass; everything that can run in between has run when this resolves. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await turn();
    for (;;) {
      const next = [...this.#alarms]
        .filter(({ at }) => at <= end)
        .reduce<Alarm | undefined>((a, b) => (a === undefined || b.at < a.at ? b : a), undefined);
      if (next === undefined) {
        break;
      }
      this.#alarms.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.wake();
      await turn();
    }
    this.#now = end;
  }
}

/** One turn of the event loop: everything that waits for nothing has run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
