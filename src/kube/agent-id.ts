/** Who an agent is, across its restarts: an id in its state folder (DESIGN section 4 rule 14). */
import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { OrbweaverError } from '../catalogue/errors.ts';

const FILE = 'agent-id';
const FORM = /^[0-9a-f-]{36}\n$/;

/**
 * The id in the state folder, made and durable if there is none yet. The folder exists, and is this process's
 * own. Throws IO_FAILURE where it cannot be read or made; a file that holds no id is replaced.
 */
export function agentId(folder: string): string {
  const file = join(folder, FILE);
  try {
    const known = readIfThere(file);
    if (known !== undefined && FORM.test(known)) {
      return known.trim();
    }
    const id = randomUUID();
    writeDurably(file, `${id}\n`);
    syncFolder(folder);
    return id;
  } catch (error) {
    throw new OrbweaverError('IO_FAILURE', `${file}: ${(error as Error).message}`, '', {
      cause: error,
    });
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

function writeDurably(file: string, text: string): void {
  const fresh = `${file}.new`;
  const handle = openSync(fresh, 'w', 0o600);
  try {
    writeSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(fresh, file);
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
