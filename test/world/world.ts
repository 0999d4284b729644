/**
 * One machine in a nutshell: a virtual clock, a runtime that starts and stops sandboxes, a ledger whose
 * commits land late, fail or go unheard, an agent that dies, an engine that traps. The seed decides
 * everything, so a failing seed replays.
 */
import { Engine } from '../../src/engine/engine.ts';
import { EngineLost } from '../../src/engine/engine-lost.ts';
import { Allocator } from '../../src/ipam/allocator.ts';
import type { CniAnswer } from '../../src/ipam/cni-answer.ts';
import type { Ledger, UnitWrite } from '../../src/ipam/ports.ts';
import { IpamService } from '../../src/ipam/service.ts';
import { parseAddress } from '../../src/net/address.ts';
import { RangeSet } from '../../src/net/range-set.ts';
import {
  allOrNothing,
  answersAreDurable,
  claimsLieInOwnUnits,
  engineShowsLedger,
  noAddressTwice,
  type RestEnd,
  restYieldsOnlyWhenFull,
  unitsShowLedger,
} from './checkers.ts';
import { GatedLedger, turn } from './gated-ledger.ts';
import { calicoPools, worldPools } from './pools.ts';
import { Random } from './random.ts';
import { Runtime, type Sandbox } from './runtime.ts';
import { WorldCluster } from './world-cluster.ts';

const NODE = 'node-1';
const PODS = 12;
/** Pods of Calico's pools, every other one, are spread over these. */
const NODES = [NODE, 'node-2', 'node-3'] as const;
const ANNOTATION = JSON.stringify({ ipv4: ['small', 'large'], ipv6: ['six'] });
const CALICO = 'cni.projectcalico.org/';
const CALICO_ANNOTATIONS = {
  [`${CALICO}ipv4pools`]: JSON.stringify(['two-units']),
  [`${CALICO}ipv6pools`]: JSON.stringify(['wide-units']),
  [`${CALICO}ipFamilies`]: JSON.stringify(['IPv4', 'IPv6']),
};

export interface WorldCounts {
  adds: number;
  dels: number;
  restarts: number;
  traps: number;
  failures: number;
  /** Units that a node claimed, and those among them that it took over from another. */
  units: number;
  takeovers: number;
}

export class World {
  readonly counts: WorldCounts = {
    adds: 0,
    dels: 0,
    restarts: 0,
    traps: 0,
    failures: 0,
    units: 0,
    takeovers: 0,
  };
  readonly #random: Random;
  readonly #truth: Ledger;
  readonly #cluster = new WorldCluster();
  readonly #runtime = new Runtime();
  readonly #calls = new Set<Promise<void>>();
  readonly #swarm: Record<'fail' | 'restart' | 'trap' | 'edit' | 'hangUp', boolean>;
  readonly #unitsSeen = new WeakSet<UnitWrite>();
  #now = 1_000_000_000_000;
  #nonces = 0;
  /** Grows with every restart: an answer of an earlier agent reaches nobody. */
  #life = 0;
  #fault: string | undefined;
  #engine!: Engine;
  #ledger!: GatedLedger;
  #allocator!: Allocator;
  #service!: IpamService;

  constructor(seed: number, truth: Ledger) {
    this.#random = new Random(seed);
    this.#truth = truth;
    const on = () => this.#random.chance(0.6);
    this.#swarm = { fail: on(), restart: on(), trap: on(), edit: on(), hangUp: on() };
    for (const pool of worldPools()) {
      this.#cluster.putPool(pool);
    }
    for (let pod = 0; pod < PODS; pod++) {
      this.#replacePod(`pod-${pod}`);
    }
    this.#boot();
  }

  /** Runs `steps` random steps, lets everything finish, and returns the first broken promise. */
  async run(steps: number): Promise<string | undefined> {
    for (let step = 0; step < steps && this.#fault === undefined; step++) {
      await this.#step();
      this.#fault ??= this.#check();
    }
    while (this.#calls.size > 0 && this.#fault === undefined) {
      await this.#ledger.pass(0, 'none');
      await turn();
      this.#fault ??= this.#check();
    }
    const pools = this.#cluster.pools();
    return (
      this.#fault ??
      allOrNothing(this.#truth) ??
      engineShowsLedger(this.#allocator, this.#truth, pools) ??
      unitsShowLedger(this.#allocator, this.#truth, pools)
    );
  }

  async #step(): Promise<void> {
    const roll = this.#random.next();
    if (roll < 0.3) {
      this.#startSandbox();
    } else if (roll < 0.5) {
      this.#stopSandbox();
    } else if (roll < 0.56) {
      this.#repeatAdd();
    } else if (roll < 0.6) {
      this.#collect();
    } else if (roll < 0.66) {
      this.#now += this.#random.below(20_000);
    } else if (roll < 0.68 && this.#swarm.edit) {
      this.#edit();
    } else if (roll < 0.7 && this.#swarm.trap) {
      this.#trap();
    } else if (roll < 0.71 && this.#swarm.restart) {
      await this.#restart();
    } else {
      await this.#pass();
    }
  }

  #check(): string | undefined {
    return noAddressTwice(this.#runtime) ?? answersAreDurable(this.#runtime, this.#truth);
  }

  async #pass(): Promise<void> {
    const fail = this.#swarm.fail && this.#random.chance(0.1);
    this.counts.failures += fail ? 1 : 0;
    const index = this.#random.below(Math.max(1, this.#ledger.waiting));
    await this.#ledger.pass(index, fail ? 'store failure' : 'none');
  }

  #startSandbox(): void {
    const name = `pod-${this.#random.below(PODS)}`;
    const uid = this.#random.chance(0.2) ? this.#replacePod(name) : this.#uidOf(name);
    const sandbox = this.#runtime.create(name, uid, 'eth0');
    const hangsUp = this.#swarm.hangUp && this.#random.chance(0.1);
    this.#add(sandbox, hangsUp);
  }

  /** The runtime lost an answer and asks again for the same sandbox. */
  #repeatAdd(): void {
    const up = this.#runtime.in('up', 'asked');
    if (up.length > 0) {
      this.#add(this.#random.pick(up), false);
    }
  }

  #add(sandbox: Sandbox, hangsUp: boolean): void {
    this.counts.adds += 1;
    this.#call('ADD', sandbox, hangsUp, (answer) => {
      if (!answer.ok || hangsUp || sandbox.state === 'over' || sandbox.state === 'gone') {
        return;
      }
      const result = answer.result as { ips: { address: string }[] };
      const addresses = result.ips.map((item) => item.address).sort();
      if (sandbox.state === 'up' && `${addresses}` !== `${sandbox.addresses}`) {
        this.#fault ??= `I4: ${sandbox.container} had [${sandbox.addresses}], asked again and got [${addresses}]`;
      }
      sandbox.addresses = addresses;
      sandbox.state = 'up';
    });
  }

  #stopSandbox(): void {
    const stoppable = this.#runtime.in('up', 'asked', 'over');
    if (stoppable.length === 0) {
      return;
    }
    const sandbox = this.#random.pick(stoppable);
    sandbox.state = 'over';
    this.counts.dels += 1;
    this.#call('DEL', sandbox, false, (answer) => {
      if (answer.ok) {
        sandbox.state = 'gone';
      }
    });
  }

  /** CNI GC, while nothing of the network is in flight, as the runtime guarantees. */
  #collect(): void {
    if (this.#calls.size > 0) {
      return;
    }
    const here = (sandbox: Sandbox) => this.#nodeOf(sandbox.pod) === NODE;
    const live = this.#runtime.in('up', 'asked').filter(here);
    const valid = live.map((sandbox) => ({
      containerID: sandbox.container,
      ifname: sandbox.interfaceName,
    }));
    const stale = this.#runtime.in('over').filter(here);
    this.#send('GC', {}, { 'cni.dev/valid-attachments': valid }, false, (answer) => {
      for (const sandbox of answer.ok ? stale : []) {
        sandbox.state = 'gone';
      }
    });
  }

  #call(
    command: string,
    sandbox: Sandbox,
    gone: boolean,
    heard: (answer: CniAnswer) => void,
  ): void {
    const env = {
      CNI_CONTAINERID: sandbox.container,
      CNI_IFNAME: sandbox.interfaceName,
      CNI_NETNS: '/run/netns/x',
      CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${sandbox.pod};K8S_POD_UID=${
        command === 'DEL' && this.#random.chance(0.3) ? '' : sandbox.uid
      }`,
    };
    this.#send(command, env, {}, gone, heard);
  }

  #send(
    command: string,
    env: Record<string, string>,
    config: object,
    gone: boolean,
    heard: (answer: CniAnswer) => void,
  ): void {
    const life = this.#life;
    const call = this.#service
      .call({
        calledAs: 'orbweaver',
        command,
        env,
        ownNetns: false,
        config: JSON.stringify({ cniVersion: '1.1.0', name: 'net', ipam: {}, ...config }),
        gone: () => gone,
        deadline: this.#now + 30_000_000,
      })
      .then((answer) => {
        this.#calls.delete(call);
        if (life === this.#life) {
          if (!answer.ok && answer.code === 'INTERNAL') {
            this.#fault ??= `${command}: ${answer.error.msg} ${answer.error.details}`;
          }
          heard(answer);
        }
      });
    this.#calls.add(call);
  }

  #uidOf(name: string): string {
    return `${name}-${this.#uids.get(name)}`;
  }

  readonly #uids = new Map<string, number>();

  /** A pod of the same name is created anew, with another uid. */
  #replacePod(name: string): string {
    this.#uids.set(name, (this.#uids.get(name) ?? 0) + 1);
    const uid = this.#uidOf(name);
    const calico = isCalicoPod(name);
    this.#cluster.putPod({
      namespace: 'default',
      name,
      uid,
      node: this.#nodeOf(name),
      labels: {},
      annotations: calico ? CALICO_ANNOTATIONS : { 'ipam.spidernet.io/ippool': ANNOTATION },
      dead: false,
      controller: { kind: 'Pod', name },
    });
    return uid;
  }

  #nodeOf(pod: string): string {
    return isCalicoPod(pod) ? (NODES[numberOf(pod) % NODES.length] as string) : NODE;
  }

  #edit(): void {
    if (this.#random.chance(0.3)) {
      const unitRules = {
        strictAffinity: this.#random.chance(0.5),
        autoAllocateBlocks: true,
        maxBlocksPerHost: this.#random.pick([1, 2, 20]),
      };
      for (const pool of calicoPools(unitRules)) {
        this.#cluster.putPool(pool);
      }
      return;
    }
    const pool = this.#random.pick(this.#cluster.pools());
    if (this.#random.chance(0.5)) {
      this.#cluster.putPool({ ...pool, disabled: !pool.disabled });
    } else {
      const first = parseAddress('172.18.0.10')!;
      const reserve = this.#random.chance(0.5)
        ? RangeSet.of([{ first, last: first }])
        : RangeSet.empty;
      this.#cluster.reserve(4, reserve);
    }
  }

  /** Releasing what is not used is a broken invariant, so the instance traps and is lost. */
  #trap(): void {
    this.counts.traps += 1;
    try {
      this.#engine.unclaim(parseAddress('203.0.113.1')!);
    } catch (error) {
      if (!(error instanceof EngineLost)) {
        throw error;
      }
    }
  }

  async #restart(): Promise<void> {
    this.counts.restarts += 1;
    this.#life += 1;
    this.#calls.clear();
    await this.#ledger.abandon(() => this.#random.chance(0.5));
    this.#now += this.#random.below(3) === 0 ? -5_000 : 2_000;
    this.#boot();
  }

  /** Rule 9: where the clock was set back, a rest that began in the future begins when an agent finds it. */
  #restEndFromNowOn(): RestEnd {
    const found = this.#now;
    const inFuture = new Set(
      [...this.#truth.resting()].flatMap(({ releasedAt, nonce }) =>
        releasedAt > found ? [nonce] : [],
      ),
    );
    return ({ releasedAt, until, nonce }) =>
      inFuture.has(nonce) ? found + until - releasedAt : until;
  }

  #boot(): void {
    this.#ledger = new GatedLedger(this.#truth);
    const clock = { now: () => this.#now };
    const life = this.#life;
    const restEnd = this.#restEndFromNowOn();
    this.#allocator = new Allocator({ ledger: this.#ledger, cluster: this.#cluster, clock }, () => {
      const engine = Engine.load();
      // A call of an earlier agent may still make that agent replace its own.
      this.#engine = life === this.#life ? engine : this.#engine;
      return engine;
    });
    this.#ledger.onCommit = (writes, units) => {
      if (life !== this.#life) {
        return;
      }
      const pools = this.#cluster.pools();
      const newUnits = units.filter((write) => !this.#unitsSeen.has(write));
      this.#fault ??= restYieldsOnlyWhenFull(writes, this.#now, this.#allocator, pools, restEnd);
      this.#fault ??= claimsLieInOwnUnits({
        writes,
        units: [...this.#ledger.unitsOnTheirWay(), ...units],
        newUnits,
        ledger: this.#truth,
        engine: this.#engine,
        allocator: this.#allocator,
        pools,
        now: this.#now,
        restEnd,
      });
      this.counts.units += newUnits.length;
      this.counts.takeovers += newUnits.filter(({ was }) => was !== undefined).length;
      for (const write of newUnits) {
        this.#unitsSeen.add(write);
      }
    };
    this.#service = new IpamService({
      ledger: this.#ledger,
      cluster: this.#cluster,
      allocator: this.#allocator,
      clock,
      node: NODE,
      nonce: () => `n${this.#nonces++}`,
    });
  }
}

function numberOf(pod: string): number {
  return Number(pod.slice(pod.lastIndexOf('-') + 1));
}

function isCalicoPod(pod: string): boolean {
  return numberOf(pod) % 2 === 1;
}
