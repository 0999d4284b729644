import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import { parseManifests } from '../../src/dialect/manifest.ts';
import type { Pool } from '../../src/dialect/pool.ts';
import { readReservedIp, readSpiderPool, readSpiderSubnet } from '../../src/dialect/spiderpool.ts';
import { formatAddress } from '../../src/net/address.ts';
import { formatCidr } from '../../src/net/cidr.ts';
import { errorOf } from '../support/error-of.ts';

function object(kind: string, spec: unknown, metadata: object = {}): KubeObject {
  return {
    apiVersion: 'spiderpool.spidernet.io/v2beta1',
    kind,
    metadata: { name: 'p', ...metadata },
    spec,
  };
}

const BASE = { ipVersion: 4, subnet: '172.18.41.0/24', ips: ['172.18.41.40-172.18.41.43'] };

function read(spec: object): Pool {
  return readSpiderPool(object('SpiderIPPool', { ...BASE, ...spec }));
}

describe('readSpiderPool', () => {
  test('reads the pool of the namespace affinity seed', () => {
    const [manifest] = parseManifests(
      `
apiVersion: spiderpool.spidernet.io/v2beta1
kind: SpiderIPPool
metadata:
  name: test-ns-ipv4-ippool
spec:
  subnet: 172.18.41.0/24
  ips:
  - 172.18.41.40-172.18.41.41
  namespaceAffinity:
    matchLabels:
      kubernetes.io/metadata.name: test-ns
`,
      'seed',
    );
    const pool = readSpiderPool(manifest!);
    expect(pool).toMatchObject({
      dialect: 'spiderpool',
      name: 'test-ns-ipv4-ippool',
      family: 4,
      gateway: undefined,
      routes: [],
      isDefault: false,
      disabled: false,
      terminating: false,
      node: { kind: 'any' },
      pod: { kind: 'any' },
      multusNames: [],
      calico: undefined,
    });
    expect(formatCidr(pool.subnet)).toBe('172.18.41.0/24');
    expect(pool.ranges.format()).toEqual(['172.18.41.40-172.18.41.41']);
    expect(pool.namespace).toMatchObject({
      kind: 'selector',
      selector: {
        requirements: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: ['test-ns'] }],
      },
    });
  });

  test('subtracts excludeIPs from ips', () => {
    const pool = read({ excludeIPs: ['172.18.41.41', '172.18.41.43'] });
    expect(pool.ranges.format()).toEqual(['172.18.41.40', '172.18.41.42']);
  });

  test('has no address where ips is absent', () => {
    expect(read({ ips: undefined }).ranges.isEmpty).toBe(true);
  });

  test('reads IPv6, gateway and routes', () => {
    const pool = read({
      ipVersion: 6,
      subnet: 'fd00:41::/64',
      ips: ['fd00:41::10-fd00:41::1f'],
      gateway: 'fd00:41::1',
      routes: [{ dst: 'fd00:42::/64', gw: 'fd00:41::2' }],
    });
    expect(pool.family).toBe(6);
    expect(formatAddress(pool.gateway!)).toBe('fd00:41::1');
    expect(pool.routes.map((route) => formatCidr(route.destination))).toEqual(['fd00:42::/64']);
  });

  test.each([
    [
      'a node name list replaces the selector',
      { nodeName: ['n1'], nodeAffinity: { matchLabels: { a: 'b' } } },
      { node: { kind: 'names', names: ['n1'] } },
    ],
    [
      'a namespace name list replaces the selector',
      { namespaceName: ['ns'], namespaceAffinity: {} },
      { namespace: { kind: 'names', names: ['ns'] } },
    ],
    [
      'an empty name list does not',
      { nodeName: [], nodeAffinity: { matchLabels: { a: 'b' } } },
      { node: { kind: 'selector' } },
    ],
    [
      'network attachments',
      { multusName: ['kube-system/macvlan'] },
      { multusNames: ['kube-system/macvlan'] },
    ],
    ['the switches', { default: true, disable: true }, { isDefault: true, disabled: true }],
    [
      'null as absent',
      { gateway: null, podAffinity: null, default: null },
      { gateway: undefined, isDefault: false },
    ],
    ['a VLAN means nothing in this form', { vlan: 7 }, { vlan: undefined }],
  ])('takes fields as they are meant: %s', (_name, spec, expected) => {
    expect(read(spec)).toMatchObject(expected);
  });

  test('knows a pool that is being deleted, and its revision', () => {
    const metadata = { deletionTimestamp: '2026-01-01T00:00:00Z', generation: 7 };
    const pool = readSpiderPool(object('SpiderIPPool', BASE, metadata));
    expect(pool).toMatchObject({ terminating: true, revision: 7 });
  });

  const wrong = (path: string, found: string, wanted: string) =>
    `spec.${path}: Invalid value: "${found}": spec.${path} in body must be of type ${wanted}: "${found}"`;
  test.each([
    ['subnet a number', { subnet: 5 }, wrong('subnet', 'integer', 'string')],
    ['ips a text', { ips: '172.18.41.40' }, wrong('ips', 'string', 'array')],
    [
      'an entry of ips a number',
      { ips: ['172.18.41.40', 7] },
      wrong('ips[1]', 'integer', 'string'),
    ],
    ['excludeIPs a map', { excludeIPs: {} }, wrong('excludeIPs', 'object', 'array')],
    ['gateway a list', { gateway: [] }, wrong('gateway', 'array', 'string')],
    ['routes a map', { routes: {} }, wrong('routes', 'object', 'array')],
    ['a route a text', { routes: ['x'] }, wrong('routes[0]', 'string', 'object')],
    [
      'a route gateway a number',
      { routes: [{ dst: '10.0.0.0/8', gw: 1 }] },
      wrong('routes[0].gw', 'integer', 'string'),
    ],
    ['default a text', { default: 'yes' }, wrong('default', 'string', 'boolean')],
    ['disable a number', { disable: 1 }, wrong('disable', 'integer', 'boolean')],
    ['nodeName a text', { nodeName: 'n1' }, wrong('nodeName', 'string', 'array')],
    ['podAffinity a list', { podAffinity: [] }, wrong('podAffinity', 'array', 'object')],
    [
      'a label value a number',
      { podAffinity: { matchLabels: { a: 1 } } },
      wrong('podAffinity.matchLabels.a', 'integer', 'string'),
    ],
    [
      'ipVersion a text',
      { ipVersion: '4' },
      'spec.ipVersion: Unsupported value: "4": supported values: "4", "6"',
    ],
    [
      'an empty node name',
      { nodeName: ['a', ''] },
      'spec.nodeName[1]: Invalid value: "": must not be empty',
    ],
    ['subnet missing', { subnet: undefined }, 'spec.subnet: Required value'],
  ])('refuses a wrong type with object, field and value: %s', (_name, spec, fault) => {
    const error = errorOf(() => read(spec));
    expect(error.code).toBe('OBJECT_INVALID');
    expect(error.message).toBe(`SpiderIPPool.spiderpool.spidernet.io "p" is invalid: ${fault}`);
  });

  test('refuses a spec that is a text', () => {
    expect(errorOf(() => readSpiderPool(object('SpiderIPPool', 'x'))).message).toBe(
      `SpiderIPPool.spiderpool.spidernet.io "p" is invalid: spec: Invalid value: "string": spec in body must be of type object: "string"`,
    );
  });

  test.each([
    [
      'a /8',
      { subnet: '10.0.0.0/8', ips: ['10.0.0.0-10.255.255.255'], excludeIPs: ['10.9.9.9'] },
      2n ** 24n - 1n,
    ],
    [
      'an IPv6 /48',
      { ipVersion: 6, subnet: 'fd00::/48', ips: ['fd00::-fd00:0:0:ffff:ffff:ffff:ffff:ffff'] },
      2n ** 80n,
    ],
    [
      'ranges to the limit',
      { subnet: '10.0.0.0/8', ips: everySecondAddress(LIMITS.poolRangesMax) },
      BigInt(LIMITS.poolRangesMax),
    ],
  ])('does not expand ranges address by address: %s', (_name, spec, size) => {
    expect(read(spec).ranges.size()).toBe(size);
  });

  test.each([
    [
      'in the list',
      { ips: everySecondAddress(10_001) },
      'spec.ips: Too many: 10001: must have at most 10000 items',
    ],
    [
      'that excludeIPs leaves',
      { ips: ['10.0.0.0-10.0.255.255'], excludeIPs: everySecondAddress(10_000) },
      "spec.excludeIPs: Forbidden: leaves 10001 separate ranges of 'spec.ips', at most 10000",
    ],
  ])('refuses more than 10,000 ranges %s', (_name, spec, fault) => {
    const { message } = errorOf(() => read({ subnet: '10.0.0.0/8', ...spec }));
    expect(message).toContain(fault);
  });
});

/** `count` single addresses with a gap behind each, from 10.0.0.1 on. */
function everySecondAddress(count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const low = 2 * index + 1;
    return `10.0.${low >> 8}.${low & 255}`;
  });
}

describe('readReservedIp', () => {
  test.each([
    [
      'IPv4, derived',
      { ips: ['10.0.0.1', '10.0.0.5-10.0.0.9'] },
      4,
      ['10.0.0.1', '10.0.0.5-10.0.0.9'],
    ],
    ['IPv6, stated', { ipVersion: 6, ips: ['fd00::1'] }, 6, ['fd00::1']],
  ])('reads %s', (_name, spec, family, ranges) => {
    const reserved = readReservedIp(object('SpiderReservedIP', spec));
    expect(reserved).toMatchObject({ family, terminating: false });
    expect(reserved.ranges.format()).toEqual(ranges);
  });

  test.each([
    [
      'no addresses',
      { ips: [] },
      `spec.ipVersion: Invalid value: "null": is not generated correctly, 'spec.ips' is empty or 'spec.ips[0]' may be invalid`,
    ],
    [
      'another family',
      { ipVersion: 4, ips: ['10.0.0.1', 'fd00::1'] },
      `spec.ips[1]: Invalid value: "fd00::1": invalid IP range format in IPv4 'fd00::1'`,
    ],
    [
      'a reversed range',
      { ipVersion: 4, ips: ['10.0.0.9-10.0.0.1'] },
      `spec.ips[0]: Invalid value: "10.0.0.9-10.0.0.1": invalid IP range format in IPv4 '10.0.0.9-10.0.0.1'`,
    ],
    [
      'a network',
      { ipVersion: 4, ips: ['10.0.0.0/24'] },
      `spec.ips[0]: Invalid value: "10.0.0.0/24": invalid IP range format in IPv4 '10.0.0.0/24'`,
    ],
  ])('refuses %s', (_name, spec, fault) => {
    expect(errorOf(() => readReservedIp(object('SpiderReservedIP', spec))).message).toBe(
      `SpiderReservedIP.spiderpool.spidernet.io "p" is invalid: ${fault}`,
    );
  });
});

test('readSpiderSubnet reads what pools inherit', () => {
  const spec = { subnet: '10.6.0.0/16', ips: ['10.6.168.1-10.6.168.9'], gateway: '10.6.0.1' };
  const subnet = readSpiderSubnet(object('SpiderSubnet', spec, { uid: 'u' }));
  expect(subnet).toMatchObject({ name: 'p', uid: 'u', routes: [] });
  expect(formatAddress(subnet.gateway!)).toBe('10.6.0.1');
  expect(subnet.ranges.format()).toEqual(['10.6.168.1-10.6.168.9']);
});
