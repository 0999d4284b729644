/**
 * Our design: agents of one process, each with its own connections to the API server, its own journal on the disk
 * and its own copy of the blocks. Pods are known to all of them, so that what is measured are addresses.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ObjectView } from '../../src/choose/subject.ts';
import type { Pool } from '../../src/dialect/pool.ts';
import { SPIDERPOOL_CONF_DEFAULTS } from '../../src/dialect/spiderpool-conf.ts';
import { Allocator } from '../../src/ipam/allocator.ts';
import { MonotonicClock } from '../../src/ipam/clock.ts';
import type { Cluster } from '../../src/ipam/ports.ts';
import { IpamService } from '../../src/ipam/service.ts';
import { systemTimers } from '../../src/ipam/timers.ts';
import type {
  ApiOutcome,
  BlockApi,
  BlockPage,
  ListQuery,
  PatchOperation,
} from '../../src/kube/api.ts';
import { ApiServer } from '../../src/kube/api-server.ts';
import { BlockServer } from '../../src/kube/block-server.ts';
import type { IpBlock } from '../../src/kube/ip-block.ts';
import { KubernetesLedger } from '../../src/kube/ledger.ts';
import { SqliteJournal } from '../../src/kube/sqlite-journal.ts';
import { RangeSet } from '../../src/net/range-set.ts';
import type { Claimant } from './designs.ts';

const DEADLINE_MS = 60_000;
const RELEASE_TRIES = 5;

/** Agents `node-0`, `node-1` … that serve from one pool. */
export class BlockAgents implements AsyncDisposable {
  readonly claimants: readonly BlockAgent[];

  private constructor(agents: readonly BlockAgent[]) {
    this.claimants = agents;
  }

  /** Starts so many, ready to serve. `uidOf` tells the uid of a pod by its name. */
  static async start(
    kubeconfig: string,
    pool: Pool,
    count: number,
    uidOf = (pod: string) => `uid-${pod}`,
  ): Promise<BlockAgents> {
    const names = Array.from({ length: count }, (_, at) => `node-${at}`);
    return new BlockAgents(
      await Promise.all(names.map((name) => BlockAgent.start({ kubeconfig, pool, uidOf }, name))),
    );
  }

  /** Bytes of the bodies of all their writes. */
  get bytesSent(): number {
    return this.claimants.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.claimants.map((agent) => agent.close()));
  }
}

class BlockAgent implements Claimant {
  readonly #api: ApiServer;
  readonly #blocks: CountedBlocks;
  readonly #journal: SqliteJournal;
  readonly #ledger: KubernetesLedger;
  readonly #service: IpamService;
  readonly #folder: string;
  readonly #uidOf: (pod: string) => string;
  readonly #clock = new MonotonicClock(() => {});

  private constructor(parts: {
    api: ApiServer;
    blocks: CountedBlocks;
    journal: SqliteJournal;
    ledger: KubernetesLedger;
    service: IpamService;
    folder: string;
    uidOf: (pod: string) => string;
  }) {
    this.#api = parts.api;
    this.#blocks = parts.blocks;
    this.#journal = parts.journal;
    this.#ledger = parts.ledger;
    this.#service = parts.service;
    this.#folder = parts.folder;
    this.#uidOf = parts.uidOf;
  }

  static async start(
    { kubeconfig, pool, uidOf }: { kubeconfig: string; pool: Pool; uidOf: (pod: string) => string },
    node: string,
  ): Promise<BlockAgent> {
    const folder = mkdtempSync(join(tmpdir(), 'orbweaver-bench-'));
    const api = ApiServer.fromKubeconfig(kubeconfig);
    const blocks = new CountedBlocks(new BlockServer(api));
    const journal = SqliteJournal.open(folder);
    const clock = new MonotonicClock(() => {});
    let allocator: Allocator | undefined;
    const ledger = await KubernetesLedger.open({
      api: blocks,
      journal,
      node,
      timers: systemTimers(clock),
      random: Math.random,
      onChange: ({ addresses, units }) => allocator?.learn(addresses, units),
    });
    const cluster = onePool(pool);
    allocator = new Allocator({ ledger, cluster, clock });
    const service = new IpamService({ ledger, cluster, allocator, clock, node });
    return new BlockAgent({ api, blocks, journal, ledger, service, folder, uidOf });
  }

  get bytesSent(): number {
    return this.#blocks.bytesSent;
  }

  async claim(pod: string): Promise<string> {
    const answer = await this.#call('ADD', pod);
    if (!answer.ok) throw new Error(`${answer.code}: ${answer.error.msg}`);
    const { ips } = answer.result as { ips: { address: string }[] };
    return ips[0]!.address.replace(/\/.*/, '');
  }

  /** Tries again, as a runtime does, where the API server did not answer in time. */
  async release(pod: string): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      const answer = await this.#call('DEL', pod);
      if (answer.ok) return;
      if (tries === RELEASE_TRIES) throw new Error(`${answer.code}: ${answer.error.msg}`);
    }
  }

  #call(command: 'ADD' | 'DEL', pod: string) {
    return this.#service.call({
      calledAs: 'orbweaver',
      command,
      env: {
        CNI_CONTAINERID: pod.padStart(64, '0'),
        CNI_IFNAME: 'eth0',
        CNI_NETNS: '/run/netns/none',
        CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${pod};K8S_POD_UID=${this.#uidOf(pod)}`,
      },
      ownNetns: false,
      config: '{"cniVersion":"1.1.0","name":"bench","ipam":{"type":"orbweaver"}}',
      gone: () => false,
      deadline: this.#clock.now() + DEADLINE_MS,
    });
  }

  async close(): Promise<void> {
    await this.#service.close();
    this.#ledger.close();
    this.#journal.close();
    await this.#api.close();
    rmSync(this.#folder, { recursive: true });
  }
}

/** Nothing but one default pool. */
function onePool(pool: Pool): Cluster {
  const bare = (name: string): ObjectView => ({ name, labels: {}, annotations: {} });
  return {
    poolGeneration: 1,
    servesUnknownPods: true,
    servesOtherNodes: true,
    keepsForLivePods: false,
    pools: () => [pool],
    reserved: () => RangeSet.empty,
    conf: () => ({ ...SPIDERPOOL_CONF_DEFAULTS, enableIPv6: false }),
    pod: async () => undefined,
    namespace: bare,
    node: bare,
  };
}

class CountedBlocks implements BlockApi {
  bytesSent = 0;
  readonly #blocks: BlockApi;

  constructor(blocks: BlockApi) {
    this.#blocks = blocks;
  }

  get(name: string): Promise<ApiOutcome<IpBlock>> {
    return this.#blocks.get(name);
  }

  peek(name: string): Promise<ApiOutcome<IpBlock>> {
    return this.#blocks.peek(name);
  }

  list(query: ListQuery): Promise<ApiOutcome<BlockPage>> {
    return this.#blocks.list(query);
  }

  create(block: IpBlock): Promise<ApiOutcome<IpBlock>> {
    this.bytesSent += JSON.stringify(block).length;
    return this.#blocks.create(block);
  }

  patch(name: string, operations: readonly PatchOperation[]): Promise<ApiOutcome<IpBlock>> {
    this.bytesSent += JSON.stringify(operations).length;
    return this.#blocks.patch(name, operations);
  }

  delete(...args: Parameters<BlockApi['delete']>): Promise<ApiOutcome<void>> {
    return this.#blocks.delete(...args);
  }
}
