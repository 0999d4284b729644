import { describe, expect, it } from 'vitest';
import { EmbeddedStore } from '../../src/embedded/store.ts';
import { ledgerSuite } from '../support/ledger-suite.ts';
import { addressOf, claimOf, restingOf, writeOf } from '../support/lines.ts';
import { ModelLedger } from '../support/model-ledger.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

ledgerSuite('the model', () => ({ ledger: new ModelLedger(), close: () => {} }));

ledgerSuite('the embedded store', async () => {
  const store = await EmbeddedStore.open(scratchFolder(), {
    clock: { now: () => 0 },
    node: 'node-1',
  });
  return { ledger: store.ledger, close: () => store.close() };
});

describe('the embedded ledger', () => {
  const MINUTE_MS = 60_000;

  it('shows everything again after it was closed and opened', async () => {
    const folder = scratchFolder();
    const options = { clock: { now: () => 0 }, node: 'node-1' };
    const claim = claimOf('10.0.0.1');
    const resting = restingOf(claimOf('fd00::9'));
    const before = await EmbeddedStore.open(folder, options);
    await before.ledger.commit([writeOf(claim), writeOf(resting)]);
    before.close();
    const after = await EmbeddedStore.open(folder, options);
    expect([...after.ledger.claims()]).toEqual([claim]);
    expect([...after.ledger.resting()]).toEqual([resting]);
    expect(after.ledger.line(claim.address)).toEqual(claim);
    after.close();
  });

  it('counts what is held from each pool and shows its blocks', async () => {
    const store = await EmbeddedStore.open(scratchFolder(), {
      clock: { now: () => 0 },
      node: 'node-1',
    });
    const { ledger } = store;
    await ledger.commit([
      writeOf(claimOf('10.0.0.1', { pool: 'a' })),
      writeOf(claimOf('10.0.0.33', { pool: 'a' })),
      writeOf(claimOf('10.0.0.2', { pool: 'b' })),
      writeOf(restingOf(claimOf('10.0.0.3', { pool: 'a' }))),
    ]);
    expect(ledger.claimedCount('a')).toBe(2);
    expect(ledger.claimedCount('unknown')).toBe(0);
    expect(ledger.claimedCounts()).toEqual(
      new Map([
        ['a', 2],
        ['b', 1],
      ]),
    );
    expect([...ledger.blocksOfPool('a')]).toEqual([
      { first: addressOf('10.0.0.0'), usedLow: 2, usedHigh: 2 },
    ]);
    expect([...ledger.blocksOfPool('unknown')]).toEqual([]);
    store.close();
  });

  it('tidies lines long after their rest, a few with each commit, and never before', async () => {
    let now = 0;
    const store = await EmbeddedStore.open(scratchFolder(), {
      clock: { now: () => now },
      node: 'node-1',
    });
    const { ledger } = store;
    const rests = Array.from({ length: 10 }, (_, slot) =>
      writeOf(restingOf(claimOf(`10.0.0.${slot}`), { releasedAt: 0, until: MINUTE_MS })),
    );
    await ledger.commit(rests);
    now = 10 * MINUTE_MS;
    await ledger.commit([writeOf(claimOf('10.0.1.1'))]);
    expect([...ledger.resting()]).toHaveLength(10);
    now = 11 * MINUTE_MS;
    await ledger.commit([writeOf(claimOf('10.0.1.2'))]);
    expect([...ledger.resting()]).toHaveLength(8);
    for (let slot = 3; slot < 10; slot += 1) {
      await ledger.commit([writeOf(claimOf(`10.0.1.${slot}`))]);
    }
    expect([...ledger.resting()]).toEqual([]);
    expect([...ledger.claims()]).toHaveLength(9);
    store.close();
  });
});
