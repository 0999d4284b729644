import { describe, expect, test } from 'vitest';
import { Catalog, type Question } from '../../src/choose/catalog.ts';
import { ENGINES } from '../support/engines.ts';
import { calicoPool, labels, names, spiderPool } from '../support/pools.ts';

const question = (pod: Readonly<Record<string, string>>): Question => ({
  node: { name: 'worker', labels: {} },
  namespace: { name: 'default', labels: {} },
  pod: { name: 'web', labels: pod },
  network: { name: '', labels: {} },
});

describe.each(ENGINES)('the catalog on %s', (_name, makeEngine) => {
  function make() {
    const engine = makeEngine();
    return { engine, catalog: new Catalog(engine), add: () => engine.addPool(new Uint32Array()) };
  }

  test('answers an old question anew after an edit or another question', () => {
    const { catalog, add } = make();
    const handle = add();
    catalog.put(spiderPool('p', { pod: labels({ app: 'a' }) }), handle);
    const pool = () => catalog.byName('spiderpool', 'p')!;
    const verdicts = catalog.ask(question({ app: 'a' }));
    const others = catalog.ask(question({ app: 'b' }));
    expect(verdicts.refusing(pool())).toBeUndefined();
    expect(others.refusing(pool())).toBe('pod');
    expect(verdicts.refusing(pool())).toBeUndefined();
    catalog.put(spiderPool('p', { pod: labels({ app: 'b' }) }), handle);
    expect(verdicts.refusing(pool())).toBe('pod');
    catalog.put(spiderPool('p', { pod: labels({ app: 'a' }), node: names('other') }), handle);
    expect(verdicts.refusing(pool())).toBe('node');
  });

  test('replaces a pool of the same dialect and name, and only that', () => {
    const { catalog, add } = make();
    const [first, second, third] = [add(), add(), add()];
    catalog.put(spiderPool('p', { isDefault: true }), first);
    catalog.put(spiderPool('p', { dialect: 'spiderpool-v1' }), second);
    catalog.put(calicoPool('p', '10.0.0.0/24'), third);
    catalog.put(spiderPool('p'), first);
    expect([...catalog.all()]).toHaveLength(3);
    expect(catalog.find('spiderpool', 'p')!.dialect).toBe('spiderpool');
    expect(catalog.has('spiderpool', 4, ['default'])).toBe(false);
    catalog.remove({ dialect: 'spiderpool', name: 'p' });
    expect(catalog.find('spiderpool', 'p')!.dialect).toBe('spiderpool-v1');
    catalog.remove({ dialect: 'spiderpool-v1', name: 'p' });
    expect(catalog.find('spiderpool', 'p')).toBeUndefined();
    expect(catalog.find('calico', 'p')).toBeDefined();
  });

  test('gives a handle that is used again none of the old pool’s bits', () => {
    const { engine, catalog, add } = make();
    const handle = add();
    catalog.put(
      spiderPool('old', {
        isDefault: true,
        pod: labels({ app: 'a' }),
        node: names('other'),
        multusNames: ['ns/net'],
      }),
      handle,
    );
    catalog.remove({ dialect: 'spiderpool', name: 'old' });
    engine.removePool(handle);
    catalog.put(calicoPool('new', '10.0.0.0/24'), add());
    expect(catalog.has('spiderpool', 4, [])).toBe(false);
    expect(catalog.has('calico', 4, ['default'])).toBe(false);
    expect(catalog.asksForNetworks).toBe(false);
    const pool = catalog.byName('calico', 'new')!;
    expect(catalog.ask(question({})).refusing(pool)).toBeUndefined();
  });

  test('forgets the matches of a wildcard when a pool comes or goes', () => {
    const { catalog, add } = make();
    const matching = () => catalog.matching('spiderpool', 4, 'p-*')?.map((pool) => pool.name);
    expect(matching()).toEqual([]);
    catalog.put(spiderPool('p-2'), add());
    catalog.put(spiderPool('p-1'), add());
    expect(matching()).toEqual(['p-1', 'p-2']);
    catalog.remove({ dialect: 'spiderpool', name: 'p-2' });
    expect(matching()).toEqual(['p-1']);
    expect(catalog.matching('spiderpool', 6, 'p-*')).toEqual([]);
    expect(catalog.matching('spiderpool', 4, 'p-[')).toBeUndefined();
  });

  test('finds a Calico pool by its network', () => {
    const { catalog, add } = make();
    catalog.put(calicoPool('p', '10.0.0.0/24'), add());
    expect(catalog.withNetwork('10.0.0.0/24')!.name).toBe('p');
    expect(catalog.withNetwork('10.0.0.0/25')).toBeUndefined();
    catalog.remove({ dialect: 'calico', name: 'p' });
    expect(catalog.withNetwork('10.0.0.0/24')).toBeUndefined();
  });
});
