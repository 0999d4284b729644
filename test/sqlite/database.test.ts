import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { Database, type Schema } from '../../src/sqlite/database.ts';
import { errorOf } from '../support/error-of.ts';
import { mountDisk, mountMissing } from '../support/mount.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

const SCHEMA: Schema = {
  applicationId: 0x01020304,
  migrations: ['CREATE TABLE things (name TEXT PRIMARY KEY, note TEXT)'],
};
const NEXT: Schema = {
  ...SCHEMA,
  migrations: [...SCHEMA.migrations, 'ALTER TABLE things ADD COLUMN size INTEGER DEFAULT 7'],
};

function put(database: Database, name: string): void {
  database.begin();
  database.prepare('INSERT INTO things (name) VALUES (?)').run(name);
  database.commit();
}

function names(database: Database): unknown[] {
  return database
    .prepare('SELECT name FROM things ORDER BY name')
    .all()
    .map(([name]) => name);
}

/** A folder with a state file that holds one thing, closed. */
function stateFolder(): string {
  const folder = scratchFolder();
  const database = Database.open(folder, SCHEMA);
  put(database, 'kept');
  database.close();
  return folder;
}

const modeOf = (path: string) => statSync(path).mode & 0o777;

describe('a state folder', () => {
  it('is made for its owner only, and so is every file in it', () => {
    const folder = join(scratchFolder(), 'deep', 'state');
    const database = Database.open(folder, SCHEMA);
    put(database, 'a');
    expect(modeOf(folder)).toBe(0o700);
    const files = readdirSync(folder);
    expect(files).toEqual(expect.arrayContaining(['state.db', 'state.db-wal', 'lock.db']));
    expect(files.map((file) => modeOf(join(folder, file)))).toEqual(files.map(() => 0o600));
    database.close();
  });

  it('keeps what was committed, and nothing that was rolled back', () => {
    const folder = stateFolder();
    const database = Database.open(folder, SCHEMA);
    database.begin();
    database.prepare('INSERT INTO things (name) VALUES (?)').run('lost');
    database.rollback();
    expect(names(database)).toEqual(['kept']);
    expect(database.verify()).toBeUndefined();
    database.close();
  });

  it('leaves one file behind when it is closed, so that a copy of it is whole', () => {
    const files = readdirSync(stateFolder());
    expect(files.sort()).toEqual(['lock.db', 'state.db']);
  });

  it('is begun anew where an earlier start was cut off before the file had its name', () => {
    const folder = scratchFolder();
    writeFileSync(join(folder, 'state.db.new'), 'half');
    const database = Database.open(folder, SCHEMA);
    expect(names(database)).toEqual([]);
    expect(existsSync(join(folder, 'state.db.new'))).toBe(false);
    database.close();
  });
});

describe('a second agent', () => {
  it('is refused with the folder and the process that has it, and let in after that one', () => {
    const folder = stateFolder();
    const first = Database.open(folder, SCHEMA);
    const refusal = errorOf(() => Database.open(folder, SCHEMA));
    expect(refusal).toMatchObject({
      code: 'STORE_LOCKED',
      message: `state folder ${folder} is in use by another agent (process ${process.pid})`,
    });
    put(first, 'still working');
    first.close();
    Database.open(folder, SCHEMA).close();
  });

  it('is let in when the first was killed', async () => {
    const folder = scratchFolder();
    const holder = new URL('../support/state-holder.ts', import.meta.url).pathname;
    const child = spawn(process.execPath, [holder, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    expect(errorOf(() => Database.open(folder, SCHEMA))).toMatchObject({
      code: 'STORE_LOCKED',
      message: expect.stringContaining(`(process ${child.pid})`),
    });
    child.kill('SIGKILL');
    await once(child, 'exit');
    const database = Database.open(folder, SCHEMA);
    expect(names(database)).toEqual(['of the holder']);
    database.close();
  });
});

describe('a file that is not a usable state file', () => {
  const foreign = (path: string, sql: string) => {
    const database = new DatabaseSync(path);
    database.exec(sql);
    database.close();
  };

  it.each([
    {
      what: 'empty',
      code: 'STORE_DAMAGED',
      details: 'it ends after 0 bytes',
      make: (path: string) => truncateSync(path, 0),
    },
    {
      what: 'cut short within its header',
      code: 'STORE_DAMAGED',
      details: 'it ends after 99 bytes',
      make: (path: string) => truncateSync(path, 99),
    },
    {
      what: 'cut short after its first page',
      code: 'STORE_DAMAGED',
      details: 'database disk image is malformed',
      make: (path: string) => truncateSync(path, 4096),
    },
    {
      what: 'text',
      code: 'STORE_DAMAGED',
      details: 'it is not a SQLite file',
      make: (path: string) => writeFileSync(path, 'hello '.repeat(2_000)),
    },
    {
      what: "another program's database",
      code: 'STORE_DAMAGED',
      details: 'it belongs to another program (application id 0x63)',
      make: (path: string) => {
        truncateSync(path, 0);
        foreign(path, 'CREATE TABLE t (a); PRAGMA application_id = 99');
      },
    },
    {
      what: 'without a schema version',
      code: 'STORE_DAMAGED',
      details: 'it has no schema version',
      make: (path: string) => foreign(path, 'PRAGMA user_version = 0'),
    },
    {
      what: 'of a newer version',
      code: 'STORE_TOO_NEW',
      details: '',
      make: (path: string) => foreign(path, 'PRAGMA user_version = 2'),
    },
  ])('is refused and left as it is: $what', ({ code, details, make }) => {
    const folder = stateFolder();
    const path = join(folder, 'state.db');
    make(path);
    const before = readFileSync(path);
    expect(errorOf(() => Database.open(folder, SCHEMA))).toMatchObject({
      code,
      details,
      message: expect.stringContaining(path),
    });
    expect(readFileSync(path)).toEqual(before);
    expect(existsSync(`${path}-wal`)).toBe(false);
    // The refusal gives the folder back: the next try is refused for the same reason.
    expect(errorOf(() => Database.open(folder, SCHEMA))).toMatchObject({ code });
  });

  it('is refused where only its write-ahead file is left', () => {
    const folder = scratchFolder();
    writeFileSync(join(folder, 'state.db-wal'), 'frames');
    expect(errorOf(() => Database.open(folder, SCHEMA))).toMatchObject({
      code: 'STORE_DAMAGED',
      message: `state folder ${folder} holds state.db-wal but no state.db`,
    });
    expect(readdirSync(folder)).not.toContain('state.db');
  });

  it('is found where a page in the middle is damaged, by verify and by whoever reads it', () => {
    const folder = stateFolder();
    const path = join(folder, 'state.db');
    const bytes = readFileSync(path);
    bytes.fill(0xa5, 4096, 2 * 4096);
    writeFileSync(path, bytes);
    const database = Database.open(folder, SCHEMA);
    expect(database.verify()).toContain('malformed');
    const read = () => database.prepare('SELECT note FROM things').all();
    expect(errorOf(read)).toMatchObject({ code: 'STORE_DAMAGED' });
    database.close();
  });
});

describe('a migration', () => {
  it('brings a file of version 1 to the newest version with its content', () => {
    const folder = stateFolder();
    const database = Database.open(folder, NEXT);
    expect(database.prepare('SELECT name, size FROM things').all()).toEqual([['kept', 7]]);
    expect(database.prepare('PRAGMA user_version').get()).toEqual([2]);
    database.close();
    expect(errorOf(() => Database.open(folder, SCHEMA))).toMatchObject({ code: 'STORE_TOO_NEW' });
  });

  it('that fails leaves the version before it, whole', () => {
    const folder = stateFolder();
    const broken = { ...NEXT, migrations: [...NEXT.migrations, 'DROP TABLE things; NOT SQL'] };
    expect(errorOf(() => Database.open(folder, broken))).toMatchObject({ code: 'INTERNAL' });
    const database = Database.open(folder, NEXT);
    expect(names(database)).toEqual(['kept']);
    database.close();
  });
});

describe('a backup', () => {
  it('is a state file of its own, taken while writes go on', async () => {
    const folder = stateFolder();
    const database = Database.open(folder, SCHEMA);
    const target = join(scratchFolder(), 'copy.db');
    const done = database.backup(target);
    for (let count = 0; count < 20; count += 1) put(database, `later ${count}`);
    await done;
    database.close();
    expect(modeOf(target)).toBe(0o600);
    const restored = scratchFolder();
    copyFileSync(target, join(restored, 'state.db'));
    const copy = Database.open(restored, SCHEMA);
    expect(names(copy)).toContain('kept');
    copy.close();
  });

  it('is refused where the file exists, and leaves that alone', async () => {
    const database = Database.open(stateFolder(), SCHEMA);
    const target = join(scratchFolder(), 'precious');
    writeFileSync(target, 'precious');
    await expect(database.backup(target)).rejects.toMatchObject({ code: 'STORE_FAILURE' });
    expect(readFileSync(target, 'utf8')).toBe('precious');
    database.close();
  });
});

describe('a folder that cannot be used', () => {
  it('is named where it is a file', () => {
    const path = join(scratchFolder(), 'file');
    writeFileSync(path, '');
    expect(errorOf(() => Database.open(path, SCHEMA))).toMatchObject({
      code: 'STORE_FAILURE',
      message: expect.stringContaining(path),
    });
  });
});

const missing = mountMissing();

describe(`a read-only disk${missing === undefined ? '' : ` (needs a mount: ${missing})`}`, () => {
  it.skipIf(missing !== undefined).each([
    { what: 'with a state file', fill: true },
    { what: 'without one', fill: false },
  ])('is refused, $what', ({ fill }) => {
    const disk = mountDisk(4_096);
    try {
      if (fill) {
        const database = Database.open(disk.folder, SCHEMA);
        put(database, 'kept');
        database.close();
      }
      disk.remountReadOnly();
      expect(errorOf(() => Database.open(disk.folder, SCHEMA))).toMatchObject({
        code: 'STORE_FAILURE',
        message: expect.stringContaining(disk.folder),
      });
    } finally {
      disk.unmount();
    }
  });
});
