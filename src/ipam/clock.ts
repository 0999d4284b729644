/**
 * Wall-clock time that never goes back within a process.
 *
 * It follows the wall clock forward, and runs on by the monotonic clock while the wall clock is behind, so
 * that a clock set back an hour neither ends a rest early nor makes it last an hour longer.
 */
import type { Clock } from './ports.ts';

/** A step back of the wall clock below this is ordinary slewing, in milliseconds. */
const JUMP_MS = 5_000;

export class MonotonicClock implements Clock {
  readonly #wall: () => number;
  readonly #monotonic: () => number;
  readonly #onJumpBack: (ms: number) => void;
  #time: number;
  #readAt: number;
  #behind = false;

  /** `onJumpBack` is told once for every jump, with its size in milliseconds. */
  constructor(
    onJumpBack: (ms: number) => void = () => {},
    sources: { wall: () => number; monotonic: () => number } = {
      wall: Date.now,
      monotonic: () => performance.now(),
    },
  ) {
    this.#wall = sources.wall;
    this.#monotonic = sources.monotonic;
    this.#onJumpBack = onJumpBack;
    this.#time = this.#wall();
    this.#readAt = this.#monotonic();
  }

  now(): number {
    const monotonic = this.#monotonic();
    const expected = this.#time + (monotonic - this.#readAt);
    const wall = this.#wall();
    const behind = expected - wall;
    if (behind > JUMP_MS && !this.#behind) {
      this.#onJumpBack(Math.round(behind));
    }
    this.#behind = behind > JUMP_MS;
    this.#time = Math.max(expected, wall);
    this.#readAt = monotonic;
    return Math.floor(this.#time);
  }
}
