/**
 * The client of test/cluster/spiderpool-client, generated and built once into the cache, in a folder that its
 * sources name: half a minute where neither the modules nor the generator are there yet.
 */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { runProcess } from '../../../src/cli/walk/run-process.ts';
import { commandOnPath, isProgram } from './binaries.ts';
import { cacheFolder } from './release.ts';

const SOURCES = join(import.meta.dirname, '../spiderpool-client');
const NAME = 'spiderpool-client';

/** What this machine lacks for it, in words; undefined: nothing. */
export function missingForClient(): string | undefined {
  return isProgram(builtClient()) || commandOnPath('go') !== undefined
    ? undefined
    : 'go is missing (https://go.dev/dl)';
}

/** The path of the program. Rejects with what Go says where it cannot be built. */
export async function buildClient(): Promise<string> {
  const program = builtClient();
  if (isProgram(program)) return program;
  mkdirSync(dirname(dirname(program)), { recursive: true });
  const folder = mkdtempSync(`${dirname(program)}.`);
  try {
    for (const name of readdirSync(SOURCES)) copyFileSync(join(SOURCES, name), join(folder, name));
    await go(folder, ['tool', 'swagger', 'generate', 'client', '-q', '-f', 'agent-api.yaml']);
    await go(folder, ['build', '-trimpath', '-o', NAME, '.']);
    mkdirSync(dirname(program), { recursive: true });
    renameSync(join(folder, NAME), program);
    return program;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function builtClient(): string {
  const digest = createHash('sha256');
  for (const name of readdirSync(SOURCES).sort()) {
    digest.update(`${name}\0`).update(readFileSync(join(SOURCES, name)));
  }
  return join(dirname(cacheFolder()), `${NAME}-${digest.digest('hex').slice(0, 16)}`, NAME);
}

async function go(folder: string, args: readonly string[]): Promise<void> {
  const env = { ...process.env, CGO_ENABLED: '0' };
  const { exit, err } = await runProcess('go', ['-C', folder, ...args], { env });
  if (exit !== 0) throw new Error(`go ${args.join(' ')}: ${err.slice(-4_000)}`);
}
