/**
 * One at a time per key (rule 3): a task runs when it is at the head of the queue of every key it names.
 *
 *     pod a      ADD(C1) ─ ADD(C2) ─────── DEL(C1)
 *     C1         ADD(C1) ───────────────── DEL(C1)
 *     C2                   ADD(C2)
 *
 * A task enters all its queues in one step, so two tasks can never wait for each other. One that has waited past
 * its deadline is answered so and never started; those behind it go on waiting for those before it.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import type { Timers } from './timers.ts';
import { onceSettled } from './unsettled.ts';

interface Tail {
  /** Settles when the last task that entered has ended. */
  done: Promise<void>;
  waiting: number;
}

export interface EntryOptions {
  /** Milliseconds since the epoch: a task that still waits then is not started any more. */
  readonly deadline?: number;
  /** Enters even where the queue is full: somebody was promised that it runs. */
  readonly always?: boolean;
}

export class KeyedQueue {
  readonly #timers: Timers;
  readonly #tails = new Map<string, Tail>();
  #tasks = 0;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

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
   * rejects as the task does, or with DEADLINE_EXCEEDED. A task that rejects with an UnsettledError keeps its
   * place until its outcome stands (rule 2). Throws QUEUE_FULL, and then nothing was entered.
   */
  run<T>(
    keys: readonly string[],
    task: () => Promise<T>,
    { deadline, always = false }: EntryOptions = {},
  ): Promise<T> {
    const entered = [...new Set(keys)];
    if (!always) {
      this.#refuseWhenFull(entered);
    }
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
    const turn = before.length === 0 ? undefined : Promise.all(before);
    const outcome = turn === undefined ? task() : this.#inTurn(turn, task, deadline);
    return onceSettled(outcome, () => {
      this.#leave(entered);
      if (turn === undefined) {
        finish();
      } else {
        void turn.then(finish);
      }
    });
  }

  #inTurn<T>(
    turn: Promise<unknown>,
    task: () => Promise<T>,
    deadline: number | undefined,
  ): Promise<T> {
    if (deadline === undefined) {
      return turn.then(task);
    }
    return new Promise((resolve, reject) => {
      let late = false;
      const callOff = this.#timers.after(Math.max(0, deadline - this.#timers.now()), () => {
        late = true;
        const message = 'the call waited past its deadline behind others of its pod';
        reject(new OrbweaverError('DEADLINE_EXCEEDED', message));
      });
      void turn.then(() => {
        callOff();
        if (!late) {
          task().then(resolve, reject);
        }
      });
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
