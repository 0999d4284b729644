/**
 * DELETE /v1/ipam/ips of Spiderpool's agent API: a probe in the pod's network found its address in use, or
 * its gateway silent, so all of the pod's addresses are given back (reference/spiderpool.md 5.8). They rest
 * first, so the pod's next ADD gets others.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import type { Parts } from '../ipam/parts.ts';
import type { Claim } from '../ipam/ports.ts';
import { release } from '../ipam/release.ts';
import { podKey, sameUid } from '../ipam/subject-of-call.ts';
import type { IpamBatchDelArgs } from './spiderpool-api-args.ts';

/**
 * Frees what the pod holds, in the queue of the pod and of its containers. `stateful` where the caller
 * leaves fixed addresses alone and the pod has one; then nothing was freed. Throws ENVIRONMENT_INVALID where
 * the addresses are those of another pod of the name, STORE_FAILURE.
 */
export async function releasePod(
  parts: Parts,
  args: IpamBatchDelArgs,
): Promise<'released' | 'stateful'> {
  const { podNamespace: namespace, podName: name } = args;
  const pod = await parts.cluster.pod(namespace, name);
  const uid = args.podUID || (pod?.uid ?? '');
  if (uid === '') {
    return 'released';
  }
  if (args.isReleaseConflictIPs === true && pod?.controller.kind === 'StatefulSet') {
    return 'stateful';
  }
  const isOwn = (claim: Claim) =>
    claim.owner.uid === '' ||
    claim.owner.uid === uid ||
    (pod !== undefined && sameUid(pod, uid) && sameUid(pod, claim.owner.uid));
  for (;;) {
    const keys = queueKeys(parts, namespace, name);
    const done = await parts.queue.run(keys, async () => {
      const claims = parts.ledger.claimsOfPod(namespace, name);
      const foreign = claims.find((claim) => !isOwn(claim));
      if (foreign !== undefined) {
        throw new OrbweaverError(
          'ENVIRONMENT_INVALID',
          // The spelling is Spiderpool's.
          `the SpiderEndpoint recorded PodUID '${foreign.owner.uid}' is unmacthed with the given PodUID '${uid}'`,
        );
      }
      // A container that came meanwhile has a queue of its own.
      const entered = queueKeys(parts, namespace, name).every((key) => keys.includes(key));
      return entered && (await release(parts, claims));
    });
    if (done) {
      return 'released';
    }
  }
}

function queueKeys(parts: Parts, namespace: string, name: string): string[] {
  const containers = parts.ledger
    .claimsOfPod(namespace, name)
    .map(({ attachment }) => `container ${attachment.network}/${attachment.containerId}`);
  return [podKey(namespace, name), ...new Set(containers)];
}
