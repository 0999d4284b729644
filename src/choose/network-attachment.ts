/**
 * Which network attachment (`namespace/name`) a pod's interface belongs to, out of Multus'
 * annotations (reference/spiderpool.md 3.5 and 4.2, check 8). Asked only where a pool has
 * `multusName`.
 */
import type { Pool } from '../dialect/pool.ts';
import { goList } from './messages.ts';
import type { PodView } from './subject.ts';

const DEFAULT_NETWORK = 'v1.multus-cni.io/default-network';
const NETWORKS = 'k8s.v1.cni.cncf.io/networks';

/** The attachment, or why it is not known. */
export type NetworkAttachment =
  | { readonly kind: 'known'; readonly network: string }
  | { readonly kind: 'unknown'; readonly reason: (pool: Pool) => string };

/**
 * Where a network of a bare name is looked for, in pools and in the default network. Spiderpool
 * takes the namespace that its agent runs in; this is where its chart puts the agent.
 */
const AGENT_NAMESPACE = 'kube-system';

interface Element {
  readonly network: string;
  /** Empty where the element names no interface. */
  readonly interfaceName: string;
}

/** A name of `multusName` as `namespace/name`. */
export function qualifiedNetwork(name: string): string {
  return name.includes('/') ? name : `${AGENT_NAMESPACE}/${name}`;
}

/**
 * The attachment of an interface. `nic` is its name, or its position in `ippools` where that names
 * none. A network without a namespace is in the pod's own, but for the default network.
 */
export function networkAttachmentOf(pod: PodView | undefined, nic: string): NetworkAttachment {
  const annotations = pod?.annotations ?? {};
  const namespace = pod?.namespace ?? '';
  if (nic === 'eth0' || nic === '0') {
    const text = annotations[DEFAULT_NETWORK]?.trim();
    return text === undefined || text === ''
      ? { kind: 'unknown', reason: noClusterNetwork }
      : { kind: 'known', network: parseElement(text, AGENT_NAMESPACE).network };
  }
  const text = annotations[NETWORKS] ?? '';
  const elements = parseNetworks(text, namespace);
  if (typeof elements === 'string') {
    return { kind: 'unknown', reason: () => `failed to parse pod network annotation: ${elements}` };
  }
  const position = /^(?:net)?([1-9][0-9]*)$/.exec(nic)?.[1];
  const found =
    elements.find((element) => element.interfaceName === nic) ??
    (position === undefined ? undefined : elements[Number(position) - 1]);
  if (found !== undefined) {
    return { kind: 'known', network: found.network };
  }
  const networks = goList(elements.map((element) => element.network));
  const fault =
    `unknown: no matched multus object for NIC '${nic}'. ` +
    `The multus network-attachments: ${networks}`;
  return { kind: 'unknown', reason: () => fault };
}

function noClusterNetwork(pool: Pool): string {
  return (
    `cluster-network multus isn't set, the IPPool ${pool.name} specified multusName ` +
    `${goList(pool.multusNames)} unmatched`
  );
}

/** Elements in the order written, or what is wrong with the text. */
function parseNetworks(text: string, namespace: string): readonly Element[] | string {
  if (text.trim() === '') {
    return 'parsePodNetworkAnnotation: pod annotation not having "network" as key';
  }
  if (!/[[{"]/.test(text)) {
    return text.split(',').map((element) => parseElement(element.trim(), namespace));
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return (error as Error).message.slice(0, 200);
  }
  if (!Array.isArray(value) || !value.every(isNetwork)) {
    return 'expected a list of objects with a name';
  }
  return value.map((item) => ({
    network: `${item.namespace ?? namespace}/${item.name}`,
    interfaceName: item.interface ?? '',
  }));
}

/** `name`, `namespace/name`, either with `@interface`. */
function parseElement(text: string, namespace: string): Element {
  const [path = '', interfaceName = ''] = text.split('@');
  return { network: path.includes('/') ? path : `${namespace}/${path}`, interfaceName };
}

interface NetworkItem {
  readonly name: string;
  readonly namespace?: string;
  readonly interface?: string;
}

function isNetwork(value: unknown): value is NetworkItem {
  if (typeof value !== 'object' || value === null) {
    return false;
  }
  const item = value as Record<string, unknown>;
  const isText = (key: string) => item[key] === undefined || typeof item[key] === 'string';
  return typeof item.name === 'string' && isText('namespace') && isText('interface');
}
