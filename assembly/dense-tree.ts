/**
 * The tree of a dense pool: 64-ary, one bit a block, set where the block has a free slot. A bit above says
 * that something below is set.
 *
 *     level 2   ┌┐                  one word
 *     level 1   ┌┬┬┬ … ┐           one bit for each word of level 0
 *     level 0   ┌┬┬┬┬┬┬┬┬ … ┐      one bit for each block of the pool
 *
 * Every level has one more word than it needs, always zero, so that a walk may look one bit past the end.
 */

import { setU64At, u64At } from './memory/access';
import { allocateZeroed, release } from './memory/arena';
import { levelOf, Pool, setLevel } from './memory/pool-record';

/** Nothing is set there. */
export const NO_ORDINAL: u32 = u32.MAX_VALUE;

function wordsOf(bits: u32): u32 {
  return (bits + 63) >> 6;
}

/** Bytes of a tree over that many blocks, all levels. */
export function denseTreeBytes(blocks: u32): usize {
  let words: u32 = 0;
  let bits = blocks;
  do {
    bits = wordsOf(bits);
    words += bits + 1;
  } while (bits > 1);
  return (<usize>words) << 3;
}

/** Makes the tree with every block free. Answers false where memory is full. */
export function buildDenseTree(pool: Pool): bool {
  const tree = allocateZeroed(denseTreeBytes(u32(pool.blocksLow)));
  if (tree === 0) return false;
  pool.tree = u32(tree);
  let bits = u32(pool.blocksLow);
  let offset = tree;
  let level: u32 = 0;
  do {
    setLevel(pool, level, offset);
    const words = wordsOf(bits);
    for (let i: u32 = 0; i < bits >> 6; i++) setU64At(offset, i, u64.MAX_VALUE);
    if ((bits & 63) !== 0) setU64At(offset, bits >> 6, ((<u64>1) << (bits & 63)) - 1);
    offset += (<usize>(words + 1)) << 3;
    bits = words;
    level++;
  } while (bits > 1);
  pool.treeHeight = level;
  return true;
}

/** Gives the tree back. */
export function dropDenseTree(pool: Pool): void {
  release(pool.tree, denseTreeBytes(u32(pool.blocksLow)));
  pool.tree = 0;
}

/** The first block at or behind `ordinal` with a free slot, NO_ORDINAL where there is none. O(log64 blocks). */
export function nextInDenseTree(pool: Pool, ordinal: u32): u32 {
  let level: u32 = 0;
  let index = ordinal;
  let word = u64At(levelOf(pool, 0), index >> 6) & (u64.MAX_VALUE << index);
  while (word === 0) {
    level++;
    if (level === pool.treeHeight) return NO_ORDINAL;
    index = (index >> 6) + 1;
    word = u64At(levelOf(pool, level), index >> 6) & (u64.MAX_VALUE << index);
  }
  index = (index & ~63) + u32(ctz<u64>(word));
  while (level !== 0) {
    level--;
    word = u64At(levelOf(pool, level), index);
    assert(word !== 0);
    index = (index << 6) + u32(ctz<u64>(word));
  }
  return index;
}

/** Writes down whether a block has a free slot. The levels stand one by one, because a loop costs a third more. */
export function setInDenseTree(pool: Pool, ordinal: u32, free: bool): void {
  const height = pool.treeHeight;
  if (!setTreeBit(pool.level0, ordinal, free) || height === 1) return;
  if (!setTreeBit(pool.level1, ordinal >> 6, free) || height === 2) return;
  if (!setTreeBit(pool.level2, ordinal >> 12, free) || height === 3) return;
  setTreeBit(pool.level3, ordinal >> 18, free);
}

/** Sets a bit of a level. Answers whether the level above has to change: with a word's first or last bit. */
function setTreeBit(level: usize, index: u32, free: bool): bool {
  const before = u64At(level, index >> 6);
  const bit = (<u64>1) << index;
  const after = free ? before | bit : before & ~bit;
  setU64At(level, index >> 6, after);
  return (free ? before : after) === 0;
}

/** True when the block is written down as having a free slot. */
export function isFreeInDenseTree(pool: Pool, ordinal: u32): bool {
  return (u64At(levelOf(pool, 0), ordinal >> 6) & ((<u64>1) << ordinal)) !== 0;
}

/** True when the levels lie one behind the other, as they were made. For verify. */
export function areLevelsInPlace(pool: Pool): bool {
  let bits = u32(pool.blocksLow);
  let offset = <usize>pool.tree;
  let level: u32 = 0;
  do {
    if (level === 4 || levelOf(pool, level) !== offset) return false;
    bits = wordsOf(bits);
    offset += (<usize>(bits + 1)) << 3;
    level++;
  } while (bits > 1);
  return level === pool.treeHeight;
}

/** True when every level agrees with the one below and nothing is set behind the end. For verify. */
export function isDenseTreeSound(pool: Pool): bool {
  let bits = u32(pool.blocksLow);
  for (let level: u32 = 0; level < pool.treeHeight; level++) {
    const words = levelOf(pool, level);
    const count = wordsOf(bits);
    if (u64At(words, count) !== 0) return false;
    if ((bits & 63) !== 0 && u64At(words, bits >> 6) >> (bits & 63) !== 0) return false;
    if (level + 1 < pool.treeHeight) {
      const above = levelOf(pool, level + 1);
      for (let i: u32 = 0; i < count; i++) {
        const said = (u64At(above, i >> 6) >> (<u64>i & 63)) & 1;
        if ((said !== 0) !== (u64At(words, i) !== 0)) return false;
      }
    }
    bits = count;
  }
  return true;
}

/** Blocks written down as having a free slot. For verify. */
export function countInDenseTree(pool: Pool): u64 {
  let count: u64 = 0;
  for (let i: u32 = 0; i < wordsOf(u32(pool.blocksLow)); i++) {
    count += popcnt<u64>(u64At(levelOf(pool, 0), i));
  }
  return count;
}
