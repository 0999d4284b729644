/**
 * The tree of a sparse pool: a radix tree over block ordinals, six bits a level, that holds only what is full.
 * A subtree that is not there has no full block, so a new /48 costs nothing and memory follows the blocks
 * that filled up.
 *
 *     ordinal   ······ ······ ······ ······      one digit of six bits a level
 *     level        3      2      1      0
 *     node ──full bit: every block below is full──→ child … ──→ leaf: one bit a block
 */
import { allocateZeroed, isInArena, release, spentBytes } from './memory/arena';
import { Pool } from './memory/pool-record';
import { returnedHigh, returnedLow, setReturned } from './memory/returned';
import {
  childOf,
  fullBits,
  LEAF_BYTES,
  NODE_BYTES,
  pathNode,
  presentBits,
  SPARSE_LEVELS_MAX,
  setChild,
  setFullBits,
  setPathNode,
  setPresentBits,
  spendNode,
} from './memory/sparse-node';
import { wideDifferenceHigh } from './wide';

/** More than marking one block can take from the arena. */
export const SPARSE_PATH_BYTES: u64 = 21 * 320 + 16;

/** Levels that a tree over so many blocks needs. */
export function sparseLevels(blocksHigh: u64, blocksLow: u64): u32 {
  const high = wideDifferenceHigh(blocksHigh, blocksLow, 0, 1);
  const low = blocksLow - 1;
  const bits = high !== 0 ? 128 - u32(clz<u64>(high)) : 64 - u32(clz<u64>(low));
  const levels = max<u32>((bits + 5) / 6, 1);
  assert(levels <= SPARSE_LEVELS_MAX);
  return levels;
}

/** Six bits of an ordinal: its digit at a level. */
function digitAt(high: u64, low: u64, level: u32): u64 {
  const by = level * 6;
  if (by >= 64) return (high >> (by - 64)) & 63;
  if (by === 60) return ((low >> 60) | (high << 4)) & 63;
  return (low >> by) & 63;
}

/** Leaves the ordinal with `digit` at `level` and zeros below. */
function returnWithDigit(high: u64, low: u64, level: u32, digit: u64): void {
  const by = level * 6;
  if (by >= 64) {
    const above = by - 64;
    setReturned((((high >> above) & ~(<u64>63)) | digit) << above, 0);
  } else if (by === 60) {
    setReturned((high & ~(<u64>3)) | (digit >> 4), digit << 60);
  } else {
    setReturned(high, (((low >> by) & ~(<u64>63)) | digit) << by);
  }
}

/** Bits above `digit`. */
function bitsBehind(digit: u64): u64 {
  return digit === 63 ? 0 : u64.MAX_VALUE << (digit + 1);
}

/**
 * Leaves the first ordinal at or behind the given one whose block is not full. Answers false where every
 * ordinal the tree can hold from there on is full. The ordinal may lie behind the pool's last block: the
 * tree does not know where that is. O(levels).
 */
export function nextInSparseTree(pool: Pool, high: u64, low: u64): bool {
  setReturned(high, low);
  let node = <usize>pool.tree;
  if (node === 0) return true;
  const top = pool.treeHeight - 1;
  let level = top;
  let open = ~fullBits(node) & (u64.MAX_VALUE << digitAt(high, low, level));
  while (true) {
    setPathNode(level, node);
    while (open === 0) {
      if (level === top) return false;
      level++;
      node = pathNode(level);
      open = ~fullBits(node) & bitsBehind(digitAt(returnedHigh(), returnedLow(), level));
    }
    const digit = ctz<u64>(open);
    if (digit !== digitAt(returnedHigh(), returnedLow(), level)) {
      returnWithDigit(returnedHigh(), returnedLow(), level, digit);
    }
    if (level === 0) return true;
    node = childOf(node, digit);
    if (node === 0) return true;
    level--;
    open = ~fullBits(node) & (u64.MAX_VALUE << digitAt(returnedHigh(), returnedLow(), level));
  }
}

/** Writes down that a block is full. Answers false where memory is full; then nothing is written down. */
export function markInSparseTree(pool: Pool, high: u64, low: u64): bool {
  if (!makePath(pool, high, low)) {
    prunePath(pool, high, low);
    return false;
  }
  for (let level: u32 = 0; level < pool.treeHeight; level++) {
    const node = pathNode(level);
    const full = fullBits(node) | ((<u64>1) << digitAt(high, low, level));
    setFullBits(node, full);
    if (full !== u64.MAX_VALUE) break;
  }
  return true;
}

/** Walks to the leaf of an ordinal and makes what is missing on the way. */
function makePath(pool: Pool, high: u64, low: u64): bool {
  const top = pool.treeHeight - 1;
  let above: usize = 0;
  for (let level = i32(top); level >= 0; level--) {
    const digit = above === 0 ? <u64>0 : digitAt(high, low, level + 1);
    let node = above === 0 ? <usize>pool.tree : childOf(above, digit);
    if (node === 0) {
      node = allocateZeroed(level === 0 ? LEAF_BYTES : NODE_BYTES);
      setPathNode(level, node);
      if (node === 0) return false;
      if (above === 0) pool.tree = u32(node);
      else {
        setChild(above, digit, node);
        setPresentBits(above, presentBits(above) | ((<u64>1) << digit));
      }
    }
    setPathNode(level, node);
    above = node;
  }
  return true;
}

/** Writes down that a full block has a free slot again, and gives back the nodes that became empty. */
export function unmarkInSparseTree(pool: Pool, high: u64, low: u64): void {
  let node = <usize>pool.tree;
  for (let level = i32(pool.treeHeight) - 1; level >= 0; level--) {
    assert(node !== 0);
    setPathNode(level, node);
    if (level !== 0) node = childOf(node, digitAt(high, low, level));
  }
  assert((fullBits(node) & ((<u64>1) << digitAt(high, low, 0))) !== 0);
  for (let level: u32 = 0; level < pool.treeHeight; level++) {
    const above = pathNode(level);
    const before = fullBits(above);
    setFullBits(above, before & ~((<u64>1) << digitAt(high, low, level)));
    if (before !== u64.MAX_VALUE) break;
  }
  prunePath(pool, high, low);
}

/** Gives back the empty nodes on the way to an ordinal, from below. */
function prunePath(pool: Pool, high: u64, low: u64): void {
  if (pool.tree === 0) return;
  const top = pool.treeHeight - 1;
  let node = <usize>pool.tree;
  let reached = top;
  for (let level = i32(top); level >= 0 && node !== 0; level--) {
    setPathNode(level, node);
    reached = level;
    if (level !== 0) node = childOf(node, digitAt(high, low, level));
  }
  for (let level = reached; level <= top; level++) {
    const empty = pathNode(level);
    if ((level === 0 ? fullBits(empty) : presentBits(empty)) !== 0) return;
    release(empty, level === 0 ? LEAF_BYTES : NODE_BYTES);
    if (level === top) {
      pool.tree = 0;
      return;
    }
    const above = pathNode(level + 1);
    const digit = digitAt(high, low, level + 1);
    setChild(above, digit, 0);
    setPresentBits(above, presentBits(above) & ~((<u64>1) << digit));
  }
}

/** True when the block is written down as full. */
export function isFullInSparseTree(pool: Pool, high: u64, low: u64): bool {
  let node = <usize>pool.tree;
  for (let level = i32(pool.treeHeight) - 1; level > 0 && node !== 0; level--) {
    node = childOf(node, digitAt(high, low, level));
  }
  return node !== 0 && (fullBits(node) & ((<u64>1) << digitAt(high, low, 0))) !== 0;
}

/** Gives the whole tree back. */
export function dropSparseTree(pool: Pool): void {
  if (pool.tree !== 0) dropNode(pool.tree, pool.treeHeight - 1);
  pool.tree = 0;
}

function dropNode(node: usize, level: u32): void {
  if (level !== 0) {
    for (let present = presentBits(node); present !== 0; present &= present - 1) {
      dropNode(childOf(node, ctz<u64>(present)), level - 1);
    }
  }
  release(node, level === 0 ? LEAF_BYTES : NODE_BYTES);
}

/**
 * True when no node is empty and every full bit agrees with the child below. For verify, which has set how
 * many nodes there can be.
 */
export function isSparseTreeSound(node: usize, level: u32): bool {
  if (!spendNode() || !isInArena(node, level === 0 ? LEAF_BYTES : NODE_BYTES)) return false;
  const full = fullBits(node);
  if (level === 0) return full !== 0;
  const present = presentBits(node);
  if (present === 0 || (full & ~present) !== 0) return false;
  for (let digit: u64 = 0; digit < 64; digit++) {
    const child = childOf(node, digit);
    if ((child !== 0) !== (((present >> digit) & 1) !== 0)) return false;
    if (child === 0) continue;
    if (!isSparseTreeSound(child, level - 1)) return false;
    if ((fullBits(child) === u64.MAX_VALUE) !== (((full >> digit) & 1) !== 0)) return false;
  }
  return true;
}

/** Blocks written down as full below a node. For verify. */
export function countInSparseTree(node: usize, level: u32): u64 {
  if (node === 0) return 0;
  if (level === 0) return popcnt<u64>(fullBits(node));
  let count: u64 = 0;
  for (let present = presentBits(node); present !== 0; present &= present - 1) {
    count += countInSparseTree(childOf(node, ctz<u64>(present)), level - 1);
  }
  return count;
}

/** Bytes of the arena that the nodes below take. For verify. */
export function sparseTreeBytes(node: usize, level: u32): u64 {
  if (node === 0) return 0;
  if (level === 0) return spentBytes(LEAF_BYTES);
  let bytes = spentBytes(NODE_BYTES);
  for (let present = presentBits(node); present !== 0; present &= present - 1) {
    bytes += sparseTreeBytes(childOf(node, ctz<u64>(present)), level - 1);
  }
  return bytes;
}
