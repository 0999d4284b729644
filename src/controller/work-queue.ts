/**
 * What is to be brought in line, by key: many changes of one key are one piece of work, done a moment later.
 *
 *     add ─► waits `delayMs` ─► at most `workers` at once, one of a key at a time ─┬─ done
 *                  ▲                                                               ├─ later: to the end of the line
 *                  └─────────── the whole queue rests ◄─────────────────────────── └─ away: the server did not answer
 */

import type { Timers } from '../ipam/timers.ts';
import { backoffMs } from '../kube/backoff.ts';

/** How a piece of work ended. `later`: to be looked at again; `away`: the API server did not answer. */
export type WorkEnd = 'done' | 'later' | 'away';

export interface WorkQueueParts {
  readonly timers: Timers;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** From the first change of a key to its work, in milliseconds. */
  readonly delayMs: number;
  /** Pieces of work at a time. */
  readonly workers: number;
  /** Brings one key in line with what is known when it is called. */
  work(key: string): Promise<WorkEnd>;
  /** Told what a piece of work rejected with: it is left until its key changes again. */
  onFault(key: string, error: unknown): void;
}

/**
 * Pieces of work begun before the process sees to everything else: most need no request, and very many at once would
 * keep a leader from renewing its Lease.
 */
const BATCH = 100;

export class WorkQueue {
  readonly #parts: WorkQueueParts;
  /** Keys that wait and when each is due, earliest first, since all wait equally long. */
  readonly #waiting = new Map<string, number>();
  readonly #running = new Set<string>();
  readonly #ended: (() => void)[] = [];
  #failures = 0;
  #restsUntil = 0;
  /** Begun since the process saw to everything else. */
  #begun = 0;
  #yields = false;
  #callOff: (() => void) | undefined;
  #closed = false;

  constructor(parts: WorkQueueParts) {
    this.#parts = parts;
  }

  /** Keys that wait or are worked on. */
  get depth(): number {
    return this.#waiting.size + this.#running.size;
  }

  /** The key changed. While it is worked on it waits for another turn. */
  add(key: string): void {
    if (!this.#closed && !this.#waiting.has(key)) {
      this.#waiting.set(key, this.#parts.timers.now() + this.#parts.delayMs);
      this.#start();
    }
  }

  /** Begins nothing more; resolves when what is worked on has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting.clear();
    this.#callOff?.();
    if (this.#running.size > 0) {
      await new Promise<void>((resolve) => {
        this.#ended.push(resolve);
      });
    }
  }

  #start(): void {
    this.#callOff?.();
    this.#callOff = undefined;
    const { timers, workers } = this.#parts;
    const now = timers.now();
    for (const [key, due] of this.#waiting) {
      if (this.#running.size >= workers) {
        return;
      }
      const wait = Math.max(due, this.#restsUntil) - now;
      if (wait > 0) {
        this.#callOff = timers.after(wait, () => this.#start());
        return;
      }
      if (this.#begun >= BATCH) {
        this.#yield();
        return;
      }
      if (!this.#running.has(key)) {
        this.#begun += 1;
        this.#waiting.delete(key);
        void this.#run(key);
      }
    }
  }

  #yield(): void {
    if (!this.#yields) {
      this.#yields = true;
      this.#parts.timers.after(0, () => {
        this.#yields = false;
        this.#begun = 0;
        this.#start();
      });
    }
  }

  async #run(key: string): Promise<void> {
    this.#running.add(key);
    const end = await this.#parts.work(key).catch((error): WorkEnd => {
      this.#parts.onFault(key, error);
      return 'done';
    });
    this.#running.delete(key);
    if (end === 'away') {
      const { timers, random } = this.#parts;
      this.#failures += 1;
      this.#restsUntil = timers.now() + backoffMs(this.#failures, random);
    } else {
      this.#failures = 0;
    }
    if (end !== 'done') {
      this.add(key);
    }
    if (!this.#closed) {
      this.#start();
    } else if (this.#running.size === 0) {
      for (const ended of this.#ended.splice(0)) {
        ended();
      }
    }
  }
}
