import { expect, test } from 'vitest';
import { isOlder } from '../../src/kube/resource-version.ts';

test.each([
  { a: '9', b: '10', older: true },
  { a: '10', b: '9', older: false },
  { a: '10', b: '10', older: false },
  { a: '9007199254740993', b: '9007199254740994', older: true },
  { a: undefined, b: '10', older: false },
  { a: '9', b: undefined, older: false },
  { a: '', b: '10', older: false },
  { a: 'x', b: '10', older: false },
])('version $a is older than $b: $older', ({ a, b, older }) => {
  expect(isOlder(a, b)).toBe(older);
});
