/**
 * Affinity: rows of bits over pools. A host keeps one row for each (class, key, value), one for "absent" and
 * one for "other value", where bit p says whether what pool p requires of that key holds then. Every kind of
 * requirement becomes such rows when a pool is added, so a query is one AND.
 *
 * A row has a fill: the bit of each pool, present and future, that was not set otherwise. Pools that do not
 * exist are in no result, because every AND begins with the row of those that do.
 */
import { allocate, allocateZeroed, growTo, release, spentBytes } from './memory/arena';
import { header, ROW_LIST_MAX } from './memory/header';
import { isPool } from './memory/pool-record';
import { andRows, bitOf, LINE_BYTES, setBitOf } from './memory/row-and';
import { listed, RESULT_REGISTERS, ROW_RECORD_BYTES, rowAt, setListed } from './memory/row-record';
import {
  STATUS_MEMORY_FULL,
  STATUS_NUMBER_UNKNOWN,
  STATUS_OK,
  STATUS_POOL_UNKNOWN,
} from './status';

const ROWS_MIN: u32 = 64;

/** True when a row has this number. */
function isRow(row: u32): bool {
  return row < header().rowLength && rowAt(row).bits !== 0;
}

/** Makes sure that rows have a bit for the handle: they double until they do. False where memory is full. */
export function reserveRowsFor(handle: u32): bool {
  const top = header();
  const before = <usize>top.rowBytes;
  let bytes = max<usize>(before, LINE_BYTES);
  while (<usize>handle >= bytes << 3) bytes <<= 1;
  if (bytes === before) return true;
  // All or nothing: first the room for every row, then the rows, which cannot fail any more.
  const rows = (<u64>top.rowCount + 1) * (spentBytes(bytes) + LINE_BYTES);
  const results = spentBytes(bytes * RESULT_REGISTERS) + LINE_BYTES;
  if (!growTo(<u64>top.length + rows + results)) return false;
  for (let row: u32 = 0; row < top.rowLength; row++) {
    const record = rowAt(row);
    if (record.bits !== 0) record.bits = u32(widen(record.bits, before, bytes, record.fill));
  }
  top.existing = u32(widen(top.existing, before, bytes, 0));
  release(top.results, before * RESULT_REGISTERS);
  top.results = u32(allocateZeroed(bytes * RESULT_REGISTERS));
  assert(top.results !== 0);
  top.rowBytes = u32(bytes);
  return true;
}

/** A wider copy of a row; the row itself is given back. */
function widen(bits: usize, before: usize, bytes: usize, fill: u32): usize {
  const wider = allocate(bytes);
  assert(wider !== 0);
  if (before !== 0) memory.copy(wider, bits, before);
  memory.fill(wider + before, fill !== 0 ? 0xff : 0, bytes - before);
  release(bits, before);
  return wider;
}

/** A pool begins to exist: every row has its fill there already. */
export function addToRows(handle: u32): void {
  setBitOf(header().existing, handle, 1);
}

/** A pool ceases to exist: every row gets its fill back there. O(rows). */
export function clearFromRows(handle: u32): void {
  const top = header();
  setBitOf(top.existing, handle, 0);
  for (let row: u32 = 0; row < top.rowLength; row++) {
    const record = rowAt(row);
    if (record.bits !== 0) setBitOf(record.bits, handle, record.fill);
  }
}

/** Makes a row in which every pool has the bit `fill` (0 or 1). Answers its number or MEMORY_FULL. */
export function addRow(fill: u32): i32 {
  const row = makeRow(fill);
  if (row >= 0) memory.fill(rowAt(row).bits, fill !== 0 ? 0xff : 0, header().rowBytes);
  return row;
}

/** Makes a row with the bits and the fill of another. Answers its number, NUMBER_UNKNOWN or MEMORY_FULL. */
export function copyRow(from: u32): i32 {
  if (!isRow(from)) return STATUS_NUMBER_UNKNOWN;
  const row = makeRow(rowAt(from).fill);
  if (row >= 0) memory.copy(rowAt(row).bits, rowAt(from).bits, header().rowBytes);
  return row;
}

/** Makes a row whose bits are still undefined. */
function makeRow(fill: u32): i32 {
  if (!reserveRowsFor(0) || !reserveRowRecord()) return STATUS_MEMORY_FULL;
  const top = header();
  const bits = allocate(top.rowBytes);
  if (bits === 0) return STATUS_MEMORY_FULL;
  let row = top.rowLength;
  if (top.rowFree !== 0) {
    row = top.rowFree - 1;
    top.rowFree = rowAt(row).fill;
  } else {
    top.rowLength++;
  }
  top.rowCount++;
  rowAt(row).bits = u32(bits);
  rowAt(row).fill = u32(fill !== 0);
  return i32(row);
}

function reserveRowRecord(): bool {
  const top = header();
  if (top.rowFree !== 0 || top.rowLength < top.rowCapacity) return true;
  const capacity = max<u32>(top.rowCapacity * 2, ROWS_MIN);
  const wider = allocate(<usize>capacity * ROW_RECORD_BYTES);
  if (wider === 0) return false;
  memory.copy(wider, top.rows, <usize>top.rowCapacity * ROW_RECORD_BYTES);
  release(top.rows, <usize>top.rowCapacity * ROW_RECORD_BYTES);
  top.rows = u32(wider);
  top.rowCapacity = capacity;
  return true;
}

/** Sets the bit of a pool in a row. Answers OK, NUMBER_UNKNOWN or POOL_UNKNOWN. */
export function setBit(row: u32, pool: u32, bit: u32): i32 {
  if (!isRow(row)) return STATUS_NUMBER_UNKNOWN;
  if (!isPool(pool)) return STATUS_POOL_UNKNOWN;
  setBitOf(rowAt(row).bits, pool, bit);
  return STATUS_OK;
}

/** Gives a row back. Answers OK or NUMBER_UNKNOWN. */
export function freeRow(row: u32): i32 {
  if (!isRow(row)) return STATUS_NUMBER_UNKNOWN;
  const top = header();
  const record = rowAt(row);
  release(record.bits, top.rowBytes);
  record.bits = 0;
  record.fill = top.rowFree;
  top.rowFree = row + 1;
  top.rowCount--;
  return STATUS_OK;
}

/** Where the bits of a result register begin, in bytes; 0 before the first row or pool. */
export function resultOffset(result: u32): usize {
  const top = header();
  if (top.results === 0 || result >= RESULT_REGISTERS) return 0;
  return <usize>top.results + <usize>result * <usize>top.rowBytes;
}

/** Bytes of a result register that can have bits: one bit a pool, pool 0 is bit 0 of byte 0; whole lines. */
export function resultBytes(): usize {
  return ((<usize>header().poolLength + 511) >> 9) * LINE_BYTES;
}

/**
 * Leaves in a result register the pools that exist and whose bit is set in each of the `count` rows that the
 * row list names (used up by the call). Answers how many pools that are, NUMBER_UNKNOWN or MEMORY_FULL.
 */
export function intersectRows(count: u32, result: u32): i32 {
  const status = resolveRows(count, result);
  return status === STATUS_OK ? andListed(header().existing, count, result) : status;
}

/** Keeps in a result register only the pools whose bit is set in each of the listed rows as well. */
export function narrowResult(count: u32, result: u32): i32 {
  const status = resolveRows(count, result);
  return status === STATUS_OK ? andListed(resultOffset(result), count, result) : status;
}

/** Turns the row numbers of the row list into offsets. */
function resolveRows(count: u32, result: u32): i32 {
  if (count > ROW_LIST_MAX || result >= RESULT_REGISTERS) return STATUS_NUMBER_UNKNOWN;
  for (let i: u32 = 0; i < count; i++) if (!isRow(listed(i))) return STATUS_NUMBER_UNKNOWN;
  if (!reserveRowsFor(0)) return STATUS_MEMORY_FULL;
  for (let i: u32 = 0; i < count; i++) setListed(i, rowAt(listed(i)).bits);
  return STATUS_OK;
}

/** As intersectRows, but the row list names result registers instead of rows. */
export function intersectResults(count: u32, result: u32): i32 {
  if (count > ROW_LIST_MAX || result >= RESULT_REGISTERS) return STATUS_NUMBER_UNKNOWN;
  for (let i: u32 = 0; i < count; i++) {
    if (listed(i) >= RESULT_REGISTERS) return STATUS_NUMBER_UNKNOWN;
  }
  if (!reserveRowsFor(0)) return STATUS_MEMORY_FULL;
  for (let i: u32 = 0; i < count; i++) setListed(i, resultOffset(listed(i)));
  return andListed(header().existing, count, result);
}

function andListed(withRow: usize, count: u32, result: u32): i32 {
  return i32(andRows(resultOffset(result), withRow, count, resultBytes()));
}

/** True when exactly the pools that exist are written down, and every other bit is its row's fill. For verify. */
export function areRowsSound(): bool {
  const top = header();
  const bits = top.rowBytes << 3;
  for (let handle: u32 = 0; handle < bits; handle++) {
    const exists = isPool(handle);
    if ((bitOf(top.existing, handle) !== 0) !== exists) return false;
    if (exists) continue;
    for (let row: u32 = 0; row < top.rowLength; row++) {
      const record = rowAt(row);
      if (record.bits !== 0 && bitOf(record.bits, handle) !== record.fill) return false;
    }
  }
  return true;
}
