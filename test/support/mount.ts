/** Small disks of memory for tests of full and read-only disks. They need the right to mount. */
import { spawnSync } from 'node:child_process';
import { scratchFolder } from './scratch-folder.ts';

/** A mounted disk and how it goes. */
export interface Disk {
  readonly folder: string;
  readonly remountReadOnly: () => void;
  readonly unmount: () => void;
}

function run(command: string, ...args: string[]): string | undefined {
  const outcome = spawnSync(command, args, { encoding: 'utf8' });
  return outcome.status === 0 ? undefined : outcome.stderr || String(outcome.error);
}

/** Why no disk can be mounted here, or undefined where one can. */
export function mountMissing(): string | undefined {
  const folder = scratchFolder();
  const problem = run('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder);
  if (problem === undefined) {
    run('umount', folder);
  }
  return problem;
}

/** Mounts a disk of so many KiB. */
export function mountDisk(sizeKib: number): Disk {
  const folder = scratchFolder();
  const problem = run('mount', '-t', 'tmpfs', '-o', `size=${sizeKib}k`, 'tmpfs', folder);
  if (problem !== undefined) {
    throw new Error(problem);
  }
  return {
    folder,
    remountReadOnly: () => run('mount', '-o', 'remount,ro', folder),
    unmount: () => run('umount', '-l', folder),
  };
}
