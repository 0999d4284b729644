/** docs/faults.md has a row for every fault that the cluster tests cause, and for no other. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const HERE = import.meta.dirname;
const page = readFileSync(join(HERE, '../../docs/faults.md'), 'utf8');

test('every fault has its row, with counts', () => {
  const tests = readdirSync(HERE).filter((name) => /^faults-.*\.cluster\.ts$/.test(name));
  expect(tests.length).toBeGreaterThan(3);
  const named = tests.flatMap((name) => {
    const source = readFileSync(join(HERE, name), 'utf8');
    return [...source.matchAll(/(?:settle\(\s*|fault: )(['"`])(.*?)\1/g)].map((match) => match[2]!);
  });
  const rows = [...page.matchAll(/^\| ([^|]+) \|(?: \d+ \|){5}$/gm)].map((match) => match[1]!);
  // What a test puts into a name is a number, or a program's name.
  const shapes = named.map((name) =>
    RegExp(`^${name.replaceAll(/[().]/g, '\\$&').replaceAll(/\$\{\w+\}/g, '[\\w-]+')}$`),
  );
  expect(rows.filter((row) => !shapes.some((shape) => shape.test(row)))).toEqual([]);
  expect(shapes.filter((shape) => !rows.some((row) => shape.test(row)))).toEqual([]);
});
