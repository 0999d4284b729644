/**
 * Chunks of memory for tables that grow, trees and lists. Sizes come in classes, four to every doubling, so
 * at most a fifth of a chunk is unused; a freed chunk is kept for the next of its class.
 *
 *     class     0   1   2   3   4   5    6    7    8    9    …
 *     bytes    16  32  48  64  80  96  112  128  160  192   …
 *
 * Chunks of 256 bytes and more begin at a multiple of 64, so that a 64-byte record is one cache line. A free
 * chunk holds the offset of the next free one of its class in its first word.
 */
import { ARENA, FREE_CHUNKS, header } from './header';

/** Classes that exist: the largest chunk is 4 GiB. */
export const CHUNK_CLASSES: u32 = 108;

const PAGE_BITS: u32 = 16;
/** One page short of 4 GiB, so that an offset just behind a chunk never wraps to 0. */
const PAGES_MAX: u64 = 65535;
/** Memory grows by an eighth of itself, but not by more than this many pages beyond what is needed. */
const SPARE_PAGES_MAX: u64 = 256;

/** The smallest class whose chunks hold `bytes`. */
export function chunkClass(bytes: usize): u32 {
  if (bytes <= 64) return bytes === 0 ? 0 : u32((bytes - 1) >> 4);
  const exponent = 31 - clz<u32>(u32(bytes - 1));
  const quarter = (u32(bytes - 1) - ((<u32>1) << exponent)) >> (exponent - 2);
  return ((exponent - 6) << 2) + 4 + quarter;
}

/** Bytes of a chunk of this class. */
export function chunkBytes(chunkClass: u32): u64 {
  if (chunkClass < 4) return (<u64>chunkClass + 1) << 4;
  const exponent = ((chunkClass - 4) >> 2) + 6;
  const quarter = (chunkClass - 4) & 3;
  return ((<u64>1) << exponent) + ((<u64>quarter + 1) << (exponent - 2));
}

/** Head of the free list of a class: the offset of its first chunk, 0 where there is none. */
export function freeChunkHead(chunkClass: u32): usize {
  return load<u32>(FREE_CHUNKS + ((<usize>chunkClass) << 2));
}

/** The free chunk after this one, 0 at the end. */
export function nextFreeChunk(chunk: usize): usize {
  return load<u32>(chunk);
}

/** A chunk of at least `bytes`, contents undefined; 0 where memory cannot grow any further. */
export function allocate(bytes: usize): usize {
  const wanted = chunkClass(bytes);
  const size = chunkBytes(wanted);
  const head = freeChunkHead(wanted);
  if (head !== 0) {
    store<u32>(FREE_CHUNKS + ((<usize>wanted) << 2), load<u32>(head));
    header().ownedBytes += size;
    return head;
  }
  return allocateBehind(size);
}

/** The same, filled with zeros. */
export function allocateZeroed(bytes: usize): usize {
  const chunk = allocate(bytes);
  if (chunk !== 0) memory.fill(chunk, 0, bytes);
  return chunk;
}

/** Gives a chunk back. `bytes` is what it was allocated with; offset 0 is no chunk and is let pass. */
export function release(chunk: usize, bytes: usize): void {
  if (chunk === 0) return;
  assert(chunk >= ARENA && chunk < <usize>header().length);
  const ofClass = chunkClass(bytes);
  header().ownedBytes -= chunkBytes(ofClass);
  pushFree(chunk, ofClass);
}

/** True when so many bytes from the offset on could be a chunk. For verify. */
export function isInArena(offset: u64, bytes: u64): bool {
  return offset >= <u64>ARENA && (offset & 15) === 0 && offset + bytes <= <u64>header().length;
}

/** Bytes the arena spends on an allocation of `bytes`. */
export function spentBytes(bytes: usize): u64 {
  return chunkBytes(chunkClass(bytes));
}

/** A new chunk behind the last one. */
function allocateBehind(size: u64): usize {
  const top = header();
  const end = <u64>top.length;
  const padding = size >= 256 ? (64 - (end & 63)) & 63 : 0;
  if (!growTo(end + padding + size)) return 0;
  // The gap in front of an aligned chunk is itself a chunk of 16, 32 or 48 bytes.
  if (padding !== 0) pushFree(<usize>end, chunkClass(<usize>padding));
  top.length = u32(end + padding + size);
  top.ownedBytes += size;
  return <usize>(end + padding);
}

function pushFree(chunk: usize, ofClass: u32): void {
  const head = FREE_CHUNKS + ((<usize>ofClass) << 2);
  store<u32>(chunk, load<u32>(head));
  store<u32>(head, u32(chunk));
}

/** Makes memory at least `bytes` long; false where that is more than it may be. */
export function growTo(bytes: u64): bool {
  const pages = <u64>u32(memory.size());
  const needed = (bytes + 0xffff) >> PAGE_BITS;
  if (needed <= pages) return true;
  if (needed > PAGES_MAX) return false;
  const spare = min<u64>(pages >> 3, SPARE_PAGES_MAX);
  const roomy = min<u64>(needed + spare, PAGES_MAX);
  if (memory.grow(i32(roomy - pages)) >= 0) return true;
  return memory.grow(i32(needed - pages)) >= 0;
}
