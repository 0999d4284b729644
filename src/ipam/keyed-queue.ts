/**
 * One at a time per key (rule 3): a task runs when it is at the head of the queue of every key it names.
 *
 *     pod a      ADD(C1) ─ ADD(C2) ─────── DEL(C1)
 *     C1         ADD(C1) ───────────────── DEL(C1)
 *     C2                   ADD(C2)
 *
 * A task enters all its queues in one step, so two tasks can never wait for each other.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import { onceSettled } from './unsettled.ts';

interface Tail {
  /** Settles when the last task that entered has ended. */
  done: Promise<void>;
  waiting: number;
}

export class KeyedQueue {
  readonly #tails = new Map<string, Tail>();
  #tasks = 0;

  /** Tasks that run or wait, over all keys. */
  get depth(): number {
    return this.#tasks;
  }

  /** True while a task that named this key runs or waits. */
  busy(key: string): boolean {
    return this.#tails.has(key);
  }

  /**
   * Runs `task` after every earlier task that shares a key, whether that one succeeded or not. Resolves or
   * rejects as the task does. A task that rejects with an UnsettledError keeps its place until its outcome
   * stands (rule 2). Throws QUEUE_FULL, and then nothing was entered.
   */
  run<T>(keys: readonly string[], task: () => Promise<T>): Promise<T> {
    const entered = [...new Set(keys)];
    this.#refuseWhenFull(entered);
    const before: Promise<void>[] = [];
    let finish!: () => void;
    const done = new Promise<void>((resolve) => {
      finish = resolve;
    });
    for (const key of entered) {
      const tail = this.#tails.get(key);
      if (tail === undefined) {
        this.#tails.set(key, { done, waiting: 1 });
      } else {
        before.push(tail.done);
        tail.done = done;
        tail.waiting += 1;
      }
    }
    this.#tasks += 1;
    const start = before.length === 0 ? task() : Promise.all(before).then(task);
    return onceSettled(start, () => {
      this.#leave(entered);
      finish();
    });
  }

  #refuseWhenFull(keys: readonly string[]): void {
    if (this.#tasks >= LIMITS.callsMax) {
      throw new OrbweaverError('QUEUE_FULL', `${this.#tasks} calls are in progress already`);
    }
    for (const key of keys) {
      const waiting = this.#tails.get(key)?.waiting ?? 0;
      if (waiting >= LIMITS.podQueueMax) {
        throw new OrbweaverError('QUEUE_FULL', `${waiting} calls wait for ${key} already`);
      }
    }
  }

  #leave(keys: readonly string[]): void {
    this.#tasks -= 1;
    for (const key of keys) {
      const tail = this.#tails.get(key);
      if (tail !== undefined) {
        tail.waiting -= 1;
        if (tail.waiting === 0) {
          this.#tails.delete(key);
        }
      }
    }
  }
}
