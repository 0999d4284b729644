/**
 * The tables of the state file. An operator may read them with the sqlite3 shell while the agent runs; the
 * view `lines` puts the names back (docs/backup.md).
 *
 * A migration that was released is never edited: later versions append the next one.
 */
import type { Schema } from '../sqlite/database.ts';

/**
 * Version 1.
 *
 * - `blocks`: 64 aligned addresses each; `first` is the first address as 16 bytes in network order (IPv4 in
 *   its mapped form), so that the index is in address order.
 * - `slots`: one row per address that is claimed (`resting_until` is null) or at rest. The primary key is
 *   what keeps an address from having two holders (I1). Names that repeat are kept once, in `names`: a row
 *   stays near 200 bytes.
 * - `slots_by_pool` carries all that the used words of blocks are made of, so when the agent starts it reads
 *   this index alone: about 11 bytes a claim instead of 200.
 * - `objects`: the applied Kubernetes objects as JSON. `kind` is the name of dialect/kinds.ts, `namespace` is
 *   empty for cluster-scoped kinds, `applied` is the manifest of the last apply, which tells a field that was
 *   taken out of the manifest from one that somebody else has set.
 * - `counters`: the highest resourceVersion ever given, so that it grows across deletions and restarts.
 */
const VERSION_1 = `
CREATE TABLE names (
  id   INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE blocks (
  id    INTEGER PRIMARY KEY,
  first BLOB NOT NULL UNIQUE CHECK (length(first) = 16),
  cidr  TEXT NOT NULL
) STRICT;

CREATE TABLE slots (
  block_id      INTEGER NOT NULL,
  slot          INTEGER NOT NULL CHECK (slot BETWEEN 0 AND 63),
  pool_id       INTEGER NOT NULL,
  namespace_id  INTEGER NOT NULL,
  pod           TEXT NOT NULL,
  uid           TEXT NOT NULL,
  node_id       INTEGER,
  network_id    INTEGER,
  container_id  TEXT,
  interface     TEXT,
  ahead         INTEGER,
  ordinal       INTEGER,
  since         INTEGER NOT NULL,
  resting_until INTEGER,
  nonce         TEXT NOT NULL,
  PRIMARY KEY (block_id, slot)
) STRICT, WITHOUT ROWID;

CREATE INDEX slots_by_container ON slots (container_id) WHERE resting_until IS NULL;
CREATE INDEX slots_by_pod ON slots (pod, namespace_id) WHERE resting_until IS NULL AND pod <> '';
CREATE INDEX slots_by_pool ON slots (pool_id, block_id, slot, resting_until)
  WHERE resting_until IS NULL;
CREATE INDEX slots_resting ON slots (resting_until) WHERE resting_until IS NOT NULL;

CREATE VIEW lines AS
SELECT blocks.cidr AS block, slots.slot,
       CASE WHEN resting_until IS NULL THEN 'claimed' ELSE 'resting' END AS state,
       pool.text AS pool, namespace.text AS namespace, pod, uid, node.text AS node,
       network.text AS network, container_id, interface,
       datetime(since / 1000, 'unixepoch') AS since,
       datetime(resting_until / 1000, 'unixepoch') AS resting_until
FROM slots
JOIN blocks ON blocks.id = slots.block_id
JOIN names AS pool ON pool.id = slots.pool_id
JOIN names AS namespace ON namespace.id = slots.namespace_id
LEFT JOIN names AS node ON node.id = slots.node_id
LEFT JOIN names AS network ON network.id = slots.network_id;

CREATE TABLE objects (
  kind      TEXT NOT NULL,
  namespace TEXT NOT NULL,
  name      TEXT NOT NULL,
  body      TEXT NOT NULL,
  applied   TEXT,
  PRIMARY KEY (kind, namespace, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE counters (
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO counters (name, value) VALUES ('resourceVersion', 0);
`;

/**
 * Version 2.
 *
 * - `units`: who owns the affinity units of Calico's pools, one row a unit, found by its first address and its
 *   prefix length. Addresses that were given before this version lie in units without an owner, so they count
 *   as borrowed ones until they are released.
 * - `affinities`: the same for people.
 */
const VERSION_2 = `
CREATE TABLE units (
  first      BLOB NOT NULL CHECK (length(first) = 16),
  prefix     INTEGER NOT NULL CHECK (prefix BETWEEN 0 AND 128),
  cidr       TEXT NOT NULL,
  node_id    INTEGER NOT NULL,
  claimed_at INTEGER NOT NULL,
  nonce      TEXT NOT NULL,
  PRIMARY KEY (first, prefix)
) STRICT, WITHOUT ROWID;

CREATE VIEW affinities AS
SELECT cidr, node.text AS node, datetime(claimed_at / 1000, 'unixepoch') AS claimed_at
FROM units JOIN names AS node ON node.id = units.node_id;
`;

/** The schema of `state.db`; the application id spells "Orbw". */
export const SCHEMA: Schema = { applicationId: 0x4f726277, migrations: [VERSION_1, VERSION_2] };
