/** Commits over one block and several, with and without affinity units. */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { readSpiderpoolConf } from '../../src/dialect/spiderpool-conf.ts';
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
import { SimulatedApiServer } from '../support/simulated-api-server.ts';
import { addressesOf } from '../support/simulated-node.ts';
import { turn } from '../support/virtual-timers.ts';
import { poolOf } from '../world/pools.ts';
import { bareLedger } from './bare-ledger.ts';
import { Scene } from './scene.ts';

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
    const refused = expect(commit).rejects.toMatchObject({ code: 'API_SERVER_AWAY' });
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

  test('because the server refuses what is in doubt holds up no other of its block', async () => {
    const server = new SimulatedApiServer();
    const { ledger, timers } = await bareLedger(server);
    const held = claimOf('10.0.0.2');
    await ledger.commit([writeOf(held)]);
    server.holds = ({ verb, body }) => verb === 'patch' && JSON.stringify(body).includes('1r ');
    void ledger.commit([writeOf(restingOf(held), held)]).catch(() => {});
    await turn();
    server.held[0]?.fail({ kind: 'unknown', reason: 'reset' });
    const other = ledger.commit([writeOf(claimOf('10.0.0.3'))]);
    for (let tries = 0; tries < 10; tries += 1) {
      await timers.advance(500);
      server.held[0]?.fail({ kind: 'refused', reason: 'not this one' });
    }
    expect(await other).toEqual({ kind: 'durable' });
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
      'API_SERVER_AWAY no right to patch',
      'durable',
    ]);
  });
});
