/** Why would this pod get this address, or none? The very code of ADD, with nothing claimed. */
import { LIMITS } from '../catalogue/limits.ts';
import { type Explanation, explain } from '../choose/explain.ts';
import type { CalledAs, PodView } from '../choose/subject.ts';
import { readNetworkConfig } from './network-config.ts';
import type { Parts } from './parts.ts';
import type { Sight } from './ports.ts';

export interface ExplainRequest {
  /** The pod, whether it exists or not. */
  readonly pod: PodView;
  /** The node it would run on; undefined: its own, else the agent's. */
  readonly node: string | undefined;
  readonly interfaceName: string;
  readonly calledAs: CalledAs;
  /** The network config as JSON text; undefined: one that says nothing about addresses. */
  readonly config: string | undefined;
}

/**
 * Explains what an ADD of this pod would be told now, having looked anew where ADD would (rule 11). Rejects with what
 * reading the config throws, and with API_SERVER_AWAY.
 */
export async function explainPod(parts: Parts, request: ExplainRequest): Promise<Explanation> {
  const { pod, calledAs, interfaceName } = request;
  const node = request.node ?? (pod.node || parts.node);
  const config = readNetworkConfig(request.config ?? '{"name":"explain"}');
  const subject = {
    calledAs,
    pod: { ...pod, node },
    namespace: parts.cluster.namespace(pod.namespace),
    node: parts.cluster.node(node),
    interfaceName,
    wishes: config.wishes(calledAs, ''),
  };
  for (let sight: Sight = 'old'; ; ) {
    const preview = parts.allocator.preview(sight);
    const explanation = parts.allocator.withCatalog((catalog) =>
      explain(catalog, parts.cluster.conf(), subject, preview),
    );
    if (preview.unsure.length === 0 || parts.ledger.shared === undefined) {
      return explanation;
    }
    const deadline = parts.clock.now() + LIMITS.callDeadlineMs;
    sight = await parts.ledger.shared.refresh(preview.unsure, deadline, 'new');
  }
}
