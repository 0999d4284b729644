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
  'vitest.cluster.config.ts',
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
    const kebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|bench|cluster|d))?\.(ts|mjs|c|h)$/;
    const wrong = code.filter((path) => {
      const name = path.split('/').at(-1) as string;
      return drawers.test(path) || !kebab.test(name);
    });
    expect(wrong.filter((path) => !/^vitest\.(cluster\.)?config\.ts$/.test(path))).toEqual([]);
  });

  test('leaves no marker of unfinished work behind', () => {
    const marker = new RegExp(
      `\\b(${['TO', 'DO'].join('')}|${['FIX', 'ME'].join('')}|${['X', 'XX'].join('')})\\b`,
    );
    expect(code.filter((path) => marker.test(read(path)))).toEqual([]);
  });

  test('carries no registry host and no home of one machine', () => {
    const foreign = new RegExp(
      `${['registry', 'npmjs', 'org'].join('\\.')}|${['proxy', 'golang', 'org'].join('\\.')}|/${'work'}/|/${'root'}/`,
    );
    expect(text.filter((path) => foreign.test(read(path)))).toEqual([]);
  });

  test('documents what src exports: above it, or in the head of a file that exports one thing', () => {
    const bare = files
      .filter((path) => path.startsWith('src/') && path.endsWith('.ts'))
      .flatMap((path) => {
        const source = read(path);
        const exported = /(?:^|\n)([^\n]*)\nexport (?:async )?(?:function|class) (\w+)/g;
        const found = [...source.matchAll(exported)];
        const headed = source.startsWith('/**') && /\nexport class /.test(source);
        return found
          .filter((match) => !/\*\/\s*$/.test(match[1] as string))
          .filter(() => !(headed || (found.length === 1 && source.startsWith('/**'))))
          .map((match) => `${path}: ${match[2]}`);
      });
    expect(bare).toEqual([]);
  });
});
