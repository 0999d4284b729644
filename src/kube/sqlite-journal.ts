/** The journal as a state file of its own: one table of intents, one of promised deletions. */
import { LIMITS } from '../catalogue/limits.ts';
import type { SlotWrite } from '../ipam/ports.ts';
import type { Deletion, DeletionJournal } from '../ipam/promised-dels.ts';
import { Database, type Schema } from '../sqlite/database.ts';
import { GroupCommit } from '../sqlite/group-commit.ts';
import type { Ending, Intent, Journal } from './journal.ts';

/** What has ended leaves the disk after this many milliseconds, if nothing else takes it along before. */
const SWEEP_MS = 1_000;

/** The application id spells "OrbJ"; a released migration is never edited. */
const SCHEMA: Schema = {
  applicationId: 0x4f72624a,
  migrations: [
    `CREATE TABLE intents (id INTEGER PRIMARY KEY, ending TEXT NOT NULL, writes TEXT NOT NULL) STRICT;
     CREATE TABLE deletions (id INTEGER PRIMARY KEY, deletion TEXT NOT NULL) STRICT;`,
  ],
};

export class SqliteJournal implements Journal, DeletionJournal {
  readonly #database: Database;
  readonly #commits: GroupCommit;
  readonly #insert;
  readonly #insertDeletion;
  readonly #remove;
  readonly #removeDeletion;
  readonly #all;
  readonly #allDeletions;
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
    this.#insertDeletion = database.prepare(
      'INSERT OR REPLACE INTO deletions (id, deletion) VALUES (?, ?)',
    );
    this.#remove = database.prepare('DELETE FROM intents WHERE id = ?');
    this.#removeDeletion = database.prepare('DELETE FROM deletions WHERE id = ?');
    this.#all = database.prepare('SELECT id, ending, writes FROM intents ORDER BY id');
    this.#allDeletions = database.prepare('SELECT id, deletion FROM deletions ORDER BY id');
    const last = [this.open().at(-1), this.openDeletions().at(-1)];
    this.#lastId = Math.max(...last.map((entry) => entry?.id ?? 0));
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

  begin(writes: readonly SlotWrite[], ending: Ending): Promise<number> {
    const text = JSON.stringify(writes);
    return this.#add((id) => this.#insert.run(id, ending, text));
  }

  beginDeletion(deletion: Deletion): Promise<number> {
    const text = JSON.stringify(deletion);
    return this.#add((id) => this.#insertDeletion.run(id, text));
  }

  endDeletion(id: number): void {
    this.end(id);
  }

  openDeletions(): { id: number; deletion: Deletion }[] {
    return this.#allDeletions
      .all()
      .filter(([id]) => !this.#ended.has(id as number))
      .map(([id, deletion]) => ({ id: id as number, deletion: JSON.parse(deletion as string) }));
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

  async #add(insert: (id: number) => void): Promise<number> {
    this.#lastId += 1;
    const id = this.#lastId;
    const removed = await this.#commits.submit(
      () => {
        insert(id);
        return this.#removeEnded();
      },
      { writes: 1, undo: () => this.#removeBoth(id) },
    );
    this.#forget(removed);
    return id;
  }

  async #sweepNow(): Promise<void> {
    this.#forget(await this.#commits.submit(() => this.#removeEnded(), { writes: 1 }));
  }

  #removeEnded(): readonly number[] {
    const removed = [...this.#ended];
    for (const id of removed) {
      this.#removeBoth(id);
    }
    return removed;
  }

  /** Ids are one row of numbers for both tables. */
  #removeBoth(id: number): void {
    this.#remove.run(id);
    this.#removeDeletion.run(id);
  }

  #forget(removed: readonly number[]): void {
    for (const id of removed) {
      this.#ended.delete(id);
    }
  }
}
