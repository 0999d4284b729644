/**
 * Nodes that share their blocks, on an API server whose requests take effect late, twice looked at, or after their
 * sender has given up or died; nodes that are lost, people who edit what they should not, and those who free what
 * is left behind: agents and the controller. The seed decides everything, so a failing seed replays.
 */

import { LIMITS } from '../../src/catalogue/limits.ts';
import type { CniAnswer } from '../../src/ipam/cni-answer.ts';
import { freeKept } from '../../src/ipam/kept.ts';
import { OwnNodeFreeing } from '../../src/ipam/own-node-freeing.ts';
import type { Claim, Ledger } from '../../src/ipam/ports.ts';
import { deleteSpent } from '../../src/kube/block-deletion.ts';
import { agentLeaseName } from '../../src/kube/node-lease.ts';
import { LEASES } from '../../src/kube/resources.ts';
import { formatAddress } from '../../src/net/address.ts';
import { MemoryJournal } from '../support/memory-journal.ts';
import type { HeldRequest } from '../support/simulated-api-server.ts';
import { SimulatedCluster } from '../support/simulated-cluster.ts';
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
import { type EditCounts, HandEdits } from './hand-edits.ts';
import { startController } from './world-controller.ts';

const NODES = ['node-1', 'node-2', 'node-3'] as const;
const NAMESPACE = 'orbweaver';
const PODS = 8;
/** For every way of freeing that takes several looks. */
const LONG_ENOUGH_MS = 600_000;
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
  reboots: number;
  /** Nodes that were lost for good, and Node objects that were deleted while their node ran on. */
  lostNodes: number;
  absentNodes: number;
  /** Addresses that agents freed without a DEL, and those that the controller freed. */
  freedByAgents: number;
  freedByController: number;
}

type Trouble = 'lose' | 'drop' | 'busy' | 'crash' | 'forget' | 'jump' | 'edit' | 'garble' | 'lost';

/** The agent of a node: its present life. */
interface Agent {
  /** Undefined while it starts. */
  node: SimulatedNode | undefined;
  life: number;
  /** Its machine is gone. */
  lost: boolean;
  freeing: OwnNodeFreeing | undefined;
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
    reboots: 0,
    lostNodes: 0,
    absentNodes: 0,
    freedByAgents: 0,
    freedByController: 0,
  };
  readonly #random: Random;
  readonly #timers = new VirtualTimers();
  readonly #objects = new SimulatedCluster(this.#timers);
  readonly #server = this.#objects.blocks;
  readonly #edits: HandEdits;
  readonly #cluster = new WorldCluster();
  readonly #runtime = new Runtime();
  readonly #agents = new Map<string, Agent>();
  readonly #journals = new Map<string, MemoryJournal>();
  readonly #nodeOfPod = new Map<string, string>();
  readonly #nodeOfContainer = new Map<string, string>();
  readonly #uids = new Map<string, number>();
  /** Containers whose DEL never comes. */
  readonly #forgotten = new Set<string>();
  readonly #ghosts = new WeakSet<HeldRequest>();
  readonly #swarm: Record<Trouble, boolean>;
  #fault: string | undefined;

  constructor(seed: number) {
    this.#random = new Random(seed);
    const on = () => this.#random.chance(0.6);
    this.#swarm = {
      lose: on(),
      drop: on(),
      busy: on(),
      crash: on(),
      forget: on(),
      jump: on(),
      edit: on(),
      garble: on(),
      lost: on(),
    };
    this.#edits = new HandEdits(
      this.#server,
      this.#random,
      (node) => this.#agents.get(node)?.node !== undefined,
    );
    this.#cluster.keepsForLivePods = on();
    this.#cluster.putPool(poolOf('small', '172.18.0.0/24', ['172.18.0.61-172.18.0.66']));
    this.#cluster.putPool(poolOf('six', 'fd00::/64', ['fd00::1-fd00::ffff']));
    this.#server.holds = ({ client }) => client !== 'sweeper';
    const tell = this.#server.onChange;
    this.#server.onChange = (before, after) => {
      tell(before, after);
      this.#fault ??= this.#edits.follow(before, after);
    };
    for (let pod = 0; pod < PODS; pod += 1) {
      this.#replacePod(`pod-${pod}`);
    }
    for (const name of NODES) {
      this.#journals.set(name, new MemoryJournal());
      this.#agents.set(name, {
        node: undefined,
        life: 0,
        lost: false,
        freeing: undefined,
        calls: new Set(),
      });
      this.#register(name);
      this.#start(name);
      this.#renewLease(name);
    }
    startController({
      cluster: this.#objects,
      timers: this.#timers,
      random: () => this.#random.next(),
      namespace: NAMESPACE,
      onFreed: (count) => {
        this.counts.freedByController += count;
      },
    });
  }

  /** What people did to the blocks. */
  get edits(): EditCounts {
    return this.#edits.counts;
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
    } else if (roll < 0.503) {
      await this.#timers.advance(LIMITS.freeingPassMs);
    } else if (roll < 0.506 && this.#swarm.lost) {
      this.#loseNode();
    } else if (roll < 0.516) {
      this.#registerSome();
    } else if (roll < 0.522 && this.#swarm.edit) {
      this.#editBlocks();
    } else if (roll < 0.528 && this.#swarm.garble) {
      this.#garble();
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
    const { garbled, robbed, phantoms } = this.#edits;
    const without = (kind: 'all' | 'durable'): Pick<Runtime, 'in'> => ({
      in: (...states) =>
        this.#runtime
          .in(...states)
          .filter(({ container }) => !robbed.has(container))
          .filter(({ container }) => kind === 'all' || !garbled.has(container))
          .filter(({ container, state }) => state !== 'gone' || !phantoms.has(container)),
    });
    this.#fault ??=
      noAddressTwice(without('all')) ?? answersAreDurable(without('durable'), this.#truth());
  }

  #isSpoiled(container: string): boolean {
    const { garbled, robbed, phantoms } = this.#edits;
    return garbled.has(container) || robbed.has(container) || phantoms.has(container);
  }

  /** What etcd holds, lines that cannot be read among them. */
  #stored(): Ledger {
    const unreadable = this.#edits.unreadable().map((address) => ({ address }));
    return { claims: () => [...this.#edits.claims(), ...unreadable] } as unknown as Ledger;
  }

  /** What etcd holds for containers that nobody's edit has touched. */
  #unspoiled(): Ledger {
    const claims = () =>
      this.#edits.claims().filter(({ attachment }) => !this.#isSpoiled(attachment.containerId));
    return { claims } as unknown as Ledger;
  }

  /**
   * What etcd holds, but for claims whose DEL was answered: the kept ones, and those whose end is promised; with
   * claims of sandboxes that somebody removed and their agents will write again.
   */
  #truth(): Ledger {
    const promised = new Set(
      [...this.#journals.values()]
        .flatMap((journal) => journal.openDeletions())
        .map(({ deletion }) => deletion.attachment.containerId),
    );
    const up = new Set(this.#runtime.in('up').map(({ container }) => container));
    const missing = this.#edits
      .missing()
      .filter(({ attachment }) => up.has(attachment.containerId));
    const held = this.#edits
      .claims()
      .filter(({ kept, attachment }) => kept !== true && !promised.has(attachment.containerId));
    return { claims: () => [...held, ...missing] } as unknown as Ledger;
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
      if (this.#isSpoiled(sandbox.container)) {
        sandbox.addresses = addresses;
        sandbox.state = 'up';
        return;
      }
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
    const stoppable = this.#runtime
      .in('up', 'asked', 'over')
      .filter(({ container }) => !this.#forgotten.has(container));
    if (stoppable.length > 0) {
      this.#del(this.#random.pick(stoppable));
    }
  }

  #del(sandbox: Sandbox): void {
    if (this.#forgotten.has(sandbox.container)) {
      return;
    }
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
    const node = this.#random.pick(NODES.filter((at) => !this.#agents.get(at)?.lost));
    this.#nodeOfPod.set(name, node);
    this.#objects.put('Pod', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace: 'default', name, uid: this.#uidOf(name) },
    });
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
    this.#kill(name, agent);
    if (this.#random.chance(0.3)) {
      this.#reboot(name);
    }
    if (idle && this.#swarm.forget) {
      this.counts.forgotten += 1;
      this.#journals.set(name, new MemoryJournal());
    }
    this.#start(name);
  }

  /** The process is gone, and nobody hears what it asked for. */
  #kill(name: string, agent: Agent): void {
    agent.freeing?.stop();
    agent.node?.crash();
    agent.node = undefined;
    agent.life += 1;
    agent.calls.clear();
    this.#edits.forget(name);
    this.#journals.set(name, this.#journals.get(name)!.reopened());
    for (const request of this.#server.held) {
      if (request.client === name) {
        this.#ghosts.add(request);
        request.lose();
      }
    }
  }

  /** No sandbox outlives it, and of some the runtime has forgotten so much that their DEL never comes. */
  #reboot(name: string): void {
    this.counts.reboots += 1;
    for (const sandbox of this.#runtime.in('asked', 'up')) {
      if (this.#nodeOfContainer.get(sandbox.container) === name) {
        sandbox.state = 'over';
        if (this.#random.chance(0.5)) {
          this.#forgotten.add(sandbox.container);
        }
      }
    }
  }

  /** A machine is gone for good with all that ran on it, and its Node object; its pods are started elsewhere. */
  #loseNode(): void {
    const name = this.#random.pick(NODES.slice(1));
    const agent = this.#agents.get(name)!;
    if (agent.node === undefined) {
      return;
    }
    this.counts.lostNodes += 1;
    agent.lost = true;
    this.#kill(name, agent);
    for (const sandbox of this.#runtime.sandboxes) {
      if (this.#nodeOfContainer.get(sandbox.container) === name) {
        sandbox.state = 'over';
      }
    }
    this.#objects.remove('Node', name);
    this.#moveAway(name);
  }

  /** Pods of a node are deleted by force, without a word to the node. */
  #moveAway(node: string): void {
    for (const [pod, at] of [...this.#nodeOfPod]) {
      if (at === node) {
        this.#replacePod(pod);
      }
    }
  }

  /** A Node object comes, or goes although the node runs on. A machine that was lost is set up anew. */
  #registerSome(): void {
    const name = this.#random.pick(NODES);
    const agent = this.#agents.get(name)!;
    if (this.#objects.get('Node', name) !== undefined) {
      if (this.#swarm.lost && this.#random.chance(0.3)) {
        this.counts.absentNodes += 1;
        this.#objects.remove('Node', name);
        this.#moveAway(name);
      }
      return;
    }
    this.#register(name);
    if (agent.lost) {
      agent.lost = false;
      if (this.#random.chance(0.5)) {
        this.#journals.set(name, new MemoryJournal());
      }
      this.#start(name);
    }
  }

  #register(name: string): void {
    this.#objects.put('Node', { apiVersion: 'v1', kind: 'Node', metadata: { name } });
  }

  /** For as long as the machine runs: an agent that crashed is back before its Lease expires. */
  #renewLease(name: string): void {
    if (this.#agents.get(name)?.lost === false) {
      this.#objects.put(LEASES, {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { namespace: NAMESPACE, name: agentLeaseName(name) },
        spec: { leaseDurationSeconds: 30, renewTime: `${this.#timers.now()}` },
      });
    }
    this.#timers.after(LIMITS.leaseMs / 3, () => this.#renewLease(name));
  }

  #editBlocks(): void {
    if (this.#random.chance(0.3)) {
      this.#edits.removeBlock();
    } else {
      this.#edits.removeLine();
    }
  }

  #garble(): void {
    if (this.#random.chance(0.4)) {
      this.#edits.garble();
    } else {
      this.#repair();
    }
  }

  #repair(): void {
    const used = new Set(
      this.#runtime
        .in('up')
        .flatMap(({ addresses }) => addresses.map((text) => text.split('/')[0])),
    );
    this.#edits.repair((address) => used.has(formatAddress(address)), this.#timers.now());
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
          agent.freeing = this.#freeingOn(node);
        }
      },
      (error: unknown) => {
        this.#fault ??= `start of ${name}: ${error}`;
      },
    );
  }

  #freeingOn(node: SimulatedNode): OwnNodeFreeing {
    const here = ({ container }: Sandbox) => this.#nodeOfContainer.get(container) === node.name;
    const freeing = new OwnNodeFreeing({
      use: node.service.parts,
      timers: this.#timers,
      sandboxes: {
        ids: async () =>
          this.#runtime
            .in('asked', 'up')
            .filter(here)
            .map(({ container }) => container),
      },
      onFreed: (claims) => {
        this.counts.freedByAgents += claims.length;
      },
    });
    freeing.start();
    return freeing;
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
    const api = this.#server.client('sweeper');
    for (const block of [...this.#server.blocks.values()]) {
      this.counts.deletedBlocks += (await deleteSpent(api, block, this.#timers.now())) ? 1 : 0;
    }
  }

  /** Everything on its way arrives, everybody has time to free what is left, and all must be in order. */
  async #finish(): Promise<string | undefined> {
    await this.#calm();
    for (const sandbox of this.#runtime.in('over')) {
      this.#del(sandbox);
    }
    await this.#calm();
    this.#server.holds = () => false;
    await this.#lookAgain();
    await this.#timers.advance(LONG_ENOUGH_MS);
    await this.#lookAgain();
    this.#check();
    this.#fault ??= allOrNothing(this.#unspoiled()) ?? this.#nothingIsLost();
    for (const node of this.#running()) {
      this.#fault ??= this.#inOrder(node);
    }
    return this.#fault;
  }

  /** As every agent does once an hour. */
  async #lookAgain(): Promise<void> {
    await Promise.all(this.#running().map(({ ledger }) => ledger.refresh()));
    await this.#calm();
  }

  /** I7: what is held is held for a sandbox, or by a pod that lives. What was removed by hand is there again. */
  #nothingIsLost(): string | undefined {
    const running = new Set(this.#runtime.in('up', 'asked').map(({ container }) => container));
    for (const { address, attachment, owner, node } of this.#edits.claims()) {
      const lives = owner.uid === this.#uidOf(owner.pod) && !this.#agents.get(node)?.lost;
      if (!running.has(attachment.containerId) && !lives) {
        return `I7: ${formatAddress(address)} is held for ${attachment.containerId} of ${owner.uid} on ${node}`;
      }
    }
    const missing = this.#edits
      .missing()
      .filter(({ attachment }) => running.has(attachment.containerId));
    return missing[0] && `rule 13: the claim of ${missing[0].attachment.containerId} is missing`;
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
    const stored = own(this.#edits.claims());
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
      [...this.#agents.values()].some(
        ({ node, calls, lost }) => (node === undefined && !lost) || calls.size > 0,
      ) ||
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
