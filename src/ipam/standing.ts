/** Claims that an ADD finds already made for it. */
import { familyOf } from '../net/address.ts';
import type { Attachment, Claim, Ledger } from './ports.ts';
import type { Resolved } from './subject-of-call.ts';

export interface Standing {
  /** The claims of the interface asked for, one per family. Never empty. */
  readonly given: readonly Claim[];
  /** Claims ahead of the container that is replaced, which move to the new one with them. */
  readonly ahead: readonly Claim[];
}

/**
 * The claims that answer an ADD of this attachment, or undefined where a new claim is due:
 *
 * 1. those of the very attachment (I4, retry of an ADD whose answer was lost);
 * 2. those claimed ahead for this container: by interface name, else the first without a name (rule 8);
 * 3. those of the same pod uid and interface under another container of the network (rule 4); a static pod's
 *    two uids count as one.
 */
export function standingClaims(
  ledger: Ledger,
  attachment: Attachment,
  { owner, isUid }: Pick<Resolved, 'owner' | 'isUid'>,
): Standing | undefined {
  const exact = ledger
    .claimsOfContainer(attachment.network, attachment.containerId)
    .filter((claim) => claim.attachment.interfaceName === attachment.interfaceName);
  if (exact.length > 0) {
    return { given: exact, ahead: [] };
  }
  if (owner.namespace === '' || owner.pod === '') {
    return undefined;
  }
  const ofPod = ledger.claimsOfPod(owner.namespace, owner.pod);
  const ahead = aheadFor(ofPod, attachment);
  if (ahead.length > 0) {
    return { given: ahead, ahead: [] };
  }
  return ofEarlierContainer(ofPod, attachment, isUid);
}

/**
 * Whether only one family stands of a claim of two: the other one's write never landed, and the journal that would
 * have told was lost. Such a claim was never answered (I5).
 */
export function isHalf({ given }: Standing): boolean {
  const families = new Set(given.map(({ address }) => familyOf(address)));
  return families.size === 1 && given.some(({ dual }) => dual === true);
}

function aheadFor(ofPod: readonly Claim[], attachment: Attachment): Claim[] {
  const ahead = ofPod.filter(
    (claim) => claim.ahead && claim.attachment.containerId === attachment.containerId,
  );
  const named = ahead.filter(
    (claim) => claim.attachment.interfaceName === attachment.interfaceName,
  );
  if (named.length > 0) {
    return named;
  }
  const unnamed = ahead.filter((claim) => claim.attachment.interfaceName === '');
  const first = unnamed.reduce((least, claim) => Math.min(least, claim.order), Infinity);
  return unnamed.filter((claim) => claim.order === first);
}

function ofEarlierContainer(
  ofPod: readonly Claim[],
  attachment: Attachment,
  isUid: (uid: string) => boolean,
): Standing | undefined {
  const ofUid = ofPod.filter((claim) => isUid(claim.owner.uid));
  const earlier = ofUid.filter(
    (claim) =>
      !claim.ahead &&
      claim.attachment.network === attachment.network &&
      claim.attachment.interfaceName === attachment.interfaceName,
  );
  const container = earlier[0]?.attachment.containerId;
  if (container === undefined) {
    return undefined;
  }
  const sameContainer = (claim: Claim) => claim.attachment.containerId === container;
  return {
    given: earlier.filter(sameContainer),
    ahead: ofUid.filter((claim) => claim.ahead && sameContainer(claim)),
  };
}
