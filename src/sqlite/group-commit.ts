/**
 * Many callers, one fsync: all units of work that wait are run in one transaction, each in a savepoint of
 * its own, and nobody is told of success before the one COMMIT is on the disk (I3).
 *
 * The fsync blocks the main thread, on purpose. While it does, the calls of other pods pile up in the
 * sockets; the next turn of the event loop reads them all and they share the next fsync. A thread of its own
 * would add two hops to every ADD and gather no more.
 *
 * Node accepts one connection a turn, and a plugin comes on a connection of its own. A group is therefore
 * closed only when a turn has brought nothing more, or when it has gathered for as long as a flush takes.
 *
 * What can go wrong, and what then happens:
 * - a unit throws: its savepoint is undone, its caller gets the error, the others go on;
 * - the store fails in the middle or at COMMIT (disk full, fsync error): nothing of the group may be called
 *   durable, so each unit is run once more in a transaction of its own. What fits is kept, what does not is
 *   rejected with STORE_FAILURE and harms nobody else. After an error other than a full disk the file is
 *   opened anew first, because the outcome of the failed COMMIT is unknown and only the disk can tell;
 *   units must therefore be repeatable: run again over their own result they do nothing and succeed;
 * - a unit that was rejected after a failed COMMIT may still turn up when the file is read again. Its `undo`
 *   runs at the head of the next transaction, so that a rejected change is not kept.
 */
import { isBusy, isDiskFull, isStoreError } from './connection.ts';
import type { Database } from './database.ts';

/** What one transaction was, for metrics. */
export interface CommitReport {
  /** Units that became durable together. */
  readonly units: number;
  /** The sum of their `writes`. */
  readonly writes: number;
  /** From BEGIN to the end of the fsync, in milliseconds. */
  readonly durationMs: number;
}

export interface GroupCommitOptions {
  /** Rows in one transaction; a single unit may have more. */
  readonly writesMax: number;
  /** After each COMMIT that reached the disk. */
  readonly onCommit?: ((report: CommitReport) => void) | undefined;
  /** A transaction failed as a whole, for whatever reason. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
  /** At the end of each group, inside its transaction: room for housekeeping. `writes`: rows of the group. */
  readonly housekeeping?: ((writes: number) => void) | undefined;
}

export interface UnitOptions {
  /** Rows the unit writes, about. */
  readonly writes: number;
  /** Takes back what the unit did if it is there, and does nothing otherwise. */
  readonly undo?: (() => void) | undefined;
}

interface Unit {
  readonly work: () => unknown;
  readonly options: UnitOptions;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** How a unit ended inside a transaction that is not durable yet. */
type Ending = { readonly value: unknown } | { readonly error: unknown };

/** Why a transaction is not durable. */
interface Failure {
  readonly error: unknown;
  /** COMMIT was begun: the transaction may still turn up when the file is opened again. */
  readonly doubtful: boolean;
}

/** A single unit is retried this often after input/output errors in a row before the rest is given up. */
const FAILURES_IN_A_ROW_MAX = 3;

/** Milliseconds for which a group may gather even where a flush takes less. */
const GATHERING_MS_LEAST = 2;

export class GroupCommit {
  readonly #database: Database;
  readonly #options: GroupCommitOptions;
  readonly #savepoint;
  readonly #release;
  readonly #rollbackTo;
  readonly #rollbackListeners: (() => void)[] = [];
  #waiting: Unit[] = [];
  #doubtful: Unit[] = [];
  #scheduled: NodeJS.Immediate | undefined;
  #lastFlushMs = 0;

  constructor(database: Database, options: GroupCommitOptions) {
    this.#database = database;
    this.#options = options;
    this.#savepoint = database.prepare('SAVEPOINT unit');
    this.#release = database.prepare('RELEASE unit');
    this.#rollbackTo = database.prepare('ROLLBACK TO unit');
  }

  /** Units that wait for the next group. */
  get depth(): number {
    return this.#waiting.length;
  }

  /**
   * Runs `work`, which reads and writes the database synchronously, in the next group. Resolves with its
   * result once that is durable; rejects with what it threw (nothing of it is kept then), or with
   * STORE_FAILURE or STORE_DAMAGED.
   */
  submit<T>(work: () => T, options: UnitOptions): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ work, options, resolve: resolve as Unit['resolve'], reject });
      this.#schedule();
    });
  }

  /** `listener` runs after a transaction was taken back as a whole: caches of what it wrote are void. */
  onRollback(listener: () => void): void {
    this.#rollbackListeners.push(listener);
  }

  /** Runs everything that waits now; returns when all of it is settled. */
  flush(): void {
    while (this.#waiting.length > 0) {
      this.#runGroup(this.#takeGroup());
    }
  }

  /** setImmediate comes after all sockets that were readable in this turn have been read. */
  #schedule(): void {
    this.#scheduled ??= setImmediate(() => {
      const until = performance.now() + Math.max(this.#lastFlushMs, GATHERING_MS_LEAST);
      this.#gather(0, until);
    });
  }

  /** Goes on for as long as each turn of the event loop brings something, but not past `until`. */
  #gather(before: number, until: number): void {
    const { length } = this.#waiting;
    if (length > before && length < this.#options.writesMax && performance.now() < until) {
      this.#scheduled = setImmediate(() => this.#gather(length, until));
      return;
    }
    this.#scheduled = undefined;
    if (length > 0) {
      this.#runGroup(this.#takeGroup());
    }
    if (this.#waiting.length > 0) {
      this.#schedule();
    }
  }

  #takeGroup(): Unit[] {
    let writes = 0;
    let count = 0;
    for (const unit of this.#waiting) {
      writes += unit.options.writes;
      if (count > 0 && writes > this.#options.writesMax) {
        break;
      }
      count += 1;
    }
    const group = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return group;
  }

  #runGroup(group: Unit[]): void {
    const failure = this.#transact(group);
    if (failure === undefined) {
      return;
    }
    if (group.length === 1 && isDiskFull(failure.error)) {
      this.#giveUp(group[0]!, failure);
      return;
    }
    let failuresInARow = 0;
    for (const unit of group) {
      const again = failuresInARow < FAILURES_IN_A_ROW_MAX ? this.#transact([unit]) : failure;
      if (again === undefined) {
        failuresInARow = 0;
      } else {
        failuresInARow += isDiskFull(again.error) ? 0 : 1;
        this.#giveUp(unit, again);
      }
    }
  }

  #giveUp(unit: Unit, failure: Failure): void {
    if (failure.doubtful && unit.options.undo !== undefined) {
      this.#doubtful.push(unit);
      this.#doubtful.splice(0, this.#doubtful.length - this.#options.writesMax);
    }
    unit.reject(failure.error);
  }

  /** One transaction. Settles the units if it became durable; otherwise says why, and nothing is settled. */
  #transact(units: readonly Unit[]): Failure | undefined {
    const began = performance.now();
    let endings: Ending[];
    let committing = false;
    try {
      this.#database.ensureOpen();
      this.#database.begin();
      this.#undoDoubtful();
      endings = units.map((unit) => this.#runUnit(unit.work));
      this.#options.housekeeping?.(writesOf(units));
      committing = true;
      this.#database.commit();
    } catch (error) {
      this.#recover(error);
      // A full disk stops COMMIT before its last frame, without which the rest counts for nothing.
      return { error, doubtful: committing && !isDiskFull(error) && !isBusy(error) };
    }
    this.#doubtful = [];
    const durationMs = performance.now() - began;
    this.#lastFlushMs = durationMs;
    this.#options.onCommit?.({ units: units.length, writes: writesOf(units), durationMs });
    for (const [index, ending] of endings.entries()) {
      settle(units[index]!, ending);
    }
    return undefined;
  }

  #undoDoubtful(): void {
    for (const unit of this.#doubtful) {
      this.#runUnit(() => unit.options.undo?.());
    }
  }

  /** Throws only what concerns the whole transaction. */
  #runUnit(work: () => unknown): Ending {
    this.#savepoint.run();
    try {
      const value = work();
      this.#release.run();
      return { value };
    } catch (error) {
      // SQLite takes the whole transaction back after some errors; then no savepoint is left to return to.
      if (isStoreError(error) || !this.#database.inTransaction) {
        throw error;
      }
      this.#rollbackTo.run();
      this.#release.run();
      return { error };
    }
  }

  #recover(error: unknown): void {
    this.#database.rollback();
    if (isStoreError(error) && !isDiskFull(error) && !isBusy(error)) {
      this.#database.drop();
    }
    for (const listener of this.#rollbackListeners) {
      listener();
    }
    this.#options.onFailure?.(error);
  }
}

function settle(unit: Unit, ending: Ending): void {
  if ('error' in ending) {
    unit.reject(ending.error);
  } else {
    unit.resolve(ending.value);
  }
}

function writesOf(units: readonly Unit[]): number {
  return units.reduce((sum, unit) => sum + unit.options.writes, 0);
}
