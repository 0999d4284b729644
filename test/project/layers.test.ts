/** Imports point downwards only, and each outside library enters through one folder (ARCHITECTURE.md). */
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { importsOf, trackedFiles } from './tree.ts';

/** Top of the house first; a folder may import its own files and those of folders below it. */
const FLOORS = [
  ['cli'],
  ['agent', 'controller'],
  ['projection'],
  ['embedded', 'http', 'kube', 'cri'],
  ['sqlite'],
  ['ipam'],
  ['choose'],
  ['dialect'],
  ['selector'],
  ['net'],
  ['engine'],
  ['catalogue'],
];

/** Library → the one folder of src that may import it. */
const ENTRANCE: Record<string, string> = {
  fastify: 'http',
  'prom-client': 'http',
  pino: 'http',
  'node:sqlite': 'sqlite',
  '@kubernetes/client-node': 'kube',
  undici: 'kube',
  '@grpc/grpc-js': 'cri',
  '@grpc/proto-loader': 'cri',
  '@peculiar/x509': 'controller',
  'reflect-metadata': 'controller',
  yaml: 'dialect',
  commander: 'cli',
  '@assemblyscript/loader': 'engine',
};

const sources = trackedFiles('src').filter((path) => path.endsWith('.ts'));
const floorOf = (folder: string) => FLOORS.findIndex((floor) => floor.includes(folder));
const folderOf = (path: string) => path.split('/')[1] as string;

/** `@scope/name/file.js` → `@scope/name`. */
const packageOf = (name: string) =>
  name.startsWith('node:') ? name : (/^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name);

describe('src', () => {
  test('has only the folders of the house', () => {
    const folders = new Set(sources.map(folderOf));
    expect([...folders].filter((folder) => floorOf(folder) < 0)).toEqual([]);
  });

  test.each(sources)('%s imports downwards only', (path) => {
    const upward = importsOf(path)
      .filter((name) => name.startsWith('.'))
      .map((name) => join(dirname(path), name))
      .filter((target) => target.startsWith('src/') && folderOf(target) !== folderOf(path))
      .filter((target) => floorOf(folderOf(target)) <= floorOf(folderOf(path)));
    expect(upward).toEqual([]);
  });

  test.each(sources)('%s takes libraries through their entrance', (path) => {
    const wrong = importsOf(path).filter((name) => {
      const entrance = ENTRANCE[packageOf(name)];
      return name.startsWith('node:') || name.startsWith('.')
        ? entrance !== undefined && entrance !== folderOf(path)
        : entrance !== folderOf(path);
    });
    expect(wrong).toEqual([]);
  });

  test('knows WebAssembly in the engine folder only', async () => {
    const { read } = await import('./tree.ts');
    const others = sources
      .filter((path) => folderOf(path) !== 'engine')
      .filter((path) => /\bWebAssembly\./.test(read(path)));
    expect(others).toEqual([]);
  });
});
