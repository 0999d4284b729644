/** Whether what pods hold is what a story tells: pure, so that every kind of walk judges by the same rules. */
import type { KubeObject } from '../../dialect/kube-object.ts';
import { controllerOf } from '../../dialect/pod-owner.ts';
import { type Address, compareAddresses, formatAddress, parseAddress } from '../../net/address.ts';
import { type Cidr, cidrContains, formatCidr, parseCidr } from '../../net/cidr.ts';
import type { StepOf } from './story.ts';

/** A check of what was seen, and the words to show for it. */
export interface Verdict {
  readonly holds: boolean;
  readonly text: string;
}

/** A pod and its addresses, of the interface that is asked for, with or without a prefix length. */
export interface Holder {
  readonly node: string;
  readonly addresses: readonly string[];
}

/** Judges by the addresses of the family that the step names. `holders`: the workload's pods. */
export function judgeAddresses(
  step: StepOf<'expect-addresses'>,
  holders: readonly Holder[],
): Verdict {
  const { workload, count, first, last, of } = step;
  const family = familyOfText(first);
  const held = holders
    .filter(({ node }) => of.node === undefined || node === of.node)
    .flatMap(({ addresses }) => addresses)
    .filter((address) => familyOfText(address) === family);
  const within = held.filter((address) => isWithin(address, first, last));
  const wanted = count === 'all' ? Math.max(held.length, 1) : count;
  const where = `${of.node === undefined ? '' : ` on ${of.node}`}${of.interfaceName === undefined ? '' : `, ${of.interfaceName},`}`;
  return {
    holds: within.length === wanted && held.length === wanted && new Set(held).size === wanted,
    text: `${held.length} of ${wanted} pods of ${workload}${where} hold addresses of ${first}-${last}, no two alike`,
  };
}

/** Judges the networks that the pods' addresses lie in, node by node. */
export function judgeBlocks(step: StepOf<'expect-blocks'>, holders: readonly Holder[]): Verdict {
  const { workload, pool, prefix, nodes, pods } = step;
  const around = parseCidr(pool)!.cidr;
  const blocks = new Map<string, Set<string>>();
  let held = 0;
  for (const { node, addresses } of holders) {
    for (const address of addresses.map((text) => parseAddress(bare(text))!)) {
      const ofNode = blocks.get(node) ?? new Set();
      blocks.set(node, ofNode.add(formatCidr(cidrAround(address, prefix))));
      held += cidrContains(around, address) ? 1 : 0;
    }
  }
  const all = [...blocks.values()].flatMap((ofNode) => [...ofNode]);
  return {
    holds:
      held === pods && blocks.size === nodes && new Set(all).size === nodes && all.length === nodes,
    text:
      `${held} of ${pods} pods of ${workload} hold addresses of ${pool}: ` +
      [...blocks].map(([node, ofNode]) => `${node} of ${[...ofNode].join(' and ')}`).join(', '),
  };
}

/** `namespace/name`. */
export function nameOf({ metadata }: KubeObject): string {
  return `${metadata.namespace}/${metadata.name}`;
}

/** The node of its spec; empty where it has none yet. */
export function nodeOf({ spec }: KubeObject): string {
  return (spec as { nodeName?: string } | undefined)?.nodeName ?? '';
}

/** The pods of a workload, which is named `NAME` or `NAMESPACE/NAME`; all where none is named. */
export function podsOf(pods: readonly KubeObject[], workload?: string): KubeObject[] {
  const [name, namespace] = workload?.split('/').reverse() ?? [];
  return pods.filter(
    (pod) =>
      (name === undefined || workloadOf(pod) === name) &&
      (namespace === undefined || pod.metadata.namespace === namespace),
  );
}

/** The Deployment, StatefulSet, … that the pod is of; a bare pod's own name. */
function workloadOf(pod: KubeObject): string {
  const owner = controllerOf(pod);
  const hash = pod.metadata.labels?.['pod-template-hash'];
  return owner === undefined
    ? pod.metadata.name
    : hash === undefined || owner.kind !== 'ReplicaSet'
      ? owner.name
      : owner.name.slice(0, -`-${hash}`.length);
}

function bare(address: string): string {
  return address.split('/')[0]!;
}

function familyOfText(address: string): 4 | 6 {
  return address.includes(':') ? 6 : 4;
}

function cidrAround(address: Address, prefix: number): Cidr {
  return parseCidr(`${formatAddress(address)}/${prefix}`)!.cidr;
}

/** `address` with or without a prefix length. */
function isWithin(address: string, first: string, last: string): boolean {
  const [at, from, to] = [bare(address), first, last].map(parseAddress);
  return compareAddresses(at!, from!) >= 0 && compareAddresses(at!, to!) <= 0;
}
