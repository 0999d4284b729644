/**
 * Claims without a sandbox: in a cluster, DEL of a pod that lives only marks its claims, so that the pod's
 * next sandbox gets the same addresses; they are freed when the pod ends (rule 6).
 */
import type { Parts } from './parts.ts';
import type { Claim, Owner } from './ports.ts';
import { release } from './release.ts';
import { podKey, sameUid } from './subject-of-call.ts';

/** Whether a DEL keeps the claims of this owner: its pod, of the same uid, lives and is not being deleted. */
export async function mayKeep(parts: Parts, owner: Owner): Promise<boolean> {
  if (!parts.cluster.keepsForLivePods || owner.pod === '' || owner.uid === '') {
    return false;
  }
  const pod = await parts.cluster.pod(owner.namespace, owner.pod);
  return pod !== undefined && !pod.dead && sameUid(pod, owner.uid);
}

/** The claim as one that has a sandbox again. */
export function unkept({ kept: _kept, ...claim }: Claim): Claim {
  return claim;
}

/**
 * Frees the kept claims of a pod that has ended, in the pod's queue. A pod that lives by a fresh look, every
 * claim that has a sandbox, and claims of other nodes, which have queues of their own, are left alone.
 * Resolves to what was freed; rejects with STORE_FAILURE.
 */
export function freeKept(parts: Parts, namespace: string, name: string): Promise<Claim[]> {
  return parts.queue.run([podKey(namespace, name)], async () => {
    for (;;) {
      const pod = await parts.cluster.pod(namespace, name, { fresh: true });
      const ended = parts.ledger
        .claimsOfPod(namespace, name)
        .filter(({ kept, node }) => kept === true && node === parts.node)
        .filter(({ owner }) => pod === undefined || pod.dead || !sameUid(pod, owner.uid));
      if (await release(parts, ended)) {
        return ended;
      }
    }
  });
}
