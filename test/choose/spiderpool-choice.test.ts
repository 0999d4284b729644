import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { choose } from '../../src/choose/choose.ts';
import { addressTakenError, exhaustedError, type PoolCounts } from '../../src/choose/messages.ts';
import type { SpiderpoolConf } from '../../src/dialect/spiderpool-conf.ts';
import { formatAddress } from '../../src/net/address.ts';
import { errorOf } from '../support/error-of.ts';
import { labels, names, spiderPool, spiderPool6 } from '../support/pools.ts';
import { catalogOf, confOf, type SubjectFields, subjectOf } from '../support/subjects.ts';

const PREFIX = 'ipam.spidernet.io/';
const STANDARD = 'failed to allocate IP addresses in standard mode: ';
type Pools = Parameters<typeof catalogOf>[0];

function chosen(pools: Pools, fields: SubjectFields, conf: Partial<SpiderpoolConf> = {}) {
  return choose(catalogOf(pools), confOf(conf), subjectOf(fields));
}

function refused(pools: Pools, fields: SubjectFields, conf: Partial<SpiderpoolConf> = {}) {
  return errorOf(() => chosen(pools, fields, conf));
}

/** Names of the candidates by family of the first interface. */
function candidates(pools: Pools, fields: SubjectFields, conf: Partial<SpiderpoolConf> = {}) {
  const [first] = chosen(pools, fields, conf).interfaces;
  return Object.fromEntries(
    first!.families.map((family) => [family.family, family.candidates.map((pool) => pool.name)]),
  );
}

const ippool = (value: unknown) => ({
  annotations: { [`${PREFIX}ippool`]: typeof value === 'string' ? value : JSON.stringify(value) },
});
const ippools = (value: unknown) => ({
  annotations: { [`${PREFIX}ippools`]: typeof value === 'string' ? value : JSON.stringify(value) },
});

describe('the refusals of the seeds', () => {
  test('a pod outside the namespace of the pool', () => {
    const pool = spiderPool('test-ns-ipv4-ippool', {
      namespace: labels({ 'kubernetes.io/metadata.name': 'test-ns' }),
    });
    const pod = ippool({ ipv4: ['test-ns-ipv4-ippool'] });
    expect(refused([pool], { pod })).toMatchObject({
      code: 'NO_POOL_AVAILABLE',
      message:
        'failed to allocate IP addresses in standard mode: no IPPool available, all IPv4 IPPools ' +
        '[test-ns-ipv4-ippool] of eth0 filtered out: ' +
        'unmatched Namespace affinity of IPPool test-ns-ipv4-ippool',
      details:
        'test-ns-ipv4-ippool: unmatched Namespace affinity of IPPool test-ns-ipv4-ippool ' +
        '(namespace default: label kubernetes.io/metadata.name is "default", wanted In [test-ns])',
    });
    expect(candidates([pool], { pod, namespace: { name: 'test-ns' } })).toEqual({
      4: ['test-ns-ipv4-ippool'],
    });
  });

  test('a pod without the label of the pool', () => {
    const pool = spiderPool('static-ipv4-ippool', { pod: labels({ app: 'static' }) });
    const pod = ippool({ ipv4: ['static-ipv4-ippool'] });
    expect(refused([pool], { pod: { ...pod, labels: { app: 'wrong-static' } } }).message).toBe(
      'failed to allocate IP addresses in standard mode: no IPPool available, all IPv4 IPPools ' +
        '[static-ipv4-ippool] of eth0 filtered out: ' +
        'unmatched Pod affinity of IPPool static-ipv4-ippool',
    );
    expect(candidates([pool], { pod: { ...pod, labels: { app: 'static' } } })).toEqual({
      4: ['static-ipv4-ippool'],
    });
  });

  test('a default pool of the older form with a narrow namespace selector', () => {
    const pool = spiderPool('default-v4-ippool', {
      dialect: 'spiderpool-v1',
      namespace: labels({ foo: 'bar' }),
    });
    const conf = { enableIPv6: false, clusterDefaultIPv4IPPool: ['default-v4-ippool'] };
    const error = refused([pool], {}, conf);
    expect(error.message).toBe(
      `${STANDARD}no IPPool available, all IPv4 IPPools [default-v4-ippool] of eth0 filtered ` +
        'out: unmatched Namespace affinity of IPPool default-v4-ippool',
    );
    expect(error.details).toContain('label foo is missing, wanted In [bar]');
  });

  test('pools of master and worker nodes are taken by node', () => {
    const role = 'node-role.kubernetes.io/master';
    const by = (operator: string) => labels({ matchExpressions: [{ key: role, operator }] });
    const pools = [
      spiderPool('master-v4-ippool', { dialect: 'spiderpool-v1', node: by('Exists') }),
      spiderPool('worker-v4-ippool', { dialect: 'spiderpool-v1', node: by('DoesNotExist') }),
    ];
    const pod = ippool({ interface: 'eth0', ipv4pools: ['master-v4-ippool', 'worker-v4-ippool'] });
    expect(candidates(pools, { pod, node: { labels: { [role]: '' } } })).toEqual({
      4: ['master-v4-ippool'],
    });
    expect(candidates(pools, { pod })).toEqual({ 4: ['worker-v4-ippool'] });
  });
});

describe('the filters of a pool', () => {
  test.each(
    Array.from(
      { length: 8 },
      (_, bits) =>
        [
          [bits & 1 ? 'node' : '', bits & 2 ? 'namespace' : '', bits & 4 ? 'pod' : '']
            .filter((part) => part !== '')
            .join(', ') || 'none',
          bits,
        ] as const,
    ),
  )('are ANDed; matching: %s', (_name, bits) => {
    const pool = spiderPool('p', {
      isDefault: true,
      node: labels({ dc: 'a' }),
      namespace: labels({ team: 'a' }),
      pod: labels({ app: 'a' }),
    });
    const value = (bit: number) => (bits & bit ? 'a' : 'b');
    const fields: SubjectFields = {
      node: { labels: { dc: value(1) } },
      namespace: { labels: { team: value(2) } },
      pod: { labels: { app: value(4) } },
    };
    if (bits === 7) {
      expect(candidates([pool], fields)).toEqual({ 4: ['p'] });
      return;
    }
    const failing = !(bits & 1) ? 'Node' : !(bits & 2) ? 'Namespace' : 'Pod';
    expect(refused([pool], fields).message).toBe(
      `${STANDARD}no IPPool available, all IPv4 IPPools [p] of eth0 filtered out: ` +
        `unmatched ${failing} affinity of IPPool p`,
    );
  });

  const everything = { node: names('other'), namespace: names('other'), pod: labels({ a: 'b' }) };
  test.each([
    [
      'terminating first',
      { ...everything, terminating: true, disabled: true },
      'terminating IPPool p',
    ],
    [
      'disabled second',
      { ...everything, disabled: true, subnet: 'fd00::/64' },
      'disabled IPPool p',
    ],
    [
      'the family third',
      { ...everything, subnet: 'fd00::/64', ips: ['fd00::1'] },
      'expect an IPv4 IPPool, but the version of the IPPool p is IPv6',
    ],
    ['the node name fourth', everything, 'unmatched Node name of IPPool p'],
    [
      'the node labels too',
      { ...everything, node: labels({ dc: 'a' }) },
      'unmatched Node affinity of IPPool p',
    ],
    [
      'the namespace name fifth',
      { ...everything, node: names('worker') },
      'unmatched Namespace name of IPPool p',
    ],
    ['the pod labels last', { pod: labels({ a: 'b' }) }, 'unmatched Pod affinity of IPPool p'],
  ])('give the first reason in order: %s', (_name, fields, reason) => {
    expect(refused([spiderPool('p', fields)], { pod: ippool({ ipv4: ['p'] }) }).message).toBe(
      `${STANDARD}no IPPool available, all IPv4 IPPools [p] of eth0 filtered out: ${reason}`,
    );
  });

  test('print several reasons in brackets, in the order written, and equal ones once', () => {
    const pools = [
      spiderPool('b', { namespace: labels({ a: 'b' }) }),
      spiderPool('a', { node: names('other') }),
    ];
    expect(refused(pools, { pod: ippool({ ipv4: ['b', 'a'] }) }).message).toBe(
      `${STANDARD}no IPPool available, all IPv4 IPPools [b a] of eth0 filtered out: ` +
        '[unmatched Namespace affinity of IPPool b, unmatched Node name of IPPool a]',
    );
  });

  test('name a bounded number of pools when ever so many refuse', () => {
    const pools = Array.from({ length: 300 }, (_, at) =>
      spiderPool(`p${1000 + at}`, { isDefault: true, disabled: true }),
    );
    const error = refused(pools, {});
    expect(error.message).toContain(`p1099 … and ${300 - LIMITS.reasonsMax} more] of eth0`);
    expect(error.message.match(/disabled IPPool/g)).toHaveLength(LIMITS.reasonsMax);
    expect(error.details).toMatch(/and 200 more$/);
  });

  test('say that the call names no pod where labels were wanted', () => {
    const pools = [
      spiderPool('ns', { isDefault: true, namespace: labels({ team: 'a' }) }),
      spiderPool('pod', { isDefault: true, pod: labels({ app: 'a' }) }),
    ];
    const error = refused(pools, { pod: null });
    expect(error.message).toContain(
      '[unmatched Namespace affinity of IPPool ns, unmatched Pod affinity of IPPool pod]',
    );
    expect(error.details.match(/the call names no known pod: label/g)).toHaveLength(2);
    expect(candidates([...pools, spiderPool('any', { isDefault: true })], { pod: null })).toEqual({
      4: ['any'],
    });
  });
});

describe('the order of candidates', () => {
  const narrow = { pod: labels({ app: 'a' }) };
  const subject: SubjectFields = {
    pod: { labels: { app: 'a' } },
    namespace: { labels: { team: 'a' } },
    node: { labels: { dc: 'a' } },
  };
  const ranks = [
    spiderPool('g-plain'),
    spiderPool('f-plain'),
    spiderPool('e-namespace-labels', { namespace: labels({ team: 'a' }) }),
    spiderPool('d-namespace-name', { namespace: names('default') }),
    spiderPool('c-node-labels', { node: labels({ dc: 'a' }) }),
    spiderPool('c-node-labels-and-namespace', {
      node: labels({ dc: 'a' }),
      namespace: names('default'),
    }),
    spiderPool('b-node-name', { node: names('worker') }),
    spiderPool('z-pod', narrow),
  ];
  const ranked = [
    'z-pod',
    'b-node-name',
    'c-node-labels-and-namespace',
    'c-node-labels',
    'd-namespace-name',
    'e-namespace-labels',
    'f-plain',
    'g-plain',
  ];

  test('is by specificity for default pools, ties by name', () => {
    const pools = ranks.map((pool) => ({ ...pool, isDefault: true }));
    expect(candidates(pools, subject)).toEqual({ 4: ranked });
  });

  test('is by specificity for the matches of a wildcard', () => {
    expect(candidates(ranks, { ...subject, wishes: { ipv4Pools: ['*'] } })).toEqual({ 4: ranked });
  });

  test('is as written for a list, each wildcard in its place', () => {
    const pools = [
      spiderPool('b-1'),
      spiderPool('b-2', narrow),
      spiderPool('a'),
      spiderPool('c', narrow),
    ];
    const pod = { ...ippool({ ipv4: ['c', 'b-*', 'a'] }), labels: { app: 'a' } };
    expect(candidates(pools, { pod })).toEqual({ 4: ['c', 'b-2', 'b-1', 'a'] });
  });

  test.each(['pod', 'namespace', 'config', 'ConfigMap'])(
    'is as written in a list of the %s',
    (road) => {
      const pools = [spiderPool('a', narrow), spiderPool('b'), spiderPool('c', narrow)];
      const list = ['b', 'c', 'a'];
      const fields: SubjectFields = {
        pod: { labels: { app: 'a' }, ...(road === 'pod' ? ippool({ ipv4: list }) : {}) },
        namespace:
          road === 'namespace'
            ? { annotations: { [`${PREFIX}default-ipv4-ippool`]: JSON.stringify(list) } }
            : {},
        wishes: road === 'config' ? { ipv4Pools: list } : {},
      };
      const conf = road === 'ConfigMap' ? { clusterDefaultIPv4IPPool: list } : {};
      expect(candidates(pools, fields, conf)).toEqual({ 4: list });
    },
  );
});

describe('names in a list', () => {
  const pools = [spiderPool('a-1'), spiderPool('a-2'), spiderPool6('b-6')];
  test.each([
    [
      'an unknown name ends the request',
      { ipv4: ['a-1', 'nope'] },
      'POOL_UNKNOWN',
      'failed to get original IPPool nope: SpiderIPPool.spiderpool.spidernet.io "nope" not found',
    ],
    [
      'a name twice',
      { ipv4: ['a-1', 'a-1'] },
      'ANNOTATION_INVALID',
      'wrong input, duplicate IPPool a-1 specified for NIC eth0',
    ],
    [
      'a name and a wildcard that matches it',
      { ipv4: ['a-1', 'a-*'] },
      'ANNOTATION_INVALID',
      'wrong input, duplicate IPPool a-1 specified for NIC eth0',
    ],
    [
      'a malformed wildcard',
      { ipv4: ['a-[]1'] },
      'ANNOTATION_INVALID',
      "failed to match wildcard: IPv4 PoolName pattern 'a-[]1', character 'a-1', error: syntax error in pattern",
    ],
    [
      'a wildcard of which nothing is left',
      { ipv4: ['zz*'] },
      'NO_POOL_AVAILABLE',
      'no IPPool available, the pool selection rule names no IPPool for eth0',
    ],
    [
      'a rule without lists',
      {},
      'NO_POOL_AVAILABLE',
      'no IPPool available, the pool selection rule names no IPPool for eth0',
    ],
    [
      'a pool of the other family',
      { ipv6: ['a-1'] },
      'NO_POOL_AVAILABLE',
      'no IPPool available, all IPv6 IPPools [a-1] of eth0 filtered out: ' +
        'expect an IPv6 IPPool, but the version of the IPPool a-1 is IPv4',
    ],
    [
      'an annotation that is not JSON',
      '{',
      'ANNOTATION_INVALID',
      "wrong input, invalid format of Pod annotation 'ipam.spidernet.io/ippool': unexpected end of JSON input",
    ],
  ])('%s is refused', (_name, value, code, text) => {
    const error = refused(pools, { pod: ippool(value) });
    expect(error).toMatchObject({ code, message: STANDARD + text });
    expect(error.row.cni).toBe(7);
  });

  test('a bad list of the CNI config is the config’s fault', () => {
    const error = refused(pools, { wishes: { ipv4Pools: ['a-1', 'a-1'] } });
    expect(error.code).toBe('CONFIG_INVALID');
  });

  test('a wildcard that matches nothing of one family drops that family with a note', () => {
    const choice = chosen(pools, { pod: ippool({ ipv4: ['a-1'], ipv6: ['zz*'] }) });
    expect(choice.interfaces[0]!.families.map(({ family }) => family)).toEqual([4]);
    expect(choice.notes).toContain("pod ippool: wildcard 'zz*' matches no IPv6 IPPool");
  });

  test('an interface that is not the one asked for is refused, naming both', () => {
    const error = refused(pools, { pod: ippool({ interface: 'net1', ipv4: ['a-1'] }) });
    expect(error.code).toBe('ANNOTATION_INVALID');
    expect(error.message).toMatch(/interface net1.*interface eth0/);
  });
});

describe('families', () => {
  const pools = [spiderPool('four', { isDefault: true }), spiderPool6('six', { isDefault: true })];
  test.each([
    ['both by default pools', {}, {}, { 4: ['four'], 6: ['six'] }],
    [
      'only IPv4 where the source names only IPv4',
      { wishes: { ipv4Pools: ['four'] } },
      {},
      { 4: ['four'] },
    ],
    [
      'only IPv6 where the source names only IPv6',
      { pod: ippool({ ipv6: ['six'] }) },
      {},
      { 6: ['six'] },
    ],
    ['no IPv4 where it is off', {}, { enableIPv4: false }, { 6: ['six'] }],
    [
      'no IPv6 where it is off, though named',
      { pod: ippool({ ipv4: ['four'], ipv6: ['six'] }) },
      { enableIPv6: false },
      { 4: ['four'] },
    ],
    [
      'a list of the ConfigMap for one, default pools for the other',
      {},
      { clusterDefaultIPv4IPPool: ['four'] },
      { 4: ['four'], 6: ['six'] },
    ],
  ])('give %s', (_name, fields, conf, expected) => {
    expect(candidates(pools, fields, conf)).toEqual(expected);
  });

  test('that are off leave nothing: the refusal says so', () => {
    const error = refused(pools, { pod: ippool({ ipv6: ['six'] }) }, { enableIPv6: false });
    expect(error.code).toBe('NO_POOL_AVAILABLE');
    expect(error.details).toContain('enableIPv6 is false');
  });

  test('each named family must have a candidate', () => {
    const off = [pools[0]!, spiderPool6('six', { isDefault: true, disabled: true })];
    expect(refused(off, {}).message).toContain('all IPv6 IPPools [six] of eth0 filtered out');
  });
});

describe('several interfaces', () => {
  const pools = [spiderPool('a'), spiderPool('b'), spiderPool6('c')];
  test('named: every one has its candidates, whichever is asked for first', () => {
    const pod = ippools([
      { interface: 'eth0', ipv4: ['a'], ipv6: ['c'] },
      { interface: 'net1', ipv4: ['a', 'b'], cleangateway: true },
    ]);
    for (const interfaceName of ['eth0', 'net1']) {
      const { interfaces } = chosen(pools, { pod, interfaceName });
      expect(
        interfaces.map(({ name, order, cleanGateway, families }) => ({
          name,
          order,
          cleanGateway,
          listed: families.map((family) => family.listed),
        })),
      ).toEqual([
        { name: 'eth0', order: 0, cleanGateway: false, listed: [['a'], ['c']] },
        { name: 'net1', order: 1, cleanGateway: true, listed: [['a', 'b']] },
      ]);
    }
  });

  test('unnamed: they go by position, and texts call them by it', () => {
    const pod = ippools([{ ipv4: ['a'] }, { ipv4: ['b'] }]);
    expect(chosen(pools, { pod }).interfaces.map(({ name, order }) => [name, order])).toEqual([
      ['', 0],
      ['', 1],
    ]);
    const off = [spiderPool('a'), spiderPool('b', { disabled: true })];
    expect(refused(off, { pod }).message).toBe(
      `${STANDARD}no IPPool available, all IPv4 IPPools [b] of 1 filtered out: disabled IPPool b`,
    );
  });

  test.each([
    [
      'mixed',
      [{ interface: 'eth0', ipv4: ['a'] }, { ipv4: ['b'] }],
      'NIC should be either all specified or all unspecified',
    ],
    ['empty', [], 'value requires at least one item'],
    [
      'twice',
      [
        { interface: 'eth0', ipv4: ['a'] },
        { interface: 'eth0', ipv4: ['b'] },
      ],
      'duplicate interface eth0',
    ],
    ['not listed', [{ interface: 'net1', ipv4: ['a'] }], 'interface eth0 must be specified'],
  ])('%s: refused', (_name, value, text) => {
    expect(refused(pools, { pod: ippools(value) })).toMatchObject({
      code: 'ANNOTATION_INVALID',
      message: `${STANDARD}wrong input, invalid format of Pod annotation 'ipam.spidernet.io/ippools': ${text}`,
    });
  });

  test('an item without pools has no families; asking for it is refused', () => {
    const pod = ippools([{ interface: 'eth0', ipv4: ['a'] }, { interface: 'net1' }]);
    expect(chosen(pools, { pod }).interfaces[1]!.families).toEqual([]);
    expect(refused(pools, { pod, interfaceName: 'net1' }).message).toContain('no IPPool for net1');
  });
});

describe('the other annotations', () => {
  test('routes are handed on', () => {
    const choice = chosen([spiderPool('a', { isDefault: true })], {
      pod: { annotations: { [`${PREFIX}routes`]: '[{"dst":"10.0.0.0/8","gw":"172.18.0.1"}]' } },
    });
    expect(choice.customRoutes.map((route) => formatAddress(route.gateway))).toEqual([
      '172.18.0.1',
    ]);
  });

  test('a bad route is refused', () => {
    const annotations = { [`${PREFIX}routes`]: '[{"dst":"10.0.0.0/8","gw":"fd00::1"}]' };
    expect(refused([spiderPool('a', { isDefault: true })], { pod: { annotations } }).message).toBe(
      `${STANDARD}wrong input, invalid format of Pod annotation 'ipam.spidernet.io/routes': ` +
        "invalid route format 'dst: 10.0.0.0/8, gw: fd00::1'",
    );
  });

  test.each(['subnet', 'subnets'])('%s is noted and the next source is asked', (key) => {
    const annotations = { [`${PREFIX}${key}`]: '{"ipv4":["s"]}' };
    const choice = chosen([spiderPool('a', { isDefault: true })], { pod: { annotations } });
    expect(choice.source).toBe('cluster default');
    expect(choice.notes[0]).toContain(`${PREFIX}${key}`);
  });
});

describe('network attachments', () => {
  const pool = spiderPool('m', { isDefault: true, multusNames: ['kube-system/macvlan', 'bare'] });
  const pod = (annotations: Record<string, string>) => ({ annotations });
  test.each([
    ['the default network', 'eth0', { 'v1.multus-cni.io/default-network': 'kube-system/macvlan' }],
    ['the default network by a bare name', 'eth0', { 'v1.multus-cni.io/default-network': 'bare' }],
    ['the first further network', 'net1', { 'k8s.v1.cni.cncf.io/networks': 'kube-system/macvlan' }],
    [
      'the second further network',
      'net2',
      { 'k8s.v1.cni.cncf.io/networks': 'x, kube-system/macvlan' },
    ],
    [
      'a network with an interface',
      'dp0',
      { 'k8s.v1.cni.cncf.io/networks': 'x,kube-system/bare@dp0' },
    ],
    [
      'a network in JSON',
      'net1',
      { 'k8s.v1.cni.cncf.io/networks': '[{"name":"macvlan","namespace":"kube-system"}]' },
    ],
  ])('%s is taken where the pool lists it', (_name, interfaceName, annotations) => {
    expect(candidates([pool], { interfaceName, pod: pod(annotations) })).toEqual({ 4: ['m'] });
  });

  test.each([
    [
      'another network',
      'eth0',
      { 'v1.multus-cni.io/default-network': 'kube-system/other' },
      'the spec.multusName [kube-system/macvlan bare] in the IPPool m used by the Pod interface eth0 ' +
        'is not matched with the multusCR kube-system/other specified by the Pod',
    ],
    [
      'no default network',
      'eth0',
      {},
      "cluster-network multus isn't set, the IPPool m specified multusName [kube-system/macvlan bare] unmatched",
    ],
    [
      'an unknown interface',
      'net2',
      { 'k8s.v1.cni.cncf.io/networks': 'macvlan' },
      "unknown: no matched multus object for NIC 'net2'. The multus network-attachments: [default/macvlan]",
    ],
  ])('%s is refused', (_name, interfaceName, annotations, reason) => {
    const error = refused([pool], { interfaceName, pod: pod(annotations) });
    expect(error.message.endsWith(`filtered out: ${reason}`)).toBe(true);
  });

  test('do not matter to pools without multusName', () => {
    expect(candidates([pool, spiderPool('plain', { isDefault: true })], {})).toEqual({
      4: ['plain'],
    });
  });
});

describe('an address asked for by number', () => {
  const pools = [
    spiderPool('a', { isDefault: true, ips: ['172.18.40.10-172.18.40.19'] }),
    spiderPool('b', { isDefault: true, ips: ['172.18.40.20-172.18.40.29'] }),
  ];
  test('narrows the candidates to the pools that hold it', () => {
    const [first] = chosen(pools, { addresses: ['172.18.40.25'] }).interfaces;
    const [family] = first!.families;
    expect(family!.candidates.map((pool) => pool.name)).toEqual(['b']);
    expect(formatAddress(family!.requested!)).toBe('172.18.40.25');
    expect(family!.road).toBe('runtimeConfig.ips');
    expect(family!.rejections()).toMatchObject([{ pool: 'a', cause: 'address' }]);
  });

  test.each([
    ['outside every candidate', ['172.18.40.99'], 'ADDRESS_TAKEN', /172\.18\.40\.99.*\[a b\]/],
    [
      'of a family that the source does not name',
      ['fd00::1'],
      'UNSUPPORTED_REQUEST',
      /fd00::1.*IPv6/,
    ],
    [
      'beside another of its family',
      ['172.18.40.11', '172.18.40.12'],
      'UNSUPPORTED_REQUEST',
      /172\.18\.40\.12 beside 172\.18\.40\.11/,
    ],
  ] as const)('%s is refused by name', (_name, addresses, code, text) => {
    const error = refused(pools, { addresses });
    expect(error.code).toBe(code);
    expect(error.message).toMatch(text);
    expect(error.message).toContain('runtimeConfig.ips');
  });

  test('goes to the interface that the call is for', () => {
    const pod = ippools([
      { interface: 'eth0', ipv4: ['a'] },
      { interface: 'net1', ipv4: ['b'] },
    ]);
    const call = { pod, interfaceName: 'net1', addresses: ['172.18.40.21'] };
    const requested = chosen(pools, call).interfaces.map((item) => item.families[0]!.requested);
    expect(requested.map((address) => address && formatAddress(address))).toEqual([
      undefined,
      '172.18.40.21',
    ]);
  });

  test('that is held already is refused in words that name the road', () => {
    const choice = chosen(pools, { addresses: ['172.18.40.25'] });
    const [item] = choice.interfaces;
    const error = addressTakenError(choice, item!, item!.families[0]!, 'pod default/other');
    expect(error.code).toBe('ADDRESS_TAKEN');
    expect(error.message).toContain('172.18.40.25 that runtimeConfig.ips asks for on NIC eth0');
    expect(error.details).toContain('pod default/other');
  });
});

test('full pools are told in Spiderpool’s words, with counts in the details', () => {
  const pools = [spiderPool('a'), spiderPool('b'), spiderPool('c', { disabled: true })];
  const choice = chosen(pools, { pod: ippool({ ipv4: ['a', 'c', 'b'] }) });
  const counts = ['a', 'b'].map(
    (pool): PoolCounts => ({ pool, total: 5, used: 4, resting: 0, reserved: 1, free: 0 }),
  );
  const [item] = choice.interfaces;
  const error = exhaustedError(choice, item!, item!.families[0]!, counts);
  expect(error).toMatchObject({
    code: 'ADDRESSES_EXHAUSTED',
    message:
      'failed to allocate IP addresses in standard mode: failed to allocate any IPv4 IP address ' +
      'to NIC eth0 from IPPools [a b]: all IP addresses used out',
    details:
      'IPv4 of eth0: a: 5 addresses, 4 used, 0 resting, 1 reserved; ' +
      'b: 5 addresses, 4 used, 0 resting, 1 reserved; c: disabled IPPool c',
  });
  expect(error.row.cni).toBe(11);
});
