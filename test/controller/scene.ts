/** A cluster with pools and pods, controllers that come and go, and claims that are written as an agent does. */
import type { ObjectApi } from '../../src/controller/access.ts';
import { Reconciler } from '../../src/controller/reconciler.ts';
import type { KindId } from '../../src/dialect/kinds.ts';
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import type { Claim, Line } from '../../src/ipam/ports.ts';
import { BlockCache } from '../../src/kube/block-cache.ts';
import { blockWith, type Part, patchWith } from '../../src/kube/block-patch.ts';
import { blockName } from '../../src/kube/ip-block.ts';
import { OwnerChain } from '../../src/kube/owner-chain.ts';
import { LEASES } from '../../src/kube/resources.ts';
import { blockOf } from '../../src/net/address.ts';
import { formatCidr } from '../../src/net/cidr.ts';
import { addressOf, cidrOf, claimOf, freshNonce, restingOf, unitOf } from '../support/lines.ts';
import { SimulatedCluster } from '../support/simulated-cluster.ts';
import { VirtualTimers } from '../support/virtual-timers.ts';

export const NAMESPACE = 'orbweaver';

export interface RunningController {
  readonly reconciler: Reconciler;
  readonly log: string[];
  /** No renewal of its Lease arrives; its other requests do. */
  losesRenewals: boolean;
  /** As SIGKILL does. */
  die(): void;
  close(): Promise<void>;
}

export class Scene {
  readonly timers = new VirtualTimers();
  readonly cluster = new SimulatedCluster(this.timers);
  readonly #writer = this.cluster.blocks.client('agent');
  #controllers = 0;

  /** Starts a controller; it leads soon if no other does. */
  controller(): RunningController {
    this.#controllers += 1;
    const access = this.cluster.access();
    const log: string[] = [];
    const note = (fields: object, message: string) =>
      log.push(`${message} ${JSON.stringify(fields)}`);
    let alive = true;
    const timers = {
      now: () => this.timers.now(),
      after: (ms: number, wake: () => void) => this.timers.after(ms, () => alive && wake()),
    };
    const cut = { losesRenewals: false };
    const objects: ObjectApi = {
      ...access.objects,
      replace: async (resource, object) =>
        cut.losesRenewals
          ? { kind: 'unknown', reason: 'simulated: lost' }
          : access.objects.replace(resource, object),
    };
    const reconciler = new Reconciler({
      access: { ...access, objects },
      chain: new OwnerChain(access.objects, timers),
      namespace: NAMESPACE,
      identity: `controller-${this.#controllers}`,
      timers,
      random: () => 0.5,
      nonce: freshNonce,
      log: { debug: note, info: note, warn: note, error: note },
    });
    void reconciler.start();
    return Object.assign(cut, {
      reconciler,
      log,
      die: () => {
        alive = false;
        access.die();
      },
      close: () => reconciler.close(),
    });
  }

  /** Lets time pass until what was begun is done; a controller leads and has written by then. */
  async settle(ms = 5_000): Promise<void> {
    await this.timers.advance(ms);
  }

  spiderPool(name: string, subnet: string, ips: string[], more: object = {}): KubeObject {
    return this.cluster.put('SpiderIPPool', {
      apiVersion: 'spiderpool.spidernet.io/v2beta1',
      kind: 'SpiderIPPool',
      metadata: { name },
      spec: { ipVersion: 4, subnet, ips, ...more },
    });
  }

  object(kind: KindId, apiVersion: string, name: string, more: object = {}): KubeObject {
    const { metadata = {}, ...fields } = more as { metadata?: object };
    return this.cluster.put(kind, {
      apiVersion,
      kind: kind.replace(/^(Calico|SpiderpoolV1)/, ''),
      metadata: { name, ...metadata },
      ...fields,
    });
  }

  /** A pod of namespace `shop`; its uid. */
  pod(name: string, metadata: object = {}): string {
    this.object('Pod', 'v1', name, { metadata: { namespace: 'shop', ...metadata } });
    return this.cluster.get('Pod', name, 'shop')!.metadata.uid!;
  }

  node(name: string): void {
    this.object('Node', 'v1', name);
  }

  /** The agent of a node renews its Lease. */
  renew(node: string): void {
    this.cluster.put(LEASES, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace: NAMESPACE, name: `agent-${node}` },
      spec: {
        holderIdentity: 'agent',
        leaseDurationSeconds: 30,
        renewTime: `${this.timers.now()}`,
      },
    });
  }

  /** A claim of a pod of namespace `shop`, written as its node's agent does. */
  async claim(address: string, pool: string, pod: string, more: Partial<Claim> = {}) {
    const uid = this.cluster.get('Pod', pod, 'shop')?.metadata.uid ?? 'uid-unknown';
    const claim = claimOf(address, {
      pool,
      owner: { namespace: 'shop', pod, uid },
      claimedAt: this.timers.now(),
      ...more,
    });
    await this.write(claim);
    return claim;
  }

  async release(address: string): Promise<void> {
    const now = this.timers.now();
    const claim = this.line(address) as Claim;
    await this.write(restingOf(claim, { releasedAt: now, until: now + 30_000 }));
  }

  /** Over whatever is there. */
  async write(now: Line): Promise<void> {
    const first = blockOf(now.address);
    const was = this.#blocks().line(now.address);
    await this.#land({ first, writes: [{ was, now }], units: [] });
  }

  /** A node becomes the owner of an affinity unit that nobody owns. */
  async own(cidr: string, node: string): Promise<void> {
    const now = unitOf(cidr, node, { claimedAt: this.timers.now() });
    await this.#land({
      first: blockOf(now.cidr.first),
      writes: [],
      units: [{ was: undefined, now }],
    });
  }

  /** `UNIT NODE` of every affinity unit. */
  units(): string[] {
    return this.#blocks()
      .units(cidrOf('0.0.0.0/0'))
      .map(({ cidr, node }) => `${formatCidr(cidr)} ${node}`);
  }

  async #land(part: Part): Promise<void> {
    const { first } = part;
    const block = this.#blocks().block(first);
    const written =
      block === undefined
        ? this.#writer.create(blockWith(first, [part]))
        : this.#writer.patch(block.name, patchWith(block, [part], false));
    await this.timers.advance(0);
    if ((await written).kind !== 'ok') {
      throw new Error('the claim was not written');
    }
  }

  /** What the ledger holds for an address. */
  line(address: string): Line | undefined {
    return this.#blocks().line(addressOf(address));
  }

  blockOf(address: string): string {
    return blockName(blockOf(addressOf(address)));
  }

  /** What somebody else may read of an endpoint: `undefined` where there is none. */
  endpoint(pod: string, kind: KindId = 'SpiderEndpoint'): KubeObject | undefined {
    return this.cluster.get(kind, pod, 'shop');
  }

  events(): { reason: string; name: string; message: string; count: number }[] {
    const list = { group: '', version: 'v1', plural: 'events', namespaced: true };
    return this.cluster.all(list).map((event) => ({
      reason: String(event.reason),
      name: (event.involvedObject as { name: string }).name,
      message: String(event.message),
      count: Number(event.count),
    }));
  }

  #blocks(): BlockCache {
    const cache = new BlockCache();
    for (const block of this.cluster.blocks.blocks.values()) {
      cache.put(block);
    }
    return cache;
  }
}
