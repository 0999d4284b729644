/**
 * CNI GC frees the claims of its own network on its own node whose attachment the runtime does not list
 * (reference/cni.md section 3, X01–X03).
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { byContainer, freeInQueue } from './free-in-queue.ts';
import type { Parts } from './parts.ts';
import type { Claim } from './ports.ts';
import type { Call } from './request.ts';

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
  const groups = byContainer(stale);
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
