/** Rules of the tree that matter enough to be tested (CONTRIBUTING.md). */
import { describe, expect, test } from 'vitest';
import { read, trackedFiles } from './tree.ts';

const TOP_LEVEL = [
  '.ci',
  '.gitignore',
  '.npmrc',
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'LICENSE',
  'README.md',
  'asconfig.json',
  'assembly',
  'bench',
  'biome.json',
  'cni',
  'deploy',
  'docs',
  'examples',
  'package-lock.json',
  'package.json',
  'scripts',
  'src',
  'test',
  'tsconfig.json',
  'vitest.config.ts',
];

const files = trackedFiles();
const code = files.filter((path) => /\.(ts|mjs|c|h)$/.test(path));
const text = files.filter(
  (path) => /\.(ts|mjs|c|h|md|json|ya?ml|sh|service|conflist)$/.test(path) || path === '.ci/run',
);

describe('the tree', () => {
  test('has a closed top level: a new entry is a decision', () => {
    const entries = new Set(files.map((path) => path.split('/')[0] as string));
    expect([...entries].filter((entry) => !TOP_LEVEL.includes(entry))).toEqual([]);
  });

  test('names files for one concept, in kebab-case', () => {
    const drawers = /(^|\/)(utils?|helpers?|common|misc|types)\.(ts|c|h)$/;
    const kebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|bench))?\.(ts|mjs|c|h)$/;
    const wrong = code.filter((path) => {
      const name = path.split('/').at(-1) as string;
      return drawers.test(path) || !kebab.test(name);
    });
    expect(wrong.filter((path) => path !== 'vitest.config.ts')).toEqual([]);
  });

  test('leaves no marker of unfinished work behind', () => {
    const marker = new RegExp(`\\b(${['TO', 'DO'].join('')}|${['FIX', 'ME'].join('')}|XXX)\\b`);
    expect(code.filter((path) => marker.test(read(path)))).toEqual([]);
  });

  test('carries no registry host and no home of one machine', () => {
    const foreign = new RegExp(
      `${['registry', 'npmjs', 'org'].join('\\.')}|${['proxy', 'golang', 'org'].join('\\.')}|/${'work'}/|/${'root'}/`,
    );
    expect(text.filter((path) => foreign.test(read(path)))).toEqual([]);
  });

  test('documents every exported function and class of src', () => {
    const bare = files
      .filter((path) => path.startsWith('src/') && path.endsWith('.ts'))
      .flatMap((path) =>
        [...read(path).matchAll(/(^|\n)([^\n]*)\nexport (?:async )?(?:function|class) (\w+)/g)]
          .filter((match) => !/\*\/\s*$/.test(match[2] as string))
          .map((match) => `${path}: ${match[3]}`),
      );
    expect(bare).toEqual([]);
  });
});
