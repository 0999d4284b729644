import type { Clock } from './ports.ts';

/** A clock that can also wake; tests turn it by hand. */
export interface Timers extends Clock {
  /** Runs `wake` once, `ms` milliseconds from now; the result calls it off. */
  after(ms: number, wake: () => void): () => void;
}

/** Resolves after `ms` milliseconds. */
export function pause(timers: Timers, ms: number): Promise<void> {
  return new Promise((resolve) => {
    timers.after(ms, resolve);
  });
}

/** Timers of the machine that keep no process alive. */
export function systemTimers(clock: Clock): Timers {
  return {
    now: () => clock.now(),
    after: (ms, wake) => {
      const timer = setTimeout(wake, ms).unref();
      return () => clearTimeout(timer);
    },
  };
}
