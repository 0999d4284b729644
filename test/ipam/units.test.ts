/** Affinity units of Calico's pools: which node gives which address (reference/calico.md 4.1–4.3, 4.8). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseManifests } from '../../src/dialect/manifest.ts';
import { explainPod } from '../../src/ipam/explain.ts';
import { formatAddress } from '../../src/net/address.ts';
import {
  type Asked,
  CalicoSite,
  ipamConfiguration,
  ipPool,
  ipReservation,
  networkText,
} from '../support/calico-site.ts';

const EXAMPLE = join(import.meta.dirname, '../../examples/4-calico-namespaces');
const STRICT = { strictAffinity: true };

const refusal = (obstacle: string) =>
  `failed to request IPv4 addresses: Assigned 0 out of 1 requested IPv4 addresses; ${obstacle}`;
const FULL = refusal('No IPs available in pools: [10.0.0.0/30]');
const NO_BLOCK = refusal('No more free affine blocks and strict affinity enabled');

function addressOf(asked: Asked): string {
  return asked.ok ? asked.addresses.join() : asked.msg;
}

/** The addresses of `count` pods on a node, or what they are told. */
async function fill(site: CalicoSite, node: string, count: number): Promise<string[]> {
  const told: string[] = [];
  for (let pod = 0; pod < count; pod += 1) {
    told.push(addressOf(await site.add(node)));
  }
  return told;
}

function readExample(...files: string[]) {
  return files.flatMap((file) => parseManifests(readFileSync(join(EXAMPLE, file), 'utf8'), file));
}

describe('nine pods per namespace over three nodes', () => {
  async function tutorial() {
    const site = await CalicoSite.start(
      ...readExample('nodes.yaml', 'default-ipv4-ippool.yaml', 'pools.yaml'),
    );
    for (const name of ['external', 'internal']) {
      await site.apply({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: {
          name: `${name}-ns`,
          annotations: { 'cni.projectcalico.org/ipv4pools': `["${name}-pool"]` },
        },
      });
    }
    await site.apply(...readExample('nginx-dp.yaml'));
    return site;
  }

  test("lie inside a /26 of each node's own, in the namespace's pool", async () => {
    using site = await tutorial();
    const blocks = new Map<string, Set<string>>();
    for (const namespace of ['external-ns', 'internal-ns']) {
      for (const pod of site.store.objects.list('Pod', namespace)) {
        const asked = await site.ask('ADD', namespace, pod.metadata.name);
        const { nodeName } = pod.spec as { nodeName: string };
        const key = `${namespace} ${nodeName}`;
        blocks.set(key, (blocks.get(key) ?? new Set()).add(networkText(addressOf(asked))));
      }
    }
    const all = [...blocks.values()].map((set) => [...set].join());
    expect(all).toHaveLength(6);
    expect(new Set(all).size).toBe(6);
    expect(all.every((text) => /^10\.64\.\d+\.\d+\/26$/.test(text))).toBe(true);
    for (const [key, [block]] of blocks) {
      const third = Number(block!.split('.')[2]);
      expect(`${key} ${third < 16}`).toBe(`${key} ${key.startsWith('external')}`);
    }
    expect(site.units()).toHaveLength(6);
  });

  test('are told that a disabled pool is not enabled', async () => {
    using site = await tutorial();
    await site.apply(...readExample('nginx.yaml'));
    await site.store.objects.patch(
      { kind: 'CalicoIPPool', namespace: '', name: 'external-pool' },
      'merge',
      { spec: { disabled: true } },
    );
    expect(await site.ask('ADD', 'external-ns', 'nginx')).toMatchObject({
      ok: false,
      msg: 'the given pool (10.64.0.0/20) does not exist, or is not enabled',
    });
  });
});

describe('a unit', () => {
  const sizes = [
    ...Array.from({ length: 13 }, (_, at) => ({ size: 20 + at, base: '10.0.0.0' })),
    ...Array.from({ length: 13 }, (_, at) => ({ size: 116 + at, base: 'fd00::' })),
  ];

  test.each(sizes)('of /$size belongs to one node and holds what that node gives', async (row) => {
    const { size, base } = row;
    using site = await CalicoSite.start(ipPool('p', `${base}/${size - 2}`, size));
    for (const node of ['node-a', 'node-b', 'node-a', 'node-b']) {
      const asked = await site.add(node, { pool: 'p' });
      const address = addressOf(asked);
      expect(address).toMatch(new RegExp(`/${size}$`));
      expect(site.units()).toContain(`${networkText(address)} ${node}`);
    }
    const single = size === 32 || size === 128;
    expect(site.units()).toHaveLength(single ? 4 : 2);
  });

  test('that a reservation covers is passed over, a part of one is used', async () => {
    const pool = ipPool('p', '10.0.0.0/29', 30);
    using probe = await CalicoSite.start(pool);
    const [start] = await fill(probe, 'node-a', 1);
    using site = await CalicoSite.start(pool, ipReservation(networkText(start!)));
    const [next] = await fill(site, 'node-a', 1);
    expect(networkText(next!)).not.toBe(networkText(start!));
    using part = await CalicoSite.start(pool, ipReservation(`${start!.split('/')[0]}/32`));
    const [second] = await fill(part, 'node-a', 1);
    expect(networkText(second!)).toBe(networkText(start!));
    expect(second).not.toBe(start);
  });

  test('of a pool that was made anew with another blockSize has no owner', async () => {
    using site = await CalicoSite.start(ipPool('p', '10.0.0.0/24', 26));
    await fill(site, 'node-a', 1);
    await site.del();
    await site.store.objects.delete({ kind: 'CalicoIPPool', namespace: '', name: 'p' });
    expect(site.units()).toEqual([]);
    await site.apply(ipPool('p', '10.0.0.0/24', 28));
    const [address] = await fill(site, 'node-b', 1);
    expect(site.units()).toEqual([`${networkText(address!)} node-b`]);
    expect(address).toMatch(/\/28$/);
  });

  test('is claimed once by calls that come together', async () => {
    using site = await CalicoSite.start(ipPool('p', '10.0.0.0/24', 26));
    const nodes = Array.from({ length: 60 }, (_, at) => (at % 2 === 0 ? 'node-a' : 'node-b'));
    const told = await Promise.all(nodes.map((node) => site.add(node)));
    expect(new Set(told.map(addressOf)).size).toBe(60);
    const used = new Set(told.map((asked, at) => `${networkText(addressOf(asked))} ${nodes[at]}`));
    expect([...used].sort()).toEqual(site.units());
    expect(used.size).toBe(2);
  });
});

describe('a node without a free unit', () => {
  const POOL = ipPool('p', '10.0.0.0/30', 31);

  test('borrows, and is refused once the pool is full', async () => {
    using site = await CalicoSite.start(POOL);
    const a = await fill(site, 'node-a', 3);
    expect(new Set(a.map(networkText)).size).toBe(2);
    const b = await fill(site, 'node-b', 2);
    expect(b[0]).toMatch(/^10\.0\.0\.[0-3]\/31$/);
    expect(new Set([...a, b[0]!]).size).toBe(4);
    expect(b[1]).toBe(FULL);
    expect(site.units().map((unit) => unit.split(' ')[1])).toEqual(['node-a', 'node-a']);
  });

  test('is refused under strict affinity, whose own units still fill', async () => {
    using site = await CalicoSite.start(POOL, ipamConfiguration(STRICT));
    await fill(site, 'node-a', 3);
    expect(await fill(site, 'node-b', 1)).toEqual([NO_BLOCK]);
    const [fourth, fifth] = await fill(site, 'node-a', 2);
    expect(fourth).toMatch(/\/31$/);
    expect(fifth).toBe(NO_BLOCK);
  });

  test.each([
    { what: 'sooner than a minute after it was claimed', wait: 59_000, given: false },
    { what: 'a minute after it was claimed', wait: 61_000, given: true },
  ])('takes over an empty one: $what, $given', async ({ wait, given }) => {
    using site = await CalicoSite.start(
      POOL,
      ipamConfiguration({ ...STRICT, ipCooldownSeconds: 0 }),
    );
    const [first, , third] = await fill(site, 'node-a', 3);
    await site.del();
    site.pass(wait);
    const [told] = await fill(site, 'node-b', 1);
    expect(told).toBe(given ? third : NO_BLOCK);
    expect(site.units()).toContain(`${networkText(first!)} node-a`);
    expect(site.units()).toContain(`${networkText(third!)} node-${given ? 'b' : 'a'}`);
  });

  test('leaves a unit alone in which an address rests', async () => {
    using site = await CalicoSite.start(
      POOL,
      ipamConfiguration({ ...STRICT, ipCooldownSeconds: 90 }),
    );
    await fill(site, 'node-a', 3);
    site.pass(61_000);
    await site.del();
    expect(await fill(site, 'node-b', 1)).toEqual([NO_BLOCK]);
    site.pass(91_000);
    expect((await site.add('node-b')).ok).toBe(true);
  });

  test('takes what rests in its own units, never what rests in those of others, if strict', async () => {
    using site = await CalicoSite.start(POOL, ipamConfiguration(STRICT));
    const [a] = await fill(site, 'node-a', 1);
    const [b] = await fill(site, 'node-b', 1);
    await fill(site, 'node-a', 1);
    await fill(site, 'node-b', 1);
    await site.del(3);
    site.pass(1_000);
    await site.del(2);
    expect(await fill(site, 'node-b', 2)).toEqual([b, NO_BLOCK]);
    expect(await fill(site, 'node-a', 2)).toEqual([a, NO_BLOCK]);
  });

  test.each([
    {
      what: 'maxBlocksPerHost',
      spec: { ...STRICT, maxBlocksPerHost: 1 },
      text: 'Need to allocate an IPAM block but could not - limit of 1 blocks reached for this node',
    },
    {
      what: 'autoAllocateBlocks',
      spec: { ...STRICT, autoAllocateBlocks: false },
      text: 'failed to find or claim a block',
    },
  ])('is held by $what', async ({ spec, text }) => {
    using site = await CalicoSite.start(POOL);
    const [first] = await fill(site, 'node-a', 1);
    await site.apply(ipamConfiguration(spec));
    const told = await fill(site, 'node-a', 2);
    expect(networkText(told[0]!)).toBe(networkText(first!));
    expect(told[1]).toBe(refusal(text));
  });

  test('may own 20 where nothing is said, and does not borrow behind the limit', async () => {
    using site = await CalicoSite.start(ipPool('p', '10.0.0.0/26', 32));
    const told = await fill(site, 'node-a', 21);
    expect(site.units()).toHaveLength(20);
    const limit = 'limit of 20 blocks reached for this node';
    expect(told[20]).toBe(refusal(`Need to allocate an IPAM block but could not - ${limit}`));
    expect((await site.add('node-b')).ok).toBe(true);
  });

  test('goes on to the next pool', async () => {
    using site = await CalicoSite.start(
      ipPool('p', '10.0.0.0/30', 31),
      ipPool('q', '10.1.0.0/24', 26),
      ipamConfiguration(STRICT),
    );
    const a = await fill(site, 'node-a', 5);
    expect(a.slice(0, 4).every((text) => text.startsWith('10.0.'))).toBe(true);
    expect(a[4]).toMatch(/^10\.1\..*\/26$/);
    expect((await fill(site, 'node-b', 1))[0]).toMatch(/^10\.1\./);
  });
});

describe('an address asked for by number', () => {
  const POOL = ipPool('p', '10.0.0.0/24', 26);
  const FRONT = 'error getting IP from IPAM: ';

  test('makes an unused unit the node’s own, whatever its limit', async () => {
    using site = await CalicoSite.start(
      POOL,
      ipamConfiguration({ ...STRICT, maxBlocksPerHost: 1 }),
    );
    await fill(site, 'node-a', 1);
    const taken = new Set(site.units().map((unit) => unit.split(' ')[0]));
    const free = ['10.0.0.5', '10.0.0.70'].find((text) => !taken.has(networkText(`${text}/26`)))!;
    expect(addressOf(await site.add('node-a', { addresses: [free] }))).toBe(`${free}/32`);
    expect(site.units()).toContain(`${networkText(`${free}/26`)} node-a`);
  });

  test.each([
    { strict: false, told: '/32' },
    { strict: true, told: `${FRONT}Block host affinity does not match` },
  ])('in a unit of another node, strict affinity $strict', async ({ strict, told }) => {
    using site = await CalicoSite.start(POOL, ipamConfiguration({ strictAffinity: strict }));
    const first = addressOf(await site.add('node-a'));
    const wanted = first.replace(/\d+\/26$/, (host) => String(Number.parseInt(host, 10) + 9));
    const asked = await site.add('node-b', { addresses: [wanted] });
    expect(addressOf(asked)).toBe(strict ? told : `${wanted}${told}`);
    expect(site.units()).toEqual([`${networkText(first)} node-a`]);
  });

  test('in a unit that is used and has no owner is refused under strict affinity only', async () => {
    using site = await CalicoSite.start(POOL);
    await site.add('node-a', { addresses: ['10.0.0.1'] });
    await site.store.ledger.dropUnits(site.store.cluster.pools()[0]!.subnet);
    await site.apply(ipamConfiguration(STRICT));
    const asked = await site.add('node-a', { addresses: ['10.0.0.2'] });
    expect(addressOf(asked)).toBe(
      `${FRONT}Attempt to assign from block 10.0.0.0/26 with no affinity`,
    );
    await site.apply(ipamConfiguration({ strictAffinity: false }));
    expect(addressOf(await site.add('node-a', { addresses: ['10.0.0.2'] }))).toBe('10.0.0.2/32');
  });
});

describe('a cool-down', () => {
  test.each([
    { seconds: undefined, after: 29_000, same: false },
    { seconds: 0, after: 0, same: true },
    { seconds: 90, after: 60_000, same: false },
    { seconds: 90, after: 90_000, same: true },
  ])('of $seconds s after $after ms gives the same address: $same', async (row) => {
    const { seconds, after, same } = row;
    const configuration =
      seconds === undefined ? [] : [ipamConfiguration({ ipCooldownSeconds: seconds })];
    using site = await CalicoSite.start(ipPool('p', '10.0.0.0/24', 26), ...configuration);
    const [first] = await fill(site, 'node-a', 1);
    await site.del();
    site.pass(after);
    expect((await fill(site, 'node-a', 1))[0] === first).toBe(same);
  });

  test('is the default again once the configuration is gone', async () => {
    const ref = { kind: 'CalicoIPAMConfiguration', namespace: '', name: 'default' } as const;
    using site = await CalicoSite.start(ipamConfiguration({ ipCooldownSeconds: 0 }));
    await site.apply(ipPool('p', '10.0.0.0/24', 26));
    const [first] = await fill(site, 'node-a', 1);
    await site.store.objects.delete(ref);
    await site.del();
    expect((await fill(site, 'node-a', 1))[0]).not.toBe(first);
  });
});

describe('a wide pool', () => {
  test.each([
    { cidr: '10.0.0.0/8', size: 32 },
    { cidr: '10.0.0.0/8', size: 20 },
    { cidr: 'fd00::/48', size: 122 },
    { cidr: 'fd00::/48', size: 128 },
    { cidr: '::/8', size: 116 },
  ])('$cidr of /$size costs what its runs of units cost', async ({ cidr, size }) => {
    const most = { ...STRICT, maxBlocksPerHost: 1_000_000 };
    using site = await CalicoSite.start(ipPool('p', cidr, size), ipamConfiguration(most));
    const addresses = new Set<string>();
    for (let pod = 0; pod < 60; pod += 1) {
      const asked = await site.add(`node-${pod % 3}`, { pool: 'p' });
      addresses.add(addressOf(asked));
      expect(asked.ok).toBe(true);
    }
    expect(addresses.size).toBe(60);
    expect(site.units().length).toBe(size === 32 || size === 128 ? 60 : 3);
  });
});

describe('an explanation', () => {
  function explained(site: CalicoSite, node: string) {
    const pod = {
      namespace: 'default',
      name: 'new',
      uid: '',
      node,
      labels: {},
      annotations: {},
      dead: false,
      controller: { kind: 'Pod', name: 'new' },
    };
    return explainPod(site.service.parts, {
      pod,
      node: undefined,
      interfaceName: 'eth0',
      calledAs: 'calico-ipam',
      config: undefined,
    });
  }

  test("names the address of the node's own unit, and claims nothing", async () => {
    using site = await CalicoSite.start(ipPool('p', '10.0.0.0/24', 26));
    for (const node of ['node-a', 'node-b', 'node-a']) {
      const [family] = (await explained(site, node)).interfaces[0]!.families;
      const units = site.units();
      await explained(site, 'node-c');
      expect(site.units()).toEqual(units);
      expect(addressOf(await site.add(node))).toBe(`${formatAddress(family!.next!.address)}/26`);
    }
  });

  test('names the obstacle where a node may not have another unit', async () => {
    using site = await CalicoSite.start(ipPool('p', '10.0.0.0/30', 31), ipamConfiguration(STRICT));
    await fill(site, 'node-a', 3);
    const { refusal: told } = await explained(site, 'node-b');
    expect(told).toMatchObject({ code: 'ADDRESSES_EXHAUSTED', message: NO_BLOCK });
    expect((await explained(site, 'node-a')).refusal).toBeUndefined();
  });
});
