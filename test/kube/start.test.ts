/** How the ledger starts and ends, and what it asks of the API server. */
import { describe, expect, test } from 'vitest';
import { OrbweaverError } from '../../src/catalogue/errors.ts';
import { LIMITS } from '../../src/catalogue/limits.ts';
import type { BlockApi } from '../../src/kube/api.ts';
import { backoffMs } from '../../src/kube/backoff.ts';
import { KubernetesLedger } from '../../src/kube/ledger.ts';
import { claimOf, writeOf } from '../support/lines.ts';
import { MemoryJournal } from '../support/memory-journal.ts';
import { SimulatedApiServer } from '../support/simulated-api-server.ts';
import { turn, VirtualTimers } from '../support/virtual-timers.ts';

function parts(api: BlockApi) {
  const timers = new VirtualTimers();
  return { api, node: 'node-1', timers, journal: new MemoryJournal(), random: () => 0.5 };
}

async function filled(blocks: number): Promise<SimulatedApiServer> {
  const server = new SimulatedApiServer();
  const writer = await KubernetesLedger.open(parts(server.client('writer')));
  const claims = Array.from({ length: blocks }, (_, block) =>
    claimOf(`10.${block >> 8}.${block & 255}.1`),
  );
  await writer.commit(claims.map((claim) => writeOf(claim)));
  return server;
}

describe('the start of the ledger', () => {
  test('reads all blocks, page by page', async () => {
    const server = await filled(LIMITS.blocksPageMax + 3);
    const ledger = await KubernetesLedger.open(parts(server.client('node-1')));
    expect([...ledger.claims()]).toHaveLength(LIMITS.blocksPageMax + 3);
    expect(server.counts.list).toBe(1 + 2);
  });

  test.each([
    {
      what: 'a place in the list that is no longer kept (410)',
      outcome: { kind: 'expired' as const },
    },
    { what: 'a server that is too busy', outcome: { kind: 'busy' as const, retryAfterMs: 10 } },
    { what: 'no answer', outcome: { kind: 'unknown' as const, reason: 'reset' } },
  ])('begins its list anew after $what', async ({ outcome }) => {
    const server = await filled(LIMITS.blocksPageMax + 3);
    server.holds = ({ verb }) => verb === 'list';
    const mine = parts(server.client('node-1'));
    const opening = KubernetesLedger.open(mine);
    await turn();
    server.held[0]?.answer();
    await turn();
    server.held[0]?.fail(outcome);
    server.holds = () => false;
    await mine.timers.advance(1_000);
    expect([...(await opening).claims()]).toHaveLength(LIMITS.blocksPageMax + 3);
  });

  test('waits for as long as the API server is away', async () => {
    const server = await filled(1);
    server.holds = () => true;
    const mine = parts(server.client('node-1'));
    let opened = false;
    const opening = KubernetesLedger.open(mine).finally(() => {
      opened = true;
    });
    for (let minute = 0; minute < 5; minute += 1) {
      for (const request of [...server.held]) {
        request.fail({ kind: 'unknown', reason: 'connection refused' });
      }
      await mine.timers.advance(60_000);
      expect(opened).toBe(false);
    }
    server.holds = () => false;
    for (const request of [...server.held]) {
      request.answer();
    }
    await mine.timers.advance(10_000);
    expect([...(await opening).claims()]).toHaveLength(1);
  });
});

describe('a start that is given up', () => {
  /** A journal with an intent that another life left, and the server that it is for. */
  async function withIntent() {
    const server = await filled(1);
    const mine = parts(server.client('node-1'));
    await mine.journal.begin([writeOf(claimOf('10.0.0.2'))], 'undo');
    return { server, mine };
  }

  test('where the server refuses what is to be settled: it sends nothing more, and the next try settles it', async () => {
    const { server, mine } = await withIntent();
    await mine.journal.begin([writeOf(claimOf('10.1.0.2'))], 'undo');
    server.holds = ({ verb }) => verb === 'patch' || verb === 'create';
    const opening = KubernetesLedger.open(mine);
    const ended = expect(opening).rejects.toMatchObject({ code: 'API_SERVER_AWAY' });
    await turn();
    const [one, other] = server.held;
    one!.fail({ kind: 'refused', reason: '403: not today', status: 403 });
    await ended;
    // What was on its way for the other intent is not sent again.
    other!.fail({ kind: 'unknown', reason: 'reset' });
    const sent = () => server.counts.patch + server.counts.create + server.counts.get;
    const before = sent();
    await mine.timers.advance(60_000);
    expect(sent()).toBe(before);
    expect(mine.journal.open()).toHaveLength(2);
    server.holds = () => false;
    const next = KubernetesLedger.open(mine);
    await mine.timers.advance(60_000);
    expect([...(await next).claims()]).toHaveLength(1);
    expect(mine.journal.open()).toEqual([]);
  });

  test.each([
    { what: 'while the blocks are read', verb: 'list' },
    { what: 'while it settles', verb: 'patch' },
  ])('$what: it asks for nothing more', async ({ verb }) => {
    const { server, mine } = await withIntent();
    server.holds = (request) => request.verb === verb;
    const control = new AbortController();
    const opening = KubernetesLedger.open(mine, control.signal);
    const ended = expect(opening).rejects.toMatchObject({ code: 'NOT_READY' });
    await turn();
    control.abort();
    for (const request of [...server.held]) {
      request.fail({ kind: 'unknown', reason: 'reset' });
    }
    await mine.timers.advance(60_000);
    await ended;
    expect(mine.journal.open()).toHaveLength(1);
    expect(server.held).toEqual([]);
  });
});

describe('the ledger', () => {
  test('sends nothing whose intent is not on the disk', async () => {
    const server = new SimulatedApiServer();
    const mine = parts(server.client('node-1'));
    const ledger = await KubernetesLedger.open(mine);
    mine.journal.begin = () => Promise.reject(new OrbweaverError('STORE_FAILURE', 'disk full'));
    const commit = ledger.commit([writeOf(claimOf('10.0.0.1'))]);
    await expect(commit).rejects.toMatchObject({ code: 'STORE_FAILURE', message: 'disk full' });
    expect(server.blocks.size).toBe(0);
  });

  test('takes one write and no read for a claim in a block that it has seen', async () => {
    const server = await filled(1);
    const ledger = await KubernetesLedger.open(parts(server.client('node-1')));
    const before = { ...server.counts };
    await ledger.commit([writeOf(claimOf('10.0.0.2'))]);
    expect(server.counts).toEqual({ ...before, patch: before.patch + 1 });
  });

  test('that is closed refuses new commits, and leaves what is on its way to the next start', async () => {
    const server = await filled(1);
    const mine = parts(server.client('node-1'));
    const ledger = await KubernetesLedger.open(mine);
    server.holds = ({ verb }) => verb === 'patch';
    const onItsWay = ledger.commit([writeOf(claimOf('10.0.0.2'))]);
    await turn();
    ledger.close();
    await expect(onItsWay).rejects.toMatchObject({ code: 'NOT_READY' });
    const late = ledger.commit([writeOf(claimOf('10.0.0.3'))]);
    await expect(late).rejects.toMatchObject({ code: 'NOT_READY' });
    expect(mine.journal.open()).toHaveLength(1);
    server.holds = () => false;
    const next = await KubernetesLedger.open({ ...mine, journal: mine.journal.reopened() });
    server.held[0]?.execute();
    await next.refresh();
    expect([...next.claims()]).toHaveLength(1);
  });
});

describe('the pause before another try', () => {
  test.each([
    { failures: 1, most: 20 },
    { failures: 2, most: 40 },
    { failures: 5, most: 320 },
    { failures: 9, most: 5_000 },
    { failures: 1_000, most: 5_000 },
  ])('is up to $most ms after $failures failures', ({ failures, most }) => {
    expect(backoffMs(failures, () => 0)).toBe(0);
    expect(backoffMs(failures, () => 0.999999)).toBe(most);
    expect(backoffMs(failures, () => 0.5)).toBe(most / 2);
  });
});
