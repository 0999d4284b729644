/** The rules of the claim (DESIGN section 4) as far as the ledger and the agent's queue carry them. */
import { describe, expect, test } from 'vitest';
import { OrbweaverError } from '../../src/catalogue/errors.ts';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { readSpiderpoolConf } from '../../src/dialect/spiderpool-conf.ts';
import { type Deletion, PromisedDels } from '../../src/ipam/promised-dels.ts';
import { UnsettledError } from '../../src/ipam/unsettled.ts';
import type { PatchOperation } from '../../src/kube/api.ts';
import { writeLine } from '../../src/kube/block-line.ts';
import { KubernetesLedger } from '../../src/kube/ledger.ts';
import { formatAddress } from '../../src/net/address.ts';
import { storedLines } from '../support/block-lines.ts';
import {
  addressOf,
  cidrOf,
  claimOf,
  freshNonce,
  restingOf,
  unitOf,
  writeOf,
} from '../support/lines.ts';
import { MemoryJournal } from '../support/memory-journal.ts';
import { SimulatedApiServer } from '../support/simulated-api-server.ts';
import { addressesOf } from '../support/simulated-node.ts';
import { turn, VirtualTimers } from '../support/virtual-timers.ts';
import { poolOf } from '../world/pools.ts';
import { Scene } from './scene.ts';

/** A ledger of its own client on a server, with nothing around it. */
async function bareLedger(server: SimulatedApiServer, client = 'node-1') {
  const timers = new VirtualTimers();
  const journal = new MemoryJournal();
  const openWith = (kept: MemoryJournal) =>
    KubernetesLedger.open({
      api: server.client(client),
      node: client,
      journal: kept,
      timers,
      random: () => 0.5,
    });
  const open = () => openWith(journal.reopened());
  return { ledger: await openWith(journal), timers, journal, open, openWith };
}

const patchesOf = (server: SimulatedApiServer) =>
  server.held.filter(({ verb }) => verb === 'patch').map(({ body }) => body as PatchOperation[]);

/** The slots that a held patch writes. */
const slotsOf = (operations: readonly PatchOperation[]) =>
  operations.flatMap(({ op, path }) =>
    op === 'add' && path.startsWith('/spec/slots/') ? [Number(path.split('/').at(-1))] : [],
  );

describe('rule 1', () => {
  const ID = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';

  test('a line names its holder, and its container by a digest; DEL, CHECK and CNI GC go by that', async () => {
    const scene = new Scene();
    const node = await scene.node();
    expect(addressesOf(await node.add({ container: ID }))).toEqual(['10.0.0.10']);
    const [line] = storedLines(scene.server);
    expect(line).toMatchObject({
      owner: { namespace: 'default', pod: 'web', uid: 'u1' },
      node: 'node-1',
      pool: 'small',
      attachment: {
        network: 'net',
        containerId: expect.stringMatching(/^~/),
        interfaceName: 'eth0',
      },
    });
    expect(JSON.stringify([...scene.server.blocks.values()])).not.toContain(ID);
    const ips = [{ address: '10.0.0.10/24' }];
    const prevResult = { cniVersion: '1.1.0', interfaces: [], ips };
    const check = await node.call('CHECK', { container: ID, config: { prevResult } });
    expect(check).toMatchObject({ ok: true });
    const gc = (...containers: string[]) => ({
      config: {
        'cni.dev/valid-attachments': containers.map((containerID) => ({
          containerID,
          ifname: 'eth0',
        })),
      },
    });
    expect((await node.call('GC', gc(ID))).ok).toBe(true);
    expect(scene.lines()).toEqual(['10.0.0.10 claimed']);
    expect((await node.call('GC', gc('another'))).ok).toBe(true);
    expect(scene.lines()).toEqual(['10.0.0.10 resting']);
    expect(addressesOf(await node.add({ container: ID }))).toEqual(['10.0.0.11']);
    expect((await node.del({ container: ID })).ok).toBe(true);
    expect(scene.claims()).toEqual([]);
  });
});

describe('rule 2', () => {
  test('a claim that is given up in doubt is kept out by a fence, and its address is free at once', async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add({ pod: 'other', container: 'C9' });
    scene.hold('patch', 'get');
    const add = node.add();
    const ghost = await scene.request();
    ghost.lose();
    await scene.advance(LIMITS.apiCommitMs);
    expect((await add).ok).toBe(false);
    scene.letGo();
    scene.server.held.find(({ verb }) => verb === 'get')?.answer();
    await scene.advance(10_000);
    expect(scene.lines()).toEqual(['10.0.0.10 claimed', '10.0.0.11 resting']);
    expect(scene.journal().open()).toEqual([]);
    ghost.execute();
    expect(scene.lines()).toEqual(['10.0.0.10 claimed', '10.0.0.11 resting']);
    // Nothing is left of it in the engine either.
    expect(addressesOf(await node.add({ container: 'C2' }))).toEqual(['10.0.0.11']);
  });

  test('a claim that landed although it was given up is taken back', async () => {
    const scene = new Scene();
    const node = await scene.node();
    scene.hold('create', 'get');
    const add = node.add();
    const request = await scene.request();
    request.execute();
    request.lose();
    await scene.advance(LIMITS.apiCommitMs);
    expect((await add).ok).toBe(false);
    expect(scene.claims()).toEqual(['10.0.0.10 C1']);
    scene.letGo();
    scene.server.held[0]?.answer();
    await scene.advance(10_000);
    expect(scene.lines()).toEqual(['10.0.0.10 resting']);
  });

  test('a confirmation that is given up in doubt leaves the claim to its present holder', async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add({ container: 'C1' });
    scene.hold('patch', 'get');
    const add = node.add({ container: 'C2' });
    const ghost = await scene.request();
    ghost.lose();
    await scene.advance(LIMITS.apiCommitMs);
    expect((await add).ok).toBe(false);
    scene.letGo();
    scene.server.held.find(({ verb }) => verb === 'get')?.answer();
    await scene.advance(10_000);
    ghost.execute();
    expect(scene.claims()).toEqual(['10.0.0.10 C1']);
  });

  test("another pod's line is never overwritten: the claim is lost and another address chosen", async () => {
    const scene = new Scene();
    scene.putPod('other', 'u1', { node: 'node-2' });
    const [one, two] = [await scene.node('node-1'), await scene.node('node-2')];
    expect(addressesOf(await one.add())).toEqual(['10.0.0.10']);
    const add = two.add({ pod: 'other', container: 'C9' });
    await scene.advance(1_000);
    expect(addressesOf(await add)).toEqual(['10.0.0.11']);
    expect(scene.claims()).toEqual(['10.0.0.10 C1', '10.0.0.11 C9']);
  });
});

describe('a commit over several blocks', () => {
  const first = '10.0.0.1';
  const second = '10.0.0.65';

  /** One block is taken by somebody else while the commit is on its way to both. */
  async function halfLost() {
    const server = new SimulatedApiServer();
    const { ledger, timers, journal, open } = await bareLedger(server);
    const { ledger: other } = await bareLedger(server, 'node-2');
    await ledger.commit([writeOf(claimOf('10.0.0.2')), writeOf(claimOf('10.0.0.66'))]);
    await other.refresh();
    const taken = claimOf(second, { node: 'node-2' });
    expect(await other.commit([writeOf(taken)])).toEqual({ kind: 'durable' });
    return { server, ledger, timers, journal, open, taken };
  }

  test('that loses in one of them is taken back in the others before the answer', async () => {
    const { server, ledger, timers, taken, journal } = await halfLost();
    const commit = ledger.commit([writeOf(claimOf(first)), writeOf(claimOf(second))]);
    await timers.advance(1_000);
    expect(await commit).toEqual({
      kind: 'lost',
      conflicts: [{ address: taken.address, now: taken }],
      units: [],
    });
    const line = storedLines(server).find(({ address }) => formatAddress(address) === first);
    expect(line).toMatchObject({
      state: 'resting',
      until: line?.state === 'resting' && line.releasedAt,
    });
    expect(ledger.line(addressOf(first))).toEqual(line);
    expect(journal.open()).toEqual([]);
  });

  test('gives a confirmation back to the claim it found', async () => {
    const { ledger, timers } = await halfLost();
    const was = claimOf(first);
    await ledger.commit([writeOf(was)]);
    const now = {
      ...was,
      nonce: freshNonce(),
      attachment: { ...was.attachment, containerId: 'c2' },
    };
    const commit = ledger.commit([writeOf(now, was), writeOf(claimOf(second))]);
    await timers.advance(1_000);
    expect(await commit).toMatchObject({ kind: 'lost' });
    expect(ledger.line(was.address)).toEqual({
      ...was,
      nonce: expect.not.stringContaining(was.nonce),
    });
  });

  test('of which a crash left one half is taken back at the next start (I5)', async () => {
    const server = new SimulatedApiServer();
    const { ledger, timers, open } = await bareLedger(server);
    await ledger.commit([writeOf(claimOf('10.0.0.2')), writeOf(claimOf('10.0.0.66'))]);
    server.holds = ({ verb }) => verb === 'patch';
    void ledger.commit([writeOf(claimOf(first)), writeOf(claimOf(second))]);
    await turn();
    const [landed, ghost] = server.held;
    landed?.execute();
    server.holds = () => false;
    const opening = open();
    await timers.advance(10_000);
    const next = await opening;
    ghost?.execute();
    expect([...next.claims()].map(({ address }) => formatAddress(address))).toEqual([
      '10.0.0.2',
      '10.0.0.66',
    ]);
    await next.refresh();
    expect([...next.claims()]).toHaveLength(2);
  });

  test('that was being taken back when the agent died is taken back whole at the next start', async () => {
    const server = new SimulatedApiServer();
    const { ledger, timers, journal, openWith } = await bareLedger(server);
    await ledger.commit([writeOf(claimOf('10.0.0.2')), writeOf(claimOf('10.0.0.66'))]);
    server.holds = ({ verb }) => verb === 'patch' || verb === 'get';
    const commit = ledger.commit([writeOf(claimOf(first)), writeOf(claimOf(second))]);
    const refused = expect(commit).rejects.toMatchObject({ code: 'STORE_FAILURE' });
    await turn();
    for (const request of [...server.held]) {
      request.execute();
      request.lose();
    }
    await timers.advance(LIMITS.apiCommitMs);
    await refused;
    for (const request of [...server.held]) {
      request.answer();
    }
    await turn();
    const reverts = server.held.filter(({ verb }) => verb === 'patch');
    expect(reverts).toHaveLength(2);
    server.holds = () => false;
    const opening = openWith(journal.reopened());
    await timers.advance(10_000);
    const next = await opening;
    reverts[0]?.execute();
    await next.refresh();
    expect([...next.claims()].map(({ address }) => formatAddress(address))).toEqual([
      '10.0.0.2',
      '10.0.0.66',
    ]);
  });

  test('that all landed is left alone at the next start, whether it was answered or not', async () => {
    const server = new SimulatedApiServer();
    const { ledger, open } = await bareLedger(server);
    server.holds = ({ verb }) => verb === 'create';
    void ledger.commit([writeOf(claimOf(first)), writeOf(claimOf(second))]);
    await turn();
    for (const request of server.held) {
      request.execute();
    }
    server.holds = () => false;
    expect([...(await open()).claims()]).toHaveLength(2);
  });
});

describe('a claim of two families in two blocks, of which one landed and the journal was lost (I5)', () => {
  const dual = { ipv4: ['small'], ipv6: ['six'] };

  async function half(landed: 0 | 1) {
    const scene = new Scene();
    scene.cluster.conf = () => readSpiderpoolConf(undefined);
    scene.cluster.putPool(poolOf('six', 'fd00::/64', ['fd00::10-fd00::11']));
    scene.putPod('web', 'u1', { pools: dual });
    const before = await scene.node();
    scene.hold('create');
    void before.add();
    await scene.request();
    await turn();
    expect(scene.server.held).toHaveLength(2);
    const [one, other] = [scene.server.held[landed], scene.server.held[1 - landed]];
    before.crash();
    one?.execute();
    scene.letGo();
    return { scene, node: await scene.node('node-1', { journalLost: true }), ghost: other };
  }

  test.each([
    { family: 'IPv4', landed: 0 as const },
    { family: 'IPv6', landed: 1 as const },
  ])(
    'of $family is never answered as it is: ADD takes it back and claims both',
    async ({ landed }) => {
      const { scene, node, ghost } = await half(landed);
      expect(scene.claims()).toHaveLength(1);
      const add = node.add();
      await scene.advance(10_000);
      expect(addressesOf(await add)).toEqual([
        expect.stringMatching(/^10\./),
        expect.stringMatching(/^fd00/),
      ]);
      expect(scene.claims()).toHaveLength(2);
      ghost?.execute();
      expect(scene.claims()).toHaveLength(2);
      expect(addressesOf(await node.add())).toHaveLength(2);
    },
  );

  test('goes with DEL', async () => {
    const { scene, node } = await half(0);
    expect((await node.del()).ok).toBe(true);
    expect(scene.claims()).toEqual([]);
  });

  test('is nothing but a claim where both landed', async () => {
    const { scene, node, ghost } = await half(0);
    node.crash();
    ghost?.execute();
    const after = await scene.node('node-1', { journalLost: true });
    const held = scene.claims();
    expect(held).toHaveLength(2);
    expect(addressesOf(await after.add())).toEqual(held.map((claim) => claim.split(' ')[0]));
  });
});

describe('rule 5', () => {
  test('a repeated ADD is answered after a write with a new nonce, not after a read', async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add();
    const [before] = storedLines(scene.server);
    const { patch, get } = scene.server.counts;
    expect(addressesOf(await node.add())).toEqual(['10.0.0.10']);
    expect(scene.server.counts).toMatchObject({ patch: patch + 1, get });
    expect(storedLines(scene.server)[0]?.nonce).not.toBe(before?.nonce);
  });
});

describe('rule 6', () => {
  async function kept() {
    const scene = new Scene();
    scene.cluster.keepsForLivePods = true;
    const node = await scene.node();
    await node.add({ container: 'C1' });
    await node.del({ container: 'C1' });
    return { scene, node };
  }

  test('the mark of a kept claim is cleared by the next ADD of its pod', async () => {
    const { scene, node } = await kept();
    expect(scene.claims()).toEqual(['10.0.0.10 C1 kept']);
    expect(addressesOf(await node.add({ container: 'C2' }))).toEqual(['10.0.0.10']);
    expect(scene.claims()).toEqual(['10.0.0.10 C2']);
  });

  test('CNI GC leaves a kept claim alone, which has no sandbox on purpose', async () => {
    const { scene, node } = await kept();
    const config = { 'cni.dev/valid-attachments': [] };
    expect((await node.call('GC', { config })).ok).toBe(true);
    expect(scene.claims()).toEqual(['10.0.0.10 C1 kept']);
  });

  test.each([
    { what: 'is being deleted', uid: 'u1', dead: true },
    { what: 'was replaced by another of its name', uid: 'u2', dead: false },
  ])('DEL frees the claim of a pod that $what', async ({ uid, dead }) => {
    const scene = new Scene();
    scene.cluster.keepsForLivePods = true;
    const node = await scene.node();
    await node.add();
    scene.putPod('web', uid, { dead });
    expect((await node.del()).ok).toBe(true);
    expect(scene.lines()).toEqual(['10.0.0.10 resting']);
  });
});

describe('rule 9', () => {
  test('a slot once written is never absent while its block lives, whatever becomes of it', async () => {
    const scene = new Scene();
    const vanished: string[] = [];
    scene.server.onChange = (before, after) => {
      for (const slot of Object.keys(before?.spec.slots ?? {})) {
        if (after !== undefined && !(slot in after.spec.slots)) {
          vanished.push(slot);
        }
      }
    };
    const node = await scene.node();
    for (let round = 0; round < 3; round += 1) {
      await node.add();
      await node.del();
    }
    expect(vanished).toEqual([]);
    expect(scene.lines()).not.toEqual([]);
  });
});

describe('rule 9, the time of a rest', () => {
  const HOUR = 3_600_000;

  /** The address that `web` left, as a node sees it that starts then. */
  async function left(skewMs: number) {
    const scene = new Scene();
    const node = await scene.node();
    await node.add();
    const [name] = scene.server.blocks.keys();
    const now = scene.timers.now() + skewMs;
    const rest = restingOf(claimOf('10.0.0.10'), {
      releasedAt: now,
      until: now + LIMITS.restMs,
    });
    // What the agent of a node whose clock is wrong would have written.
    const { text, names } = writeLine(rest, {});
    scene.server.edit(name!, (block) => ({
      ...block,
      spec: { ...block.spec, names, slots: { '10': text } },
    }));
    return { scene, node: await scene.node('node-2') };
  }

  test('that lies in the future begins when it is seen, and does not last an hour longer', async () => {
    const { scene, node } = await left(HOUR);
    const first = await node.add({ pod: 'other', container: 'C9' });
    expect(addressesOf(first)).toEqual(['10.0.0.11']);
    await scene.advance(LIMITS.restMs + 1_000);
    scene.putPod('third', 'u1');
    const add = node.add({ pod: 'third', container: 'C7' });
    await scene.advance(1_000);
    expect(addressesOf(await add)).toEqual(['10.0.0.10']);
  });

  test('that is over is over', async () => {
    const { scene, node } = await left(-HOUR);
    const add = node.add({ pod: 'other', container: 'C9' });
    await scene.advance(1_000);
    expect(addressesOf(await add)).toEqual(['10.0.0.10']);
  });

  test("is the API server's in what a release writes", async () => {
    const scene = new Scene();
    const node = await scene.node();
    await node.add();
    await scene.advance(5_000);
    await node.del();
    const now = scene.timers.now();
    expect(storedLines(scene.server)).toMatchObject([
      { releasedAt: now, until: now + LIMITS.restMs },
    ]);
  });
});

describe('rule 10', () => {
  const SECOND = 1_000;

  async function awayWithClaim() {
    const scene = new Scene();
    const node = await scene.node();
    await node.add();
    await scene.away(SECOND);
    return { scene, node };
  }

  test('DEL while the API server is away is on the disk, then answered, and written when it is back', async () => {
    const { scene, node } = await awayWithClaim();
    const del = node.del();
    await scene.away(LIMITS.delAnswerMs - SECOND);
    expect(scene.journal().openDeletions()).toEqual([]);
    await scene.away(SECOND);
    expect(await del).toEqual({ ok: true, result: undefined });
    expect(scene.journal().openDeletions()).toHaveLength(1);
    await scene.away(600 * SECOND);
    // It counts as used until it is written.
    expect([...node.ledger.claims()]).toHaveLength(1);
    expect(scene.claims()).toEqual(['10.0.0.10 C1']);
    scene.letGo();
    await scene.advance(10 * SECOND);
    expect(scene.lines()).toEqual(['10.0.0.10 resting']);
    expect(scene.journal().openDeletions()).toEqual([]);
    expect(node.service.queueDepth).toBe(0);
  });

  test('DEL is an error where the disk does not keep it either', async () => {
    const { scene, node } = await awayWithClaim();
    scene.journal().beginDeletion = () =>
      Promise.reject(new OrbweaverError('STORE_FAILURE', 'disk full'));
    const del = node.del();
    await scene.away(LIMITS.delAnswerMs);
    expect(await del).toMatchObject({ ok: false, code: 'STORE_FAILURE' });
  });

  test('the same DEL again is answered at once and takes no second place in the queue', async () => {
    const { scene, node } = await awayWithClaim();
    const del = node.del();
    await scene.away(LIMITS.delAnswerMs);
    await del;
    for (let again = 0; again < LIMITS.podQueueMax; again += 1) {
      expect((await node.del()).ok).toBe(true);
    }
    expect(node.service.queueDepth).toBe(1);
    expect(scene.journal().openDeletions()).toHaveLength(1);
  });

  test('a later ADD of its key runs after it, and one that waits too long for that is answered 11', async () => {
    const { scene, node } = await awayWithClaim();
    const del = node.del();
    await scene.away(LIMITS.delAnswerMs);
    await del;
    const late = node.add({ deadlineMs: 10 * SECOND });
    const patient = node.add();
    await scene.away(10 * SECOND);
    expect(addressesOf(await late)).toMatch(/^DEADLINE_EXCEEDED/);
    expect(await late).toMatchObject({ error: { code: 11 } });
    scene.letGo();
    await scene.advance(10 * SECOND);
    expect(addressesOf(await patient)).toEqual(['10.0.0.11']);
    expect(scene.lines()).toEqual(['10.0.0.10 resting', '10.0.0.11 claimed']);
  });

  test.each([
    { what: 'that lived on', crash: false },
    { what: 'that died in between', crash: true },
  ])(
    'DEL behind an ADD whose outcome is open frees what that left, in an agent $what',
    async ({ crash }) => {
      const scene = new Scene();
      const node = await scene.node();
      await node.add({ pod: 'other', container: 'C9' });
      scene.hold('patch');
      const add = node.add();
      const ghost = await scene.request();
      ghost.lose();
      const del = node.del();
      await scene.away(LIMITS.apiCommitMs);
      expect((await add).ok).toBe(false);
      expect((await del).ok).toBe(true);
      ghost.execute();
      if (crash) {
        node.crash();
      }
      scene.letGo();
      const after = crash ? await scene.node() : node;
      await scene.advance(10 * SECOND);
      expect(scene.claims()).toEqual(['10.0.0.10 C9']);
      expect(after.service.queueDepth).toBe(0);
      expect(scene.journal().openDeletions()).toEqual([]);
    },
  );

  test.each([
    { what: 'answered in an earlier life', synced: true },
    { what: 'that came before the agent had read the ledger', synced: false },
  ])('DEL $what is carried out before any ADD of its pod', async ({ synced }) => {
    const { scene, node } = await awayWithClaim();
    if (synced) {
      const del = node.del();
      await scene.away(LIMITS.delAnswerMs);
      await del;
      node.crash();
    } else {
      node.crash();
      const promised = new PromisedDels(scene.journal());
      expect(await promised.answer(node.request('DEL', {}))).toMatchObject({ ok: true });
    }
    scene.letGo();
    const after = await scene.node();
    const add = after.add({ container: 'C2' });
    await scene.advance(10 * SECOND);
    expect(addressesOf(await add)).toEqual(['10.0.0.11']);
    expect(scene.lines()).toEqual(['10.0.0.10 resting', '10.0.0.11 claimed']);
    expect(scene.journal().openDeletions()).toEqual([]);
  });

  test('DEL that is answered while the use-cases start is carried out by them', async () => {
    const { scene, node } = await awayWithClaim();
    node.crash();
    const journal = scene.journal();
    const durable = Promise.withResolvers<void>();
    const begin = journal.beginDeletion.bind(journal);
    journal.beginDeletion = (deletion) => durable.promise.then(() => begin(deletion));
    const promised = new PromisedDels(journal);
    const answer = promised.answer(node.request('DEL', {}));
    const carriedOut: Deletion[] = [];
    promised.takeOver((_, deletion) => carriedOut.push(deletion));
    expect(carriedOut).toEqual([]);
    durable.resolve();
    await answer;
    expect(carriedOut).toMatchObject([{ attachment: { containerId: 'C1' }, args: { pod: 'web' } }]);
  });

  test('a DEL that cannot be read is refused, also before the ledger is read', async () => {
    const scene = new Scene();
    const node = await scene.node();
    const promised = new PromisedDels(scene.journal());
    const request = { ...node.request('DEL', {}), config: '{' };
    expect(await promised.answer(request)).toMatchObject({ ok: false, code: 'DECODE_FAILURE' });
  });
});

describe('rule 12', () => {
  const addresses = (from: number, count: number) =>
    Array.from({ length: count }, (_, index) => `10.0.0.${from + index}`);

  test('all that waits goes in one patch, with one request in flight for a block', async () => {
    const server = new SimulatedApiServer();
    const { ledger } = await bareLedger(server);
    await ledger.commit([writeOf(claimOf('10.0.0.0'))]);
    server.holds = ({ verb }) => verb === 'patch';
    const commits = addresses(1, 8).map((address) => ledger.commit([writeOf(claimOf(address))]));
    await turn();
    const later = addresses(20, 30).map((address) => ledger.commit([writeOf(claimOf(address))]));
    await turn();
    expect(patchesOf(server).map((patch) => slotsOf(patch).length)).toEqual([8]);
    server.held[0]?.answer();
    await Promise.all(commits);
    await turn();
    expect(patchesOf(server).map((patch) => slotsOf(patch).length)).toEqual([30]);
    server.held[0]?.answer();
    await Promise.all(later);
  });

  test('after a lost race the block is read, and half as many go in the next patch', async () => {
    const server = new SimulatedApiServer();
    const { ledger, timers } = await bareLedger(server);
    await ledger.commit([writeOf(claimOf('10.0.0.0'))]);
    const { ledger: other } = await bareLedger(server, 'node-2');
    const taken = claimOf('10.0.0.3', { node: 'node-2' });
    await other.commit([writeOf(taken)]);
    server.holds = ({ verb, client }) => verb === 'patch' && client === 'node-1';
    const commits = addresses(1, 8).map((address) => ledger.commit([writeOf(claimOf(address))]));
    await turn();
    server.held[0]?.answer();
    const gets = server.counts.get;
    await turn();
    expect(server.held, 'it rests first').toHaveLength(0);
    await timers.advance(100);
    expect(server.counts.get).toBe(gets + 1);
    expect(patchesOf(server).map((patch) => slotsOf(patch).length)).toEqual([4]);
    server.holds = () => false;
    server.held[0]?.answer();
    await timers.advance(1_000);
    const outcomes = await Promise.all(commits);
    expect(outcomes.filter(({ kind }) => kind === 'durable')).toHaveLength(7);
    expect(outcomes[2]).toMatchObject({ kind: 'lost', conflicts: [{ now: taken }] });
  });

  test('after a failure releases and claims go in different patches', async () => {
    const server = new SimulatedApiServer();
    const { ledger, timers } = await bareLedger(server);
    const held = addresses(1, 4).map((address) => claimOf(address));
    await ledger.commit(held.map((claim) => writeOf(claim)));
    server.holds = ({ verb }) => verb === 'patch';
    const commits = [
      ...held.map((claim) => ledger.commit([writeOf(restingOf(claim), claim)])),
      ...addresses(20, 4).map((address) => ledger.commit([writeOf(claimOf(address))])),
    ];
    await turn();
    expect(slotsOf(patchesOf(server)[0]!)).toEqual([1, 2, 3, 4, 20, 21, 22, 23]);
    server.held[0]?.fail({ kind: 'test-failed' });
    await timers.advance(100);
    expect(slotsOf(patchesOf(server)[0]!)).toEqual([1, 2, 3, 4]);
    server.holds = () => false;
    server.held[0]?.answer();
    await timers.advance(1_000);
    expect((await Promise.all(commits)).every(({ kind }) => kind === 'durable')).toBe(true);
  });

  test('a busy server is asked again only after the time it names', async () => {
    const server = new SimulatedApiServer();
    const { ledger, timers } = await bareLedger(server);
    server.holds = ({ verb }) => verb === 'create';
    const commit = ledger.commit([writeOf(claimOf('10.0.0.1'))]);
    await turn();
    server.held[0]?.fail({ kind: 'busy', retryAfterMs: 3_000 });
    await timers.advance(2_999);
    expect(server.held).toHaveLength(0);
    server.holds = () => false;
    await timers.advance(100);
    expect(await commit).toEqual({ kind: 'durable' });
  });

  test('what never left the node is in no doubt: it is sent again without a read, or called off at once', async () => {
    const server = new SimulatedApiServer();
    const { ledger, timers } = await bareLedger(server);
    await ledger.commit([writeOf(claimOf('10.0.0.1'))]);
    const { get } = server.counts;
    server.holds = ({ verb }) => verb === 'patch';
    const later = ledger.commit([writeOf(claimOf('10.0.0.2'))]);
    await turn();
    server.held[0]?.fail({ kind: 'away', reason: 'no connection' });
    server.holds = () => false;
    await timers.advance(1_000);
    expect(await later).toEqual({ kind: 'durable' });
    expect(server.counts.get).toBe(get);
    // Away for longer than a commit may take: nothing of it is left to settle.
    server.holds = ({ verb }) => verb === 'patch';
    const refused = ledger.commit([writeOf(claimOf('10.0.0.3'))]).catch((error) => error);
    for (let ms = 0; ms < LIMITS.apiCommitMs; ms += 100) {
      server.held[0]?.fail({ kind: 'away', reason: 'no connection' });
      await timers.advance(100);
    }
    const unsettled = await refused;
    expect(unsettled).toBeInstanceOf(UnsettledError);
    await unsettled.settled;
    expect(server.counts.get).toBe(get);
    expect(ledger.line(addressOf('10.0.0.3'))).toBeUndefined();
  });

  test('many blocks are written side by side, up to the bound of open requests', async () => {
    const server = new SimulatedApiServer();
    const { ledger } = await bareLedger(server);
    server.holds = ({ verb }) => verb === 'create';
    const commits = Array.from({ length: LIMITS.apiRequestsMax + 5 }, (_, block) =>
      ledger.commit([writeOf(claimOf(`10.0.${block}.1`))]),
    );
    await turn();
    expect(server.held).toHaveLength(LIMITS.apiRequestsMax);
    server.holds = () => false;
    for (const request of [...server.held]) {
      request.answer();
    }
    await Promise.all(commits);
  });
});

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

  test('a claim in whose place another pod is by then is named and never overwritten', async () => {
    const { scene, node, name } = await removable();
    scene.server.remove(name);
    scene.putPod('third', 'u1', { node: 'node-2' });
    const other = await scene.node('node-2');
    const rival = { pod: 'third', container: 'C7' };
    const [address] = addressesOf(await other.add(rival));
    await scene.advance(MINUTE);
    expect(scene.claims()).toContain(`${address} C7`);
    expect(scene.claims()).toHaveLength(2);
    expect(node.ledger.quarantined()).toEqual([
      expect.objectContaining({
        place: address,
        block: name,
        fault: expect.stringMatching(
          /of this node had it, and pod default\/third of node-2 has it/,
        ),
      }),
    ]);
    expect(node.troubles.map(({ kind }) => kind).sort()).toEqual(['reasserted', 'taken']);
    // It is told for as long as the other has it.
    await other.del(rival);
    await scene.advance(MINUTE);
    expect(node.ledger.quarantined()).toEqual([]);
  });

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
});

describe('affinity units', () => {
  test('a unit of many blocks is written in its first block before the slots in another', async () => {
    const server = new SimulatedApiServer();
    const { ledger } = await bareLedger(server);
    server.holds = ({ verb }) => verb === 'create';
    const unit = unitOf('10.0.0.0/24');
    const claim = claimOf('10.0.0.200');
    const commit = ledger.commit([writeOf(claim)], [{ was: undefined, now: unit }]);
    await turn();
    expect(server.held.map(({ name }) => name)).toEqual(['10-0-0-0-26']);
    server.held[0]?.answer();
    await turn();
    expect(server.held.map(({ name }) => name)).toEqual(['10-0-0-192-26']);
    server.held[0]?.answer();
    expect(await commit).toEqual({ kind: 'durable' });
    expect(ledger.unit(unit.cidr)).toEqual(unit);
  });

  test('a unit that another node was faster to claim loses the claim that needs it', async () => {
    const server = new SimulatedApiServer();
    const { ledger, timers } = await bareLedger(server);
    const { ledger: other } = await bareLedger(server, 'node-2');
    const theirs = unitOf('10.0.0.0/24', 'node-2');
    await other.commit([], [{ was: undefined, now: theirs }]);
    const commit = ledger.commit(
      [writeOf(claimOf('10.0.0.200'))],
      [{ was: undefined, now: unitOf('10.0.0.0/24') }],
    );
    await timers.advance(1_000);
    expect(await commit).toEqual({
      kind: 'lost',
      conflicts: [],
      units: [{ cidr: theirs.cidr, now: theirs }],
    });
    expect(server.blocks.size).toBe(1);
    expect([...ledger.units(cidrOf('10.0.0.0/16'))]).toEqual([theirs]);
  });
});

describe('a claim that cannot be written', () => {
  test('because its names are too long is refused before anything is sent', async () => {
    const server = new SimulatedApiServer();
    const { ledger } = await bareLedger(server);
    const claim = claimOf('10.0.0.1', { pool: 'p'.repeat(LIMITS.claimLineBytesMax) });
    await expect(ledger.commit([writeOf(claim)])).rejects.toMatchObject({ code: 'CLAIM_TOO_LONG' });
    expect(server.blocks.size).toBe(0);
  });

  test('because the server refuses it fails alone, not those in the same patch', async () => {
    const server = new SimulatedApiServer();
    const { ledger, timers } = await bareLedger(server);
    const bad = claimOf('10.0.0.2', { pool: 'refused' });
    server.holds = ({ body }) => JSON.stringify(body ?? '').includes('refused');
    const commits = [claimOf('10.0.0.1'), bad, claimOf('10.0.0.3')].map((claim) =>
      ledger
        .commit([writeOf(claim)])
        .catch(({ code, details }) => ({ kind: `${code} ${details}` })),
    );
    for (let tries = 0; tries < 10; tries += 1) {
      server.held[0]?.fail({ kind: 'refused', reason: 'no right to patch' });
      await timers.advance(500);
    }
    expect((await Promise.all(commits)).map(({ kind }) => kind)).toEqual([
      'durable',
      'STORE_FAILURE no right to patch',
      'durable',
    ]);
  });
});
