/**
 * One open SQLite file. The only file that knows `node:sqlite`: what comes in and goes out is plain values,
 * and every SQLite error leaves as an OrbweaverError.
 */
import { backup, DatabaseSync, type StatementSync } from 'node:sqlite';
import { OrbweaverError } from '../catalogue/errors.ts';

/** What a column or a parameter can be. Integers must be safe ones: 2^53 is never reached here. */
export type SqlValue = null | number | string | Uint8Array;

/** One row: the columns in the order of the SELECT. Making objects of rows would cost half as much again. */
export type Row = readonly SqlValue[];

/** A prepared statement. Results are complete when a call returns; nothing stays open between calls. */
export interface Statement {
  /** Runs the statement; how many rows it inserted, changed or deleted. */
  run(...values: SqlValue[]): number;
  /** The first row, or undefined. */
  get(...values: SqlValue[]): Row | undefined;
  all(...values: SqlValue[]): Row[];
}

/** Primary result codes of SQLite that are told apart here (sqlite.org/rescode.html). */
const SQLITE = {
  busy: 5,
  locked: 6,
  readOnly: 8,
  corrupt: 11,
  full: 13,
  notADatabase: 26,
} as const;
/** Result codes that speak of the request, not of the store: SQLITE_ERROR, CONSTRAINT, MISMATCH, RANGE. */
const REQUEST_FAULTS: readonly number[] = [1, 19, 20, 25];

/** More pages than a file can have: everything in one step, which is one read transaction. */
const ALL_PAGES = 0x7fffffff;

/** The primary SQLite result code behind an error, or undefined where SQLite did not raise it. */
export function sqliteCode(error: unknown): number | undefined {
  const raw = error instanceof OrbweaverError ? error.cause : error;
  const code = (raw as { errcode?: unknown } | undefined)?.errcode;
  return typeof code === 'number' ? code & 0xff : undefined;
}

/** Whether the disk had no room: the file is whole, and smaller writes may still succeed. */
export function isDiskFull(error: unknown): boolean {
  return sqliteCode(error) === SQLITE.full;
}

/** Whether another program holds a lock on the file. */
export function isBusy(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === SQLITE.busy || code === SQLITE.locked;
}

/** Whether the store itself failed, and not just the one request. */
export function isStoreError(error: unknown): boolean {
  return (
    error instanceof OrbweaverError &&
    (error.code === 'STORE_FAILURE' || error.code === 'STORE_DAMAGED')
  );
}

/** The catalogue's error for what SQLite raised on `path`; anything else comes back unchanged. */
export function storeError(error: unknown, path: string): unknown {
  const code = sqliteCode(error);
  if (code === undefined || error instanceof OrbweaverError) {
    return error;
  }
  const text = error instanceof Error ? error.message : String(error);
  const options = { cause: error };
  if (code === SQLITE.corrupt || code === SQLITE.notADatabase) {
    return new OrbweaverError('STORE_DAMAGED', `state file ${path} is damaged`, text, options);
  }
  if (REQUEST_FAULTS.includes(code)) {
    return new OrbweaverError('INTERNAL', `state file ${path} refused a statement`, text, options);
  }
  const what =
    code === SQLITE.full
      ? 'no space left on the disk of'
      : code === SQLITE.readOnly
        ? 'no right to write'
        : isBusy(error)
          ? 'another program keeps a lock on'
          : 'cannot read or write';
  return new OrbweaverError('STORE_FAILURE', `${what} state file ${path}`, text, options);
}

/** Runs `work` and gives its errors the catalogue's form. */
function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw storeError(error, path);
  }
}

export class Connection {
  readonly path: string;
  readonly #database: DatabaseSync;

  /**
   * Opens the file, and makes an empty one where there is none. `busyMs`: how long to wait, blocking, for
   * other programs' locks.
   */
  constructor(path: string, options: { busyMs: number }) {
    this.path = path;
    this.#database = guarded(path, () => new DatabaseSync(path, { timeout: options.busyMs }));
  }

  /** Whether a transaction is open. SQLite ends it by itself after some errors. */
  get inTransaction(): boolean {
    return this.#database.isTransaction;
  }

  /** Runs statements that give no rows. */
  exec(sql: string): void {
    guarded(this.path, () => this.#database.exec(sql));
  }

  /** The first column of a statement's first row, undefined where there is no row. */
  value(sql: string): SqlValue | undefined {
    return this.prepare(sql).get()?.[0];
  }

  prepare(sql: string): Statement {
    return new PreparedStatement(this.path, this.#prepared(sql));
  }

  /** The rows of a statement one by one, for results too large to hold. */
  *stream(sql: string, ...values: SqlValue[]): Generator<Row> {
    try {
      yield* this.#prepared(sql).iterate(...values) as Iterable<unknown> as Iterable<Row>;
    } catch (error) {
      throw storeError(error, this.path);
    }
  }

  /**
   * Copies the whole file as of one moment into the existing empty file at `path`, in another thread, while
   * reads and writes go on. A connection of its own gives that one moment: this one moves on meanwhile.
   */
  async backup(path: string): Promise<void> {
    const source = guarded(this.path, () => new DatabaseSync(this.path, { readOnly: true }));
    try {
      await backup(source, path, { rate: ALL_PAGES });
    } catch (error) {
      throw storeError(error, path);
    } finally {
      source.close();
    }
  }

  close(): void {
    guarded(this.path, () => this.#database.close());
  }

  #prepared(sql: string): StatementSync {
    return guarded(this.path, () => {
      const statement = this.#database.prepare(sql);
      statement.setReturnArrays(true);
      return statement;
    });
  }
}

class PreparedStatement implements Statement {
  readonly #path: string;
  readonly #statement: StatementSync;

  constructor(path: string, statement: StatementSync) {
    this.#path = path;
    this.#statement = statement;
  }

  // The three below stand on the way of every ADD, so they do without a closure.
  run(...values: SqlValue[]): number {
    try {
      return this.#statement.run(...values).changes as number;
    } catch (error) {
      throw storeError(error, this.#path);
    }
  }

  get(...values: SqlValue[]): Row | undefined {
    try {
      return this.#statement.get(...values) as unknown as Row | undefined;
    } catch (error) {
      throw storeError(error, this.#path);
    }
  }

  all(...values: SqlValue[]): Row[] {
    try {
      return this.#statement.all(...values) as unknown as Row[];
    } catch (error) {
      throw storeError(error, this.#path);
    }
  }
}
