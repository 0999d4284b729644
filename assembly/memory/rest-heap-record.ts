/**
 * The three fields of a rest heap, which stand in the header (all resting slots) and in every pool record
 * (the pool's resting slots).
 */
import { Header, header } from './header';
import { Pool } from './pool-record';

@unmanaged
export class RestHeap {
  entries: u32;
  capacity: u32;
  length: u32;
}

/** The heap of every resting slot. */
export function allRests(): RestHeap {
  return changetype<RestHeap>(changetype<usize>(header()) + offsetof<Header>('restHeap'));
}

/** The heap of the resting slots that are addresses of the pool. */
export function restsOf(pool: Pool): RestHeap {
  return changetype<RestHeap>(changetype<usize>(pool) + offsetof<Pool>('restEntries'));
}
