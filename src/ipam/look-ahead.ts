/**
 * What a search knows of the blocks before it where others have been (rule 12). A node whose blocks are full comes to
 * blocks of which it has never heard, and would lose a race in each that is full: so where a call loses one race after
 * another, the next blocks are looked at all at once.
 *
 *     block of the node ─ lost ─ lost ─ look at 8 ─ claim where something is free ─ lost ─ look at 8 ─ …
 */
import { LIMITS } from '../catalogue/limits.ts';
import type { Hold } from './holds.ts';
import type { Parts } from './parts.ts';

/** One lost race is no sign: the next block may well be free. */
const RACES_BEFORE = 2;

/** Looks ahead of the hold that lost the call's `races`th race, where it helps. Resolves by the deadline. */
export async function lookAhead(
  { allocator, ledger: { shared } }: Parts,
  lost: { readonly hold: Hold; readonly races: number; readonly deadline: number },
): Promise<void> {
  if (shared !== undefined && lost.races >= RACES_BEFORE) {
    await shared.lookAt(allocator.ahead(lost.hold, LIMITS.lookAheadBlocks), lost.deadline);
  }
}
