/**
 * Builds the programs of a cluster into the cache folder, once for all clones: about ten minutes on two cores. A
 * second builder waits for the first.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { ALL_PROGRAMS, absentPrograms, commandOnPath } from './binaries.ts';
import { identityOf, isRunning, type ProcessIdentity } from './process-identity.ts';
import { cacheFolder, KUBERNETES_RELEASE, PROGRAMS, type Program } from './release.ts';

const MODULE = join(import.meta.dirname, '../control-plane');
const LOCK_POLL_MS = 500;

const [MAJOR, MINOR] = KUBERNETES_RELEASE.split('.');
const VERSION_PACKAGE = 'k8s.io/component-base/version';
const LINKER_FLAGS = [
  ...['-s', '-w'],
  // Without these every program says it is v0.0.0.
  `-X ${VERSION_PACKAGE}.gitVersion=v${KUBERNETES_RELEASE}`,
  `-X ${VERSION_PACKAGE}.gitMajor=${MAJOR}`,
  `-X ${VERSION_PACKAGE}.gitMinor=${MINOR}`,
].join(' ');

/** Builds those that are nowhere yet. `say` gets a line per program. Throws where Go is missing or refuses. */
export async function buildPrograms(say: (line: string) => void): Promise<void> {
  if (absentPrograms(ALL_PROGRAMS).length === 0) return;
  const unlock = await lock(say);
  try {
    const absent = absentPrograms(ALL_PROGRAMS);
    for (const [index, program] of absent.entries()) {
      const start = performance.now();
      const counted = `${index + 1} of ${absent.length}: ${program}`;
      say(`building ${counted}`);
      await buildProgram(program);
      say(`built ${counted} in ${Math.round((performance.now() - start) / 1000)} s`);
    }
  } finally {
    unlock();
  }
}

async function buildProgram(program: Program): Promise<void> {
  if (commandOnPath('go') === undefined) {
    throw new Error(`${program} cannot be built: go is missing (https://go.dev/dl)`);
  }
  const finished = join(cacheFolder(), program);
  const unfinished = `${finished}.${process.pid}.tmp`;
  const args = ['build', '-trimpath', '-ldflags', LINKER_FLAGS, '-o', unfinished];
  const child = spawn('go', [...args, PROGRAMS[program]], {
    cwd: MODULE,
    env: { ...process.env, CGO_ENABLED: '0' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const complaint = text(child.stderr);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  if (code !== 0) {
    rmSync(unfinished, { force: true });
    throw new Error(`${program} could not be built:\n${(await complaint).slice(-4_000)}`);
  }
  renameSync(unfinished, finished);
}

/** Waits until nobody else builds; how to let the next one in. */
async function lock(say: (line: string) => void): Promise<() => void> {
  mkdirSync(cacheFolder(), { recursive: true });
  const file = join(cacheFolder(), 'building.json');
  for (let told = false; !take(file); await pause(LOCK_POLL_MS)) {
    if (!told) say('another run builds the programs: waiting for it');
    told = true;
  }
  return () => rmSync(file, { force: true });
}

function take(file: string): boolean {
  try {
    writeFileSync(file, JSON.stringify(identityOf(process.pid)), { flag: 'wx' });
    return true;
  } catch {
    // The builder may have been killed, and left its lock.
    if (!isHeld(file)) rmSync(file, { force: true });
    return false;
  }
}

function isHeld(file: string): boolean {
  try {
    const text = readFileSync(file, 'utf8');
    // Empty: it is being written.
    return text === '' || isRunning(JSON.parse(text) as ProcessIdentity);
  } catch {
    return false;
  }
}
