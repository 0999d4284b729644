import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { OrbweaverError } from '../../src/catalogue/errors.ts';
import { Database, type FaultPoint } from '../../src/sqlite/database.ts';
import { type CommitReport, GroupCommit } from '../../src/sqlite/group-commit.ts';
import { mountDisk, mountMissing } from '../support/mount.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

const SCHEMA = {
  applicationId: 0x01020304,
  migrations: ['CREATE TABLE things (name TEXT PRIMARY KEY, note TEXT)'],
};
/** SQLITE_IOERR_FSYNC and SQLITE_FULL, as SQLite reports them. */
const IO_ERROR = { message: 'disk I/O error', errcode: 1034 };
const FULL = { message: 'database or disk is full', errcode: 13 };

const opened: Database[] = [];
afterEach(() => {
  for (const database of opened.splice(0)) database.close();
});

/** A store whose faults are scripted: each entry is thrown once at its point, after so many passes. */
class Bench {
  readonly database: Database;
  readonly commits: GroupCommit;
  readonly reports: CommitReport[] = [];
  readonly failures: unknown[] = [];
  readonly #script: { at: FaultPoint; error: object; after?: number }[] = [];
  rollbacks = 0;

  constructor(folder = scratchFolder(), writesMax = 100) {
    this.database = Database.open(folder, SCHEMA, { fault: (point) => this.#fault(point) });
    opened.push(this.database);
    this.commits = new GroupCommit(this.database, {
      writesMax,
      onCommit: (report) => this.reports.push(report),
      onFailure: (error) => this.failures.push(error),
    });
    this.commits.onRollback(() => {
      this.rollbacks += 1;
    });
  }

  fail(at: FaultPoint, error: object, after = 0): this {
    this.#script.push({ at, error, after });
    return this;
  }

  /** Inserts a name; repeatable, as units of the group commit must be. */
  put(name: string, more: { note?: string; writes?: number } = {}): Promise<string> {
    const insert = this.database.prepare(
      'INSERT INTO things (name, note) VALUES (?, ?) ON CONFLICT (name) DO NOTHING',
    );
    const remove = this.database.prepare('DELETE FROM things WHERE name = ?');
    return this.commits.submit(
      () => {
        insert.run(name, more.note ?? null);
        return name;
      },
      { writes: more.writes ?? 1, undo: () => void remove.run(name) },
    );
  }

  names(): unknown[] {
    const rows = this.database.prepare('SELECT name FROM things ORDER BY name').all();
    return rows.map(([name]) => name);
  }

  #fault(point: FaultPoint): void {
    const next = this.#script.find((step) => step.at === point);
    if (next === undefined) return;
    if (next.after !== undefined && next.after > 0) {
      next.after -= 1;
      return;
    }
    this.#script.splice(this.#script.indexOf(next), 1);
    throw Object.assign(new Error(), next.error);
  }
}

const fulfilled = (outcomes: PromiseSettledResult<unknown>[]) =>
  outcomes.map((outcome) => outcome.status === 'fulfilled');

function codeOf(outcome: PromiseSettledResult<unknown> | undefined): string | undefined {
  return outcome?.status === 'rejected' ? (outcome.reason as OrbweaverError).code : undefined;
}

describe('group commit', () => {
  it('makes one transaction of everything that waits', async () => {
    const bench = new Bench();
    const all = ['a', 'b', 'c', 'd'].map((name) => bench.put(name));
    expect(bench.commits.depth).toBe(4);
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd']);
    expect(bench.reports).toMatchObject([{ units: 4, writes: 4 }]);
    expect(bench.reports[0]?.durationMs).toBeGreaterThan(0);
    expect(bench.names()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('waits for callers that come one a turn', async () => {
    const bench = new Bench();
    const puts = [bench.put('a')];
    for (const name of ['b', 'c']) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      puts.push(bench.put(name));
    }
    await Promise.all(puts);
    expect(bench.reports).toMatchObject([{ units: 3 }]);
  });

  it('goes without those that come after a turn with none', async () => {
    const bench = new Bench();
    await bench.put('a');
    await bench.put('b');
    expect(bench.reports).toMatchObject([{ units: 1 }, { units: 1 }]);
  });

  it('splits what waits at its bound, but never a unit', async () => {
    const bench = new Bench(scratchFolder(), 3);
    await Promise.all([
      bench.put('a'),
      bench.put('b'),
      bench.put('c', { writes: 2 }),
      bench.put('d', { writes: 9 }),
      bench.put('e'),
    ]);
    expect(bench.reports.map(({ units, writes }) => [units, writes])).toEqual([
      [2, 2],
      [1, 2],
      [1, 9],
      [1, 1],
    ]);
  });

  it('takes back the unit that throws, and only that one', async () => {
    const bench = new Bench();
    const insert = bench.database.prepare('INSERT INTO things (name) VALUES (?)');
    const outcomes = await Promise.allSettled([
      bench.put('a'),
      bench.commits.submit(
        () => {
          insert.run('half');
          throw new OrbweaverError('OBJECT_INVALID', 'no');
        },
        { writes: 1 },
      ),
      bench.commits.submit(() => insert.run('a'), { writes: 1 }),
      bench.put('b'),
    ]);
    expect(fulfilled(outcomes)).toEqual([true, false, false, true]);
    expect(codeOf(outcomes[1])).toBe('OBJECT_INVALID');
    expect(codeOf(outcomes[2])).toBe('INTERNAL');
    expect(bench.names()).toEqual(['a', 'b']);
    expect(bench.reports).toHaveLength(1);
    expect(bench.rollbacks).toBe(0);
  });

  it('answers nobody before the transaction is durable', async () => {
    const seen: string[] = [];
    const folder = scratchFolder();
    const database = Database.open(folder, SCHEMA, {
      fault: (point) => void seen.push(point),
    });
    opened.push(database);
    const commits = new GroupCommit(database, { writesMax: 10 });
    const done = commits.submit(() => seen.push('work'), { writes: 1 });
    await done.then(() => seen.push('answered'));
    expect(seen).toEqual(['open', 'begin', 'work', 'commit', 'committed', 'answered']);
  });
});

describe('group commit when the store fails', () => {
  it.each([
    { what: 'an fsync error at COMMIT, nothing landed', at: 'commit', error: IO_ERROR },
    { what: 'an error after COMMIT, everything landed', at: 'committed', error: IO_ERROR },
    { what: 'an error at BEGIN', at: 'begin', error: IO_ERROR },
    { what: 'a full disk at COMMIT', at: 'commit', error: FULL },
  ] as const)('runs each unit alone once more and harms none: $what', async ({ at, error }) => {
    const bench = new Bench().fail(at, error);
    const outcomes = await Promise.allSettled(['a', 'b', 'c'].map((name) => bench.put(name)));
    expect(fulfilled(outcomes)).toEqual([true, true, true]);
    expect(bench.names()).toEqual(['a', 'b', 'c']);
    expect(bench.reports.map(({ units }) => units)).toEqual([1, 1, 1]);
    expect(bench.failures).toHaveLength(1);
    expect(bench.rollbacks).toBe(1);
  });

  it('rejects only the unit that fails again', async () => {
    const bench = new Bench().fail('commit', FULL).fail('commit', FULL, 1);
    const outcomes = await Promise.allSettled(['a', 'b', 'c'].map((name) => bench.put(name)));
    expect(fulfilled(outcomes)).toEqual([true, false, true]);
    expect(codeOf(outcomes[1])).toBe('STORE_FAILURE');
    expect(bench.names()).toEqual(['a', 'c']);
  });

  it('takes back a rejected unit that turns up after all, with the next transaction', async () => {
    const bench = new Bench().fail('committed', IO_ERROR).fail('committed', IO_ERROR);
    const outcome = await Promise.allSettled([bench.put('ghost')]);
    expect(codeOf(outcome[0])).toBe('STORE_FAILURE');
    // It did land: only the answer was lost.
    expect(bench.names()).toEqual(['ghost']);
    await bench.put('next');
    expect(bench.names()).toEqual(['next']);
  });

  it('gives the rest up after some failures in a row, and works again when the disk does', async () => {
    const bench = new Bench();
    for (let count = 0; count < 4; count += 1) bench.fail('commit', IO_ERROR);
    const outcomes = await Promise.allSettled(
      ['a', 'b', 'c', 'd', 'e'].map((name) => bench.put(name)),
    );
    expect(fulfilled(outcomes)).toEqual([false, false, false, false, false]);
    expect(outcomes.map(codeOf)).toEqual(outcomes.map(() => 'STORE_FAILURE'));
    await bench.put('f');
    expect(bench.names()).toEqual(['f']);
  });

  it('answers STORE_FAILURE while the file cannot be opened again, and then goes on', async () => {
    const bench = new Bench().fail('commit', IO_ERROR);
    for (let count = 0; count < 3; count += 1) bench.fail('open', IO_ERROR);
    const first = await Promise.allSettled([bench.put('a'), bench.put('b')]);
    expect(first.map(codeOf)).toEqual(['STORE_FAILURE', 'STORE_FAILURE']);
    await bench.put('c');
    expect(bench.names()).toEqual(['c']);
  });

  it('says so where the file was replaced by something else meanwhile', async () => {
    const folder = scratchFolder();
    const bench = new Bench(folder);
    await bench.put('a');
    bench.fail('commit', IO_ERROR);
    const outcome = Promise.allSettled([bench.put('b')]);
    writeFileSync(join(folder, 'state.db'), 'not a state file');
    expect(codeOf((await outcome)[0])).toBe('STORE_DAMAGED');
  });
});

const missing = mountMissing();
const where = missing === undefined ? '' : ` (needs a mount: ${missing})`;

describe(`group commit on a full disk${where}`, () => {
  it.skipIf(missing !== undefined)('keeps what fits and rejects only what does not', async () => {
    const disk = mountDisk(1_024);
    try {
      const bench = new Bench(disk.folder);
      await bench.put('first');
      const large = 'x'.repeat(2 * 1024 * 1024);
      const outcomes = await Promise.allSettled([
        bench.put('small 1'),
        bench.put('large', { note: large }),
        bench.put('small 2'),
      ]);
      expect(fulfilled(outcomes)).toEqual([true, false, true]);
      expect(outcomes[1]).toMatchObject({
        reason: {
          code: 'STORE_FAILURE',
          message: `no space left on the disk of state file ${join(disk.folder, 'state.db')}`,
        },
      });
      expect(bench.names()).toEqual(['first', 'small 1', 'small 2']);
      expect(bench.database.verify()).toBeUndefined();
      bench.database.close();
      const again = new Bench(disk.folder);
      expect(again.names()).toEqual(['first', 'small 1', 'small 2']);
      again.database.close();
    } finally {
      disk.unmount();
    }
  });

  it.skipIf(missing !== undefined)('goes on when there is room again', async () => {
    const disk = mountDisk(1_024);
    try {
      const bench = new Bench(disk.folder);
      writeFileSync(join(disk.folder, 'ballast'), '');
      const fill = () => {
        try {
          for (let size = 4_096; ; size += 4_096) {
            writeFileSync(join(disk.folder, 'ballast'), Buffer.alloc(size));
          }
        } catch {
          // Full.
        }
      };
      await bench.put('before');
      fill();
      const rejected = await Promise.allSettled([
        bench.put('no room 1', { note: 'x'.repeat(100_000) }),
        bench.put('no room 2', { note: 'x'.repeat(100_000) }),
      ]);
      expect(rejected.map(codeOf)).toEqual(['STORE_FAILURE', 'STORE_FAILURE']);
      writeFileSync(join(disk.folder, 'ballast'), '');
      await bench.put('after', { note: 'x'.repeat(100_000) });
      expect(bench.names()).toEqual(['after', 'before']);
      bench.database.close();
    } finally {
      disk.unmount();
    }
  });
});
