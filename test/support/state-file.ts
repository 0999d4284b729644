/**
 * The agent's state file, read by a second pair of eyes: plain SQL of its own and none of the ledger's code,
 * so that a fault of the reader cannot hide one of the writer.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** One address that is held. */
export interface HeldRow {
  /** 32 hex digits, IPv4 in its mapped form. */
  readonly address: string;
  readonly network: string;
  readonly container: string;
  readonly interfaceName: string;
  readonly pod: string;
  readonly ahead: boolean;
}

const HELD = `
SELECT blocks.first AS first, slot, network.text AS network, container_id AS container,
       interface AS interfaceName, pod, ahead
FROM slots JOIN blocks ON blocks.id = block_id JOIN names AS network ON network.id = network_id
WHERE resting_until IS NULL`;

/** Every held address of an agent that is dead or running. A dead one's file is read from a copy. */
export function heldRows(state: string, options: { copy: boolean }): HeldRow[] {
  return withStateFile(state, options, (database) =>
    (database.prepare(HELD).all() as Record<string, unknown>[]).map((row) => ({
      address: addressText(row.first as Uint8Array, row.slot as number),
      network: row.network as string,
      container: row.container as string,
      interfaceName: row.interfaceName as string,
      pod: row.pod as string,
      ahead: row.ahead === 1,
    })),
  );
}

/** Everything in the state file as text, for "nothing was changed". */
export function dumpState(state: string): string {
  return withStateFile(state, { copy: false }, (database) =>
    ['names', 'blocks', 'slots', 'units', 'objects']
      .map((table) => {
        const rows = database.prepare(`SELECT * FROM ${table} ORDER BY 1, 2`).all();
        return `${table}\n${rows.map((row) => JSON.stringify(row)).join('\n')}`;
      })
      .join('\n'),
  );
}

/** Changes the state file of an agent that does not run. */
export function editState(state: string, sql: string): void {
  const database = new DatabaseSync(join(state, 'state.db'));
  database.exec(sql);
  database.close();
}

/**
 * A copy keeps the dead agent's file as the crash left it: reading the original would already recover it.
 */
function withStateFile<T>(
  state: string,
  options: { copy: boolean },
  read: (database: DatabaseSync) => T,
): T {
  const folder = options.copy ? copyOf(state) : state;
  const database = new DatabaseSync(join(folder, 'state.db'), { readOnly: !options.copy });
  try {
    return read(database);
  } finally {
    database.close();
    if (options.copy) {
      rmSync(folder, { recursive: true });
    }
  }
}

function copyOf(state: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'state-copy-'));
  for (const name of ['state.db', 'state.db-wal']) {
    if (existsSync(join(state, name))) {
      copyFileSync(join(state, name), join(folder, name));
    }
  }
  return folder;
}

function addressText(first: Uint8Array, slot: number): string {
  const value = BigInt(`0x${Buffer.from(first).toString('hex')}`) + BigInt(slot);
  return value.toString(16).padStart(32, '0');
}

/** An address of a CNI result (`10.1.2.3/16`, `fd00::7/64`) in the form of HeldRow. */
export function addressOfResult(text: string): string {
  const bare = text.split('/')[0]!;
  const host = bare.includes(':') ? bare : `::ffff:${bare}`;
  const groups = expandGroups(host);
  return groups.map((group) => group.padStart(4, '0')).join('');
}

/** The eight groups of an IPv6 address, by the platform's own parser. */
function expandGroups(host: string): string[] {
  const canonical = new URL(`http://[${host}]/`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array<string>(gap).fill('0'), ...right];
}
