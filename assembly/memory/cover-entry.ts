/** One entry of the cover index: a run of blocks of one pool. */
import { header } from './header';

export const COVER_BYTES: usize = 56;

@unmanaged
export class CoverEntry {
  /** Blocks (address >> 6), both inclusive. */
  firstHigh: u64;
  firstLow: u64;
  lastHigh: u64;
  lastLow: u64;
  /** The furthest last block of all entries in the subtree below this one. */
  reachHigh: u64;
  reachLow: u64;
  pool: u32;
}

/** Entry `index` of a list of entries. */
export function coverEntryOf(list: usize, index: u32): CoverEntry {
  return changetype<CoverEntry>(list + <usize>index * COVER_BYTES);
}

/** Entry `index` of the index itself. */
export function coverEntry(index: u32): CoverEntry {
  return coverEntryOf(header().cover, index);
}

/** Copies an entry. */
export function copyCoverEntry(to: CoverEntry, from: CoverEntry): void {
  to.firstHigh = from.firstHigh;
  to.firstLow = from.firstLow;
  to.lastHigh = from.lastHigh;
  to.lastLow = from.lastLow;
  to.reachHigh = from.reachHigh;
  to.reachLow = from.reachLow;
  to.pool = from.pool;
}
