/** What kubectl prints of the dialects' kinds on a real API server: the tables of the seeds. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { manifest, type Short } from './support/manifests.ts';
import { missingParts } from './support/missing-parts.ts';

const missing = missingParts();
const title = ['tables of kubectl', ...missing].join(': ');

/** Cells of a table by their header, cut at the places where the headers begin. */
function tableOf(text: string): Record<string, string>[] {
  const [header = '', ...lines] = text.trimEnd().split('\n');
  const starts = [...header.matchAll(/\S+( \S+)*/g)].map((match) => match.index);
  const cells = (line: string) =>
    starts.map((start, index) => line.slice(start, starts[index + 1]).trim());
  const names = cells(header);
  return lines.map((line) =>
    Object.fromEntries(cells(line).map((cell, index) => [names[index], cell])),
  );
}

describe.skipIf(missing.length > 0)(title, () => {
  let cluster: ControlPlane;

  beforeAll(async () => {
    cluster = await startControlPlane({ crds: true });
  });
  afterAll(() => cluster?.stop());

  describe('print', () => {
    const status = async (resource: string, name: string, value: object) => {
      const patch = JSON.stringify({ status: value });
      await cluster.kubectl([
        'patch',
        resource,
        name,
        '--subresource=status',
        '--type=merge',
        '-p',
        patch,
      ]);
    };
    const endpoint = (short: Short, name: string, pool: string, ip: string, node: string) => {
      const ips = [{ interface: 'eth0', ipv4: ip, ipv4Pool: pool }];
      const current = { uid: 'u', node, ips };
      const owner = { ownerControllerType: 'Deployment', ownerControllerName: 'd' };
      return manifest(short, name, { status: { current, ...owner } });
    };

    test('older pools as the seed shows them', async () => {
      for (const [name, count] of [
        ['default-v4-ippool', 5],
        ['backup-v4-ippool', 1],
      ] as const) {
        const spec = { ipVersion: 'IPv4', subnet: '172.18.0.0/16' };
        await cluster.kubectl(['apply', '-f', '-'], manifest('older', name, { spec }));
        await status('spl', name, { allocatedIPCount: count, totalIPCount: 5 });
      }
      const rest = { SUBNET: '172.18.0.0/16', 'TOTAL-IP-COUNT': '5', DISABLE: 'false' };
      expect(tableOf(await cluster.kubectl(['get', 'spl']))).toEqual([
        { NAME: 'backup-v4-ippool', VERSION: 'IPv4', 'ALLOCATED-IP-COUNT': '1', ...rest },
        { NAME: 'default-v4-ippool', VERSION: 'IPv4', 'ALLOCATED-IP-COUNT': '5', ...rest },
      ]);
    });

    test.each([
      ['se', 'endpoint'],
      ['swe', 'olderEndpoint'],
    ] as const)('%s as the seed shows it', async (word, short) => {
      await cluster.kubectl(
        ['apply', '-f', '-'],
        endpoint(short, 'sample-backup', 'backup-v4-ippool', '172.18.40.40/16', 'spider-worker'),
      );
      const [row] = tableOf(await cluster.kubectl(['get', word, 'sample-backup', '-n', 'default']));
      expect(row).toEqual({
        NAME: 'sample-backup',
        INTERFACE: 'eth0',
        IPV4POOL: 'backup-v4-ippool',
        IPV4: '172.18.40.40/16',
        IPV6POOL: '',
        IPV6: '',
        NODE: 'spider-worker',
        'CREATETION TIME': expect.stringMatching(/^\d+(s|m)/),
      });
    });

    test('pools, short and wide', async () => {
      const spec = { ipVersion: 4, subnet: '172.18.41.0/24', nodeName: ['a', 'b'] };
      await cluster.kubectl(
        ['apply', '-f', '-'],
        manifest('pool', 'test-ns-ipv4-ippool', { spec }),
      );
      await status('sp', 'test-ns-ipv4-ippool', { allocatedIPCount: 1, totalIPCount: 2 });
      const short = {
        NAME: 'test-ns-ipv4-ippool',
        VERSION: '4',
        SUBNET: '172.18.41.0/24',
        'ALLOCATED-IP-COUNT': '1',
        'TOTAL-IP-COUNT': '2',
        DEFAULT: 'false',
      };
      expect(tableOf(await cluster.kubectl(['get', 'sp']))).toEqual([short]);
      expect(tableOf(await cluster.kubectl(['get', 'sp', '-o', 'wide']))).toEqual([
        { ...short, DISABLE: 'false', NODENAME: '["a","b"]', MULTUSNAME: '', 'APP-NAMESPACE': '' },
      ]);
    });

    test("`get ippool`, in all its forms, is Calico's", async () => {
      await cluster.kubectl(
        ['apply', '-f', '-'],
        manifest('calico', 'external-pool', { spec: { cidr: '10.64.0.0/20' } }),
      );
      await status('ippools.projectcalico.org', 'external-pool', {
        conditions: [{ type: 'Allocatable', status: 'True' }],
      });
      for (const word of ['ippool', 'ippools', 'ipp', 'ipps', 'pool', 'pools']) {
        expect(await cluster.kubectl(['get', word, '-o', 'name']), word).toBe(
          'ippool.projectcalico.org/external-pool\n',
        );
      }
      const [row] = tableOf(await cluster.kubectl(['get', 'ippool']));
      expect(row).toMatchObject({
        NAME: 'external-pool',
        CIDR: '10.64.0.0/20',
        VXLAN: 'Never',
        IPIP: 'Never',
        NAT: 'false',
        ALLOCATABLE: 'True',
      });
      expect(
        await cluster.kubectl(['get', 'ippools.spiderpool.spidernet.io', '-o', 'name']),
      ).toContain('ippool.spiderpool.spidernet.io/default-v4-ippool');
    });

    test.each([
      ['ss', 'spidersubnets'],
      ['sr', 'spiderreservedips'],
      ['ipamconfig', 'ipamconfigurations'],
      ['ipb', 'ipblocks'],
    ])('%s is a word for %s', async (word, plural) => {
      const known = await cluster.kubectl(['api-resources', '--no-headers']);
      const line = known.split('\n').find((row) => row.startsWith(`${plural} `));
      expect(line?.split(/\s+/)[1]?.split(',')).toContain(word);
    });

    test('conditions of a pool are kept, and its fields explained', async () => {
      const conditions = [{ type: 'Valid', status: 'False', reason: 'Refused', message: 'm' }];
      await status('sp', 'test-ns-ipv4-ippool', { conditions });
      const shown = await cluster.kubectl(['get', 'sp', 'test-ns-ipv4-ippool', '-o', 'json']);
      expect(JSON.parse(shown).status.conditions).toEqual(conditions);
      const explained = await cluster.kubectl(['explain', 'spiderippool.spec.subnet']);
      expect(explained).toContain('never changes');
    });
  });
});
