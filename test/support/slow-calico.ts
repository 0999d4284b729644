/**
 * Calico's selector language a second time, for the tests: a generator of random selectors that carries its
 * own meaning (a plain function over labels) beside the text, so that nothing of the parser or of the tree
 * is used to say what a selector means.
 */
import fc from 'fast-check';

type Labels = Readonly<Record<string, string>>;

export interface SlowSelector {
  readonly text: string;
  readonly selects: (labels: Labels) => boolean;
}

const KEYS = ['a', 'b', 'zone', 'kubernetes.io/os', 'in', 'not', 'has', 'starts'];
const VALUES = ['', 'x', 'y', 'xy', 'yx', 'in', "it's", 'say "x"'];

const key = fc.constantFrom(...KEYS);
const value = fc.constantFrom(...VALUES);
const blank = fc.constantFrom('', ' ', '\t', '  ');
const gap = fc.constantFrom(' ', '\t', '   ');

/** Labels over the generator's keys and values. */
export const LABELS: fc.Arbitrary<Labels> = fc.dictionary(
  key,
  fc.constantFrom(...VALUES, 'xyx', 'other'),
);

function quotedIn(text: string, single: boolean): string {
  const quote = text.includes('"') || (single && !text.includes("'")) ? "'" : '"';
  return `${quote}${text}${quote}`;
}

const has = fc.tuple(key, blank, blank).map(
  ([name, before, after]): SlowSelector => ({
    text: `has(${before}${name}${after})`,
    selects: (labels) => name in labels,
  }),
);

const TEXT_OPERATORS: readonly (readonly [
  string,
  (found: string | undefined, wanted: string) => boolean,
])[] = [
  ['==', (found, wanted) => found === wanted],
  ['!=', (found, wanted) => found !== wanted],
  ['contains', (found, wanted) => found?.includes(wanted) ?? false],
  ['starts with', (found, wanted) => found?.startsWith(wanted) ?? false],
  ['startswith', (found, wanted) => found?.startsWith(wanted) ?? false],
  ['ends with', (found, wanted) => found?.endsWith(wanted) ?? false],
  ['endswith', (found, wanted) => found?.endsWith(wanted) ?? false],
];

const comparison = fc
  .tuple(key, fc.constantFrom(...TEXT_OPERATORS), value, fc.boolean(), gap, blank)
  .map(
    ([name, [operator, compare], wanted, single, before, after]): SlowSelector => ({
      text: `${name}${before}${operator}${after}${quotedIn(wanted, single)}`,
      selects: (labels) => compare(labels[name], wanted),
    }),
  );

const membership = fc
  .tuple(
    key,
    fc.constantFrom('in', 'not in', 'notin', 'not \t in'),
    fc.array(value, { maxLength: 4 }),
    fc.boolean(),
    gap,
    blank,
  )
  .map(([name, operator, values, comma, before, after]): SlowSelector => {
    const list = values.map((item) => quotedIn(item, false)).join(`${after},`);
    const end = comma && values.length > 0 ? ',' : '';
    const inverted = operator.startsWith('not');
    return {
      text: `${name}${before}${operator}${after}{${list}${end}}`,
      selects: (labels) => {
        const found = labels[name];
        return (found !== undefined && values.includes(found)) !== inverted;
      },
    };
  });

const constant = fc
  .constantFrom('all()', 'all( )', 'global()')
  .map((text): SlowSelector => ({ text, selects: () => true }));

function joined(
  parts: readonly SlowSelector[],
  operator: '&&' | '||',
  space: string,
): SlowSelector {
  return {
    text: parts.map((part) => part.text).join(`${space}${operator}${space}`),
    selects: (labels) =>
      operator === '&&'
        ? parts.every((part) => part.selects(labels))
        : parts.some((part) => part.selects(labels)),
  };
}

/** A random selector: `||` over `&&` over negated, parenthesised or plain operands. */
export const SELECTOR: fc.Arbitrary<SlowSelector> = fc.letrec<{
  or: SlowSelector;
  and: SlowSelector;
  operation: SlowSelector;
  leaf: SlowSelector;
  group: SlowSelector;
}>((tie) => ({
  leaf: fc.oneof(has, comparison, membership, constant),
  group: tie('or').map((inner): SlowSelector => ({ ...inner, text: `(${inner.text} )` })),
  operation: fc
    .tuple(
      fc.nat(3),
      fc.oneof({ maxDepth: 4, withCrossShrink: true }, tie('leaf'), tie('group')),
      blank,
    )
    .map(
      ([nots, operand, space]): SlowSelector => ({
        text: `${`!${space}`.repeat(nots)}${operand.text}`,
        selects: (labels) => operand.selects(labels) !== (nots % 2 === 1),
      }),
    ),
  and: fc
    .tuple(fc.array(tie('operation'), { minLength: 1, maxLength: 3 }), blank)
    .map(([parts, space]) => joined(parts, '&&', space)),
  or: fc
    .tuple(fc.array(tie('and'), { minLength: 1, maxLength: 2 }), blank)
    .map(([parts, space]) => joined(parts, '||', space)),
})).or;
