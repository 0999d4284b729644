import { expect, test } from 'vitest';
import { isPattern, parseGlob } from '../../src/choose/glob.ts';

// The cases are those of the documentation of Go's path/filepath.Match.
test.each([
  ['abc', 'abc', true],
  ['*', 'abc', true],
  ['*c', 'abc', true],
  ['a*', 'a', true],
  ['a*', 'abc', true],
  ['a*', 'ab/c', false],
  ['a*/b', 'abc/b', true],
  ['a*/b', 'a/c/b', false],
  ['a*b*c*d*e*', 'axbxcxdxe', true],
  ['a*b*c*d*e*', 'axbxcxdxexxx', true],
  ['a*b?c*x', 'abxbbxdbxebxczzx', true],
  ['a*b?c*x', 'abxbbxdbxebxczzy', false],
  ['ab[c]', 'abc', true],
  ['ab[b-d]', 'abc', true],
  ['ab[e-g]', 'abc', false],
  ['ab[^c]', 'abc', false],
  ['ab[^b-d]', 'abc', false],
  ['ab[^e-g]', 'abc', true],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'ab', false],
  ['a?b', 'a☺b', true],
  ['a[^a]b', 'a☺b', true],
  ['a???b', 'a☺b', false],
  ['[a-ζ]*', 'α', true],
  ['*[a-ζ]', 'A', false],
  ['a?b', 'a/b', false],
  ['a*b', 'a/b', false],
  ['[\\]a]', ']', true],
  ['[\\-]', '-', true],
  ['[x\\-]', 'z', false],
  ['*x', 'xxx', true],
  ['', '', true],
  ['', 'a', false],
])('the wildcard %s on %s gives %s', (pattern, name, matches) => {
  expect(parseGlob(pattern)?.(name)).toBe(matches);
});

test.each(['[]a]', '[-]', '[x-]', '[-x]', '[a-b-c]', '[', '[^', '[^bc', 'a[', '[a-', 'a\\'])(
  'the wildcard %s is malformed',
  (pattern) => {
    expect(parseGlob(pattern)).toBeUndefined();
  },
);

test('a wildcard with many runs does not take exponential time', () => {
  const glob = parseGlob(`${'a*'.repeat(60)}b`);
  expect(glob?.('a'.repeat(250))).toBe(false);
});

test.each([
  ['pool', false],
  ['pool-*', true],
  ['pool-?', true],
  ['pool-[ab]', true],
  ['pool-[', false],
  ['pool-]', false],
])('the name %s being a pattern is %s', (name, expected) => {
  expect(isPattern(name)).toBe(expected);
});
