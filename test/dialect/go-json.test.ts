import { describe, expect, test } from 'vitest';
import { type GoShape, readGoJson } from '../../src/dialect/go-json.ts';

const ANY: GoShape = { kind: 'struct', name: 'T', fields: {} };
const SHAPE: GoShape = {
  kind: 'struct',
  name: 'T',
  fields: {
    text: { kind: 'string' },
    flag: { kind: 'bool' },
    list: { kind: 'list', of: { kind: 'string' } },
  },
};

describe('readGoJson words a syntax fault as Go does:', () => {
  test.each([
    ['an empty text', '', 'unexpected end of JSON input'],
    ['blanks only', ' \n', 'unexpected end of JSON input'],
    ['an open object', '{', 'unexpected end of JSON input'],
    ['an open string', '{"ipv4": ["a', 'unexpected end of JSON input'],
    ['half a literal', '{"a": tru', 'unexpected end of JSON input'],
    ['a bare word', 'static-pool', "invalid character 's' looking for beginning of value"],
    [
      'a bare word that begins like a literal',
      'test',
      "invalid character 'e' in literal true (expecting 'r')",
    ],
    [
      'single quotes',
      "{'a': 1}",
      "invalid character '\\'' looking for beginning of object key string",
    ],
    [
      'a comma before the brace',
      '{"a": 1,}',
      "invalid character '}' looking for beginning of object key string",
    ],
    [
      'a comma before the bracket',
      '["a",]',
      "invalid character ']' looking for beginning of value",
    ],
    ['a missing colon', '{"a" 1}', "invalid character '1' after object key"],
    [
      'a missing comma in an object',
      '{"a": 1 "b": 2}',
      "invalid character '\"' after object key:value pair",
    ],
    ['a missing comma in a list', '["a" "b"]', "invalid character '\"' after array element"],
    ['something behind the value', '{} x', "invalid character 'x' after top-level value"],
    ['a second value', '{}{}', "invalid character '{' after top-level value"],
    ['a wrong closing bracket', '{"a": [1}}', "invalid character '}' after array element"],
    [
      'a control character in a string',
      '"a\u0001"',
      "invalid character '\\u0001' in string literal",
    ],
    ['a line feed in a string', '"a\nb"', "invalid character '\\n' in string literal"],
    ['an unknown escape', '"\\x"', "invalid character 'x' in string escape code"],
    [
      'a broken \\u escape',
      '"\\u12g4"',
      "invalid character 'g' in \\u hexadecimal character escape",
    ],
    ['a sign without a number', '[-]', "invalid character ']' in numeric literal"],
    ['a leading zero', '[01]', "invalid character '1' after array element"],
    [
      'a point without digits',
      '[1.]',
      "invalid character ']' after decimal point in numeric literal",
    ],
    ['an exponent without digits', '[1e]', "invalid character ']' in exponent of numeric literal"],
    [
      'a typographic quote',
      '{“a”: 1}',
      "invalid character '“' looking for beginning of object key string",
    ],
  ])('%s', (_name, text, fault) => {
    expect(readGoJson(text, ANY)).toEqual({ ok: false, fault });
  });

  test('a nesting of a million brackets', () => {
    const outcome = readGoJson('['.repeat(1_000_000), ANY);
    expect(outcome).toEqual({ ok: false, fault: 'unexpected end of JSON input' });
  });
});

describe('readGoJson words a wrong type as Go does:', () => {
  test.each([
    ['a list for a struct', '[]', 'json: cannot unmarshal array into Go value of type types.T'],
    ['a number for a struct', '5', 'json: cannot unmarshal number into Go value of type types.T'],
    [
      'a text for a list',
      '{"list": "a"}',
      'json: cannot unmarshal string into Go struct field T.list of type []string',
    ],
    [
      'a number in a list of texts',
      '{"list": [1]}',
      'json: cannot unmarshal number into Go struct field T.list of type string',
    ],
    [
      'an object for a text',
      '{"text": {}}',
      'json: cannot unmarshal object into Go struct field T.text of type string',
    ],
    [
      'a text for a flag',
      '{"flag": "true"}',
      'json: cannot unmarshal string into Go struct field T.flag of type bool',
    ],
    [
      'two wrong fields: the first',
      '{"flag": 1, "text": 2}',
      'json: cannot unmarshal number into Go struct field T.flag of type bool',
    ],
  ])('%s', (_name, text, fault) => {
    expect(readGoJson(text, SHAPE)).toEqual({ ok: false, fault });
  });
});

describe('readGoJson reads as Go does:', () => {
  test.each([
    ['keys in any case', '{"TEXT": "a", "Flag": true}', { text: 'a', flag: true }, []],
    ['null as unset', '{"text": null, "list": null}', {}, []],
    ['unknown keys apart', '{"text": "a", "texts": 1}', { text: 'a' }, ['texts']],
    [
      'a key named like a method as unknown',
      '{"constructor": 1, "__proto__": 2}',
      {},
      ['constructor', '__proto__'],
    ],
  ])('%s', (_name, text, fields, unknown) => {
    expect(readGoJson(text, SHAPE)).toEqual({ ok: true, value: { fields, unknown } });
  });
});
