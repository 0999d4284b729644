import { describe, expect, test } from 'vitest';
import {
  aggregated,
  duplicate,
  forbidden,
  invalid,
  notSupported,
  quoted,
  required,
  tooLong,
  unknownField,
  wrongType,
} from '../../src/selector/field-error.ts';

test.each([
  ['an invalid text', invalid('spec.ips[0]', 'x', 'bad'), 'spec.ips[0]: Invalid value: "x": bad'],
  ['an invalid number', invalid('spec.vlan', 4095, 'bad'), 'spec.vlan: Invalid value: 4095: bad'],
  ['an invalid boolean', invalid('spec.x', false, 'bad'), 'spec.x: Invalid value: false: bad'],
  ['an invalid nothing', invalid('spec.x', null, 'bad'), 'spec.x: Invalid value: "null": bad'],
  ['an invalid object', invalid('spec.x', { a: 'b' }, ''), 'spec.x: Invalid value: {"a":"b"}'],
  ['a forbidden field', forbidden('spec.x', 'no'), 'spec.x: Forbidden: no'],
  ['a missing field', required('spec.x'), 'spec.x: Required value'],
  ['a missing field and why', required('spec.x', 'why'), 'spec.x: Required value: why'],
  [
    'an unsupported value',
    notSupported('spec.ipVersion', 5, ['4', '6']),
    'spec.ipVersion: Unsupported value: 5: supported values: "4", "6"',
  ],
  ['a repeated value', duplicate('spec.x[1]', 'a'), 'spec.x[1]: Duplicate value: "a"'],
  ['a long value', tooLong('spec.x', 1024), 'spec.x: Too long: may not be more than 1024 bytes'],
  [
    'a wrong type',
    wrongType('spec.x', [], 'string'),
    'spec.x: Invalid value: "array": spec.x in body must be of type string: "array"',
  ],
  ['an unknown field', unknownField('spec.y'), 'strict decoding error: unknown field "spec.y"'],
])('field errors word %s as the API server does', (_name, text, expected) => {
  expect(text).toBe(expected);
});

describe('quoted', () => {
  test.each([
    ['plain text', 'a b', '"a b"'],
    ['quotes and backslashes', 'a"\\', '"a\\"\\\\"'],
    ['letters of the world', 'é漢🕷', '"é漢🕷"'],
    ['named controls', '\x07\b\f\n\r\t\v', '"\\a\\b\\f\\n\\r\\t\\v"'],
    ['other controls', '\0\x1b\x7f', '"\\x00\\x1b\\x7f"'],
    ['C1 controls and strange blanks', '\u0085\u00a0\u2028', '"\\u0085\\u00a0\\u2028"'],
    ['direction marks', '\u202e\u2066', '"\\u202e\\u2066"'],
    ['unassigned wide characters', '\u{e0001}', '"\\U000e0001"'],
    ['half a surrogate pair', 'a\ud800', '"a�"'],
  ])('writes %s as Go does', (_name, text, expected) => {
    expect(quoted(text)).toBe(expected);
  });

  test('cuts long text', () => {
    expect(quoted('x'.repeat(257))).toBe(`"${'x'.repeat(256)}…"`);
  });
});

describe('aggregated', () => {
  test.each([
    ['one', ['a'], 'a'],
    ['two', ['a', 'b'], '[a, b]'],
    ['repetitions', ['a', 'b', 'a'], '[a, b]'],
    ['the same twice', ['a', 'a'], 'a'],
  ])('joins %s', (_name, errors, expected) => {
    expect(aggregated(errors)).toBe(expected);
  });
});
