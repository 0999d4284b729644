/** The interleavings of reference/claim-protocol.md, each with the rule that excludes it. */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { freeKept } from '../../src/ipam/kept.ts';
import { deleteSpent } from '../../src/kube/block-deletion.ts';
import { addressesOf } from '../support/simulated-node.ts';
import { turn } from '../support/virtual-timers.ts';
import { Scene } from './scene.ts';

const NEVER_MS = 3_600_000;

describe('the traces against weaker wordings', () => {
  test('T1: an ADD whose plugin was killed while it waited re-keys nothing (rule 3)', async () => {
    const scene = new Scene();
    const node = await scene.node();
    scene.hold('create');
    let killed = false;
    const first = node.add({ container: 'C2' });
    const late = node.add({ container: 'C1', gone: () => killed });
    killed = true;
    (await scene.request()).answer();
    expect(addressesOf(await first)).toEqual(['10.0.0.10']);
    expect((await late).ok).toBe(false);
    expect((await node.del({ container: 'C1' })).ok).toBe(true);
    expect(scene.claims()).toEqual(['10.0.0.10 C2']);
  });

  test.each([{ lands: 'before' }, { lands: 'after' }])(
    'T2a: a DEL of an earlier life that lands $lands the repeated ADD does not unmake its answer (rule 5)',
    async ({ lands }) => {
      const scene = new Scene();
      const before = await scene.node();
      await before.add();
      scene.hold('patch');
      void before.del();
      const ghost = await scene.request();
      before.crash();
      scene.letGo();
      const after = await scene.node('node-1', { journalLost: true });
      expect(scene.claims()).toEqual(['10.0.0.10 C1']);
      if (lands === 'before') {
        ghost.execute();
      }
      const answer = after.add();
      await scene.advance(NEVER_MS);
      const [address] = addressesOf(await answer);
      ghost.execute();
      expect(scene.claims()).toEqual([`${address} C1`]);
    },
  );

  test('T2b: a release by somebody else that is on its way does not unmake a confirmed ADD (rule 5)', async () => {
    const scene = new Scene();
    const node = await scene.node();
    const collector = await scene.node('controller', { node: 'node-1' });
    await node.add();
    await collector.ledger.refresh();
    scene.hold('patch');
    void collector.del();
    const ghost = await scene.request();
    scene.letGo();
    expect(addressesOf(await node.add())).toEqual(['10.0.0.10']);
    ghost.execute();
    expect(scene.claims()).toEqual(['10.0.0.10 C1']);
  });

  test('T3: after a restart without memory a quorum list shows what the node holds (rule 15)', async () => {
    const scene = new Scene();
    const before = await scene.node();
    await before.add();
    before.crash();
    const after = await scene.node('node-1', { journalLost: true });
    expect(after.ledger.claimsOfContainer('net', 'C1')).toHaveLength(1);
    expect([...after.ledger.claimsOfNetwork('net', 'node-1')]).toHaveLength(1);
  });

  test('T4: a claim kept for a living pod says so before DEL is answered, and goes with its pod (rule 6)', async () => {
    const scene = new Scene();
    scene.cluster.keepsForLivePods = true;
    const before = await scene.node();
    await before.add();
    expect((await before.del()).ok).toBe(true);
    expect(scene.claims()).toEqual(['10.0.0.10 C1 kept']);
    before.crash();
    const after = await scene.node();
    await freeKept(after.service.parts, 'default', 'web');
    expect(scene.claims()).toEqual(['10.0.0.10 C1 kept']);
    scene.putPod('web', 'u1', { dead: true });
    await freeKept(after.service.parts, 'default', 'web');
    expect(scene.lines()).toEqual(['10.0.0.10 resting']);
  });

  test('T5, as far as the ledger goes: with its journal an agent keeps a late ADD from landing (journal)', async () => {
    const scene = new Scene();
    const before = await scene.node();
    await before.add({ pod: 'other', container: 'C9' });
    scene.hold('patch');
    void before.add();
    const ghost = await scene.request();
    before.crash();
    scene.letGo();
    const after = await scene.node();
    expect((await after.del()).ok).toBe(true);
    ghost.execute();
    expect(scene.claims()).toEqual(['10.0.0.10 C9']);
  });

  test('T6: a patch for a block that was deleted and made again does not land in it (rules 9 and 13)', async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add({ pod: 'other', container: 'C9' });
    scene.hold('patch');
    const add = node.add();
    const ghost = await scene.request();
    scene.letGo();
    ghost.lose();
    await scene.advance(1_000);
    expect((await add).ok).toBe(true);
    await node.del();
    await node.del({ pod: 'other', container: 'C9' });
    const [block] = scene.server.blocks.values();
    const api = scene.server.client('controller');
    const rested = scene.timers.now() + LIMITS.restMs;
    expect(await deleteSpent(api, block!, rested)).toBe(false);
    expect(await deleteSpent(api, block!, rested + LIMITS.blockKeptMs)).toBe(true);
    expect(scene.server.blocks.size).toBe(0);
    const again = node.add({ pod: 'other', container: 'C10' });
    await scene.advance(1_000);
    expect((await again).ok).toBe(true);
    ghost.execute();
    expect(scene.claims()).toEqual(['10.0.0.10 C10']);
  });
});

describe('the traces when a rule is left out', () => {
  test('2: an ADD that timed out is settled by a write, so its late request lands nowhere', async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add({ pod: 'other', container: 'C9' });
    scene.hold('patch');
    const add = node.add();
    const ghost = await scene.request();
    scene.letGo();
    ghost.lose();
    await scene.advance(10_000);
    expect(addressesOf(await add)).toEqual(['10.0.0.11']);
    ghost.execute();
    expect(addressesOf(await node.add())).toEqual(['10.0.0.11']);
    expect(scene.claims()).toEqual(['10.0.0.10 C9', '10.0.0.11 C1']);
  });

  test('2: an answer that was lost after the write is found by its own nonce, and nothing is written twice', async () => {
    const scene = new Scene();
    const node = await scene.node();
    scene.hold('create');
    const add = node.add();
    const request = await scene.request();
    request.execute();
    request.lose();
    await scene.advance(10_000);
    expect(addressesOf(await add)).toEqual(['10.0.0.10']);
    expect(scene.server.counts).toMatchObject({ create: 1, patch: 0 });
  });

  test('3: a duplicate DEL waits for the ADD of its key that was repeated', async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add();
    scene.hold('patch');
    const add = node.add();
    const del = node.del();
    const restamp = await scene.request();
    expect(scene.server.held).toHaveLength(1);
    restamp.answer();
    expect((await add).ok).toBe(true);
    (await scene.request()).answer();
    expect((await del).ok).toBe(true);
    expect(scene.claims()).toEqual([]);
  });

  test('3: what is unsettled of one container keeps the queue of its pod closed for the next', async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add({ pod: 'other', container: 'C9' });
    scene.hold('patch', 'get');
    const first = node.add({ container: 'C1' });
    const ghost = await scene.request();
    ghost.lose();
    const second = node.add({ container: 'C2' });
    await scene.advance(LIMITS.apiCommitMs);
    expect(addressesOf(await first)).toBe(
      'API_SERVER_AWAY: the API server did not answer within 15000 ms',
    );
    // The second has sent nothing: what waits is the read that settles the first.
    expect(scene.server.held.filter(({ answered }) => !answered).map(({ verb }) => verb)).toEqual([
      'get',
    ]);
    scene.letGo();
    scene.server.held.find(({ verb }) => verb === 'get')?.answer();
    await scene.advance(10_000);
    expect((await second).ok).toBe(true);
    ghost.execute();
    expect(scene.claims()).toEqual(['10.0.0.10 C9', expect.stringMatching(/ C2$/)]);
  });

  test('4: a late DEL of the old container frees nothing of the new one', async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add({ container: 'C1' });
    expect(addressesOf(await node.add({ container: 'C2' }))).toEqual(['10.0.0.10']);
    expect(scene.claims()).toEqual(['10.0.0.10 C2']);
    expect((await node.del({ container: 'C1' })).ok).toBe(true);
    expect(scene.claims()).toEqual(['10.0.0.10 C2']);
  });

  test('5: a repeated ADD whose claim was freed behind its back claims again', async () => {
    const scene = new Scene();
    const node = await scene.node();
    const collector = await scene.node('controller', { node: 'node-1' });
    await node.add();
    await collector.ledger.refresh();
    await collector.del();
    const again = node.add();
    await scene.advance(10_000);
    const [address] = addressesOf(await again);
    expect(scene.claims()).toEqual([`${address} C1`]);
  });

  test('6: DEL of one interface frees no other', async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add({ interfaceName: 'eth0' });
    await node.add({ interfaceName: 'net1' });
    await node.del({ interfaceName: 'eth0' });
    expect(scene.claims()).toEqual(['10.0.0.11 C1']);
  });

  test.each([
    { lands: 'before the list', when: 'before' },
    { lands: 'between the list and the settling', when: 'between' },
    { lands: 'after the settling', when: 'after' },
  ])(
    'the journal: a request of an earlier life that lands $lands is one claim at most',
    async ({ when }) => {
      const scene = new Scene();
      const before = await scene.node();
      await before.add({ pod: 'other', container: 'C9' });
      scene.hold('patch');
      void before.add();
      const ghost = await scene.request();
      before.crash();
      if (when === 'before') {
        ghost.execute();
      }
      scene.server.holds = ({ verb }) => when === 'between' && verb === 'patch';
      const starting = scene.node();
      if (when === 'between') {
        await turn();
        const fence = scene.server.held.find((request) => request !== ghost);
        ghost.execute();
        scene.letGo();
        fence!.answer();
      }
      await scene.advance(10_000);
      const after = await starting;
      expect(scene.journal().open()).toEqual([]);
      const answer = after.add();
      await scene.advance(10_000);
      const [address] = addressesOf(await answer);
      ghost.execute();
      expect(addressesOf(await after.add())).toEqual([address]);
      expect(scene.claims().filter((claim) => claim.endsWith('C1'))).toEqual([`${address} C1`]);
    },
  );

  test('9: a released slot is never absent, so a late claim of it does not land', async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add({ pod: 'other', container: 'C9' });
    scene.hold('patch');
    const add = node.add();
    const ghost = await scene.request();
    scene.letGo();
    ghost.lose();
    await scene.advance(10_000);
    await add;
    await node.del();
    expect(scene.lines()).toEqual(['10.0.0.10 claimed', '10.0.0.11 resting']);
    ghost.execute();
    expect(scene.lines()).toEqual(['10.0.0.10 claimed', '10.0.0.11 resting']);
  });

  test('13: a block in which a claim lands while it is being deleted stays', async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add();
    await node.del();
    const [block] = scene.server.blocks.values();
    const now = scene.timers.now() + LIMITS.restMs + LIMITS.blockKeptMs;
    const api = scene.server.client('controller');
    scene.server.holds = ({ client, verb }) => client === 'controller' && verb === 'patch';
    const deletion = deleteSpent(api, block!, now);
    const unlocking = await scene.request();
    const add = node.add();
    await scene.advance(10_000);
    expect((await add).ok).toBe(true);
    unlocking.answer();
    expect(await deletion).toBe(false);
    expect(scene.claims()).toHaveLength(1);
    // The deletion that was begun is finished when the block is empty again.
    await node.del();
    const [left] = scene.server.blocks.values();
    scene.letGo();
    const later = scene.timers.now() + LIMITS.restMs + LIMITS.blockKeptMs;
    expect(await deleteSpent(api, left!, later)).toBe(true);
    expect(scene.server.blocks.size).toBe(0);
  });

  test('13: a block that was claimed in after it was read is not deleted', async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add();
    await node.del();
    const [block] = scene.server.blocks.values();
    const now = scene.timers.now() + LIMITS.restMs + LIMITS.blockKeptMs;
    await node.add();
    expect(await deleteSpent(scene.server.client('controller'), block!, now)).toBe(false);
    expect(scene.claims()).toEqual([expect.stringMatching(/ C1$/)]);
  });
});
