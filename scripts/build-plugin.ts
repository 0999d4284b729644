/**
 * Builds the CNI plugin, and the C programs that tests and benchmarks need, into build/.
 *
 *   build/cni/{orbweaver,spiderpool,calico-ipam}   the plugin under its three names (copies)
 *   build/cni/arm64/…                              the same for aarch64, where a cross compiler is present
 *   build/bench/spawner                            starts plugins for the benchmarks
 *
 * Run by itself it builds what is older than its sources and says what it did: `node scripts/build-plugin.ts`.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const pluginSources = ['plugin.c', 'json.h', 'nolibc.h'].map((name) => join(root, 'cni', name));

/** The names under which runtimes find the plugin; `ipam.type` of a network config is one of them. */
export const PLUGIN_NAMES = ['orbweaver', 'spiderpool', 'calico-ipam'] as const;

/** How the plugin can be built, best first (reference/plugin-binary.md, "How each was built"). */
export type Variant = 'musl' | 'nolibc' | 'glibc' | 'arm64';

/** The variants for this machine's own processor, in the order in which `buildPlugin` tries them. */
export const HOST_VARIANTS = ['musl', 'nolibc', 'glibc'] as const satisfies readonly Variant[];

const warnings = ['-std=c11', '-Wall', '-Wextra', '-Wshadow', '-Werror'];
const nolibcFlags = [
  ...['-Os', '-DNOLIBC', '-ffreestanding', '-fno-builtin', '-fno-stack-protector'],
  ...['-fno-asynchronous-unwind-tables', '-fno-pie', '-no-pie', '-nostdlib', '-static', '-s'],
  ...['-Wl,--build-id=none', '-Wl,-z,noseparate-code'],
];
const recipes: Record<Variant, { compilers: readonly string[]; flags: readonly string[] }> = {
  musl: { compilers: ['musl-gcc'], flags: ['-O2', '-static', '-s', '-Wl,--build-id=none'] },
  nolibc: { compilers: ['gcc', 'clang', 'cc'], flags: nolibcFlags },
  glibc: { compilers: ['gcc', 'clang', 'cc'], flags: ['-O2', '-static', '-s'] },
  arm64: { compilers: ['aarch64-linux-gnu-gcc'], flags: nolibcFlags },
};

/** What one build did. `built` is false when the file was newer than its sources. */
export interface BuildResult {
  readonly file: string;
  readonly how: string;
  readonly built: boolean;
}

/** The first compiler of a variant that is installed, or undefined. */
export function compilerOf(variant: Variant): string | undefined {
  return recipes[variant].compilers.find(isInstalled);
}

const installed = new Map<string, boolean>();

function isInstalled(compiler: string): boolean {
  let known = installed.get(compiler);
  if (known === undefined) {
    known = spawnSync(compiler, ['--version'], { stdio: 'ignore' }).status === 0;
    installed.set(compiler, known);
  }
  return known;
}

/**
 * Compiles one variant of the plugin into `file` if that is older than the sources, and throws an Error with
 * the compiler's own words if it cannot. `defines` are for tests ("REPLY_WAIT_MS=500").
 */
export function compilePlugin(
  variant: Variant,
  file: string,
  defines: readonly string[] = [],
): BuildResult {
  const compiler = compilerOf(variant);
  if (compiler === undefined) {
    throw new Error(`${variant}: none of ${recipes[variant].compilers.join(', ')} is installed`);
  }
  const flags = [...warnings, ...recipes[variant].flags, ...defines.map((define) => `-D${define}`)];
  const source = join(root, 'cni', 'plugin.c');
  return compile(compiler, flags, source, file, pluginSources);
}

/**
 * Compiles `source` into `file` with a compiler that is there, if `file` is older than `inputs`. The file
 * appears under its name only when it is complete, so a process that starts it meanwhile gets the old one.
 */
export function compile(
  compiler: string,
  flags: readonly string[],
  source: string,
  file: string,
  inputs: readonly string[],
): BuildResult {
  const how = `${compiler} ${flags.join(' ')}`;
  if (isNewer(file, [...inputs, fileURLToPath(import.meta.url)])) {
    return { file, how, built: false };
  }
  mkdirSync(dirname(file), { recursive: true });
  const unfinished = `${file}.${process.pid}.tmp`;
  const run = spawnSync(compiler, [...flags, '-o', unfinished, source], { encoding: 'utf8' });
  if (run.status !== 0) {
    rmSync(unfinished, { force: true });
    throw new Error(`${how}: ${run.error?.message ?? run.stderr}`);
  }
  renameSync(unfinished, file);
  return { file, how, built: true };
}

function isNewer(file: string, inputs: readonly string[]): boolean {
  const made = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  return made !== undefined && inputs.every((input) => statSync(input).mtimeMs <= made);
}

/** Puts copies beside the plugin under its other names. A copy is 30 kB and survives any way of packing. */
function copyUnderAllNames(plugin: BuildResult): void {
  for (const name of PLUGIN_NAMES) {
    const file = join(dirname(plugin.file), name);
    if (file === plugin.file || (!plugin.built && isNewer(file, [plugin.file]))) continue;
    const unfinished = `${file}.${process.pid}.tmp`;
    copyFileSync(plugin.file, unfinished);
    renameSync(unfinished, file);
  }
}

/**
 * Builds the plugin for this machine with the first variant that compiles, and for aarch64 where the cross
 * compiler is present. Throws when no variant compiles, saying what each one lacked.
 */
export function buildPlugin(): BuildResult[] {
  const results = [buildForHost(join(root, 'build', 'cni', 'orbweaver'))];
  if (process.arch !== 'arm64' && compilerOf('arm64') !== undefined) {
    results.push(compilePlugin('arm64', join(root, 'build', 'cni', 'arm64', 'orbweaver')));
  }
  for (const result of results) copyUnderAllNames(result);
  return results;
}

function buildForHost(file: string): BuildResult {
  const faults: string[] = [];
  for (const variant of HOST_VARIANTS) {
    try {
      return compilePlugin(variant, file);
    } catch (error) {
      faults.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new Error(
    `the CNI plugin could not be built; install musl-tools or gcc:\n${faults.join('\n')}`,
  );
}

/** Builds bench/spawner.c with the first host compiler; it is a tool, so its libc does not matter. */
export function buildSpawner(): BuildResult {
  const compiler = compilerOf('glibc');
  if (compiler === undefined) throw new Error('the spawner needs gcc, clang or cc');
  const source = join(root, 'bench', 'spawner.c');
  const flags = [...warnings, '-O2'];
  return compile(compiler, flags, source, join(root, 'build', 'bench', 'spawner'), [source]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const result of [...buildPlugin(), buildSpawner()]) {
    const state = result.built ? 'built' : 'up to date';
    const bytes = statSync(result.file).size;
    console.log(
      `${basename(dirname(result.file))}/${basename(result.file)} ${state} ${bytes} bytes`,
    );
    if (result.built) console.log(`  ${result.how}`);
  }
}
