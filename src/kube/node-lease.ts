/**
 * One agent per node name (DESIGN section 4 rule 14): a Lease `agent-<node>`, held under an id that the agent keeps
 * in its state folder.
 *
 *     no Lease, or one of this id ───────────────────────────────► taken at once
 *     one of another id ─ unchanged for its duration, seen without a gap ─► taken
 *                       └ otherwise ─► refused, and the holder is named
 *
 * What two agents of one node name would do to each other is not to give an address twice (each line's `test`
 * guards that) but to take each other's lines for those of containers that are gone.
 *
 * **Time.** Only the own monotonic clock counts. The times in the Lease are written for people and for the
 * controller, and are never compared with this node's clock. Who waits for a foreign Lease counts from when it saw
 * it change last, and only while it can read it: after a gap it counts from the start, because the holder may
 * have been kept from renewing by the same outage. For the same reason a holder that cannot renew tries again
 * within seconds, many times within the duration.
 *
 * **A Lease that cannot be renewed** stays held for its duration from the sending of its last renewal: in that
 * time nobody else can have taken it. Beyond, somebody may have, so ADDs wait until the next answer. The renewal
 * names the version of the Lease that was seen last; where it lands, nobody did, and all is as before.
 *
 * **A copied state folder** has the same id twice. Each process also writes a name of its own (`run`): the one
 * that started later takes over, as after a restart, and the earlier one finds another run in the Lease and stops.
 */
import { createHash } from 'node:crypto';
import { LIMITS } from '../catalogue/limits.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import type { Timers } from '../ipam/timers.ts';
import { backoffMs } from './backoff.ts';
import type { KubeObjects } from './objects.ts';
import { LEASES } from './resources.ts';

const RUN = 'ipam.orbweaver.dev/run';
const HOST = 'ipam.orbweaver.dev/host';
/** A foreign Lease is looked at this often, in milliseconds. */
const LOOK_MS = 2_500;
const NAME_CHARS_MAX = 253;

/** The name of the Lease of a node's agent. */
export function agentLeaseName(node: string): string {
  const name = `agent-${node}`;
  if (name.length <= NAME_CHARS_MAX) {
    return name;
  }
  const digest = createHash('sha256').update(node).digest('hex').slice(0, 16);
  return `${name.slice(0, NAME_CHARS_MAX - digest.length - 1)}-${digest}`;
}

export interface NodeLeaseParts {
  readonly objects: Pick<KubeObjects, 'get' | 'create' | 'replace'>;
  readonly namespace: string;
  readonly node: string;
  /** Kept in the state folder. */
  readonly id: string;
  /** Of this process alone. */
  readonly run: string;
  /** For people: where this agent runs. */
  readonly host: string;
  /** For what is written into the Lease, and to wake. */
  readonly timers: Timers;
  /** Milliseconds, never set. */
  readonly monotonic: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Told when the Lease was taken, and when it was found lost, with the reason. */
  readonly onChange?: (refusal: string | undefined) => void;
}

/** `spec` of a Lease (coordination.k8s.io/v1). */
export interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

/** A foreign Lease that has not changed, as far as could be seen. */
interface Watched {
  readonly version: string;
  /** When it was seen first, and last. */
  readonly since: number;
  readonly seen: number;
}

export class NodeLease {
  readonly #parts: NodeLeaseParts;
  readonly #name: string;
  readonly #held = Promise.withResolvers<void>();
  /** The Lease as last seen while held. */
  #own: KubeObject | undefined;
  /** When the last renewal that landed was sent. */
  #renewedAt = Number.NEGATIVE_INFINITY;
  #everHeld = false;
  #watched: Watched | undefined;
  #why: string;
  #otherHolder: string | undefined;
  #failures = 0;
  #closed = false;
  #callOff: () => void = () => {};

  constructor(parts: NodeLeaseParts) {
    this.#parts = parts;
    this.#name = agentLeaseName(parts.node);
    this.#why = `the ${this.#place} has not been read yet`;
  }

  /** Begins to take the Lease, and to renew it for as long as this is open. */
  start(): void {
    void this.#run();
  }

  /** Resolves when the Lease was taken for the first time. */
  get held(): Promise<void> {
    return this.#held.promise;
  }

  /** Why this agent may not serve the node now; undefined: it holds the Lease. */
  get refusal(): string | undefined {
    if (this.#own === undefined) {
      return this.#why;
    }
    const silent = this.#parts.monotonic() - this.#renewedAt;
    return silent < LIMITS.leaseMs
      ? undefined
      : `the ${this.#place} could not be renewed for ${Math.round(silent / 1_000)} s`;
  }

  /** The path of the Lease, for a read that shows whether the API server answers. */
  get place(): { readonly namespace: string; readonly name: string } {
    return { namespace: this.#parts.namespace, name: this.#name };
  }

  /** Renews no more. The Lease is left to run out: the sandboxes of this agent run on. */
  close(): void {
    this.#closed = true;
    this.#callOff();
  }

  get #place(): string {
    return `Lease ${this.#parts.namespace}/${this.#name}`;
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      const wait = await this.#step();
      if (this.#closed) {
        return;
      }
      await new Promise<void>((resolve) => {
        this.#callOff = this.#parts.timers.after(wait, resolve);
      });
    }
  }

  /** One renewal or one look; returns how long to wait for the next. */
  #step(): Promise<number> {
    return this.#own === undefined ? this.#look() : this.#renew(this.#own);
  }

  async #renew(own: KubeObject): Promise<number> {
    const sentAt = this.#parts.monotonic();
    const outcome = await this.#parts.objects.replace(LEASES, this.#filled(own));
    switch (outcome.kind) {
      case 'ok':
        return this.#took(outcome.value, sentAt);
      case 'conflict':
      case 'not-found':
        // Somebody wrote it, or an earlier renewal landed late: look.
        return this.#look();
      default:
        return this.#failed('reason' in outcome ? outcome.reason : outcome.kind);
    }
  }

  async #look(): Promise<number> {
    const sentAt = this.#parts.monotonic();
    const outcome = await this.#parts.objects.get(LEASES, this.place);
    if (outcome.kind === 'not-found') {
      return this.#write((lease) => this.#parts.objects.create(LEASES, lease), undefined, sentAt);
    }
    if (outcome.kind !== 'ok') {
      return this.#failed('reason' in outcome ? outcome.reason : outcome.kind);
    }
    const found = outcome.value;
    if (this.#isOurs(found) || this.#isOver(found, sentAt)) {
      return this.#write((lease) => this.#parts.objects.replace(LEASES, lease), found, sentAt);
    }
    this.#failures = 0;
    this.#lose(found);
    return LOOK_MS;
  }

  async #write(
    send: (lease: KubeObject) => ReturnType<KubeObjects['replace']>,
    found: KubeObject | undefined,
    sentAt: number,
  ): Promise<number> {
    const outcome = await send(this.#filled(found));
    if (outcome.kind === 'ok') {
      return this.#took(outcome.value, sentAt);
    }
    return this.#failed('reason' in outcome ? outcome.reason : outcome.kind);
  }

  #took(lease: KubeObject, sentAt: number): number {
    const before = this.refusal;
    this.#own = lease;
    this.#renewedAt = sentAt;
    this.#everHeld = true;
    this.#watched = undefined;
    this.#otherHolder = undefined;
    this.#failures = 0;
    if (before !== undefined) {
      this.#parts.onChange?.(undefined);
      this.#held.resolve();
    }
    // Not all agents of a cluster that started together at the same moment.
    return LIMITS.leaseRenewMs * (0.9 + this.#parts.random() / 10);
  }

  /** What is held stays held: nothing was seen of another holder. */
  #failed(reason: string): number {
    this.#failures += 1;
    this.#watched = undefined;
    if (this.#own === undefined) {
      this.#why = `the ${this.#place} cannot be had: ${reason}`;
    }
    return backoffMs(this.#failures, this.#parts.random);
  }

  #lose(found: KubeObject): void {
    const holder = `${specOf(found).holderIdentity} ${runOf(found)}`;
    const news = this.#own !== undefined || this.#otherHolder !== holder;
    this.#own = undefined;
    this.#otherHolder = holder;
    this.#why = this.#holderText(found);
    if (news) {
      this.#parts.onChange?.(this.#why);
    }
  }

  /** Of this process; or of this id, before this process has ever held it: an earlier life's. */
  #isOurs(lease: KubeObject): boolean {
    const { id, run } = this.#parts;
    const { holderIdentity = '' } = specOf(lease);
    if (holderIdentity === '') {
      return true;
    }
    return holderIdentity === id && (!this.#everHeld || runOf(lease) === run);
  }

  #isOver(lease: KubeObject, now: number): boolean {
    const version = lease.metadata.resourceVersion ?? '';
    const before = this.#watched;
    const same =
      before !== undefined && before.version === version && now - before.seen < LIMITS.leaseRenewMs;
    this.#watched = { version, since: same ? before.since : now, seen: now };
    const { leaseDurationSeconds = LIMITS.leaseMs / 1_000 } = specOf(lease);
    return now - this.#watched.since >= leaseDurationSeconds * 1_000;
  }

  #holderText(lease: KubeObject): string {
    const { holderIdentity = '', renewTime = 'never' } = specOf(lease);
    const host = lease.metadata.annotations?.[HOST] ?? 'unknown';
    return (
      `node ${this.#parts.node} is served by another agent: ${holderIdentity} on host ${host} ` +
      `(${this.#place}, renewed ${renewTime})`
    );
  }

  #filled(found: KubeObject | undefined): KubeObject {
    const { namespace, id, run, host, timers } = this.#parts;
    const { acquireTime, leaseTransitions = 0, holderIdentity } = specOf(found);
    const now = microTime(timers.now());
    const same = holderIdentity === id;
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        ...found?.metadata,
        name: this.#name,
        namespace,
        annotations: { ...found?.metadata.annotations, [RUN]: run, [HOST]: host },
      },
      spec: {
        holderIdentity: id,
        leaseDurationSeconds: LIMITS.leaseMs / 1_000,
        acquireTime: same ? (acquireTime ?? now) : now,
        renewTime: now,
        leaseTransitions: same || found === undefined ? leaseTransitions : leaseTransitions + 1,
      },
    };
  }
}

function specOf(lease: KubeObject | undefined): LeaseSpec {
  return (lease?.spec ?? {}) as LeaseSpec;
}

function runOf(lease: KubeObject): string | undefined {
  return lease.metadata.annotations?.[RUN];
}

/** Kubernetes' MicroTime: RFC 3339 with six digits behind the second. */
function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
