/** The journal as a table of its own state file. */
import { LIMITS } from '../catalogue/limits.ts';
import type { SlotWrite } from '../ipam/ports.ts';
import { Database, type Schema } from '../sqlite/database.ts';
import { GroupCommit } from '../sqlite/group-commit.ts';
import type { Intent, Journal } from './journal.ts';

/** The application id spells "OrbJ"; a released migration is never edited. */
const SCHEMA: Schema = {
  applicationId: 0x4f72624a,
  migrations: ['CREATE TABLE intents (id INTEGER PRIMARY KEY, writes TEXT NOT NULL) STRICT;'],
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

  private constructor(database: Database) {
    this.#database = database;
    this.#commits = new GroupCommit(database, { writesMax: LIMITS.commitWritesMax });
    this.#insert = database.prepare('INSERT OR REPLACE INTO intents (id, writes) VALUES (?, ?)');
    this.#remove = database.prepare('DELETE FROM intents WHERE id = ?');
    this.#all = database.prepare('SELECT id, writes FROM intents ORDER BY id');
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

  async begin(writes: readonly SlotWrite[]): Promise<number> {
    this.#lastId += 1;
    const id = this.#lastId;
    const text = JSON.stringify(writes);
    const ended = await this.#commits.submit(
      () => {
        const removed = [...this.#ended];
        for (const old of removed) {
          this.#remove.run(old);
        }
        this.#insert.run(id, text);
        return removed;
      },
      { writes: 1, undo: () => this.#remove.run(id) },
    );
    for (const old of ended) {
      this.#ended.delete(old);
    }
    return id;
  }

  end(id: number): void {
    this.#ended.add(id);
  }

  open(): Intent[] {
    return this.#all
      .all()
      .filter(([id]) => !this.#ended.has(id as number))
      .map(([id, writes]) => ({ id: id as number, writes: JSON.parse(writes as string) }));
  }

  /** Takes out what has ended, and gives the folder back. */
  close(): void {
    this.#commits
      .submit(
        () => {
          for (const old of this.#ended) {
            this.#remove.run(old);
          }
        },
        { writes: 1 },
      )
      .catch(() => {
        // What stays in the journal is settled again at the next start.
      });
    this.#commits.flush();
    this.#database.close();
  }
}
