/** Where TypeScript cannot be started, every command says why in one line. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PACKAGE_FOLDER } from '../../src/cli/package-folder.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

/** A Node older than 24 that this machine has beside the project's, or undefined. */
function oldNode(): string | undefined {
  const version = spawnSync('/usr/bin/node', ['--version'], { encoding: 'utf8' }).stdout;
  return Number(/^v(\d+)/.exec(version ?? '')?.[1]) < 24 ? '/usr/bin/node' : undefined;
}

/** Arguments that make this Node take itself for an older one. */
function pretending(): string[] {
  const file = join(scratchFolder(), 'old.mjs');
  writeFileSync(
    file,
    "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } });\n",
  );
  return ['--import', file];
}

const COMMANDS = [
  ['src/cli/orbweaver.mjs', 'get', 'sp'],
  ['src/cli/orbweaver.mjs', 'agent', '--state', '/nonexistent/state', '--node', 'n'],
  ['scripts/launch.mjs', 'scripts/build.ts'],
  ['scripts/launch.mjs', 'scripts/start.ts', '--once'],
];

const system = oldNode();
const NODES: { name: string; node: string | undefined; flags: () => string[] }[] = [
  { name: 'a Node that is told it is 20.1.0', node: process.execPath, flags: pretending },
  {
    name: system === undefined ? 'an old system Node: /usr/bin/node is none' : 'the system Node',
    node: system,
    flags: () => [],
  },
];

for (const { name, node, flags } of NODES) {
  describe.skipIf(node === undefined)(name, () => {
    test.each(COMMANDS)('%s %s', (...args) => {
      const run = spawnSync(node!, [...flags(), ...args], {
        cwd: PACKAGE_FOLDER,
        encoding: 'utf8',
      });
      expect(run.status).toBe(1);
      expect(run.stdout).toBe('');
      expect(run.stderr).toMatch(
        /^error: orbweaver needs Node 24 or newer, and this is Node \d+\.\d+\.\d+ .*install it\n$/,
      );
    });
  });
}

test.each(['commander', '@scope/name'])('a checkout without %s says how to get it', (name) => {
  const file = join(scratchFolder(), 'needs.ts');
  writeFileSync(file, `import '${name}';\n`);
  const run = spawnSync(process.execPath, ['scripts/launch.mjs', file], {
    cwd: PACKAGE_FOLDER,
    encoding: 'utf8',
  });
  expect({ status: run.status, err: run.stderr }).toEqual({
    status: 1,
    err: `error: the package ${name} is not installed: run \`npm ci\`\n`,
  });
});

test('the launcher hands its arguments on, and the file sees itself as the program', () => {
  const file = join(scratchFolder(), 'show.ts');
  writeFileSync(
    file,
    'const words: string[] = process.argv.slice(1);\nconsole.log(words.join());\n',
  );
  const run = spawnSync(process.execPath, ['scripts/launch.mjs', file, 'a', '--b'], {
    cwd: PACKAGE_FOLDER,
    encoding: 'utf8',
  });
  expect(run.stdout).toBe(`${file},a,--b\n`);
});

test('the launcher without a file says how it is used', () => {
  const run = spawnSync(process.execPath, ['scripts/launch.mjs'], {
    cwd: PACKAGE_FOLDER,
    encoding: 'utf8',
  });
  expect({ status: run.status, err: run.stderr }).toEqual({
    status: 2,
    err: 'usage: node scripts/launch.mjs FILE.ts [ARGUMENTS]\n',
  });
});
