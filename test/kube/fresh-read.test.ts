/** Rule 11: nothing is refused, and nothing taken out of its rest, by what was last seen of other nodes' claims. */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { explainPod } from '../../src/ipam/explain.ts';
import type { SlotWrite } from '../../src/ipam/ports.ts';
import type { ListQuery } from '../../src/kube/api.ts';
import { coarseNetwork } from '../../src/kube/ip-block.ts';
import { formatAddress } from '../../src/net/address.ts';
import { RangeSet } from '../../src/net/range-set.ts';
import { addressOf, claimOf, writeOf } from '../support/lines.ts';
import { addressesOf, type SimulatedNode } from '../support/simulated-node.ts';
import { poolOf } from '../world/pools.ts';
import { Scene } from './scene.ts';

const USED_OUT =
  'ADDRESSES_EXHAUSTED: failed to allocate IP addresses in standard mode: failed to allocate any IPv4 IP ' +
  'address to NIC eth0 from IPPools [small]: all IP addresses used out';

/** Node 1 has both addresses of the pool for web and other, and node 2 knows it. */
async function fullPool() {
  const scene = new Scene();
  const one = await scene.node('node-1');
  await one.add();
  await one.add({ pod: 'other', container: 'C2' });
  for (const name of ['a', 'b', 'c']) {
    scene.putPod(name, 'u1', { node: 'node-2' });
  }
  return { scene, one, two: await scene.node('node-2') };
}

const addOn = (node: SimulatedNode, pod: string, more: object = {}) =>
  node.add({ pod, container: `of-${pod}`, ...more });

/** How often the pool's one block was read, and everything listed, since the last call. */
function reads({ server }: Scene): () => { get: number; list: number } {
  let { get, list } = server.counts;
  return () => {
    const since = { get: server.counts.get - get, list: server.counts.list - list };
    ({ get, list } = server.counts);
    return since;
  };
}

describe('rule 11', () => {
  test('what another node gave back is found before a pod is refused', async () => {
    const { scene, one, two } = await fullPool();
    await one.del();
    await scene.advance(LIMITS.restMs + 1_000);
    const since = reads(scene);
    expect(addressesOf(await addOn(two, 'a'))).toEqual(['10.0.0.10']);
    expect(since()).toEqual({ get: 1, list: 0 });
  });

  test('an address is not taken out of its rest while another is free by now', async () => {
    const scene = new Scene();
    const ranges = ['10.0.0.10-10.0.0.10', '10.0.1.10-10.0.1.10'];
    scene.cluster.putPool(poolOf('small', '10.0.0.0/16', ranges));
    const one = await scene.node('node-1');
    expect(addressesOf(await one.add())).toEqual(['10.0.0.10']);
    expect(addressesOf(await one.add({ pod: 'other', container: 'C2' }))).toEqual(['10.0.1.10']);
    scene.putPod('a', 'u1', { node: 'node-2' });
    const two = await scene.node('node-2');
    await one.del({ pod: 'other', container: 'C2' });
    await scene.advance(LIMITS.restMs + 1_000);
    await one.del();
    // Of the two blocks node 2 sees the first one anew, in which an address rests.
    const first = addressOf('10.0.0.10');
    await two.ledger.shared.refresh(
      [RangeSet.of([{ first, last: first }])],
      scene.timers.now() + 1,
      'new',
    );
    expect(two.ledger.line(first)?.state).toBe('resting');
    expect(two.ledger.line(addressOf('10.0.1.10'))?.state).toBe('claimed');
    expect(addressesOf(await addOn(two, 'a'))).toEqual(['10.0.1.10']);
  });

  test('an address at rest is given early when a look has shown that nothing else is free', async () => {
    const { scene, one, two } = await fullPool();
    await one.del();
    const since = reads(scene);
    expect(addressesOf(await addOn(two, 'a'))).toEqual(['10.0.0.10']);
    expect(since().get).toBeGreaterThan(0);
  });

  test('a pool is called used out after one look that serves all who wait for it', async () => {
    const { scene, two } = await fullPool();
    const since = reads(scene);
    scene.hold('get');
    const adds = ['a', 'b', 'c'].map((pod) => addOn(two, pod));
    const look = await scene.request();
    expect(scene.server.held).toHaveLength(1);
    scene.letGo();
    look.answer();
    const told = (await Promise.all(adds)).map(addressesOf);
    expect(told).toEqual([USED_OUT, USED_OUT, USED_OUT]);
    expect(since()).toEqual({ get: 1, list: 0 });
  });

  test('a full pool is looked at now and then only, however many ask', async () => {
    const { scene, two } = await fullPool();
    const since = reads(scene);
    const told: unknown[] = [];
    for (let at = 0; at < 40; at += 1) {
      const pod = `pod-${at}`;
      scene.putPod(pod, 'u1', { node: 'node-2' });
      void addOn(two, pod).then((answer) => told.push(addressesOf(answer)));
      await scene.advance(LIMITS.freshReadMs / 10);
    }
    await scene.advance(LIMITS.freshReadMs);
    expect(told).toEqual(Array(40).fill(USED_OUT));
    const { get, list } = since();
    expect(list).toBe(0);
    expect(get).toBeLessThanOrEqual(6);
  });

  test('what was given back after a look is found by the next one, for those who wait', async () => {
    const { scene, one, two } = await fullPool();
    expect(addressesOf(await addOn(two, 'a'))).toBe(USED_OUT);
    await one.del();
    const add = addOn(two, 'b');
    await scene.advance(LIMITS.freshReadMs);
    expect(addressesOf(await add)).toEqual(['10.0.0.10']);
  });

  test('an address asked for by number is not called taken by old news', async () => {
    const { scene, one, two } = await fullPool();
    const config = { runtimeConfig: { ips: ['10.0.0.11'] } };
    expect(addressesOf(await addOn(two, 'a', { config }))).toMatch(/^ADDRESS_TAKEN: /);
    await one.del({ pod: 'other', container: 'C2' });
    await scene.advance(LIMITS.freshReadMs + 1);
    expect(addressesOf(await addOn(two, 'a', { config }))).toEqual(['10.0.0.11']);
  });

  test('the blocks of a wide pool are listed by their coarse networks, and no others', async () => {
    const scene = new Scene();
    const many = ['10.1.0.0-10.1.0.255', '10.2.255.0-10.2.255.255'];
    scene.cluster.putPool(poolOf('small', '10.0.0.0/8', many));
    scene.cluster.putPool(poolOf('elsewhere', '10.0.0.0/8', ['10.3.0.0-10.3.255.255']));
    const one = await scene.node('node-1');
    const writes = many.flatMap((range) => allOf(range));
    await one.ledger.commit([...writes, writeOf(claimOf('10.3.0.1'))]);
    scene.putPod('a', 'u1', { node: 'node-2' });
    const two = await scene.node('node-2');
    const since = reads(scene);
    scene.hold('list');
    const add = addOn(two, 'a');
    const query = (await scene.request()).body as ListQuery;
    const wanted = ['10.1.0.0', '10.2.0.0'].map((text) => coarseNetwork(addressOf(text)));
    expect([...(query.coarseNetworks ?? [])].sort()).toEqual(wanted);
    scene.letGo();
    scene.server.held[0]?.answer();
    expect(addressesOf(await add)).toBe(USED_OUT);
    expect(since()).toEqual({ get: 0, list: 1 });
  });

  test('a block that is gone is seen to be gone', async () => {
    const { scene, two } = await fullPool();
    scene.server.remove('10-0-0-0-26');
    expect(addressesOf(await addOn(two, 'a'))).toEqual(['10.0.0.10']);
  });
});

describe('rule 11, with the API server away', () => {
  test('an ADD is answered 11 within its deadline, and never that all is used out', async () => {
    const { scene, two } = await fullPool();
    scene.hold('get', 'list');
    const add = addOn(two, 'a', { deadlineMs: 5_000 });
    let answered = false;
    void add.then(() => {
      answered = true;
    });
    await scene.advance(4_999);
    expect(answered).toBe(false);
    await scene.advance(1);
    const answer = await add;
    expect(answer).toMatchObject({
      ok: false,
      code: 'API_SERVER_AWAY',
      error: { code: 11, msg: expect.stringMatching(/the API server could not be asked/) },
    });
    expect(JSON.stringify(answer)).not.toMatch(/used out/);
  });

  test('a look that fails is tried again, and serves all who still wait', async () => {
    const { scene, one, two } = await fullPool();
    await one.del();
    scene.hold('get');
    const adds = ['a', 'b'].map((pod) => addOn(two, pod));
    for (let tries = 0; tries < 3; tries += 1) {
      (await scene.request()).fail({ kind: 'unknown', reason: 'simulated: connection reset' });
      await scene.advance(1_000);
    }
    scene.letGo();
    scene.server.held[0]?.answer();
    await scene.advance(1_000);
    const told = (await Promise.all(adds)).map(addressesOf);
    expect(told).toContain(USED_OUT);
    expect(told).toContainEqual(['10.0.0.10']);
  });

  test('a look that the server refuses is told at once, with its reason', async () => {
    const { scene, two } = await fullPool();
    scene.hold('get');
    const add = addOn(two, 'a');
    const reason = 'User "agent" cannot get resource "ipblocks"';
    (await scene.request()).fail({ kind: 'refused', reason, status: 403 });
    expect(await add).toMatchObject({
      ok: false,
      code: 'API_SERVER_AWAY',
      error: { code: 11, details: expect.stringContaining(reason) },
    });
  });
});

describe('explain', () => {
  const explained = async ({ service }: SimulatedNode, pod: string) =>
    explainPod(service.parts, {
      pod: (await service.parts.cluster.pod('default', pod))!,
      node: undefined,
      interfaceName: 'eth0',
      calledAs: 'orbweaver',
      config: undefined,
    });

  test('looks before it says used out, as ADD does', async () => {
    const { scene, one, two } = await fullPool();
    expect((await explained(two, 'a')).refusal?.code).toBe('ADDRESSES_EXHAUSTED');
    await one.del();
    await scene.advance(LIMITS.restMs + 1_000);
    const { refusal, interfaces } = await explained(two, 'a');
    expect(refusal).toBeUndefined();
    expect(formatAddress(interfaces[0]!.families[0]!.next!.address)).toBe('10.0.0.10');
  });

  test('names the address that ADD gives next on each node, wherever its search begins', async () => {
    const scene = new Scene();
    scene.cluster.putPool(poolOf('small', '10.0.0.0/16', ['10.0.0.1-10.0.255.254']));
    const firsts = new Set<string>();
    for (const name of ['node-1', 'node-2', 'node-3']) {
      const node = await scene.node(name);
      for (const pod of ['x', 'y']) {
        scene.putPod(`${pod}-${name}`, 'u1', { node: name });
        const { interfaces } = await explained(node, `${pod}-${name}`);
        const next = formatAddress(interfaces[0]!.families[0]!.next!.address);
        expect(addressesOf(await addOn(node, `${pod}-${name}`))).toEqual([next]);
        firsts.add(next.slice(0, next.lastIndexOf('.')));
      }
    }
    expect(firsts.size).toBe(3);
  });
});

/** A claim of every address of a range inside one /24. */
function allOf(range: string): SlotWrite[] {
  const base = range.slice(0, range.indexOf('-')).replace(/\d+$/, '');
  return Array.from({ length: 256 }, (_, last) => writeOf(claimOf(`${base}${last}`)));
}
