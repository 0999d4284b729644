import { describe, expect, test } from 'vitest';
import { SqliteJournal } from '../../src/kube/sqlite-journal.ts';
import { claimOf, restingOf, writeOf } from '../support/lines.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

describe('the journal', () => {
  test('gives back what has not ended, after it was opened again', async () => {
    const folder = scratchFolder();
    const before = SqliteJournal.open(folder);
    const claim = claimOf('10.0.0.1', { kept: true });
    const writes = [writeOf(claim), writeOf(restingOf(claim), claim)];
    const ended = await before.begin([writeOf(claimOf('10.0.0.2'))], 'undo');
    const open = await before.begin(writes, 'undo');
    before.end(ended);
    expect(before.open()).toEqual([{ id: open, writes, ending: 'undo' }]);
    before.close();
    const after = SqliteJournal.open(folder);
    expect(after.open()).toEqual([{ id: open, writes, ending: 'undo' }]);
    const next = await after.begin(writes, 'finish');
    expect(next).toBeGreaterThan(open);
    after.close();
  });

  test('has taken out what has ended by the time the next intent is durable', async () => {
    const folder = scratchFolder();
    const journal = SqliteJournal.open(folder);
    journal.end(await journal.begin([writeOf(claimOf('10.0.0.1'))], 'undo'));
    const open = await journal.begin([writeOf(claimOf('10.0.0.2'))], 'undo');
    const ids = journal.open().map(({ id }) => id);
    journal.close();
    expect(ids).toEqual([open]);
  });

  test('gives back deletions that were promised, under ids of their own', async () => {
    const folder = scratchFolder();
    const before = SqliteJournal.open(folder);
    const deletion = {
      attachment: { network: 'net', containerId: 'c1', interfaceName: 'eth0' },
      args: { namespace: 'default', pod: 'web', uid: '' },
    };
    const carriedOut = await before.beginDeletion(deletion);
    const intent = await before.begin([writeOf(claimOf('10.0.0.1'))], 'finish');
    const open = await before.beginDeletion(deletion);
    before.endDeletion(carriedOut);
    before.close();
    const after = SqliteJournal.open(folder);
    expect(after.openDeletions()).toEqual([{ id: open, deletion }]);
    expect(after.open().map(({ id }) => id)).toEqual([intent]);
    expect(await after.beginDeletion(deletion)).toBeGreaterThan(open);
    after.close();
  });

  test('makes intents that begin at the same time durable together', async () => {
    const journal = SqliteJournal.open(scratchFolder());
    const ids = await Promise.all(
      Array.from({ length: 20 }, (_, slot) =>
        journal.begin([writeOf(claimOf(`10.0.0.${slot}`))], 'undo'),
      ),
    );
    expect(new Set(ids).size).toBe(20);
    expect(journal.open()).toHaveLength(20);
    journal.close();
  });

  test("is one agent's alone", () => {
    const folder = scratchFolder();
    const journal = SqliteJournal.open(folder);
    expect(() => SqliteJournal.open(folder)).toThrow(/in use by another agent/);
    journal.close();
  });
});
