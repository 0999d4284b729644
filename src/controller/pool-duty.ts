/**
 * What users read on pools: counts and records in `status`, the condition of Calico's pools, the finalizer that
 * keeps a pool for as long as addresses are held from it, and Events when one is nearly exhausted.
 *
 * Divergences that this file repairs, as soon as the watch tells of them, and all of them in a full pass:
 * - a status that differs from the claims, because they changed, the controller was away, or somebody edited it:
 *   it is written again, no more often than the limits say;
 * - a pool without finalizer (made while the webhook was away, or taken off by hand): it is put on;
 * - a pool without the fields that admission fills in (made while the webhook was away): they are filled in, and
 *   what is there stays as it is;
 * - a pool that is being deleted and of which nothing is held any more: the finalizer goes, and with it the pool.
 *   Resting addresses do not keep it: their lines name the pool, and its object is not needed to end a rest;
 * - a pool that the webhook would have refused, made while it was away: a condition says so, in the same words;
 * - a pool of Calico's that another one overlaps: its condition says so, as Calico's does, and no address is given
 *   from it until the other one is gone.
 */
import { isDeepStrictEqual } from 'node:util';
import { LIMITS } from '../catalogue/limits.ts';
import type { AdmissionContext, PoolSummary } from '../dialect/admission-context.ts';
import { SPIDER_FINALIZER } from '../dialect/admission-rules.ts';
import { CALICO_FINALIZER } from '../dialect/calico-admission.ts';
import { isTerminating, type KubeObject } from '../dialect/kube-object.ts';
import { type MissingFields, missingFields } from '../dialect/missing-fields.ts';
import type { DialectName, Pool } from '../dialect/pool.ts';
import { POOL_KINDS, type PoolKind } from '../dialect/pool-registry.ts';
import type { Log } from '../http/log.ts';
import type { Clock } from '../ipam/ports.ts';
import type { Timers } from '../ipam/timers.ts';
import { allocatableOf, comesFirst } from '../projection/calico-pool-status.ts';
import { withPoolStatus } from '../projection/pool-status.ts';
import type { ClusterAccess, Duty } from './access.ts';
import type { ClaimsView } from './claims-view.ts';
import type { PoolAlarm } from './pool-alarm.ts';
import { poolVerdict } from './pool-verdict.ts';
import type { PoolName, PoolsView } from './pools-view.ts';
import { type WorkEnd, WorkQueue } from './work-queue.ts';
import { endOf, Refusals } from './write-end.ts';

export interface PoolDutyParts {
  readonly access: ClusterAccess;
  readonly claims: ClaimsView;
  readonly pools: PoolsView;
  readonly alarm: PoolAlarm;
  /** What the rules of a kind see. */
  readonly worldOf: (kind: PoolKind) => AdmissionContext;
  /** Monotonic. */
  readonly timers: Timers;
  /** For the times in conditions. */
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Pick<Log, 'error' | 'warn' | 'info'>;
}

interface Condition {
  readonly type?: unknown;
  readonly status?: unknown;
  readonly [field: string]: unknown;
}

type Fields = Readonly<Record<string, unknown>>;

const FINALIZER: Readonly<Record<PoolKind, string>> = {
  SpiderIPPool: SPIDER_FINALIZER,
  SpiderpoolV1IPPool: SPIDER_FINALIZER,
  CalicoIPPool: CALICO_FINALIZER,
};

/** What was written last, what the server made of it, and from when on it may be written again. */
interface Written {
  readonly uid: string;
  readonly wanted: Fields;
  readonly stored: unknown;
  readonly notBefore: number;
}

/** The conditions that are written here; others are left as they are. */
const OWN_CONDITIONS: ReadonlySet<unknown> = new Set(['AllocatedIPsShown', 'Allocatable', 'Valid']);

const KIND_OF: Readonly<Record<DialectName, PoolKind>> = {
  spiderpool: 'SpiderIPPool',
  'spiderpool-v1': 'SpiderpoolV1IPPool',
  calico: 'CalicoIPPool',
};

/** Stands for all pools in the queue; no key of a pool is empty. */
const ALL = '';

export class PoolDuty implements Duty {
  readonly #parts: PoolDutyParts;
  readonly #queue: WorkQueue;
  readonly #refusals: Refusals;
  readonly #written = new Map<string, Written>();
  /** What a pool still lacked when it had been filled in, since its kind has no such field. */
  readonly #unkept = new Map<string, { readonly uid: string; readonly missing: MissingFields }>();

  constructor(parts: PoolDutyParts) {
    this.#parts = parts;
    this.#refusals = new Refusals(parts.log);
    this.#queue = new WorkQueue({
      timers: parts.timers,
      random: parts.random,
      delayMs: LIMITS.poolStatusDelayMs,
      workers: LIMITS.projectionWorkers,
      onFault: (key, error) =>
        parts.log.error({ key, error: String(error) }, 'could not be brought in line'),
      work: (key) => (key === ALL ? this.#queueAll() : this.#work(nameOfKey(key))),
    });
  }

  /** Pools that wait for their status. */
  get depth(): number {
    return this.#queue.depth;
  }

  start(): void {
    this.pass();
  }

  stop(): Promise<void> {
    return this.#queue.close();
  }

  /**
   * A pool's object changed, and with `spec` what it says; undefined: something that reaches into all. Which of
   * two pools is wrong may change with either of them.
   */
  poolChanged(pool: PoolName | undefined, spec: boolean): void {
    if (pool !== undefined) {
      this.#queue.add(keyOf(pool));
    }
    if (pool === undefined || spec) {
      this.#queue.add(ALL);
    }
  }

  /** What is held from pools of these names changed. */
  heldChanged(names: readonly string[]): void {
    for (const name of names) {
      for (const kind of POOL_KINDS) {
        this.#queue.add(keyOf({ kind, name }));
      }
    }
  }

  /** Compares all pools. */
  pass(): void {
    this.#refusals.forget();
    for (const pool of this.#parts.pools.names()) {
      this.#queue.add(keyOf(pool));
    }
  }

  async #queueAll(): Promise<WorkEnd> {
    this.pass();
    return 'done';
  }

  async #work(name: PoolName): Promise<WorkEnd> {
    const { pools, claims, alarm } = this.#parts;
    const object = pools.object(name);
    if (object === undefined) {
      alarm.forget(keyOf(name));
      this.#written.delete(keyOf(name));
      this.#unkept.delete(keyOf(name));
      return 'done';
    }
    const pool = pools.pool(name);
    // Of a pool that cannot be read nobody knows which addresses are its own: any of its name keep it.
    const held = pool === undefined ? claims.allocatedCount(name.name) : claims.countOf(pool);
    const end = await this.#holdFast(name, object, held);
    const filled =
      end === 'done' && pool !== undefined ? await this.#fill(name, object, pool) : end;
    if (filled !== 'done') {
      return filled;
    }
    if (pool !== undefined) {
      alarm.look(keyOf(name), object, pool, held);
    }
    return this.#writeStatus(name, object, this.#wanted(name, object, pool, held), held);
  }

  /** The finalizer. `later` where it was written: the rest follows with the object's new version. */
  async #holdFast(name: PoolName, object: KubeObject, held: number): Promise<WorkEnd> {
    const finalizer = FINALIZER[name.kind];
    const present = object.metadata.finalizers ?? [];
    const has = present.includes(finalizer);
    const wants = isTerminating(object) ? has && held > 0 : true;
    if (has === wants) {
      return 'done';
    }
    const finalizers = wants
      ? [...present, finalizer]
      : present.filter((other) => other !== finalizer);
    const { access, log } = this.#parts;
    const outcome = await access.objects.mergePatch(
      name.kind,
      { name: name.name },
      { metadata: { ...versionOf(object), finalizers } },
    );
    if (outcome.kind === 'ok' && !wants) {
      log.info({ pool: name.name, kind: name.kind }, 'a pool went with its last address');
    }
    const end = endOf(outcome, this.#refusals, `a finalizer of a ${name.kind}`, name.name);
    return end === 'done' && outcome.kind === 'ok' ? 'later' : end;
  }

  /** Fields that admission fills in. `later` where any were written: the rest follows with the new version. */
  async #fill(name: PoolName, object: KubeObject, pool: Pool): Promise<WorkEnd> {
    const { access, log } = this.#parts;
    const missing = missingFields(object, pool);
    const uid = object.metadata.uid ?? '';
    if (
      missing === undefined ||
      isDeepStrictEqual(this.#unkept.get(keyOf(name)), { uid, missing })
    ) {
      return 'done';
    }
    const { spec, labels } = missing;
    const outcome = await access.objects.mergePatch(
      name.kind,
      { name: name.name },
      { metadata: { ...versionOf(object), ...(labels && { labels }) }, ...(spec && { spec }) },
    );
    if (outcome.kind === 'ok') {
      const left = missingFields(outcome.value, pool);
      if (left !== undefined) {
        this.#unkept.set(keyOf(name), { uid, missing: left });
      }
      log.info(
        { pool: name.name, kind: name.kind, ...missing },
        'filled in what admission had not',
      );
    }
    const end = endOf(outcome, this.#refusals, `what a ${name.kind} lacks`, name.name);
    return end === 'done' && outcome.kind === 'ok' ? 'later' : end;
  }

  async #writeStatus(
    name: PoolName,
    object: KubeObject,
    wanted: Fields,
    held: number,
  ): Promise<WorkEnd> {
    const { access, timers } = this.#parts;
    const uid = object.metadata.uid ?? '';
    const last = this.#written.get(keyOf(name));
    const before = last?.uid === uid ? last : undefined;
    const present = (object.status ?? {}) as Fields;
    const settled =
      before !== undefined &&
      isDeepStrictEqual(before.wanted, wanted) &&
      isDeepStrictEqual(before.stored, ownPart(present));
    if (settled || isDeepStrictEqual(ownPart(present), wanted)) {
      return 'done';
    }
    if (before !== undefined && timers.now() < before.notBefore) {
      return 'later';
    }
    const outcome = await access.objects.mergePatch(
      name.kind,
      { name: name.name, subresource: 'status' },
      { metadata: versionOf(object), status: this.#patch(present, wanted) },
    );
    if (outcome.kind === 'ok') {
      const { allocatedIPs } = wanted as { allocatedIPs?: string };
      const records = allocatedIPs === undefined ? 0 : held;
      const notBefore = timers.now() + records * LIMITS.poolStatusRecordMs;
      const stored = ownPart((outcome.value.status ?? {}) as Fields);
      this.#written.set(keyOf(name), { uid, wanted, stored, notBefore });
    }
    return endOf(outcome, this.#refusals, `the status of a ${name.kind}`, name.name);
  }

  /** The status of the pool; of one that cannot be read only why. */
  #wanted(name: PoolName, object: KubeObject, pool: Pool | undefined, count: number): Fields {
    const { claims, worldOf } = this.#parts;
    const verdict = poolVerdict(object, pool, worldOf(name.kind), (other) =>
      this.#isEarlier(other, name, object),
    );
    const wrong = verdict === undefined ? [] : [verdict];
    if (pool === undefined) {
      return wrong.length === 0 ? {} : { conditions: wrong };
    }
    if (name.kind === 'CalicoIPPool') {
      return { conditions: [...wrong, allocatableOf(object, this.#isOverlapped(object, pool))] };
    }
    const held = { count, claims: (limit: number) => claims.claimsOfPool(pool, limit) };
    const { conditions = [], ...counts } = withPoolStatus(object, pool, held, true).status as {
      conditions?: readonly Condition[];
    };
    const all = [...wrong, ...conditions];
    return all.length === 0 ? counts : { ...counts, conditions: all };
  }

  #isEarlier({ dialect, name }: PoolSummary, own: PoolName, object: KubeObject): boolean {
    const other = { kind: KIND_OF[dialect], name };
    const found = this.#parts.pools.object(other);
    const made = (one: KubeObject | undefined) => one?.metadata.creationTimestamp ?? '';
    return made(found) === made(object) ? keyOf(other) < keyOf(own) : made(found) < made(object);
  }

  #isOverlapped(object: KubeObject, pool: Pool): boolean {
    const { pools } = this.#parts;
    for (const { dialect, name } of pools.registry.overlaps.poolsOverlapping(pool.subnet)) {
      const other = pools.object({ kind: 'CalicoIPPool', name });
      if (dialect === 'calico' && name !== pool.name && other && comesFirst(other, object)) {
        return true;
      }
    }
    return false;
  }

  /** A merge patch: what is not wanted any more is null, and conditions of others stay. */
  #patch(present: Fields, wanted: Fields): Fields {
    const { conditions: own = [], ...counts } = wanted as { conditions?: readonly Condition[] };
    const others = conditionsOf(present).filter(({ type }) => !OWN_CONDITIONS.has(type));
    const now = new Date(this.#parts.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    const dated = own.map((condition) => {
      const before = conditionsOf(present).find(({ type }) => type === condition.type);
      const same = before?.status === condition.status;
      return { ...condition, lastTransitionTime: same ? (before?.lastTransitionTime ?? now) : now };
    });
    const conditions = [...others, ...dated];
    const gone = Object.keys(ownPart(present)).filter((key) => !(key in wanted));
    return {
      ...Object.fromEntries(gone.map((key) => [key, null])),
      ...counts,
      ...(conditions.length > 0 || 'conditions' in present
        ? { conditions: conditions.length > 0 ? conditions : null }
        : {}),
    };
  }
}

/** What of a status is written here, without the times of conditions. */
function ownPart(status: Fields): Fields {
  const { conditions: _, ...rest } = status;
  const own = conditionsOf(status)
    .filter(({ type }) => OWN_CONDITIONS.has(type))
    .map(({ type, status: state, reason, message }) => ({ type, status: state, reason, message }));
  return own.length === 0 ? rest : { ...rest, conditions: own };
}

function conditionsOf({ conditions }: Fields): readonly Condition[] {
  return Array.isArray(conditions) ? conditions.filter((one) => one !== null) : [];
}

function versionOf({ metadata: { uid, resourceVersion } }: KubeObject): object {
  return { uid, resourceVersion };
}

function keyOf({ kind, name }: PoolName): string {
  return `${kind}/${name}`;
}

function nameOfKey(key: string): PoolName {
  const at = key.indexOf('/');
  return { kind: key.slice(0, at) as PoolKind, name: key.slice(at + 1) };
}
