/**
 * Baseline 2: one object per address. Who creates it has it; who meets one that exists takes the next. Agents begin
 * at different addresses, and none asks for an address that it knows to be taken.
 */
import { ApiServer } from '../../src/kube/api-server.ts';
import { resourcePath } from '../../src/kube/resources.ts';
import { ADDRESS_CLAIMS, BENCH_GROUP } from './bench-crds.ts';
import type { Claimant } from './designs.ts';

export class AddressObjectAgents implements AsyncDisposable {
  readonly claimants: readonly AddressObjectAgent[];

  /** So many agents of one pool. */
  constructor(kubeconfig: string, addresses: readonly string[], count: number) {
    this.claimants = Array.from({ length: count }, (_, at) => {
      const start = Math.floor((at * addresses.length) / count);
      const own = [...addresses.slice(start), ...addresses.slice(0, start)];
      return new AddressObjectAgent(ApiServer.fromKubeconfig(kubeconfig), own, `node-${at}`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.claimants.map((agent) => agent.close()));
  }
}

class AddressObjectAgent implements Claimant {
  readonly #api: ApiServer;
  readonly #addresses: readonly string[];
  readonly #node: string;
  #next = 0;

  constructor(api: ApiServer, addresses: readonly string[], node: string) {
    this.#api = api;
    this.#addresses = addresses;
    this.#node = node;
  }

  async claim(pod: string): Promise<string> {
    const path = resourcePath(ADDRESS_CLAIMS);
    for (;;) {
      const address = this.#addresses[this.#next++];
      if (address === undefined) throw new Error('all used');
      const body = {
        apiVersion: `${BENCH_GROUP}/v1`,
        kind: 'AddressClaim',
        metadata: { name: address },
        spec: { holder: `default/${pod} uid-${pod} ${this.#node} eth0 ${pod.padStart(64, '0')}` },
      };
      const outcome = await this.#api.request({ method: 'POST', path, body });
      if (outcome.kind === 'ok') return address;
      if (outcome.kind !== 'conflict') throw new Error(outcome.kind);
    }
  }

  close(): Promise<void> {
    return this.#api.close();
  }
}
