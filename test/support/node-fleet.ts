/**
 * Many agents with one API server and one pool, in one process. Requests take time to arrive and answers to come
 * back, and writes to one object are served one after another; the seed decides how long, so a run replays.
 */
import type { Pool } from '../../src/dialect/pool.ts';
import { readSpiderpoolConf } from '../../src/dialect/spiderpool-conf.ts';
import type { CniAnswer } from '../../src/ipam/cni-answer.ts';
import { poolOf } from '../world/pools.ts';
import { Random } from '../world/random.ts';
import { WorldCluster } from '../world/world-cluster.ts';
import { MemoryJournal } from './memory-journal.ts';
import { type HeldRequest, SimulatedApiServer } from './simulated-api-server.ts';
import { SimulatedNode } from './simulated-node.ts';
import { VirtualTimers } from './virtual-timers.ts';

export interface FleetOptions {
  readonly nodes: number;
  /** The pool that every pod may use. */
  readonly pool: Pool;
  /** Milliseconds that a request, and an answer, is on its way at most. */
  readonly latencyMs?: number;
  /** Milliseconds between two writes of one object. */
  readonly writeMs?: number;
  readonly seed?: number;
}

/** A pool that is a default one, of these ranges inside 10.0.0.0/8. */
export function defaultPool(...ranges: string[]): Pool {
  return { ...poolOf('shared', '10.0.0.0/8', ranges), isDefault: true };
}

export class NodeFleet {
  readonly server = new SimulatedApiServer();
  readonly timers = new VirtualTimers();
  readonly cluster = new WorldCluster();
  readonly nodes: SimulatedNode[] = [];
  readonly #random: Random;
  readonly #latencyMs: number;
  readonly #writeMs: number;
  /** When the last write of an object that is known of will have been served, by its name. */
  readonly #busyUntil = new Map<string, number>();
  #pods = 0;

  private constructor({ pool, latencyMs = 5, writeMs = 5, seed = 1 }: FleetOptions) {
    this.#random = new Random(seed);
    this.#latencyMs = latencyMs;
    this.#writeMs = writeMs;
    this.cluster.conf = () => ({ ...readSpiderpoolConf(undefined), enableIPv6: false });
    this.cluster.putPool(pool);
  }

  static async start(options: FleetOptions): Promise<NodeFleet> {
    const fleet = new NodeFleet(options);
    for (let node = 0; node < options.nodes; node += 1) {
      await fleet.#startNode(`node-${node}`);
    }
    fleet.server.holds = (request) => fleet.#deliver(request);
    return fleet;
  }

  /** Requests that changed a block, or tried to. */
  get writes(): number {
    const { create, patch } = this.server.counts;
    return create + patch;
  }

  /** New pods, one after another on every node, `atOnce` of them at a time on each. Resolves to all answers. */
  addPods(perNode: number, atOnce: number): Promise<CniAnswer[]> {
    const answers: CniAnswer[] = [];
    const addNext = async (node: SimulatedNode, left: { count: number }): Promise<void> => {
      while (left.count > 0) {
        left.count -= 1;
        this.#pods += 1;
        const name = `pod-${this.#pods}`;
        answers.push(await node.add({ pod: name, uid: name, container: name }));
      }
    };
    const workers = this.nodes.flatMap((node) => {
      const left = { count: perNode };
      return Array.from({ length: atOnce }, () => addNext(node, left));
    });
    return this.during(Promise.all(workers).then(() => answers));
  }

  /** Lets time pass until the promise has settled. */
  async during<T>(promise: Promise<T>): Promise<T> {
    let over = false;
    const end = () => {
      over = true;
    };
    promise.then(end, end);
    while (!over) {
      await this.timers.advance(10);
    }
    return promise;
  }

  async #startNode(name: string): Promise<void> {
    const { server, cluster, timers } = this;
    const journal = new MemoryJournal();
    const random = () => this.#random.next();
    this.nodes.push(await SimulatedNode.start(name, { server, cluster, timers, journal, random }));
  }

  /** The request takes effect later, and later still its answer arrives. */
  #deliver(request: HeldRequest): boolean {
    const way = () => this.#random.next() * this.#latencyMs;
    const arrives = this.timers.now() + way();
    const write = request.verb === 'create' || request.verb === 'patch';
    const served = write
      ? Math.max(arrives, this.#busyUntil.get(request.name) ?? 0) + this.#writeMs
      : arrives;
    if (write) {
      this.#busyUntil.set(request.name, served);
    }
    this.timers.after(served - this.timers.now(), () => {
      request.execute();
      this.timers.after(way(), () => request.answer());
    });
    return true;
  }
}
