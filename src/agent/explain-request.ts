/**
 * `orbweaver explain pod …`: the code of ADD for a pod that exists, or for a manifest, without a
 * claim.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import type { Explanation } from '../choose/explain.ts';
import type { PodView } from '../choose/subject.ts';
import { canonicalObject } from '../dialect/canonical-object.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import { explainPod } from '../ipam/explain.ts';
import type { Parts } from '../ipam/parts.ts';
import { readCalledAs } from '../ipam/request.ts';
import { formatAddress } from '../net/address.ts';
import { formatCidr } from '../net/cidr.ts';
import type { ExplainedFamily, ExplainRequest, ExplainResponse } from './protocol.ts';

/**
 * Explains one pod; `knowNode` is called for its node first. Throws OBJECT_NOT_FOUND for a pod that is not
 * there, OBJECT_INVALID for a manifest that is no pod.
 */
export async function explainRequest(
  parts: Parts,
  request: ExplainRequest,
  knowNode: (name: string) => Promise<void> = async () => {},
): Promise<ExplainResponse> {
  const pod =
    request.object === undefined
      ? await appliedPod(parts, request.namespace, request.name)
      : manifestPod(request.object);
  const node = request.node ?? (pod.node || parts.node);
  await knowNode(node);
  const explanation = await explainPod(parts, {
    pod,
    node: request.node,
    interfaceName: request.interface,
    calledAs: readCalledAs(request.calledAs ?? 'orbweaver'),
    config: request.config,
  });
  return {
    pod: { namespace: pod.namespace, name: pod.name, node },
    held: heldAddresses(parts, pod),
    ...asText(explanation),
  };
}

async function appliedPod(parts: Parts, namespace: string, name: string): Promise<PodView> {
  const pod = await parts.cluster.pod(namespace, name);
  if (pod === undefined) {
    throw new OrbweaverError('OBJECT_NOT_FOUND', `pods "${name}" not found in ${namespace}`);
  }
  return pod;
}

/** What the cluster would say of the pod once it was applied. */
function manifestPod(object: KubeObject): PodView {
  const { kind, metadata, spec } = canonicalObject(object);
  if (kind !== 'Pod') {
    throw new OrbweaverError('OBJECT_INVALID', `${kind} "${metadata.name}" is not a Pod`);
  }
  const { nodeName } = (spec ?? {}) as { nodeName?: unknown };
  return {
    namespace: metadata.namespace ?? 'default',
    name: metadata.name,
    uid: metadata.uid ?? '',
    node: typeof nodeName === 'string' ? nodeName : '',
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    dead: false,
    controller: { kind: 'Pod', name: metadata.name },
  };
}

function heldAddresses(parts: Parts, pod: PodView): ExplainResponse['held'] {
  return parts.ledger.claimsOfPod(pod.namespace, pod.name).map((claim) => ({
    interface: claim.attachment.interfaceName,
    address: formatAddress(claim.address),
    pool: claim.pool,
  }));
}

/** Addresses and networks as text, for people and programs. */
function asText(explanation: Explanation): Omit<ExplainResponse, 'pod' | 'held'> {
  const { dialect, source, sources, refusal, notes, warnings } = explanation;
  return {
    ...(dialect === undefined ? {} : { dialect }),
    ...(source === undefined ? {} : { source }),
    ...(refusal === undefined ? {} : { refusal }),
    sources,
    notes,
    warnings,
    customRoutes: explanation.customRoutes.map((route) => ({
      dst: formatCidr(route.destination),
      gw: formatAddress(route.gateway),
    })),
    interfaces: explanation.interfaces.map((item) => ({
      name: item.name,
      order: item.order,
      cleanGateway: item.cleanGateway,
      families: item.families.map(familyAsText),
    })),
  };
}

function familyAsText(
  family: Explanation['interfaces'][number]['families'][number],
): ExplainedFamily {
  const { next, requested } = family;
  return {
    family: family.family,
    pools: family.pools,
    ...(next === undefined ? {} : { next: { ...next, address: formatAddress(next.address) } }),
    ...(requested === undefined
      ? {}
      : { requested: { ...requested, address: formatAddress(requested.address) } }),
  };
}
