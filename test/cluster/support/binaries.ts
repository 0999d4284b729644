/**
 * Finds the programs of a cluster: in KUBEBUILDER_ASSETS, in the cache folder or on PATH. What was built into the
 * cache is the right release by its folder's name; elsewhere each program is asked.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import {
  cacheFolder,
  ETCD_RELEASE,
  KUBERNETES_RELEASE,
  PROGRAMS,
  type Program,
} from './release.ts';

const found = new Map<Program, string>();

/** The path of a program of the right minor release, or undefined where there is none yet. */
export function findProgram(program: Program): string | undefined {
  const known = found.get(program) ?? search(program);
  if (known !== undefined) found.set(program, known);
  return known;
}

/** The same, for who has asked `absentPrograms` before. Throws where it is missing. */
export function programPath(program: Program): string {
  const path = findProgram(program);
  if (path === undefined) throw new Error(`${program} is missing: npm run cluster -- build`);
  return path;
}

/** Those of the programs that are nowhere. */
export function absentPrograms(wanted: readonly Program[]): Program[] {
  return wanted.filter((program) => findProgram(program) === undefined);
}

/** Every program of a cluster. */
export const ALL_PROGRAMS = Object.keys(PROGRAMS) as Program[];

function search(program: Program): string | undefined {
  const given = process.env.KUBEBUILDER_ASSETS;
  if (given !== undefined && isRightRelease(program, join(given, program))) {
    return join(given, program);
  }
  const cached = join(cacheFolder(), program);
  if (isProgram(cached)) return cached;
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find((path) => isRightRelease(program, path));
}

/** Any patch release will do. */
function isRightRelease(program: Program, path: string): boolean {
  if (!isProgram(path)) return false;
  const args = program === 'kubectl' ? ['version', '--client'] : ['--version'];
  const { stdout } = spawnSync(path, args, { encoding: 'utf8' });
  const minor = (program === 'etcd' ? ETCD_RELEASE : KUBERNETES_RELEASE).replace(/\d+$/, '');
  return new RegExp(`\\bv?${minor.replaceAll('.', '\\.')}\\d`).test(stdout ?? '');
}

/** True for a file that may be executed. */
export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Where PATH has a command, or undefined. */
export function commandOnPath(command: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, command))
    .find(isProgram);
}
