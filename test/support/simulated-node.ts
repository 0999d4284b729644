/** The agent of one node of a simulated cluster, and the CNI calls that its runtime makes. */
import { Allocator } from '../../src/ipam/allocator.ts';
import type { CniAnswer } from '../../src/ipam/cni-answer.ts';
import type { Cluster } from '../../src/ipam/ports.ts';
import { type DeletionJournal, PromisedDels } from '../../src/ipam/promised-dels.ts';
import type { CniRequest } from '../../src/ipam/request.ts';
import { IpamService } from '../../src/ipam/service.ts';
import type { Timers } from '../../src/ipam/timers.ts';
import type { Journal } from '../../src/kube/journal.ts';
import { KubernetesLedger } from '../../src/kube/ledger.ts';
import type { Trouble } from '../../src/kube/own-claims.ts';
import { freshNonce } from './lines.ts';
import type { SimulatedApiServer, SimulatedClient } from './simulated-api-server.ts';

export interface NodeParts {
  readonly server: SimulatedApiServer;
  readonly cluster: Cluster;
  readonly timers: Timers;
  readonly journal: Journal & DeletionJournal;
  readonly random?: () => number;
  /** The node that it takes itself for; its own name where absent. */
  readonly node?: string;
}

/** One CNI call; what is left out is pod `web` of uid u1, container C1, eth0. */
export interface SimulatedCall {
  readonly pod?: string;
  readonly uid?: string;
  readonly container?: string;
  readonly interfaceName?: string;
  readonly gone?: () => boolean;
  /** Milliseconds from now. */
  readonly deadlineMs?: number;
  readonly config?: object;
}

export class SimulatedNode {
  readonly name: string;
  readonly ledger: KubernetesLedger;
  readonly service: IpamService;
  readonly allocator: Allocator;
  /** What its ledger told of edits by hand. */
  readonly troubles: readonly Trouble[];
  readonly #client: SimulatedClient;
  readonly #timers: Timers;

  private constructor(
    name: string,
    client: SimulatedClient,
    ledger: KubernetesLedger,
    allocator: Allocator,
    troubles: readonly Trouble[],
    { cluster, timers, journal, node = name }: NodeParts,
  ) {
    this.name = name;
    this.ledger = ledger;
    this.allocator = allocator;
    this.troubles = troubles;
    this.#client = client;
    this.#timers = timers;
    const nonce = freshNonce;
    this.service = new IpamService({
      ledger,
      cluster,
      allocator,
      clock: timers,
      node,
      nonce,
      timers,
      promised: new PromisedDels(journal),
    });
  }

  /** Resolves when the agent may answer: the blocks were read and its journal is settled. */
  static async start(name: string, parts: NodeParts): Promise<SimulatedNode> {
    const client = parts.server.client(name);
    let allocator: Allocator | undefined;
    const troubles: Trouble[] = [];
    const ledger = await KubernetesLedger.open({
      api: client,
      node: parts.node ?? name,
      journal: parts.journal,
      timers: parts.timers,
      random: parts.random ?? (() => 0.5),
      onChange: (change) => allocator?.learn(change.addresses, change.units),
      onTrouble: (trouble) => troubles.push(trouble),
    });
    allocator = new Allocator({ ledger, cluster: parts.cluster, clock: parts.timers });
    return new SimulatedNode(name, client, ledger, allocator, troubles, parts);
  }

  add(call: SimulatedCall = {}): Promise<CniAnswer> {
    return this.call('ADD', call);
  }

  del(call: SimulatedCall = {}): Promise<CniAnswer> {
    return this.call('DEL', call);
  }

  call(command: string, call: SimulatedCall): Promise<CniAnswer> {
    return this.service.call(this.request(command, call));
  }

  request(command: string, call: SimulatedCall): CniRequest {
    const { pod = 'web', uid = 'u1', container = 'C1', interfaceName = 'eth0' } = call;
    return {
      calledAs: 'orbweaver',
      command,
      env: {
        CNI_CONTAINERID: container,
        CNI_IFNAME: interfaceName,
        CNI_NETNS: '/run/netns/x',
        CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${pod};K8S_POD_UID=${uid}`,
      },
      ownNetns: false,
      config: JSON.stringify({ cniVersion: '1.1.0', name: 'net', ipam: {}, ...call.config }),
      gone: call.gone ?? (() => false),
      deadline: this.#timers.now() + (call.deadlineMs ?? 3_600_000),
    };
  }

  /** The process is gone: nothing more of it is sent, nothing that it waits for is heard. */
  crash(): void {
    this.#client.die();
  }
}

/** The addresses of an answered ADD without prefix lengths, or the text of its refusal. */
export function addressesOf(answer: CniAnswer): string[] | string {
  if (!answer.ok) {
    return `${answer.code}: ${answer.error.msg}`;
  }
  const { ips } = answer.result as { ips: { address: string }[] };
  return ips.map(({ address }) => address.slice(0, address.indexOf('/'))).sort();
}
