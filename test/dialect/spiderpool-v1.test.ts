import { describe, expect, test } from 'vitest';
import { parseManifests } from '../../src/dialect/manifest.ts';
import { readSpiderPoolV1 } from '../../src/dialect/spiderpool-v1.ts';
import { matches } from '../../src/selector/selector.ts';
import { errorOf } from '../support/error-of.ts';

function read(spec: object) {
  return readSpiderPoolV1({
    apiVersion: 'spiderpool.spidernet.io/v1',
    kind: 'IPPool',
    metadata: { name: 'p' },
    spec: { subnet: '172.18.0.0/16', ips: ['172.18.40.40'], ...spec },
  });
}

const SEED = `
apiVersion: spiderpool.spidernet.io/v1
kind: IPPool
metadata:
  name: default-v4-ippool
spec:
  disable: false
  ipVersion: IPv4
  subnet: 172.18.0.0/16
  ips:
  - 172.18.40.41-172.18.40.50
  vlan: 0
  namesapceSelector:
    matchLabels:
      foo: bar
---
apiVersion: spiderpool.spidernet.io/v1
kind: IPPool
metadata:
  name: master-v4-ippool
spec:
  ipVersion: IPv4
  subnet: 172.18.0.0/16
  ips:
  - 172.18.50.41-172.18.50.50
  nodeSelector:
    matchExpressions:
    - {key: node-role.kubernetes.io/master, operator: Exists}
`;

describe('readSpiderPoolV1', () => {
  test('reads the pools of the priorities seed', () => {
    const [byNamespace, byNode] = parseManifests(SEED, 'seed').map(readSpiderPoolV1);
    expect(byNamespace).toMatchObject({
      dialect: 'spiderpool-v1',
      name: 'default-v4-ippool',
      family: 4,
      vlan: 0,
      disabled: false,
      isDefault: false,
      node: { kind: 'any' },
      pod: { kind: 'any' },
    });
    expect(byNamespace?.ranges.format()).toEqual(['172.18.40.41-172.18.40.50']);
    const namespace = byNamespace?.namespace;
    if (namespace?.kind !== 'selector') throw new Error('no namespace selector');
    expect(
      [{ foo: 'bar' }, { foo: 'baz' }, {}].map((labels) => matches(namespace.selector, labels)),
    ).toEqual([true, false, false]);
    const node = byNode?.node;
    if (node?.kind !== 'selector') throw new Error('no node selector');
    expect(matches(node.selector, { 'node-role.kubernetes.io/master': '' })).toBe(true);
  });

  test.each([
    ['IPv4', 'IPv4', '172.18.0.0/16', 4],
    ['IPv6', 'IPv6', 'fd00::/64', 6],
    ['the number 4', 4, '172.18.0.0/16', 4],
    ['the number 6', 6, 'fd00::/64', 6],
    ['absent, from the subnet', undefined, 'fd00::/64', 6],
  ])('reads ipVersion %s', (_name, ipVersion, subnet, family) => {
    expect(read({ ipVersion, subnet, ips: [] }).family).toBe(family);
  });

  test.each([
    ['as the seed spells it', 'namesapceSelector'],
    ['as it should be', 'namespaceSelector'],
  ])('reads the namespace selector spelt %s', (_name, field) => {
    expect(read({ [field]: { matchLabels: { a: 'b' } } }).namespace.kind).toBe('selector');
  });

  test.each([
    [
      'both spellings at once',
      { namesapceSelector: {}, namespaceSelector: {} },
      'spec.namespaceSelector: Invalid value: {}: set either spec.namesapceSelector or spec.namespaceSelector, they are two spellings of one field',
    ],
    [
      'another family',
      { ipVersion: 'IPv5' },
      'spec.ipVersion: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"',
    ],
    [
      'a VLAN out of bounds',
      { vlan: 4095 },
      'spec.vlan: Invalid value: 4095: must be between 0 and 4094, inclusive',
    ],
    [
      'a VLAN that is a text',
      { vlan: '1' },
      'spec.vlan: Invalid value: "string": spec.vlan in body must be of type integer: "string"',
    ],
  ])('refuses %s', (_name, spec, fault) => {
    expect(errorOf(() => read(spec)).message).toBe(
      `IPPool.spiderpool.spidernet.io "p" is invalid: ${fault}`,
    );
  });
});
