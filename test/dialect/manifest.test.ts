import { describe, expect, test } from 'vitest';
import { OrbweaverError } from '../../src/catalogue/errors.ts';
import { LIMITS } from '../../src/catalogue/limits.ts';
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import { formatJson, formatYaml, parseManifests } from '../../src/dialect/manifest.ts';

const HEAD = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n';

function names(text: string): string[] {
  return parseManifests(text, 'f.yaml').map((object) => `${object.kind}/${object.metadata.name}`);
}

function refusal(text: string): string {
  try {
    parseManifests(text, 'f.yaml');
  } catch (error) {
    expect(error).toBeInstanceOf(OrbweaverError);
    expect((error as OrbweaverError).code).toBe('OBJECT_INVALID');
    return (error as OrbweaverError).message;
  }
  throw new Error('the manifest was accepted');
}

function aliasBomb(): string {
  let text = 'a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n';
  for (let level = 1; level < 9; level += 1) {
    text += `a${level}: &a${level} [${Array(10)
      .fill(`*a${level - 1}`)
      .join(',')}]\n`;
  }
  return text;
}

describe('parseManifests accepts', () => {
  const cases: { name: string; text: string; objects: string[] }[] = [
    { name: 'one document', text: HEAD, objects: ['ConfigMap/a'] },
    {
      name: 'several documents, empty ones skipped',
      text: `---\n# a comment\n---\n${HEAD}---\n---\n${HEAD.replace('a}', 'b}')}...\n`,
      objects: ['ConfigMap/a', 'ConfigMap/b'],
    },
    { name: 'an empty file', text: '', objects: [] },
    { name: 'a byte order mark', text: `\uFEFF${HEAD}`, objects: ['ConfigMap/a'] },
    {
      name: 'JSON indented with tabs',
      text: '{\n\t"apiVersion": "v1",\n\t"kind": "Pod",\n\t"metadata": {\n\t\t"name": "p"\n\t}\n}',
      objects: ['Pod/p'],
    },
    {
      name: 'kind List',
      text: `apiVersion: v1\nkind: List\nitems:\n- ${HEAD.trim().replaceAll('\n', '\n  ')}\n`,
      objects: ['ConfigMap/a'],
    },
    {
      name: 'a typed list whose items do not repeat their kind',
      text: 'apiVersion: spiderpool.spidernet.io/v2beta1\nkind: SpiderIPPoolList\nitems: [{metadata: {name: p}}]',
      objects: ['SpiderIPPool/p'],
    },
    {
      name: "calicoctl's list of objects",
      text: '- {apiVersion: v1, kind: Pod, metadata: {name: p}}\n- {apiVersion: v1, kind: Pod, metadata: {name: q}}',
      objects: ['Pod/p', 'Pod/q'],
    },
  ];
  test.each(cases)('$name', ({ text, objects }) => {
    expect(names(text)).toEqual(objects);
  });
});

describe('parseManifests reads scalars as kubectl does', () => {
  const cases: { name: string; text: string; value: unknown }[] = [
    { name: 'yes is a boolean', text: 'yes', value: true },
    { name: 'a leading zero is octal', text: '0644', value: 420 },
    { name: 'a date is a string', text: '2020-01-01', value: '2020-01-01' },
    { name: 'colons make no number', text: '12:30:45', value: '12:30:45' },
    { name: 'an address is a string', text: '172.18.41.40', value: '172.18.41.40' },
    { name: 'a network is a string', text: '172.18.41.0/24', value: '172.18.41.0/24' },
    { name: 'an IPv6 address is a string', text: 'fd00::1', value: 'fd00::1' },
  ];
  test.each(cases)('$name', ({ text, value }) => {
    const [object] = parseManifests(`${HEAD}data: {x: ${text}}\n`, 'f.yaml');
    expect(object?.data).toEqual({ x: value });
  });

  test('an alias is a copy of its own', () => {
    const [object] = parseManifests(`${HEAD}data: {x: &x [1], z: *x}\n`, 'f.yaml');
    const data = object?.data as { x: unknown; z: unknown };
    expect(data).toEqual({ x: [1], z: [1] });
    expect(data.x).not.toBe(data.z);
  });

  test('__proto__ is a key like any other', () => {
    const [object] = parseManifests(`${HEAD}data: {__proto__: {polluted: true}}\n`, 'f.yaml');
    expect(Object.keys(object?.data as object)).toEqual(['__proto__']);
    expect((object!.data as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe('parseManifests refuses', () => {
  const cases: { name: string; text: string; error: string | RegExp }[] = [
    {
      name: 'a duplicate key, by its line',
      text: `${HEAD}data:\n  x: 1\n  x: 2\n`,
      error: 'f.yaml:6: Map keys must be unique: "x"',
    },
    { name: 'a syntax error, by its line', text: `${HEAD}data: {x: [\n`, error: /^f\.yaml:\d+: / },
    {
      name: 'a missing apiVersion in the second document, by its line',
      text: `${HEAD}---\nkind: Pod\n`,
      error: 'f.yaml:5: apiVersion not set',
    },
    { name: 'a missing kind', text: 'apiVersion: v1\n', error: 'f.yaml:1: kind not set' },
    {
      name: 'a kind that is no string',
      text: 'apiVersion: v1\nkind: [Pod]\n',
      error: 'f.yaml:1: kind: expected a string, got ["Pod"]',
    },
    {
      name: 'missing metadata',
      text: 'apiVersion: v1\nkind: Pod\n',
      error: 'f.yaml:1: Pod: metadata: expected an object, got undefined',
    },
    {
      name: 'an empty name',
      text: 'apiVersion: v1\nkind: Pod\nmetadata: {name: ""}\n',
      error: 'f.yaml:1: Pod: metadata.name not set',
    },
    {
      name: 'generateName',
      text: 'apiVersion: v1\nkind: Pod\nmetadata: {generateName: p-}\n',
      error: 'f.yaml:1: Pod: metadata.generateName is not supported, set metadata.name',
    },
    { name: 'a scalar', text: 'hello\n', error: 'f.yaml:1: expected an object, got "hello"' },
    {
      name: 'a bad item of a list, by its place',
      text: 'apiVersion: v1\nkind: List\nitems: [{apiVersion: v1}]\n',
      error: 'f.yaml:1: items[0]: kind not set',
    },
    { name: 'an unknown alias', text: `${HEAD}data: *nothing\n`, error: /nothing/ },
    { name: 'an alias bomb', text: aliasBomb(), error: /Excessive alias count/ },
    {
      name: 'an alias inside its own anchor',
      text: `${HEAD}data: &a [*a]\n`,
      error: /deeper than/,
    },
    {
      name: 'deep nesting',
      text: `${HEAD}data: ${'['.repeat(200)}${']'.repeat(200)}\n`,
      error: `f.yaml:4: nested deeper than ${LIMITS.manifestDepthMax} levels`,
    },
    {
      name: 'nesting beyond any stack',
      text: '['.repeat(20_000),
      error: `f.yaml:1: nested deeper than ${LIMITS.manifestDepthMax} levels`,
    },
    {
      name: 'too many bytes',
      text: '#'.repeat(LIMITS.manifestBytesMax + 1),
      error: `f.yaml: larger than ${LIMITS.manifestBytesMax} bytes`,
    },
  ];
  test.each(cases)('$name', ({ text, error }) => {
    if (typeof error === 'string') expect(refusal(text)).toBe(error);
    else expect(refusal(text)).toMatch(error);
  });
});

describe('a million characters are refused as soon as they nest too deep:', () => {
  const SIZE = 1_000_000;
  const growing = (entry: string) => {
    let text = '';
    for (let column = 0; text.length < SIZE; column += 1) text += `${' '.repeat(column)}${entry}\n`;
    return text;
  };
  test.each([
    { name: 'lists', text: '['.repeat(SIZE) },
    { name: 'maps', text: '{a: '.repeat(SIZE / 4) },
    { name: 'JSON', text: '{"a":'.repeat(SIZE / 5) },
    { name: 'lists in one line', text: '- '.repeat(SIZE / 2) },
    { name: 'keys in one line', text: '? '.repeat(SIZE / 2) },
    { name: 'lists, each further right', text: growing('-') },
    { name: 'maps, each further right', text: growing('a:') },
  ])('$name', ({ text }) => {
    const began = performance.now();
    expect(refusal(text)).toMatch(
      new RegExp(`^f\\.yaml:\\d+: nested deeper than ${LIMITS.manifestDepthMax} levels$`),
    );
    // The parser needs seconds for the least of these.
    expect(performance.now() - began).toBeLessThan(1_000);
  });

  test('but what only looks like nesting is none', () => {
    const brackets = '['.repeat(500);
    const dashes = '- '.repeat(500);
    const text = `${HEAD}data:\n  a: "${brackets}"\n  b: |\n    ${dashes}x\n    ${brackets}\n  c: x ${dashes}x\n  # ${brackets}\n`;
    expect(parseManifests(text, 'f.yaml')[0]?.data).toEqual({
      a: brackets,
      b: `${dashes}x\n${brackets}\n`,
      c: `x ${dashes}x`,
    });
    const siblings = Array.from({ length: 500 }, (_, at) => `  k${at}:\n  - [{a: b}]\n`).join('');
    expect(parseManifests(`${HEAD}data:\n${siblings}`, 'f.yaml')).toHaveLength(1);
  });

  test('as deep as may be is read', () => {
    const levels = LIMITS.manifestDepthMax;
    const text = `${HEAD}data: ${'['.repeat(levels)}${']'.repeat(levels)}\n`;
    expect(parseManifests(text, 'f.yaml')).toHaveLength(1);
    expect(refusal(`${HEAD}data: [${'['.repeat(levels)}${']'.repeat(levels)}]\n`)).toContain(
      'deeper',
    );
  });
});

test('keys that are written twice are found in a map of fifty thousand', () => {
  const keys = Array.from({ length: 50_000 }, (_, at) => `  k${at}: v`).join('\n');
  expect(parseManifests(`${HEAD}data:\n${keys}\n`, 'f.yaml')).toHaveLength(1);
  expect(refusal(`${HEAD}data:\n${keys}\n  k7: w\n`)).toBe(
    'f.yaml:50005: Map keys must be unique: "k7"',
  );
});

describe('formatting', () => {
  const object: KubeObject = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a' },
    data: { flag: 'yes', mode: '0644', when: '2020-01-01', text: 'one\ntwo\n', list: [1] },
  };
  test.each([
    { name: 'YAML', format: formatYaml },
    { name: 'JSON', format: formatJson },
  ])('$name reads back as it was', ({ format }) => {
    expect(parseManifests(format([object]), 'f')).toEqual([object]);
    expect(parseManifests(format([object, object]), 'f')).toEqual([object, object]);
    expect(parseManifests(format([]), 'f')).toEqual([]);
  });

  test('YAML quotes strings that kubectl would take for something else', () => {
    expect(formatYaml([object])).toContain('flag: "yes"\n  mode: "0644"\n');
  });
});
