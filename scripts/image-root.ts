/** What a program needs to run in an image that has nothing else: itself, and the shared libraries it is linked with. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

const EXECUTABLE = 0o755;

/** The path of a command of this machine. Throws where it has none of that name. */
export function commandPath(name: string): string {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    try {
      return realpathSync(join(folder, name));
    } catch {
      // In another folder, perhaps.
    }
  }
  throw new Error(`there is no program ${name} on this machine, and the image needs it`);
}

/** Copies a program to `path` in the image's root, and its libraries to where its loader looks for them. */
export function addProgram(root: string, program: string, path: string): void {
  add(root, program, path);
  for (const library of librariesOf(program)) {
    add(root, realpathSync(library), library);
  }
}

/** The libraries that the loader of this machine finds for a program, and the loader itself; none for a static one. */
export function librariesOf(program: string): string[] {
  let listed: string;
  try {
    listed = execFileSync('ldd', [program], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    if (/not a dynamic executable/.test(String((error as { stderr?: unknown }).stderr))) {
      return [];
    }
    throw error;
  }
  const missing = /^\s*(\S+) => not found$/m.exec(listed);
  if (missing !== null) {
    throw new Error(`${program} needs ${missing[1]}, which this machine does not have`);
  }
  // `libc.so.6 => /lib/…/libc.so.6 (0x…)`, and the loader as `/lib64/ld-linux-x86-64.so.2 (0x…)`.
  return [...listed.matchAll(/^\s*(?:\S+ => )?(\/\S+) \(0x/gm)].map((match) => match[1]!);
}

function add(root: string, file: string, path: string): void {
  const target = join(root, path);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(file, target);
  chmodSync(target, EXECUTABLE);
}
