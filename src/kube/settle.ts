/**
 * The lines that end what is uncertain (rule 2). None of them makes a slot absent (rule 9), and each has a
 * nonce of its own, so a text that a late request tests for never comes back.
 */
import type { Line, SlotWrite } from '../ipam/ports.ts';

/** Marks the nonce of the fence of a write; the nonces themselves are base64url. */
const FENCE = '~';

/**
 * The write that makes sure that `write` never lands, given what its slot holds now: the same content under
 * another nonce, or a rest of no length where there was nothing. Whether it is sent once or twice, by this
 * agent or by its successor, it is the same write.
 */
export function fenceOf(write: SlotWrite, found: Line | undefined, now: number): SlotWrite {
  const nonce = `${write.now.nonce}${FENCE}`;
  const { address, pool, owner } = write.now;
  const free: Line = {
    state: 'resting',
    address,
    pool,
    owner,
    releasedAt: now,
    until: now,
    nonce,
  };
  return { was: found, now: found === undefined ? free : { ...found, nonce } };
}

/**
 * The write that takes a claim back that has landed, or undefined where nothing is to be taken back: a release
 * stays one, whatever became of the rest of its commit, because nothing answered depends on its claim.
 */
export function revertOf(
  { was, now }: SlotWrite,
  ms: number,
  nonce: string,
): SlotWrite | undefined {
  if (now.state === 'resting') {
    return undefined;
  }
  if (was !== undefined) {
    return { was: now, now: { ...was, nonce } };
  }
  const { address, pool, owner } = now;
  const free: Line = { state: 'resting', address, pool, owner, releasedAt: ms, until: ms, nonce };
  return { was: now, now: free };
}

/**
 * What became of a write, by what its slot holds: it stands; it has not landed; a fence keeps it out; or its
 * slot has gone on since, and it may have landed before.
 */
export function fateOf(
  { was, now }: SlotWrite,
  found: Line | undefined,
): 'landed' | 'open' | 'fenced' | 'unsure' {
  switch (found?.nonce) {
    case now.nonce:
      return 'landed';
    case was?.nonce:
      return 'open';
    case `${now.nonce}${FENCE}`:
      return 'fenced';
    default:
      return 'unsure';
  }
}
