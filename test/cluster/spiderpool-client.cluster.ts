/**
 * A client that go-swagger generated, of the version inside Spiderpool's plugin, against our agent API. The
 * plugin itself shows what this client returns, so its texts are those of a pod's events.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runProcess } from '../../src/cli/walk/run-process.ts';
import { type SpiderpoolServer, startSpiderpoolServer } from '../agent/spiderpool-server.ts';
import { buildClient, missingForClient } from './support/spiderpool-client.ts';

const OBJECTS = `
apiVersion: spiderpool.spidernet.io/v2beta1
kind: SpiderIPPool
metadata: { name: p4 }
spec:
  subnet: 10.6.0.0/16
  ips: [10.6.0.10-10.6.0.19]
  gateway: 10.6.0.1
  routes: [{ dst: 10.7.0.0/16, gw: 10.6.0.2 }]
---
apiVersion: spiderpool.spidernet.io/v2beta1
kind: SpiderIPPool
metadata: { name: test-ns-ipv4-ippool }
spec:
  subnet: 172.18.41.0/24
  ips: [172.18.41.40-172.18.41.41]
  namespaceAffinity: { matchLabels: { kubernetes.io/metadata.name: test-ns } }
---
apiVersion: v1
kind: Pod
metadata: { name: web-0, namespace: default, uid: u-1 }
---
apiVersion: v1
kind: Pod
metadata:
  name: db-0
  namespace: default
  uid: u-3
  ownerReferences: [{ apiVersion: apps/v1, kind: StatefulSet, name: db, uid: s-1, controller: true }]
`;

const POD = { podNamespace: 'default', podName: 'web-0', podUID: 'u-1' };
const CALL = { containerID: 'c1', ifName: 'eth0', netNamespace: '/var/run/netns/x', ...POD };

const missing = missingForClient();

describe.skipIf(missing !== undefined)(
  `Spiderpool's client${missing ? `: ${missing}` : ''}`,
  () => {
    let client: string;
    let server: SpiderpoolServer;

    beforeAll(async () => {
      client = await buildClient();
      server = await startSpiderpoolServer();
      await server.apply(OBJECTS);
    });

    afterAll(() => server?.close());

    async function call(verb: string, argument: object = {}) {
      const { out } = await runProcess(client, [server.socket, verb, JSON.stringify(argument)]);
      return JSON.parse(out) as { result?: unknown; error?: string };
    }

    test('adds, asks again, shows and deletes', async () => {
      const added = await call('add', { ...CALL, defaultIPv4IPPool: ['p4'] });
      const ips = [
        { address: '10.6.0.10/16', gateway: '10.6.0.1', ipPool: 'p4', nic: 'eth0', version: 4 },
      ];
      const poolRoute = { dst: '10.7.0.0/16', gw: '10.6.0.2', ifName: 'eth0' };
      const routes = [poolRoute, { dst: '0.0.0.0/0', gw: '10.6.0.1', ifName: 'eth0' }];
      expect(added).toMatchObject({ result: { ips, routes } });
      expect(await call('add', { ...CALL, defaultIPv4IPPool: ['p4'] })).toEqual(added);
      expect(await call('endpoint', POD)).toMatchObject({
        result: {
          ...POD,
          node: 'node1',
          interfaces: [
            {
              interface: 'eth0',
              ipv4: '10.6.0.10/16',
              ipv4Pool: 'p4',
              ipv4Gateway: '10.6.0.1',
              routes: [poolRoute],
            },
          ],
        },
      });
      expect(await call('del', CALL)).toEqual({ result: null });
      expect(await call('endpoint', POD)).toEqual({
        error:
          '[GET /workloadendpoint][404] getWorkloadendpointNotFound  SpiderEndpoint not found for pod default/web-0',
      });
    });

    test("shows the seed's refusal to the pod", async () => {
      const refused = await call('add', { ...CALL, defaultIPv4IPPool: ['test-ns-ipv4-ippool'] });
      expect(refused).toEqual({
        error:
          'spiderpool IP allocation error: [POST /ipam/ip][500] postIpamIpFailure  failed to allocate IP addresses in standard mode: no IPPool available, all IPv4 IPPools [test-ns-ipv4-ippool] of eth0 filtered out: unmatched Namespace affinity of IPPool test-ns-ipv4-ippool',
      });
    });

    test.each([
      ['healthy', {}],
      ['add-ips', {}],
      ['del', { ...CALL, containerID: 'nobody' }],
      ['del-ips', CALL],
    ])('%s succeeds without a word', async (verb, argument) => {
      expect(await call(verb, argument)).toEqual({ result: null });
    });

    test('knows the refusal to free what is fixed', async () => {
      const fixed = { ...CALL, containerID: 'd1', podName: 'db-0', podUID: 'u-3' };
      await call('add', { ...fixed, defaultIPv4IPPool: ['p4'] });
      expect(await call('del-ips', { ...fixed, isReleaseConflictIPs: true })).toEqual({
        error: expect.stringContaining('[DELETE /ipam/ips][522] deleteIpamIpsStatus522'),
      });
    });

    test('reads the refusal of the coordinator', async () => {
      expect(await call('coordinator', POD)).toEqual({
        error: expect.stringMatching(
          /^\[GET \/coordinator\/config\]\[500\] getCoordinatorConfigFailure {2}no SpiderCoordinator/,
        ),
      });
    });

    test('knows an agent that is not ready', async () => {
      server.ready = false;
      expect(await call('del', CALL)).toEqual({
        error: expect.stringContaining(
          '[GET /ipam/healthy][500] getIpamHealthyInternalServerError',
        ),
      });
      server.ready = true;
    });
  },
);
