import { describe, expect, test } from 'vitest';
import type { PodView } from '../../src/choose/subject.ts';
import type { Pool } from '../../src/dialect/pool.ts';
import { readSpiderPool } from '../../src/dialect/spiderpool.ts';
import type { Claim } from '../../src/ipam/ports.ts';
import { parseAddress } from '../../src/net/address.ts';
import { endpointOf } from '../../src/projection/endpoint.ts';

const FORM = { apiVersion: 'spiderpool.spidernet.io/v2beta1', kind: 'SpiderEndpoint' };

function pool(name: string, spec: object): Pool {
  return readSpiderPool({ ...FORM, kind: 'SpiderIPPool', metadata: { name }, spec });
}

const POOLS = new Map(
  [
    pool('v4', {
      ipVersion: 4,
      subnet: '172.18.40.0/24',
      ips: ['172.18.40.2-172.18.40.9'],
      gateway: '172.18.40.1',
      routes: [{ dst: '10.0.0.0/8', gw: '172.18.40.254' }],
    }),
    pool('v6', { ipVersion: 6, subnet: 'fd00::/64', ips: ['fd00::2-fd00::9'] }),
  ].map((one) => [one.name, one]),
);

function claim(address: string, poolName: string, interfaceName: string, order: number): Claim {
  return {
    state: 'claimed',
    address: parseAddress(address)!,
    pool: poolName,
    node: 'node1',
    owner: { namespace: 'shop', pod: 'web-0', uid: 'u1' },
    attachment: { network: 'net', containerId: 'c1', interfaceName },
    ahead: false,
    order,
    claimedAt: Date.parse('2026-01-02T03:04:05.678Z') + order,
    nonce: address,
  };
}

const POD: PodView = {
  namespace: 'shop',
  name: 'web-0',
  uid: 'u1',
  node: 'node1',
  labels: {},
  annotations: {},
  dead: false,
  controller: { kind: 'StatefulSet', name: 'web' },
};

const poolOf = (one: Claim) => POOLS.get(one.pool);

describe('endpoint', () => {
  test('has one element for each interface with both families', () => {
    const claims = [
      claim('172.18.40.2', 'v4', 'eth0', 0),
      claim('fd00::2', 'v6', 'eth0', 0),
      claim('172.18.40.3', 'v4', 'net1', 1),
    ];
    const route = { dst: '10.0.0.0/8', gw: '172.18.40.254' };
    expect(endpointOf(FORM, claims, POD, poolOf)).toEqual({
      ...FORM,
      metadata: {
        name: 'web-0',
        namespace: 'shop',
        creationTimestamp: '2026-01-02T03:04:05Z',
        ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'web-0', uid: 'u1' }],
      },
      status: {
        current: {
          uid: 'u1',
          node: 'node1',
          ips: [
            {
              interface: 'eth0',
              ipv4: '172.18.40.2/24',
              ipv4Pool: 'v4',
              ipv4Gateway: '172.18.40.1',
              vlan: 0,
              routes: [route],
              ipv6: 'fd00::2/64',
              ipv6Pool: 'v6',
            },
            {
              interface: 'net1',
              ipv4: '172.18.40.3/24',
              ipv4Pool: 'v4',
              ipv4Gateway: '172.18.40.1',
              vlan: 0,
              routes: [route],
            },
          ],
        },
        ownerControllerType: 'StatefulSet',
        ownerControllerName: 'web',
      },
    });
  });

  test('of a pod that was not applied is its own controller, and keeps a deleted pool by name', () => {
    const endpoint = endpointOf(FORM, [claim('172.18.40.2', 'gone', 'eth0', 0)], undefined, poolOf);
    expect(endpoint.metadata.ownerReferences).toBeUndefined();
    expect(endpoint.status).toMatchObject({
      current: { ips: [{ ipv4: '172.18.40.2/32', ipv4Pool: 'gone' }] },
      ownerControllerType: 'Pod',
      ownerControllerName: 'web-0',
    });
  });

  test('keeps interfaces without a name apart', () => {
    const claims = [claim('172.18.40.2', 'v4', '', 0), claim('172.18.40.3', 'v4', '', 1)];
    const { current } = endpointOf(FORM, claims, POD, poolOf).status as {
      current: { ips: unknown[] };
    };
    expect(current.ips).toHaveLength(2);
  });

  test('has the pod’s own routes on the first interface whose subnet holds the gateway', () => {
    const claims = [
      claim('172.18.40.2', 'v4', 'eth0', 0),
      claim('fd00::2', 'v6', 'eth0', 0),
      claim('172.18.40.3', 'v4', 'net1', 1),
    ];
    const annotated = (text: string) => ({
      ...POD,
      annotations: { 'ipam.spidernet.io/routes': text },
    });
    const routesOf = (pod: PodView) => {
      const { current } = endpointOf(FORM, claims, pod, poolOf).status as {
        current: { ips: { routes: unknown[] }[] };
      };
      return current.ips.map(({ routes }) => routes);
    };
    const own = { dst: '10.0.0.0/8', gw: '172.18.40.254' };
    const four = { dst: '192.168.0.0/16', gw: '172.18.40.253' };
    const six = { dst: 'fd01::/64', gw: 'fd00::fe' };
    const elsewhere = { dst: '192.168.0.0/16', gw: '10.1.1.1' };
    expect(routesOf(annotated(JSON.stringify([six, elsewhere, four])))).toEqual([
      [own, four, six],
      [own],
    ]);
    expect(routesOf(annotated('[{"dst":'))).toEqual([[own], [own]]);
  });
});
