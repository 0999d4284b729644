import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../src/catalogue/errors.ts';
import {
  type CalicoAnnotations,
  readCalicoNamespaceAnnotations,
  readCalicoPodAnnotations,
} from '../../src/dialect/calico-annotations.ts';
import { parseAddress } from '../../src/net/address.ts';
import { errorOf } from '../support/error-of.ts';

function keys(short: Record<string, string>): Record<string, string> {
  const entries = Object.entries(short);
  return Object.fromEntries(entries.map(([key, value]) => [`cni.projectcalico.org/${key}`, value]));
}

const NOTHING: CalicoAnnotations = {
  ipv4Pools: undefined,
  ipv6Pools: undefined,
  families: undefined,
  addresses: [],
  notes: [],
};

describe('Calico annotations of a pod are read', () => {
  const cases: {
    name: string;
    given: Record<string, string>;
    read: Partial<CalicoAnnotations>;
  }[] = [
    { name: 'none', given: {}, read: {} },
    {
      name: 'pools by name and CIDR, in order',
      given: { ipv4pools: '["b", "10.0.0.0/16", "a"]', ipv6pools: '["fd00::/48"]' },
      read: { ipv4Pools: ['b', '10.0.0.0/16', 'a'], ipv6Pools: ['fd00::/48'] },
    },
    { name: 'an empty list of pools', given: { ipv4pools: '[]' }, read: { ipv4Pools: [] } },
    { name: 'an empty value as no value', given: { ipv4pools: '' }, read: {} },
    {
      name: 'families in the order written',
      given: { ipFamilies: '["IPv6","IPv4","IPv6"]' },
      read: { families: [6, 4] },
    },
    {
      name: 'one address per family',
      given: { ipAddrs: '["10.0.0.1", "2001:db8::1"]' },
      read: { addresses: [parseAddress('10.0.0.1')!, parseAddress('2001:db8::1')!] },
    },
    {
      name: 'keys that Calico itself writes, without a note',
      given: { podIP: '10.0.0.1/32', containerID: 'abc', hwAddr: '00:11:22:33:44:55' },
      read: {},
    },
    {
      name: 'a misspelt key, with a note',
      given: { ipv4pool: '["a"]' },
      read: {
        notes: [
          'annotation cni.projectcalico.org/ipv4pool is read by nothing here, did you mean cni.projectcalico.org/ipv4pools?',
        ],
      },
    },
  ];
  test.each(cases)('$name', ({ given, read }) => {
    expect(readCalicoPodAnnotations(keys(given))).toEqual({ ...NOTHING, ...read });
  });
});

describe('Calico annotations of a pod are refused', () => {
  const cases: {
    name: string;
    given: Record<string, string>;
    code?: ErrorCode;
    message: string;
  }[] = [
    {
      name: 'pools that are not JSON',
      given: { ipv4pools: 'external-pool' },
      message:
        'error parsing annotation "cni.projectcalico.org/ipv4pools" = "external-pool": invalid character \'e\' looking for beginning of value',
    },
    {
      name: 'pools that are no list',
      given: { ipv6pools: '{"a": 1}' },
      message:
        'error parsing annotation "cni.projectcalico.org/ipv6pools" = "{\\"a\\": 1}": json: cannot unmarshal object into Go value of type []string',
    },
    {
      name: 'a family in other words',
      given: { ipFamilies: '["IPv4", "ipv6"]' },
      message: 'error parsing ipFamilies: ["IPv4", "ipv6"]',
    },
    { name: 'no family', given: { ipFamilies: '[]' }, message: 'error parsing ipFamilies: []' },
    {
      name: 'families that are not JSON',
      given: { ipFamilies: 'IPv4' },
      message: 'error parsing ipFamilies: IPv4',
    },
    {
      name: 'addresses that are not JSON',
      given: { ipAddrs: '10.0.0.1' },
      message:
        "failed to parse IPs 10.0.0.1 for annotation \"cni.projectcalico.org/ipAddrs\": failed to parse '10.0.0.1' as JSON: invalid character '.' after top-level value",
    },
    {
      name: 'no address',
      given: { ipAddrs: '[]' },
      message: 'annotation "cni.projectcalico.org/ipAddrs" specified but empty',
    },
    {
      name: 'an address that is none',
      given: { ipAddrs: '["10.0.0.256"]' },
      message: 'invalid IP format: 10.0.0.256',
    },
    {
      name: 'two addresses of one family',
      given: { ipAddrs: '["10.0.0.1", "10.0.0.2"]' },
      message:
        'cannot have more than one IPv4 address for "cni.projectcalico.org/ipAddrs" annotation',
    },
    {
      name: 'two IPv6 addresses',
      given: { ipAddrs: '["fd00::1", "fd00::2"]' },
      message:
        'cannot have more than one IPv6 address for "cni.projectcalico.org/ipAddrs" annotation',
    },
    {
      name: 'addresses with and without IPAM',
      given: { ipAddrs: '["10.0.0.1"]', ipAddrsNoIpam: '["10.0.0.1"]' },
      message: "can't have both annotations: 'ipAddrs' and 'ipAddrsNoIpam' in use at the same time",
    },
    {
      name: 'addresses without IPAM',
      given: { ipAddrsNoIpam: '["10.0.0.1"]' },
      code: 'UNSUPPORTED_REQUEST',
      message: 'requested feature is not enabled: ip_addrs_no_ipam',
    },
    {
      name: 'floating addresses',
      given: { floatingIPs: '["1.1.1.1"]' },
      code: 'UNSUPPORTED_REQUEST',
      message: 'requested feature is not enabled: floating_ips',
    },
    {
      name: 'control characters, which do not reach the message',
      given: { ipFamilies: '["\u001b[31m"]' },
      message: 'error parsing ipFamilies: ["\\x1b[31m"]',
    },
  ];
  test.each(cases)('$name', ({ given, code, message }) => {
    const error = errorOf(() => readCalicoPodAnnotations(keys(given)));
    expect(error.message).toBe(message);
    expect(error.code).toBe(code ?? 'ANNOTATION_INVALID');
  });
});

test('Calico annotations of a namespace name pools and families, but no addresses', () => {
  const given = keys({
    ipv4pools: '["external-pool"]',
    ipFamilies: '["IPv4"]',
    ipAddrs: '["10.0.0.1"]',
    floatingIPs: '["1.1.1.1"]',
  });
  expect(readCalicoNamespaceAnnotations(given)).toEqual({
    ...NOTHING,
    ipv4Pools: ['external-pool'],
    families: [4],
    notes: [
      'annotation cni.projectcalico.org/ipAddrs has no effect on a namespace, only on a pod',
      'annotation cni.projectcalico.org/floatingIPs has no effect on a namespace, only on a pod',
    ],
  });
});
