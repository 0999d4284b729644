/**
 * The API server's time, as its answers tell it (DESIGN section 4 rule 9): the node's own wall clock may be wrong
 * by hours, and two nodes must agree on when a rest ends.
 *
 * An answer's Date header D has whole seconds, so the server's clock stood in [D, D + 1 s) somewhere between the
 * moments at which the request went out and the answer came in. Beside the monotonic clock that is an interval
 * for their difference; intervals of several answers are cut with each other, and the lower end of what is left
 * is used. So the clock is behind the server's by less than one second and a round trip, soon by much less, and
 * ahead of it by no more than that (where the monotonic clock runs fast, until an answer contradicts).
 */
import type { Clock } from '../ipam/ports.ts';

export interface ClockSources {
  /** Milliseconds since the epoch. */
  readonly wall: () => number;
  /** Milliseconds, never set. */
  readonly monotonic: () => number;
}

const SYSTEM: ClockSources = { wall: Date.now, monotonic: () => performance.now() };

/** Precision of a Date header. */
const DATE_MS = 1_000;

export class ServerClock implements Clock {
  readonly #sources: ClockSources;
  /** Bounds of server time minus monotonic time; undefined before the first answer. */
  #offset: { low: number; high: number } | undefined;
  #last: { time: number; at: number } | undefined;

  constructor(sources: ClockSources = SYSTEM) {
    this.#sources = sources;
  }

  /** False until an answer was seen: till then `now` is the node's own wall clock. */
  get isSet(): boolean {
    return this.#offset !== undefined;
  }

  /**
   * Takes in the Date header of an answer; `sentAt` and `receivedAt` are monotonic milliseconds. One that cannot
   * be read is passed over.
   */
  observe(date: string | undefined, sentAt: number, receivedAt: number): void {
    const said = Date.parse(date ?? '');
    if (Number.isNaN(said)) {
      return;
    }
    const low = said - receivedAt;
    const high = said + DATE_MS - sentAt;
    const known = this.#offset;
    if (known === undefined) {
      this.#offset = { low, high };
      this.#last = undefined;
      return;
    }
    const both = { low: Math.max(low, known.low), high: Math.min(high, known.high) };
    // A contradiction: one of the clocks was set or drifts, or another server answered. The newest counts.
    this.#offset = both.low <= both.high ? both : { low, high };
  }

  /**
   * Milliseconds since the epoch; never goes back, but for once: at the first answer. Where the server's clock
   * was set back, this one goes at half its pace until they agree again.
   */
  now(): number {
    const at = this.#sources.monotonic();
    if (this.#offset === undefined) {
      return Math.floor(this.#sources.wall());
    }
    const told = at + this.#offset.low;
    const last = this.#last ?? { time: told, at };
    const time = Math.max(told, last.time + (at - last.at) / 2);
    this.#last = { time, at };
    return Math.floor(time);
  }
}
