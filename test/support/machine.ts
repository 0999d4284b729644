/** One machine without sockets: the real store, engine and use-cases in this process, faults of the disk by order. */
import { EmbeddedStore } from '../../src/embedded/store.ts';
import { Allocator } from '../../src/ipam/allocator.ts';
import type { CniAnswer } from '../../src/ipam/cni-answer.ts';
import { IpamService } from '../../src/ipam/service.ts';
import type { FaultPoint } from '../../src/sqlite/database.ts';
import { type CniCall, configText, environmentOf } from './cni-call.ts';
import { scratchFolder } from './scratch-folder.ts';

export class Machine implements Disposable {
  readonly store: EmbeddedStore;
  readonly allocator: Allocator;
  readonly service: IpamService;

  private constructor(store: EmbeddedStore, clock: { now(): number }) {
    this.store = store;
    const { ledger, cluster } = store;
    this.allocator = new Allocator({ ledger, cluster, clock });
    this.service = new IpamService({
      ledger,
      cluster,
      allocator: this.allocator,
      clock,
      node: 'node1',
    });
  }

  /** Starts one with these objects (JSON texts) applied. `fault` is asked at every step of the store. */
  static async start(
    objects: readonly string[],
    fault: (point: FaultPoint) => void = () => {},
  ): Promise<Machine> {
    const clock = { now: () => Date.now() };
    const store = await EmbeddedStore.open(scratchFolder(), { clock, node: 'node1', fault });
    const machine = new Machine(store, clock);
    for (const object of objects) {
      await store.objects.apply(JSON.parse(object));
    }
    return machine;
  }

  /** Makes a call as the agent's route does. */
  call(call: CniCall): Promise<CniAnswer> {
    const { CNI_COMMAND: command = '', ...env } = environmentOf(call);
    return this.service.call({
      calledAs: call.calledAs ?? 'orbweaver',
      command,
      env,
      ownNetns: false,
      config: configText(call),
      gone: () => false,
      deadline: Number.POSITIVE_INFINITY,
    });
  }

  /** An ADD that must succeed; the addresses of its result, with prefix lengths. */
  async add(call: Omit<CniCall, 'verb'>): Promise<string[]> {
    const answer = await this.call({ ...call, verb: 'ADD' });
    if (!answer.ok) {
      throw new Error(`ADD was refused: ${answer.error.msg}`);
    }
    return (answer.result as { ips: { address: string }[] }).ips.map(({ address }) => address);
  }

  /** A DEL that must succeed. */
  async del(call: Omit<CniCall, 'verb'>): Promise<void> {
    const answer = await this.call({ ...call, verb: 'DEL' });
    if (!answer.ok) {
      throw new Error(`DEL was refused: ${answer.error.msg}`);
    }
  }

  /** `container/interface` of every claim in the ledger, in address order. */
  held(): string[] {
    return Array.from(
      this.store.ledger.claims(),
      ({ attachment }) => `${attachment.containerId}/${attachment.interfaceName}`,
    );
  }

  [Symbol.dispose](): void {
    this.store.close();
  }
}
