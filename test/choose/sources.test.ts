import { describe, expect, test } from 'vitest';
import { choose } from '../../src/choose/choose.ts';
import { errorOf } from '../support/error-of.ts';
import { calicoPool, spiderPool } from '../support/pools.ts';
import { catalogOf, confOf, type SubjectFields, subjectOf } from '../support/subjects.ts';

const PREFIX = 'ipam.spidernet.io/';
const STANDARD = 'failed to allocate IP addresses in standard mode: ';

/** How each source is written, in both forms. Each names a pool of its own. */
const FORMS = {
  present: {
    ippools: () => [`${PREFIX}ippools`, '[{"interface":"eth0","ipv4":["by-ippools"]}]'],
    ippool: () => [`${PREFIX}ippool`, '{"ipv4":["by-ippool"]}'],
    namespace: () => [`${PREFIX}default-ipv4-ippool`, '["by-namespace"]'],
  },
  older: {
    ippools: () => [
      `${PREFIX}ippools`,
      '[{"interface":"eth0","ipv4pools":["by-ippools"],"defaultRoute":true}]',
    ],
    ippool: () => [`${PREFIX}ippool`, '{"interface":"eth0","ipv4pools":["by-ippool"]}'],
    namespace: () => [`${PREFIX}defaultv4ippool`, '["by-namespace"]'],
  },
} as const;

/** In order of priority. */
const SOURCES = ['ippools', 'ippool', 'namespace', 'config', 'default'] as const;
const NAMES = {
  ippools: 'pod ippools',
  ippool: 'pod ippool',
  namespace: 'namespace default',
  config: 'CNI config',
  default: 'cluster default',
} as const;

type Present = ReadonlySet<(typeof SOURCES)[number]>;

function subsets<T>(of: readonly T[]): ReadonlySet<T>[] {
  return Array.from(
    { length: 2 ** of.length },
    (_, bits) => new Set(of.filter((_item, at) => (bits >> at) & 1)),
  );
}

function spiderpoolCase(form: 'present' | 'older', present: Present): SubjectFields {
  const entries = (...keys: ('ippools' | 'ippool' | 'namespace')[]) =>
    Object.fromEntries(keys.filter((key) => present.has(key)).map((key) => FORMS[form][key]()));
  return {
    pod: { annotations: entries('ippools', 'ippool') },
    namespace: { annotations: entries('namespace') },
    wishes: present.has('config') ? { ipv4Pools: ['by-config'] } : {},
  };
}

describe.each(['present', 'older'] as const)('a Spiderpool source in its %s form', (form) => {
  test.each(
    subsets(SOURCES).map((present) => [[...present].join(', ') || 'nothing', present] as const),
  )('where there is %s', (_name, present) => {
    const usesConf = form === 'older' && present.has('default');
    const catalog = catalogOf([
      ...SOURCES.map((source) =>
        spiderPool(`by-${source}`, {
          dialect: form === 'older' ? 'spiderpool-v1' : 'spiderpool',
          isDefault: source === 'default' && present.has('default') && !usesConf,
        }),
      ),
      calicoPool('calico', '10.64.0.0/20'),
    ]);
    const conf = confOf(usesConf ? { clusterDefaultIPv4IPPool: ['by-default'] } : {});
    const first = SOURCES.find((source) => present.has(source));
    for (const calledAs of ['spiderpool', 'orbweaver'] as const) {
      const subject = subjectOf({ ...spiderpoolCase(form, present), calledAs });
      if (first !== undefined) {
        const choice = choose(catalog, conf, subject);
        expect(choice).toMatchObject({ dialect: 'spiderpool', source: NAMES[first] });
        const { families } = choice.interfaces[0]!;
        expect(families.map((family) => family.candidates.map((pool) => pool.name))).toEqual([
          [`by-${first}`],
        ]);
      } else if (calledAs === 'orbweaver') {
        expect(choose(catalog, conf, subject).source).toBe('Calico enabled pools');
      } else {
        expect(errorOf(() => choose(catalog, conf, subject))).toMatchObject({
          code: 'NO_POOL_AVAILABLE',
          message: `${STANDARD}no IPPool available, no pool selection rules of any type are specified`,
        });
      }
    }
  });
});

const CALICO_SOURCES = ['pod', 'namespace', 'config'] as const;
const CALICO_NAMES = {
  pod: 'Calico pod annotation',
  namespace: 'Calico namespace annotation',
  config: 'Calico CNI config',
} as const;
const CALICO = 'cni.projectcalico.org/';

describe("Calico's sources", () => {
  const pools = CALICO_SOURCES.flatMap((source, at) => [
    calicoPool(`${source}-4`, `10.${at}.0.0/16`),
    calicoPool(`${source}-6`, `fd00:${at}::/64`),
  ]);

  test.each(
    subsets(CALICO_SOURCES).flatMap((four) =>
      subsets(CALICO_SOURCES).map(
        (six) => [[...four].join(', ') || 'no', [...six].join(', ') || 'no', four, six] as const,
      ),
    ),
  )('with %s IPv4 lists and %s IPv6 lists are independent by family', (_4, _6, four, six) => {
    const annotations = (source: 'pod' | 'namespace') => ({
      ...(four.has(source) ? { [`${CALICO}ipv4pools`]: `["${source}-4"]` } : {}),
      ...(six.has(source) ? { [`${CALICO}ipv6pools`]: `["${source}-6"]` } : {}),
    });
    const subject = subjectOf({
      calledAs: 'calico-ipam',
      pod: { annotations: annotations('pod') },
      namespace: { annotations: annotations('namespace') },
      wishes: {
        ipv4Pools: four.has('config') ? ['config-4'] : undefined,
        ipv6Pools: six.has('config') ? ['config-6'] : undefined,
        assignIpv6: true,
      },
    });
    const choice = choose(catalogOf(pools), confOf(), subject);
    const expected = (present: ReadonlySet<(typeof CALICO_SOURCES)[number]>, family: 4 | 6) => {
      const first = CALICO_SOURCES.find((source) => present.has(source));
      return first === undefined
        ? CALICO_SOURCES.map((source) => `${source}-${family}`).sort()
        : [`${first}-${family}`];
    };
    const { families } = choice.interfaces[0]!;
    expect(families.map(({ candidates }) => candidates.map((pool) => pool.name))).toEqual([
      expected(four, 4),
      expected(six, 6),
    ]);
    const speaking =
      CALICO_SOURCES.find((source) => four.has(source)) ??
      CALICO_SOURCES.find((source) => six.has(source));
    expect(choice.source).toBe(
      speaking === undefined ? 'Calico enabled pools' : CALICO_NAMES[speaking],
    );
  });

  test('an empty list hides those behind it and leaves the choice to the selectors', () => {
    const subject = subjectOf({
      calledAs: 'calico-ipam',
      pod: { annotations: { [`${CALICO}ipv4pools`]: '[]' } },
      namespace: { annotations: { [`${CALICO}ipv4pools`]: '["namespace-4"]' } },
    });
    const choice = choose(catalogOf(pools), confOf(), subject);
    expect(choice.interfaces[0]!.families[0]!.listed).toHaveLength(3);
  });
});

describe('the dialect that speaks', () => {
  const spider = spiderPool('spider', { isDefault: true });
  const named = spiderPool('named');
  const calico = calicoPool('calico', '10.64.0.0/20');
  const calicoAnnotation = { annotations: { [`${CALICO}ipv4pools`]: '["calico"]' } };
  const rows: readonly (readonly [string, SubjectFields, (typeof spider)[], string, string])[] = [
    [
      'spiderpool, by a name of a Spiderpool pool in the config',
      { wishes: { ipv4Pools: ['named'] } },
      [named, calico],
      'spiderpool',
      'CNI config',
    ],
    [
      'calico, by a name of a Calico pool in the config',
      { wishes: { ipv4Pools: ['calico'] } },
      [named, calico],
      'calico',
      'Calico CNI config',
    ],
    [
      'calico, by a CIDR in the config',
      { wishes: { ipv4Pools: ['10.64.0.0/20'] } },
      [named, calico],
      'calico',
      'Calico CNI config',
    ],
    [
      'calico, by an annotation, before default pools of Spiderpool',
      { namespace: calicoAnnotation },
      [spider, calico],
      'calico',
      'Calico namespace annotation',
    ],
    [
      'spiderpool, by its annotation, before one of Calico',
      {
        namespace: calicoAnnotation,
        pod: { annotations: { [`${PREFIX}ippool`]: '{"ipv4":["named"]}' } },
      },
      [named, calico],
      'spiderpool',
      'pod ippool',
    ],
    [
      'spiderpool, by a default pool, before enabled pools of Calico',
      {},
      [spider, calico],
      'spiderpool',
      'cluster default',
    ],
    [
      'calico, by an enabled pool, without default pools of Spiderpool',
      {},
      [named, calico],
      'calico',
      'Calico enabled pools',
    ],
  ];

  test.each(rows)('under the plugin’s own name is %s', (_name, fields, pools, dialect, source) => {
    const subject = subjectOf({ ...fields, calledAs: 'orbweaver' });
    expect(choose(catalogOf(pools), confOf(), subject)).toMatchObject({ dialect, source });
  });

  test('under the plugin’s own name is spiderpool where nothing speaks', () => {
    const subject = subjectOf({ calledAs: 'orbweaver' });
    const disabled = calicoPool('calico', '10.64.0.0/20', { disabled: true });
    expect(errorOf(() => choose(catalogOf([named, disabled]), confOf(), subject)).message).toBe(
      `${STANDARD}no IPPool available, no pool selection rules of any type are specified`,
    );
  });

  test('under the name spiderpool never is calico', () => {
    const subject = subjectOf({ calledAs: 'spiderpool', namespace: calicoAnnotation });
    expect(errorOf(() => choose(catalogOf([calico]), confOf(), subject)).code).toBe(
      'NO_POOL_AVAILABLE',
    );
  });

  test('under the name calico-ipam never is spiderpool', () => {
    const subject = subjectOf({
      calledAs: 'calico-ipam',
      pod: { annotations: { [`${PREFIX}ippool`]: '{"ipv4":["named"]}' } },
    });
    expect(choose(catalogOf([named, spider, calico]), confOf(), subject)).toMatchObject({
      dialect: 'calico',
      source: 'Calico enabled pools',
    });
  });
});
