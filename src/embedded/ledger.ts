/**
 * The ledger of one machine: every line is a row, every call of `commit` a unit of a group commit.
 *
 * A write lands by its own comparison with what was read: an INSERT only where the slot has no row, an
 * UPDATE only where the row still has the nonce that was read (rule 2). So it would also be right with two
 * writers; the lock on the state folder is there because two engines would waste each other's choices.
 */
import type {
  BlockState,
  Claim,
  Clock,
  CommitOutcome,
  Ledger,
  Line,
  Resting,
  SlotConflict,
  SlotWrite,
  Unit,
  UnitConflict,
  UnitWrite,
} from '../ipam/ports.ts';
import {
  type Address,
  blockOf,
  compareAddresses,
  equalAddresses,
  familyOf,
  slotOf,
} from '../net/address.ts';
import { blockCidrText, type Cidr, formatCidr, lastOfCidr } from '../net/cidr.ts';
import type { Row, SqlValue } from '../sqlite/connection.ts';
import type { Database } from '../sqlite/database.ts';
import type { GroupCommit } from '../sqlite/group-commit.ts';
import { addressOfBytes, bytesOfAddress } from './address-bytes.ts';
import { Names } from './names.ts';

/**
 * A line whose rest ended stays this long, in milliseconds, so that people can still ask who had an address.
 * It is much longer than a call may take: a line that a call has read does not vanish under it.
 */
const TIDY_AFTER_MS = 10 * 60_000;
/** Ended lines removed in one transaction: so many per written row, so that tidying keeps up with releases. */
const TIDY_PER_WRITE = 2;
/** Rows fetched at once by the readers that walk over all lines. */
const PAGE_ROWS = 1_000;

const COLUMNS = `blocks.first, slot, pool_id, namespace_id, pod, uid, node_id, network_id, container_id,
  interface, ahead, ordinal, since, resting_until, nonce`;
const FROM = 'FROM slots JOIN blocks ON blocks.id = slots.block_id';
/** Blocks first, in address order, so that results need no sorting and a LIMIT is cheap. */
const FROM_IN_ORDER = 'FROM blocks CROSS JOIN slots ON slots.block_id = blocks.id';
const IN_ORDER = 'ORDER BY blocks.first, slot';
const CLAIMED = 'resting_until IS NULL';

const SQL = {
  line: `SELECT ${COLUMNS} ${FROM} WHERE blocks.first = ? AND slot = ?`,
  ofContainer: `SELECT ${COLUMNS} ${FROM}
    WHERE container_id = ? AND network_id = ? AND ${CLAIMED} ORDER BY ordinal, blocks.first, slot`,
  ofPod: `SELECT ${COLUMNS} ${FROM}
    WHERE pod = ? AND namespace_id = ? AND ${CLAIMED} AND pod <> '' ORDER BY ordinal, blocks.first, slot`,
  ofNoPod: `SELECT ${COLUMNS} ${FROM}
    WHERE pod = '' AND namespace_id = ? AND ${CLAIMED} ORDER BY ordinal, blocks.first, slot`,
  ofPool: `SELECT ${COLUMNS} ${FROM_IN_ORDER} WHERE pool_id = ? AND ${CLAIMED} ${IN_ORDER} LIMIT ?`,
  poolCount: `SELECT count(*) AS count FROM slots WHERE pool_id = ? AND ${CLAIMED}`,
  poolCounts: `SELECT pool_id, count(*) AS count FROM slots INDEXED BY slots_by_pool
    WHERE ${CLAIMED} GROUP BY pool_id`,
  resting: `SELECT ${COLUMNS} ${FROM} WHERE resting_until IS NOT NULL ${IN_ORDER}`,
  restingSlots: `SELECT blocks.first, slot, resting_until ${FROM}
    WHERE resting_until IS NOT NULL ${IN_ORDER}`,
  block: 'SELECT id FROM blocks WHERE first = ?',
  insertBlock: 'INSERT INTO blocks (first, cidr) VALUES (?, ?) RETURNING id',
  insert: `INSERT INTO slots (pool_id, namespace_id, pod, uid, node_id, network_id, container_id,
      interface, ahead, ordinal, since, resting_until, nonce, block_id, slot)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  update: `UPDATE slots SET pool_id = ?, namespace_id = ?, pod = ?, uid = ?, node_id = ?,
      network_id = ?, container_id = ?, interface = ?, ahead = ?, ordinal = ?, since = ?,
      resting_until = ?, nonce = ?
    WHERE block_id = ? AND slot = ? AND nonce = ?`,
  remove: 'DELETE FROM slots WHERE block_id = ? AND slot = ? AND nonce = ?',
  unit: 'SELECT first, prefix, node_id, claimed_at, nonce FROM units WHERE first = ? AND prefix = ?',
  units: `SELECT first, prefix, node_id, claimed_at, nonce FROM units
    WHERE first BETWEEN ? AND ? ORDER BY first, prefix`,
  insertUnit: `INSERT INTO units (node_id, claimed_at, nonce, first, prefix, cidr)
    VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  updateUnit: `UPDATE units SET node_id = ?, claimed_at = ?, nonce = ?
    WHERE first = ? AND prefix = ? AND nonce = ?`,
  dropUnit: 'DELETE FROM units WHERE first = ? AND prefix = ?',
  tidy: `DELETE FROM slots WHERE (block_id, slot) IN (
      SELECT block_id, slot FROM slots WHERE resting_until <= ? ORDER BY resting_until LIMIT ?)`,
} as const;

/** The used words of blocks, both halves apart because a JavaScript number holds no 64 bits. */
const usedWords = (where: string) => `
  SELECT blocks.first AS first, sum(words.low) AS low, sum(words.high) AS high FROM (
    SELECT block_id,
           sum(CASE WHEN slot < 32 THEN 1 << slot ELSE 0 END) AS low,
           sum(CASE WHEN slot >= 32 THEN 1 << (slot - 32) ELSE 0 END) AS high
    FROM slots INDEXED BY slots_by_pool WHERE ${CLAIMED} ${where} GROUP BY pool_id, block_id
  ) AS words JOIN blocks ON blocks.id = words.block_id
  GROUP BY blocks.first ORDER BY blocks.first`;

/** A block's first address and both halves of its used word. */
type WordsRow = readonly [first: Uint8Array, low: number, high: number];
/** A slot at rest: its block's first address, the slot, and the end of its rest. */
type RestingRow = readonly [first: Uint8Array, slot: number, until: number];
/** The columns of COLUMNS. The six in the middle are null in a line that rests. */
type LineRow = readonly [
  first: Uint8Array,
  slot: number,
  poolId: number,
  namespaceId: number,
  pod: string,
  uid: string,
  nodeId: number,
  networkId: number,
  containerId: string,
  interfaceName: string,
  ahead: number,
  order: number,
  since: number,
  restingUntil: number | null,
  nonce: string,
];

/** The columns of SQL.unit. */
type UnitRow = readonly [
  first: Uint8Array,
  prefix: number,
  nodeId: number,
  claimedAt: number,
  nonce: string,
];

/** Thrown inside a unit of the group commit to take its writes back; never leaves this file. */
class Lost extends Error {
  readonly conflicts: readonly SlotConflict[];
  readonly units: readonly UnitConflict[];

  constructor(conflicts: readonly SlotConflict[], units: readonly UnitConflict[]) {
    super('another write was faster');
    this.conflicts = conflicts;
    this.units = units;
  }
}

export class EmbeddedLedger implements Ledger {
  /** The lock on the state folder keeps others out. */
  readonly shared = undefined;
  readonly #database: Database;
  readonly #commits: GroupCommit;
  readonly #clock: Clock;
  readonly #names: Names;
  readonly #statements;

  constructor(parts: { database: Database; commits: GroupCommit; clock: Clock }) {
    const { database } = parts;
    this.#database = database;
    this.#commits = parts.commits;
    this.#clock = parts.clock;
    this.#names = new Names(database);
    this.#statements = Object.fromEntries(
      Object.entries(SQL).map(([name, sql]) => [name, database.prepare(sql)]),
    ) as Record<keyof typeof SQL, ReturnType<Database['prepare']>>;
    parts.commits.onRollback(() => this.#names.forget());
  }

  async commit(
    writes: readonly SlotWrite[],
    units: readonly UnitWrite[] = [],
  ): Promise<CommitOutcome> {
    try {
      await this.#commits.submit(() => this.#apply(writes, units), {
        writes: writes.length + units.length,
        undo: () => this.#undo(writes),
      });
      return { kind: 'durable' };
    } catch (error) {
      if (error instanceof Lost) {
        return { kind: 'lost', conflicts: error.conflicts, units: error.units };
      }
      throw error;
    }
  }

  /** Removes some of the lines whose rest ended long ago. Runs inside a transaction of the group commit. */
  tidy(writes: number): void {
    this.#statements.tidy.run(this.#clock.now() - TIDY_AFTER_MS, writes * TIDY_PER_WRITE);
  }

  line(address: Address): Line | undefined {
    const row = this.#statements.line.get(bytesOfAddress(blockOf(address)), slotOf(address));
    return row === undefined ? undefined : this.#lineOf(row);
  }

  containerRef(containerId: string): string {
    return containerId;
  }

  claimsOfContainer(network: string, containerId: string): Claim[] {
    const networkId = this.#names.find(network);
    return networkId === undefined
      ? []
      : this.#claimsOf(this.#statements.ofContainer.all(containerId, networkId));
  }

  claimsOfPod(namespace: string, pod: string): Claim[] {
    const namespaceId = this.#names.find(namespace);
    if (namespaceId === undefined) {
      return [];
    }
    return this.#claimsOf(
      pod === ''
        ? this.#statements.ofNoPod.all(namespaceId)
        : this.#statements.ofPod.all(pod, namespaceId),
    );
  }

  *claimsOfNetwork(network: string, node: string): Iterable<Claim> {
    const networkId = this.#names.find(network);
    const nodeId = this.#names.find(node);
    if (networkId !== undefined && nodeId !== undefined) {
      yield* this.#walk('AND network_id = ? AND node_id = ?', networkId, nodeId);
    }
  }

  claimsOfPool(pool: string, limit = -1): Claim[] {
    const poolId = this.#names.find(pool);
    return poolId === undefined ? [] : this.#claimsOf(this.#statements.ofPool.all(poolId, limit));
  }

  claims(): Iterable<Claim> {
    return this.#walk('');
  }

  *blocks(): Iterable<BlockState> {
    const used = this.#database.stream(usedWords('')) as Iterable<WordsRow>;
    const resting = this.#statements.restingSlots.all() as readonly unknown[] as RestingRow[];
    let at = 0;
    // Both are in address order. Blocks that only rest come before the next block that has claims.
    for (const [bytes, usedLow, usedHigh] of used) {
      const first = addressOfBytes(bytes);
      while (at < resting.length && compareAddresses(firstOf(resting[at]!), first) < 0) {
        const slots = restingFrom(resting, at);
        yield { first: firstOf(resting[at]!), usedLow: 0, usedHigh: 0, resting: slots };
        at += slots.length;
      }
      const rests = at < resting.length && equalAddresses(firstOf(resting[at]!), first);
      const slots = rests ? restingFrom(resting, at) : [];
      yield { first, usedLow, usedHigh, resting: slots };
      at += slots.length;
    }
    while (at < resting.length) {
      const slots = restingFrom(resting, at);
      yield { first: firstOf(resting[at]!), usedLow: 0, usedHigh: 0, resting: slots };
      at += slots.length;
    }
  }

  *resting(): Iterable<Resting> {
    for (const row of this.#statements.resting.all()) {
      yield this.#lineOf(row) as Resting;
    }
  }

  unit(cidr: Cidr): Unit | undefined {
    const row = this.#statements.unit.get(bytesOfAddress(cidr.first), cidr.prefix);
    return row === undefined ? undefined : this.#unitOf(row);
  }

  units(within: Cidr): Unit[] {
    const first = bytesOfAddress(within.first);
    const rows = this.#statements.units.all(first, bytesOfAddress(lastOfCidr(within)));
    // The numbers of IPv4 lie within those of the widest IPv6 networks.
    return rows.map((row) => this.#unitOf(row)).filter(({ cidr }) => cidr.family === within.family);
  }

  /** Forgets who owns the units of a network, whose pool goes. Only inside a unit of the group commit. */
  dropUnits(within: Cidr): void {
    for (const { cidr } of this.units(within)) {
      this.#statements.dropUnit.run(bytesOfAddress(cidr.first), cidr.prefix);
    }
  }

  /** How many addresses are held from a pool; resting ones do not count. */
  claimedCount(pool: string): number {
    const poolId = this.#names.find(pool);
    return poolId === undefined ? 0 : (this.#statements.poolCount.get(poolId)![0] as number);
  }

  /** The same for every pool that has claims, by name. */
  claimedCounts(): Map<string, number> {
    const rows = this.#statements.poolCounts.all();
    return new Map(
      rows.map(([poolId, count]) => [this.#names.text(poolId as number), count as number]),
    );
  }

  /** The used words of a pool's blocks, in address order; a block without claims of the pool is left out. */
  *blocksOfPool(pool: string): Iterable<Omit<BlockState, 'resting'>> {
    const poolId = this.#names.find(pool);
    if (poolId === undefined) {
      return;
    }
    const rows = this.#database.stream(usedWords('AND pool_id = ?'), poolId);
    for (const [first, low, high] of rows as Iterable<WordsRow>) {
      yield { first: addressOfBytes(first), usedLow: low, usedHigh: high };
    }
  }

  #apply(writes: readonly SlotWrite[], unitWrites: readonly UnitWrite[]): void {
    // One's own nonce: the write landed before, in a transaction whose outcome was unknown (rule 2), or with
    // another call that carries the same write of a unit.
    const units = unitWrites.flatMap((write): UnitConflict[] => {
      const { cidr, nonce } = write.now;
      const now = this.#writeUnit(write) ? write.now : this.unit(cidr);
      return now?.nonce === nonce ? [] : [{ cidr, now }];
    });
    const conflicts = writes.flatMap((write): SlotConflict[] => {
      const { address, nonce } = write.now;
      const now = this.#write(write) ? write.now : this.line(address);
      return now?.nonce === nonce ? [] : [{ address, now }];
    });
    if (conflicts.length + units.length > 0) {
      // The names this unit may have added go with it.
      this.#names.forget();
      throw new Lost(conflicts, units);
    }
  }

  #writeUnit({ was, now }: UnitWrite): boolean {
    const { first, prefix } = now.cidr;
    const row: SqlValue[] = [this.#names.intern(now.node), now.claimedAt, now.nonce];
    row.push(bytesOfAddress(first), prefix);
    return was === undefined
      ? this.#statements.insertUnit.run(...row, formatCidr(now.cidr)) === 1
      : this.#statements.updateUnit.run(...row, was.nonce) === 1;
  }

  #write({ was, now }: SlotWrite): boolean {
    const { address } = now;
    const row = this.#rowOf(now);
    row.push(this.#blockId(blockOf(address)), slotOf(address));
    if (was === undefined) {
      return this.#statements.insert.run(...row) === 1;
    }
    row.push(was.nonce);
    return this.#statements.update.run(...row) === 1;
  }

  /** Owners of units stay: a later call may have claimed in a unit because it saw this owner. */
  #undo(writes: readonly SlotWrite[]): void {
    for (const { was, now } of writes.toReversed()) {
      if (was === undefined) {
        const block = this.#blockId(blockOf(now.address));
        this.#statements.remove.run(block, slotOf(now.address), now.nonce);
      } else {
        this.#write({ was: now, now: was });
      }
    }
  }

  #blockId(first: Address): number {
    const bytes = bytesOfAddress(first);
    const row =
      this.#statements.block.get(bytes) ??
      this.#statements.insertBlock.get(bytes, blockCidrText(first));
    return row![0] as number;
  }

  /** The columns of a line in the order of SQL.insert and SQL.update, without its place. */
  #rowOf(line: Line): SqlValue[] {
    const { owner } = line;
    const names = this.#names;
    const head = [names.intern(line.pool), names.intern(owner.namespace), owner.pod, owner.uid];
    if (line.state === 'resting') {
      const none = [null, null, null, null, null, null];
      return [...head, ...none, line.releasedAt, line.until, line.nonce];
    }
    const { attachment } = line;
    return [
      ...head,
      names.intern(line.node),
      names.intern(attachment.network),
      attachment.containerId,
      attachment.interfaceName,
      line.ahead ? 1 : 0,
      line.order,
      line.claimedAt,
      null,
      line.nonce,
    ];
  }

  #lineOf(row: Row): Line {
    const names = this.#names;
    const [first, slot, poolId, namespaceId, pod, uid, nodeId, networkId, ...rest] =
      row as readonly unknown[] as LineRow;
    const [containerId, interfaceName, ahead, order, since, until, nonce] = rest;
    const address = addressOfBytes(first, slot);
    const pool = names.text(poolId);
    const owner = { namespace: names.text(namespaceId), pod, uid };
    if (until !== null) {
      return { state: 'resting', address, pool, owner, releasedAt: since, until, nonce };
    }
    return {
      state: 'claimed',
      address,
      pool,
      node: names.text(nodeId),
      owner,
      attachment: { network: names.text(networkId), containerId, interfaceName },
      ahead: ahead === 1,
      order,
      claimedAt: since,
      nonce,
    };
  }

  #unitOf(row: Row): Unit {
    const [bytes, prefix, nodeId, claimedAt, nonce] = row as readonly unknown[] as UnitRow;
    const first = addressOfBytes(bytes);
    const cidr = { first, prefix, family: familyOf(first) };
    return { cidr, node: this.#names.text(nodeId), claimedAt, nonce };
  }

  #claimsOf(rows: readonly Row[]): Claim[] {
    return rows.map((row) => this.#lineOf(row) as Claim);
  }

  /** Claims in address order, read page by page, so that writes in between do no harm. */
  *#walk(condition: string, ...values: SqlValue[]): Generator<Claim> {
    const page = this.#database.prepare(`SELECT ${COLUMNS} ${FROM_IN_ORDER}
      WHERE blocks.first >= ? AND (blocks.first > ? OR slot > ?) AND ${CLAIMED} ${condition}
      ${IN_ORDER} LIMIT ${PAGE_ROWS}`);
    let first = new Uint8Array(0);
    let slot = -1;
    while (true) {
      const rows = page.all(first, first, slot, ...values);
      yield* this.#claimsOf(rows);
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE_ROWS) {
        return;
      }
      [first, slot] = last as readonly unknown[] as [typeof first, number];
    }
  }
}

function firstOf(row: RestingRow): Address {
  return addressOfBytes(row[0]);
}

/** The resting slots of the block that row `at` belongs to. */
function restingFrom(rows: readonly RestingRow[], at: number): { slot: number; until: number }[] {
  const first = firstOf(rows[at]!);
  const slots: { slot: number; until: number }[] = [];
  for (let index = at; index < rows.length; index += 1) {
    const row = rows[index]!;
    if (!equalAddresses(firstOf(row), first)) {
      break;
    }
    slots.push({ slot: row[1], until: row[2] });
  }
  return slots;
}
