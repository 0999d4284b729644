import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import {
  ippoolsItemIndex,
  readNamespaceDefaults,
  readPodIppool,
  readPodIppools,
  readPodRoutes,
  subnetAnnotation,
  suspectKeys,
} from '../../src/dialect/annotations.ts';
import { formatAddress } from '../../src/net/address.ts';
import { formatCidr } from '../../src/net/cidr.ts';
import { errorOf } from '../support/error-of.ts';

const P = 'ipam.spidernet.io/';

function ippool(text: string) {
  return readPodIppool({ [`${P}ippool`]: text });
}

function ippools(text: string) {
  return readPodIppools({ [`${P}ippools`]: text });
}

describe('the pod annotation ippool', () => {
  test.each([
    [
      'in the present form',
      '{"ipv4": ["a", "b"], "ipv6": ["c"]}',
      { ipv4: ['a', 'b'], ipv6: ['c'] },
    ],
    [
      'in the older form of the priorities seed',
      '{"interface": "eth0", "ipv4pools": ["v4-ippool1"], "ipv6pools": ["v6-ippool1", "v6-ippool2"]}',
      { interface: 'eth0', ipv4: ['v4-ippool1'], ipv6: ['v6-ippool1', 'v6-ippool2'] },
    ],
    [
      'with keys in another case',
      '{"IPv4": ["a"], "IPV6Pools": ["b"]}',
      { ipv4: ['a'], ipv6: ['b'] },
    ],
    ['with one family only', '{"ipv4": ["a"]}', { ipv4: ['a'] }],
    ['with an empty list as if it were absent', '{"ipv4": [], "ipv6": ["b"]}', { ipv6: ['b'] }],
    ['with null as if it were absent', '{"ipv4": null}', {}],
    ['that is null', 'null', {}],
    [
      'with defaultRoute false',
      '{"ipv4": ["a"], "defaultRoute": false}',
      { ipv4: ['a'], cleanGateway: true },
    ],
    [
      'with cleanGateway',
      '{"ipv4": ["a"], "cleanGateway": true}',
      { ipv4: ['a'], cleanGateway: true },
    ],
  ])('is read %s', (_name, text, expected) => {
    const absent = {
      interface: undefined,
      ipv4: undefined,
      ipv6: undefined,
      cleanGateway: undefined,
    };
    expect(ippool(text)).toEqual({ ...absent, notes: [], ...expected });
  });

  test('is undefined where the pod has none', () => {
    expect(readPodIppool({ [`${P}ippools`]: '[]' })).toBeUndefined();
  });

  test('prefers the new key of one family and says so', () => {
    const read = ippool('{"ipv4": ["new"], "ipv4pools": ["old"], "ipv6pools": ["six"]}');
    expect(read?.ipv4).toEqual(['new']);
    expect(read?.ipv6).toEqual(['six']);
    expect(read?.notes).toEqual([
      `annotation ${P}ippool: 'ipv4' is used, the older 'ipv4pools' is not`,
    ]);
  });

  test('ignores an unknown key and asks what was meant', () => {
    expect(ippool('{"ipv4s": ["a"], "comment": "x"}')?.notes).toEqual([
      `annotation ${P}ippool: unknown field "ipv4s" is ignored; did you mean 'ipv4'?`,
      `annotation ${P}ippool: unknown field "comment" is ignored`,
    ]);
  });

  test.each([
    ['is not JSON', 'static-pool', "invalid character 's' looking for beginning of value"],
    ['is empty', '', 'unexpected end of JSON input'],
    ['is cut off', '{"ipv4": ["a"', 'unexpected end of JSON input'],
    ['has something behind it', '{"ipv4": ["a"]} #', "invalid character '#' after top-level value"],
    [
      'is a list',
      '["a"]',
      'json: cannot unmarshal array into Go value of type types.AnnoPodIPPoolValue',
    ],
    [
      'has a text for a list',
      '{"ipv4": "a"}',
      'json: cannot unmarshal string into Go struct field AnnoPodIPPoolValue.ipv4 of type []string',
    ],
    [
      'has a number for a name',
      '{"ipv6pools": [6]}',
      'json: cannot unmarshal number into Go struct field AnnoPodIPPoolValue.ipv6pools of type string',
    ],
    ['has an empty name', '{"ipv4": ["a", ""]}', 'empty pool name at ipv4[1]'],
    ['has a null name', '{"ipv6pools": [null]}', 'empty pool name at ipv6pools[0]'],
  ])('is refused where it %s', (_name, text, fault) => {
    const error = errorOf(() => ippool(text));
    expect(error.code).toBe('ANNOTATION_INVALID');
    expect(error.message).toBe(
      `wrong input, invalid format of Pod annotation '${P}ippool': ${fault}`,
    );
  });

  test('is refused with a short text where it is a megabyte of junk', () => {
    const error = errorOf(() => ippool(`{"ipv4": [${'"a" '.repeat(250_000)}]}`));
    expect(error.message.length).toBeLessThan(300);
  });
});

describe('the pod annotation ippools', () => {
  test('of the priorities seed is read with its default route on eth0 only', () => {
    const read = ippools(`[{
        "interface": "eth0", "ipv4pools": ["v4-ippool1"], "ipv6pools": ["v6-ippool1"], "defaultRoute": true
      },{
        "interface": "eth1", "ipv4pools": ["v4-ippool2"], "ipv6pools": ["v6-ippool2"], "defaultRoute": false
      }]`);
    expect(read).toEqual({
      items: [
        { interface: 'eth0', ipv4: ['v4-ippool1'], ipv6: ['v6-ippool1'], cleanGateway: false },
        { interface: 'eth1', ipv4: ['v4-ippool2'], ipv6: ['v6-ippool2'], cleanGateway: true },
      ],
      named: true,
      notes: [],
    });
  });

  test.each([
    [
      'cleangateway of each item',
      '[{"ipv4": ["a"]}, {"ipv4": ["b"], "cleangateway": true}]',
      [false, true],
    ],
    ['none said, present form: everywhere', '[{"ipv4": ["a"]}, {"ipv4": ["b"]}]', [false, false]],
    [
      'none said, older form: the first',
      '[{"ipv4pools": ["a"]}, {"ipv4pools": ["b"]}]',
      [false, true],
    ],
    [
      'the first says no: the next that says nothing',
      '[{"defaultRoute": false}, {}, {}]',
      [true, false, true],
    ],
    ['one says yes: nobody else', '[{}, {"defaultRoute": true}, {}]', [true, false, true]],
    ['all say no: nobody', '[{"defaultRoute": false}, {"defaultRoute": false}]', [true, true]],
    [
      'both keys on one item: the new one',
      '[{"cleangateway": false, "defaultRoute": false}]',
      [false],
    ],
  ])('gives default routes: %s', (_name, text, clean) => {
    expect(ippools(text)?.items.map((item) => item.cleanGateway)).toEqual(clean);
  });

  test('without names of interfaces goes by position', () => {
    const read = ippools('[{"ipv4": ["a"]}, {"ipv4": ["b"]}]')!;
    expect(read.named).toBe(false);
    expect(ippoolsItemIndex(read, 'net1')).toBeUndefined();
  });

  test('finds the item of an interface and refuses one that is not listed', () => {
    const read = ippools('[{"interface": "eth0"}, {"interface": "net1"}]')!;
    expect(ippoolsItemIndex(read, 'net1')).toBe(1);
    expect(errorOf(() => ippoolsItemIndex(read, 'net2')).message).toBe(
      `wrong input, invalid format of Pod annotation '${P}ippools': interface net2 must be specified`,
    );
  });

  const many = JSON.stringify(Array.from({ length: LIMITS.interfacesMax + 1 }, () => ({})));
  test.each([
    ['is empty', '[]', 'value requires at least one item'],
    ['is null', 'null', 'value requires at least one item'],
    [
      'names only some interfaces',
      '[{"interface": "eth0"}, {}]',
      'NIC should be either all specified or all unspecified',
    ],
    [
      'names only a later interface',
      '[{}, {"interface": "eth0"}]',
      'NIC should be either all specified or all unspecified',
    ],
    [
      'names an interface twice',
      '[{"interface": "eth0"}, {"interface": "eth0"}]',
      'duplicate interface eth0',
    ],
    [
      'is an object',
      '{}',
      'json: cannot unmarshal object into Go value of type types.AnnoPodIPPoolsValue',
    ],
    [
      'holds a text',
      '["a"]',
      'json: cannot unmarshal string into Go value of type types.AnnoIPPoolItem',
    ],
    [
      'holds a list for an interface',
      '[{"interface": []}]',
      'json: cannot unmarshal array into Go struct field AnnoIPPoolItem.interface of type string',
    ],
    [
      'has an empty name',
      '[{"ipv4": ["a"]}, {"ipv4pools": [""]}]',
      'empty pool name at [1].ipv4pools[0]',
    ],
    [
      'has more items than interfaces are claimed',
      many,
      `${LIMITS.interfacesMax + 1} items, at most ${LIMITS.interfacesMax} interfaces`,
    ],
  ])('is refused where it %s', (_name, text, fault) => {
    expect(errorOf(() => ippools(text)).message).toBe(
      `wrong input, invalid format of Pod annotation '${P}ippools': ${fault}`,
    );
  });
});

describe('the pod annotation routes', () => {
  function routes(text: string) {
    return readPodRoutes({ [`${P}routes`]: text }).map(
      (route) => `${formatCidr(route.destination)} via ${formatAddress(route.gateway)}`,
    );
  }

  test.each([
    ['IPv4', '[{"dst": "10.7.0.0/16", "gw": "10.6.0.2"}]', ['10.7.0.0/16 via 10.6.0.2']],
    ['IPv6', '[{"dst": "fd01::/64", "gw": "fd00::1"}]', ['fd01::/64 via fd00::1']],
    ['a default route', '[{"dst": "0.0.0.0/0", "gw": "10.6.0.1"}]', ['0.0.0.0/0 via 10.6.0.1']],
    [
      'host bits, which are cleared',
      '[{"dst": "10.7.1.1/16", "gw": "10.6.0.2"}]',
      ['10.7.0.0/16 via 10.6.0.2'],
    ],
    ['an empty list', '[]', []],
  ])('is read: %s', (_name, text, expected) => {
    expect(routes(text)).toEqual(expected);
  });

  test.each([
    [
      'two families',
      '[{"dst": "10.7.0.0/16", "gw": "fd00::1"}]',
      "invalid route format 'dst: 10.7.0.0/16, gw: fd00::1'",
    ],
    [
      'an address for a network',
      '[{"dst": "10.7.0.0", "gw": "10.6.0.2"}]',
      "invalid route format 'dst: 10.7.0.0, gw: 10.6.0.2'",
    ],
    ['no gateway', '[{"dst": "10.7.0.0/16"}]', "invalid route format 'dst: 10.7.0.0/16, gw: '"],
    [
      'a control character',
      '[{"dst": "\\u0007", "gw": "10.6.0.2"}]',
      "invalid route format 'dst: \\a, gw: 10.6.0.2'",
    ],
    [
      'an object',
      '{}',
      'json: cannot unmarshal object into Go value of type types.AnnoPodRoutesValue',
    ],
  ])('is refused: %s', (_name, text, fault) => {
    expect(errorOf(() => routes(text)).message).toBe(
      `wrong input, invalid format of Pod annotation '${P}routes': ${fault}`,
    );
  });
});

describe('the namespace annotations', () => {
  test.each([
    [
      'the present keys',
      { 'default-ipv4-ippool': '["a", "b"]', 'default-ipv6-ippool': '["c"]' },
      ['a', 'b'],
      ['c'],
    ],
    [
      'the older keys',
      { defaultv4ippool: '["v4-ippool1","v4-ippool2"]', defaultv6ippool: '["v6-ippool1"]' },
      ['v4-ippool1', 'v4-ippool2'],
      ['v6-ippool1'],
    ],
    ['IPv4 alone', { 'default-ipv4-ippool': '["a"]' }, ['a'], undefined],
    [
      'one of each form',
      { 'default-ipv4-ippool': '["a"]', defaultv6ippool: '["b"]' },
      ['a'],
      ['b'],
    ],
    [
      'an empty list beside a filled one',
      { 'default-ipv4-ippool': '[]', 'default-ipv6-ippool': '["b"]' },
      undefined,
      ['b'],
    ],
  ])('are read: %s', (_name, keys, ipv4, ipv6) => {
    expect(readNamespaceDefaults(prefixed(keys))).toEqual({ ipv4, ipv6, notes: [] });
  });

  test.each([
    ['are absent', {}],
    ['list nothing', { 'default-ipv4-ippool': '[]', 'default-ipv6-ippool': 'null' }],
  ])('say nothing where they %s', (_name, keys) => {
    expect(readNamespaceDefaults(prefixed(keys))).toBeUndefined();
  });

  test('prefer the new key and say so', () => {
    const read = readNamespaceDefaults(
      prefixed({ 'default-ipv4-ippool': '["new"]', defaultv4ippool: 'not even JSON' }),
    );
    expect(read?.ipv4).toEqual(['new']);
    expect(read?.notes).toEqual([
      `annotation ${P}default-ipv4-ippool is used, the older ${P}defaultv4ippool is not`,
    ]);
  });

  test.each([
    ['not JSON', 'a', "invalid character 'a' looking for beginning of value"],
    ['an object', '{}', 'json: cannot unmarshal object into Go value of type []string'],
    ['a list of numbers', '[1]', 'json: cannot unmarshal number into Go value of type string'],
    ['an empty name', '["a", ""]', 'empty pool name at [1]'],
  ])('are refused by key: %s', (_name, text, fault) => {
    const error = errorOf(() => readNamespaceDefaults(prefixed({ defaultv4ippool: text })));
    expect(error.message).toBe(
      `wrong input, invalid format of Namespace annotation '${P}defaultv4ippool': ${fault}`,
    );
  });
});

function prefixed(keys: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(keys).map(([key, value]) => [`${P}${key}`, value]));
}

test.each([
  ['subnets before subnet', { [`${P}subnet`]: '{}', [`${P}subnets`]: '[]' }, 'subnets'],
  ['subnet alone', { [`${P}subnet`]: '{}' }, 'subnet'],
  ['neither', {}, undefined],
])('subnetAnnotation tells %s', (_name, annotations, expected) => {
  expect(subnetAnnotation(annotations)).toBe(expected);
});

test.each([
  ['a dropped letter', `${P}ippol`, `${P}ippool`],
  ['a misspelt prefix', 'ipam.spidernet.oi/ippool', `${P}ippool`],
  ['another case', `${P}IPPools`, `${P}ippools`],
  ['the prefix with something unknown behind it', `${P}bandwidth`, undefined],
])('suspectKeys reports %s', (_name, key, meant) => {
  expect(suspectKeys({ [key]: '', 'k8s.v1.cni.cncf.io/networks': 'x' })).toEqual([{ key, meant }]);
});

test('suspectKeys is silent about every key that is read', () => {
  const keys = [
    'ippool',
    'ippools',
    'routes',
    'subnet',
    'subnets',
    'ippool-ip-number',
    'ippool-reclaim',
  ];
  expect(suspectKeys(prefixed(Object.fromEntries(keys.map((key) => [key, '']))))).toEqual([]);
});
