import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { AffinityClass } from '../../src/choose/affinity-class.ts';
import { AFFINITY, type SlowAffinity, THING, type Thing } from '../support/affinities.ts';
import { calicoSelector, labels, names } from '../support/pools.ts';
import { SlowEngine } from '../support/slow-engine.ts';

const REGISTER = 3;
const SCRATCH = 4;

function rowsOf(subject: AffinityClass, thing: Thing): number[] {
  const rows: number[] = [];
  subject.addRowsFor(thing, rows);
  return rows;
}

function passing(engine: SlowEngine, subject: AffinityClass, thing: Thing): number[] {
  engine.intersectRows(rowsOf(subject, thing), REGISTER);
  return engine.resultPools(REGISTER);
}

describe('an affinity class', () => {
  test.each(['name', 'labels'] as const)(
    'by %s takes what object matching takes, over generated edits',
    (identity) => {
      const step = fc.oneof(
        fc.record({ kind: fc.constant('put' as const), slow: AFFINITY }),
        fc.record({ kind: fc.constant('replace' as const), at: fc.nat(9), slow: AFFINITY }),
        fc.record({ kind: fc.constant('remove' as const), at: fc.nat(9) }),
        // Few things, so that the same one is asked about before and after an edit.
        fc.record({ kind: fc.constant('ask' as const), at: fc.nat(2) }),
      );
      fc.assert(
        fc.property(
          fc.array(step, { maxLength: 30 }),
          fc.tuple(THING, THING, THING),
          (steps, things) => {
            const engine = new SlowEngine();
            const subject = new AffinityClass(engine, identity, SCRATCH);
            const model = new Map<number, SlowAffinity>();
            const ask = (thing: Thing) => {
              const expected = [...model].filter(([, slow]) => slow.takes(thing));
              const pools = expected.map(([pool]) => pool).sort((a, b) => a - b);
              // Often enough that the rows of an object become one.
              for (let time = 0; time < 9; time += 1) {
                expect(passing(engine, subject, thing)).toEqual(pools);
              }
            };
            for (const next of steps) {
              if (next.kind === 'put') {
                const pool = engine.addPool();
                subject.put(pool, next.slow.affinity);
                model.set(pool, next.slow);
              } else if (next.kind === 'ask') {
                ask(things[next.at]!);
              } else if (next.kind === 'replace') {
                if (model.has(next.at)) {
                  subject.remove(next.at);
                  subject.put(next.at, next.slow.affinity);
                  model.set(next.at, next.slow);
                }
              } else if (model.delete(next.at)) {
                subject.remove(next.at);
                engine.removePool(next.at);
              }
            }
            things.forEach(ask);
          },
        ),
        { numRuns: 150 },
      );
    },
  );

  test('gives its rows back when its pools go', () => {
    const engine = new SlowEngine();
    const subject = new AffinityClass(engine, 'name', SCRATCH);
    const thing = { name: 'n1', labels: { app: 'web', zone: 'a' } };
    for (const affinity of [
      labels({ app: 'web' }),
      labels({ app: 'db', zone: 'a' }),
      names('n1'),
    ]) {
      subject.put(engine.addPool(), affinity);
    }
    passing(engine, subject, thing);
    for (const pool of [0, 1, 2]) {
      subject.remove(pool);
    }
    expect(engine.rowCount).toBe(0);
    expect(subject.isEmpty).toBe(true);
  });

  test('follows an edit of an object labels under the same name', () => {
    const engine = new SlowEngine();
    const subject = new AffinityClass(engine, 'name', SCRATCH);
    subject.put(engine.addPool(), calicoSelector("rack starts with 'a'"));
    subject.put(engine.addPool(), labels({ zone: 'a' }));
    const at = (rack: string, zone: string) =>
      passing(engine, subject, { name: 'node', labels: { rack, zone } });
    expect(at('a1', 'a')).toEqual([0, 1]);
    expect(at('b1', 'a')).toEqual([1]);
    expect(at('b1', 'b')).toEqual([]);
    expect(at('a1', 'b')).toEqual([0]);
  });

  test('evaluates a text selector once per object, and again only for pools that changed', () => {
    const engine = new SlowEngine();
    const subject = new AffinityClass(engine, 'name', SCRATCH);
    let reads = 0;
    const labelsRead = new Proxy<Record<string, string>>(
      { rack: 'a1' },
      {
        getOwnPropertyDescriptor: (target, key) => {
          reads += 1;
          return Reflect.getOwnPropertyDescriptor(target, key);
        },
      },
    );
    const thing = { name: 'node', labels: labelsRead };
    for (let pool = 0; pool < 50; pool += 1) {
      subject.put(engine.addPool(), calicoSelector("rack starts with 'a'"));
    }
    passing(engine, subject, thing);
    const first = reads;
    passing(engine, subject, thing);
    expect(reads).toBe(first);
    subject.remove(7);
    subject.put(7, calicoSelector("rack starts with 'b'"));
    expect(passing(engine, subject, thing)).not.toContain(7);
    expect(reads - first).toBeLessThan(first / 10);
  });

  test.each(['name', 'labels'] as const)(
    'by %s serves more values of one key than rows are kept for',
    (identity) => {
      const engine = new SlowEngine();
      const subject = new AffinityClass(engine, identity, SCRATCH);
      const count = LIMITS.affinityValueRowsMax + 100;
      for (let pool = 0; pool < count; pool += 1) {
        subject.put(engine.addPool(), labels({ app: `app-${pool}` }));
      }
      for (const _round of [1, 2]) {
        for (let pool = 0; pool < count; pool += 1) {
          const rows = rowsOf(subject, { name: `n${pool}`, labels: { app: `app-${pool}` } });
          if (pool % 97 === 0) {
            engine.intersectRows(rows, REGISTER);
            expect(engine.resultPools(REGISTER)).toEqual([pool]);
          }
        }
      }
      // "Absent", "other", a bounded number of values, and one row a name asked about.
      const views = identity === 'name' ? count : 0;
      expect(engine.rowCount).toBe(LIMITS.affinityValueRowsMax + 2 + views);
    },
  );

  test('serves more label keys than have rows', () => {
    const engine = new SlowEngine();
    const subject = new AffinityClass(engine, 'labels', SCRATCH);
    const count = LIMITS.affinityKeysMax + 20;
    for (let pool = 0; pool < count; pool += 1) {
      subject.put(engine.addPool(), labels({ [`key-${pool}`]: 'yes' }));
    }
    for (const pool of [0, 1, LIMITS.affinityKeysMax - 1, LIMITS.affinityKeysMax, count - 1]) {
      const thing = { name: '', labels: { [`key-${pool}`]: 'yes' } };
      expect(passing(engine, subject, thing)).toEqual([pool]);
    }
  });

  test.each([
    ['a text selector', calicoSelector("rack starts with 'a'")],
    ['a label selector', labels({ rack: 'a' })],
  ])('follows a pool that gives up %s after many questions', (_name, affinity) => {
    const engine = new SlowEngine();
    const subject = new AffinityClass(engine, 'name', SCRATCH);
    const [narrow, other] = [engine.addPool(), engine.addPool()];
    subject.put(narrow, affinity);
    subject.put(other, affinity);
    const thing = { name: 'node', labels: { rack: 'b' } };
    for (let time = 0; time < 9; time += 1) {
      expect(passing(engine, subject, thing)).toEqual([]);
    }
    subject.remove(narrow);
    subject.put(narrow, { kind: 'any' });
    expect(passing(engine, subject, thing)).toEqual([narrow]);
  });

  test('keeps rows of a bounded number of objects', () => {
    const engine = new SlowEngine();
    const subject = new AffinityClass(engine, 'name', SCRATCH);
    subject.put(engine.addPool(), calicoSelector("rack starts with 'a'"));
    for (let node = 0; node < LIMITS.affinityViewsMax + 50; node += 1) {
      rowsOf(subject, { name: `node-${node}`, labels: {} });
    }
    expect(engine.rowCount).toBe(LIMITS.affinityViewsMax);
    expect(passing(engine, subject, { name: 'node-0', labels: { rack: 'a' } })).toEqual([0]);
  });
});
