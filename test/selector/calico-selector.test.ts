import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OrbweaverError } from '../../src/catalogue/errors.ts';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { parseCalicoSelector } from '../../src/selector/calico-selector.ts';
import { firstUnmet, matches } from '../../src/selector/selector.ts';
import { LABELS, SELECTOR } from '../support/slow-calico.ts';

function errorOf(text: string): OrbweaverError {
  try {
    parseCalicoSelector(text);
  } catch (error) {
    if (error instanceof OrbweaverError) return error;
    throw error;
  }
  throw new Error(`accepted: ${text.slice(0, 100)}`);
}

describe('a Calico selector', () => {
  test('selects what its parts select, on generated selectors', () => {
    fc.assert(
      fc.property(SELECTOR, fc.array(LABELS, { minLength: 1, maxLength: 8 }), (slow, objects) => {
        const selector = parseCalicoSelector(slow.text);
        for (const labels of objects) {
          expect(matches(selector, labels)).toBe(slow.selects(labels));
          expect(firstUnmet(selector, labels) === undefined).toBe(slow.selects(labels));
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('has a canonical text that reads back to the same selector, on generated selectors', () => {
    fc.assert(
      fc.property(SELECTOR, (slow) => {
        const selector = parseCalicoSelector(slow.text);
        expect(parseCalicoSelector(selector.text)).toEqual(selector);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ['== on an equal label', "a == 'b'", { a: 'b' }, true],
    ['== on another value', "a == 'b'", { a: 'c' }, false],
    ['== on no label', "a == 'b'", {}, false],
    ['!= on no label', "a != 'b'", {}, true],
    ['not in on no label', "a not in {'b'}", {}, true],
    ['in on no label', "a in {'b'}", {}, false],
    ['in an empty set', 'a in {}', { a: '' }, false],
    ['not in an empty set', 'a not in {}', { a: '' }, true],
    ['contains', "a contains 'xy'", { a: 'wxyz' }, true],
    ['contains on no label', "a contains ''", {}, false],
    ['starts with', "a starts with 'x'", { a: 'xy' }, true],
    ['ends with', "a ends with 'x'", { a: 'xy' }, false],
    ['an empty value', "a == ''", { a: '' }, true],
    ['has', 'has(a)', { a: '' }, true],
    ['not before a whole comparison', "!a == 'b'", {}, true],
    ['two nots', "!!a == 'b'", {}, false],
    ['three nots with blanks', '! ! !has(a)', {}, true],
    ['&& before ||', 'has(a) || has(b) && has(c)', { a: '1' }, true],
    ['parentheses before &&', '(has(a) || has(b)) && has(c)', { a: '1' }, false],
    ['all()', 'all()', {}, true],
    ['global()', 'global()', {}, true],
    ['nothing', '', {}, true],
    ['blanks', ' \t ', {}, true],
    ['a property that every object has', 'has(constructor)', {}, false],
    ['the name of a prototype', "toString != ''", {}, true],
    ['a key that is an operator', "contains contains 'on'", { contains: 'one' }, true],
    ['a key that is a function', "all == 'x' && has == 'y'", { all: 'x', has: 'y' }, true],
    ['Unicode in a string', "a == 'ü'", { a: 'ü' }, true],
  ])('reads %s', (_name, text, labels, expected) => {
    expect(matches(parseCalicoSelector(text), labels)).toBe(expected);
  });

  test.each([
    ['', 'all()'],
    [' all( ) ', 'all()'],
    [' (all() )', 'all()'],
    ['global()', 'global()'],
    ["a=='b'", 'a == "b"'],
    [`a == '"'`, `a == '"'`],
    ["a startswith 'x'", 'a starts with "x"'],
    ["a endswith 'x'", 'a ends with "x"'],
    ["a notin {'b'}", 'a not in {"b"}'],
    ["a in {'z', \"y\", 'z',}", 'a in {"y", "z"}'],
    ["a in {'\"', 'b'}", `a in {'"', "b"}`],
    ['! (has( b)||! has(a ))', '!(has(b) || !has(a))'],
    [`! (a == "b"&&! c != "d")`, '!(a == "b" && !c != "d")'],
    ["k == 'v' && has(t) || all()", '((k == "v" && has(t)) || all())'],
    ['(has(a) && has(b)) && has(c)', '((has(a) && has(b)) && has(c))'],
    ['!!!has(a)', '!has(a)'],
    ['!(!has(a))', 'has(a)'],
  ])('writes %j as %j', (text, canonical) => {
    expect(parseCalicoSelector(text).text).toBe(canonical);
  });
});

describe('requirements', () => {
  test.each([
    ['==', "a == 'x'", [['a', 'In', 'x']]],
    ['!=', "a != 'x'", [['a', 'NotIn', 'x']]],
    ['! ==', "!a == 'x'", [['a', 'NotIn', 'x']]],
    ['!(!=)', "!(a != 'x')", [['a', 'In', 'x']]],
    ['in', "a in {'y', 'x'}", [['a', 'In', 'x', 'y']]],
    ['not in', "a not in {'x'}", [['a', 'NotIn', 'x']]],
    ['! in', "!a in {'x'}", [['a', 'NotIn', 'x']]],
    ['in of nothing', 'a in {}', [['a', 'In']]],
    ['not in of nothing', 'a not in {}', []],
    ['has', 'has(a)', [['a', 'Exists']]],
    ['!has', '!has(a)', [['a', 'DoesNotExist']]],
    ['nothing', '', []],
    ['all()', 'all()', []],
    ['global()', 'global()', []],
    [
      '&&, nested',
      "all() && (a == 'x' && (has(b) && c != 'y'))",
      [
        ['a', 'In', 'x'],
        ['b', 'Exists'],
        ['c', 'NotIn', 'y'],
      ],
    ],
    [
      '! of ||',
      "!(a == 'x' || !has(b))",
      [
        ['a', 'NotIn', 'x'],
        ['b', 'Exists'],
      ],
    ],
  ] as [string, string, string[][]][])('say %s', (_name, text, expected) => {
    const selector = parseCalicoSelector(text);
    expect(selector.kind).toBe('requirements');
    const requirements = selector.kind === 'requirements' ? selector.requirements : [];
    expect(requirements.map(({ key, operator, values }) => [key, operator, ...values])).toEqual(
      expected,
    );
  });

  test.each([
    ['||', "a == 'x' || a == 'y'"],
    ['contains', "a contains 'x'"],
    ['starts with', "has(a) && b starts with 'x'"],
    ['ends with', "a ends with 'x'"],
    ['! before &&', '!(has(a) && has(b))'],
    ['! before all()', '!all()'],
  ])('cannot say %s', (_name, text) => {
    expect(parseCalicoSelector(text).kind).toBe('expression');
  });
});

describe('a Calico selector is refused', () => {
  // Rows 1 to 26 are the list of reference/calico.md 1.7; the messages are those of Calico's parser.
  test.each([
    ['a label for a value', 'b == b', 'expected string'],
    ['contains with a label', 'b contains b', 'expected string'],
    ['starts with and a label', 'b starts with b', 'expected operator after label "b"'],
    ['ends with and a label', 'b ends with b', 'expected operator after label "b"'],
    ['a value for a label', "'b1' == b", 'unexpected token: TokStringLiteral(b1)'],
    ['a label alone', 'b', 'unexpected end of string looking for op'],
    ['two labels', 'a b', 'expected operator after label "a"'],
    ['a not alone', '!', 'unexpected token: TokEOF()'],
    ['one & at the end', 'foo == "bar" &', 'expected &&'],
    ['one | at the end', 'foo == "bar" |', 'expected ||'],
    ['an operator for a value', 'foo != ||', 'expected string'],
    ['an open set', 'foo in {"", ||', 'expected }'],
    ['a string for a set', 'foo in ""', 'expected set literal'],
    ['an open double quote', '"FOO', 'unterminated string'],
    ['a double quote closed by a single one', `"FOO'`, 'unterminated string'],
    ['a double quote alone', '"', 'unterminated string'],
    ['an open single quote', "'FOO", 'unterminated string'],
    ['a parenthesis alone', '(', 'unexpected token: TokEOF()'],
    ['an open parenthesis', '(a == "foo"', 'expected )'],
    ['a closing parenthesis alone', ')', 'unexpected token: TokRParen()'],
    ['empty parentheses', '()', 'unexpected token: TokRParen()'],
    ['a foreign character', '%', 'expected identifier'],
    ['a foreign character after &&', 'a == "b" && %', 'expected identifier'],
    ['a foreign character after ||', 'a == "b" || %', 'expected identifier'],
    ['a label and a blank', 'a ', 'unexpected end of string looking for op'],
    ['&& at the end', 'has(foo) &&', 'unexpected token: TokEOF()'],
    ['one =', 'a = "b"', 'expected =='],
    ['a parenthesis for an operator', 'a ( "b"', 'expected == or != not: TokLParen()'],
    ['an operator that runs on', 'a inside {"b"}', 'expected operator after label "a"'],
    ['half an operator', 'a starts "b"', 'expected operator after label "a"'],
    ['a label alone in parentheses', '(a', 'unexpected end of string looking for op'],
    ['an operator at the end', 'a ==', 'expected string'],
    ['a set without commas', 'a in {"b" "c"}', 'expected }'],
    ['a set of commas', 'a in {,}', 'expected }'],
    ['an open has', 'has(a', "no closing ')' after has("],
    ['has of nothing', 'has()', 'expected identifier'],
    ['has of two', 'has(a b)', "no closing ')' after has("],
    ['all of something', 'all(a)', "no closing ')' after all("],
    ['an open global', 'global(', "no closing ')' after global("],
    ['has apart from its parenthesis', 'has (a)', 'expected == or != not: TokLParen()'],
    [
      'content at the end',
      'a == "x" b',
      'unexpected content at end of selector [TokLabel(b) TokEOF()]',
    ],
    [
      'a parenthesis too many',
      'has(a))',
      'unexpected content at end of selector [TokRParen() TokEOF()]',
    ],
  ])('with %s', (_name, text, message) => {
    const error = errorOf(text);
    expect(error.code).toBe('OBJECT_INVALID');
    expect(error.message).toBe(message);
  });

  test.each([
    [
      'Unicode as a label',
      'ä == "b"',
      'expected identifier',
      'at character 1 of the selector: U+00E4',
    ],
    [
      'Unicode after a label',
      'a ≠ "b"',
      'expected operator after label "a"',
      'at character 3 of the selector: U+2260',
    ],
    ['an emoji', 'has(a) && 🕷', 'expected identifier', 'at character 11 of the selector: U+1F577'],
    ['a line end', 'has(a)\n', 'expected identifier', 'at character 7 of the selector: U+000A'],
    [
      'a NUL',
      'a\0 == "b"',
      'expected operator after label "a"',
      'at character 2 of the selector: U+0000',
    ],
    [
      'an escape sequence in a string',
      'a == "\u001b[2J"',
      'control character in string',
      'at character 7 of the selector: U+001B',
    ],
    [
      'a no-break space',
      'has(a)\u00a0',
      'expected identifier',
      'at character 7 of the selector: U+00A0',
    ],
    [
      'a typographic quote',
      'a == “b”',
      'expected identifier',
      'at character 6 of the selector: U+201C',
    ],
    ['the end reached too early', 'a == ', 'expected string', 'at the end of the selector'],
    [
      'a visible character',
      'a == "b" && %',
      'expected identifier',
      'at character 13 of the selector: "%"',
    ],
  ])('with %s, and the place is told', (_name, text, message, details) => {
    expect(errorOf(text)).toMatchObject({ message, details });
  });

  test('with a label of more than 512 characters', () => {
    expect(parseCalicoSelector(`has(${'a'.repeat(512)})`).kind).toBe('requirements');
    const { message } = errorOf(`has(${'a'.repeat(513)})`);
    expect(message).toMatch(/^label too long: a{200}…$/);
  });

  test.each([
    ['open parentheses', '('.repeat(10_000)],
    ['closed parentheses', `${'('.repeat(10_000)}has(a)${')'.repeat(10_000)}`],
    ['negated parentheses', `${'!('.repeat(10_000)}has(a)${')'.repeat(10_000)}`],
  ])('with 10,000 %s', (_name, text) => {
    expect(errorOf(text).message).toBe(
      `selector is nested deeper than ${LIMITS.selectorDepthMax} parentheses`,
    );
  });

  test('only beyond the greatest depth', () => {
    const depth = LIMITS.selectorDepthMax;
    const text = `${'!('.repeat(depth)}a contains 'x'${')'.repeat(depth)}`;
    expect(matches(parseCalicoSelector(text), { a: 'x' })).toBe(true);
    expect(parseCalicoSelector('!'.repeat(10_000).concat('has(a)')).text).toBe('has(a)');
  });

  test('with a megabyte, at once', () => {
    const started = performance.now();
    const message = `selector is too long: ${1 << 20} characters, the limit is ${LIMITS.selectorCharsMax}`;
    for (const piece of ['(', '!', '"', 'a', ' ', '{', 'has(', 'a ==', '\0', '🕷']) {
      expect(errorOf(piece.repeat((1 << 20) / piece.length + 1).slice(0, 1 << 20)).message).toBe(
        message,
      );
    }
    expect(performance.now() - started).toBeLessThan(2000);
  });

  test('in linear time up to the longest text', () => {
    const started = performance.now();
    for (const piece of ['(', '!', '"', 'a', ' }', '{', 'has(', 'a == "b" && ', 'a not ', '", "']) {
      const text = piece.repeat(LIMITS.selectorCharsMax / piece.length);
      expect(errorOf(text.padEnd(LIMITS.selectorCharsMax)).message.length).toBeLessThan(300);
    }
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe('firstUnmet of a Calico selector', () => {
  test.each([
    ['a missing label', "zone == 'east'", {}, 'label zone is missing, wanted In [east]'],
    ['another value', "zone in {'e', 'w'}", { zone: 'x' }, 'label zone is "x", wanted In [e, w]'],
    [
      'an unwanted value',
      "has(a) && zone != 'x'",
      { a: '', zone: 'x' },
      'label zone is "x", wanted NotIn [x]',
    ],
    ['a label that must not be', '!has(a)', { a: 'x' }, 'label a is "x", wanted DoesNotExist'],
    ['a text operator', "a starts with 'x'", { a: 'y' }, 'label a is "y", wanted starts with x'],
    [
      'alternatives',
      "a == 'x' || has(b)",
      { a: 'y' },
      'none of 2 alternatives holds: label a is "y", wanted == x; label b is missing, wanted has(b)',
    ],
    [
      'many alternatives',
      'has(a) || has(b) || has(c) || has(d) || has(e)',
      {},
      'none of 5 alternatives holds: label a is missing, wanted has(a); label b is missing, wanted has(b); label c is missing, wanted has(c); and 2 more',
    ],
    [
      'a negated text operator',
      "!a contains 'x'",
      { a: 'axe' },
      'label a is "axe", wanted !a contains "x"',
    ],
    [
      'an excluded combination',
      '!(has(a) && has(b))',
      { a: '', b: '' },
      'the labels fulfil (has(a) && has(b)), which the selector excludes',
    ],
    [
      'the first of two failures',
      "has(a) && b contains 'x'",
      {},
      'label a is missing, wanted has(a)',
    ],
    ['a match', 'has(a)', { a: '' }, undefined],
  ] as [string, string, Record<string, string>, string | undefined][])(
    'names %s',
    (_name, text, labels, sentence) => {
      expect(firstUnmet(parseCalicoSelector(text), labels)).toBe(sentence);
    },
  );
});
