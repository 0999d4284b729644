import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import { AdmissionWorld } from '../support/admission-world.ts';
import { errorOf } from '../support/error-of.ts';

interface Meta {
  labels?: Record<string, string>;
  finalizers?: string[];
  deletionTimestamp?: string;
}

function spiderPool(name: string, spec: object, metadata: Meta = {}): KubeObject {
  return {
    apiVersion: 'spiderpool.spidernet.io/v2beta1',
    kind: 'SpiderIPPool',
    metadata: { name, ...metadata },
    spec,
  };
}

function poolV1(name: string, spec: object): KubeObject {
  return { apiVersion: 'spiderpool.spidernet.io/v1', kind: 'IPPool', metadata: { name }, spec };
}

function calicoPool(name: string, cidr: string): KubeObject {
  return { apiVersion: 'projectcalico.org/v3', kind: 'IPPool', metadata: { name }, spec: { cidr } };
}

function spiderSubnet(name: string, spec: object): KubeObject {
  return { ...spiderPool(name, spec), kind: 'SpiderSubnet' };
}

const NET = '172.18.41.0/24';
const BASE = { subnet: NET, ips: ['172.18.41.40-172.18.41.49'] };
const TOTAL =
  "total IP addresses of an IPPool are jointly determined by 'spec.ips' and 'spec.excludeIPs'";
const DENIED = 'admission webhook "spiderippool.spiderpool.spidernet.io" denied the request: ';

function specOf(object: KubeObject): Record<string, unknown> {
  return object.spec as Record<string, unknown>;
}

describe('a SpiderIPPool that is created', () => {
  const admitted = (spec: object) => new AdmissionWorld().apply(spiderPool('p', spec)).object;

  test('gets its finalizer, label, version and defaults', () => {
    const object = admitted({ subnet: '172.100.0.0/16', ips: ['172.100.0.1'] });
    expect(object.metadata).toEqual({
      name: 'p',
      finalizers: ['spiderpool.spidernet.io'],
      labels: { 'ipam.spidernet.io/ippool-cidr': '172-100-0-0-16' },
    });
    expect(object.spec).toEqual({
      ipVersion: 4,
      subnet: '172.100.0.0/16',
      ips: ['172.100.0.1'],
      default: false,
      disable: false,
    });
  });

  test('keeps finalizers and labels it has', () => {
    const metadata = { labels: { a: 'b' }, finalizers: ['x/y', 'spiderpool.spidernet.io'] };
    const { object } = new AdmissionWorld().apply(spiderPool('p', BASE, metadata));
    expect(object.metadata.finalizers).toEqual(['x/y', 'spiderpool.spidernet.io']);
    expect(object.metadata.labels).toMatchObject({ a: 'b' });
  });

  test.each([
    [
      'two entries are sorted and merged',
      ['172.18.41.50', '172.18.41.40-172.18.41.42', '172.18.41.43'],
      ['172.18.41.40-172.18.41.43', '172.18.41.50'],
    ],
    ['duplicates go', ['172.18.41.40', '172.18.41.40'], ['172.18.41.40']],
    [
      'a single entry stays as written',
      ['172.18.41.40-172.18.41.40'],
      ['172.18.41.40-172.18.41.40'],
    ],
  ])('has its ranges merged: %s', (_name, ips, merged) => {
    expect(specOf(admitted({ subnet: NET, ips })).ips).toEqual(merged);
    expect(specOf(admitted({ subnet: NET, excludeIPs: ips })).excludeIPs).toEqual(merged);
  });

  test('leaves the object that was given alone', () => {
    const given = spiderPool('p', BASE);
    const before = structuredClone(given);
    new AdmissionWorld().apply(given);
    expect(given).toEqual(before);
  });

  test.each([
    [
      'row 1: no family can be derived',
      { subnet: 'nowhere' },
      `spec.ipVersion: Invalid value: "null": is not generated correctly, 'spec.subnet' may be invalid`,
    ],
    [
      'row 2: no such family',
      { ...BASE, ipVersion: 5 },
      'spec.ipVersion: Unsupported value: 5: supported values: "4", "6"',
    ],
    [
      'row 4: subnet of the other family',
      { subnet: 'fd00::/64', ipVersion: 4 },
      `spec.subnet: Invalid value: "fd00::/64": invalid CIDR format in IPv4 'fd00::/64'`,
    ],
    [
      'row 4: subnet is no CIDR',
      { subnet: '172.18.41.0', ipVersion: 4 },
      `spec.subnet: Invalid value: "172.18.41.0": invalid CIDR format in IPv4 '172.18.41.0'`,
    ],
    [
      'row 5: host bits',
      { subnet: '172.18.41.7/24' },
      'spec.subnet: Invalid value: "172.18.41.7/24": unformatted subnet 172.18.41.7/24, please change it to 172.18.41.0/24',
    ],
    [
      'row 5: not canonical',
      { subnet: 'FD00:0::/64' },
      'spec.subnet: Invalid value: "FD00:0::/64": unformatted subnet FD00:0::/64, please change it to fd00::/64',
    ],
    [
      'row 8: a network in ips',
      { subnet: NET, ips: ['172.18.41.0/25'] },
      'spec.ips[0]: Invalid value: "172.18.41.0/25": invalid range: 172.18.41.0/25',
    ],
    [
      'row 8: a reversed range',
      { subnet: NET, ips: ['172.18.41.9-172.18.41.1'] },
      'spec.ips[0]: Invalid value: "172.18.41.9-172.18.41.1": invalid range: 172.18.41.9-172.18.41.1',
    ],
    [
      'row 8: a second dash',
      { subnet: NET, ips: ['172.18.41.1-172.18.41.2-172.18.41.3'] },
      'spec.ips[0]: Invalid value: "172.18.41.1-172.18.41.2-172.18.41.3": invalid range: 172.18.41.1-172.18.41.2-172.18.41.3',
    ],
    [
      'row 8: blanks',
      { subnet: NET, ips: ['172.18.41.1 - 172.18.41.2'] },
      'spec.ips[0]: Invalid value: "172.18.41.1 - 172.18.41.2": invalid range: 172.18.41.1 - 172.18.41.2',
    ],
    [
      'row 8: an empty entry',
      { subnet: NET, ips: ['172.18.41.1', ''] },
      'spec.ips[1]: Invalid value: "": invalid range: ',
    ],
    [
      'row 8: no address',
      { subnet: NET, ips: ['172.18.41.256'] },
      'spec.ips[0]: Invalid value: "172.18.41.256": invalid IP address: 172.18.41.256',
    ],
    [
      'row 8: leading zeros',
      { subnet: NET, ips: ['172.18.041.1'] },
      'spec.ips[0]: Invalid value: "172.18.041.1": invalid IP address: 172.18.041.1',
    ],
    [
      'row 8: outside the subnet',
      { subnet: NET, ips: ['172.18.41.250-172.18.42.5'] },
      'spec.ips[0]: Invalid value: "172.18.41.250-172.18.42.5": not match base subnet: 172.18.42.5',
    ],
    [
      'row 8: the other family',
      { subnet: NET, ips: ['fd00::1'] },
      'spec.ips[0]: Invalid value: "fd00::1": not match base subnet: fd00::1',
    ],
    [
      'row 8: excludeIPs outside the subnet',
      { ...BASE, excludeIPs: ['10.0.0.1'] },
      'spec.excludeIPs[0]: Invalid value: "10.0.0.1": not match base subnet: 10.0.0.1',
    ],
    [
      'row 8: a control character',
      { subnet: NET, ips: ['\u0007'] },
      'spec.ips[0]: Invalid value: "\\a": invalid IP address: \\a',
    ],
    [
      'row 10: gateway of the other family',
      { ...BASE, gateway: 'fd00::1' },
      `spec.gateway: Invalid value: "fd00::1": invalid IP format in IPv4 'fd00::1'`,
    ],
    [
      'row 11: gateway outside',
      { ...BASE, gateway: '172.18.42.1' },
      `spec.gateway: Invalid value: "172.18.42.1": not pertains to the 'spec.subnet' 172.18.41.0/24 of IPPool`,
    ],
    [
      'row 12: gateway in a range',
      { subnet: NET, ips: ['172.18.41.9', '172.18.41.40-172.18.41.49'], gateway: '172.18.41.41' },
      `spec.ips[1]: Invalid value: "172.18.41.40-172.18.41.49": conflicts with 'spec.gateway' 172.18.41.41, add the gateway IP address to 'spec.excludeIPs' or remove it from 'spec.ips'`,
    ],
    [
      'row 13: a default route',
      { ...BASE, routes: [{ dst: '0.0.0.0/0', gw: '172.18.41.1' }] },
      `spec.routes[0].dst: Invalid value: "0.0.0.0/0": please specify 'spec.gateway' to configure the default route`,
    ],
    [
      'row 14: a route twice',
      {
        ...BASE,
        routes: [
          { dst: '10.0.0.0/8', gw: '172.18.41.1' },
          { dst: '10.0.0.0/8', gw: '172.18.41.2' },
        ],
      },
      'spec.routes[1].dst: Invalid value: "10.0.0.0/8": duplicate route with the same dst',
    ],
    [
      'row 15: dst of the other family',
      { ...BASE, routes: [{ dst: 'fd01::/64', gw: '172.18.41.1' }] },
      `spec.routes[0].dst: Invalid value: "fd01::/64": invalid CIDR format in IPv4 'fd01::/64'`,
    ],
    [
      'row 16: gw outside',
      { ...BASE, routes: [{ dst: '10.0.0.0/8', gw: '10.0.0.1' }] },
      `spec.routes[0].gw: Invalid value: "10.0.0.1": not pertains to the 'spec.subnet' 172.18.41.0/24 of IPPool`,
    ],
    [
      'row 16: gw missing',
      { ...BASE, routes: [{ dst: '10.0.0.0/8' }] },
      `spec.routes[0].gw: Invalid value: "": invalid IP format in IPv4 ''`,
    ],
    [
      'row 17: an empty podAffinity',
      { ...BASE, podAffinity: {} },
      'spec.podAffinity: Invalid value: {}: empty podAffinity is invalid for SpiderIPPool',
    ],
    [
      'row 17: a podAffinity with empty parts',
      { ...BASE, podAffinity: { matchLabels: {} } },
      'spec.podAffinity: Invalid value: {"matchLabels":{}}: empty podAffinity is invalid for SpiderIPPool',
    ],
  ])('is refused, %s', (_name, spec, fault) => {
    const error = errorOf(() => admitted(spec));
    expect(error.code).toBe('OBJECT_INVALID');
    expect(error.message).toBe(
      `${DENIED}SpiderIPPool.spiderpool.spidernet.io "p" is invalid: ${fault}`,
    );
  });

  test.each([
    [
      'an operator that does not exist',
      'nodeAffinity',
      { matchExpressions: [{ key: 'a', operator: 'Is' }] },
    ],
    [
      'In without values',
      'namespaceAffinity',
      { matchExpressions: [{ key: 'a', operator: 'In' }] },
    ],
    ['a key that is no label key', 'podAffinity', { matchLabels: { 'a b': 'c' } }],
  ])('is refused where a selector has %s', (_name, field, selector) => {
    expect(errorOf(() => admitted({ ...BASE, [field]: selector })).message).toContain(
      `"p" is invalid: spec.${field}.match`,
    );
  });

  test('is refused with both faults where ranges and podAffinity are wrong', () => {
    const error = errorOf(() => admitted({ subnet: NET, ips: ['x'], podAffinity: {} }));
    expect(error.message).toBe(
      `${DENIED}SpiderIPPool.spiderpool.spidernet.io "p" is invalid: [spec.ips[0]: Invalid value: "x": invalid IP address: x, spec.podAffinity: Invalid value: {}: empty podAffinity is invalid for SpiderIPPool]`,
    );
  });

  test.each([
    [
      'a misspelt field',
      { ...BASE, podAfinity: {} },
      'strict decoding error: unknown field "spec.podAfinity", did you mean "spec.podAffinity"?',
    ],
    [
      'a field of nowhere',
      { ...BASE, colour: 'red' },
      'strict decoding error: unknown field "spec.colour"',
    ],
    [
      'a wrong type',
      { ...BASE, ips: '172.18.41.40' },
      'spec.ips: Invalid value: "string": spec.ips in body must be of type array: "string"',
    ],
  ])('is refused before any webhook for %s', (_name, spec, fault) => {
    expect(errorOf(() => admitted(spec)).message).toBe(
      `SpiderIPPool.spiderpool.spidernet.io "p" is invalid: ${fault}`,
    );
  });

  test.each([
    ['network and broadcast addresses', { subnet: NET, ips: ['172.18.41.0-172.18.41.255'] }],
    [
      'a gateway that excludeIPs takes out',
      {
        subnet: NET,
        ips: ['172.18.41.0-172.18.41.255'],
        gateway: '172.18.41.1',
        excludeIPs: ['172.18.41.1'],
      },
    ],
    ['no ranges', { subnet: NET }],
    ['a VLAN of older samples', { ...BASE, vlan: 0 }],
    [
      'an IPv6 /48 in ranges',
      {
        subnet: 'fd00::/48',
        ips: ['fd00::1-fd00::ffff', 'fd00::1:0-fd00:0:0:ffff:ffff:ffff:ffff:ffff'],
      },
    ],
  ])('is accepted with %s', (_name, spec) => {
    expect(() => admitted(spec)).not.toThrow();
  });

  test.each([
    [4, { enableIPv4: false }, { subnet: NET }],
    [6, { enableIPv6: false }, { subnet: 'fd00::/64' }],
  ])('is refused where IPv%d is disabled (row 3)', (family, conf, spec) => {
    const world = new AdmissionWorld(conf);
    expect(errorOf(() => world.apply(spiderPool('p', spec))).message).toBe(
      `${DENIED}SpiderIPPool.spiderpool.spidernet.io "p" is invalid: spec.ipVersion: Forbidden: IPv${family} is disabled`,
    );
  });
});

describe('a SpiderIPPool beside others', () => {
  const world = () => {
    const others = new AdmissionWorld();
    others.apply(
      spiderPool('first', {
        subnet: NET,
        ips: ['172.18.41.40-172.18.41.49'],
        excludeIPs: ['172.18.41.45'],
      }),
    );
    others.apply(poolV1('old', { subnet: '172.19.0.0/16', ips: ['172.19.0.1'] }));
    others.apply(calicoPool('calico', '10.64.0.0/20'));
    others.apply(spiderSubnet('subnet', { subnet: '10.6.0.0/16', ips: ['10.6.0.10-10.6.0.20'] }));
    return others;
  };

  test.each([
    [
      'of a wider network',
      { subnet: '172.18.0.0/16' },
      `spec.subnet: Invalid value: "172.18.0.0/16": overlap with IPPool first which 'spec.subnet' is 172.18.41.0/24`,
    ],
    [
      'of a narrower network',
      { subnet: '172.18.41.0/25' },
      `spec.subnet: Invalid value: "172.18.41.0/25": overlap with IPPool first which 'spec.subnet' is 172.18.41.0/24`,
    ],
    [
      'of a network inside one of the older form',
      { subnet: '172.19.1.0/24' },
      `spec.subnet: Invalid value: "172.19.1.0/24": overlap with IPPool old which 'spec.subnet' is 172.19.0.0/16`,
    ],
    [
      'of a network inside a SpiderSubnet',
      { subnet: '10.6.1.0/24' },
      `spec.subnet: Invalid value: "10.6.1.0/24": overlap with Subnet subnet which 'spec.subnet' is 10.6.0.0/16`,
    ],
    [
      'with an address of another pool',
      { subnet: NET, ips: ['172.18.41.30-172.18.41.41', '172.18.41.49-172.18.41.60'] },
      `spec.ips: Forbidden: overlap with IPPool first in IP ranges [172.18.41.40-172.18.41.41 172.18.41.49], ${TOTAL}`,
    ],
    [
      'with an address of the older form',
      { subnet: '172.19.0.0/16', ips: ['172.19.0.1'] },
      `spec.ips: Forbidden: overlap with IPPool old in IP ranges [172.19.0.1], ${TOTAL}`,
    ],
    [
      'with an address of a Calico pool',
      { subnet: '10.64.0.0/16', ips: ['10.64.1.1'] },
      `spec.ips: Forbidden: overlap with IPPool calico in IP ranges [10.64.1.1], ${TOTAL}`,
    ],
    [
      'that goes beyond its SpiderSubnet',
      { subnet: '10.6.0.0/16', ips: ['10.6.0.19-10.6.0.21'] },
      `spec.ips: Forbidden: add some IP ranges [10.6.0.21] that are not contained in controller Subnet subnet, ${TOTAL}`,
    ],
  ])('is refused %s', (_name, spec, fault) => {
    const others = world();
    expect(errorOf(() => others.apply(spiderPool('p', spec))).message).toBe(
      `${DENIED}SpiderIPPool.spiderpool.spidernet.io "p" is invalid: ${fault}`,
    );
    expect(others.pools.poolsNamed('p')).toEqual([]);
  });

  test.each([
    ['on the same network with other addresses', { subnet: NET, ips: ['172.18.41.50'] }],
    ['on an address that another pool excludes', { subnet: NET, ips: ['172.18.41.45'] }],
    [
      'around a Calico pool whose addresses it leaves alone',
      { subnet: '10.64.0.0/16', ips: ['10.64.200.1'] },
    ],
  ])('is accepted %s', (_name, spec) => {
    expect(() => world().apply(spiderPool('p', spec))).not.toThrow();
  });

  test('may not take the name of a pool of the older form', () => {
    expect(errorOf(() => world().apply(spiderPool('old', BASE))).message).toContain(
      'metadata.name: Invalid value: "old": a pool of this name exists as spiderpool.spidernet.io/v1 IPPool',
    );
  });

  test('becomes part of the SpiderSubnet with its CIDR and inherits what it does not state', () => {
    const others = new AdmissionWorld();
    const routes = [{ dst: '10.7.0.0/16', gw: '10.6.0.2' }];
    others.apply(
      spiderSubnet('s', {
        subnet: '10.6.0.0/16',
        ips: ['10.6.0.10-10.6.0.20'],
        gateway: '10.6.0.1',
        routes,
      }),
    );
    const bare = others.apply(
      spiderPool('bare', { subnet: '10.6.0.0/16', ips: ['10.6.0.10'] }),
    ).object;
    expect(bare.spec).toMatchObject({ gateway: '10.6.0.1', routes });
    expect(bare.metadata.labels).toMatchObject({ 'ipam.spidernet.io/owner-spider-subnet': 's' });
    expect(bare.metadata.ownerReferences).toMatchObject([
      { kind: 'SpiderSubnet', name: 's', controller: true },
    ]);
    const own = { subnet: '10.6.0.0/16', ips: ['10.6.0.11'], gateway: '10.6.0.9', routes: [] };
    const stated = others.apply(spiderPool('own', own)).object;
    expect(stated.spec).toMatchObject({ gateway: '10.6.0.9', routes: [] });
  });

  test('is left alone by SpiderSubnets where the feature is off', () => {
    const others = new AdmissionWorld({ enableSpiderSubnet: false });
    others.apply(spiderSubnet('s', { subnet: '10.6.0.0/16', gateway: '10.6.0.1' }));
    const { object } = others.apply(spiderPool('p', { subnet: '10.6.0.0/16', ips: ['10.6.0.10'] }));
    expect(object.metadata.ownerReferences).toBeUndefined();
    expect(specOf(object).gateway).toBeUndefined();
  });
});

describe('a SpiderIPPool that is updated', () => {
  const world = (spec: object = BASE) => {
    const before = new AdmissionWorld();
    before.apply(spiderPool('p', spec));
    before.apply(spiderPool('q', { subnet: NET, ips: ['172.18.41.60'] }));
    return before;
  };

  test.each([
    ['grown', { ...BASE, ips: ['172.18.41.30-172.18.41.59'] }],
    ['shrunk where nothing is used', { ...BASE, ips: ['172.18.41.40'] }],
    [
      'given gateway, routes and affinities',
      {
        ...BASE,
        gateway: '172.18.41.1',
        routes: [{ dst: '10.0.0.0/8', gw: '172.18.41.2' }],
        podAffinity: { matchLabels: { a: 'b' } },
        default: true,
        disable: true,
      },
    ],
    ['written again as it is', BASE],
  ])('may be %s', (_name, spec) => {
    expect(() => world().apply(spiderPool('p', spec))).not.toThrow();
  });

  test.each([
    [
      'subnet',
      { subnet: '172.18.0.0/16', ips: BASE.ips },
      'spec.subnet: Forbidden: is not changeable',
    ],
    [
      'family and subnet',
      { subnet: 'fd00::/64', ips: [] },
      '[spec.ipVersion: Forbidden: is not changeable, spec.subnet: Forbidden: is not changeable]',
    ],
    ['ipVersion', { ...BASE, ipVersion: 6 }, 'spec.ipVersion: Forbidden: is not changeable'],
    [
      'ips, into another pool',
      { ...BASE, ips: ['172.18.41.40-172.18.41.60'] },
      `spec.ips: Forbidden: overlap with IPPool q in IP ranges [172.18.41.60], ${TOTAL}`,
    ],
    [
      'ips, by a wrong entry',
      { ...BASE, ips: ['172.18.41.40', 'x'] },
      'spec.ips[1]: Invalid value: "x": invalid IP address: x',
    ],
    [
      'podAffinity, by an empty one',
      { ...BASE, podAffinity: {} },
      'spec.podAffinity: Invalid value: {}: empty podAffinity is invalid for SpiderIPPool',
    ],
  ])('may not change %s', (_name, spec, fault) => {
    const before = world();
    expect(errorOf(() => before.apply(spiderPool('p', spec))).message).toBe(
      `${DENIED}SpiderIPPool.spiderpool.spidernet.io "p" is invalid: ${fault}`,
    );
    expect(specOf(before.objects.get('SpiderIPPool/p')!).ips).toEqual(BASE.ips);
  });

  test.each([
    ['ips', { ...BASE, ips: ['172.18.41.40-172.18.41.44'] }],
    ['excludeIPs', { ...BASE, excludeIPs: ['172.18.41.48'] }],
  ])('keeps addresses in use: %s', (_name, spec) => {
    const before = world();
    before.claims.push(['p', '172.18.41.41', 'default/a'], ['p', '172.18.41.48', 'default/b']);
    expect(errorOf(() => before.apply(spiderPool('p', spec))).message).toBe(
      `${DENIED}SpiderIPPool.spiderpool.spidernet.io "p" is invalid: spec.ips: Forbidden: remove an IP address 172.18.41.48 that is being used by Pod default/b, ${TOTAL}`,
    );
  });

  test.each([
    [
      'is refused with the finalizer',
      ['spiderpool.spidernet.io'],
      `${DENIED}forbidden: cannot update a terminating IPPool`,
    ],
    ['is accepted without it', [], undefined],
  ])('while it terminates %s', (_name, finalizers, message) => {
    const update = () =>
      world().apply(
        spiderPool('p', BASE, { finalizers, deletionTimestamp: '2026-01-01T00:00:00Z' }),
      );
    if (message === undefined) expect(update).not.toThrow();
    else expect(errorOf(update).message).toBe(message);
  });

  test('that came in broken can be repaired', () => {
    const before = new AdmissionWorld();
    before.objects.set(
      'SpiderIPPool/p',
      spiderPool('p', { ...BASE, ips: ['172.18.41.9-172.18.41.1'] }),
    );
    expect(() => before.apply(spiderPool('p', BASE))).not.toThrow();
  });
});

describe('a pool that is deleted', () => {
  test.each([
    ['is let go while in use, by default', {}, 2, undefined],
    [
      'is let go unused where deletion is guarded',
      { enableValidatingResourcesDeletedWebhook: true },
      0,
      undefined,
    ],
    [
      'is kept while in use where deletion is guarded',
      { enableValidatingResourcesDeletedWebhook: true },
      2,
      `${DENIED}spiderippools.spiderpool.spidernet.io "p" is forbidden: cannot delete an IPPool with allocated IPs(2)`,
    ],
  ])('%s', (_name, conf, count, message) => {
    const world = new AdmissionWorld(conf);
    world.apply(spiderPool('p', BASE));
    for (let used = 0; used < count; used += 1)
      world.claims.push(['p', `172.18.41.4${used}`, 'a/b']);
    const remove = () => world.remove('SpiderIPPool', 'p');
    if (message === undefined) expect(remove).not.toThrow();
    else expect(errorOf(remove).message).toBe(message);
  });
});

describe('an IPPool of the older form', () => {
  const OLD =
    'admission webhook "ippool.spiderpool.spidernet.io" denied the request: IPPool.spiderpool.spidernet.io "p" is invalid: ';

  test('gets its version, VLAN, finalizer and label', () => {
    const { object } = new AdmissionWorld().apply(poolV1('p', { ...BASE, ipVersion: 4 }));
    expect(object.spec).toEqual({ ...BASE, ipVersion: 'IPv4', disable: false, vlan: 0 });
    expect(object.metadata.finalizers).toEqual(['spiderpool.spidernet.io']);
    expect(object.metadata.labels).toEqual({ 'ipam.spidernet.io/ippool-cidr': '172-18-41-0-24' });
  });

  test.each([
    [
      'a reversed range',
      { subnet: NET, ips: ['172.18.41.9-172.18.41.1'] },
      'spec.ips[0]: Invalid value: "172.18.41.9-172.18.41.1": invalid range: 172.18.41.9-172.18.41.1',
    ],
    [
      'an empty podSelector',
      { ...BASE, podSelector: {} },
      'spec.podSelector: Invalid value: {}: empty podSelector is invalid for IPPool',
    ],
    [
      'a broken namesapceSelector',
      { ...BASE, namesapceSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } },
      "spec.namesapceSelector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    ],
    [
      'a VLAN out of bounds',
      { ...BASE, vlan: 5000 },
      'spec.vlan: Invalid value: 5000: must be between 0 and 4094, inclusive',
    ],
  ])('is refused for %s', (_name, spec, fault) => {
    expect(errorOf(() => new AdmissionWorld().apply(poolV1('p', spec))).message).toBe(OLD + fault);
  });

  test('is refused where a present pool has its addresses', () => {
    const world = new AdmissionWorld();
    world.apply(spiderPool('first', BASE));
    expect(errorOf(() => world.apply(poolV1('p', BASE))).message).toBe(
      `${OLD}spec.ips: Forbidden: overlap with IPPool first in IP ranges [172.18.41.40-172.18.41.49], ${TOTAL}`,
    );
  });

  test('may state its family in another spelling when it is updated', () => {
    const world = new AdmissionWorld();
    world.apply(poolV1('p', { ...BASE, ipVersion: 'IPv4' }));
    expect(() => world.apply(poolV1('p', { ...BASE, ipVersion: 4 }))).not.toThrow();
    expect(() => world.apply(poolV1('p', BASE))).not.toThrow();
  });
});

describe('a pool is accepted with a warning', () => {
  test.each([
    [
      'for a default pool with a narrow selector',
      { ...BASE, default: true, namespaceAffinity: { matchLabels: { a: 'b' } } },
      'spec.default: the pool is a cluster default, but only for pods that match spec.namespaceAffinity;',
    ],
    [
      'for a selector that a name list replaces',
      { ...BASE, nodeName: ['n'], nodeAffinity: { matchLabels: { a: 'b' } } },
      'spec.nodeAffinity has no effect: spec.nodeName replaces it',
    ],
    ['for a pool without addresses', { subnet: NET }, 'spec.ips is empty'],
    ['for a VLAN', { ...BASE, vlan: 3 }, 'spec.vlan has no effect'],
  ])('%s', (_name, spec, warning) => {
    const { warnings } = new AdmissionWorld().apply(spiderPool('p', spec));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(warning);
  });

  test('and without one where nothing is odd', () => {
    expect(
      new AdmissionWorld().apply(spiderPool('p', { ...BASE, default: true })).warnings,
    ).toEqual([]);
  });
});

describe('many pools', () => {
  test.each([
    [
      'on one network',
      (index: number) => ({ subnet: '10.0.0.0/8', ips: [`10.${index >> 8}.${index & 255}.1`] }),
    ],
    [
      'each on its own network',
      (index: number) => ({
        subnet: `10.${index >> 8}.${index & 255}.0/24`,
        ips: [`10.${index >> 8}.${index & 255}.1`],
      }),
    ],
  ])('%s are each checked against all others', (_name, specOf) => {
    const world = new AdmissionWorld();
    for (let index = 0; index < 3_000; index += 1)
      world.apply(spiderPool(`p${index}`, specOf(index)));
    expect(world.pools.size).toBe(3_000);
    expect(errorOf(() => world.apply(spiderPool('x', specOf(2_999)))).message).toContain(
      'overlap with IPPool p2999 in IP ranges [10.11.183.1]',
    );
  });

  test('with many ranges each take turns in being written', () => {
    const world = new AdmissionWorld();
    const ranges = Array.from(
      { length: 10_000 },
      (_, index) => `10.${index >> 8}.${index & 255}.1-10.${index >> 8}.${index & 255}.9`,
    );
    world.apply(spiderPool('big', { subnet: '10.0.0.0/8', ips: ranges }));
    for (let edit = 0; edit < 5; edit += 1) {
      world.apply(
        spiderPool('big', { subnet: '10.0.0.0/8', ips: ranges, disable: edit % 2 === 0 }),
      );
    }
    expect(world.pools.size).toBe(1);
  });
});
