/** `orbweaver backup FILE`. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { BackupRequest, BackupResponse } from '../agent/protocol.ts';
import { declareCommand, withSocket } from './command.ts';
import type { Shell } from './shell.ts';
import type { TargetOptions } from './target.ts';

/** Declares `orbweaver backup`; its action writes to the shell. */
export function backupCommand(shell: Shell): Command {
  const command = declareCommand({
    usage: 'backup <file>',
    summary: 'Copy the state of a running agent into a new file',
    more:
      'The copy is as of one moment, and calls are answered meanwhile. The agent writes the file, with the ' +
      'mode 0600; it must not exist yet. docs/backup.md says how to restore one.',
    examples: ['backup /var/backups/orbweaver.db'],
  });
  return withSocket(command).action(async (file: string, options: TargetOptions) => {
    const request: BackupRequest = { path: resolve(shell.folder, file) };
    const { path, bytes } = await shell.agent(options).post<BackupResponse>('/v1/backup', request);
    shell.terminal.out(`${path} written, ${bytes.toLocaleString('en')} bytes\n`);
  });
}
