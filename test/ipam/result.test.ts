import { describe, expect, test } from 'vitest';
import { CNI_VERSIONS, type CniVersion } from '../../src/ipam/cni-version.ts';
import { type AddResult, shapeResult } from '../../src/ipam/result.ts';
import { parseAddress } from '../../src/net/address.ts';

const v4 = parseAddress('10.6.0.10')!;
const v6 = parseAddress('fd00::10')!;
const gateway4 = parseAddress('10.6.0.1')!;
const gateway6 = parseAddress('fd00::1')!;

const DUAL: AddResult = {
  addresses: [
    { family: 4, address: v4, prefix: 16, gateway: gateway4 },
    { family: 6, address: v6, prefix: 64, gateway: undefined },
  ],
  routes: [
    { family: 4, destination: '0.0.0.0/0', gateway: gateway4 },
    { family: 6, destination: 'fd01::/64', gateway: gateway6 },
  ],
};

const routes = [
  { dst: '0.0.0.0/0', gw: '10.6.0.1' },
  { dst: 'fd01::/64', gw: 'fd00::1' },
];
const oldest = (version: CniVersion) => ({
  cniVersion: version,
  ip4: { ip: '10.6.0.10/16', gateway: '10.6.0.1', routes: [routes[0]] },
  ip6: { ip: 'fd00::10/64', routes: [routes[1]] },
  dns: {},
});
const middle = (version: CniVersion) => ({
  cniVersion: version,
  ips: [
    { version: '4', address: '10.6.0.10/16', gateway: '10.6.0.1' },
    { version: '6', address: 'fd00::10/64' },
  ],
  routes,
  dns: {},
});
const newest = (version: CniVersion) => ({
  cniVersion: version,
  ips: [{ address: '10.6.0.10/16', gateway: '10.6.0.1' }, { address: 'fd00::10/64' }],
  routes,
});

const FORM: Record<CniVersion, (version: CniVersion) => object> = {
  '0.1.0': oldest,
  '0.2.0': oldest,
  '0.3.0': middle,
  '0.3.1': middle,
  '0.4.0': middle,
  '1.0.0': newest,
  '1.1.0': newest,
};

describe('shapeResult prints a dual-stack result in the form of', () => {
  test.each(CNI_VERSIONS)('%s', (version) => {
    expect(shapeResult(DUAL, version)).toEqual(FORM[version](version));
  });
});

describe('shapeResult', () => {
  test('leaves routes out where there are none', () => {
    const result = { addresses: DUAL.addresses, routes: [] };
    expect(shapeResult(result, '1.1.0')).not.toHaveProperty('routes');
  });

  test('refuses two addresses of a family before 0.3.0', () => {
    const two = { addresses: [DUAL.addresses[0]!, DUAL.addresses[0]!], routes: [] };
    expect(() => shapeResult(two, '0.2.0')).toThrow(
      'CNI version 0.2.0 does not support more than 1 address per family',
    );
    expect(shapeResult(two, '0.3.0')).toHaveProperty('ips.length', 2);
  });
});
