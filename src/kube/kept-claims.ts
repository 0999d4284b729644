/**
 * What becomes of a node's own claims when a block is read anew (rule 13). None of them ever leaves a block but
 * by a line that takes its place: an object or a line that is gone was removed by hand.
 *
 *     the slot now holds                       the claim
 *     nothing, or the block is gone            is missing: kept, and to be written again
 *     a rest of another pod, in a new block    is missing as well: nobody holds the address
 *       or where it was missing already
 *     an earlier line of its own pod, on a     is missing as well: the agent knows better
 *       server restored from a back-up
 *     another pod's claim                      is taken: named, and never overwritten
 *     a rest of its own pod, its own line, or  follows it
 *       what it was taken back to
 */
import type { Claim, Line } from '../ipam/ports.ts';
import { type CachedBlock, type CachedSlot, isQuarantine } from './cached-block.ts';
import { isTakenBack } from './settle.ts';

/** What a node lost in a block. */
export interface Losses {
  /** Claims that were not missing before. */
  readonly missing: readonly Claim[];
  readonly taken: readonly { readonly was: Claim; readonly now: Claim }[];
}

export interface Kept extends Losses {
  readonly block: CachedBlock | undefined;
}

/** The block as it is now, with the claims of `node` that are missing in it. */
export function keepClaims(
  node: string,
  before: CachedBlock | undefined,
  now: CachedBlock | undefined,
): Kept {
  // What was read before the server was restored has a uid and no version (`BlockCache.forgetVersions`).
  const restored = before?.uid !== undefined && before.resourceVersion === undefined;
  const kept = new Map<number, CachedSlot>();
  const missing: Claim[] = [];
  const taken: { was: Claim; now: Claim }[] = [];
  for (const [slot, { line, missing: wasMissing }] of before?.slots ?? []) {
    if (line.state !== 'claimed' || line.node !== node || isQuarantine(line)) {
      continue;
    }
    const found = now?.slots.get(slot);
    const wasRemoved = wasMissing === true || restored || before?.uid !== now?.uid;
    if (isGone(line, found, wasRemoved) || (restored && isEarlier(found?.line, line))) {
      kept.set(slot, { text: found?.text, line, missing: true });
      if (!wasMissing) {
        missing.push(line);
      }
    } else if (found?.line.state === 'claimed' && !isQuarantine(found.line)) {
      if (!isOfSamePod(line, found.line) || isSuccessor(found.line, line)) {
        taken.push({ was: line, now: found.line });
      }
    }
  }
  if (kept.size === 0 || before === undefined) {
    return { block: now, missing, taken };
  }
  const { first, name } = before;
  const object = now ?? {
    first,
    name,
    uid: undefined,
    resourceVersion: undefined,
    names: {},
    slots: new Map(),
    units: new Map(),
  };
  return { block: { ...object, slots: new Map([...object.slots, ...kept]) }, missing, taken };
}

/** `wasRemoved`: by hand, with the object or without, so that a rest of another pod says nothing of the claim. */
function isGone(line: Claim, found: CachedSlot | undefined, wasRemoved: boolean): boolean {
  return (
    found === undefined ||
    (wasRemoved &&
      found.line.state === 'resting' &&
      !isOfSamePod(line, found.line) &&
      !isTakenBack(line, found.line))
  );
}

/** Whether a line of the claim's own pod is not the claim. */
function isEarlier(found: Line | undefined, claim: Claim): boolean {
  return found !== undefined && found.nonce !== claim.nonce && isOfSamePod(claim, found);
}

/** Whether a claim is that of a pod of the same name on another node: one that took the place of the claim's pod. */
function isSuccessor(found: Claim, { node, owner }: Claim): boolean {
  return found.node !== node && found.owner.uid !== owner.uid;
}

function isOfSamePod(a: Pick<Claim, 'owner'>, b: Pick<Claim, 'owner'>): boolean {
  return a.owner.namespace === b.owner.namespace && a.owner.pod === b.owner.pod;
}
