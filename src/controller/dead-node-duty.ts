/**
 * Addresses of nodes that are gone (DESIGN section 4 rule 15, invariant I7). An agent frees what its own node has
 * lost; of a node that is gone for good there is no agent left, so the leading controller does it.
 *
 * The divergence that this file repairs: a claim whose holder is gone and whose node cannot say so any more. All
 * of this must hold, by live reads, twice and a minute apart:
 * - the Node object is gone, and the Lease of its agent expired (gone-nodes.ts);
 * - the pod is gone, or another one has its name.
 *
 * A node that is cut off while somebody deletes its Node object runs its pods on, and looks just like this. That
 * remains a limit, as it is for Kubernetes itself: only fencing the machine removes it.
 *
 * A pass that would free an implausible share of all claims frees none and says so: then it is more likely that
 * the objects were lost than that the nodes were.
 */
import { LIMITS } from '../catalogue/limits.ts';
import type { Log } from '../http/log.ts';
import { restMsOf } from '../ipam/pool-of-claim.ts';
import type { Claim, Resting } from '../ipam/ports.ts';
import type { Timers } from '../ipam/timers.ts';
import { BlockCache } from '../kube/block-cache.ts';
import { BlockLane } from '../kube/block-lane.ts';
import { blockName } from '../kube/ip-block.ts';
import { RequestGate } from '../kube/request-gate.ts';
import { blockOf, formatAddress } from '../net/address.ts';
import type { ClusterAccess, Duty } from './access.ts';
import { type ClaimsView, type PodName, podKey } from './claims-view.ts';
import type { GoneNodes } from './gone-nodes.ts';
import type { Herald } from './herald.ts';
import type { PodOwners } from './pod-owners.ts';
import type { PoolsView } from './pools-view.ts';
import { RegularPasses } from './regular-passes.ts';

export interface DeadNodeDutyParts {
  readonly access: ClusterAccess;
  readonly claims: ClaimsView;
  readonly pools: PoolsView;
  readonly owners: Pick<PodOwners, 'read'>;
  readonly herald: Pick<Herald, 'say'>;
  readonly nodes: Pick<GoneNodes, 'synced' | 'isAbsent' | 'isGone'>;
  /** Events about no object in particular are said of it. */
  readonly namespace: string;
  /** Monotonic. */
  readonly timers: Timers;
  readonly random: () => number;
  readonly nonce: () => string;
  readonly log: Pick<Log, 'warn' | 'info'>;
  /** Told how many addresses were freed. */
  readonly onFreed: (count: number) => void;
}

/** A claim as it was seen without a holder. */
interface Sighting {
  readonly nonce: string;
  readonly since: number;
}

export class DeadNodeDuty implements Duty {
  readonly #parts: DeadNodeDutyParts;
  readonly #gate = new RequestGate(LIMITS.projectionWorkers);
  /** By address. */
  readonly #sightings = new Map<string, Sighting>();
  readonly #lanes = new Set<BlockLane>();
  readonly #passes: RegularPasses;

  constructor(parts: DeadNodeDutyParts) {
    this.#parts = parts;
    this.#passes = new RegularPasses({
      timers: parts.timers,
      everyMs: LIMITS.deadNodePassMs,
      pass: () => this.#pass(),
    });
  }

  start(): void {
    this.#passes.start(this.#parts.nodes.synced);
  }

  async stop(): Promise<void> {
    const ended = this.#passes.stop();
    for (const lane of this.#lanes) {
      lane.close();
    }
    await ended;
  }

  async #pass(): Promise<void> {
    const suspects = await this.#suspects();
    const seen = new Map(suspects.map((claim) => [formatAddress(claim.address), claim.nonce]));
    for (const [address, { nonce }] of this.#sightings) {
      if (seen.get(address) !== nonce) {
        this.#sightings.delete(address);
      }
    }
    const { timers } = this.#parts;
    const due: Claim[] = [];
    for (const claim of suspects) {
      const key = formatAddress(claim.address);
      const first = this.#sightings.get(key);
      if (first === undefined) {
        this.#sightings.set(key, { nonce: claim.nonce, since: timers.now() });
      } else if (timers.now() - first.since >= LIMITS.deadNodeWaitMs) {
        due.push(claim);
      }
    }
    if (due.length > 0 && !this.#passes.isStopped && this.#isPlausible(due)) {
      await this.#free(due);
    }
  }

  /** Claims that nobody can answer for any more, as seen now. */
  async #suspects(): Promise<Claim[]> {
    const byNode = new Map<string, Claim[]>();
    for (const claim of this.#parts.claims.claims()) {
      const absent = this.#parts.nodes.isAbsent(claim.node);
      if (claim.node !== '' && claim.owner.pod !== '' && absent) {
        byNode.set(claim.node, [...(byNode.get(claim.node) ?? []), claim]);
      }
    }
    const suspects: Claim[] = [];
    for (const [node, claims] of byNode) {
      if (!this.#passes.isStopped && (await this.#parts.nodes.isGone(node))) {
        const gone = await Promise.all(claims.map((claim) => this.#isWithoutPod(claim)));
        suspects.push(...claims.filter((_, at) => gone[at]));
      }
    }
    return suspects;
  }

  async #isWithoutPod({ owner }: Claim): Promise<boolean> {
    const pod: PodName = { namespace: owner.namespace, name: owner.pod };
    const found = await this.#gate.run(() => this.#parts.owners.read(pod));
    if (found === 'away') {
      return false;
    }
    return found === 'gone' || (owner.uid !== '' && !found.uids.includes(owner.uid));
  }

  #isPlausible(due: readonly Claim[]): boolean {
    const { claims, herald, log, namespace } = this.#parts;
    const most = Math.max(
      LIMITS.freedAlwaysMax,
      Math.floor((claims.size * LIMITS.freedSharePercent) / 100),
    );
    if (due.length <= most) {
      return true;
    }
    const nodes = [...new Set(due.map(({ node }) => node))].sort();
    const message = `${due.length} of ${claims.size} addresses are held for nodes that are gone, and no more than ${most} are freed at once: nothing is freed. Check that the nodes are gone (${nodes.join(', ')}); then free the addresses with orbweaver ipam release --ip`;
    log.warn({ nodes, claims: due.length, of: claims.size }, message);
    herald.say({
      object: {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: namespace },
      },
      type: 'Warning',
      reason: 'FreeingStopped',
      message,
    });
    return false;
  }

  async #free(due: readonly Claim[]): Promise<void> {
    const blocks = new Map<string, Claim[]>();
    for (const claim of due) {
      const name = blockName(blockOf(claim.address));
      blocks.set(name, [...(blocks.get(name) ?? []), claim]);
    }
    await Promise.all(
      Array.from(blocks, ([name, claims]) => this.#gate.run(() => this.#freeInBlock(name, claims))),
    );
  }

  async #freeInBlock(name: string, claims: readonly Claim[]): Promise<void> {
    const { access, timers, random, pools, log } = this.#parts;
    const read = await access.blocks.get(name);
    if (read.kind !== 'ok' || this.#passes.isStopped) {
      return;
    }
    const first = blockOf(claims[0]!.address);
    // A copy of its own: what the watch brings must not be passed over because an answer brought it before.
    const cache = new BlockCache();
    cache.put(read.value);
    const gate = new RequestGate(1);
    const lane = new BlockLane(
      first,
      {
        api: access.blocks,
        cache,
        gate,
        timers: { now: () => access.clock.now(), after: (ms, wake) => timers.after(ms, wake) },
        random,
      },
      () => {},
    );
    this.#lanes.add(lane);
    const ends = await Promise.allSettled(
      claims.map((claim) => {
        const now = this.#restOf(claim, restMsOf(pools.poolOf(claim)));
        return lane.submit({ first, writes: [{ was: claim, now }], units: [] }).end;
      }),
    );
    this.#lanes.delete(lane);
    const freed = claims.filter((_, at) => {
      const end = ends[at]!;
      return end.status === 'fulfilled' && end.value.kind === 'landed';
    });
    for (const { address, node, owner } of freed) {
      const pod = podKey({ namespace: owner.namespace, name: owner.pod });
      this.#sightings.delete(formatAddress(address));
      log.info(
        { address: formatAddress(address), node, pod },
        'freed: node, agent and pod are gone',
      );
    }
    this.#parts.onFreed(freed.length);
  }

  #restOf(claim: Claim, restMs: number): Resting {
    const { address, pool, owner } = claim;
    const now = this.#parts.access.clock.now();
    return {
      state: 'resting',
      address,
      pool,
      owner,
      releasedAt: now,
      until: now + restMs,
      nonce: this.#parts.nonce(),
    };
  }
}
