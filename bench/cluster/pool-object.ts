/**
 * Baseline 1: all claims of a pool in one object, read, changed and written back, with five tries and one claim at
 * a time on each agent, as IPAMs do that keep a pool's records in its status.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { ApiServer } from '../../src/kube/api-server.ts';
import { resourcePath } from '../../src/kube/resources.ts';
import { BENCH_GROUP, POOL_RECORDS } from './bench-crds.ts';
import type { Claimant } from './designs.ts';

const TRIES = 5;
const BACKOFF_MS = 50;

interface PoolRecord {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string };
  readonly spec: { readonly allocatedIPs: string };
}

type Records = Record<string, { pod: string; podUid: string; interface: string; node: string }>;

export class PoolObjectAgents implements AsyncDisposable {
  readonly claimants: readonly PoolObjectAgent[];

  private constructor(claimants: readonly PoolObjectAgent[]) {
    this.claimants = claimants;
  }

  /** Makes the pool's object, holding the first `held` of its addresses, and so many agents. */
  static async start(
    kubeconfig: string,
    pool: { name: string; addresses: readonly string[]; held: number },
    count: number,
  ): Promise<PoolObjectAgents> {
    const records: Records = {};
    for (const [at, address] of pool.addresses.slice(0, pool.held).entries()) {
      records[address] = recordOf(`held-${at}`, 'node-0');
    }
    const claimants = Array.from(
      { length: count },
      (_, at) => new PoolObjectAgent(ApiServer.fromKubeconfig(kubeconfig), pool, `node-${at}`),
    );
    await claimants[0]!.make(records);
    return new PoolObjectAgents(claimants);
  }

  /** Bytes of the bodies of all their writes. */
  get bytesSent(): number {
    return this.claimants.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.claimants.map((agent) => agent.close()));
  }
}

class PoolObjectAgent implements Claimant {
  bytesSent = 0;
  readonly #api: ApiServer;
  readonly #addresses: readonly string[];
  readonly #name: string;
  readonly #node: string;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(api: ApiServer, pool: { name: string; addresses: readonly string[] }, node: string) {
    this.#api = api;
    this.#addresses = pool.addresses;
    this.#name = pool.name;
    this.#node = node;
  }

  async make(records: Records): Promise<void> {
    const body = {
      apiVersion: `${BENCH_GROUP}/v1`,
      kind: 'PoolRecord',
      metadata: { name: this.#name },
      spec: { allocatedIPs: JSON.stringify(records) },
    };
    const path = resourcePath(POOL_RECORDS);
    const outcome = await this.#api.request({ method: 'POST', path, body });
    if (outcome.kind !== 'ok') throw new Error(`no pool: ${outcome.kind}`);
  }

  claim(pod: string): Promise<string> {
    const claimed = this.#queue.then(() => this.#claim(pod));
    this.#queue = claimed.catch(() => {});
    return claimed;
  }

  async #claim(pod: string): Promise<string> {
    const path = resourcePath(POOL_RECORDS, { name: this.#name });
    for (let attempt = 1; attempt <= TRIES; attempt += 1) {
      const read = await this.#api.request<PoolRecord>({ method: 'GET', path });
      if (read.kind !== 'ok') throw new Error(read.kind);
      const records = JSON.parse(read.value.spec.allocatedIPs) as Records;
      const address = this.#addresses.find((candidate) => !(candidate in records));
      if (address === undefined) throw new Error('all used');
      records[address] = recordOf(pod, this.#node);
      const body = { ...read.value, spec: { allocatedIPs: JSON.stringify(records) } };
      this.bytesSent += JSON.stringify(body).length;
      const written = await this.#api.request({ method: 'PUT', path, body });
      if (written.kind === 'ok') return address;
      if (written.kind !== 'conflict') throw new Error(written.kind);
      await pause(Math.random() * BACKOFF_MS * 2 ** attempt);
    }
    throw new Error(`lost ${TRIES} races`);
  }

  close(): Promise<void> {
    return this.#api.close();
  }
}

function recordOf(pod: string, node: string): Records[string] {
  return { pod: `default/${pod}`, podUid: `uid-${pod}`, interface: 'eth0', node };
}
