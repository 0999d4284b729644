/** The journal as a table of its own state file. */
import { LIMITS } from '../catalogue/limits.ts';
import type { SlotWrite } from '../ipam/ports.ts';
import { Database, type Schema } from '../sqlite/database.ts';
import { GroupCommit } from '../sqlite/group-commit.ts';
import type { Ending, Intent, Journal } from './journal.ts';

/** An intent that has ended leaves the disk after this many milliseconds, if no other takes it along before. */
const SWEEP_MS = 1_000;

/** The application id spells "OrbJ"; a released migration is never edited. */
const SCHEMA: Schema = {
  applicationId: 0x4f72624a,
  migrations: [
    'CREATE TABLE intents (id INTEGER PRIMARY KEY, ending TEXT NOT NULL, writes TEXT NOT NULL) STRICT;',
  ],
};

export class SqliteJournal implements Journal {
  readonly #database: Database;
  readonly #commits: GroupCommit;
  readonly #insert;
  readonly #remove;
  readonly #all;
  /** Ended, and not yet taken out of the table. */
  readonly #ended = new Set<number>();
  #lastId: number;
  #sweep: NodeJS.Timeout | undefined;

  private constructor(database: Database) {
    this.#database = database;
    this.#commits = new GroupCommit(database, { writesMax: LIMITS.commitWritesMax });
    this.#insert = database.prepare(
      'INSERT OR REPLACE INTO intents (id, ending, writes) VALUES (?, ?, ?)',
    );
    this.#remove = database.prepare('DELETE FROM intents WHERE id = ?');
    this.#all = database.prepare('SELECT id, ending, writes FROM intents ORDER BY id');
    this.#lastId = this.open().at(-1)?.id ?? 0;
  }

  /**
   * Opens the journal in the state folder and locks the folder until `close`. Throws STORE_LOCKED,
   * STORE_DAMAGED, STORE_TOO_NEW or STORE_FAILURE (sqlite/database.ts).
   */
  static open(folder: string): SqliteJournal {
    const database = Database.open(folder, SCHEMA);
    try {
      return new SqliteJournal(database);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  async begin(writes: readonly SlotWrite[], ending: Ending): Promise<number> {
    this.#lastId += 1;
    const id = this.#lastId;
    const text = JSON.stringify(writes);
    const removed = await this.#commits.submit(
      () => {
        this.#insert.run(id, ending, text);
        return this.#removeEnded();
      },
      { writes: 1, undo: () => this.#remove.run(id) },
    );
    this.#forget(removed);
    return id;
  }

  end(id: number): void {
    this.#ended.add(id);
    this.#sweep ??= setTimeout(() => {
      this.#sweep = undefined;
      if (this.#ended.size > 0) {
        this.#sweepNow().catch(() => {
          // What stays in the journal is taken out with the next intent, or settled again.
        });
      }
    }, SWEEP_MS).unref();
  }

  open(): Intent[] {
    return this.#all
      .all()
      .filter(([id]) => !this.#ended.has(id as number))
      .map(([id, ending, writes]) => ({
        id: id as number,
        ending: ending as Ending,
        writes: JSON.parse(writes as string),
      }));
  }

  /** Takes out what has ended, and gives the folder back. */
  close(): void {
    clearTimeout(this.#sweep);
    this.#sweepNow().catch(() => {
      // What stays in the journal is settled again at the next start.
    });
    this.#commits.flush();
    this.#database.close();
  }

  async #sweepNow(): Promise<void> {
    this.#forget(await this.#commits.submit(() => this.#removeEnded(), { writes: 1 }));
  }

  #removeEnded(): readonly number[] {
    const removed = [...this.#ended];
    for (const id of removed) {
      this.#remove.run(id);
    }
    return removed;
  }

  #forget(removed: readonly number[]): void {
    for (const id of removed) {
      this.#ended.delete(id);
    }
  }
}
