/**
 * Builds the engine from `assembly/` into `build/`: baseline, SIMD and debug. Does nothing while the outputs
 * are newer than every source. The same sources always give the same bytes; `--check` builds twice in memory
 * and compares.
 */
import { mkdirSync, readdirSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TARGETS = ['baseline', 'simd', 'debug'] as const;
const OUTPUTS = ['build/engine.wasm', 'build/engine-simd.wasm', 'build/engine-debug.wasm'];

/** Compiles one target. Returns the names of the files that belong into `build/` and their contents. */
export async function compileEngine(
  target: (typeof TARGETS)[number],
): Promise<Map<string, string | Uint8Array>> {
  const { default: asc } = await import('assemblyscript/asc');
  const files = new Map<string, string | Uint8Array>();
  const stderr = asc.createMemoryStream();
  const { error } = await asc.main(['--target', target, '--baseDir', ROOT], {
    stderr,
    writeFile: (name, contents) => {
      files.set(basename(name), contents);
    },
  });
  const said = stderr.toString().trim();
  // A warning is a doubt of the compiler about the engine, so it fails the build like an error.
  if (error || said)
    throw new Error(`building the engine (${target}) failed:\n${said}`, { cause: error });
  return files;
}

/** When the newest source was written, in seconds since the epoch. */
function sourceTime(): number {
  const sources = readdirSync(join(ROOT, 'assembly'), { recursive: true, encoding: 'utf8' })
    .map((name) => join('assembly', name))
    .concat('asconfig.json', 'scripts/build-engine.ts', 'package-lock.json');
  return Math.max(...sources.map((name) => statSync(join(ROOT, name)).mtimeMs)) / 1000;
}

/** True where an output is missing or was made from sources older than `newest`. */
function isStale(newest: number): boolean {
  return OUTPUTS.some((name) => {
    const output = statSync(join(ROOT, name), { throwIfNoEntry: false });
    // File systems keep times finer than the half millisecond that is allowed for here.
    return output === undefined || output.mtimeMs / 1000 < newest - 0.0005;
  });
}

export interface BuildEngineOptions {
  /** Build also what is up to date. */
  readonly force?: boolean;
  /** Called before each compilation with a line for people: one takes seconds. */
  readonly report?: (text: string) => void;
}

/** Builds the three engines where needed. Returns true when it built. */
export async function buildEngine(options: BuildEngineOptions = {}): Promise<boolean> {
  const newest = sourceTime();
  if (!options.force && !isStale(newest)) return false;
  mkdirSync(join(ROOT, 'build'), { recursive: true });
  for (const [index, target] of TARGETS.entries()) {
    options.report?.(`building the engine, ${index + 1} of ${TARGETS.length} (${target}) …`);
    for (const [name, contents] of await compileEngine(target)) {
      // Renamed into place, so that nobody loads half a file; and as old as the sources it was made from, so
      // that a source written during the build makes it stale.
      const path = join(ROOT, 'build', name);
      const fresh = `${path}.${process.pid}.new`;
      writeFileSync(fresh, contents);
      utimesSync(fresh, newest, newest);
      renameSync(fresh, path);
    }
  }
  return true;
}

/** Compiles every target twice and throws where two builds differ in a byte. */
export async function checkRepeatable(): Promise<void> {
  for (const target of TARGETS) {
    const once = await compileEngine(target);
    const again = await compileEngine(target);
    for (const [name, contents] of once) {
      if (Buffer.compare(Buffer.from(contents), Buffer.from(again.get(name) ?? '')) !== 0) {
        throw new Error(`two builds of ${name} differ`);
      }
    }
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (process.argv.includes('--check')) await checkRepeatable();
  const built = await buildEngine({ force: process.argv.includes('--force') });
  console.log(built ? `built ${OUTPUTS.join(', ')}` : 'the engine is up to date');
}
