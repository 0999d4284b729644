/** Blocks that hold nothing of the agent's node: no agent keeps the claims of the whole cluster (DESIGN section 4). */
import { describe, expect, test } from 'vitest';
import type { Claim } from '../../src/ipam/ports.ts';
import { KubernetesLedger } from '../../src/kube/ledger.ts';
import { formatAddress } from '../../src/net/address.ts';
import { addressOf, cidrOf, claimOf, restingOf, unitOf, writeOf } from '../support/lines.ts';
import { MemoryJournal } from '../support/memory-journal.ts';
import { SimulatedApiServer } from '../support/simulated-api-server.ts';
import { turn, VirtualTimers } from '../support/virtual-timers.ts';

/** The ledger of a node; the result of `reopened` is its next life. */
async function ledgerOf(server: SimulatedApiServer, node: string, journal = new MemoryJournal()) {
  const timers = new VirtualTimers();
  const client = server.client(node);
  const ledger = await KubernetesLedger.open({
    api: client,
    node,
    timers,
    journal,
    random: () => 0.5,
  });
  return { ledger, timers, journal, client };
}

/** A block in which node-2 holds .1, had .2, and owns a unit. */
async function foreignBlock() {
  const server = new SimulatedApiServer();
  const { ledger: other } = await ledgerOf(server, 'node-2');
  const held = claimOf('10.0.0.1', { node: 'node-2' });
  const left = claimOf('10.0.0.2', { node: 'node-2' });
  const unit = unitOf('10.0.0.0/26', 'node-2');
  await other.commit([writeOf(held), writeOf(left)], [{ was: undefined, now: unit }]);
  const rest = restingOf(left);
  await other.commit([writeOf(rest, left)]);
  return { server, other, held, left, rest, unit };
}

describe('a block that holds nothing of the node', () => {
  test('is known by what is free, held and at rest, and by its units, not by who holds what', async () => {
    const { server, held, rest, unit } = await foreignBlock();
    const { ledger } = await ledgerOf(server, 'node-1');
    expect([...ledger.blocks()]).toEqual([
      {
        first: addressOf('10.0.0.0'),
        usedLow: 2,
        usedHigh: 0,
        resting: [{ slot: 2, until: rest.until }],
      },
    ]);
    expect([...ledger.resting()]).toMatchObject([
      { address: rest.address, releasedAt: rest.releasedAt, until: rest.until },
    ]);
    expect([...ledger.claims()]).toEqual([]);
    expect(ledger.claimsOfPod('default', 'web')).toEqual([]);
    expect(ledger.line(held.address)).toMatchObject({ state: 'claimed', node: '' });
    expect(ledger.line(addressOf('10.0.0.3'))).toBeUndefined();
    expect(ledger.unit(unit.cidr)).toEqual(unit);
    expect([...ledger.units(cidrOf('10.0.0.0/8'))]).toEqual([unit]);
  });

  test('is read once before the first claim in it, and written without reading from then on', async () => {
    const { server } = await foreignBlock();
    const { ledger } = await ledgerOf(server, 'node-1');
    const { get, patch } = server.counts;
    expect(await ledger.commit([writeOf(claimOf('10.0.0.3'))])).toEqual({ kind: 'durable' });
    expect(await ledger.commit([writeOf(claimOf('10.0.0.4'))])).toEqual({ kind: 'durable' });
    expect(server.counts).toMatchObject({ get: get + 1, patch: patch + 2 });
    expect([...ledger.claims()]).toHaveLength(3);
  });

  test('tells a claim over what was at rest there by losing it once', async () => {
    const { server, rest } = await foreignBlock();
    const { ledger } = await ledgerOf(server, 'node-1');
    const now = claimOf('10.0.0.2');
    const known = ledger.line(rest.address);
    expect(await ledger.commit([writeOf(now, known)])).toMatchObject({
      kind: 'lost',
      conflicts: [{ now: rest }],
    });
    expect(await ledger.commit([writeOf(now, rest)])).toEqual({ kind: 'durable' });
  });

  test('never lets a claim land in a slot that it calls held', async () => {
    const { server, held } = await foreignBlock();
    const { ledger } = await ledgerOf(server, 'node-1');
    const unknown = ledger.line(held.address) as Claim;
    const outcome = await ledger.commit([writeOf(claimOf('10.0.0.1'), unknown)]);
    expect(outcome).toMatchObject({ kind: 'lost', conflicts: [{ now: held }] });
  });

  test('is read before an intent of an earlier life over its resting slot is settled', async () => {
    const { server, rest } = await foreignBlock();
    const { ledger, journal, client } = await ledgerOf(server, 'node-1');
    await ledger.shared?.refresh([], 0, 'new');
    const now = claimOf('10.0.0.2');
    server.holds = ({ verb, client: name }) => verb === 'patch' && name === 'node-1';
    await ledger.commit([writeOf(now, ledger.line(rest.address))]);
    void ledger.commit([writeOf(now, rest)]);
    await turn();
    const [ghost] = server.held;
    client.die();
    server.holds = () => false;
    const { ledger: next } = await ledgerOf(server, 'node-1', journal.reopened());
    ghost?.execute();
    await next.refresh();
    expect([...next.claims()]).toEqual([]);
    expect(next.line(rest.address)).toMatchObject({ state: 'resting', until: rest.until });
  });

  test('is brief again after a list, once nothing of the node is in it', async () => {
    const { server } = await foreignBlock();
    const { ledger } = await ledgerOf(server, 'node-1');
    const mine = claimOf('10.0.0.3');
    await ledger.commit([writeOf(mine)]);
    await ledger.refresh();
    expect([...ledger.claims()].map(({ address }) => formatAddress(address))).toEqual([
      '10.0.0.1',
      '10.0.0.3',
    ]);
    await ledger.commit([writeOf(restingOf(mine), mine)]);
    await ledger.refresh();
    expect([...ledger.claims()]).toEqual([]);
  });

  test('tells its listeners what changed for them, and nothing that did not', async () => {
    const { server, other } = await foreignBlock();
    const told: string[][] = [];
    const ledger = await KubernetesLedger.open({
      api: server.client('node-1'),
      node: 'node-1',
      timers: new VirtualTimers(),
      journal: new MemoryJournal(),
      random: () => 0.5,
      onChange: ({ addresses }) => told.push(addresses.map(formatAddress)),
    });
    await ledger.refresh();
    await other.commit([writeOf(claimOf('10.0.0.9', { node: 'node-2' }))]);
    await ledger.refresh();
    expect(told).toEqual([['10.0.0.1', '10.0.0.2'], ['10.0.0.9']]);
  });
});

test('a ledger without a node knows every claim', async () => {
  const { server, held } = await foreignBlock();
  const { ledger } = await ledgerOf(server, '');
  expect([...ledger.claims()]).toEqual([held]);
});
