/** What the ledger of a cluster says, and what its pods say, read from the API server by neither agent nor controller. */
import { readLine } from '../../../src/kube/block-line.ts';
import { firstOfBlock, type IpBlock } from '../../../src/kube/ip-block.ts';
import { addressInBlock, formatAddress, parseAddress } from '../../../src/net/address.ts';
import type { ControlPlane } from './control-plane.ts';

/** One address that somebody has. */
export interface Held {
  readonly address: string;
  /** `namespace/name` of the pod. */
  readonly pod: string;
  readonly node: string;
}

const BLOCKS = '/apis/ipam.orbweaver.dev/v1alpha1/ipblocks';

/** Every claim in every IPBlock, in the order of addresses. Throws for a line that cannot be read. */
export async function claimsOf(cluster: ControlPlane): Promise<Held[]> {
  const { items } = await get<{ items: IpBlock[] }>(cluster, BLOCKS);
  return items.flatMap(claimsOfBlock).sort(byAddress);
}

/** Every claim in one IPBlock. Throws for a line that cannot be read. */
export function claimsOfBlock(block: IpBlock): Held[] {
  const first = firstOfBlock(block);
  if (first === undefined) throw new Error(`${block.metadata.name} stands for no block`);
  return Object.entries(block.spec.slots).flatMap(([slot, text]) => {
    const line = readLine(addressInBlock(first, Number(slot)), text, block.spec.names);
    if ('fault' in line) throw new Error(`${block.metadata.name}/${slot}: ${line.fault}`);
    if (line.state !== 'claimed') return [];
    const { owner, node } = line;
    return [{ address: formatAddress(line.address), pod: `${owner.namespace}/${owner.pod}`, node }];
  });
}

interface Pod {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly spec: { readonly nodeName?: string; readonly hostNetwork?: boolean };
  readonly status: { readonly phase: string; readonly podIPs?: readonly { readonly ip: string }[] };
}

/** Every address in the status of a pod that runs in a network of its own, in the order of addresses. */
export async function podAddresses(cluster: ControlPlane): Promise<Held[]> {
  const { items } = await get<{ items: Pod[] }>(cluster, '/api/v1/pods');
  return items
    .filter(({ spec, status }) => !spec.hostNetwork && status.phase === 'Running')
    .flatMap(({ metadata, spec, status }) =>
      (status.podIPs ?? []).map(({ ip }) => ({
        address: formatAddress(parseAddress(ip)!),
        pod: `${metadata.namespace}/${metadata.name}`,
        node: spec.nodeName ?? '',
      })),
    )
    .sort(byAddress);
}

function byAddress(a: Held, b: Held): number {
  return a.address < b.address ? -1 : Number(a.address > b.address);
}

async function get<T>(cluster: ControlPlane, path: string): Promise<T> {
  const { status, text } = await cluster.ask('GET', path);
  if (status !== 200) throw new Error(`GET ${path}: ${status} ${text}`);
  return JSON.parse(text) as T;
}
