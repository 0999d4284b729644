import { expect, test } from 'vitest';
import { poolManifest } from '../process/pools.ts';
import { Machine } from '../support/machine.ts';

const POOL = poolManifest({ name: 'four', subnet: '10.1.0.0/24', ips: ['10.1.0.10-10.1.0.19'] });
const ROUTE = { dst: '172.30.0.0/16', gw: '10.1.0.9' };

test('a custom route goes to the first interface of the subnet of its gateway', async () => {
  const items = ['eth0', 'net1'].map((name) => ({ interface: name, ipv4: ['four'] }));
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'web',
      namespace: 'default',
      annotations: {
        'ipam.spidernet.io/ippools': JSON.stringify(items),
        'ipam.spidernet.io/routes': JSON.stringify([ROUTE]),
      },
    },
    spec: { containers: [{ name: 'app', image: 'app' }] },
  };
  using machine = await Machine.start([POOL, JSON.stringify(pod)]);
  const routesOf = async (interfaceName: string) => {
    const call = { container: 'c1', pod: { namespace: 'default', name: 'web' }, interfaceName };
    const answer = await machine.call({ ...call, verb: 'ADD' });
    const { routes = [] } = (answer.ok ? answer.result : {}) as { routes?: object[] };
    return routes;
  };
  expect(await routesOf('eth0')).toContainEqual(ROUTE);
  expect(await routesOf('net1')).not.toContainEqual(ROUTE);
  expect(await routesOf('eth0')).toContainEqual(ROUTE);
});
