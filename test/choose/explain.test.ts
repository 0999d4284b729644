import { describe, expect, test } from 'vitest';
import { choose } from '../../src/choose/choose.ts';
import { explain, type PoolUsage } from '../../src/choose/explain.ts';
import type { Pool } from '../../src/dialect/pool.ts';
import type { SpiderpoolConf } from '../../src/dialect/spiderpool-conf.ts';
import { addToAddress, formatAddress } from '../../src/net/address.ts';
import { errorOf } from '../support/error-of.ts';
import { calicoPool, labels, names, spiderPool } from '../support/pools.ts';
import { catalogOf, confOf, type SubjectFields, subjectOf } from '../support/subjects.ts';

const PREFIX = 'ipam.spidernet.io/';
const CALICO = 'cni.projectcalico.org/';

/** Every pool has `free` addresses left, from its first one on, and `resting` ones. */
function usageOf(free: number, resting = 0): PoolUsage {
  return {
    counts: (pool) => ({
      pool: pool.name,
      total: Number(pool.ranges.size()),
      used: Number(pool.ranges.size()) - free - resting,
      resting,
      reserved: 0,
      free,
    }),
    peek: (pool, given) => {
      const [range] = pool.ranges.ranges();
      return range !== undefined && given < free ? addToAddress(range.first, given) : undefined;
    },
    obstacle: () => undefined,
    requestRefusal: () => undefined,
  };
}

function explained(
  pools: readonly Pool[],
  fields: SubjectFields,
  { conf = {}, usage = usageOf(5) }: { conf?: Partial<SpiderpoolConf>; usage?: PoolUsage } = {},
) {
  return explain(catalogOf(pools), confOf(conf), subjectOf(fields), usage);
}

const ippool = (value: unknown) => ({
  annotations: { [`${PREFIX}ippool`]: JSON.stringify(value) },
});

describe('an explanation', () => {
  const pools = [
    spiderPool('static', { pod: labels({ app: 'static' }), ips: ['172.18.41.40-172.18.41.43'] }),
    spiderPool('backup', { ips: ['172.18.42.1-172.18.42.9'] }),
    spiderPool('fallback', { isDefault: true }),
  ];

  test('of a granted pod names the source, the candidates in order and the next address', () => {
    const result = explained(pools, { pod: ippool({ ipv4: ['static', 'backup'] }) });
    expect(result).toMatchObject({
      dialect: 'spiderpool',
      source: 'pod ippool',
      refusal: undefined,
    });
    const [family] = result.interfaces[0]!.families;
    expect(family!.pools).toMatchObject([
      { name: 'backup', verdict: 'candidate', place: 1, counts: { total: 9, used: 4, free: 5 } },
      {
        name: 'static',
        verdict: 'refused',
        place: undefined,
        cause: 'pod',
        reason: 'unmatched Pod affinity of IPPool static',
        because: 'pod default/web-1: label app is missing, wanted In [static]',
      },
    ]);
    expect(family!.next!.pool).toBe('backup');
    expect(formatAddress(family!.next!.address)).toBe('172.18.42.1');
  });

  test('of a refused pod has the very error of choose, and every pool', () => {
    const fields = { pod: ippool({ ipv4: ['static'] }) };
    const result = explained(pools, fields);
    const error = errorOf(() => choose(catalogOf(pools), confOf(), subjectOf(fields)));
    expect(result.refusal).toEqual({
      code: error.code,
      cni: 7,
      message: error.message,
      details: error.details,
      hint: error.row.hint,
    });
    expect(result.interfaces[0]!.families[0]).toMatchObject({
      next: undefined,
      pools: [{ name: 'static', verdict: 'refused' }],
    });
  });

  test('of several refused families shows them all and refuses with the first', () => {
    const result = explained(
      [
        spiderPool('four', { isDefault: true, disabled: true }),
        spiderPool('six', {
          subnet: 'fd00::/64',
          ips: ['fd00::1'],
          isDefault: true,
          disabled: true,
        }),
      ],
      {},
    );
    expect(result.interfaces[0]!.families.map(({ pools: lines }) => lines[0]!.name)).toEqual([
      'four',
      'six',
    ]);
    expect(result.refusal!.message).toContain('all IPv4 IPPools [four]');
  });

  test('tells a source that cannot be read', () => {
    const result = explained(pools, {
      pod: { annotations: { [`${PREFIX}ippool`]: '{' } },
    });
    expect(result.source).toBeUndefined();
    expect(result.refusal!.code).toBe('ANNOTATION_INVALID');
    expect(result.sources.find(({ source }) => source === 'pod ippool')!.state).toBe('faulty');
    expect(result.interfaces).toEqual([]);
  });

  test.each([
    ['Spiderpool', ippool({ ipv4: ['gone'] }), 'pod ippool'],
    ['Calico', { annotations: { [`${CALICO}ipv4pools`]: '["gone"]' } }, 'Calico pod annotation'],
  ])('names the source that names a pool which does not exist: %s', (_dialect, pod, source) => {
    const result = explained(pools, { pod, calledAs: 'orbweaver' });
    expect(result.refusal!.code).toBe('POOL_UNKNOWN');
    expect(result.source).toBe(source);
    expect(result.sources.find((line) => line.source === source)).toMatchObject({
      state: 'chosen',
      text: 'IPv4 [gone]',
    });
  });

  test('says that all candidates are full, as ADD would', () => {
    const result = explained(pools, {}, { usage: usageOf(0) });
    expect(result.refusal).toMatchObject({ code: 'ADDRESSES_EXHAUSTED', cni: 11 });
    expect(result.interfaces[0]!.families[0]!.next).toBeUndefined();
  });

  test('does not refuse while addresses rest', () => {
    const result = explained(pools, {}, { usage: usageOf(0, 1) });
    expect(result.refusal).toBeUndefined();
    expect(result.interfaces[0]!.families[0]!.next).toBeUndefined();
  });

  test('says, as ADD would, that the last address cannot serve two interfaces', () => {
    const annotations = {
      [`${PREFIX}ippools`]:
        '[{"interface":"eth0","ipv4":["backup"]},{"interface":"net1","ipv4":["backup"]}]',
    };
    const result = explained(pools, { pod: { annotations } }, { usage: usageOf(1) });
    expect(result.refusal).toMatchObject({
      code: 'ADDRESSES_EXHAUSTED',
      message: expect.stringContaining('to NIC net1 from IPPools [backup]'),
      details: 'IPv4 of net1: backup: 9 addresses, 9 used, 0 resting, 0 reserved',
    });
    const withRest = explained(pools, { pod: { annotations } }, { usage: usageOf(1, 1) });
    expect(withRest.refusal).toBeUndefined();
    const oneAtRest = explained(pools, { pod: { annotations } }, { usage: usageOf(0, 1) });
    expect(oneAtRest.refusal?.code).toBe('ADDRESSES_EXHAUSTED');
  });

  test('tells both families that are full in one text, as ADD would', () => {
    const dual = [...pools, spiderPool('six', { subnet: 'fd00::/64', ips: ['fd00::1'] })];
    const pod = ippool({ ipv4: ['backup'], ipv6: ['six'] });
    const result = explained(dual, { pod }, { usage: usageOf(0) });
    expect(result.refusal?.message).toContain('IPv4 IP address to NIC eth0 from IPPools [backup]');
    expect(result.refusal?.message).toContain('IPv6 IP address to NIC eth0 from IPPools [six]');
  });

  test('promises two interfaces on one pool two addresses', () => {
    const annotations = {
      [`${PREFIX}ippools`]:
        '[{"interface":"eth0","ipv4":["backup"]},{"interface":"net1","ipv4":["backup"]}]',
    };
    const result = explained(pools, { pod: { annotations } });
    expect(result.interfaces.map((item) => formatAddress(item.families[0]!.next!.address))).toEqual(
      ['172.18.42.1', '172.18.42.2'],
    );
  });

  test('goes through all sources in order of priority', () => {
    const result = explained([...pools, calicoPool('calico', '10.0.0.0/24')], {
      calledAs: 'orbweaver',
      pod: {
        annotations: {
          ...ippool({ ipv4: ['backup'] }).annotations,
          [`${PREFIX}subnet`]: '{}',
        },
      },
      namespace: { annotations: { [`${CALICO}ipv4pools`]: '["calico"]' } },
    });
    expect(result.sources.map(({ source, state }) => `${source}: ${state}`)).toEqual([
      'SpiderSubnet annotation: ignored',
      'pod ippools: silent',
      'pod ippool: chosen',
      'namespace default: silent',
      'CNI config: silent',
      'Calico pod annotation: silent',
      'Calico namespace annotation: later',
      'Calico CNI config: silent',
      'cluster default: later',
      'Calico enabled pools: later',
    ]);
    expect(result.sources[2]!.text).toBe('IPv4 [backup]');
  });

  test('shows every source that a family of Calico uses', () => {
    const result = explained([calicoPool('four', '10.0.0.0/24'), calicoPool('six', 'fd00::/64')], {
      calledAs: 'calico-ipam',
      namespace: { annotations: { [`${CALICO}ipv4pools`]: '["four"]' } },
      wishes: { assignIpv6: true },
    });
    const chosen = result.sources.filter(({ state }) => state === 'chosen');
    expect(chosen.map(({ source }) => source)).toEqual([
      'Calico namespace annotation',
      'Calico enabled pools',
    ]);
  });

  test('marks the sources of a dialect that is not asked under the name called by', () => {
    const result = explained(pools, { calledAs: 'calico-ipam', pod: ippool({ ipv4: ['backup'] }) });
    expect(result.sources.find(({ source }) => source === 'pod ippool')).toMatchObject({
      state: 'ignored',
    });
  });
});

describe('a warning', () => {
  const contradiction = labels({
    matchLabels: { app: 'a' },
    matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['a'] }],
  });
  test.each([
    [
      'a misspelt key of the pod',
      [spiderPool('a', { isDefault: true })],
      { pod: { annotations: { [`${PREFIX}ippol`]: '{}' } } },
      /"ipam.spidernet.io\/ippol" of the pod is not known; did you mean ipam.spidernet.io\/ippool\?/,
    ],
    [
      'a misspelt key of the namespace',
      [spiderPool('a', { isDefault: true })],
      { namespace: { annotations: { [`${PREFIX}default-ip4-ippool`]: '[]' } } },
      /of the namespace is not known; did you mean ipam.spidernet.io\/default-ipv4-ippool\?/,
    ],
    [
      'a missing pool in the source',
      [spiderPool('backup-v4', { isDefault: true })],
      { pod: ippool({ ipv4: ['backup-v5'] }) },
      /pod ippool names the pool "backup-v5", which does not exist; did you mean backup-v4\?/,
    ],
    [
      'a missing pool in a source that is passed over',
      [spiderPool('a')],
      { pod: ippool({ ipv4: ['a'] }), wishes: { ipv4Pools: ['gone'] } },
      /CNI config names the pool "gone"/,
    ],
    [
      'a missing pool of Calico',
      [calicoPool('four', '10.0.0.0/24')],
      {
        calledAs: 'calico-ipam',
        namespace: { annotations: { [`${CALICO}ipv4pools`]: '["fuor"]' } },
      },
      /Calico namespace annotation names the pool "fuor", which does not exist; did you mean four\?/,
    ],
    [
      'a default pool with a narrow selector',
      [spiderPool('a', { isDefault: true, namespace: labels({ foo: 'bar' }) })],
      {},
      /pool a is a cluster default, but only for some: it has a namespace affinity/,
    ],
    [
      'a pool that nobody can match',
      [spiderPool('a', { isDefault: true, pod: contradiction })],
      {},
      /no pod can match the pod affinity of pool a/,
    ],
    [
      'a pool without addresses',
      [spiderPool('a', { isDefault: true, ips: [] })],
      {},
      /pool a has no addresses/,
    ],
    [
      'natOutgoing',
      [calicoPool('four', '10.0.0.0/24', { calico: { natOutgoing: true } })],
      { calledAs: 'calico-ipam' },
      /natOutgoing of pool four/,
    ],
  ] as const)('is given for %s', (_name, pools, fields, text) => {
    const { warnings } = explained(pools, fields as SubjectFields);
    expect(warnings.filter((warning) => text.test(warning))).toHaveLength(1);
  });

  test.each([
    [
      'a narrow pool that the pod names itself',
      [spiderPool('a', { namespace: labels({ foo: 'bar' }) })],
      { pod: ippool({ ipv4: ['a'] }) },
    ],
    [
      'a default pool for some nodes',
      [spiderPool('a', { isDefault: true, node: names('worker') })],
      {},
    ],
    [
      'annotations of others',
      [spiderPool('a', { isDefault: true })],
      {
        pod: {
          annotations: { 'kubernetes.io/created-by': 'x', [`${PREFIX}default-route-nic`]: 'eth0' },
        },
      },
    ],
    [
      'a selector with several requirements on one key',
      [
        spiderPool('a', {
          isDefault: true,
          node: labels({
            matchExpressions: [
              { key: 'dc', operator: 'Exists' },
              { key: 'dc', operator: 'NotIn', values: ['x'] },
            ],
          }),
        }),
      ],
      {},
    ],
  ] as const)('is not given for %s', (_name, pools, fields) => {
    expect(explained(pools, fields as SubjectFields).warnings).toEqual([]);
  });
});
