/** What is built: one file that needs nothing else on the host. */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildPlugin, PLUGIN_NAMES } from '../../scripts/build-plugin.ts';
import { builtPlugins } from './built-plugin.ts';
import { FakeAgent, RESULT } from './fake-agent.ts';
import { expectRefusal, expectResult, runPlugin } from './plugin-process.ts';

const { built, missing } = builtPlugins();
const root = join(import.meta.dirname, '../..');

for (const [variant, lack] of missing) {
  test.skip(`the ${variant} build: ${lack}`, () => {});
}

const machineNumbers = { x64: 62, arm64: 183 } as Record<string, number>;
const bytesMax = { musl: 64 * 1024, nolibc: 24 * 1024, glibc: 1024 * 1024, arm64: 64 * 1024 };

/** Processor, type and the kinds of the program headers of a 64-bit little-endian ELF file. */
function readElf(file: string) {
  const bytes = readFileSync(file);
  expect(bytes.toString('latin1', 0, 6)).toBe('\x7fELF\x02\x01');
  const first = Number(bytes.readBigUInt64LE(32));
  const size = bytes.readUInt16LE(54);
  const count = bytes.readUInt16LE(56);
  const headers = Array.from({ length: count }, (_, i) => {
    const at = first + i * size;
    return { kind: bytes.readUInt32LE(at), flags: bytes.readUInt32LE(at + 4) };
  });
  return { bytes: bytes.length, machine: bytes.readUInt16LE(18), headers };
}

describe.each(built)('the $variant build', (plugin) => {
  test('is static, has no executable stack, and is small', () => {
    const elf = readElf(plugin.patient);
    expect(elf.machine).toBe(machineNumbers[plugin.variant === 'arm64' ? 'arm64' : process.arch]);
    const kinds = elf.headers.map((header) => header.kind);
    // PT_DYNAMIC is 2 and PT_INTERP is 3: a loader or shared libraries would be needed.
    expect(kinds).not.toContain(2);
    expect(kinds).not.toContain(3);
    const stack = elf.headers.find((header) => header.kind === 0x6474e551);
    expect(stack).toMatchObject({ flags: 6 });
    expect(elf.bytes).toBeLessThan(bytesMax[plugin.variant]);
  });

  const emulated = plugin.runner.length > 0;
  const lack = emulated ? 'the emulator would have to be there too' : 'needs root';
  const here = !emulated && process.getuid?.() === 0;
  const name = 'runs in a folder that holds only it and the socket';
  test.skipIf(!here)(here ? name : `${name} (skipped: ${lack})`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'empty-'));
    try {
      copyFileSync(plugin.patient, join(folder, 'orbweaver'));
      chmodSync(join(folder, 'orbweaver'), 0o755);
      await using _agent = await FakeAgent.start(undefined, { at: join(folder, 'cni.sock') });
      const shell = `exec chroot ${folder} /orbweaver`;
      expectResult(await runPlugin({ plugin, socket: '/cni.sock', shell }), RESULT);
      const unknown = { CNI_COMMAND: 'NOPE' };
      expectRefusal(await runPlugin({ plugin, socket: '/cni.sock', shell, env: unknown }), 4);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('the plugin as it is installed', () => {
  const [first] = buildPlugin();

  test('lies under its three names with the same content', () => {
    const content = readFileSync(first!.file);
    for (const name of PLUGIN_NAMES) {
      const file = join(root, 'build/cni', name);
      expect(readFileSync(file).equals(content)).toBe(true);
      expect(statSync(file).mode & 0o777).toBe(0o755);
    }
  });

  test('is built again only when its sources are newer', () => {
    const before = statSync(first!.file).mtimeMs;
    expect(buildPlugin().map((result) => result.built)).not.toContain(true);
    expect(statSync(first!.file).mtimeMs).toBe(before);
  });

  test('has waits and limits as cni/README.md lists them', () => {
    const source = readFileSync(join(root, 'cni/plugin.c'), 'utf8');
    const defined = new Map<string, number>();
    for (const [, name, value] of source.matchAll(/^#define (\w+_(?:MS|MAX)) (.+)$/gm)) {
      defined.set(name!, multiplied(value!));
    }
    const depth = readFileSync(join(root, 'cni/json.h'), 'utf8').match(/JSON_DEPTH_MAX (\d+)/)![1]!;
    defined.set('JSON_DEPTH_MAX', Number(depth));
    const readme = readFileSync(join(root, 'cni/README.md'), 'utf8');
    const listed = [...readme.matchAll(/^\| `(\w+_(?:MS|MAX))` \| ([\d,]+) \|/gm)];
    expect(listed.length).toBeGreaterThan(10);
    for (const [, name, value] of listed) {
      expect([name, Number(value!.replaceAll(',', ''))]).toEqual([name, defined.get(name!)]);
    }
  });

  test('can be checked by any compiler without a warning', () => {
    const line = ['-std=c11', '-Wall', '-Wextra', '-Wconversion', '-Wshadow', '-Werror'];
    const run = spawnSync('gcc', [...line, '-fsyntax-only', join(root, 'cni/plugin.c')], {
      encoding: 'utf8',
    });
    if (run.error === undefined) expect(run.stderr).toBe('');
  });
});

/** The product in "(64 * 1024)" or the number in "107". */
function multiplied(text: string): number {
  return [...text.matchAll(/\d+/g)].reduce((product, [factor]) => product * Number(factor), 1);
}
