import { describe, expect, test } from 'vitest';
import {
  CALICO_IPAM_DEFAULTS,
  readCalicoPool,
  readIpamConfiguration,
  readIpReservation,
} from '../../src/dialect/calico.ts';
import { CALICO_FINALIZER } from '../../src/dialect/calico-admission.ts';
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import { parseAddress } from '../../src/net/address.ts';
import { formatCidr } from '../../src/net/cidr.ts';
import { AdmissionWorld } from '../support/admission-world.ts';
import { errorOf } from '../support/error-of.ts';

type Spec = Record<string, unknown>;

function calico(kind: string, name: string, spec: unknown): KubeObject {
  return { apiVersion: 'projectcalico.org/v3', kind, metadata: { name }, spec };
}

function pool(spec: Spec, name = 'p'): KubeObject {
  return calico('IPPool', name, { cidr: '10.64.0.0/20', ...spec });
}

const CIDR_GUIDE = 'cannot be changed; follow IP pool migration guide to avoid corruption.';

describe('Calico IPPool admission', () => {
  test('fills in what calicoctl fills in', () => {
    const { object } = new AdmissionWorld().apply(pool({}));
    expect(object.spec).toEqual({
      cidr: '10.64.0.0/20',
      blockSize: 26,
      ipipMode: 'Never',
      vxlanMode: 'Never',
      nodeSelector: 'all()',
      allowedUses: ['Workload', 'Tunnel'],
      assignmentMode: 'Automatic',
    });
    expect(object.metadata.finalizers).toEqual([CALICO_FINALIZER]);
  });

  test('fills in blocks of 64 for IPv6, and treats 0, "" and [] as not set', () => {
    const { object } = new AdmissionWorld().apply(
      pool({
        cidr: 'FD00:0::/64',
        blockSize: 0,
        ipipMode: '',
        nodeSelector: '',
        allowedUses: [],
        assignmentMode: null,
      }),
    );
    expect(object.spec).toMatchObject({
      cidr: 'fd00::/64',
      blockSize: 122,
      ipipMode: 'Never',
      nodeSelector: 'all()',
      allowedUses: ['Workload', 'Tunnel'],
      assignmentMode: 'Automatic',
    });
  });

  test("takes the seed's pools and says what natOutgoing does", () => {
    const spec = { blockSize: 26, ipipMode: 'Never', natOutgoing: true, vxlanMode: 'CrossSubnet' };
    const world = new AdmissionWorld();
    expect(world.apply(pool(spec, 'external-pool')).warnings).toEqual([
      'spec.natOutgoing: true is kept and shown, but no address is translated yet',
    ]);
    world.apply(pool({ ...spec, cidr: '10.64.16.0/20' }, 'internal-pool'));
    expect(world.pools.size).toBe(2);
  });

  const refused: { name: string; spec: Spec; fault: string }[] = [
    {
      name: 'no CIDR',
      spec: { cidr: undefined },
      fault: 'spec.cidr: Required value: IPPool CIDR must be specified',
    },
    {
      name: 'a CIDR that is none',
      spec: { cidr: '10.64.0.0' },
      fault: 'spec.cidr: Invalid value: "10.64.0.0": IPPool CIDR must be a valid subnet',
    },
    {
      name: 'a CIDR that is a number',
      spec: { cidr: 10 },
      fault:
        'spec.cidr: Invalid value: "integer": spec.cidr in body must be of type string: "integer"',
    },
    {
      name: 'host bits',
      spec: { cidr: '10.64.0.1/20' },
      fault: 'spec.cidr: Invalid value: "10.64.0.1/20": IPPool CIDR must be strictly masked',
    },
    {
      name: 'link-local IPv4',
      spec: { cidr: '169.254.1.0/24' },
      fault:
        'spec.cidr: Invalid value: "169.254.1.0/24": IPPool CIDR overlaps with IPv4 link local range 169.254.0.0/16',
    },
    {
      name: 'link-local IPv6',
      spec: { cidr: 'fe80::/64' },
      fault:
        'spec.cidr: Invalid value: "fe80::/64": IPPool CIDR overlaps with IPv6 link local range fe80::/10',
    },
    {
      name: 'blocks beyond /32',
      spec: { blockSize: 33 },
      fault:
        'spec.blockSize: Invalid value: 33: blockSize must be between 20 and 32 for IPv4 pools, and between 116 and 128 for IPv6 pools',
    },
    {
      name: 'IPv4 blocks in an IPv6 pool',
      spec: { cidr: 'fd00::/64', blockSize: 26 },
      fault:
        'spec.blockSize: Invalid value: 26: blockSize must be between 20 and 32 for IPv4 pools, and between 116 and 128 for IPv6 pools',
    },
    {
      name: 'blocks of half an address',
      spec: { blockSize: 26.5 },
      fault:
        'spec.blockSize: Invalid value: "number": spec.blockSize in body must be of type integer: "number"',
    },
    {
      name: 'a pool smaller than its block',
      spec: { cidr: '10.64.0.0/28' },
      fault:
        'spec.cidr: Invalid value: "10.64.0.0/28": IP pool size is too small for use with Calico IPAM. It must be equal to or greater than the block size.',
    },
    {
      name: 'both encapsulations',
      spec: { ipipMode: 'Always', vxlanMode: 'CrossSubnet' },
      fault: 'spec: Forbidden: ipipMode and vxlanMode cannot both be enabled',
    },
    {
      name: 'IPIP over IPv6',
      spec: { cidr: 'fd00::/64', ipipMode: 'Always' },
      fault: 'spec.ipipMode: Forbidden: IPIP is not supported on IPv6 pools',
    },
    {
      name: 'an unknown mode',
      spec: { vxlanMode: 'Sometimes' },
      fault:
        'spec.vxlanMode: Unsupported value: "Sometimes": supported values: "Never", "Always", "CrossSubnet"',
    },
    {
      name: 'an unknown assignment mode',
      spec: { assignmentMode: 'auto' },
      fault:
        'spec.assignmentMode: Unsupported value: "auto": supported values: "Automatic", "Manual"',
    },
    {
      name: 'an unknown use',
      spec: { allowedUses: ['Workload', 'Pods'] },
      fault: 'spec.allowedUses[1]: Invalid value: "Pods": unknown use: Pods',
    },
    {
      name: 'a use stated twice',
      spec: { allowedUses: ['Workload', 'Workload'] },
      fault: 'spec.allowedUses[1]: Duplicate value: "Workload"',
    },
    {
      name: 'a load balancer pool that is encapsulated',
      spec: { allowedUses: ['LoadBalancer'], vxlanMode: 'Always' },
      fault: 'spec: Forbidden: LoadBalancer IP pool cannot have IPIP or VXLAN enabled',
    },
    {
      name: 'a load balancer pool for workloads too',
      spec: { allowedUses: ['LoadBalancer', 'Workload'] },
      fault:
        'spec.allowedUses: Forbidden: LoadBalancer cannot be combined with Workload or Tunnel allowed uses',
    },
    {
      name: 'a load balancer pool kept from BGP',
      spec: { allowedUses: ['LoadBalancer'], disableBGPExport: true },
      fault: 'spec.disableBGPExport: Forbidden: LoadBalancer IP pools cannot disable BGP export',
    },
    {
      name: 'a load balancer pool for some nodes',
      spec: { allowedUses: ['LoadBalancer'], nodeSelector: "zone == 'a'" },
      fault:
        'spec.nodeSelector: Invalid value: "zone == \'a\'": IP Pool with AllowedUse LoadBalancer must have nodeSelector set to all()',
    },
    {
      name: 'a namespace selector on a pool for tunnels',
      spec: { namespaceSelector: "team == 'a'" },
      fault:
        'spec.namespaceSelector: Forbidden: IP Pool with AllowedUse Tunnel cannot have namespaceSelector',
    },
    {
      name: 'global() for nodes',
      spec: { nodeSelector: 'global()' },
      fault:
        'spec.nodeSelector: Invalid value: "global()": global() selector is not valid for IPPool nodeSelector',
    },
    {
      name: 'global() for namespaces',
      spec: { allowedUses: ['Workload'], namespaceSelector: 'global()' },
      fault:
        'spec.namespaceSelector: Invalid value: "global()": global() selector is not valid for IPPool namespaceSelector',
    },
    {
      name: 'a selector that is none',
      spec: { nodeSelector: "zone = 'a'" },
      fault: 'spec.nodeSelector: Invalid value: "zone = \'a\'": expected ==',
    },
    {
      name: 'a selector beyond 1024 characters',
      spec: { nodeSelector: `zone == '${'a'.repeat(1024)}'` },
      fault: 'spec.nodeSelector: Too long: may not be more than 1024 bytes',
    },
    {
      name: 'a field that Calico does not have',
      spec: { natOutgoin: true },
      fault:
        'strict decoding error: unknown field "spec.natOutgoin", did you mean "spec.natOutgoing"?',
    },
    {
      name: 'two faults at once',
      spec: { blockSize: 33, assignmentMode: 'auto' },
      fault:
        '[spec.assignmentMode: Unsupported value: "auto": supported values: "Automatic", "Manual", spec.blockSize: Invalid value: 33: blockSize must be between 20 and 32 for IPv4 pools, and between 116 and 128 for IPv6 pools]',
    },
  ];
  test.each(refused)('refuses $name', ({ spec, fault }) => {
    const error = errorOf(() => new AdmissionWorld().apply(pool(spec)));
    expect(error.code).toBe('OBJECT_INVALID');
    expect(error.message).toBe(`IPPool.projectcalico.org "p" is invalid: ${fault}`);
  });

  const accepted: { name: string; spec: Spec }[] = [
    {
      name: 'a disabled pool smaller than its block',
      spec: { cidr: '10.64.0.0/28', disabled: true },
    },
    { name: 'a pool as large as its block', spec: { cidr: '10.64.0.0/26' } },
    { name: 'one address', spec: { cidr: '10.64.0.7/32', blockSize: 32 } },
    { name: 'a load balancer pool', spec: { allowedUses: ['LoadBalancer'] } },
    {
      name: 'a namespace selector on a pool for workloads alone',
      spec: { allowedUses: ['Workload'], namespaceSelector: "team in {'a', 'b'}" },
    },
    { name: 'VXLAN over IPv6', spec: { cidr: 'fd00::/48', vxlanMode: 'Always' } },
  ];
  test.each(accepted)('accepts $name', ({ spec }) => {
    expect(() => new AdmissionWorld().apply(pool(spec))).not.toThrow();
  });
});

describe('Calico IPPool admission of an edit', () => {
  const cases: { name: string; before?: Spec; after: Spec; fault: string | undefined }[] = [
    { name: 'disabling', after: { disabled: true }, fault: undefined },
    { name: 'another selector', after: { nodeSelector: 'has(zone)' }, fault: undefined },
    {
      name: 'the same network spelt otherwise',
      before: { cidr: 'fd00::/64' },
      after: { cidr: 'FD00:0:0::/64' },
      fault: undefined,
    },
    {
      name: 'another network',
      after: { cidr: '10.64.0.0/19' },
      fault: `spec.cidr: Invalid value: "10.64.0.0/19": CIDR ${CIDR_GUIDE}`,
    },
    {
      name: 'another block size',
      after: { blockSize: 27 },
      fault: `spec.blockSize: Invalid value: 27: Block size ${CIDR_GUIDE}`,
    },
    {
      name: 'a load balancer pool turned to workloads',
      before: { allowedUses: ['LoadBalancer'] },
      after: { allowedUses: ['Workload'] },
      fault:
        'spec.allowedUses: Invalid value: ["Workload"]: IPPool allowed use cannot be changed from LoadBalacer to Workload or Tunnel',
    },
  ];
  test.each(cases)('$name', ({ before, after, fault }) => {
    const world = new AdmissionWorld();
    world.apply(pool(before ?? {}));
    const edit = () => world.apply(pool({ ...before, ...after }));
    if (fault === undefined) expect(edit).not.toThrow();
    else expect(errorOf(edit).message).toBe(`IPPool.projectcalico.org "p" is invalid: ${fault}`);
  });
});

describe('Calico IPPool overlap', () => {
  const cases: { name: string; other: KubeObject; text: string | undefined }[] = [
    {
      name: 'with another Calico pool',
      other: pool({ cidr: '10.64.0.0/16' }, 'wide'),
      text: 'IPPool(p) CIDR overlaps with IPPool(wide) CIDR 10.64.0.0/16',
    },
    {
      name: 'with a disabled Calico pool',
      other: pool({ cidr: '10.64.15.0/24', disabled: true }, 'off'),
      text: 'IPPool(p) CIDR overlaps with IPPool(off) CIDR 10.64.15.0/24',
    },
    { name: 'with a neighbour', other: pool({ cidr: '10.64.16.0/20' }, 'next'), text: undefined },
    {
      name: 'with addresses of a SpiderIPPool',
      other: {
        apiVersion: 'spiderpool.spidernet.io/v2beta1',
        kind: 'SpiderIPPool',
        metadata: { name: 'spider' },
        spec: { subnet: '10.64.0.0/16', ips: ['10.64.3.1-10.64.3.9'] },
      },
      text: 'IPPool(p) CIDR overlaps with SpiderIPPool(spider) CIDR 10.64.0.0/16',
    },
    {
      name: 'with the subnet of a SpiderIPPool whose addresses lie elsewhere',
      other: {
        apiVersion: 'spiderpool.spidernet.io/v2beta1',
        kind: 'SpiderIPPool',
        metadata: { name: 'spider' },
        spec: { subnet: '10.64.0.0/16', ips: ['10.64.200.1-10.64.200.9'] },
      },
      text: undefined,
    },
  ];
  test.each(cases)('$name', ({ other, text }) => {
    const world = new AdmissionWorld();
    world.apply(other);
    const create = () => world.apply(pool({}));
    if (text === undefined) expect(create).not.toThrow();
    else {
      const fault = `spec.cidr: Invalid value: "10.64.0.0/20": ${text}`;
      expect(errorOf(create).message).toBe(`IPPool.projectcalico.org "p" is invalid: ${fault}`);
    }
  });
});

describe('readCalicoPool', () => {
  const read = (object: KubeObject, config = CALICO_IPAM_DEFAULTS) =>
    readCalicoPool(object, config);

  test('reads a raw object with its defaults', () => {
    const found = read(pool({}));
    expect(found).toMatchObject({
      dialect: 'calico',
      name: 'p',
      family: 4,
      gateway: undefined,
      isDefault: false,
      disabled: false,
      terminating: false,
      node: { kind: 'any' },
      namespace: { kind: 'any' },
      pod: { kind: 'any' },
      restMs: undefined,
      calico: {
        blockSize: 26,
        unitRules: { strictAffinity: false, autoAllocateBlocks: true, maxBlocksPerHost: 20 },
        allowedUses: ['Workload', 'Tunnel'],
        assignmentMode: 'Automatic',
        natOutgoing: false,
        ipipMode: 'Never',
        vxlanMode: 'Never',
        disableBGPExport: false,
        nodeSelectorText: 'all()',
        namespaceSelectorText: '',
      },
    });
    expect(formatCidr(found.subnet)).toBe('10.64.0.0/20');
    expect(found.ranges.format()).toEqual(['10.64.0.0-10.64.15.255']);
  });

  test('reads selectors into affinities', () => {
    const found = read(pool({ nodeSelector: "zone == 'a'", namespaceSelector: 'has(team)' }));
    expect(found.node).toMatchObject({ kind: 'selector', selector: { kind: 'requirements' } });
    expect(found.namespace).toMatchObject({ kind: 'selector' });
  });

  test("takes the rest from Calico's own setting", () => {
    const config = readIpamConfiguration(
      calico('IPAMConfiguration', 'default', { ipCooldownSeconds: 90 }),
    );
    expect(read(pool({}), config).restMs).toBe(90_000);
  });

  test('is disabled where the status says that nothing may be allocated', () => {
    const conditions = [{ type: 'Allocatable', status: 'False', reason: 'CIDROverlap' }];
    expect(read({ ...pool({}), status: { conditions } }).disabled).toBe(true);
  });

  test.each(['PoolDisabled', 'Terminating'])(
    'goes by what it says itself where the status still has an earlier %s',
    (reason) => {
      const conditions = [{ type: 'Allocatable', status: 'False', reason }];
      expect(read({ ...pool({}), status: { conditions } }).disabled).toBe(false);
    },
  );

  test('leaves IPv4 out of an IPv6 network that covers its place', () => {
    const found = read(pool({ cidr: '::/8' }));
    expect(found.ranges.has(parseAddress('10.0.0.1')!)).toBe(false);
    expect(found.ranges.has(parseAddress('::1:0:0:1')!)).toBe(true);
  });

  test('names the object and the field that it cannot read', () => {
    expect(errorOf(() => read(pool({ cidr: 'x' }))).message).toBe(
      'IPPool.projectcalico.org "p" is invalid: spec.cidr: Invalid value: "x": IPPool CIDR must be a valid subnet',
    );
  });
});

describe('Calico IPReservation', () => {
  const reservation = (reservedCIDRs: unknown) => calico('IPReservation', 'r', { reservedCIDRs });

  test('holds networks and bare addresses of both families, each for itself', () => {
    const object = reservation(['10.64.0.0/30', '10.64.0.9', 'fd00::/127', '10.64.0.17/31']);
    expect(readIpReservation(object, 4).format()).toEqual([
      '10.64.0.0-10.64.0.3',
      '10.64.0.9',
      '10.64.0.16-10.64.0.17',
    ]);
    expect(readIpReservation(object, 6).format()).toEqual(['fd00::-fd00::1']);
  });

  test('leaves out what it cannot read', () => {
    expect(readIpReservation(reservation(['x', '10.64.0.9']), 4).format()).toEqual(['10.64.0.9']);
  });

  const refused: { name: string; value: unknown; fault: string }[] = [
    {
      name: 'a range',
      value: ['10.64.0.1', '10.64.0.1-10.64.0.9'],
      fault:
        'spec.reservedCIDRs[1]: Invalid value: "10.64.0.1-10.64.0.9": must be an IP address or a CIDR',
    },
    {
      name: 'a number',
      value: [1],
      fault:
        'spec.reservedCIDRs[0]: Invalid value: "integer": spec.reservedCIDRs[0] in body must be of type string: "integer"',
    },
    {
      name: 'more entries than a pool may have ranges',
      value: Array(10_001).fill('10.0.0.1'),
      fault: 'spec.reservedCIDRs: Too many: 10001: must have at most 10000 items',
    },
  ];
  test.each(refused)('is refused for $name', ({ value, fault }) => {
    expect(errorOf(() => new AdmissionWorld().apply(reservation(value))).message).toBe(
      `IPReservation.projectcalico.org "r" is invalid: ${fault}`,
    );
  });
});

describe('Calico IPAMConfiguration', () => {
  const configuration = (spec: Spec, name = 'default') => calico('IPAMConfiguration', name, spec);

  test('is read with its defaults', () => {
    expect(readIpamConfiguration(undefined)).toEqual(CALICO_IPAM_DEFAULTS);
    expect(readIpamConfiguration(configuration({}))).toEqual(CALICO_IPAM_DEFAULTS);
    expect(
      readIpamConfiguration(
        configuration({ strictAffinity: true, maxBlocksPerHost: 4, ipCooldownSeconds: 0 }),
      ),
    ).toEqual({ strictAffinity: true, autoAllocateBlocks: true, maxBlocksPerHost: 4, restMs: 0 });
  });

  test('is stored with its defaults', () => {
    const { object } = new AdmissionWorld().apply(configuration({}));
    expect(object.spec).toEqual({
      strictAffinity: false,
      autoAllocateBlocks: true,
      maxBlocksPerHost: 0,
    });
  });

  const refused: { name: string; object: KubeObject; fault: string }[] = [
    {
      name: 'another name',
      object: configuration({}, 'mine'),
      fault:
        'metadata.name: Invalid value: "mine": Cannot create an IPAMConfiguration resource with a name other than "default"',
    },
    {
      name: 'blocks that nobody could ever get',
      object: configuration({ strictAffinity: false, autoAllocateBlocks: false }),
      fault:
        "spec.autoAllocateBlocks: Forbidden: Cannot disable 'StrictAffinity' and 'AutoAllocateBlocks' at the same time",
    },
    {
      name: 'a cap without strictness',
      object: configuration({ maxBlocksPerHost: 4 }),
      fault:
        'spec.maxBlocksPerHost: Forbidden: MaxBlocksPerHost requires StrictAffinity to be enabled',
    },
    {
      name: 'too high a cap',
      object: configuration({ strictAffinity: true, maxBlocksPerHost: 1_000_001 }),
      fault:
        'spec.maxBlocksPerHost: Invalid value: 1000001: spec.maxBlocksPerHost in body should be less than or equal to 1000000',
    },
    {
      name: 'a negative rest',
      object: configuration({ ipCooldownSeconds: -1 }),
      fault:
        'spec.ipCooldownSeconds: Invalid value: -1: spec.ipCooldownSeconds in body should be greater than or equal to 0',
    },
    {
      name: 'a rest beyond 20 minutes',
      object: configuration({ ipCooldownSeconds: 1201 }),
      fault:
        'spec.ipCooldownSeconds: Invalid value: 1201: spec.ipCooldownSeconds in body should be less than or equal to 1200',
    },
    {
      name: 'text for a switch',
      object: configuration({ strictAffinity: 'true' }),
      fault:
        'spec.strictAffinity: Invalid value: "string": spec.strictAffinity in body must be of type boolean: "string"',
    },
  ];
  test.each(refused)('is refused for $name', ({ object, fault }) => {
    const { name } = object.metadata;
    expect(errorOf(() => new AdmissionWorld().apply(object)).message).toBe(
      `IPAMConfiguration.projectcalico.org "${name}" is invalid: ${fault}`,
    );
  });
});
