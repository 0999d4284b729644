/** The project's own files, as git tracks them. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = new URL('../../', import.meta.url).pathname;

/** Paths of all tracked files that exist, relative to the root; optionally only those below a folder. */
export function trackedFiles(below = ''): string[] {
  return execFileSync(
    'git',
    ['ls-files', '--cached', '--others', '--exclude-standard', below || '.'],
    {
      cwd: ROOT,
      encoding: 'utf8',
    },
  )
    .split('\n')
    .filter((path) => path !== '' && existsSync(join(ROOT, path)));
}

export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** Module specifiers that a source file imports. */
export function importsOf(path: string): string[] {
  return [
    ...read(path).matchAll(/(?:^(?:import|export|\})[^'\n]*\bfrom|^import|import\()\s*'([^']+)'/gm),
  ].map((match) => match[1] as string);
}
