/** How it ended, by the line that is there: src/kube/settle.ts. */
import { expect, test } from 'vitest';
import { fateOf, nonceAgain } from '../../src/kube/settle.ts';
import { claimOf } from '../support/lines.ts';

const was = claimOf('10.0.0.1', { nonce: 'a' });
const now = claimOf('10.0.0.1', { nonce: 'b' });

test.each([
  { what: 'the very line', nonce: 'b', fate: 'landed' },
  {
    what: 'that line, written again after somebody removed it',
    nonce: nonceAgain('b'),
    fate: 'landed',
  },
  { what: 'that line, written again twice', nonce: nonceAgain(nonceAgain('b')), fate: 'landed' },
  { what: 'what was read', nonce: 'a', fate: 'open' },
  { what: 'a line whose nonce only begins like it', nonce: 'bc', fate: 'over' },
  { what: 'what was read, written again', nonce: nonceAgain('a'), fate: 'over' },
])('$what: $fate', ({ nonce, fate }) => {
  expect(fateOf({ was, now }, claimOf('10.0.0.1', { nonce }))).toBe(fate);
});

test('nothing where something was read: over', () => {
  expect(fateOf({ was, now }, undefined)).toBe('over');
  expect(fateOf({ was: undefined, now }, undefined)).toBe('open');
});
