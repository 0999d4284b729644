import { expect, test } from 'vitest';
import { closestWord } from '../../src/dialect/did-you-mean.ts';

const KNOWN = ['ippool', 'ippools', 'routes', 'default-ipv4-ippool'];

test.each([
  ['a dropped letter', 'ippol', 'ippool'],
  ['two letters swapped', 'routse', 'routes'],
  ['another case', 'IPPool', 'ippool'],
  ['a doubled letter', 'ipppools', 'ippools'],
  ['the older word order', 'default-ippv4-ippol', 'default-ipv4-ippool'],
  ['something else altogether', 'bandwidth', undefined],
  ['a short word that is mostly different', 'dns', undefined],
  ['nothing', '', undefined],
])('closestWord finds what was meant: %s', (_name, word, meant) => {
  expect(closestWord(word, KNOWN)).toBe(meant);
});
