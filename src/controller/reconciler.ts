/**
 * The controller without its process: views that every controller keeps, and the duties of the one that leads.
 *
 *     blocks, pools ─ watched ─► views ──────────────► webhook, metrics      (every controller)
 *     Lease ─ leads ─► endpoints, status, Events, freeing ─ written           (one)
 *
 * A controller that begins to lead compares everything with everything, so what happened while none was there is
 * repaired like any other divergence; each file of a duty names its own. From then on it follows the changes.
 * ADD and DEL never wait for it.
 */
import { LIMITS } from '../catalogue/limits.ts';
import type { AdmissionContext } from '../dialect/admission-context.ts';
import { admissionWorld, type HeldAddresses } from '../dialect/admission-world.ts';
import type { KindId } from '../dialect/kinds.ts';
import { isPoolKind } from '../dialect/pool-registry.ts';
import type { Log } from '../http/log.ts';
import type { Timers } from '../ipam/timers.ts';
import { IP_BLOCKS } from '../kube/block-server.ts';
import type { IpBlock } from '../kube/ip-block.ts';
import { withoutManagedFields } from '../kube/kept-form.ts';
import type { OwnerChain } from '../kube/owner-chain.ts';
import type { ClusterAccess, Duty, Feed } from './access.ts';
import { BlockDuty } from './block-duty.ts';
import { ClaimsView } from './claims-view.ts';
import { DeadNodeDuty } from './dead-node-duty.ts';
import { EndpointDuty } from './endpoint-duty.ts';
import { GoneNodes } from './gone-nodes.ts';
import { guardedBlocks, guardedObjects } from './guarded-objects.ts';
import { Herald } from './herald.ts';
import { LeaderElection } from './leader-election.ts';
import { PodOwners } from './pod-owners.ts';
import { PoolAlarm } from './pool-alarm.ts';
import { PoolDuty } from './pool-duty.ts';
import { PoolsView } from './pools-view.ts';
import { UnitDuty } from './unit-duty.ts';

/** The Lease of the controllers; one of them has it. */
export const CONTROLLER_LEASE = 'orbweaver-controller';

export interface ReconcilerParts {
  readonly access: ClusterAccess;
  readonly chain: Pick<OwnerChain, 'topOf'>;
  /** Where the Leases are. */
  readonly namespace: string;
  /** Unlike that of any other controller, and of an earlier life of this one. */
  readonly identity: string;
  /** Monotonic. */
  readonly timers: Timers;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly nonce: () => string;
  readonly log: Pick<Log, 'debug' | 'info' | 'warn' | 'error'>;
}

/** What the leading controller does. */
interface Duties {
  readonly endpoints: EndpointDuty;
  readonly pools: PoolDuty;
  readonly blocks: BlockDuty;
  readonly nodes: DeadNodeDuty;
  readonly units: UnitDuty;
  readonly goneNodes: GoneNodes;
  readonly herald: Herald;
  callOff(): void;
}

export class Reconciler {
  readonly claims = new ClaimsView();
  readonly pools: PoolsView;
  readonly #parts: ReconcilerParts;
  readonly #blocks: Feed;
  readonly #election: LeaderElection;
  #duties: Duties | undefined;
  #synced = false;
  #freed = 0;
  #closed = false;

  /** Begins to read. */
  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
    const { access, log, timers, namespace, identity } = parts;
    this.pools = new PoolsView(access, (pool, spec) => {
      this.#duties?.pools.poolChanged(pool, spec);
      if (spec && pool !== undefined) {
        this.#endpointsOfPool(pool.name);
      }
    });
    this.#blocks = access.follow(IP_BLOCKS, {
      keep: withoutManagedFields,
      onChange: ({ name }, object, before) => {
        const block = (object ?? before) as unknown as IpBlock;
        const change = object === undefined ? this.claims.drop(block) : this.claims.put(block);
        this.#duties?.endpoints.podsChanged(change.pods);
        this.#duties?.pools.heldChanged(change.pools);
        this.#duties?.blocks.blockChanged(name);
      },
    });
    this.#election = new LeaderElection({
      objects: access.objects,
      namespace,
      name: CONTROLLER_LEASE,
      identity,
      timers,
      clock: access.clock,
      log,
      onLead: () => this.#lead(),
      onLost: () => this.#stopDuties(),
    });
  }

  /** Resolves when the views have been read once; then it begins to try to lead. */
  async start(): Promise<void> {
    await Promise.all([this.#blocks.synced, this.pools.synced()]);
    if (!this.#closed) {
      this.#synced = true;
      this.#election.start();
    }
  }

  /** Whether the views have been read. */
  get isReady(): boolean {
    return this.#synced && !this.#closed;
  }

  get leads(): boolean {
    return this.#election.leads;
  }

  /** Endpoints and pools that wait to be written. */
  get waiting(): { readonly endpoints: number; readonly pools: number } {
    const { endpoints, pools } = this.#duties ?? {};
    return { endpoints: endpoints?.depth ?? 0, pools: pools?.depth ?? 0 };
  }

  /** Addresses that this controller freed without a DEL. */
  get freed(): number {
    return this.#freed;
  }

  /** What the rules of admission see. */
  worldOf(kind: KindId): AdmissionContext {
    const held: HeldAddresses = {
      claimOutside: (name, ranges) => this.claims.claimOutside(name, ranges),
      countOf: (of, name) => {
        const pool = isPoolKind(of) ? this.pools.pool({ kind: of, name }) : undefined;
        return pool === undefined ? this.claims.allocatedCount(name) : this.claims.countOf(pool);
      },
    };
    return admissionWorld(kind, this.pools.registry, held);
  }

  /** Compares everything with everything, if this controller leads. */
  pass(): void {
    this.#duties?.endpoints.pass();
    this.#duties?.pools.pass();
    this.#duties?.blocks.pass();
  }

  /** Stops leading and watching; resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#election.close();
    this.pools.close();
    this.#blocks.close();
  }

  #lead(): void {
    const { chain, timers, random, nonce, log, namespace, identity } = this.#parts;
    const leads = () => this.#election.leads;
    const access: ClusterAccess = {
      ...this.#parts.access,
      objects: guardedObjects(this.#parts.access.objects, leads),
      blocks: guardedBlocks(this.#parts.access.blocks, leads),
      follow: (resource, options) => this.#parts.access.follow(resource, options),
      eachPage: (resource, read) => this.#parts.access.eachPage(resource, read),
    };
    const { claims, pools } = this;
    const clock = access.clock;
    const herald = new Herald({ objects: access.objects, clock, timers, identity });
    const owners = new PodOwners(access, chain);
    const alarm = new PoolAlarm(herald, (family) => pools.registry.reserved(family));
    const goneNodes = new GoneNodes({ access, namespace, timers });
    const shared = { access, claims, pools, timers, random, log };
    const duties: Duties = {
      endpoints: new EndpointDuty({ ...shared, owners }),
      pools: new PoolDuty({ ...shared, alarm, clock, worldOf: (kind) => this.worldOf(kind) }),
      blocks: new BlockDuty({ access, claims, pools, blocks: this.#blocks, herald, log }),
      nodes: new DeadNodeDuty({
        ...shared,
        owners,
        herald,
        nodes: goneNodes,
        namespace,
        nonce,
        onFreed: (count) => {
          this.#freed += count;
        },
      }),
      units: new UnitDuty({ ...shared, nodes: goneNodes }),
      goneNodes,
      herald,
      callOff: this.#passAgain(),
    };
    this.#duties = duties;
    for (const duty of dutiesOf(duties)) {
      duty.start();
    }
  }

  async #stopDuties(): Promise<void> {
    const duties = this.#duties;
    this.#duties = undefined;
    if (duties !== undefined) {
      duties.callOff();
      await Promise.all(dutiesOf(duties).map((duty) => duty.stop()));
      duties.goneNodes.close();
      await duties.herald.close();
    }
  }

  /** Passes from time to time; the result ends that. */
  #passAgain(): () => void {
    const { timers } = this.#parts;
    let callOff = () => {};
    const wait = () => {
      callOff = timers.after(LIMITS.fullPassMs, () => {
        this.pass();
        wait();
      });
    };
    wait();
    return () => callOff();
  }

  /** Gateway and routes of a pool stand in the endpoints of its pods. */
  #endpointsOfPool(name: string): void {
    const duty = this.#duties?.endpoints;
    if (duty !== undefined) {
      for (const pool of this.pools.named(name)) {
        const found = this.pools.pool(pool);
        for (const { owner } of found === undefined ? [] : this.claims.claimsOfPool(found)) {
          duty.podsChanged([{ namespace: owner.namespace, name: owner.pod }]);
        }
      }
    }
  }
}

function dutiesOf({ endpoints, pools, blocks, nodes, units }: Duties): Duty[] {
  return [endpoints, pools, blocks, nodes, units];
}
