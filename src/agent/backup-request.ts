/** What `orbweaver backup` asks. */
import { stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { OrbweaverError } from '../catalogue/errors.ts';
import { shown } from '../catalogue/shown.ts';
import type { BackupRequest, BackupResponse } from './protocol.ts';

/** What copies the state, as of one moment, into a new file. */
export interface BackupParts {
  backup(path: string): Promise<void>;
}

/**
 * POST /v1/backup: calls are answered meanwhile. Throws USAGE for a path that is not absolute, STORE_FAILURE
 * where the file exists or cannot be written; then no file is left behind.
 */
export async function makeBackup(
  parts: BackupParts,
  { path }: BackupRequest,
): Promise<BackupResponse> {
  if (!isAbsolute(path) || path.includes('\0')) {
    throw new OrbweaverError('USAGE', `the path of a backup must be absolute, not ${shown(path)}`);
  }
  await parts.backup(path);
  return { path, bytes: (await stat(path)).size };
}
