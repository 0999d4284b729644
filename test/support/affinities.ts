/**
 * Affinities for generated tests, each with a second, plain way to say whom it takes, so that
 * nothing of the code under test decides what is right.
 */
import fc from 'fast-check';
import type { Affinity } from '../../src/dialect/pool.ts';
import { parseCalicoSelector } from '../../src/selector/calico-selector.ts';
import { labels, names } from './pools.ts';
import { SELECTOR } from './slow-calico.ts';

/** A node, namespace or pod. */
export interface Thing {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface SlowAffinity {
  readonly affinity: Affinity;
  readonly takes: (thing: Thing) => boolean;
}

const KEYS = ['a', 'b', 'zone', 'kubernetes.io/os', 'constructor'];
const VALUES = ['', 'x', 'y', 'xy'];

const key = fc.constantFrom(...KEYS);
const value = fc.constantFrom(...VALUES);
const name = fc.constantFrom('n1', 'n2', 'n3', 'n4');

export const THING: fc.Arbitrary<Thing> = fc.record({
  name,
  labels: fc
    .uniqueArray(fc.tuple(key, fc.constantFrom(...VALUES, 'other')), {
      selector: ([first]) => first,
    })
    .map((entries) => Object.fromEntries(entries)),
});

const labelValue = (thing: Thing, of: string) =>
  Object.entries(thing.labels).find(([label]) => label === of)?.[1];

const expression = fc
  .tuple(
    key,
    fc.constantFrom('In', 'NotIn', 'Exists', 'DoesNotExist'),
    fc.uniqueArray(value, { minLength: 1, maxLength: 3 }),
  )
  .map(([of, operator, values]) => ({
    written: { key: of, operator, values: operator.endsWith('In') ? values : [] },
    takes: (thing: Thing) => {
      const found = labelValue(thing, of);
      const isIn = found !== undefined && values.includes(found);
      return {
        In: isIn,
        NotIn: !isIn,
        Exists: found !== undefined,
        DoesNotExist: found === undefined,
      }[operator] as boolean;
    },
  }));

const byLabels = fc.array(expression, { maxLength: 3 }).map(
  (expressions): SlowAffinity => ({
    affinity: labels({ matchExpressions: expressions.map(({ written }) => written) }),
    takes: (thing) => expressions.every(({ takes }) => takes(thing)),
  }),
);

const byNames = fc.uniqueArray(name, { minLength: 1, maxLength: 3 }).map(
  (list): SlowAffinity => ({
    affinity: names(...list),
    takes: (thing) => list.some((listed) => listed === thing.name),
  }),
);

const byText = SELECTOR.map(
  (slow): SlowAffinity => ({
    affinity: { kind: 'selector', selector: parseCalicoSelector(slow.text) },
    takes: (thing) => slow.selects(Object.assign(Object.create(null), thing.labels)),
  }),
);

const any = fc.constant<SlowAffinity>({ affinity: { kind: 'any' }, takes: () => true });

/** Any affinity: none, name lists, label selectors and Calico's text. */
export const AFFINITY: fc.Arbitrary<SlowAffinity> = fc.oneof(any, byLabels, byNames, byText);

/** Affinities as Spiderpool has them, mostly label selectors. */
export const SPIDERPOOL_AFFINITY: fc.Arbitrary<SlowAffinity> = fc.oneof(
  any,
  { arbitrary: byLabels, weight: 2 },
  byNames,
);
