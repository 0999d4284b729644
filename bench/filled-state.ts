/** A state folder that holds many claims, made faster than through the ledger. */
import { SCHEMA } from '../src/embedded/schema.ts';
import { Database } from '../src/sqlite/database.ts';

/** Slots of one block. */
const SLOTS = 64;

/**
 * Rows as an agent would write them: claims of 10.0.0.0 and up, all of pool `pool` and node `node-1`, every
 * container id 64 digits long and in no order. The same rows in every run.
 */
const FILL = `
INSERT INTO names (id, text) VALUES (1, 'pool'), (2, 'node-1'), (3, 'net'), (4, 'default');
INSERT INTO blocks (id, first, cidr)
  WITH RECURSIVE block (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM block WHERE i + 1 < $blocks)
  SELECT i + 1, unhex(printf('00000000000000000000ffff%08x', 167772160 + i * ${SLOTS})),
         printf('10.%d.%d.%d/26', (i >> 10) & 255, (i >> 2) & 255, (i & 3) * ${SLOTS})
  FROM block;
INSERT INTO slots
  WITH RECURSIVE claim (i, mixed) AS (
    SELECT 0, 0 UNION ALL SELECT i + 1, ((i + 1) * 2654435761) & 4294967295 FROM claim
    WHERE i + 1 < $claims
  )
  SELECT i / ${SLOTS} + 1, i % ${SLOTS}, 1, 4, printf('web-%08x', mixed),
         printf('%08x-0000-4000-8000-%012x', mixed, i), 2, 3, printf('%08x%056x', mixed, i),
         'eth0', 0, 0, 1700000000000 + i, NULL, printf('nonce-%d', i)
  FROM claim;
`;

/** The container id of claim number `index`. */
export function containerIdOf(index: number): string {
  const mixed = Number((BigInt(index) * 2654435761n) & 0xffffffffn);
  return mixed.toString(16).padStart(8, '0') + index.toString(16).padStart(56, '0');
}

/** Makes a state folder with so many claims; at least one, at most 2^24. */
export function fillState(folder: string, claims: number): void {
  const database = Database.open(folder, SCHEMA);
  database.begin();
  const script = FILL.replaceAll('$blocks', String(Math.ceil(claims / SLOTS)));
  for (const statement of script.replaceAll('$claims', String(claims)).split(';')) {
    if (statement.trim() !== '') {
      database.prepare(statement).run();
    }
  }
  database.commit();
  database.close();
}
