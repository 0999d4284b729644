import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const ASSEMBLY = new URL('../../assembly/', import.meta.url);
const files = readdirSync(ASSEMBLY, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name, lines: readFileSync(new URL(name, ASSEMBLY), 'utf8').split('\n') }));

/** Places of the lines that match, outside of comments. */
function places(pattern: RegExp, where: (name: string) => boolean): string[] {
  return files.flatMap(({ name, lines }) =>
    lines.flatMap((line, i) =>
      where(name) && pattern.test(line) && !/^\s*(\*|\/\/)/.test(line) ? [`${name}:${i + 1}`] : [],
    ),
  );
}

test('only assembly/memory loads, stores and casts', () => {
  const raw = /\b(load|store)<|\bchangetype<|\bv128\.(load|store)/;
  expect(places(raw, (name) => !name.startsWith('memory/'))).toEqual([]);
});

test('no state lies outside linear memory', () => {
  expect(places(/^(export )?let /, () => true)).toEqual([]);
});

test('no wide integer crosses to the host', () => {
  const index = files.find(({ name }) => name === 'index.ts')!.lines.join('\n');
  const exported = new Set(
    [...index.matchAll(/export \{([^}]*)\}/g)].flatMap(([, names]) => names!.match(/\w+/g)!),
  );
  const wide = files
    .filter(({ name }) => name !== 'claims.ts')
    .flatMap(({ lines }) =>
      [...lines.join('\n').matchAll(/^export function (\w+)\(([^)]*)\): (\w+)/gm)]
        .filter(([, name]) => exported.has(name!))
        .filter(([, , parameters, result]) => /u64|i64/.test(`${parameters} ${result}`)),
    )
    .map(([, name]) => name);
  expect(wide).toEqual([]);
});

test('the entry file is the export list and nothing else', () => {
  const index = files.find(({ name }) => name === 'index.ts')!.lines.join('\n');
  const rest = index
    .replace(/export \{[^}]*\} from '[^']+';/g, '')
    .replace(/\/\*\*.*?\*\/|\/\/.*/g, '');
  expect(rest.trim()).toBe('');
});
