/**
 * Pods of Calico's pools on several nodes, in this process: the real store, engine and use-cases, and a clock
 * that stands still until the test moves it.
 */
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import { EmbeddedStore } from '../../src/embedded/store.ts';
import { Allocator } from '../../src/ipam/allocator.ts';
import { IpamService } from '../../src/ipam/service.ts';
import { formatCidr } from '../../src/net/cidr.ts';
import { cidrOf } from './lines.ts';
import { scratchFolder } from './scratch-folder.ts';

const API = 'projectcalico.org/v3';
const PREFIX = 'cni.projectcalico.org/';

export type Asked =
  | { readonly ok: true; readonly addresses: readonly string[] }
  | { readonly ok: false; readonly msg: string; readonly code: number; readonly details: string };

export interface PodWish {
  readonly pool?: string;
  readonly addresses?: readonly string[];
}

export class CalicoSite implements Disposable {
  readonly store: EmbeddedStore;
  #service: IpamService;
  #now: { ms: number };
  #pods = 0;

  private constructor(store: EmbeddedStore, now: { ms: number }) {
    this.store = store;
    this.#now = now;
    this.#service = this.#boot();
  }

  get service(): IpamService {
    return this.#service;
  }

  #boot(): IpamService {
    const { ledger, cluster } = this.store;
    const clock = { now: () => this.#now.ms };
    const allocator = new Allocator({ ledger, cluster, clock });
    return new IpamService({ ledger, cluster, allocator, clock, node: 'node-a' });
  }

  /** Another agent begins, at a time `ms` from now; it may be earlier. */
  restart(ms: number): void {
    this.#now.ms += ms;
    this.#service = this.#boot();
  }

  static async start(...objects: KubeObject[]): Promise<CalicoSite> {
    const now = { ms: 1_700_000_000_000 };
    const clock = { now: () => now.ms };
    const store = await EmbeddedStore.open(scratchFolder(), { clock, node: 'node-a' });
    const site = new CalicoSite(store, now);
    await site.apply(...objects);
    return site;
  }

  async apply(...objects: KubeObject[]): Promise<void> {
    for (const object of objects) {
      await this.store.objects.apply(object);
    }
  }

  /** Time goes on. */
  pass(ms: number): void {
    this.#now.ms += ms;
  }

  /** A new pod on the node asks for its addresses. */
  async add(node: string, wish: PodWish = {}): Promise<Asked> {
    this.#pods += 1;
    const name = `pod-${this.#pods}`;
    const annotations: Record<string, string> = {};
    const six = wish.pool !== undefined && (await this.#familyOf(wish.pool)) === 6;
    if (wish.pool !== undefined) {
      annotations[`${PREFIX}ipv${six ? 6 : 4}pools`] = JSON.stringify([wish.pool]);
    }
    annotations[`${PREFIX}ipFamilies`] = JSON.stringify([six ? 'IPv6' : 'IPv4']);
    if (wish.addresses !== undefined) {
      annotations[`${PREFIX}ipAddrs`] = JSON.stringify(wish.addresses);
    }
    await this.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', annotations },
      spec: { nodeName: node, containers: [{ name: 'c', image: 'i' }] },
    });
    return this.ask('ADD', 'default', name);
  }

  async #familyOf(pool: string): Promise<number> {
    const found = this.store.cluster.pools().find((candidate) => candidate.name === pool);
    return found?.family ?? 4;
  }

  /** A pod that was added last or `back` pods before it is gone. */
  async del(back = 0): Promise<void> {
    await this.ask('DEL', 'default', `pod-${this.#pods - back}`);
  }

  /** A call for a pod that exists. */
  async ask(command: 'ADD' | 'DEL', namespace: string, pod: string): Promise<Asked> {
    const answer = await this.service.call({
      calledAs: 'orbweaver',
      command,
      env: {
        CNI_CONTAINERID: `${namespace}-${pod}`,
        CNI_NETNS: '/run/netns/none',
        CNI_IFNAME: 'eth0',
        CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${pod}`,
      },
      ownNetns: false,
      config: JSON.stringify({ cniVersion: '1.1.0', name: 'net', ipam: {} }),
      gone: () => false,
      deadline: Number.POSITIVE_INFINITY,
    });
    if (!answer.ok) {
      const { msg, code, details = '' } = answer.error;
      return { ok: false, msg, code, details };
    }
    const { ips = [] } = (answer.result ?? {}) as { ips?: { address: string }[] };
    return { ok: true, addresses: ips.map(({ address }) => address) };
  }

  /** `UNIT NODE` of every unit that is owned, in address order. */
  units(): string[] {
    return ['0.0.0.0/0', '::/0'].flatMap((all) =>
      [...this.store.ledger.units(cidrOf(all))].map(
        ({ cidr, node }) => `${formatCidr(cidr)} ${node}`,
      ),
    );
  }

  [Symbol.dispose](): void {
    this.store.close();
  }
}

export function ipPool(
  name: string,
  cidr: string,
  blockSize: number,
  spec: Record<string, unknown> = {},
): KubeObject {
  return {
    apiVersion: API,
    kind: 'IPPool',
    metadata: { name },
    spec: { cidr, blockSize, ...spec },
  };
}

export function ipamConfiguration(spec: Record<string, unknown>): KubeObject {
  return { apiVersion: API, kind: 'IPAMConfiguration', metadata: { name: 'default' }, spec };
}

export function ipReservation(...reservedCIDRs: string[]): KubeObject {
  return {
    apiVersion: API,
    kind: 'IPReservation',
    metadata: { name: 'r' },
    spec: { reservedCIDRs },
  };
}

/** The network of an address with prefix length, as text. */
export function networkText(address: string): string {
  return formatCidr(cidrOf(address));
}
