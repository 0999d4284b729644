/** The CRDs on a real API server: what they take, fill in, and refuse, in which words. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { parseManifests } from '../../src/dialect/manifest.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { manifest, type Short } from './support/manifests.ts';
import { missingParts } from './support/missing-parts.ts';

const missing = missingParts();
const title = ['the CRDs', ...missing].join(': ');
const EXAMPLES = join(import.meta.dirname, '../../examples');

describe.skipIf(missing.length > 0)(title, () => {
  let cluster: ControlPlane;

  beforeAll(async () => {
    cluster = await startControlPlane({ crds: true });
  });
  afterAll(() => cluster?.stop());

  const apply = (text: string, ...options: string[]) =>
    cluster.tryKubectl(['apply', ...options, '-f', '-'], text);

  describe('take the manifests of the examples as they are written:', () => {
    const files = readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.yaml'))
      .filter((name) =>
        parseManifests(readFileSync(join(EXAMPLES, name), 'utf8'), name).some(({ apiVersion }) =>
          /^(spiderpool|projectcalico)\./.test(apiVersion),
        ),
      );

    test.each(files)('%s', async (name) => {
      const text = readFileSync(join(EXAMPLES, name), 'utf8');
      const { exit, out, err } = await apply(text, '--dry-run=server', '--validate=strict');
      expect(err).not.toContain('Error');
      expect(exit).toBe(0);
      expect(out.trim().split('\n')).toHaveLength(parseManifests(text, name).length);
    });
  });

  describe('take', () => {
    const whole = {
      ipVersion: 4,
      subnet: '172.18.0.0/16',
      ips: ['172.18.40.40-172.18.40.45', '172.18.41.1'],
      excludeIPs: ['172.18.40.41'],
      gateway: '172.18.0.1',
      routes: [{ dst: '10.0.0.0/8', gw: '172.18.0.2' }],
      podAffinity: { matchExpressions: [{ key: 'app', operator: 'In', values: ['a'] }] },
      namespaceAffinity: { matchLabels: { a: 'b' } },
      namespaceName: ['shop'],
      nodeAffinity: { matchLabels: { zone: 'one' } },
      nodeName: ['node-1'],
      multusName: ['kube-system/macvlan'],
      default: true,
      disable: true,
      vlan: 7,
    };
    const selector = { matchExpressions: [{ key: 'app', operator: 'Exists' }] };
    const rows: [string, Short, string, object][] = [
      ['a pool with every field', 'pool', 'whole', whole],
      ['a pool without addresses', 'pool', 'empty', { subnet: '10.0.0.0/24' }],
      ['a pool of IPv6', 'pool', 'six', { subnet: 'fd00:1::/64', ips: ['fd00:1::10-fd00:1::1f'] }],
      [
        'an older pool with every field',
        'older',
        'whole',
        {
          ipVersion: 'IPv4',
          subnet: '172.18.0.0/16',
          ips: ['172.18.40.40'],
          excludeIPs: [],
          gateway: '172.18.0.1',
          routes: [],
          vlan: 4094,
          nodeSelector: selector,
          namesapceSelector: selector,
          podSelector: selector,
          disable: false,
        },
      ],
      [
        'an older pool in the other spellings',
        'older',
        'other',
        { ipVersion: 6, subnet: 'fd00::/64', namespaceSelector: {} },
      ],
      [
        'a subnet',
        'subnet',
        's',
        { subnet: '10.0.0.0/16', ips: ['10.0.0.1-10.0.9.9'], gateway: '10.0.0.254' },
      ],
      ['a reservation', 'reserved', 'r', { ips: ['10.0.0.1', '10.0.0.5-10.0.0.9'] }],
      [
        "Calico's pool with every field",
        'calico',
        'c',
        {
          cidr: '10.64.0.0/20',
          blockSize: 26,
          ipipMode: 'Never',
          vxlanMode: 'CrossSubnet',
          natOutgoing: true,
          disabled: false,
          disableBGPExport: true,
          nodeSelector: "zone == 'a'",
          namespaceSelector: "team == 'x'",
          allowedUses: ['Workload'],
          assignmentMode: 'Manual',
        },
      ],
      [
        "Calico's reservation",
        'reservation',
        'r',
        { reservedCIDRs: ['10.0.0.0/28', '10.0.1.1', 'fd00::/120'] },
      ],
      [
        "Calico's configuration",
        'configuration',
        'default',
        { strictAffinity: true, maxBlocksPerHost: 5, ipCooldownSeconds: 60 },
      ],
    ];

    test.each(rows)('%s', async (_what, short, name, spec) => {
      const text = manifest(short, name, { spec });
      expect(await apply(text, '--dry-run=server', '--validate=strict')).toMatchObject({ exit: 0 });
    });
  });

  describe('take as many ranges as an object may have:', () => {
    const ranges = (range: (from: string, to: string) => string) =>
      Array.from({ length: LIMITS.poolRangesMax }, (_, index) => {
        const [from, to] = [4 * index, 4 * index + 1].map((number) => number.toString(16));
        return range(from!.padStart(8, '0'), to!.padStart(8, '0'));
      });
    const four = ranges((from, to) => `${dotted(from)}-${dotted(to)}`);
    const sixth = (hex: string) =>
      `fd00:1111:1111:1111:1111:1111:${hex.slice(0, 4)}:${hex.slice(4)}`;
    const six = ranges((from, to) => `${sixth(from)}-${sixth(to)}`);
    const networks = [
      ['10.0.0.0/8', four],
      ['fd00:1111:1111:1111::/64', six],
    ] as const;
    const rows = networks.flatMap(([subnet, ips]): [string, Short, object][] => [
      [subnet, 'pool', { subnet, ips }],
      [subnet, 'older', { subnet, ips, excludeIPs: ips.slice(0, 1000) }],
      [subnet, 'subnet', { subnet, ips }],
      [subnet, 'reserved', { ips }],
    ]);

    test.each(rows)('%s, %s', async (_, kind, spec) => {
      const text = manifest(kind, 'many', { spec });
      const { exit, err } = await cluster.tryKubectl(
        ['create', '--dry-run=server', '-f', '-'],
        text,
      );
      expect([exit, err]).toEqual([0, '']);
    });
  });

  describe('fill in', () => {
    test.each<[Short, string, object, object]>([
      ['pool', 'filled', { subnet: '10.0.0.0/24' }, { default: false, disable: false }],
      ['older', 'filled', { subnet: '10.0.0.0/24' }, { disable: false, vlan: 0 }],
      [
        'calico',
        'filled',
        { cidr: '10.1.0.0/16' },
        {
          nodeSelector: 'all()',
          ipipMode: 'Never',
          vxlanMode: 'Never',
          assignmentMode: 'Automatic',
        },
      ],
      [
        'configuration',
        'default',
        {},
        { strictAffinity: false, autoAllocateBlocks: true, maxBlocksPerHost: 0 },
      ],
    ])('%s', async (short, name, spec, filled) => {
      const { out } = await apply(
        manifest(short, name, { spec }),
        '--dry-run=server',
        '-o',
        'json',
      );
      expect(JSON.parse(out).spec).toMatchObject({ ...spec, ...filled });
    });
  });

  describe('refuse in the words of the dialect', () => {
    const net = { subnet: '10.0.0.0/24' };
    const rows: [string, Short, object, string][] = [
      ['no subnet', 'pool', {}, 'spec.subnet: Required value'],
      [
        'a subnet that is none',
        'pool',
        { subnet: 'abc' },
        'spec.ipVersion: Invalid value: "object": is not generated correctly, \'spec.subnet\' may be invalid',
      ],
      [
        'a subnet of the other family',
        'pool',
        { ipVersion: 4, subnet: 'fd00::/64' },
        "invalid CIDR format in IPv4 'fd00::/64'",
      ],
      [
        'a family that is none',
        'pool',
        { ipVersion: 5, ...net },
        'spec.ipVersion: Unsupported value: 5: supported values: "4", "6"',
      ],
      [
        'host bits',
        'pool',
        { subnet: '10.0.0.1/24' },
        'unformatted subnet 10.0.0.1/24, please change it to 10.0.0.0/24',
      ],
      [
        'a network among the ranges',
        'pool',
        { ...net, ips: ['10.0.0.0/30'] },
        'spec.ips[0]: Invalid value: "string": invalid range: 10.0.0.0/30',
      ],
      [
        'an end that is no address',
        'pool',
        { ...net, ips: ['10.0.0.1', '10.0.0.2-x'] },
        'spec.ips[1]: Invalid value: "string": invalid IP address: x',
      ],
      [
        'an address outside',
        'pool',
        { ...net, ips: ['10.0.0.9-10.0.1.3'] },
        'not match base subnet: 10.0.0.9-10.0.1.3',
      ],
      [
        'an excluded address outside',
        'pool',
        { ...net, excludeIPs: ['10.0.1.3'] },
        'spec.excludeIPs: Invalid value: "object": not match base subnet: 10.0.1.3',
      ],
      ['a gateway that is none', 'pool', { ...net, gateway: 'x' }, "invalid IP format in IPv4 'x'"],
      [
        'a gateway outside',
        'pool',
        { ...net, gateway: '11.0.0.1' },
        "not pertains to the 'spec.subnet' 10.0.0.0/24 of IPPool",
      ],
      [
        'the default route',
        'pool',
        { ...net, routes: [{ dst: '0.0.0.0/0', gw: '10.0.0.1' }] },
        'spec.routes[0].dst: Invalid value: "string": please specify \'spec.gateway\' to configure the default route',
      ],
      [
        'a route of the other family',
        'pool',
        { ...net, routes: [{ dst: 'fd00::/8', gw: '10.0.0.1' }] },
        "invalid CIDR format in IPv4 'fd00::/8'",
      ],
      [
        'a route through elsewhere',
        'pool',
        { ...net, routes: [{ dst: '1.0.0.0/8', gw: '11.0.0.1' }] },
        "not pertains to the 'spec.subnet' 10.0.0.0/24 of IPPool",
      ],
      [
        'an empty selector of pods',
        'pool',
        { ...net, podAffinity: {} },
        'empty podAffinity is invalid for SpiderIPPool',
      ],
      [
        'a misspelt field',
        'pool',
        { ...net, namespaceAfinity: {} },
        'unknown field "spec.namespaceAfinity"',
      ],
      [
        'a family of the older form that is none',
        'older',
        { ipVersion: 'IPv5', ...net },
        'supported values: "IPv4", "IPv6"',
      ],
      [
        'an empty selector in the older form',
        'older',
        { ...net, podSelector: {} },
        'empty podSelector is invalid for IPPool',
      ],
      [
        'both spellings',
        'older',
        { ...net, namesapceSelector: {}, namespaceSelector: {} },
        'they are two spellings of one field',
      ],
      ['a VLAN too high', 'older', { ...net, vlan: 4095 }, 'spec.vlan'],
      [
        "a subnet's range that is none",
        'subnet',
        { ...net, ips: ['10.0.0.0/30'] },
        "invalid IP range format in IPv4 '10.0.0.0/30'",
      ],
      [
        "a subnet's range outside",
        'subnet',
        { ...net, ips: ['10.0.1.0'] },
        "not pertains to the 'spec.subnet' 10.0.0.0/24 of IPPool",
      ],
      [
        'a reservation of nothing',
        'reserved',
        { ips: [] },
        "is not generated correctly, 'spec.ips' is empty or 'spec.ips[0]' may be invalid",
      ],
      [
        'a reservation of both families',
        'reserved',
        { ips: ['10.0.0.1', 'fd00::1'] },
        "invalid IP range format in IPv4 'fd00::1'",
      ],
      [
        "Calico's pool with host bits",
        'calico',
        { cidr: '10.0.0.1/24' },
        'IPPool CIDR must be strictly masked',
      ],
      [
        "Calico's pool without a network",
        'calico',
        { cidr: 'x' },
        'IPPool CIDR must be a valid subnet',
      ],
      [
        'two encapsulations',
        'calico',
        { cidr: '10.0.0.0/24', ipipMode: 'Always', vxlanMode: 'Always' },
        'spec: Forbidden: ipipMode and vxlanMode cannot both be enabled',
      ],
      [
        'IPIP in IPv6',
        'calico',
        { cidr: 'fd00::/64', ipipMode: 'Always' },
        'IPIP is not supported on IPv6 pools',
      ],
      [
        'a pool smaller than a block',
        'calico',
        { cidr: '10.0.0.0/28' },
        'IP pool size is too small for use with Calico IPAM.',
      ],
      [
        'link-local addresses',
        'calico',
        { cidr: '169.0.0.0/8' },
        'IPPool CIDR overlaps with IPv4 link local range 169.254.0.0/16',
      ],
      [
        'link-local addresses of IPv6',
        'calico',
        { cidr: 'fe80::/64' },
        'IPPool CIDR overlaps with IPv6 link local range fe80::/10',
      ],
      [
        'a block too large',
        'calico',
        { cidr: '10.0.0.0/16', blockSize: 19 },
        'blockSize must be between 20 and 32 for IPv4 pools, and between 116 and 128 for IPv6 pools',
      ],
      [
        'load balancers beside pods',
        'calico',
        { cidr: '10.0.0.0/16', allowedUses: ['LoadBalancer', 'Workload'] },
        'LoadBalancer cannot be combined with Workload or Tunnel allowed uses',
      ],
      [
        'load balancers behind a tunnel',
        'calico',
        { cidr: '10.0.0.0/16', allowedUses: ['LoadBalancer'], vxlanMode: 'Always' },
        'LoadBalancer IP pool cannot have IPIP or VXLAN enabled',
      ],
      [
        'load balancers without export',
        'calico',
        { cidr: '10.0.0.0/16', allowedUses: ['LoadBalancer'], disableBGPExport: true },
        'LoadBalancer IP pools cannot disable BGP export',
      ],
      [
        'load balancers on some nodes',
        'calico',
        { cidr: '10.0.0.0/16', allowedUses: ['LoadBalancer'], nodeSelector: 'has(a)' },
        'IP Pool with AllowedUse LoadBalancer must have nodeSelector set to all()',
      ],
      [
        'tunnels of some namespaces',
        'calico',
        { cidr: '10.0.0.0/16', allowedUses: ['Tunnel'], namespaceSelector: 'all()' },
        'IP Pool with AllowedUse Tunnel cannot have namespaceSelector',
      ],
      [
        'a selector of everything else',
        'calico',
        { cidr: '10.0.0.0/16', nodeSelector: 'global()' },
        'global() selector is not valid for IPPool nodeSelector',
      ],
      [
        'a reservation of no network',
        'reservation',
        { reservedCIDRs: ['x'] },
        'must be an IP address or a CIDR',
      ],
      [
        'another configuration',
        'configuration',
        {},
        'Cannot create an IPAMConfiguration resource with a name other than "default"',
      ],
    ];

    test.each(rows)('%s', async (_what, short, spec, text) => {
      const { exit, err } = await apply(manifest(short, 'refused', { spec }));
      expect(err).toContain(text);
      expect(exit).toBe(1);
    });

    test.each([
      [
        { autoAllocateBlocks: false },
        "Cannot disable 'StrictAffinity' and 'AutoAllocateBlocks' at the same time",
      ],
      [{ maxBlocksPerHost: 3 }, 'MaxBlocksPerHost requires StrictAffinity to be enabled'],
    ])('a configuration of %j', async (spec, text) => {
      const { err } = await apply(manifest('configuration', 'default', { spec }));
      expect(err).toContain(text);
    });

    test.each<[string, Short, object, object, string]>([
      [
        'the subnet',
        'pool',
        { subnet: '10.0.0.0/24' },
        { subnet: '10.0.1.0/24' },
        'spec.subnet: Forbidden: is not changeable',
      ],
      [
        'the subnet of the older form',
        'older',
        { subnet: '10.0.0.0/24' },
        { subnet: '10.0.1.0/24' },
        'spec.subnet: Forbidden: is not changeable',
      ],
      [
        'the family of reservations',
        'reserved',
        { ipVersion: 4, ips: ['10.0.0.1'] },
        { ipVersion: 6, ips: ['fd00::1'] },
        'spec.ipVersion: Forbidden: is not changeable',
      ],
      [
        "Calico's network",
        'calico',
        { cidr: '10.1.0.0/16' },
        { cidr: '10.2.0.0/16' },
        'CIDR cannot be changed; follow IP pool migration guide to avoid corruption.',
      ],
      [
        "Calico's block size",
        'calico',
        { cidr: '10.1.0.0/16' },
        { cidr: '10.1.0.0/16', blockSize: 28 },
        'Block size cannot be changed; follow IP pool migration guide to avoid corruption.',
      ],
      [
        'load balancers to pods',
        'calico',
        { cidr: '10.1.0.0/16', allowedUses: ['LoadBalancer'] },
        { cidr: '10.1.0.0/16', allowedUses: ['Workload'] },
        'IPPool allowed use cannot be changed from LoadBalacer to Workload or Tunnel',
      ],
    ])('an edit of %s', async (what, short, before, after, text) => {
      const name = what.toLowerCase().replaceAll(/[^a-z]+/g, '-');
      expect(await apply(manifest(short, name, { spec: before }))).toMatchObject({
        exit: 0,
        err: '',
      });
      expect((await apply(manifest(short, name, { spec: after }))).err).toContain(text);
      expect(await apply(manifest(short, name, { spec: before }))).toMatchObject({ exit: 0 });
      await cluster.kubectl(['delete', '-f', '-'], manifest(short, name, {}));
    });
  });
});

/** 32 bits in hexadecimal as an address of 10.0.0.0/8. */
function dotted(hex: string): string {
  return ['10', ...[2, 4, 6].map((at) => Number.parseInt(hex.slice(at, at + 2), 16))].join('.');
}
