/**
 * A binary heap of rests, soonest end first. An entry is the tick in the upper half and the slot number in
 * the lower, so comparing entries compares ends. An entry is stale when its slot no longer rests until then;
 * stale entries are dropped when they surface, or when the heap would grow because of them.
 */
import { setU64At, u64At } from './memory/access';
import { allocate, release } from './memory/arena';
import { RestHeap } from './memory/rest-heap-record';

const CAPACITY_MIN: u32 = 16;
/** An emptied heap keeps a chunk up to this capacity. */
const CAPACITY_KEPT: u32 = 64;

/** Entries beyond the live ones that a heap may hold before it is cleaned. */
export function isCrowded(heap: RestHeap, live: u64): bool {
  return <u64>heap.length >= live * 2 + 32;
}

/** Makes sure that one more entry fits. Answers false where memory is full. */
export function reserveEntry(heap: RestHeap): bool {
  if (heap.length < heap.capacity) return true;
  const capacity = max<u32>(heap.capacity * 2, CAPACITY_MIN);
  const wider = allocate((<usize>capacity) << 3);
  if (wider === 0) return false;
  memory.copy(wider, heap.entries, (<usize>heap.length) << 3);
  release(heap.entries, (<usize>heap.capacity) << 3);
  heap.entries = u32(wider);
  heap.capacity = capacity;
  return true;
}

/** Adds an entry; room was reserved. O(log n), O(1) where ends come in order. */
export function pushEntry(heap: RestHeap, entry: u64): void {
  assert(heap.length < heap.capacity);
  const entries = <usize>heap.entries;
  let place = heap.length++;
  while (place !== 0) {
    const above = (place - 1) >> 1;
    const parent = u64At(entries, above);
    if (parent <= entry) break;
    setU64At(entries, place, parent);
    place = above;
  }
  setU64At(entries, place, entry);
}

/** The entry that ends soonest. The heap is not empty. */
export function soonest(heap: RestHeap): u64 {
  assert(heap.length !== 0);
  return u64At(heap.entries, 0);
}

/** Takes the entry that ends soonest. O(log n). */
export function popEntry(heap: RestHeap): u64 {
  assert(heap.length !== 0);
  const entries = <usize>heap.entries;
  const popped = u64At(entries, 0);
  const length = --heap.length;
  if (length === 0) return popped;
  const sinking = u64At(entries, length);
  let place: u32 = 0;
  while (true) {
    let child = place * 2 + 1;
    if (child >= length) break;
    if (child + 1 < length && u64At(entries, child + 1) < u64At(entries, child)) child++;
    const entry = u64At(entries, child);
    if (sinking <= entry) break;
    setU64At(entries, place, entry);
    place = child;
  }
  setU64At(entries, place, sinking);
  return popped;
}

/** Sorts the entries in place, soonest first; a sorted list is a heap. O(n log n). */
export function sortEntries(heap: RestHeap): void {
  const entries = <usize>heap.entries;
  const length = heap.length;
  // Each pop frees the last place, which takes what was popped: latest end first.
  for (let place = length; place-- !== 0; ) setU64At(entries, place, popEntry(heap));
  for (let i: u32 = 0; i < length >> 1; i++) {
    const late = u64At(entries, i);
    setU64At(entries, i, u64At(entries, length - 1 - i));
    setU64At(entries, length - 1 - i, late);
  }
  heap.length = length;
}

/** Drops all entries, and the chunk where it is large. */
export function clearHeap(heap: RestHeap): void {
  heap.length = 0;
  if (heap.capacity > CAPACITY_KEPT) dropHeap(heap);
}

/** Gives the chunk back. */
export function dropHeap(heap: RestHeap): void {
  release(heap.entries, (<usize>heap.capacity) << 3);
  heap.entries = 0;
  heap.capacity = 0;
  heap.length = 0;
}

/** True when no entry ends before the one above it. For verify. */
export function isHeapSound(heap: RestHeap): bool {
  if (heap.length > heap.capacity) return false;
  for (let i: u32 = 1; i < heap.length; i++) {
    if (u64At(heap.entries, (i - 1) >> 1) > u64At(heap.entries, i)) return false;
  }
  return true;
}
