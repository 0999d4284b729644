/**
 * Resting slots. The table says until when a slot rests and is the truth; the heaps (one of all rests, one a
 * pool) say what ends next and may hold stale entries. Pools may use rests of different length, so ends do
 * not come in the order of the releases.
 */
import { memberOf } from './memberships';
import { setU64At, u64At } from './memory/access';
import { Block, blockAt, firstMember, isFreeBlock, nextMember } from './memory/block-record';
import { header } from './memory/header';
import { poolAt } from './memory/pool-record';
import { allRests, RestHeap, restsOf } from './memory/rest-heap-record';
import {
  clearHeap,
  isCrowded,
  popEntry,
  pushEntry,
  reserveEntry,
  soonest,
  sortEntries,
} from './rest-heap';
import { removeRestEnd, reserveRest, restEnd, setRestEnd } from './rest-table';

/** No slot: block number 0 is none. */
export const NO_SLOT: u32 = 0;
/** Stands for "whatever the pool" where a pool's handle is asked for. */
export const ANY_POOL: u32 = u32.MAX_VALUE - 2;

/** The number of a slot of a block. */
export function slotOf(number: u32, index: u64): u32 {
  return (number << 6) | u32(index);
}

/** True when the entry is live: its slot rests until just then, and is an address of the pool. */
export function isLive(entry: u64, handle: u32): bool {
  const slot = u32(entry);
  if (restEnd(slot) !== entry >> 32) return false;
  if (handle === ANY_POOL) return true;
  const block = blockAt(slot >> 6);
  if (isFreeBlock(block)) return false;
  const member = memberOf(block, handle);
  return member !== null && (member.eligible & ((<u64>1) << slot)) !== 0;
}

/** Drops stale and repeated entries where they have become the greater part. Amortized O(log n) a rest. */
function tidy(heap: RestHeap, live: u64, handle: u32): void {
  if (!isCrowded(heap, live)) return;
  sortEntries(heap);
  let kept: u32 = 0;
  for (let i: u32 = 0; i < heap.length; i++) {
    const entry = u64At(heap.entries, i);
    const repeated = kept !== 0 && u64At(heap.entries, kept - 1) === entry;
    if (!repeated && isLive(entry, handle)) setU64At(heap.entries, kept++, entry);
  }
  heap.length = kept;
}

/** Makes room for one more rest of the slot in the table and all heaps. False where memory is full. */
export function reserveForRest(block: Block, bit: u64): bool {
  const all = allRests();
  tidy(all, header().restCount, ANY_POOL);
  if (!reserveRest() || !reserveEntry(all)) return false;
  let member = firstMember(block);
  while (member !== null) {
    if ((member.eligible & bit) !== 0 && !reserveForPool(member.pool)) return false;
    member = nextMember(member);
  }
  return true;
}

/** Makes room for one more rest in the heap of a pool. */
export function reserveForPool(handle: u32): bool {
  const pool = poolAt(handle);
  tidy(restsOf(pool), pool.resting, handle);
  return reserveEntry(restsOf(pool));
}

/** Writes down that a slot rests until the tick. Room was reserved; the words say so already. */
export function enterRest(block: Block, slot: u32, tick: u32): void {
  setRestEnd(slot, tick);
  const entry = ((<u64>tick) << 32) | <u64>slot;
  pushEntry(allRests(), entry);
  const bit = (<u64>1) << slot;
  let member = firstMember(block);
  while (member !== null) {
    if ((member.eligible & bit) !== 0) pushEntry(restsOf(poolAt(member.pool)), entry);
    member = nextMember(member);
  }
}

/** Forgets that a slot rests. */
export function leaveRest(slot: u32): void {
  removeRestEnd(slot);
  if (header().restCount === 0) clearHeap(allRests());
}

/** Forgets every rest among the slots of a word. */
export function leaveRests(number: u32, slots: u64): void {
  for (let left = slots; left !== 0; left &= left - 1) leaveRest(slotOf(number, ctz<u64>(left)));
}

/** Puts the rests of a block that a pool has just come to cover into the pool's heap. */
export function enterRestsOfMember(number: u32, handle: u32): bool {
  const block = blockAt(number);
  const member = memberOf(block, handle);
  assert(member !== null);
  if (member === null) return true;
  for (let left = block.resting & member.eligible; left !== 0; left &= left - 1) {
    if (!reserveForPool(handle)) return false;
    const slot = slotOf(number, ctz<u64>(left));
    pushEntry(restsOf(poolAt(handle)), (restEnd(slot) << 32) | <u64>slot);
  }
  return true;
}

/** The pool's slot whose rest ends soonest, NO_SLOT where none rests. Amortized O(log n). */
export function soonestRest(handle: u32): u32 {
  const heap = restsOf(poolAt(handle));
  while (heap.length !== 0) {
    if (isLive(soonest(heap), handle)) return u32(soonest(heap));
    popEntry(heap);
  }
  return NO_SLOT;
}

/** Takes one slot whose rest ends at or before the tick off the table, NO_SLOT where none does. */
export function takeEnded(tick: u32): u32 {
  const heap = allRests();
  while (heap.length !== 0 && soonest(heap) >> 32 <= <u64>tick) {
    const entry = popEntry(heap);
    if (!isLive(entry, ANY_POOL)) continue;
    leaveRest(u32(entry));
    return u32(entry);
  }
  return NO_SLOT;
}
