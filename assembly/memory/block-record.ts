/**
 * A block is 64 aligned addresses. Its used and resting words belong to the address space, once, whatever the
 * pools say; each pool that covers the block is a member and knows which slots are its own.
 *
 *     +0        +16    +24      +32
 *     ┌─────────┬──────┬────────┬───────────────────────────────────────────────┐
 *     │ base    │ used │ resting│ first member                                  │  64 bytes:
 *     └─────────┴──────┴────────┴──────┬──────┬──────────┬──────────────────────┘  one cache line
 *                               │ pool │ next │ eligible │ ordinal in the pool  │
 *                               └──────┴──────┴──────────┴──────────────────────┘
 *                                         └──→ further members, 32 bytes each
 *
 * Bit i of a word is slot i, the address base + i. Blocks have numbers; number 0 is none. A free record has
 * bit 0 of its base set and the next free number above bit 6.
 */
import { header } from './header';

export const BLOCK_BYTES: usize = 64;
export const MEMBER_BYTES: usize = 32;
/** A slot's number (block number × 64 + slot) has to fit 32 bits. */
export const BLOCKS_MAX: u32 = (<u32>1) << 26;

/** In the first member: no pool covers the block. */
export const NO_POOL: u32 = u32.MAX_VALUE - 1;

@unmanaged
export class Member {
  pool: u32;
  /** Offset of the next member, 0 at the end. */
  next: u32;
  /** Slots that are addresses of the pool; never 0. */
  eligible: u64;
  /** Position of the block among the pool's blocks. */
  ordinalHigh: u64;
  ordinalLow: u64;
}

@unmanaged
export class Block {
  baseHigh: u64;
  baseLow: u64;
  used: u64;
  resting: u64;
}

/** The record of a block number. Moves when a block is made. */
export function blockAt(number: u32): Block {
  return changetype<Block>(<usize>header().blocks + <usize>number * BLOCK_BYTES);
}

export function isFreeBlock(block: Block): bool {
  return (block.baseLow & 1) !== 0;
}

/** The place of the first member, filled or not. */
export function firstPlace(block: Block): Member {
  return changetype<Member>(changetype<usize>(block) + 32);
}

/** The first member, null where no pool covers the block. */
export function firstMember(block: Block): Member | null {
  const first = firstPlace(block);
  return first.pool === NO_POOL ? null : first;
}

export function nextMember(member: Member): Member | null {
  return changetype<Member | null>(<usize>member.next);
}

/** The member at an offset. */
export function memberAt(offset: usize): Member {
  return changetype<Member>(offset);
}

export function memberOffset(member: Member): usize {
  return changetype<usize>(member);
}

/** Copies all of a member but its `next`. */
export function copyMember(to: Member, from: Member): void {
  to.pool = from.pool;
  to.eligible = from.eligible;
  to.ordinalHigh = from.ordinalHigh;
  to.ordinalLow = from.ordinalLow;
}
