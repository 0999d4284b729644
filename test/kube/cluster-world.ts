/**
 * Two nodes that share their blocks, on an API server whose requests take effect late, twice looked at, or
 * after their sender has given up or died. The seed decides everything, so a failing seed replays.
 */

import { LIMITS } from '../../src/catalogue/limits.ts';
import type { CniAnswer } from '../../src/ipam/cni-answer.ts';
import { freeKept } from '../../src/ipam/kept.ts';
import type { Claim, Ledger } from '../../src/ipam/ports.ts';
import { deleteSpent } from '../../src/kube/block-deletion.ts';
import { storedClaims } from '../support/block-lines.ts';
import { MemoryJournal } from '../support/memory-journal.ts';
import { type HeldRequest, SimulatedApiServer } from '../support/simulated-api-server.ts';
import { SimulatedNode } from '../support/simulated-node.ts';
import { turn, VirtualTimers } from '../support/virtual-timers.ts';
import {
  allOrNothing,
  answersAreDurable,
  engineShowsLedger,
  noAddressTwice,
} from '../world/checkers.ts';
import { poolOf } from '../world/pools.ts';
import { Random } from '../world/random.ts';
import { Runtime, type Sandbox } from '../world/runtime.ts';
import { WorldCluster } from '../world/world-cluster.ts';

const NODES = ['node-1', 'node-2'] as const;
const PODS = 8;
const ANNOTATION = JSON.stringify({ ipv4: ['small'], ipv6: ['six'] });

export interface ClusterCounts {
  adds: number;
  /** ADDs that were answered with addresses. */
  given: number;
  dels: number;
  /** Requests whose answer was lost, and those that took effect after that. */
  lost: number;
  late: number;
  /** Requests that never arrived. */
  dropped: number;
  crashes: number;
  /** Of these, with a journal that was lost. */
  forgotten: number;
  /** Requests of a dead agent that took effect after its successor had started to look. */
  ghosts: number;
  /** DELs that were answered before they were written. */
  promised: number;
  /** Answers that the outcome was open when the call was given up. */
  unsettled: number;
  deletedBlocks: number;
}

/** The agent of a node: its present life. */
interface Agent {
  /** Undefined while it starts. */
  node: SimulatedNode | undefined;
  life: number;
  readonly calls: Set<Promise<void>>;
}

export class ClusterWorld {
  readonly counts: ClusterCounts = {
    adds: 0,
    given: 0,
    dels: 0,
    lost: 0,
    late: 0,
    dropped: 0,
    crashes: 0,
    forgotten: 0,
    ghosts: 0,
    promised: 0,
    unsettled: 0,
    deletedBlocks: 0,
  };
  readonly #random: Random;
  readonly #server = new SimulatedApiServer();
  readonly #timers = new VirtualTimers();
  readonly #cluster = new WorldCluster();
  readonly #runtime = new Runtime();
  readonly #agents = new Map<string, Agent>();
  readonly #journals = new Map<string, MemoryJournal>();
  readonly #nodeOfPod = new Map<string, string>();
  readonly #nodeOfContainer = new Map<string, string>();
  readonly #uids = new Map<string, number>();
  readonly #ghosts = new WeakSet<HeldRequest>();
  readonly #swarm: Record<'lose' | 'drop' | 'busy' | 'crash' | 'forget' | 'jump', boolean>;
  #fault: string | undefined;

  constructor(seed: number) {
    this.#random = new Random(seed);
    const on = () => this.#random.chance(0.6);
    this.#swarm = { lose: on(), drop: on(), busy: on(), crash: on(), forget: on(), jump: on() };
    this.#cluster.keepsForLivePods = on();
    this.#cluster.putPool(poolOf('small', '172.18.0.0/24', ['172.18.0.61-172.18.0.66']));
    this.#cluster.putPool(poolOf('six', 'fd00::/64', ['fd00::1-fd00::ffff']));
    this.#server.holds = ({ client }) => client !== 'controller';
    this.#server.onChange = (before, after) => {
      for (const slot of Object.keys(before?.spec.slots ?? {})) {
        if (after !== undefined && !(slot in after.spec.slots)) {
          this.#fault ??= `rule 9: slot ${slot} of ${after.metadata.name} became absent`;
        }
      }
    };
    for (let pod = 0; pod < PODS; pod += 1) {
      this.#replacePod(`pod-${pod}`);
    }
    for (const name of NODES) {
      this.#journals.set(name, new MemoryJournal());
      this.#agents.set(name, { node: undefined, life: 0, calls: new Set() });
      this.#start(name);
    }
  }

  /** Runs `steps` random steps, lets everything finish, and returns the first broken promise. */
  async run(steps: number): Promise<string | undefined> {
    for (let step = 0; step < steps && this.#fault === undefined; step += 1) {
      await this.#step();
      await turn();
      this.#check();
    }
    return this.#fault ?? (await this.#finish());
  }

  async #step(): Promise<void> {
    const roll = this.#random.next();
    if (roll < 0.18) {
      this.#startSandbox();
    } else if (roll < 0.3) {
      this.#stopSandbox();
    } else if (roll < 0.34) {
      this.#repeatAdd();
    } else if (roll < 0.36) {
      this.#endPod();
    } else if (roll < 0.38) {
      this.#collect();
    } else if (roll < 0.46) {
      await this.#timers.advance(this.#random.below(2_000));
    } else if (roll < 0.47) {
      await this.#timers.advance(LIMITS.apiCommitMs);
    } else if (roll < 0.48) {
      void this.#running()[0]?.ledger.refresh();
    } else if (roll < 0.49 && this.#swarm.crash) {
      this.#crash();
    } else if (roll < 0.493 && this.#swarm.jump) {
      await this.#sweepBlocks();
    } else {
      this.#serve();
    }
  }

  /** Something happens to one of the requests that are on their way. */
  #serve(): void {
    const { held } = this.#server;
    if (held.length === 0) {
      return;
    }
    const request = this.#random.pick(held);
    if (request.answered) {
      this.#land(request);
      return;
    }
    const roll = this.#random.next();
    if (roll < 0.1 && this.#swarm.lose) {
      this.counts.lost += 1;
      if (this.#random.chance(0.4)) {
        request.execute();
      }
      request.lose();
    } else if (roll < 0.14 && this.#swarm.drop) {
      this.#drop(request);
    } else if (roll < 0.18 && this.#swarm.busy) {
      request.fail({ kind: 'busy', retryAfterMs: this.#random.below(500) });
    } else {
      request.answer();
    }
  }

  /** A request takes effect of which nobody will hear. */
  #land(request: HeldRequest): void {
    this.counts.late += 1;
    this.counts.ghosts += this.#ghosts.has(request) ? 1 : 0;
    request.execute();
  }

  #drop(request: HeldRequest): void {
    this.counts.dropped += 1;
    request.fail({ kind: 'unknown', reason: 'simulated: it never arrived' });
  }

  #check(): void {
    this.#fault ??=
      noAddressTwice(this.#runtime) ?? answersAreDurable(this.#runtime, this.#truth());
  }

  /** What etcd holds. */
  #stored(): Ledger {
    return { claims: () => storedClaims(this.#server) } as unknown as Ledger;
  }

  /** What etcd holds, but for claims whose DEL was answered: the kept ones, and those whose end is promised. */
  #truth(): Ledger {
    const promised = new Set(
      [...this.#journals.values()]
        .flatMap((journal) => journal.openDeletions())
        .map(({ deletion }) => deletion.attachment.containerId),
    );
    const claims = () =>
      storedClaims(this.#server).filter(
        ({ kept, attachment }) => kept !== true && !promised.has(attachment.containerId),
      );
    return { claims } as unknown as Ledger;
  }

  #startSandbox(): void {
    const pod = `pod-${this.#random.below(PODS)}`;
    if (this.#random.chance(0.2)) {
      this.#replacePod(pod);
    }
    const sandbox = this.#runtime.create(pod, this.#uidOf(pod), 'eth0');
    this.#nodeOfContainer.set(sandbox.container, this.#nodeOfPod.get(pod)!);
    this.#add(sandbox);
  }

  #repeatAdd(): void {
    const up = this.#runtime.in('up', 'asked');
    if (up.length > 0) {
      this.#add(this.#random.pick(up));
    }
  }

  #add(sandbox: Sandbox): void {
    this.counts.adds += 1;
    this.#call('ADD', sandbox, (answer) => {
      if (!answer.ok || sandbox.state === 'over' || sandbox.state === 'gone') {
        return;
      }
      this.counts.given += 1;
      const result = answer.result as { ips: { address: string }[] };
      const addresses = result.ips.map(({ address }) => address).sort();
      if (addresses.length !== 2) {
        this.#fault ??= `I5: ${sandbox.container} was given [${addresses}]`;
      }
      if (sandbox.state === 'up' && `${addresses}` !== `${sandbox.addresses}`) {
        this.#fault ??= `I4: ${sandbox.container} had [${sandbox.addresses}], then got [${addresses}]`;
      }
      sandbox.addresses = addresses;
      sandbox.state = 'up';
    });
  }

  #stopSandbox(): void {
    const stoppable = this.#runtime.in('up', 'asked', 'over');
    if (stoppable.length > 0) {
      this.#del(this.#random.pick(stoppable));
    }
  }

  #del(sandbox: Sandbox): void {
    sandbox.state = 'over';
    this.counts.dels += 1;
    this.#call('DEL', sandbox, (answer) => {
      if (answer.ok) {
        sandbox.state = 'gone';
      }
    });
  }

  /** CNI GC on a node none of whose calls is in progress, as the runtime guarantees. */
  #collect(): void {
    const [name, agent] = this.#random.pick([...this.#agents]);
    if (agent.node === undefined || agent.calls.size > 0) {
      return;
    }
    const here = ({ container }: Sandbox) => this.#nodeOfContainer.get(container) === name;
    const valid = this.#runtime
      .in('up', 'asked')
      .filter(here)
      .map(({ container, interfaceName }) => ({ containerID: container, ifname: interfaceName }));
    const call = agent.node.call('GC', { config: { 'cni.dev/valid-attachments': valid } });
    this.#follow(agent, call, () => {});
  }

  #call(verb: 'ADD' | 'DEL', sandbox: Sandbox, heard: (answer: CniAnswer) => void): void {
    const agent = this.#agents.get(this.#nodeOfContainer.get(sandbox.container)!)!;
    if (agent.node === undefined) {
      return;
    }
    const { pod, uid, container, interfaceName } = sandbox;
    const stated = verb === 'DEL' && this.#random.chance(0.3) ? '' : uid;
    const call = agent.node.call(verb, { pod, uid: stated, container, interfaceName });
    this.#follow(agent, call, (answer) => {
      const promises = this.#journals.get(this.#nodeOfContainer.get(container)!)!.openDeletions();
      const isPromise = promises.some(
        ({ deletion }) => deletion.attachment.containerId === container,
      );
      this.counts.promised += isPromise ? 1 : 0;
      heard(answer);
    });
  }

  #follow(agent: Agent, call: Promise<CniAnswer>, heard: (answer: CniAnswer) => void): void {
    const { life } = agent;
    const followed = call.then((answer) => {
      agent.calls.delete(followed);
      if (agent.life !== life) {
        return;
      }
      if (!answer.ok) {
        const { msg, details } = answer.error;
        this.counts.unsettled += /did not answer within/.test(msg) ? 1 : 0;
        if (answer.code === 'INTERNAL') {
          this.#fault ??= `${msg} ${details}`;
        }
      }
      heard(answer);
    });
    agent.calls.add(followed);
  }

  #uidOf(pod: string): string {
    return `${pod}-${this.#uids.get(pod)}`;
  }

  /** A pod of the same name is created anew, perhaps on the other node; kept claims of the old one go. */
  #replacePod(name: string): void {
    this.#uids.set(name, (this.#uids.get(name) ?? 0) + 1);
    const before = this.#nodeOfPod.get(name);
    const node = this.#random.pick(NODES);
    this.#nodeOfPod.set(name, node);
    this.#cluster.putPod({
      namespace: 'default',
      name,
      uid: this.#uidOf(name),
      node,
      labels: {},
      annotations: { 'ipam.spidernet.io/ippool': ANNOTATION },
      dead: false,
      controller: { kind: 'Pod', name },
    });
    this.#tellEnd(before, name);
  }

  #endPod(): void {
    const name = `pod-${this.#random.below(PODS)}`;
    for (const sandbox of this.#runtime.ofPod(name)) {
      if (sandbox.state !== 'gone') {
        this.#del(sandbox);
      }
    }
    this.#replacePod(name);
  }

  #tellEnd(nodeName: string | undefined, pod: string): void {
    const agent = this.#agents.get(nodeName ?? '');
    if (agent?.node !== undefined) {
      freeKept(agent.node.service.parts, 'default', pod).catch(() => {
        // It is told again at the end.
      });
    }
  }

  #running(): SimulatedNode[] {
    return [...this.#agents.values()].flatMap(({ node }) => node ?? []);
  }

  #crash(): void {
    const name = this.#random.pick(NODES);
    const agent = this.#agents.get(name)!;
    if (agent.node === undefined) {
      return;
    }
    this.counts.crashes += 1;
    const journal = this.#journals.get(name)!;
    const settled = journal.open().length === 0 && journal.openDeletions().length === 0;
    const idle = agent.calls.size === 0 && settled;
    agent.node.crash();
    agent.node = undefined;
    agent.life += 1;
    agent.calls.clear();
    this.#journals.set(name, journal.reopened());
    if (idle && this.#swarm.forget) {
      this.counts.forgotten += 1;
      this.#journals.set(name, new MemoryJournal());
    }
    for (const request of this.#server.held) {
      if (request.client === name) {
        this.#ghosts.add(request);
        request.lose();
      }
    }
    this.#start(name);
  }

  #start(name: string): void {
    const agent = this.#agents.get(name)!;
    const { life } = agent;
    const journal = this.#journals.get(name)!;
    const parts = {
      server: this.#server,
      cluster: this.#cluster,
      timers: this.#timers,
      journal,
      random: () => this.#random.next(),
    };
    SimulatedNode.start(name, parts).then(
      (node) => {
        if (agent.life === life) {
          agent.node = node;
        }
      },
      (error: unknown) => {
        this.#fault ??= `start of ${name}: ${error}`;
      },
    );
  }

  /** An hour and more passes, in which no request survives, and the controller looks for empty blocks. */
  async #sweepBlocks(): Promise<void> {
    for (const request of [...this.#server.held]) {
      if (this.#random.chance(0.5)) {
        this.#drop(request);
      } else {
        request.answer();
      }
    }
    await this.#timers.advance(LIMITS.blockKeptMs + LIMITS.restMs + 60_000);
    const api = this.#server.client('controller');
    for (const block of [...this.#server.blocks.values()]) {
      this.counts.deletedBlocks += (await deleteSpent(api, block, this.#timers.now())) ? 1 : 0;
    }
  }

  /** Everything on its way arrives, and what is left must be in order. */
  async #finish(): Promise<string | undefined> {
    await this.#calm();
    for (const agent of this.#agents.values()) {
      for (let pod = 0; pod < PODS; pod += 1) {
        const freeing = freeKept(agent.node!.service.parts, 'default', `pod-${pod}`);
        void freeing.catch((error: unknown) => {
          this.#fault ??= `freeing of kept claims: ${error}`;
        });
      }
    }
    await this.#calm();
    for (const node of this.#running()) {
      void node.ledger.refresh();
    }
    await this.#calm();
    this.#check();
    this.#fault ??= allOrNothing(this.#stored());
    for (const node of this.#running()) {
      this.#fault ??= this.#inOrder(node);
    }
    return this.#fault;
  }

  #inOrder(node: SimulatedNode): string | undefined {
    const own = (claims: Iterable<Claim>) =>
      JSON.stringify(
        [...claims]
          .filter((claim) => claim.node === node.name)
          .map(keyOf)
          .sort(),
      );
    const seen = own(node.ledger.claims());
    const stored = own(storedClaims(this.#server));
    const journal = this.#journals.get(node.name)!;
    const open = [...journal.open(), ...journal.openDeletions()];
    return seen !== stored
      ? `${node.name} sees ${seen}, etcd has ${stored}`
      : open.length > 0
        ? `${node.name}: its journal holds ${JSON.stringify(open)}`
        : engineShowsLedger(node.allocator, this.#stored(), this.#cluster.pools());
  }

  async #calm(): Promise<void> {
    const busy = () =>
      this.#server.held.length > 0 ||
      [...this.#agents.values()].some(({ node, calls }) => node === undefined || calls.size > 0) ||
      this.#running().some(({ service }) => service.queueDepth > 0);
    for (let round = 0; busy() && this.#fault === undefined; round += 1) {
      if (round > 2_000) {
        this.#fault = 'it does not come to rest';
      }
      for (const request of [...this.#server.held]) {
        request.answer();
      }
      await this.#timers.advance(200);
      this.#check();
    }
  }
}

function keyOf({ address, nonce }: Claim): string {
  return `${address.join('.')} ${nonce}`;
}
