/**
 * The plugin among random inputs.
 *
 * FUZZ_CASES (default 2,000) and FUZZ_SEED (default 1) set how many cases the sanitizer run takes and where
 * it begins; the seed is printed with the outcome, and a failing case is named by its number.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compile, compilerOf } from '../../scripts/build-plugin.ts';
import { anyBuiltPlugin } from './built-plugin.ts';
import { FakeAgent, httpReply, SocketFolder } from './fake-agent.ts';
import { runPlugin } from './plugin-process.ts';

const cases = process.env.FUZZ_CASES ?? '2000';
const seed = process.env.FUZZ_SEED ?? '1';
const root = join(import.meta.dirname, '../..');

/** The fuzz program, or why it cannot be built here. */
function buildFuzz(): { file: string } | { lack: string } {
  const compiler = compilerOf('glibc');
  if (compiler === undefined) return { lack: 'no gcc or clang' };
  const flags = ['-std=gnu11', '-g', '-O1', '-Wall', '-Wextra', '-DCONNECT_WAIT_MS=200'];
  const sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
  const source = join(root, 'test/plugin/fuzz.c');
  const sources = ['plugin.c', 'json.h'].map((name) => join(root, 'cni', name));
  const file = join(root, 'build/test-plugin/fuzz');
  try {
    return compile(compiler, [...flags, ...sanitizers], source, file, [source, ...sources]);
  } catch (error) {
    // A compiler without the sanitizers' libraries fails at the link; anything else is a fault of ours.
    if (/cannot find .*(asan|ubsan)/.test(String(error))) return { lack: 'no sanitizer libraries' };
    throw error;
  }
}

const fuzz = buildFuzz();
const lack = 'lack' in fuzz ? ` (skipped: ${fuzz.lack})` : '';

test.skipIf(lack !== '')(
  `the plugin withstands mutated stdin, environment and replies under ASan and UBSan${lack}`,
  () => {
    using folder = new SocketFolder();
    const line = [folder.socket, seed, cases];
    const run = spawnSync('file' in fuzz ? fuzz.file : '', line, { encoding: 'utf8' });
    console.log(`fuzz: ${run.stdout.trim()}`);
    expect(run.stderr).toBe('');
    expect(run.status).toBe(0);
    expect(run.stdout).toContain(`${cases} cases, seed ${seed}`);
  },
  600_000,
);

/** JSON texts, most of them broken in one place. */
const documents = fc
  .tuple(fc.json(), fc.nat(), fc.constantFrom('', '"', ',', '0', '.', '\\u12', '\n', '\u0001', 'e'))
  .map(([text, at, inserted]) => {
    const whole = `{"a":${text}}`;
    const place = at % (whole.length + 1);
    return at % 3 === 0 ? whole : whole.slice(0, place) + inserted + whole.slice(place + (at & 1));
  });

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

test('the plugin takes for one JSON object exactly what JSON.parse takes for one', async () => {
  const plugin = anyBuiltPlugin();
  let body = '';
  await using agent = await FakeAgent.start((connection) => connection.end(httpReply(200, body)));
  const printed = fc.asyncProperty(documents, async (document) => {
    body = document;
    const outcome = await runPlugin({ plugin, socket: agent.socket });
    expect(outcome.exit).toBe(isJsonObject(document) ? 0 : 1);
    if (outcome.exit === 0) expect(outcome.stdout.toString()).toBe(document);
  });
  await fc.assert(printed, { seed: Number(seed), numRuns: 300 });
});
