/**
 * The state of one machine's agent, in one folder: the ledger and the applied objects over one database and
 * one group commit, so that everything that waits shares an fsync.
 */
import { LIMITS } from '../catalogue/limits.ts';
import { PoolRegistry } from '../dialect/pool-registry.ts';
import type { Clock } from '../ipam/ports.ts';
import { Database, type FaultPoint } from '../sqlite/database.ts';
import { type CommitReport, GroupCommit } from '../sqlite/group-commit.ts';
import { EmbeddedCluster } from './cluster.ts';
import { EmbeddedLedger } from './ledger.ts';
import { ObjectStore } from './object-store.ts';
import { ObjectsTable } from './objects-table.ts';
import { SCHEMA } from './schema.ts';

export interface EmbeddedStoreOptions {
  readonly clock: Clock;
  /** The name of the agent's own node. */
  readonly node: string;
  /** After each transaction that reached the disk. */
  readonly onCommit?: (report: CommitReport) => void;
  /** After each transaction that failed as a whole; the store goes on by itself where it can. */
  readonly onFailure?: (error: unknown) => void;
  /** For tests: where the store is to fail (sqlite/database.ts). */
  readonly fault?: (point: FaultPoint) => void;
}

export class EmbeddedStore {
  readonly ledger: EmbeddedLedger;
  readonly objects: ObjectStore;
  readonly cluster: EmbeddedCluster;
  readonly #database: Database;
  readonly #commits: GroupCommit;

  private constructor(database: Database, options: EmbeddedStoreOptions) {
    this.#database = database;
    this.#commits = new GroupCommit(database, {
      writesMax: LIMITS.commitWritesMax,
      onCommit: options.onCommit,
      onFailure: options.onFailure,
      housekeeping: (writes) => this.ledger.tidy(writes),
    });
    const { clock, node } = options;
    const parts = { database, commits: this.#commits, clock };
    const table = new ObjectsTable(database);
    const registry = new PoolRegistry(table);
    this.ledger = new EmbeddedLedger(parts);
    this.objects = new ObjectStore({ ...parts, table, registry, ledger: this.ledger });
    this.cluster = new EmbeddedCluster({ objects: this.objects, registry, node });
  }

  /**
   * Opens the state folder and locks it until `close`. Throws STORE_LOCKED, STORE_DAMAGED, STORE_TOO_NEW or
   * STORE_FAILURE (sqlite/database.ts).
   */
  static async open(folder: string, options: EmbeddedStoreOptions): Promise<EmbeddedStore> {
    const database = Database.open(folder, SCHEMA, { fault: options.fault });
    try {
      const store = new EmbeddedStore(database, options);
      await store.objects.prepare();
      return store;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** The state folder, as an absolute path. */
  get folder(): string {
    return this.#database.folder;
  }

  /** Bytes on the disk. */
  get bytes(): number {
    return this.#database.bytes;
  }

  /** Calls that wait for the next transaction. */
  get depth(): number {
    return this.#commits.depth;
  }

  /** Copies the state as of now into a new file at `path` while everything goes on. */
  backup(path: string): Promise<void> {
    return this.#database.backup(path);
  }

  /** Reads the whole state file: the first faults in words, or undefined. Takes seconds on a large one. */
  verify(): string | undefined {
    return this.#database.verify();
  }

  /** Finishes what waits, closes the state file and gives the folder back. */
  close(): void {
    this.#commits.flush();
    this.#database.close();
  }
}
