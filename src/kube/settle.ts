/**
 * The lines that end what is uncertain (rule 2). None of them makes a slot absent (rule 9), and each has a
 * nonce of its own, so a text that a late request tests for never comes back. That nonce is made of the one of
 * the write that it ends: sent twice, or by the agent's next life, it is the same write.
 */
import type { Line, SlotWrite } from '../ipam/ports.ts';

/** What the nonce of a write is followed by in the line that ends it; the nonces themselves are base64url. */
const FENCED = '~';
const REVERTED = '.';
/** And in the line of a claim that is written again after somebody removed it. */
const AGAIN = '*';

/**
 * The write that makes sure that `write` never lands, given what its slot holds now: the same content under
 * another nonce, or a rest of no length where there was nothing. `ms`: now, since the epoch.
 */
export function fenceOf(write: SlotWrite, found: Line | undefined, ms: number): SlotWrite {
  const nonce = `${write.now.nonce}${FENCED}`;
  return {
    was: found,
    now: found === undefined ? freeLine(write.now, ms, nonce) : { ...found, nonce },
  };
}

/**
 * The write that takes a claim back that has landed, or undefined where nothing is to be taken back: a release
 * stays one, whatever became of the rest of its commit, because nothing answered depends on its claim.
 */
export function revertOf({ was, now }: SlotWrite, ms: number): SlotWrite | undefined {
  if (now.state === 'resting') {
    return undefined;
  }
  const nonce = `${now.nonce}${REVERTED}`;
  return { was: now, now: was === undefined ? freeLine(now, ms, nonce) : { ...was, nonce } };
}

/** Whether a line is what `revertOf` wrote over a claim; it may be the rest of the pod that had the slot before. */
export function isTakenBack(claim: Line, found: Line): boolean {
  return found.nonce === `${claim.nonce}${REVERTED}`;
}

/** A slot that nobody has, and that must not be absent: a rest that is over. */
function freeLine({ address, pool, owner }: Line, ms: number, nonce: string): Line {
  return { state: 'resting', address, pool, owner, releasedAt: ms, until: ms, nonce };
}

/** What became of a write, by what its slot holds: it stands, it can still land, or neither. */
export function fateOf(
  { was, now }: SlotWrite,
  found: Line | undefined,
): 'landed' | 'open' | 'over' {
  if (found !== undefined && isAgain(found.nonce, now.nonce)) {
    return 'landed';
  }
  return found?.nonce === was?.nonce ? 'open' : 'over';
}

/** The nonce of a claim that is written again over what removed it: it follows from the one that the claim had. */
export function nonceAgain(nonce: string): string {
  return nonce + AGAIN;
}

/** Whether a nonce is this one, or that of the same claim written again. */
function isAgain(found: string, nonce: string): boolean {
  return found.startsWith(nonce) && found.slice(nonce.length).replaceAll(AGAIN, '') === '';
}
