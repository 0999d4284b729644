/** Documents that repeat the code's tables say the same as the code. */
import { describe, expect, test } from 'vitest';
import { ERRORS } from '../../src/catalogue/errors.ts';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { read, trackedFiles } from './tree.ts';

describe('docs/errors.md', () => {
  const rows = new Map(
    [
      ...read('docs/errors.md').matchAll(
        /^\| `([A-Z_]+)` \| (\d+) \| (yes|no) \| (.+) \| (.+) \|$/gm,
      ),
    ].map((match) => [match[1] as string, match.slice(2)]),
  );

  test.each(Object.entries(ERRORS))('has the row of %s', (code, row) => {
    expect(rows.get(code)).toEqual([
      String(row.cni),
      row.retry ? 'yes' : 'no',
      row.cause,
      row.hint,
    ]);
  });

  test('has no row that the catalogue lacks', () => {
    expect([...rows.keys()].filter((code) => !(code in ERRORS))).toEqual([]);
  });
});

describe('README.md', () => {
  test.each(Object.entries(LIMITS))('states the limit %s', (name, value) => {
    expect(read('README.md')).toContain(`| \`${name}\` | ${value.toLocaleString('en')} |`);
  });
});

describe('ARCHITECTURE.md', () => {
  const text = read('ARCHITECTURE.md');

  test('names every folder of src', () => {
    const folders = new Set(trackedFiles('src').map((path) => path.split('/')[1] as string));
    expect([...folders].filter((folder) => !text.includes(`src/${folder}`))).toEqual([]);
  });

  test('states every invariant that code and tests cite', () => {
    const cited = new Set(
      [...trackedFiles('src'), ...trackedFiles('test')]
        .filter((path) => path.endsWith('.ts'))
        .flatMap((path) => [...read(path).matchAll(/\bI(\d{1,2})\b/g)].map((match) => match[0])),
    );
    expect([...cited].filter((name) => !new RegExp(`\\*\\*${name}\\*\\*`).test(text))).toEqual([]);
  });
});
