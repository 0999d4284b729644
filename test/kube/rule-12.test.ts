/** Rule 12 of the claim (DESIGN section 4): what goes in one request, and what happens after a lost race. */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { UnsettledError } from '../../src/ipam/unsettled.ts';
import { addressOf, claimOf, restingOf, writeOf } from '../support/lines.ts';
import { SimulatedApiServer } from '../support/simulated-api-server.ts';
import { turn } from '../support/virtual-timers.ts';
import { bareLedger, patchesOf, slotsOf } from './bare-ledger.ts';

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
