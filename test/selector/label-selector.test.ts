import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OrbweaverError } from '../../src/catalogue/errors.ts';
import { labelSelectorErrors, readLabelSelector } from '../../src/selector/label-selector.ts';
import { firstUnmet, matches } from '../../src/selector/selector.ts';

const PATH = 'spec.podAffinity';
const NAME_RULE =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE_RULE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const PREFIX_RULE =
  "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

const expression = (key: string, operator: string, ...values: string[]) => ({
  matchExpressions: [{ key, operator, ...(values.length > 0 ? { values } : {}) }],
});

describe('a LabelSelector', () => {
  test('selects as its single parts do, on generated cases', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'constructor');
    const value = fc.constantFrom('', 'x', 'y', 'z');
    const labels = fc.dictionary(key, value);
    const values = fc.array(value, { minLength: 1, maxLength: 3 });
    const expressions = fc.array(
      fc.oneof(
        fc.record({ key, operator: fc.constantFrom('In', 'NotIn'), values }),
        fc.record({ key, operator: fc.constantFrom('Exists', 'DoesNotExist') }),
      ),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(labels, expressions, labels, (matchLabels, matchExpressions, found) => {
        const slow =
          Object.entries(matchLabels).every(([name, wanted]) => found[name] === wanted) &&
          matchExpressions.every((item) => {
            const present = Object.keys(found).includes(item.key);
            if (item.operator === 'Exists') return present;
            if (item.operator === 'DoesNotExist') return !present;
            const listed = present && 'values' in item && item.values.includes(found[item.key]!);
            return item.operator === 'In' ? listed : !listed;
          });
        const selector = readLabelSelector({ matchLabels, matchExpressions }, PATH);
        expect(matches(selector, found)).toBe(slow);
        expect(firstUnmet(selector, found) === undefined).toBe(slow);
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ['absent', undefined, ''],
    ['null', null, ''],
    ['empty', {}, ''],
    ['with empty parts', { matchLabels: {}, matchExpressions: null }, ''],
    ['of labels', { matchLabels: { tier: 'db', app: 'web' } }, 'app=web,tier=db'],
    ['In one value', expression('app', 'In', 'web'), 'app=web'],
    ['In two values', expression('app', 'In', 'web', 'db', 'web'), 'app in (db,web)'],
    ['NotIn', expression('app', 'NotIn', 'web'), 'app notin (web)'],
    ['Exists', expression('app', 'Exists'), 'app'],
    ['DoesNotExist', expression('app', 'DoesNotExist'), '!app'],
    [
      'with a prefixed key',
      { matchLabels: { 'kubernetes.io/os': 'linux' } },
      'kubernetes.io/os=linux',
    ],
    ['with an empty value', { matchLabels: { app: '' } }, 'app='],
  ])('%s has a text', (_name, value, text) => {
    expect(readLabelSelector(value, PATH).text).toBe(text);
  });
});

describe('a LabelSelector is refused', () => {
  const at = (place: string, found: string, wanted: string) =>
    `${PATH}${place}: Invalid value: "${found}": ${PATH}${place} in body must be of type ${wanted}: "${found}"`;

  test.each([
    ['that is a text', 'app=web', at('', 'string', 'object')],
    ['that is a list', [], at('', 'array', 'object')],
    [
      'with an unknown field',
      { matchLabel: {} },
      `strict decoding error: unknown field "${PATH}.matchLabel"`,
    ],
    ['with labels in a list', { matchLabels: ['a'] }, at('.matchLabels', 'array', 'object')],
    [
      'with a number as a value',
      { matchLabels: { app: 1 } },
      at('.matchLabels.app', 'integer', 'string'),
    ],
    [
      'with a fraction as a value',
      { matchLabels: { app: 1.5 } },
      at('.matchLabels.app', 'number', 'string'),
    ],
    [
      'with a boolean as a value',
      { matchLabels: { app: true } },
      at('.matchLabels.app', 'boolean', 'string'),
    ],
    [
      'with null as a value',
      { matchLabels: { app: null } },
      at('.matchLabels.app', 'null', 'string'),
    ],
    [
      'with expressions in an object',
      { matchExpressions: {} },
      at('.matchExpressions', 'object', 'array'),
    ],
    [
      'with a text as expression',
      { matchExpressions: ['a'] },
      at('.matchExpressions[0]', 'string', 'object'),
    ],
    [
      'with null as expression',
      { matchExpressions: [null] },
      at('.matchExpressions[0]', 'null', 'object'),
    ],
    [
      'with an unknown field in an expression',
      { matchExpressions: [{ key: 'a', operator: 'Exists', value: 'x' }] },
      `strict decoding error: unknown field "${PATH}.matchExpressions[0].value"`,
    ],
    [
      'without key and operator',
      { matchExpressions: [{}] },
      `[${PATH}.matchExpressions[0].key: Required value, ${PATH}.matchExpressions[0].operator: Required value]`,
    ],
    [
      'with a text for values',
      { matchExpressions: [{ key: 'a', operator: 'In', values: 'x' }] },
      at('.matchExpressions[0].values', 'string', 'array'),
    ],
    [
      'with a number among the values',
      { matchExpressions: [{ key: 'a', operator: 'In', values: ['x', 1] }] },
      at('.matchExpressions[0].values[1]', 'integer', 'string'),
    ],
    [
      'with In and no values',
      expression('a', 'In'),
      `${PATH}.matchExpressions[0].values: Required value: must be specified when \`operator\` is 'In' or 'NotIn'`,
    ],
    [
      'with NotIn and no values',
      expression('a', 'NotIn'),
      `${PATH}.matchExpressions[0].values: Required value: must be specified when \`operator\` is 'In' or 'NotIn'`,
    ],
    [
      'with Exists and values',
      expression('a', 'Exists', 'x'),
      `${PATH}.matchExpressions[0].values: Forbidden: may not be specified when \`operator\` is 'Exists' or 'DoesNotExist'`,
    ],
    [
      'with DoesNotExist and values',
      expression('a', 'DoesNotExist', 'x'),
      `${PATH}.matchExpressions[0].values: Forbidden: may not be specified when \`operator\` is 'Exists' or 'DoesNotExist'`,
    ],
    [
      'with an unknown operator',
      expression('a', 'Equals', 'x'),
      `${PATH}.matchExpressions[0].operator: Invalid value: "Equals": not a valid selector operator`,
    ],
    [
      'with an operator in lower case',
      expression('a', 'in', 'x'),
      `${PATH}.matchExpressions[0].operator: Invalid value: "in": not a valid selector operator`,
    ],
    [
      'with an empty key',
      expression('', 'Exists'),
      `[${PATH}.matchExpressions[0].key: Invalid value: "": name part must be non-empty, ${PATH}.matchExpressions[0].key: Invalid value: "": name part ${NAME_RULE}]`,
    ],
    [
      'with a key of bad syntax',
      expression('_a', 'Exists'),
      `${PATH}.matchExpressions[0].key: Invalid value: "_a": name part ${NAME_RULE}`,
    ],
    [
      'with a key of two slashes',
      expression('a/b/c', 'Exists'),
      `${PATH}.matchExpressions[0].key: Invalid value: "a/b/c": a valid label key ${NAME_RULE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ],
    [
      'with an empty prefix',
      expression('/a', 'Exists'),
      `${PATH}.matchExpressions[0].key: Invalid value: "/a": prefix part must be non-empty`,
    ],
    [
      'with a bad prefix',
      expression('Example.com/a', 'Exists'),
      `${PATH}.matchExpressions[0].key: Invalid value: "Example.com/a": ${PREFIX_RULE}`,
    ],
    [
      'with a long key',
      expression('a'.repeat(64), 'Exists'),
      `${PATH}.matchExpressions[0].key: Invalid value: "${'a'.repeat(64)}": name part must be no more than 63 bytes`,
    ],
    [
      'with a long prefix',
      expression(`${'a'.repeat(254)}/a`, 'Exists'),
      `${PATH}.matchExpressions[0].key: Invalid value: "${'a'.repeat(254)}/a": prefix part must be no more than 253 bytes`,
    ],
    [
      'with a value of bad syntax',
      expression('a', 'In', 'ok', 'no good'),
      `${PATH}.matchExpressions[0].values[1]: Invalid value: "no good": ${VALUE_RULE}`,
    ],
    [
      'with a long value',
      { matchLabels: { a: 'x'.repeat(64) } },
      `${PATH}.matchLabels: Invalid value: "${'x'.repeat(64)}": must be no more than 63 bytes`,
    ],
    [
      'with Unicode and control characters',
      { matchLabels: { app: 'wé\u001b\u202e\u0000b' } },
      `${PATH}.matchLabels: Invalid value: "wé\\x1b\\u202e\\x00b": ${VALUE_RULE}`,
    ],
    [
      'with a bad key among labels',
      { matchLabels: { 'a b': 'x' } },
      `${PATH}.matchLabels: Invalid value: "a b": name part ${NAME_RULE}`,
    ],
  ])('%s', (_name, value, message) => {
    expect(() => readLabelSelector(value, PATH)).toThrow(
      expect.objectContaining({ code: 'OBJECT_INVALID', message }),
    );
    expect(labelSelectorErrors(value, PATH)).not.toEqual([]);
  });

  test('with a megabyte of values, in one short message', () => {
    const values = Array.from({ length: 60_000 }, (_, index) => `-bad value ${index}`);
    let message = '';
    try {
      readLabelSelector(expression('a', 'In', ...values), PATH);
    } catch (error) {
      message = (error as OrbweaverError).message;
    }
    expect(message).toContain('and 59900 more]');
    expect(message.length).toBeLessThan(100_000);
  });

  test('with one value of a megabyte, which is cut', () => {
    const value = { matchLabels: { a: 'x'.repeat(1 << 20) } };
    expect(labelSelectorErrors(value, PATH)).toEqual([
      `${PATH}.matchLabels: Invalid value: "${'x'.repeat(256)}…": must be no more than 63 bytes`,
    ]);
  });

  test('quickly, whatever the text', () => {
    const started = performance.now();
    for (const piece of ['a', '-', 'a.', 'a-', '.', 'A_', '/', 'a/']) {
      const text = `${piece.repeat(200_000)}!`;
      expect(labelSelectorErrors({ matchLabels: { [text]: text } }, PATH)).not.toEqual([]);
    }
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe('firstUnmet of a LabelSelector', () => {
  test.each([
    [
      'a missing label',
      expression('foo', 'In', 'bar', 'baz'),
      {},
      'label foo is missing, wanted In [bar, baz]',
    ],
    [
      'another value',
      { matchLabels: { foo: 'bar' } },
      { foo: 'x' },
      'label foo is "x", wanted In [bar]',
    ],
    [
      'an unwanted value',
      expression('foo', 'NotIn', 'x'),
      { foo: 'x' },
      'label foo is "x", wanted NotIn [x]',
    ],
    [
      'a label that must exist',
      expression('foo', 'Exists'),
      {},
      'label foo is missing, wanted Exists',
    ],
    [
      'a label that must not exist',
      expression('foo', 'DoesNotExist'),
      { foo: '' },
      'label foo is "", wanted DoesNotExist',
    ],
    [
      'an empty wanted value',
      { matchLabels: { foo: '' } },
      {},
      'label foo is missing, wanted In [""]',
    ],
    [
      'many values',
      expression('foo', 'In', ...'abcdefghijkl'),
      {},
      'label foo is missing, wanted In [a, b, c, d, e, f, g, h, i, j and 2 more]',
    ],
    [
      'labels before expressions',
      { ...expression('a', 'Exists'), matchLabels: { z: 'x' } },
      {},
      'label z is missing, wanted In [x]',
    ],
    ['a match', { matchLabels: { foo: 'bar' } }, { foo: 'bar' }, undefined],
  ] as [string, object, Record<string, string>, string | undefined][])(
    'names %s',
    (_name, value, labels, sentence) => {
      expect(firstUnmet(readLabelSelector(value, PATH), labels)).toBe(sentence);
    },
  );
});
