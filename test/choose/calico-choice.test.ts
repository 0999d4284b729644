import { describe, expect, test } from 'vitest';
import { choose } from '../../src/choose/choose.ts';
import { addressTakenError, exhaustedError } from '../../src/choose/messages.ts';
import { formatAddress } from '../../src/net/address.ts';
import { errorOf } from '../support/error-of.ts';
import { calicoPool, calicoSelector } from '../support/pools.ts';
import { catalogOf, confOf, type SubjectFields, subjectOf } from '../support/subjects.ts';

const KEY = 'cni.projectcalico.org/';
type Pools = Parameters<typeof catalogOf>[0];

const external = calicoPool('external-pool', '10.64.0.0/20');
const internal = calicoPool('internal-pool', '10.64.16.0/20');
const six = calicoPool('six', 'fd00::/64');

function chosen(pools: Pools, fields: SubjectFields) {
  return choose(catalogOf(pools), confOf(), subjectOf({ calledAs: 'calico-ipam', ...fields }));
}

function refused(pools: Pools, fields: SubjectFields) {
  return errorOf(() => chosen(pools, fields));
}

function candidates(pools: Pools, fields: SubjectFields) {
  const [first] = chosen(pools, fields).interfaces;
  return Object.fromEntries(
    first!.families.map((family) => [family.family, family.candidates.map((pool) => pool.name)]),
  );
}

const annotated = (texts: Record<string, string>) => ({
  annotations: Object.fromEntries(Object.entries(texts).map(([key, text]) => [KEY + key, text])),
});

describe('the seed of pools per namespace', () => {
  const namespace = annotated({ ipv4pools: '["external-pool"]' });

  test('a pod of the namespace gets its pool', () => {
    expect(candidates([external, internal], { namespace })).toEqual({ 4: ['external-pool'] });
    expect(candidates([external, internal], { namespace, calledAs: 'orbweaver' })).toEqual({
      4: ['external-pool'],
    });
  });

  test('a disabled pool is refused in the seed’s words', () => {
    expect(refused([{ ...external, disabled: true }, internal], { namespace })).toMatchObject({
      code: 'NO_POOL_AVAILABLE',
      message: 'the given pool (10.64.0.0/20) does not exist, or is not enabled',
      details:
        'the pool is named by Calico namespace annotation; external-pool: the pool is disabled',
    });
  });
});

describe('a list of pools', () => {
  test.each([
    ['by name', '["internal-pool","external-pool"]', ['internal-pool', 'external-pool']],
    ['by CIDR', '["10.64.16.0/20"]', ['internal-pool']],
    [
      'mixed, each pool once',
      '["10.64.0.0/20","external-pool","internal-pool"]',
      ['external-pool', 'internal-pool'],
    ],
  ])('%s is tried in the order written', (_name, ipv4pools, expected) => {
    expect(candidates([external, internal], { pod: annotated({ ipv4pools }) })).toEqual({
      4: expected,
    });
  });

  test('bypasses selectors and Manual mode', () => {
    const pools = [
      calicoPool('manual', '10.0.0.0/24', { calico: { assignmentMode: 'Manual' } }),
      calicoPool('elsewhere', '10.0.1.0/24', { node: calicoSelector("rack == 'b'") }),
    ];
    const pod = annotated({ ipv4pools: '["manual","elsewhere"]' });
    expect(candidates(pools, { pod })).toEqual({ 4: ['manual', 'elsewhere'] });
  });

  const tunnel = calicoPool('tunnel', '10.0.2.0/24', { calico: { allowedUses: ['Tunnel'] } });
  test.each([
    [
      'with a CIDR that no pool has',
      [external],
      '["10.99.0.0/24"]',
      'POOL_UNKNOWN',
      'the given pool (10.99.0.0/24) does not exist, or is not enabled',
    ],
    [
      'with a name that no pool has',
      [external],
      '["nope"]',
      'POOL_UNKNOWN',
      'error parsing pool "nope": invalid CIDR address: nope',
    ],
    [
      'with a missing pool behind a good one',
      [external],
      '["external-pool","10.99.0.0/24"]',
      'POOL_UNKNOWN',
      'the given pool (10.99.0.0/24) does not exist, or is not enabled',
    ],
    [
      'of the other family',
      [external, six],
      '["fd00::/64"]',
      'ANNOTATION_INVALID',
      '"fd00::" isn\'t a IPv4 address',
    ],
    [
      'where no pool is enabled',
      [{ ...external, disabled: true }],
      '["external-pool"]',
      'NO_POOL_AVAILABLE',
      'cannot find a qualified ippool',
    ],
    [
      'of pools for another use',
      [tunnel, external],
      '["tunnel"]',
      'NO_POOL_AVAILABLE',
      'cannot find a qualified ippool, no pools match the required use (Workload)',
    ],
    [
      'of a pool that is being deleted',
      [{ ...external, terminating: true }, internal],
      '["external-pool"]',
      'NO_POOL_AVAILABLE',
      'the given pool (10.64.0.0/20) does not exist, or is not enabled',
    ],
  ] as const)('%s is refused', (_name, pools, ipv4pools, code, message) => {
    const error = refused(pools, { pod: annotated({ ipv4pools }) });
    expect(error).toMatchObject({ code, message });
    expect(error.row.cni).toBe(7);
  });

  test('of the config with the wrong family is the config’s fault', () => {
    expect(refused([external, six], { wishes: { ipv4Pools: ['six'] } }).code).toBe(
      'CONFIG_INVALID',
    );
  });
});

describe('without a list', () => {
  test('enabled Automatic pools whose selectors match are tried in the order of names', () => {
    const pools = [
      calicoPool('d', '10.0.0.0/24'),
      calicoPool('b', '10.0.1.0/24', { node: calicoSelector("rack contains 'a'") }),
      calicoPool('a', '10.0.2.0/24', { namespace: calicoSelector("team == 'x' || team == 'y'") }),
      calicoPool('c-disabled', '10.0.3.0/24', { disabled: true }),
      calicoPool('c-manual', '10.0.4.0/24', { calico: { assignmentMode: 'Manual' } }),
      calicoPool('c-use', '10.0.5.0/24', { calico: { allowedUses: ['LoadBalancer'] } }),
      calicoPool('c-node', '10.0.6.0/24', { node: calicoSelector("rack == 'b'") }),
    ];
    const fields = {
      node: { labels: { rack: 'row-a' } },
      namespace: { labels: { team: 'y' } },
    };
    expect(candidates(pools, fields)).toEqual({ 4: ['a', 'b', 'd'] });
    const [family] = chosen(pools, fields).interfaces[0]!.families;
    expect(family!.rejections().map(({ pool, cause }) => [pool, cause])).toEqual([
      ['c-disabled', 'disabled'],
      ['c-manual', 'mode'],
      ['c-node', 'node'],
      ['c-use', 'use'],
    ]);
  });

  test.each([
    ['no pool at all', [], 'cannot find a qualified ippool'],
    ['only disabled pools', [{ ...external, disabled: true }], 'cannot find a qualified ippool'],
    [
      'no pool for the node',
      [{ ...external, node: calicoSelector("rack == 'b'") }],
      'no configured Calico pools for node worker',
    ],
    [
      'only pools for another use',
      [calicoPool('t', '10.0.0.0/24', { calico: { allowedUses: ['Tunnel'] } })],
      'cannot find a qualified ippool, no pools match the required use (Workload)',
    ],
  ])('%s is refused', (_name, pools, message) => {
    expect(refused(pools, {})).toMatchObject({ code: 'NO_POOL_AVAILABLE', message });
  });

  test('the details name the selector and the label', () => {
    const error = refused([{ ...external, node: calicoSelector("rack == 'b'") }], {});
    expect(error.details).toBe(
      "external-pool: the pool's nodeSelector does not select the node " +
        '(node worker: label rack is missing, wanted In [b])',
    );
  });
});

describe('families', () => {
  const pools = [external, six];
  test.each([
    ['IPv4 alone where nothing is said', {}, { 4: ['external-pool'] }],
    ['both by the config', { wishes: { assignIpv6: true } }, { 4: ['external-pool'], 6: ['six'] }],
    [
      'IPv6 alone by the config',
      { wishes: { assignIpv4: false, assignIpv6: true } },
      { 6: ['six'] },
    ],
    [
      'both by the pod',
      { pod: annotated({ ipFamilies: '["IPv4","IPv6"]' }) },
      { 4: ['external-pool'], 6: ['six'] },
    ],
    [
      'the pod’s before the namespace’s',
      {
        pod: annotated({ ipFamilies: '["IPv6"]' }),
        namespace: annotated({ ipFamilies: '["IPv4"]' }),
      },
      { 6: ['six'] },
    ],
    [
      'the namespace’s before the config’s',
      { namespace: annotated({ ipFamilies: '["IPv6"]' }), wishes: { assignIpv4: true } },
      { 6: ['six'] },
    ],
  ])('are %s', (_name, fields, expected) => {
    expect(candidates(pools, fields)).toEqual(expected);
  });

  test('a config that asks for none is refused', () => {
    const error = refused(pools, { wishes: { assignIpv4: false, assignIpv6: false } });
    expect(error.code).toBe('UNSUPPORTED_REQUEST');
  });
});

describe('an address asked for by number', () => {
  test('by annotation ignores lists and selectors, and asks for no other family', () => {
    const pools = [{ ...external, node: calicoSelector("rack == 'b'") }, internal, six];
    const pod = annotated({ ipAddrs: '["10.64.0.7"]', ipv4pools: '["internal-pool"]' });
    const [item] = chosen(pools, { pod, wishes: { assignIpv6: true } }).interfaces;
    expect(item!.families).toHaveLength(1);
    expect(item!.families[0]).toMatchObject({ road: 'cni.projectcalico.org/ipAddrs' });
    expect(formatAddress(item!.families[0]!.requested!)).toBe('10.64.0.7');
    expect(item!.families[0]!.candidates.map((pool) => pool.name)).toEqual(['external-pool']);
  });

  test('by the call goes the same way', () => {
    const [item] = chosen([external, internal], { addresses: ['10.64.16.9'] }).interfaces;
    expect(item!.families[0]!.candidates.map((pool) => pool.name)).toEqual(['internal-pool']);
  });

  const tunnel = calicoPool('tunnel', '10.0.2.0/24', { calico: { allowedUses: ['Tunnel'] } });
  test.each([
    ['outside every pool', '10.99.0.1', 'The provided IP address is not in a configured pool\n'],
    ['in a disabled pool', '10.98.0.1', 'The provided IP address is not in a configured pool\n'],
    [
      'in a pool for another use',
      '10.0.2.1',
      'IP address 10.0.2.1 is in IP pool "tunnel", which is not allowed for use "Workload" (allowedUses: [Tunnel])',
    ],
  ])('%s is refused', (_name, address, text) => {
    const pools = [external, tunnel, calicoPool('off', '10.98.0.0/24', { disabled: true })];
    expect(refused(pools, { addresses: [address] })).toMatchObject({
      code: 'ADDRESS_TAKEN',
      message: text,
    });
    expect(refused(pools, { pod: annotated({ ipAddrs: `["${address}"]` }) }).message).toBe(
      `error getting IP from IPAM: ${text}`,
    );
  });

  test('that is held already is refused in Calico’s words', () => {
    const choice = chosen([external], { addresses: ['10.64.0.7'] });
    const [item] = choice.interfaces;
    expect(addressTakenError(choice, item!, item!.families[0]!, 'pod a/b')).toMatchObject({
      code: 'ADDRESS_TAKEN',
      message: 'Address already assigned in block',
      details: '10.64.0.7, asked for by runtimeConfig.ips, is held by pod a/b',
    });
  });
});

test('full pools are told in Calico’s words', () => {
  const choice = chosen([external, internal], {});
  const [item] = choice.interfaces;
  const family = item!.families[0]!;
  expect(exhaustedError(choice, item!, family, []).message).toBe(
    'failed to request IPv4 addresses: Assigned 0 out of 1 requested IPv4 addresses; ' +
      'No IPs available in pools: [10.64.0.0/20 10.64.16.0/20]',
  );
  const strict = 'No more free affine blocks and strict affinity enabled';
  expect(exhaustedError(choice, item!, family, [], strict).message).toBe(
    `failed to request IPv4 addresses: Assigned 0 out of 1 requested IPv4 addresses; ${strict}`,
  );
});
