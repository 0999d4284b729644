import { describe, expect, it } from 'vitest';
import { applied, jsonPatched, mergePatched } from '../../src/embedded/object-merge.ts';
import { errorOf } from '../support/error-of.ts';

describe('apply', () => {
  it.each([
    { what: 'adds', last: {}, manifest: { a: 1 }, live: { b: 2 }, result: { b: 2, a: 1 } },
    { what: 'changes', last: { a: 1 }, manifest: { a: 2 }, live: { a: 1 }, result: { a: 2 } },
    {
      what: 'removes',
      last: { a: 1, b: 1 },
      manifest: { a: 1 },
      live: { a: 1, b: 1 },
      result: { a: 1 },
    },
    {
      what: 'keeps',
      last: { a: 1 },
      manifest: { a: 1 },
      live: { a: 1, b: 1 },
      result: { a: 1, b: 1 },
    },
    {
      what: 'goes into maps',
      last: { m: { a: 1, b: 1 } },
      manifest: { m: { a: 1 } },
      live: { m: { a: 1, b: 1, c: 1 } },
      result: { m: { a: 1, c: 1 } },
    },
    {
      what: 'replaces lists',
      last: { l: [1] },
      manifest: { l: [2] },
      live: { l: [1, 9] },
      result: { l: [2] },
    },
    {
      what: 'knows no last',
      last: undefined,
      manifest: { a: 1 },
      live: { b: 1 },
      result: { b: 1, a: 1 },
    },
  ])('$what', ({ last, manifest, live, result }) => {
    expect(applied(last, manifest, live)).toEqual(result);
  });

  it('takes __proto__ for a key like any other', () => {
    const manifest = JSON.parse('{"__proto__": {"polluted": true}}');
    const result = applied({}, manifest, {});
    expect(Object.keys(result)).toEqual(['__proto__']);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

describe('a merge patch', () => {
  // RFC 7386, appendix A.
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('makes of %j with %j: %j', (target, patch, result) => {
    expect(mergePatched(target, patch)).toEqual(result);
  });
});

describe('a JSON patch', () => {
  const document = { a: { b: [1, 2, 3] }, 'x/y~z': 1 };

  it.each([
    { operation: { op: 'add', path: '/n', value: 1 }, result: { ...document, n: 1 } },
    {
      operation: { op: 'add', path: '/a/b/1', value: 9 },
      result: { ...document, a: { b: [1, 9, 2, 3] } },
    },
    {
      operation: { op: 'add', path: '/a/b/-', value: 9 },
      result: { ...document, a: { b: [1, 2, 3, 9] } },
    },
    { operation: { op: 'remove', path: '/a/b/0' }, result: { ...document, a: { b: [2, 3] } } },
    {
      operation: { op: 'replace', path: '/x~1y~0z', value: 2 },
      result: { ...document, 'x/y~z': 2 },
    },
    {
      operation: { op: 'replace', path: '/a/b/2', value: 8 },
      result: { ...document, a: { b: [1, 2, 8] } },
    },
    {
      operation: { op: 'move', from: '/a/b', path: '/c' },
      result: { ...document, a: {}, c: [1, 2, 3] },
    },
    { operation: { op: 'copy', from: '/a/b/0', path: '/c' }, result: { ...document, c: 1 } },
    { operation: { op: 'test', path: '/a/b', value: [1, 2, 3] }, result: document },
    { operation: { op: 'replace', path: '', value: 5 }, result: 5 },
  ])('carries out $operation', ({ operation, result }) => {
    expect(jsonPatched(document, [operation])).toEqual(result);
    expect(document).toEqual({ a: { b: [1, 2, 3] }, 'x/y~z': 1 });
  });

  it.each([
    { operation: { op: 'remove', path: '/none' }, why: 'there is no "none"' },
    { operation: { op: 'replace', path: '/none', value: 1 }, why: 'there is no "none"' },
    { operation: { op: 'add', path: '/a/b/4', value: 1 }, why: '"4" is no place in a list of 3' },
    { operation: { op: 'add', path: '/a/b/01', value: 1 }, why: '"01" is no place in a list of 3' },
    {
      operation: { op: 'add', path: 'a', value: 1 },
      why: '"path" must be a path that begins with /',
    },
    { operation: { op: 'add', path: '/a' }, why: '"value" is missing' },
    { operation: { op: 'add', path: '/x~1y~0z/q', value: 1 }, why: 'nothing that could hold "q"' },
    { operation: { op: 'test', path: '/a', value: 1 }, why: 'the value is another one' },
    { operation: { op: 'remove', path: '/__proto__' }, why: 'there is no "__proto__"' },
    { operation: { op: 'leap', path: '/a' }, why: '"op" must be' },
    { operation: 'text', why: '"path" must be' },
    { operation: null, why: '"path" must be' },
  ])('refuses $operation', ({ operation, why }) => {
    const refusal = errorOf(() =>
      jsonPatched(document, [{ op: 'test', path: '', value: document }, operation]),
    );
    expect(refusal.code).toBe('OBJECT_INVALID');
    expect(refusal.message).toContain('operation 1');
    expect(refusal.message).toContain(why);
  });

  it('refuses what is no list', () => {
    expect(errorOf(() => jsonPatched(document, { op: 'add' })).message).toContain('is a list');
  });
});
