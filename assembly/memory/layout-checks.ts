/** Layouts that other code, other languages or old snapshots rely on: where one moves, the build fails. */
import { Block, Member } from './block-record';
import { COVER_BYTES, CoverEntry } from './cover-entry';
import { Header, SCRATCH } from './header';
import { POOL_BYTES, Pool } from './pool-record';
import { RING_SLOT_BYTES, RingSlot } from './ring-slot';

/** Does nothing when it runs; the conditions are decided by the compiler. */
export function checkLayouts(): void {
  if (offsetof<Header>('length') !== 8) ERROR('the header has moved');
  if (offsetof<Header>() > SCRATCH) ERROR('the header has outgrown its place');
  if (offsetof<Pool>() > POOL_BYTES) ERROR('the pool record has outgrown its place');
  if (offsetof<Block>() !== 32) ERROR('a block is 32 bytes and a member');
  if (offsetof<Member>() !== 32) ERROR('a member is 32 bytes');
  if (offsetof<CoverEntry>() > COVER_BYTES) ERROR('a cover entry has outgrown its place');
  if (offsetof<RingSlot>() !== RING_SLOT_BYTES) ERROR('a ring slot is 32 bytes');
}
