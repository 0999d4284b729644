import { describe, expect, it } from 'vitest';
import { EmbeddedLedger } from '../../src/embedded/ledger.ts';
import { SCHEMA } from '../../src/embedded/schema.ts';
import { EmbeddedStore } from '../../src/embedded/store.ts';
import { Database } from '../../src/sqlite/database.ts';
import { GroupCommit } from '../../src/sqlite/group-commit.ts';
import { ledgerSuite } from '../support/ledger-suite.ts';
import { addressOf, cidrOf, claimOf, restingOf, unitOf, writeOf } from '../support/lines.ts';
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

/** A state file as the first version left it, with these lines. */
async function firstVersion(folder: string, ...lines: Parameters<typeof writeOf>[0][]) {
  const schema = { ...SCHEMA, migrations: SCHEMA.migrations.slice(0, 1) };
  const database = Database.open(folder, schema);
  const commits = new GroupCommit(database, { writesMax: 100 });
  const ledger = new EmbeddedLedger({ database, commits, clock: { now: () => 0 } });
  await ledger.commit(lines.map((line) => writeOf(line)));
  database.close();
}

describe('the embedded ledger', () => {
  const MINUTE_MS = 60_000;

  it('reads a file of the first version, whose units have no owner yet', async () => {
    const folder = scratchFolder();
    const claim = claimOf('10.0.0.1');
    const resting = restingOf(claimOf('fd00::9'));
    await firstVersion(folder, claim, resting);
    const options = { clock: { now: () => 0 }, node: 'node-1' };
    const store = await EmbeddedStore.open(folder, options);
    expect([...store.ledger.claims()]).toEqual([claim]);
    expect([...store.ledger.resting()]).toEqual([resting]);
    expect([...store.ledger.units(cidrOf('0.0.0.0/0'))]).toEqual([]);
    const unit = unitOf('10.0.0.0/26');
    await store.ledger.commit([writeOf(claimOf('10.0.0.2'))], [{ was: undefined, now: unit }]);
    store.close();
    const after = await EmbeddedStore.open(folder, options);
    expect(after.ledger.unit(unit.cidr)).toEqual(unit);
    expect([...after.ledger.claims()]).toHaveLength(2);
    after.close();
  });

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
