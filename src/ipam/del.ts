/**
 * DEL frees the claim of the network, container and interface it names, and nothing else (I6, rule 6).
 * Interfaces claimed ahead go with the last DEL of their container (rule 8). In a cluster the claims of a pod
 * that lives are kept for its next sandbox, and say so before DEL is answered.
 */
import { mayKeep } from './kept.ts';
import type { Parts } from './parts.ts';
import type { Claim } from './ports.ts';
import type { Deletion } from './promised-dels.ts';
import { release } from './release.ts';
import { sameUid } from './subject-of-call.ts';

/**
 * Resolves to the claims it freed when that is durable, or when there was nothing to release. Rejects with
 * STORE_FAILURE.
 */
export async function del(parts: Parts, call: Deletion): Promise<Claim[]> {
  for (;;) {
    const claims = await claimsToFree(parts, call);
    const keeps = claims[0] !== undefined && (await mayKeep(parts, claims[0].owner));
    const freed = keeps ? [] : claims;
    const marked = keeps ? claims.filter((claim) => claim.kept !== true) : [];
    if (!(await release(parts, freed, marked))) {
      continue;
    }
    // Who heard of the pod's end while the mark was on its way found nothing that was kept.
    if (marked[0] === undefined || (await mayKeep(parts, marked[0].owner))) {
      return freed;
    }
  }
}

async function claimsToFree(parts: Parts, call: Deletion): Promise<Claim[]> {
  const { network, containerId, interfaceName } = call.attachment;
  const ofContainer = parts.ledger.claimsOfContainer(network, containerId);
  const named = ofContainer.filter((claim) => claim.attachment.interfaceName === interfaceName);
  const own: Claim[] = [];
  for (const claim of named) {
    if (await uidsAgree(parts, claim, call.args.uid)) {
      own.push(claim);
    }
  }
  return [...own, ...orphanedAhead(parts, call, own)];
}

/** Where both sides know a uid they must agree; a static pod's two uids count as one (rule 6). */
async function uidsAgree(parts: Parts, claim: Claim, uid: string): Promise<boolean> {
  if (uid === '' || claim.owner.uid === '' || uid === claim.owner.uid) {
    return true;
  }
  const pod = await parts.cluster.pod(claim.owner.namespace, claim.owner.pod);
  return pod !== undefined && sameUid(pod, claim.owner.uid) && sameUid(pod, uid);
}

/** Claims ahead of this container, once the release of `freed` leaves it nothing that was asked for. */
function orphanedAhead(parts: Parts, call: Deletion, freed: readonly Claim[]): Claim[] {
  const { containerId } = call.attachment;
  const owner = freed[0]?.owner ?? {
    namespace: call.args.namespace,
    pod: call.args.pod,
  };
  if (owner.namespace === '' || owner.pod === '') {
    return [];
  }
  const freedNonces = new Set(freed.map((claim) => claim.nonce));
  const rest = parts.ledger
    .claimsOfPod(owner.namespace, owner.pod)
    .filter(
      (claim) => claim.attachment.containerId === containerId && !freedNonces.has(claim.nonce),
    );
  return rest.every((claim) => claim.ahead) ? rest : [];
}
