/**
 * The invariants that `verify` checks, in words. The numbers are the engine's own: each name is a constant
 * that it exports.
 */
import type { EngineExports } from './abi.ts';

export const INVARIANTS = {
  BROKEN_HEADER: 'the header is not that of this version, or its length is not the memory’s',
  BROKEN_FREE_LIST: 'a list of free chunks leaves the arena or runs in a circle',
  BROKEN_TABLE_BOUNDS: 'a table lies outside the arena, or is longer than its capacity',
  BROKEN_BLOCK_INDEX: 'the index of blocks does not find a block, or their count is wrong',
  BROKEN_BLOCK_WORDS: 'a slot is used and resting at once',
  BROKEN_BLOCK_IDLE: 'a block keeps a record though nothing in it is used or resting',
  BROKEN_MEMBER:
    'a block disagrees with one of its pools about its slots, its place or what is free',
  BROKEN_MEMBER_MISSING: 'a pool covers a block that does not know it',
  BROKEN_REST_END: 'a slot rests without an end, or beyond it',
  BROKEN_REST_COUNT: 'the number of resting slots is wrong',
  BROKEN_REST_HEAP: 'a heap of rests is out of order or lacks one',
  BROKEN_POOL_COUNT: 'the number of pools is wrong',
  BROKEN_POOL_COUNTERS: 'a pool counts other used or resting slots than its blocks have',
  BROKEN_POOL_MAP: 'the map of a pool names other blocks than know the pool',
  BROKEN_POOL_TREE: 'the tree of a pool disagrees with its blocks or with itself',
  BROKEN_COVER: 'the index of pools over blocks is out of order or incomplete',
  BROKEN_ROWS: 'an affinity row says something about a pool that does not exist',
  BROKEN_OWNERSHIP: 'memory has leaked or belongs to two owners',
} as const satisfies Partial<Record<keyof EngineExports, string>>;

/** The invariant of a number that `verify` answered; undefined for 0, which says that all hold. */
export function invariantText(wasm: EngineExports, broken: number): string | undefined {
  if (broken === 0) return undefined;
  for (const [name, text] of Object.entries(INVARIANTS)) {
    if (wasm[name as keyof typeof INVARIANTS].value === broken) return text;
  }
  return `an invariant without a name (number ${broken})`;
}
