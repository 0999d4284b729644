/** Freeing claims that nobody asked to be freed by name: CNI GC, and claims whose pod is gone. */
import type { Parts } from './parts.ts';
import type { Claim } from './ports.ts';
import { release } from './release.ts';
import { podKey } from './subject-of-call.ts';

/** Claims by the container that has them, within one network. */
export function byContainer(claims: readonly Claim[]): Claim[][] {
  const groups = new Map<string, Claim[]>();
  for (const claim of claims) {
    const { network, containerId } = claim.attachment;
    const key = JSON.stringify([network, containerId]);
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    group.push(claim);
  }
  return [...groups.values()];
}

/**
 * Frees claims of one container in the queue of their pod and container, if they are all that `isStale` picks of
 * that container there. One whose claims were written again meanwhile is left alone; what was seen outside the
 * queue may also have been half of a call that was not settled (rule 2). Resolves to what was freed; rejects with
 * QUEUE_FULL, STORE_FAILURE and as `isStale` does.
 */
export async function freeInQueue(
  parts: Parts,
  claims: readonly Claim[],
  isStale: (claim: Claim) => boolean | Promise<boolean>,
): Promise<readonly Claim[]> {
  const first = claims[0] as Claim;
  const { namespace, pod } = first.owner;
  const { network, containerId } = first.attachment;
  const container = `container ${network}/${containerId}`;
  const keys = namespace === '' || pod === '' ? [container] : [podKey(namespace, pod), container];
  return parts.queue.run(keys, async () => {
    const present: Claim[] = [];
    for (const claim of parts.ledger.claimsOfContainer(network, containerId)) {
      if (await isStale(claim)) {
        present.push(claim);
      }
    }
    const asSeen = noncesOf(present) === noncesOf(claims);
    return asSeen && (await release(parts, claims)) ? claims : [];
  });
}

function noncesOf(claims: readonly Claim[]): string {
  return claims
    .map(({ nonce }) => nonce)
    .sort()
    .join();
}
