/**
 * Until when each resting slot rests: a hash table from slot number (block number × 64 + slot) to tick, 8
 * bytes a place, between an eighth and half full. Block number 0 is none, so a place that is 0 is empty.
 */
import { placeFor } from './hash';
import { setU64At, u64At } from './memory/access';
import { allocateZeroed, release } from './memory/arena';
import { header } from './memory/header';

/** The slot does not rest. Not a tick: ticks fit 32 bits. */
export const NOT_RESTING: u64 = u64.MAX_VALUE;

const CAPACITY_MIN: u32 = 16;

function placeOf(slot: u32, capacity: u32): u32 {
  return placeFor(0, slot, capacity);
}

/** The place of a slot, or the empty place where its search ends. */
function seek(slot: u32): u32 {
  const top = header();
  const mask = top.restTableCapacity - 1;
  let place = placeOf(slot, top.restTableCapacity);
  while (true) {
    const entry = u64At(top.restTable, place);
    if (entry === 0 || u32(entry >> 32) === slot) return place;
    place = (place + 1) & mask;
  }
}

/** The tick at which the slot's rest ends, NOT_RESTING where it does not rest. */
export function restEnd(slot: u32): u64 {
  const top = header();
  if (top.restTableCapacity === 0) return NOT_RESTING;
  const entry = u64At(top.restTable, seek(slot));
  return entry === 0 ? NOT_RESTING : entry & 0xffffffff;
}

/** Makes sure that one more slot fits. Answers false where memory is full. */
export function reserveRest(): bool {
  const top = header();
  if ((top.restCount + 1) * 2 <= top.restTableCapacity) return true;
  return rebuild(max<u32>(top.restTableCapacity * 2, CAPACITY_MIN));
}

function rebuild(capacity: u32): bool {
  const top = header();
  const table = allocateZeroed((<usize>capacity) << 3);
  if (table === 0) return false;
  const old = <usize>top.restTable;
  const oldCapacity = top.restTableCapacity;
  top.restTable = u32(table);
  top.restTableCapacity = capacity;
  for (let i: u32 = 0; i < oldCapacity; i++) {
    const entry = u64At(old, i);
    if (entry !== 0) setU64At(table, seek(u32(entry >> 32)), entry);
  }
  release(old, (<usize>oldCapacity) << 3);
  return true;
}

/** Writes down the end of a slot's rest; room was reserved. */
export function setRestEnd(slot: u32, tick: u32): void {
  const top = header();
  const place = seek(slot);
  if (u64At(top.restTable, place) === 0) {
    assert((top.restCount + 1) * 2 <= top.restTableCapacity);
    top.restCount++;
  }
  setU64At(top.restTable, place, ((<u64>slot) << 32) | <u64>tick);
}

/** Forgets a slot that rests. */
export function removeRestEnd(slot: u32): void {
  const top = header();
  const table = <usize>top.restTable;
  const capacity = top.restTableCapacity;
  const mask = capacity - 1;
  let hole = seek(slot);
  assert(u64At(table, hole) !== 0);
  let place = hole;
  while (true) {
    place = (place + 1) & mask;
    const entry = u64At(table, place);
    if (entry === 0) break;
    const home = placeOf(u32(entry >> 32), capacity);
    if (((place - home) & mask) < ((place - hole) & mask)) continue;
    setU64At(table, hole, entry);
    hole = place;
  }
  setU64At(table, hole, 0);
  top.restCount--;
  if (capacity > CAPACITY_MIN && top.restCount * 8 < capacity) rebuild(capacity >> 1);
}
