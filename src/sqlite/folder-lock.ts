/**
 * One agent per state folder. The lock is SQLite's own exclusive lock on a file of its own, so the kernel
 * drops it with the process, however that ends; a pid file beside it only helps people.
 */
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OrbweaverError } from '../catalogue/errors.ts';
import { Connection, isBusy } from './connection.ts';

const LOCK_FILE = 'lock.db';
const PID_FILE = 'agent.pid';

export class FolderLock {
  readonly #connection: Connection;
  readonly #pidFile: string;

  private constructor(connection: Connection, pidFile: string) {
    this.#connection = connection;
    this.#pidFile = pidFile;
  }

  /**
   * Takes the folder, which must exist. Throws STORE_LOCKED naming the folder and, where known, the process
   * that holds it; STORE_FAILURE where the folder cannot be written.
   */
  static take(folder: string): FolderLock {
    const path = join(folder, LOCK_FILE);
    const pidFile = join(folder, PID_FILE);
    // Closing any descriptor of the file would drop a lock that this process holds on it, so the file is
    // opened outside of SQLite only when it does not exist yet.
    createOnce(path);
    const connection = new Connection(path, { busyMs: 0 });
    try {
      connection.exec('BEGIN EXCLUSIVE');
    } catch (error) {
      connection.close();
      if (!isBusy(error)) {
        throw error;
      }
      throw new OrbweaverError(
        'STORE_LOCKED',
        `state folder ${folder} is in use by another agent${holderOf(pidFile)}`,
        '',
        { cause: error },
      );
    }
    writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
    return new FolderLock(connection, pidFile);
  }

  /** Gives the folder back. */
  release(): void {
    rmSync(this.#pidFile, { force: true });
    this.#connection.close();
  }
}

function createOnce(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw error;
    }
  }
}

function holderOf(pidFile: string): string {
  try {
    const pid = readFileSync(pidFile, 'utf8').trim();
    return /^[0-9]+$/.test(pid) ? ` (process ${pid})` : '';
  } catch {
    return '';
  }
}
