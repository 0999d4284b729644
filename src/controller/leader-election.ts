/**
 * Which of several controllers writes: the one that holds a Lease, by Kubernetes' usual times.
 *
 *     renews every 2 s ──► 10 s without an answer: stops writing ──► 15 s: another one may begin
 *
 * Whether a Lease has expired is told by how long it stayed as it is on the own monotonic clock, never by the
 * times in it, so clocks that are hours apart do no harm. A leader counts from the moment at which its last
 * renewal was *sent*; the others count from when they saw it, which is later.
 *
 * Divergences: two controllers that both think that they lead cannot be within these times; what the former one
 * has sent before it stopped carries the version that it read, so it is refused once the new one has written.
 */
import { LIMITS } from '../catalogue/limits.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import type { Log } from '../http/log.ts';
import type { Clock } from '../ipam/ports.ts';
import type { Timers } from '../ipam/timers.ts';
import type { ApiOutcome } from '../kube/api.ts';
import type { LeaseSpec } from '../kube/node-lease.ts';
import { LEASES } from '../kube/resources.ts';
import type { ObjectApi } from './access.ts';
import { WakingRest } from './waking-rest.ts';

export interface LeaderElectionParts {
  readonly objects: Pick<ObjectApi, 'get' | 'create' | 'replace'>;
  readonly namespace: string;
  /** Of the Lease. */
  readonly name: string;
  /** Unlike that of any other controller, and of an earlier life of this one. */
  readonly identity: string;
  /** Monotonic. */
  readonly timers: Timers;
  /** For the times in the Lease, which people read. */
  readonly clock: Clock;
  readonly log: Pick<Log, 'info' | 'warn'>;
  /** It leads now. */
  onLead(): void;
  /** It leads no more. It does not lead again before this has resolved. */
  onLost(): Promise<void>;
}

export class LeaderElection {
  readonly #parts: LeaderElectionParts;
  readonly #pause: WakingRest;
  /** The Lease as last seen, and since when it is so. */
  #seen: { readonly lease: KubeObject; readonly since: number } | undefined;
  /** Until when a write may be begun. */
  #leadsUntil = Number.NEGATIVE_INFINITY;
  #leads = false;
  #stepping: Promise<void> = Promise.resolve();
  #callOff: (() => void) | undefined;
  #closed = false;
  #ended: Promise<void> = Promise.resolve();

  constructor(parts: LeaderElectionParts) {
    this.#parts = parts;
    this.#pause = new WakingRest(parts.timers);
  }

  /** Whether this controller may write, at this very moment. */
  get leads(): boolean {
    return this.#leads && this.#parts.timers.now() < this.#leadsUntil;
  }

  /** Begins to try. */
  start(): void {
    this.#ended = this.#run();
  }

  /** Stops leading, then leaves the Lease to the next one. */
  async close(): Promise<void> {
    this.#closed = true;
    const led = this.#leads;
    this.#stepDown();
    await this.#stepping;
    this.#pause.wake();
    await this.#ended;
    if (led) {
      await this.#write({ holderIdentity: '', leaseDurationSeconds: 1 });
    }
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      await this.#stepping;
      const sentAt = this.#parts.timers.now();
      const outcome = await this.#hold();
      if (this.#closed) {
        return;
      }
      if (outcome === 'held') {
        this.#lead(sentAt + LIMITS.leaderRenewMs);
      } else if (outcome === 'taken') {
        this.#stepDown();
      }
      await this.#pause.rest(LIMITS.leaderRetryMs);
    }
  }

  /** `taken`: it is another one's; `unclear`: the server did not say. */
  async #hold(): Promise<'held' | 'taken' | 'unclear'> {
    const { objects, namespace, name, identity, timers } = this.#parts;
    if (this.#seen === undefined || specOf(this.#seen.lease).holderIdentity !== identity) {
      const found = await objects.get(LEASES, { namespace, name });
      if (found.kind === 'not-found') {
        return this.#heldAfter(await this.#create());
      }
      if (found.kind !== 'ok') {
        return 'unclear';
      }
      this.#see(found.value);
    }
    const { lease, since } = this.#seen!;
    const { holderIdentity = '', leaseDurationSeconds } = specOf(lease);
    const patienceMs = Math.max(LIMITS.leaderLeaseMs, (leaseDurationSeconds ?? 0) * 1000);
    const free = holderIdentity === '' || holderIdentity === identity;
    if (!free && timers.now() - since < patienceMs) {
      return 'taken';
    }
    return this.#heldAfter(await this.#write({ holderIdentity: identity }));
  }

  #heldAfter(outcome: ApiOutcome<KubeObject>): 'held' | 'taken' | 'unclear' {
    if (outcome.kind === 'ok') {
      this.#see(outcome.value);
      return 'held';
    }
    // Somebody else wrote it, or this write may still land: it is read again.
    this.#seen = undefined;
    return outcome.kind === 'conflict' ? 'taken' : 'unclear';
  }

  #see(lease: KubeObject): void {
    const before = this.#seen?.lease.metadata.resourceVersion;
    if (before === undefined || before !== lease.metadata.resourceVersion) {
      this.#seen = { lease, since: this.#parts.timers.now() };
    }
  }

  #create(): Promise<ApiOutcome<KubeObject>> {
    const { objects, namespace, name } = this.#parts;
    return objects.create(LEASES, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace, name },
      spec: this.#spec({}, { holderIdentity: this.#parts.identity }),
    });
  }

  async #write(change: LeaseSpec): Promise<ApiOutcome<KubeObject>> {
    const lease = this.#seen?.lease;
    if (lease === undefined) {
      return { kind: 'not-found' };
    }
    const spec = this.#spec(specOf(lease), change);
    return this.#parts.objects.replace(LEASES, { ...lease, spec });
  }

  #spec(before: LeaseSpec, change: LeaseSpec): LeaseSpec {
    const now = new Date(this.#parts.clock.now()).toISOString().replace('Z', '000Z');
    const isOwn = before.holderIdentity === change.holderIdentity;
    return {
      leaseDurationSeconds: LIMITS.leaderLeaseMs / 1000,
      ...change,
      acquireTime: isOwn ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (before.leaseTransitions ?? 0) + (isOwn ? 0 : 1),
    };
  }

  #lead(until: number): void {
    const { timers, log, identity } = this.#parts;
    this.#leadsUntil = until;
    this.#callOff?.();
    this.#callOff = timers.after(Math.max(0, until - timers.now()), () => this.#stepDown());
    // An answer that came too late is none.
    if (!this.#leads && this.#parts.timers.now() < until) {
      this.#leads = true;
      log.info({ identity }, 'leads');
      this.#parts.onLead();
    }
  }

  #stepDown(): void {
    this.#callOff?.();
    if (this.#leads) {
      this.#leads = false;
      this.#parts.log.warn({ identity: this.#parts.identity }, 'leads no more');
      this.#stepping = this.#parts.onLost();
    }
  }
}

function specOf(lease: KubeObject): LeaseSpec {
  return (lease.spec ?? {}) as LeaseSpec;
}
