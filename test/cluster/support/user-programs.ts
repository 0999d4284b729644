/** The commands of a cluster's users, in a folder for PATH: kubectl, and ours under both of its names. */
import { existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_FOLDER } from '../../../src/cli/package-folder.ts';
import { programPath } from './binaries.ts';
import type { RunFolder } from './run-folder.ts';

const COMMAND = join(PACKAGE_FOLDER, 'src/cli/orbweaver.mjs');

/** Links them where they are not linked yet; the folder. */
export function linkPrograms(run: RunFolder): string {
  const folder = run.folder('bin');
  const targets = {
    kubectl: programPath('kubectl'),
    orbweaver: COMMAND,
    calicoctl: COMMAND,
    // Ours asks for it by name.
    node: process.execPath,
  };
  for (const [name, target] of Object.entries(targets)) {
    const link = join(folder, name);
    if (!existsSync(link)) symlinkSync(target, link);
  }
  return folder;
}
