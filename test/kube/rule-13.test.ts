/** Rule 13 of the claim (DESIGN section 4): blocks and lines that somebody edits or removes by hand. */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { writeLine } from '../../src/kube/block-line.ts';
import { addressOf, claimOf, restingOf, writeOf } from '../support/lines.ts';
import { SimulatedApiServer } from '../support/simulated-api-server.ts';
import { addressesOf } from '../support/simulated-node.ts';
import { turn } from '../support/virtual-timers.ts';
import { poolOf } from '../world/pools.ts';
import { bareLedger, patchesOf } from './bare-ledger.ts';
import { Scene } from './scene.ts';

describe('rule 13', () => {
  test('every patch tests the uid of the block, and the very text of each slot that it writes', async () => {
    const server = new SimulatedApiServer();
    const { ledger } = await bareLedger(server);
    const claim = claimOf('10.0.0.1');
    await ledger.commit([writeOf(claim)]);
    const [block] = server.blocks.values();
    server.holds = ({ verb }) => verb === 'patch';
    void ledger.commit([writeOf(restingOf(claim), claim), writeOf(claimOf('10.0.0.2'))]);
    await turn();
    const [patch] = patchesOf(server);
    expect(patch).toContainEqual({ op: 'test', path: '/metadata/uid', value: block?.metadata.uid });
    expect(patch).toContainEqual({
      op: 'test',
      path: '/spec/slots/1',
      value: block?.spec.slots['1'],
    });
    expect(patch).toContainEqual({ op: 'test', path: '/spec/slots/2', value: null });
  });

  test('a slot that was edited by hand is named, counts as used, and is given to nobody', async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add();
    const [name] = scene.server.blocks.keys();
    scene.server.edit(name!, (block) => ({
      ...block,
      spec: { ...block.spec, slots: { '10': block.spec.slots['10']!.replace('web', 'wob') } },
    }));
    await node.ledger.refresh();
    expect(node.ledger.quarantined()).toEqual([
      expect.objectContaining({
        place: '10.0.0.10',
        block: name,
        fault: expect.stringMatching(/by hand/),
      }),
    ]);
    expect([...node.ledger.blocks()]).toMatchObject([{ usedLow: 1 << 10 }]);
    expect([...node.ledger.claims()]).toEqual([]);
    expect(addressesOf(await node.add({ pod: 'other', container: 'C9' }))).toEqual(['10.0.0.11']);
    // An operator frees it by the very text that was seen.
    const line = node.ledger.line(addressOf('10.0.0.10'))!;
    const rest = restingOf(claimOf('10.0.0.10'));
    expect(await node.ledger.commit([{ was: line, now: rest }])).toEqual({ kind: 'durable' });
    expect(node.ledger.quarantined()).toEqual([]);
  });

  const MINUTE = 60_000;

  /** Two claims of node-1 in one block, after a round of looking at it. */
  async function removable() {
    const scene = new Scene();
    const node = await scene.node();
    await node.add();
    await node.add({ pod: 'other', container: 'C9' });
    const [name] = scene.server.blocks.keys();
    const takeOut = (...slots: string[]) =>
      scene.server.edit(name!, (block) => ({
        ...block,
        spec: {
          ...block.spec,
          slots: Object.fromEntries(
            Object.entries(block.spec.slots).filter(([slot]) => !slots.includes(slot)),
          ),
        },
      }));
    return { scene, node, name: name!, takeOut };
  }

  test.each([
    { what: 'a block that was removed by hand', slots: undefined },
    { what: 'a line that was removed by hand', slots: ['10'] },
    { what: 'all lines that were removed by hand', slots: ['10', '11'] },
  ])('$what is noticed within a minute, written again and named', async ({ slots }) => {
    const { scene, node, name, takeOut } = await removable();
    if (slots === undefined) {
      scene.server.remove(name);
    } else {
      takeOut(...slots);
    }
    await scene.advance(MINUTE);
    expect(scene.claims()).toEqual(['10.0.0.10 C1', '10.0.0.11 C9']);
    const told = node.troubles.map(({ kind, place }) => `${kind} ${place}`);
    const removed = (slots ?? ['10', '11']).map((slot) => `reasserted 10.0.0.${slot}`);
    expect(told.sort()).toEqual(removed);
    expect(node.ledger.quarantined()).toEqual([]);
    expect(scene.journal().open()).toEqual([]);
    expect(addressesOf(await node.add())).toEqual(['10.0.0.10']);
  });

  test('what may not be written again is tried in every round, and leaves nothing in the journal', async () => {
    const { scene, takeOut } = await removable();
    takeOut('10');
    scene.hold('patch');
    let refused = 0;
    for (let second = 0; second < 120; second += 1) {
      await scene.advance(1_000);
      for (const request of scene.server.held.filter(({ answered }) => !answered)) {
        request.fail({ kind: 'refused', reason: '403', status: 403 });
        refused += 1;
      }
    }
    await turn();
    expect(refused).toBeGreaterThan(1);
    expect(refused).toBeLessThan(120_000 / LIMITS.blockVerifyMs);
    expect(scene.journal().open()).toEqual([]);
    scene.letGo();
    await scene.advance(MINUTE);
    expect(scene.claims()).toEqual(['10.0.0.10 C1', '10.0.0.11 C9']);
  });

  test('what was removed by hand is written again by an answer to any write of its block', async () => {
    const { scene, node, takeOut } = await removable();
    takeOut('10');
    const add = node.add({ pod: 'other', container: 'C9' });
    await scene.advance(1_000);
    expect((await add).ok).toBe(true);
    expect(scene.claims()).toEqual(['10.0.0.10 C1', '10.0.0.11 C9']);
  });

  test.each([
    { what: 'DEL', left: ['10.0.0.11 C9'] },
    { what: 'ADD', left: ['10.0.0.10 C2', '10.0.0.11 C9'] },
  ])('$what finds a claim whose line was removed by hand', async ({ what, left }) => {
    const { scene, node, takeOut } = await removable();
    takeOut('10');
    const call = what === 'DEL' ? node.del() : node.add({ container: 'C2' });
    await scene.advance(MINUTE);
    expect((await call).ok).toBe(true);
    expect(scene.claims()).toEqual(left);
  });

  test('a claim that is missing in a block made anew is written over what another pod left there', async () => {
    const { scene, node, name } = await removable();
    scene.server.remove(name);
    scene.putPod('third', 'u1', { node: 'node-2' });
    const other = await scene.node('node-2');
    const rival = { pod: 'third', container: 'C7' };
    expect(addressesOf(await other.add(rival))).toHaveLength(1);
    await other.del(rival);
    await scene.advance(MINUTE);
    expect(scene.claims()).toEqual(['10.0.0.10 C1', '10.0.0.11 C9']);
    expect(node.ledger.quarantined()).toEqual([]);
  });

  test('a claim that is missing in a block made anew is not forgotten where its write is not answered', async () => {
    const { scene, node, name } = await removable();
    scene.server.remove(name);
    scene.putPod('third', 'u1', { node: 'node-2' });
    const other = await scene.node('node-2');
    const rival = { pod: 'third', container: 'C7' };
    expect(addressesOf(await other.add(rival))).toHaveLength(1);
    await other.del(rival);
    scene.server.holds = ({ client, verb }) => client === 'node-1' && verb === 'patch';
    await scene.advance(MINUTE);
    (await scene.request()).fail({ kind: 'unknown', reason: 'reset' });
    scene.letGo();
    await scene.advance(MINUTE);
    expect(scene.claims()).toEqual(['10.0.0.10 C1', '10.0.0.11 C9']);
    expect([...node.ledger.claims()]).toHaveLength(2);
  });

  test('claims that a server restored from a back-up does not have are written again', async () => {
    const { scene, node } = await removable();
    const restore = scene.server.backUp();
    await node.del({ pod: 'other', container: 'C9' });
    await scene.advance(LIMITS.restMs + 1_000);
    scene.putPod('third', 'u1');
    expect(addressesOf(await node.add({ pod: 'third', container: 'C7' }))).toEqual(['10.0.0.11']);
    for (const container of ['C2', 'C3']) {
      expect(addressesOf(await node.add({ container }))).toEqual(['10.0.0.10']);
    }
    restore();
    await scene.advance(MINUTE);
    expect(scene.claims()).toEqual(['10.0.0.10 C3', '10.0.0.11 C9']);
    expect(node.troubles.map(({ kind, place }) => `${kind} ${place}`)).toEqual([
      'taken 10.0.0.11',
      'reasserted 10.0.0.10',
    ]);
    const add = node.add({ container: 'C4' });
    await scene.advance(1_000);
    expect(addressesOf(await add)).toEqual(['10.0.0.10']);
  });

  test('blocks whose labels were removed by hand are there, and their pool is full', async () => {
    const scene = new Scene();
    const ranges = ['0', '1', '2', '3', '4'].map((block) => `10.0.${block}.10-10.0.${block}.10`);
    scene.cluster.putPool(poolOf('small', '10.0.0.0/16', ranges));
    const node = await scene.node();
    const ask = async (pod: string) => {
      scene.putPod(pod, 'u1');
      const add = node.add({ pod, container: `of-${pod}` });
      await scene.advance(3_000);
      return addressesOf(await add);
    };
    for (const range of ranges) {
      expect(await ask(range)).toHaveLength(1);
    }
    for (const name of scene.server.blocks.keys()) {
      scene.server.edit(name, ({ metadata, ...block }) => ({
        ...block,
        metadata: { ...metadata, labels: {} },
      }));
    }
    expect(await ask('late')).toMatch(/^ADDRESSES_EXHAUSTED/);
    expect(node.troubles).toEqual([]);
  });

  test('a block that comes while it is read is not taken for removed', async () => {
    const scene = new Scene();
    scene.putPod('third', 'u1');
    const node = await scene.node();
    scene.hold('get', 'create');
    const adds = ['web', 'other', 'third'].map((pod) => node.add({ pod, container: `of-${pod}` }));
    await turn();
    await turn();
    const [create, get] = ['create', 'get'].map((verb) =>
      scene.server.held.find((request) => request.verb === verb),
    );
    get!.execute();
    create!.answer();
    await turn();
    get!.answer();
    scene.letGo();
    await scene.advance(1_000);
    expect((await Promise.all(adds)).map(({ ok }) => ok)).toEqual([true, true, false]);
    expect(scene.server.counts).toMatchObject({ create: 1, patch: 0 });
    expect(node.troubles).toEqual([]);
  });

  test.each([
    { what: 'another pod', rival: { pod: 'third', uid: 'u1', container: 'C7' } },
    { what: 'a successor of its pod', rival: { pod: 'web', uid: 'u2', container: 'C7' } },
  ])(
    'a claim in whose place $what is by then is named and never overwritten',
    async ({ rival }) => {
      const { scene, node, name } = await removable();
      scene.server.remove(name);
      scene.putPod(rival.pod, rival.uid, { node: 'node-2' });
      const other = await scene.node('node-2');
      const [address] = addressesOf(await other.add(rival));
      await scene.advance(MINUTE);
      expect(scene.claims()).toContain(`${address} C7`);
      expect(scene.claims()).toHaveLength(2);
      expect(node.ledger.quarantined()).toEqual([
        expect.objectContaining({
          place: address,
          block: name,
          fault: expect.stringContaining(
            `of this node had it, and pod default/${rival.pod} of node-2 has it`,
          ),
        }),
      ]);
      expect(node.troubles.map(({ kind }) => kind).sort()).toEqual(['reasserted', 'taken']);
      // It is told for as long as the other has it.
      await other.del(rival);
      await scene.advance(MINUTE);
      expect(node.ledger.quarantined()).toEqual([]);
    },
  );

  test('a slot that was edited by hand is noticed within a minute and named once', async () => {
    const { scene, node, name } = await removable();
    scene.server.edit(name, (block) => ({
      ...block,
      spec: { ...block.spec, slots: { ...block.spec.slots, '10': 'mine now' } },
    }));
    await scene.advance(10 * MINUTE);
    expect(node.troubles).toEqual([
      expect.objectContaining({ kind: 'quarantined', place: '10.0.0.10', text: 'mine now' }),
    ]);
    expect(node.ledger.quarantined()).toHaveLength(1);
    expect(scene.server.blocks.get(name)?.spec.slots['10']).toBe('mine now');
  });

  test('blocks whose copies are renewed by writes are not read besides', async () => {
    const { scene, node } = await removable();
    const { get } = scene.server.counts;
    for (let round = 0; round < 10; round += 1) {
      await scene.advance(LIMITS.blockVerifyMs / 2);
      await node.add();
    }
    expect(scene.server.counts.get).toBe(get);
  });

  test("an address that the node gave back, in a request whose answer was lost, is nobody's loss", async () => {
    const { scene, node, name } = await removable();
    scene.hold('patch', 'get');
    const del = node.del();
    const release = await scene.request();
    release.execute();
    release.lose();
    scene.putPod('third', 'u1', { node: 'node-2' });
    const now = claimOf('10.0.0.10', {
      node: 'node-2',
      owner: { namespace: 'default', pod: 'third', uid: 'u1' },
    });
    const { text, names } = writeLine(now, {});
    scene.server.edit(name, (block) => ({
      ...block,
      spec: {
        ...block.spec,
        names: { ...block.spec.names, ...names },
        slots: { ...block.spec.slots, '10': text },
      },
    }));
    scene.letGo();
    scene.server.held.find(({ verb }) => verb === 'get')?.answer();
    await scene.advance(MINUTE);
    expect((await del).ok).toBe(true);
    expect(node.troubles).toEqual([]);
    expect(scene.claims()).toEqual(['10.0.0.10 c1', '10.0.0.11 C9']);
  });
});
