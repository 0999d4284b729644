/** Debian's real bridge, ptp and macvlan plugins delegate to ours: interfaces come up and pods reach each other. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NetworkNamespace } from '../../src/cli/walk/network-namespace.ts';
import { missingParts } from '../../src/cli/walk/pod-network.ts';
import { AgentFolder, AgentProcess, getJson } from '../support/agent-process.ts';
import type { CniError } from '../support/cni-call.ts';
import {
  AttachedNetwork,
  addressesIn,
  type Pod,
  type Result,
  reaches,
} from './attached-network.ts';

const POOLS = `
apiVersion: spiderpool.spidernet.io/v2beta1
kind: SpiderIPPool
metadata: { name: pool-v4 }
spec:
  subnet: 10.77.0.0/24
  ips: [10.77.0.10-10.77.0.99]
  gateway: 10.77.0.1
  default: true
---
apiVersion: spiderpool.spidernet.io/v2beta1
kind: SpiderIPPool
metadata: { name: pool-v6 }
spec:
  subnet: fd77::/64
  ips: ['fd77::10-fd77::99']
  gateway: fd77::1
  default: true
---
apiVersion: spiderpool.spidernet.io/v2beta1
kind: SpiderIPPool
metadata: { name: pool-second }
spec:
  subnet: 10.79.0.0/24
  ips: [10.79.0.10-10.79.0.99]
  gateway: 10.79.0.1
---
apiVersion: spiderpool.spidernet.io/v2beta1
kind: SpiderIPPool
metadata: { name: pool-full }
spec:
  subnet: 10.78.0.0/24
  ips: [10.78.0.10]
  gateway: 10.78.0.1
---
apiVersion: v1
kind: Pod
metadata:
  name: crowded
  annotations: { ipam.spidernet.io/ippool: '{"ipv4": ["pool-full"]}' }
spec: { containers: [{ name: c, image: busybox }] }
---
apiVersion: v1
kind: Pod
metadata:
  name: crowding
  annotations: { ipam.spidernet.io/ippool: '{"ipv4": ["pool-full"]}' }
spec: { containers: [{ name: c, image: busybox }] }
`;

interface Main {
  readonly type: 'bridge' | 'ptp' | 'macvlan';
  readonly config: Readonly<Record<string, unknown>>;
  /** Command lines that make the machine ready for it. */
  readonly prepare: readonly string[];
}

const MAINS: readonly Main[] = [
  { type: 'bridge', config: { bridge: 'cni0', isGateway: true }, prepare: [] },
  { type: 'ptp', config: {}, prepare: [] },
  {
    type: 'macvlan',
    config: { master: 'lan0', mode: 'bridge' },
    // A pair of veths is the parent: it has a carrier, and kernels without dummy interfaces have it too.
    prepare: [
      'ip link add lan0 type veth peer name lan1',
      'ip link set lan0 up',
      'ip link set lan1 up',
    ],
  },
];

const VERSIONS = ['0.3.1', '0.4.0', '1.0.0'] as const;

interface Usage {
  readonly pools: readonly { readonly name: string; readonly used: string }[];
}

for (const { type, config, prepare } of MAINS) {
  const missing = missingParts([type]);
  const title = missing.length === 0 ? type : `${type}: ${missing.join('; ')}`;

  describe.skipIf(missing.length > 0)(title, () => {
    const parts = new AsyncDisposableStack();
    let agent: AgentProcess;
    let host: NetworkNamespace;

    beforeAll(async () => {
      const folder = parts.use(new AgentFolder());
      folder.writeManifests(POOLS);
      agent = parts.use(await AgentProcess.start(folder));
      host = parts.use(await NetworkNamespace.make());
      for (const line of prepare) {
        const [program, ...args] = line.split(' ');
        expect(await host.run(program!, ...args)).toMatchObject({ exit: 0, err: '' });
      }
    });

    afterAll(() => parts.disposeAsync());

    let pods = 0;
    async function newPod(name = `pod-${pods}`): Promise<Pod> {
      pods += 1;
      const netns = parts.use(await NetworkNamespace.make());
      return { name, container: `${type}-${pods}`, netns };
    }

    function network(cniVersion: string, more: Record<string, unknown> = {}): AttachedNetwork {
      const ipam = { type: 'orbweaver' };
      const name = `net-${cniVersion}`;
      return new AttachedNetwork(host, agent.socket, {
        ...{ cniVersion, name, type, ipam },
        ...config,
        ...more,
      });
    }

    /** A bridge has one gateway address of a family, so a pool of another subnet wants another bridge. */
    function ownBridge(bridge: string): Record<string, unknown> {
      return type === 'bridge' ? { bridge } : {};
    }

    async function used(): Promise<Record<string, number>> {
      const { pools: rows } = await getJson<Usage>(agent.socket, '/v1/ipam/pools');
      return Object.fromEntries(rows.map((row) => [row.name, Number(row.used)]));
    }

    const NONE = { 'pool-v4': 0, 'pool-v6': 0, 'pool-second': 0, 'pool-full': 0 };

    test.each(VERSIONS)('ADD, CHECK, ping in both families and DEL in CNI %s', async (version) => {
      const net = network(version);
      const [a, b] = [await newPod(), await newPod()];
      const results = [await net.add(a), await net.add(b)];
      expect(await used()).toEqual({ ...NONE, 'pool-v4': 2, 'pool-v6': 2 });

      for (const [index, { netns }] of [a, b].entries()) {
        const { cniVersion, ips } = results[index]!;
        expect(cniVersion).toBe(version);
        expect(ips.map((ip) => ip.version)).toEqual(
          version === '1.0.0' ? [undefined, undefined] : ['4', '6'],
        );
        const addresses = ips.map(({ address }) => address);
        expect(addresses[0]).toMatch(/^10\.77\.0\.\d+\/24$/);
        expect(addresses[1]).toMatch(/^fd77::[0-9a-f]+\/64$/);
        expect(await addressesIn(netns, 'eth0')).toEqual(addresses.toSorted());
      }
      for (const { address } of results[1]!.ips) {
        expect({ address, reached: await reaches(a.netns, address) }).toEqual({
          address,
          reached: true,
        });
      }

      if (version !== '0.3.1') {
        const prevResult = results[0];
        expect(await net.call('CHECK', a, 'eth0', { prevResult })).toEqual({ exit: 0, text: '' });
      }
      expect(await net.call('DEL', a)).toEqual({ exit: 0, text: '' });
      expect(await used()).toEqual({ ...NONE, 'pool-v4': 1, 'pool-v6': 1 });
      expect(await addressesIn(a.netns, 'eth0')).toEqual([]);
      // As containerd does it the second time, and the only time for a sandbox whose namespace is gone.
      const empty = { CNI_NETNS: '' };
      expect(await net.call('DEL', a, 'eth0', {}, empty)).toEqual({ exit: 0, text: '' });
      expect(await net.call('DEL', b, 'eth0', {}, empty)).toEqual({ exit: 0, text: '' });
      expect(await used()).toEqual(NONE);
    });

    test('two interfaces in one pod get their own addresses, and each DEL frees its own', async () => {
      const net = network('1.0.0');
      // A pool of its own: ptp cannot route one subnet through two interfaces.
      const ipam = { type: 'orbweaver', default_ipv4_ippool: ['pool-second'] };
      const secondNet = network('1.0.0', { ...ownBridge('cni1'), name: 'second', ipam });
      const pod = await newPod();
      const first = await net.add(pod, 'eth0');
      const second = await secondNet.add(pod, 'net1');
      expect(await addressesIn(pod.netns, 'eth0')).toEqual(addressesOf(first));
      expect(await addressesIn(pod.netns, 'net1')).toEqual(addressesOf(second));
      expect(await used()).toEqual({ ...NONE, 'pool-v4': 1, 'pool-v6': 1, 'pool-second': 1 });
      expect(await net.call('DEL', pod, 'eth0')).toMatchObject({ exit: 0 });
      expect(await used()).toEqual({ ...NONE, 'pool-second': 1 });
      const prevResult = second;
      expect(await secondNet.call('CHECK', pod, 'net1', { prevResult })).toMatchObject({ exit: 0 });
      expect(await secondNet.call('DEL', pod, 'net1')).toMatchObject({ exit: 0 });
      expect(await used()).toEqual(NONE);
    });

    test('a refused ADD comes through with its code, message and details', async () => {
      const net = network('1.0.0', ownBridge('cni2'));
      const [first, second] = [await newPod('crowding'), await newPod('crowded')];
      await net.add(first);
      expect(await net.refused(second)).toEqual({
        code: 11,
        msg: expect.stringContaining('all IP addresses used out'),
        details: expect.stringContaining('pool-full'),
      });
      expect(await net.call('DEL', second)).toMatchObject({ exit: 0 });
      expect(await used()).toEqual({ ...NONE, 'pool-full': 1 });
      expect(await net.call('DEL', first)).toMatchObject({ exit: 0 });
      expect(await used()).toEqual(NONE);
    });

    test('CHECK holds after DELs of others, and fails once the address is given back', async () => {
      const net = network('1.0.0');
      const pod = await newPod();
      const prevResult = await net.add(pod);
      const check = () => net.call('CHECK', pod, 'eth0', { prevResult });
      // Without the namespace the interface stays, so only the address can be missed.
      const del = (one: AttachedNetwork, name: string) =>
        one.call('DEL', pod, name, {}, { CNI_NETNS: '' });
      expect(await del(net, 'net9')).toMatchObject({ exit: 0 });
      expect(await del(network('1.0.0', { name: 'other' }), 'eth0')).toMatchObject({ exit: 0 });
      expect(await check()).toEqual({ exit: 0, text: '' });
      expect(await del(net, 'eth0')).toMatchObject({ exit: 0 });
      const { exit, text } = await check();
      expect(exit).toBe(1);
      expect((JSON.parse(text) as CniError).msg).toContain('no address is reserved for container');
    });
  });
}

function addressesOf({ ips }: Result): string[] {
  return ips.map(({ address }) => address).toSorted();
}
