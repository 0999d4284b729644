/** Every row of the page on deliberate differences has a reason and a test that is there. */
import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import { read, trackedFiles } from './tree.ts';

interface Row {
  readonly theirs: string;
  readonly why: string;
  /** File and words of each test that is named. */
  readonly tests: readonly { readonly file: string; readonly words: string }[];
}

function rowsOf(page: string): Row[] {
  return page
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.endsWith('| why | test |'))
    .map((line) => {
      const [theirs = '', , why = '', named = ''] = line
        .slice(2, -2)
        .split(' | ')
        .map((cell) => cell.trim());
      const tests = named.split('; ').map((one) => {
        const [, file = '', words = ''] = /^`([\w-]+)`: (.+)$/.exec(one) ?? [];
        return { file, words: words.replace(/\s*…$/, '') };
      });
      return { theirs, why, tests };
    });
}

const rows = rowsOf(read('docs/differences.md'));
const files = trackedFiles('test').filter((path) => path.endsWith('.test.ts'));

describe('docs/differences.md', () => {
  test('has rows on both products and on manifests', () => {
    expect(rows.length).toBeGreaterThan(45);
  });

  test.each(rows)('$theirs', ({ why, tests }) => {
    expect(why).toMatch(/\w/);
    for (const { file, words } of tests) {
      const paths = files.filter((path) => basename(path) === `${file}.test.ts`);
      expect(paths, `the test file ${file}`).not.toEqual([]);
      const found = paths.some((path) => read(path).includes(words));
      expect(found, `${file}: ${words}`).toBe(true);
    }
  });
});
