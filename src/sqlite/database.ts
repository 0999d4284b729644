/**
 * The state file of one agent: opened or refused, migrated, locked against a second agent, and opened again
 * after a failure. What is in it is the business of the schema that the caller brings.
 *
 * A file that is damaged, foreign or too new is refused and left as it is; it is never made anew. A new file
 * is complete before it gets its name, so an empty or half-made `state.db` is damage, not a beginning.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { OrbweaverError } from '../catalogue/errors.ts';
import { Connection, type Row, type SqlValue, type Statement, storeError } from './connection.ts';
import { FolderLock } from './folder-lock.ts';

/** What a state file must look like. */
export interface Schema {
  /** SQLite's application_id: tells this file from other programs' files. Not 0. */
  readonly applicationId: number;
  /** SQL that leads from version n to n + 1, at index n; each runs in one transaction. Never edited, only added to. */
  readonly migrations: readonly string[];
}

/** Where a test may let the store fail; see DatabaseOptions.fault. */
export type FaultPoint = 'open' | 'begin' | 'commit' | 'committed';

export interface DatabaseOptions {
  /**
   * Called just before the store is opened, a transaction begins or commits, and just after it committed.
   * What it throws is taken for SQLite's own error at that point. For tests of faults that no disk gives on
   * demand.
   */
  readonly fault?: ((point: FaultPoint) => void) | undefined;
}

const STATE_FILE = 'state.db';
/** Another program (a shell, a backup) may hold a lock for a moment; the agent stands still meanwhile. */
const BUSY_MS = 1_000;
const PAGE_CACHE_KIB = 16 * 1024;
/** After a burst the write-ahead file is cut back to this many bytes. */
const WAL_KEPT_BYTES = 16 * 1024 * 1024;

export class Database {
  readonly folder: string;
  readonly #path: string;
  readonly #schema: Schema;
  readonly #options: DatabaseOptions;
  readonly #lock: FolderLock;
  #connection: Connection | undefined;
  #generation = 0;
  #closed = false;

  private constructor(folder: string, schema: Schema, options: DatabaseOptions, lock: FolderLock) {
    this.folder = folder;
    this.#path = join(folder, STATE_FILE);
    this.#schema = schema;
    this.#options = options;
    this.#lock = lock;
  }

  /**
   * Opens the state folder, which is made (0700) where it does not exist, and locks it until `close`.
   *
   * Throws STORE_LOCKED while another agent has it, STORE_DAMAGED and STORE_TOO_NEW for a file that cannot be
   * used, STORE_FAILURE where the folder or the disk does not let us.
   */
  static open(folder: string, schema: Schema, options: DatabaseOptions = {}): Database {
    const path = resolve(folder);
    const lock = onDisk(path, () => {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      return FolderLock.take(path);
    });
    const database = new Database(path, schema, options, lock);
    try {
      onDisk(path, () => database.#create());
      database.#connect();
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** Bytes of the state file and its write-ahead file. */
  get bytes(): number {
    return sizeOf(this.#path) + sizeOf(`${this.#path}-wal`);
  }

  /** Whether a transaction is open. SQLite ends it by itself after some errors. */
  get inTransaction(): boolean {
    return this.#connection?.inTransaction ?? false;
  }

  /** A statement that is prepared once, and again after the store was reopened. */
  prepare(sql: string): Statement {
    return new ReopeningStatement(sql, () => this.#current());
  }

  /**
   * The rows of a statement one by one, for results too large to hold. The reader must not wait for anything
   * in between: what writes do to an unfinished stream is undefined.
   */
  stream(sql: string, ...values: SqlValue[]): Iterable<Row> {
    return this.#current().connection.stream(sql, ...values);
  }

  /** Opens the store if a failure has left it closed. Throws as `open`. */
  ensureOpen(): void {
    if (this.#connection === undefined) {
      this.#connect();
      this.#makeDurable();
    }
  }

  begin(): void {
    this.#at('begin', (connection) => connection.exec('BEGIN IMMEDIATE'));
  }

  /** Ends the transaction; when this returns, it is on the disk. */
  commit(): void {
    this.#at('commit', (connection) => connection.exec('COMMIT'));
    this.#at('committed', () => {});
  }

  /** Takes the transaction back, if there is one; never throws. */
  rollback(): void {
    try {
      if (this.inTransaction) {
        this.#connection?.exec('ROLLBACK');
      }
    } catch {
      // The transaction ends with the connection then, which the caller closes after such a failure.
    }
  }

  /**
   * Drops the connection after an input/output error, whose outcome nobody knows: what the system still has
   * in memory may never have reached the disk, and another fsync would not say so. The next use opens the
   * file anew, reads what did arrive and writes that to the disk once more.
   */
  drop(): void {
    this.rollback();
    const connection = this.#connection;
    this.#connection = undefined;
    try {
      connection?.close();
    } catch {
      // Nothing is lost by it: the file is read from the disk again.
    }
  }

  /** Copies the state as of now into a new file at `path` (0600) while the agent goes on. */
  async backup(path: string): Promise<void> {
    const target = resolve(path);
    onDisk(target, () => closeSync(openSync(target, 'wx', 0o600)));
    try {
      await this.#current().connection.backup(target);
    } catch (error) {
      rmSync(target, { force: true });
      throw error;
    }
  }

  /** Reads the whole file; the first faults in words, or undefined. Takes seconds on a large file. */
  verify(): string | undefined {
    try {
      const rows = this.prepare('PRAGMA quick_check').all();
      const faults = rows.map(([text]) => String(text)).filter((text) => text !== 'ok');
      return faults.length === 0 ? undefined : faults.join('; ');
    } catch (error) {
      if (error instanceof OrbweaverError && error.code === 'STORE_DAMAGED') {
        return error.details;
      }
      throw error;
    }
  }

  /** Closes the file and gives the folder back. Idempotent. */
  close(): void {
    if (this.#closed) {
      return;
    }
    this.#closed = true;
    this.drop();
    this.#lock.release();
  }

  #current(): { connection: Connection; generation: number } {
    this.ensureOpen();
    return { connection: this.#connection!, generation: this.#generation };
  }

  #at(point: FaultPoint, work: (connection: Connection) => void): void {
    const { connection } = this.#current();
    try {
      this.#options.fault?.(point);
    } catch (error) {
      throw storeError(error, this.#path);
    }
    work(connection);
  }

  /** Makes a complete state file where there is none. */
  #create(): void {
    if (existsSync(this.#path)) {
      return;
    }
    if (sizeOf(`${this.#path}-wal`) > 0) {
      throw new OrbweaverError(
        'STORE_DAMAGED',
        `state folder ${this.folder} holds ${STATE_FILE}-wal but no ${STATE_FILE}`,
        'the write-ahead file belongs to a state file that was moved or deleted',
      );
    }
    const draft = `${this.#path}.new`;
    for (const suffix of ['', '-wal', '-shm', '-journal']) {
      rmSync(draft + suffix, { force: true });
    }
    closeSync(openSync(draft, 'wx', 0o600));
    const connection = new Connection(draft, { busyMs: BUSY_MS });
    try {
      connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
      connection.exec(`PRAGMA application_id = ${this.#schema.applicationId}`);
      migrate(connection, this.#schema);
    } finally {
      connection.close();
    }
    flush(draft);
    renameSync(draft, this.#path);
    flush(this.folder);
  }

  #connect(): void {
    if (this.#closed) {
      throw new OrbweaverError('STORE_FAILURE', `state folder ${this.folder} is closed`);
    }
    checkHeader(this.#path, this.#schema);
    const connection = new Connection(this.#path, { busyMs: BUSY_MS });
    try {
      this.#options.fault?.('open');
      // The first read also finds a file that was cut short: its length is not what its header says.
      checkVersion(connection, this.#schema);
      connection.exec(`
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        PRAGMA cache_size = ${-PAGE_CACHE_KIB};
        PRAGMA journal_size_limit = ${WAL_KEPT_BYTES};
        PRAGMA temp_store = MEMORY;
      `);
      migrate(connection, this.#schema);
    } catch (error) {
      const known = storeError(error, this.#path);
      connection.close();
      throw known;
    }
    this.#connection = connection;
    this.#generation += 1;
  }

  /**
   * Copies everything in the write-ahead file into the state file and waits for the disk. After a failed
   * fsync, what can be read may live in memory only; this makes it true or fails.
   */
  #makeDurable(): void {
    const [busy, frames, copied] = this.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()!;
    if (busy !== 0 && frames !== copied) {
      this.drop();
      throw new OrbweaverError(
        'STORE_FAILURE',
        `another program keeps state file ${this.#path} from being written out`,
      );
    }
  }
}

/** A statement that outlives its connection. */
class ReopeningStatement implements Statement {
  readonly #sql: string;
  readonly #current: () => { connection: Connection; generation: number };
  #prepared: Statement | undefined;
  #generation = -1;

  constructor(sql: string, current: () => { connection: Connection; generation: number }) {
    this.#sql = sql;
    this.#current = current;
  }

  run(...values: SqlValue[]): number {
    return this.#ready().run(...values);
  }

  get(...values: SqlValue[]): Row | undefined {
    return this.#ready().get(...values);
  }

  all(...values: SqlValue[]): Row[] {
    return this.#ready().all(...values);
  }

  #ready(): Statement {
    const { connection, generation } = this.#current();
    if (this.#prepared === undefined || generation !== this.#generation) {
      this.#prepared = connection.prepare(this.#sql);
      this.#generation = generation;
    }
    return this.#prepared;
  }
}

/** Bytes 0–15, 60–63 (user_version) and 68–71 (application_id) of every SQLite file (sqlite.org/fileformat). */
const HEADER_BYTES = 100;
const HEADER_MAGIC = 'SQLite format 3\0';
const USER_VERSION_AT = 60;
const APPLICATION_ID_AT = 68;

/** Refuses a file that is not ours before SQLite touches it: merely opening it could change it. */
function checkHeader(path: string, schema: Schema): void {
  const header = onDisk(path, () => readHeader(path));
  const damaged = (what: string) =>
    new OrbweaverError('STORE_DAMAGED', `state file ${path} is damaged`, what);
  if (header.length < HEADER_BYTES) {
    throw damaged(`it ends after ${header.length} bytes`);
  }
  if (header.toString('latin1', 0, HEADER_MAGIC.length) !== HEADER_MAGIC) {
    throw damaged('it is not a SQLite file');
  }
  const id = header.readUInt32BE(APPLICATION_ID_AT);
  if (id !== schema.applicationId) {
    throw damaged(`it belongs to another program (application id 0x${id.toString(16)})`);
  }
  checkNotNewer(path, header.readUInt32BE(USER_VERSION_AT), schema);
}

function readHeader(path: string): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  const file = openSync(path, 'r');
  try {
    return header.subarray(0, readSync(file, header, 0, HEADER_BYTES, 0));
  } finally {
    closeSync(file);
  }
}

/** The header again, as the write-ahead file has it. */
function checkVersion(connection: Connection, schema: Schema): void {
  const version = Number(connection.value('PRAGMA user_version'));
  checkNotNewer(connection.path, version, schema);
  if (version === 0) {
    throw new OrbweaverError(
      'STORE_DAMAGED',
      `state file ${connection.path} is damaged`,
      'it has no schema version',
    );
  }
}

function checkNotNewer(path: string, version: number, schema: Schema): void {
  const newest = schema.migrations.length;
  if (version > newest) {
    throw new OrbweaverError(
      'STORE_TOO_NEW',
      `state file ${path} has schema version ${version}, this Orbweaver knows up to ${newest}`,
    );
  }
}

/** Brings the file to the newest version, one transaction a step, so a crash leaves a whole version behind. */
function migrate(connection: Connection, schema: Schema): void {
  for (
    let version = Number(connection.value('PRAGMA user_version'));
    version < schema.migrations.length;
    version += 1
  ) {
    connection.exec('BEGIN IMMEDIATE');
    try {
      connection.exec(schema.migrations[version]!);
      connection.exec(`PRAGMA user_version = ${version + 1}`);
      connection.exec('COMMIT');
    } catch (error) {
      if (connection.inTransaction) {
        connection.exec('ROLLBACK');
      }
      throw error;
    }
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function flush(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Runs file operations and names the path in what goes wrong. */
function onDisk<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof OrbweaverError) {
      throw error;
    }
    const text = error instanceof Error ? error.message : String(error);
    throw new OrbweaverError('STORE_FAILURE', `cannot use the state folder: ${path}`, text, {
      cause: error,
    });
  }
}
