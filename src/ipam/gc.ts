/**
 * CNI GC frees the claims of its own network on its own node whose attachment the runtime does not list
 * (reference/cni.md section 3, X01–X03).
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import type { Parts } from './parts.ts';
import type { Claim } from './ports.ts';
import { release } from './release.ts';
import type { Call } from './request.ts';
import { podKey } from './subject-of-call.ts';

/** Enough to share commits, and few enough to leave room in the queue for other calls. */
const CONTAINERS_AT_ONCE = 1_024;

/**
 * Resolves to the claims that were freed. A list that is absent or null is refused: an empty list wipes the
 * network, so a missing one must not. Rejects with CONFIG_INVALID or, after going through all claims, with
 * the first failure of a release.
 */
export async function gc(parts: Parts, call: Call): Promise<Claim[]> {
  const listed = call.config.validAttachments();
  if (listed === undefined) {
    throw new OrbweaverError(
      'CONFIG_INVALID',
      'cni.dev/valid-attachments is missing, so nothing was freed',
      'an empty list frees every claim of this network on this node',
    );
  }
  const valid = listed.map(({ containerId, interfaceName }) => ({
    containerId: parts.ledger.containerRef(containerId),
    interfaceName,
  }));
  const attachments = new Set(valid.map((item) => `${item.containerId}/${item.interfaceName}`));
  const containers = new Set(valid.map((item) => item.containerId));
  const isStale = ({ ahead, attachment, kept, node }: Claim): boolean =>
    kept === true || node !== parts.node
      ? false // What is kept has no sandbox, on purpose; it goes with its pod (rule 6).
      : ahead
        ? !containers.has(attachment.containerId)
        : !attachments.has(`${attachment.containerId}/${attachment.interfaceName}`);
  const stale = [...parts.ledger.claimsOfNetwork(call.config.name, parts.node)].filter(isStale);
  const groups = [...byContainer(stale).values()];
  const outcomes: PromiseSettledResult<readonly Claim[]>[] = [];
  for (let at = 0; at < groups.length; at += CONTAINERS_AT_ONCE) {
    const some = groups.slice(at, at + CONTAINERS_AT_ONCE);
    const freed = some.map((claims) => freeInQueue(parts, claims, isStale));
    outcomes.push(...(await Promise.allSettled(freed)));
  }
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure !== undefined) {
    throw failure.reason;
  }
  return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []));
}

function byContainer(claims: readonly Claim[]): Map<string, Claim[]> {
  const groups = new Map<string, Claim[]>();
  for (const claim of claims) {
    const group = groups.get(claim.attachment.containerId);
    if (group === undefined) {
      groups.set(claim.attachment.containerId, [claim]);
    } else {
      group.push(claim);
    }
  }
  return groups;
}

/**
 * In the queue of the claims' pod and container. A container whose claims were written again meanwhile is left
 * alone; what was seen outside the queue may also have been half of a call that was not settled (rule 2).
 */
async function freeInQueue(
  parts: Parts,
  claims: readonly Claim[],
  isStale: (claim: Claim) => boolean,
): Promise<readonly Claim[]> {
  const first = claims[0] as Claim;
  const { namespace, pod } = first.owner;
  const { network, containerId } = first.attachment;
  const container = `container ${network}/${containerId}`;
  const keys = namespace === '' || pod === '' ? [container] : [podKey(namespace, pod), container];
  return parts.queue.run(keys, async () => {
    const present = parts.ledger.claimsOfContainer(network, containerId).filter(isStale);
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
