import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import { AdmissionWorld } from '../support/admission-world.ts';
import { errorOf } from '../support/error-of.ts';

function object(kind: string, name: string, spec: object, metadata: object = {}): KubeObject {
  return {
    apiVersion: 'spiderpool.spidernet.io/v2beta1',
    kind,
    metadata: { name, ...metadata },
    spec,
  };
}

const NET = '10.6.0.0/16';
const BASE = { subnet: NET, ips: ['10.6.168.101-10.6.168.110'] };

describe('a SpiderSubnet', () => {
  const DENIED =
    'admission webhook "spidersubnet.spiderpool.spidernet.io" denied the request: SpiderSubnet.spiderpool.spidernet.io "s" is invalid: ';
  const subnet = (spec: object, metadata: object = {}) =>
    object('SpiderSubnet', 's', spec, metadata);
  const pool = (name: string, spec: object) => object('SpiderIPPool', name, spec);

  test('gets its version, finalizer, label and merged ranges, with a word about automatic pools', () => {
    const { object: stored, warnings } = new AdmissionWorld().apply(
      subnet({ subnet: NET, ips: ['10.6.0.2', '10.6.0.1'] }),
    );
    expect(stored.spec).toEqual({ subnet: NET, ipVersion: 4, ips: ['10.6.0.1-10.6.0.2'] });
    expect(stored.metadata).toMatchObject({
      finalizers: ['spiderpool.spidernet.io'],
      labels: { 'ipam.spidernet.io/subnet-cidr': '10-6-0-0-16' },
    });
    expect(warnings).toEqual([
      'SpiderSubnet is kept and shown; pools are not made from it automatically yet',
    ]);
  });

  test.each([
    [
      'host bits',
      { subnet: '10.6.0.1/16' },
      'spec.subnet: Invalid value: "10.6.0.1/16": unformatted subnet 10.6.0.1/16, please change it to 10.6.0.0/16',
    ],
    [
      'a broken range',
      { subnet: NET, ips: ['x'] },
      `spec.ips[0]: Invalid value: "x": invalid IP range format in IPv4 'x'`,
    ],
    [
      'a reversed range',
      { subnet: NET, ips: ['10.6.0.2-10.6.0.1'] },
      `spec.ips[0]: Invalid value: "10.6.0.2-10.6.0.1": invalid IP range format in IPv4 '10.6.0.2-10.6.0.1'`,
    ],
    [
      'a range outside',
      { subnet: NET, excludeIPs: ['10.7.0.1'] },
      `spec.excludeIPs[0]: Invalid value: "10.7.0.1": not pertains to the 'spec.subnet' 10.6.0.0/16 of IPPool`,
    ],
    [
      'its gateway among ips',
      { ...BASE, gateway: '10.6.168.101' },
      `spec.ips[0]: Invalid value: "10.6.168.101-10.6.168.110": conflicts with 'spec.gateway' 10.6.168.101, add the gateway IP address to 'spec.excludeIPs' or remove it from 'spec.ips'`,
    ],
  ])('is refused for %s', (_name, spec, fault) => {
    expect(errorOf(() => new AdmissionWorld().apply(subnet(spec))).message).toBe(DENIED + fault);
  });

  const beside = () => {
    const world = new AdmissionWorld();
    world.apply(object('SpiderSubnet', 'other', { subnet: '10.7.0.0/16' }));
    world.apply(pool('wide', { subnet: '10.8.0.0/16', ips: ['10.8.0.1'] }));
    world.apply(pool('same', { subnet: NET, ips: ['10.6.0.1-10.6.0.2'] }));
    return world;
  };
  test.each([
    [
      'another subnet with its CIDR',
      { subnet: '10.7.0.0/16' },
      `spec.subnet: Invalid value: "10.7.0.0/16": overlap with Subnet other which 'spec.subnet' is 10.7.0.0/16`,
    ],
    [
      'another subnet inside',
      { subnet: '10.7.1.0/24' },
      `spec.subnet: Invalid value: "10.7.1.0/24": overlap with Subnet other which 'spec.subnet' is 10.7.0.0/16`,
    ],
    [
      'a pool of an overlapping CIDR',
      { subnet: '10.8.0.0/24' },
      `spec.subnet: Invalid value: "10.8.0.0/24": overlap with SpiderIPPool 'wide' resource 'spec.subnet' 10.8.0.0/16`,
    ],
    [
      'a pool with addresses it lacks',
      { subnet: NET, ips: ['10.6.0.2-10.6.0.9'] },
      `spec.ips: Invalid value: ["10.6.0.2-10.6.0.9"]: SpiderIPPool 'same' owns some IP addresses that SpiderSubnet 's' can't control`,
    ],
  ])('is refused beside %s', (_name, spec, fault) => {
    expect(errorOf(() => beside().apply(subnet(spec))).message).toBe(DENIED + fault);
  });

  test('is accepted around the addresses of its pools', () => {
    expect(() => beside().apply(subnet({ subnet: NET, ips: ['10.6.0.1-10.6.0.9'] }))).not.toThrow();
  });

  test('keeps the addresses its pools have, and its CIDR', () => {
    const world = beside();
    world.apply(subnet({ subnet: NET, ips: ['10.6.0.1-10.6.0.9'] }));
    expect(() => world.apply(subnet({ subnet: NET, ips: ['10.6.0.1-10.6.0.5'] }))).not.toThrow();
    expect(errorOf(() => world.apply(subnet({ subnet: NET, ips: ['10.6.0.2'] }))).message).toBe(
      `${DENIED}spec.ips: Forbidden: remove some IP ranges [10.6.0.1] that is being used by IPPool same, total IP addresses of an Subnet are jointly determined by 'spec.ips' and 'spec.excludeIPs'`,
    );
    expect(errorOf(() => world.apply(subnet({ subnet: '10.9.0.0/16' }))).message).toBe(
      `${DENIED}spec.subnet: Forbidden: is not changeable`,
    );
  });

  test('is not updated while it terminates', () => {
    const world = beside();
    const spec = { subnet: NET, ips: ['10.6.0.1-10.6.0.9'] };
    world.apply(subnet(spec));
    const metadata = {
      deletionTimestamp: '2026-01-01T00:00:00Z',
      finalizers: ['spiderpool.spidernet.io'],
    };
    expect(errorOf(() => world.apply(subnet(spec, metadata))).message).toBe(
      'admission webhook "spidersubnet.spiderpool.spidernet.io" denied the request: forbidden: cannot update a terminaing Subnet',
    );
  });

  test('stays while pools have its addresses, where deletion is guarded', () => {
    const world = new AdmissionWorld({ enableValidatingResourcesDeletedWebhook: true });
    world.apply(subnet(BASE));
    world.apply(pool('p', { subnet: NET, ips: ['10.6.168.101-10.6.168.103'] }));
    expect(errorOf(() => world.remove('SpiderSubnet', 's')).message).toBe(
      'admission webhook "spidersubnet.spiderpool.spidernet.io" denied the request: spidersubnets.spiderpool.spidernet.io "s" is forbidden: cannot delete an Subnet with allocated IPs(3)',
    );
    world.remove('SpiderIPPool', 'p');
    expect(() => world.remove('SpiderSubnet', 's')).not.toThrow();
  });
});

describe('a SpiderReservedIP', () => {
  const WEBHOOK =
    'admission webhook "spiderreservedip.spiderpool.spidernet.io" denied the request: ';
  const DENIED = `${WEBHOOK}SpiderReservedIP.spiderpool.spidernet.io "r" is invalid: `;
  const reserved = (spec: object, metadata: object = {}) =>
    object('SpiderReservedIP', 'r', spec, metadata);

  test('gets its version and merged ranges', () => {
    const stored = new AdmissionWorld().apply(reserved({ ips: ['fd00::2', 'fd00::1'] })).object;
    expect(stored.spec).toEqual({ ipVersion: 6, ips: ['fd00::1-fd00::2'] });
    expect(stored.metadata.finalizers).toBeUndefined();
  });

  test('may overlap pools and other reservations', () => {
    const world = new AdmissionWorld();
    world.apply(object('SpiderIPPool', 'p', BASE));
    world.apply(object('SpiderReservedIP', 'q', { ips: ['10.6.168.101'] }));
    expect(() => world.apply(reserved({ ips: ['10.6.168.101-10.6.168.105'] }))).not.toThrow();
  });

  test.each([
    [
      'without addresses',
      {},
      `spec.ipVersion: Invalid value: "null": is not generated correctly, 'spec.ips' is empty or 'spec.ips[0]' may be invalid`,
    ],
    [
      'with a first entry that is none',
      { ips: ['x', '10.0.0.1'] },
      `spec.ipVersion: Invalid value: "null": is not generated correctly, 'spec.ips' is empty or 'spec.ips[0]' may be invalid`,
    ],
    [
      'with a later entry that is none',
      { ips: ['10.0.0.1', 'x'] },
      `spec.ips[1]: Invalid value: "x": invalid IP range format in IPv4 'x'`,
    ],
    [
      'of an unknown family',
      { ipVersion: 5, ips: ['10.0.0.1'] },
      'spec.ipVersion: Unsupported value: 5: supported values: "4", "6"',
    ],
  ])('is refused %s', (_name, spec, fault) => {
    expect(errorOf(() => new AdmissionWorld().apply(reserved(spec))).message).toBe(DENIED + fault);
  });

  test('of a disabled family is refused', () => {
    const world = new AdmissionWorld({ enableIPv6: false });
    expect(errorOf(() => world.apply(reserved({ ips: ['fd00::1'] }))).message).toBe(
      `${DENIED}spec.ipVersion: Forbidden: IPv6 is disabled`,
    );
  });

  test('may change its addresses but not its family, and nothing while it terminates', () => {
    const world = new AdmissionWorld();
    world.apply(reserved({ ips: ['10.0.0.1'] }));
    expect(() => world.apply(reserved({ ips: ['10.0.0.2'] }))).not.toThrow();
    expect(errorOf(() => world.apply(reserved({ ips: ['fd00::1'] }))).message).toBe(
      `${DENIED}spec.ipVersion: Forbidden: is not changeable`,
    );
    const metadata = { deletionTimestamp: '2026-01-01T00:00:00Z' };
    expect(errorOf(() => world.apply(reserved({ ips: ['10.0.0.3'] }, metadata))).message).toBe(
      `${WEBHOOK}forbidden: cannot update a terminating ReservedIP`,
    );
  });
});
