/** A cluster of one small pool, and the steps of a trace. */
import { readSpiderpoolConf } from '../../src/dialect/spiderpool-conf.ts';
import { formatAddress } from '../../src/net/address.ts';
import { storedClaims, storedLines } from '../support/block-lines.ts';
import { MemoryJournal } from '../support/memory-journal.ts';
import {
  type HeldRequest,
  SimulatedApiServer,
  type Verb,
} from '../support/simulated-api-server.ts';
import { SimulatedNode } from '../support/simulated-node.ts';
import { turn, VirtualTimers } from '../support/virtual-timers.ts';
import { poolOf } from '../world/pools.ts';
import { WorldCluster } from '../world/world-cluster.ts';

/** Its pool `small` has two addresses of one block, for the pods `web` and `other`. */
export class Scene {
  readonly server = new SimulatedApiServer();
  readonly timers = new VirtualTimers();
  readonly cluster = new WorldCluster();
  readonly #journals = new Map<string, MemoryJournal>();

  constructor() {
    this.cluster.conf = () => ({ ...readSpiderpoolConf(undefined), enableIPv6: false });
    this.cluster.putPool(poolOf('small', '10.0.0.0/24', ['10.0.0.10-10.0.0.11']));
    this.putPod('web', 'u1');
    this.putPod('other', 'u1');
  }

  /** A pod of `small`; it replaces one of the same name. */
  putPod(
    name: string,
    uid: string,
    more: { dead?: boolean; node?: string; pools?: object; ippools?: object[] } = {},
  ): void {
    this.cluster.putPod({
      namespace: 'default',
      name,
      uid,
      node: more.node ?? 'node-1',
      labels: {},
      annotations:
        more.ippools === undefined
          ? { 'ipam.spidernet.io/ippool': JSON.stringify(more.pools ?? { ipv4: ['small'] }) }
          : { 'ipam.spidernet.io/ippools': JSON.stringify(more.ippools) },
      dead: more.dead ?? false,
      controller: { kind: 'Pod', name },
    });
  }

  /**
   * The agent of a node; its journal is that of its earlier life, unless it was lost. With `node` it acts on that
   * one's claims, as no agent should.
   */
  node(
    name = 'node-1',
    { journalLost = false, node = name }: { journalLost?: boolean; node?: string } = {},
  ): Promise<SimulatedNode> {
    const kept = journalLost ? undefined : this.#journals.get(name);
    const journal = kept?.reopened() ?? new MemoryJournal();
    this.#journals.set(name, journal);
    const { server, cluster, timers } = this;
    return SimulatedNode.start(name, { server, cluster, timers, journal, node });
  }

  journal(name = 'node-1'): MemoryJournal {
    return this.#journals.get(name)!;
  }

  /** From now on these requests wait. */
  hold(...verbs: Verb[]): void {
    this.server.holds = ({ verb }) => verbs.includes(verb);
  }

  /** From now on requests are served at once; those that wait go on waiting. */
  letGo(): void {
    this.server.holds = () => false;
  }

  /** Lets `ms` pass in which no request reaches the API server; nor do those of later, until `letGo`. */
  async away(ms: number): Promise<void> {
    this.server.holds = () => true;
    const refuse = async () => {
      await turn();
      for (const request of this.server.held.filter(({ answered }) => !answered)) {
        request.fail({ kind: 'unknown', reason: 'simulated: connection refused' });
      }
    };
    const end = this.timers.now() + ms;
    while (this.timers.now() < end) {
      await refuse();
      await this.timers.advance(Math.min(100, end - this.timers.now()));
    }
    await refuse();
  }

  /** The request that waits and has not taken effect; there must be one. */
  async request(): Promise<HeldRequest> {
    for (let tries = 0; tries < 50; tries += 1) {
      const request = this.server.held.find(({ executed }) => !executed);
      if (request !== undefined) {
        return request;
      }
      await turn();
    }
    throw new Error('no request waits');
  }

  /** Claims in etcd, as `address container`. */
  claims(): string[] {
    return storedClaims(this.server)
      .map(({ address, attachment, kept }) =>
        [formatAddress(address), attachment.containerId, ...(kept ? ['kept'] : [])].join(' '),
      )
      .sort();
  }

  /** Every line in etcd, as `address state`. */
  lines(): string[] {
    return storedLines(this.server)
      .map(({ address, state }) => `${formatAddress(address)} ${state}`)
      .sort();
  }

  advance(ms: number): Promise<void> {
    return this.timers.advance(ms);
  }
}
