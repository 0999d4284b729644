/** The npm package works where it is installed: Node strips no types below node_modules. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from './tree.ts';

const folder = mkdtempSync(join(tmpdir(), 'orbweaver-package-'));
const modules = join(folder, 'node_modules');
const installed = join(modules, 'orbweaver');

/** Runs the installed command; its output, or the text of its failure. */
function orbweaver(...args: string[]): string {
  const command = join(installed, 'src/cli/orbweaver.mjs');
  return execFileSync(process.execPath, [command, ...args], { cwd: folder, encoding: 'utf8' });
}

beforeAll(() => {
  const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const archive = /[\w.-]+\.tgz/.exec(packed)?.[0] as string;
  execFileSync('tar', ['-xzf', join(folder, archive), '-C', folder]);
  cpSync(join(folder, 'package'), installed, { recursive: true });
  // Dependencies as npm would install them beside the package.
  symlinkSync(join(ROOT, 'node_modules'), join(installed, 'node_modules'));
}, 120_000);

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  rmSync(join(ROOT, 'lib'), { recursive: true, force: true });
});

describe('the installed package', () => {
  test('runs the command line', () => {
    expect(orbweaver('version', '--socket', join(folder, 'none.sock'))).toMatch(
      /^orbweaver \d+\.\d+\.\d+ \(Node 24\./,
    );
  });

  test('finds the engine', () => {
    const engine = new URL(`file://${join(installed, 'lib/engine/engine.js')}`);
    const script = `import(${JSON.stringify(engine.href)}).then(({ Engine }) => console.log(Engine.load().build))`;
    const build = execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    expect(build.trim()).toMatch(/^(simd|baseline)$/);
  });

  test('brings the plugin', () => {
    const plugin = join(installed, 'build/cni/orbweaver');
    const answer = execFileSync(plugin, {
      env: { CNI_COMMAND: 'VERSION' },
      input: '{"cniVersion":"1.1.0"}',
      encoding: 'utf8',
    });
    expect(JSON.parse(answer)).toHaveProperty('supportedVersions');
  });
});
