/**
 * The applied Kubernetes objects of one machine: what `kubectl apply`, `delete`, `annotate`, `label` and
 * `patch` do to an API server with the dialects' webhooks, done to a table.
 *
 * Every call is one unit of the group commit: it is admitted, written and durable as a whole, or refused and
 * nothing changed. There are no controllers: a workload becomes its pods once, when it is written.
 */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import { admit } from '../dialect/admission.ts';
import { admissionWorld } from '../dialect/admission-world.ts';
import { canonicalObject } from '../dialect/canonical-object.ts';
import { type KeyEdits, withKeys } from '../dialect/key-edits.ts';
import { type Kind, type KindId, kindById, kindOf, resourceName } from '../dialect/kinds.ts';
import { type Platform, platformOf, withKnownLabels } from '../dialect/known-labels.ts';
import { isTerminating, type KubeObject, type ObjectMeta } from '../dialect/kube-object.ts';
import { isPoolKind, type PoolRegistry } from '../dialect/pool-registry.ts';
import { type Expansion, expandWorkload, isWorkload } from '../dialect/workloads.ts';
import type { Clock } from '../ipam/ports.ts';
import type { GroupCommit } from '../sqlite/group-commit.ts';
import { heldAddresses, heldCount } from './held-addresses.ts';
import type { EmbeddedLedger } from './ledger.ts';
import { checkOwnership, plain, samePlace, stated, withServerFields } from './object-edits.ts';
import { applied, jsonPatched, mergePatched } from './object-merge.ts';
import { type ObjectRef, type ObjectsTable, refOf } from './objects-table.ts';

/** What a write did. */
export interface Edit {
  readonly object: KubeObject;
  readonly action: 'created' | 'configured' | 'unchanged';
  /** What admission had to say without refusing. */
  readonly warnings: readonly string[];
}

/** `terminating`: the pool gives nothing new and goes with its last claim. */
export type Removal = 'deleted' | 'terminating' | 'missing';

/** Namespaces that every API server has; they can be labelled but not deleted. */
const NAMESPACES_FROM_THE_START = ['default', 'kube-system'];
/** Kinds that the API server keeps without a generation. */
const WITHOUT_GENERATION: readonly KindId[] = ['Namespace', 'Node', 'Pod', 'ConfigMap'];
/** Kinds that workloads are expanded to. */
const CHILD_KINDS: readonly KindId[] = ['ReplicaSet', 'Pod'];

export interface ObjectStoreParts {
  readonly table: ObjectsTable;
  readonly registry: PoolRegistry;
  readonly ledger: EmbeddedLedger;
  readonly commits: GroupCommit;
  readonly clock: Clock;
}

export class ObjectStore {
  readonly #table: ObjectsTable;
  readonly #registry: PoolRegistry;
  readonly #ledger: EmbeddedLedger;
  readonly #commits: GroupCommit;
  readonly #clock: Clock;
  readonly #platform: Platform = platformOf(process.platform, process.arch);
  readonly #listeners: ((ref: ObjectRef) => void)[] = [];
  #nodes: readonly KubeObject[] | undefined;
  #written = false;

  constructor(parts: ObjectStoreParts) {
    this.#table = parts.table;
    this.#registry = parts.registry;
    this.#ledger = parts.ledger;
    this.#commits = parts.commits;
    this.#clock = parts.clock;
    parts.commits.onRollback(() => this.#forget());
  }

  /** Makes what exists from the start, where it does not exist yet. */
  async prepare(): Promise<void> {
    await this.#unit(() => {
      for (const name of NAMESPACES_FROM_THE_START) {
        const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
        if (this.#table.get({ kind: 'Namespace', namespace: '', name }) === undefined) {
          this.#create(kindById('Namespace'), withKnownLabels(object, this.#platform), undefined);
        }
      }
    });
  }

  /** `listener` runs when an object may have changed, and with undefined when all of them may have. */
  onChange(listener: (ref: ObjectRef | undefined) => void): void {
    this.#listeners.push(listener as (ref: ObjectRef) => void);
    this.#commits.onRollback(() => listener(undefined));
  }

  /** The object, or undefined. */
  get(ref: ObjectRef): KubeObject | undefined {
    return this.#table.get(ref)?.object;
  }

  /** Objects of a kind by namespace and name; of one namespace, or of all where it is undefined. */
  list(kind: KindId, namespace?: string): KubeObject[] {
    return this.#table.list(kind, kindById(kind).namespaced ? namespace : undefined);
  }

  /** How many objects of a kind there are. */
  count(kind: KindId): number {
    return this.#table.count(kind);
  }

  /** Stored objects that cannot be read any more, with the reason. */
  get problems(): readonly string[] {
    return this.#registry.problems;
  }

  /**
   * Creates the object or makes it what the manifest says (`mode` create: only creates; replace: never creates). What somebody else
   * has set since, an annotation for instance, stays unless the manifest states it; what the manifest before
   * stated and this one does not is taken away.
   *
   * A `uid` in the manifest of a new object is kept, so that pods copied from a cluster have the uid that
   * their runtime states. Throws KIND_UNKNOWN, OBJECT_INVALID, OBJECT_EXISTS, OBJECT_NOT_FOUND (namespace).
   */
  apply(manifest: KubeObject, mode: 'apply' | 'create' | 'replace' = 'apply'): Promise<Edit> {
    return this.#unit(() => {
      const object = canonicalObject(stated(manifest));
      checkOwnership(object);
      const kind = kindOf(object);
      this.#checkWritable(kind, object);
      const before = this.#table.get(refOf(kind.id, object));
      if (before === undefined && mode === 'replace') {
        throw new OrbweaverError('OBJECT_NOT_FOUND', `${nameText(kind, object)} not found`);
      }
      if (before === undefined) {
        return this.#create(kind, withKnownLabels(object, this.#platform), object);
      }
      if (mode === 'create') {
        throw new OrbweaverError('OBJECT_EXISTS', `${nameText(kind, object)} already exists`);
      }
      const last = before.applied as Record<string, unknown> | undefined;
      const merged = applied(last, object, before.object) as KubeObject;
      return this.#update(kind, before.object, merged, object);
    });
  }

  /** Sets and removes annotations. Throws OBJECT_NOT_FOUND and OBJECT_INVALID. */
  annotate(ref: ObjectRef, edits: KeyEdits): Promise<Edit> {
    return this.#edit(ref, (object) => withKeys(object, 'annotations', edits));
  }

  /** Sets and removes labels. Throws OBJECT_NOT_FOUND and OBJECT_INVALID. */
  label(ref: ObjectRef, edits: KeyEdits): Promise<Edit> {
    return this.#edit(ref, (object) => withKeys(object, 'labels', edits));
  }

  /** `merge` is RFC 7386, `json` is RFC 6902. Throws OBJECT_NOT_FOUND and OBJECT_INVALID. */
  patch(ref: ObjectRef, type: 'merge' | 'json', patch: unknown): Promise<Edit> {
    return this.#edit(ref, (object) => {
      const next = type === 'merge' ? mergePatched(object, patch) : jsonPatched(object, patch);
      return samePlace(object, next);
    });
  }

  /**
   * Deletes the object and what belongs to it: a namespace's content, a workload's pods. A pool that addresses
   * are held from becomes terminating instead. Throws OBJECT_INVALID where a rule forbids it.
   */
  delete(ref: ObjectRef): Promise<Removal> {
    return this.#unit(() => {
      const object = this.#table.get(ref)?.object;
      if (object === undefined) {
        return 'missing';
      }
      if (ref.kind === 'Namespace' && NAMESPACES_FROM_THE_START.includes(ref.name)) {
        const text = `namespaces "${ref.name}" is forbidden: this namespace may not be deleted`;
        throw new OrbweaverError('OBJECT_INVALID', text);
      }
      admit('DELETE', undefined, object, this.#world(ref.kind));
      return this.#remove(ref, object);
    });
  }

  /** Removes the terminating pools that nothing is held from any more; their names. Cheap where there are none. */
  async sweepTerminating(): Promise<string[]> {
    const due = () =>
      this.#registry
        .terminating()
        .filter(({ kind, name }) => heldCount(kind, name, this.#registry, this.#ledger) === 0);
    if (due().length === 0) {
      return [];
    }
    return await this.#unit(() => {
      const pools = due();
      for (const { kind, name } of pools) {
        this.#drop({ kind, namespace: '', name });
      }
      return pools.map(({ name }) => name);
    });
  }

  #checkWritable(kind: Kind, object: KubeObject): void {
    if (kind.projected) {
      throw new OrbweaverError(
        'OBJECT_INVALID',
        `${nameText(kind, object)} is made by Orbweaver from its claims and cannot be written`,
      );
    }
    const { namespace } = object.metadata;
    const home = { kind: 'Namespace', namespace: '', name: namespace ?? '' } as const;
    if (kind.namespaced && this.#table.get(home) === undefined) {
      throw new OrbweaverError('OBJECT_NOT_FOUND', `namespaces "${namespace}" not found`);
    }
  }

  #create(kind: Kind, object: KubeObject, manifest: KubeObject | undefined): Edit {
    this.#checkRoom(kind, object);
    const uid = object.metadata.uid ?? randomUUID();
    const named = { ...object, metadata: { ...object.metadata, uid } };
    const admission = admit('CREATE', named, undefined, this.#world(kind.id));
    const saved = this.#save(kind, admission.object, undefined, manifest);
    return { object: saved, action: 'created', warnings: admission.warnings };
  }

  /** One pool more than the engine takes would keep it from serving any. */
  #checkRoom(kind: Kind, object: KubeObject): void {
    if (isPoolKind(kind.id) && this.#registry.poolCount >= LIMITS.poolsMax) {
      throw new OrbweaverError(
        'OBJECT_INVALID',
        `${nameText(kind, object)} is forbidden: there are ${LIMITS.poolsMax} pools already (limit poolsMax)`,
      );
    }
  }

  #update(
    kind: Kind,
    previous: KubeObject,
    wanted: KubeObject,
    manifest: KubeObject | undefined,
  ): Edit {
    const { uid } = wanted.metadata;
    if (uid !== undefined && uid !== previous.metadata.uid) {
      throw new OrbweaverError(
        'OBJECT_INVALID',
        `${nameText(kind, previous)} has another uid: ${previous.metadata.uid}, not ${uid}`,
      );
    }
    const next = canonicalObject(withServerFields(wanted, previous));
    checkOwnership(next);
    const known = withKnownLabels(next, this.#platform);
    const admission = admit('UPDATE', known, previous, this.#world(kind.id));
    const { warnings } = admission;
    if (isDeepStrictEqual(plain(admission.object), plain(previous))) {
      this.#remember(refOf(kind.id, previous), previous, manifest);
      const object = this.#settle(kind, previous);
      return { object, action: object === previous ? 'unchanged' : 'configured', warnings };
    }
    const saved = this.#save(kind, admission.object, previous, manifest);
    return { object: saved, action: 'configured', warnings };
  }

  #edit(ref: ObjectRef, change: (object: KubeObject) => KubeObject): Promise<Edit> {
    return this.#unit(() => {
      const kind = kindById(ref.kind);
      const object = this.#table.get(ref)?.object;
      if (object === undefined) {
        throw new OrbweaverError('OBJECT_NOT_FOUND', `${refText(ref)} not found`);
      }
      return this.#update(kind, object, change(object), undefined);
    });
  }

  /** Writes an admitted object and, of a workload, the pods it comes to. */
  #save(
    kind: Kind,
    object: KubeObject,
    previous: KubeObject | undefined,
    manifest: KubeObject | undefined,
  ): KubeObject {
    const ref = refOf(kind.id, object);
    if (!isWorkload(kind.id)) {
      return this.#store(ref, object, previous, manifest);
    }
    if (kind.id === 'Pod') {
      return this.#store(ref, this.#placed(object, previous), previous, manifest);
    }
    const existing = this.#childrenIn(ref.namespace);
    const expansion = this.#expand(object, existing);
    const saved = this.#store(ref, object, previous, manifest);
    this.#storeChildren(ref.namespace, expansion, new Set(existing));
    return saved;
  }

  /**
   * What a controller and the scheduler would do to an object that stays as it is: pods that somebody deleted
   * are made again, and pods that no node took are placed where one does by now. Returns the object, which is
   * another one where it is such a pod itself.
   */
  #settle(kind: Kind, object: KubeObject): KubeObject {
    if (!isWorkload(kind.id)) {
      return object;
    }
    const ref = refOf(kind.id, object);
    if (kind.id === 'Pod') {
      const pod = this.#placed(object, object);
      const same = isDeepStrictEqual(plain(pod), plain(object));
      return same ? object : this.#store(ref, pod, object, undefined);
    }
    const existing = this.#childrenIn(ref.namespace);
    this.#storeChildren(ref.namespace, this.#expand(object, existing), new Set(existing));
    return object;
  }

  /** The pod on a node, where one takes it. */
  #placed(pod: KubeObject, previous: KubeObject | undefined): KubeObject {
    return this.#expand(pod, previous === undefined ? [] : [previous]).pods[0]!;
  }

  #childrenIn(namespace: string): KubeObject[] {
    return CHILD_KINDS.flatMap((child) => this.#table.list(child, namespace));
  }

  #expand(object: KubeObject, existing: readonly KubeObject[]): Expansion {
    this.#nodes ??= this.#table.list('Node');
    return expandWorkload(object, this.#nodes, existing, randomUUID);
  }

  /** `there`: the very objects that the expansion was made from, which need no write. */
  #storeChildren(namespace: string, expansion: Expansion, there: ReadonlySet<KubeObject>): void {
    const { replicaSet, pods, removed, removedReplicaSets } = expansion;
    for (const name of removed) {
      this.#drop({ kind: 'Pod', namespace, name });
    }
    for (const name of removedReplicaSets) {
      this.#drop({ kind: 'ReplicaSet', namespace, name });
    }
    for (const child of [replicaSet, ...pods]) {
      if (child !== undefined && !there.has(child)) {
        this.#storeChild(child);
      }
    }
  }

  /** A child of another uid than the one of its name that is there takes its place: a new object. */
  #storeChild(child: KubeObject): void {
    const ref = refOf(kindOf(child).id, child);
    const before = this.#table.get(ref)?.object;
    const same = before?.metadata.uid === child.metadata.uid;
    // A ReplicaSet is made anew each time, mostly with the same in it.
    if (before === undefined || !same || !isDeepStrictEqual(plain(child), plain(before))) {
      this.#store(ref, child, same ? before : undefined, undefined);
    }
  }

  #store(
    ref: ObjectRef,
    object: KubeObject,
    previous: KubeObject | undefined,
    manifest: KubeObject | undefined,
  ): KubeObject {
    const before = previous?.metadata;
    const generation =
      before?.generation === undefined || isDeepStrictEqual(object.spec, previous?.spec)
        ? (before?.generation ?? 1)
        : before.generation + 1;
    const metadata: ObjectMeta = {
      ...object.metadata,
      uid: before?.uid ?? object.metadata.uid ?? randomUUID(),
      resourceVersion: this.#table.nextVersion(),
      creationTimestamp: before?.creationTimestamp ?? this.#now(),
      ...(WITHOUT_GENERATION.includes(ref.kind) ? {} : { generation }),
    };
    const saved = { ...object, metadata };
    this.#put(ref, saved, manifest);
    return saved;
  }

  /** The manifest may say the same in other words; then only it is kept. */
  #remember(ref: ObjectRef, object: KubeObject, manifest: KubeObject | undefined): void {
    const before = this.#table.get(ref)?.applied;
    if (manifest !== undefined && !isDeepStrictEqual(before, plain(manifest))) {
      this.#table.put(ref, { object, applied: manifest });
    }
  }

  #put(ref: ObjectRef, object: KubeObject, manifest: KubeObject | undefined): void {
    this.#written = true;
    const kept = manifest ?? this.#table.get(ref)?.applied;
    this.#table.put(ref, { object, applied: kept });
    this.#changed(ref, object);
  }

  #drop(ref: ObjectRef): void {
    this.#written = true;
    if (ref.kind === 'CalicoIPPool') {
      // A pool of other blocks may take its place; its nodes begin anew.
      const pool = this.#registry.pool(ref.kind, ref.name);
      if (pool !== undefined) {
        this.#ledger.dropUnits(pool.subnet);
      }
    }
    this.#table.remove(ref);
    this.#changed(ref, undefined);
  }

  #changed(ref: ObjectRef, object: KubeObject | undefined): void {
    this.#registry.follow(ref.kind, ref.name, object);
    if (ref.kind === 'Node') {
      this.#nodes = undefined;
    }
    for (const listener of this.#listeners) {
      listener(ref);
    }
  }

  #remove(ref: ObjectRef, object: KubeObject): Removal {
    if (isPoolKind(ref.kind) && heldCount(ref.kind, ref.name, this.#registry, this.#ledger) > 0) {
      if (!isTerminating(object)) {
        const metadata = { ...object.metadata, deletionTimestamp: this.#now() };
        this.#store(ref, { ...object, metadata }, object, undefined);
      }
      return 'terminating';
    }
    this.#drop(ref);
    if (ref.kind === 'Namespace') {
      this.#dropContent(ref.name);
    } else if (ref.kind !== 'Pod' && isWorkload(ref.kind)) {
      this.#dropChildren(ref.namespace, object);
    }
    return 'deleted';
  }

  #dropContent(namespace: string): void {
    for (const ref of this.#table.refsIn(namespace)) {
      this.#drop(ref);
    }
  }

  #dropChildren(namespace: string, owner: KubeObject): void {
    for (const kind of CHILD_KINDS) {
      for (const child of this.#table.list(kind, namespace)) {
        const owners = child.metadata.ownerReferences ?? [];
        if (owners.some(({ uid }) => uid === owner.metadata.uid)) {
          this.#remove(refOf(kind, child), child);
        }
      }
    }
  }

  #world(kind: KindId) {
    return admissionWorld(kind, this.#registry, heldAddresses(this.#registry, this.#ledger));
  }

  #now(): string {
    return new Date(this.#clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  }

  /**
   * Runs `work` in the group commit. What is remembered follows each write at once, so when a unit fails
   * after its first write, all that is remembered is dropped.
   */
  #unit<T>(work: () => T): Promise<T> {
    const attempt = () => {
      this.#written = false;
      try {
        return work();
      } catch (error) {
        if (this.#written) {
          this.#forget();
        }
        throw error;
      }
    };
    return this.#commits.submit(attempt, { writes: 1 });
  }

  #forget(): void {
    this.#registry.forget();
    this.#nodes = undefined;
  }
}

/** `spiderippools.spiderpool.spidernet.io "p"`, as the API server names objects. */
function nameText(kind: Kind, object: KubeObject): string {
  return refText({ kind: kind.id, namespace: '', name: object.metadata.name });
}

function refText({ kind, name }: ObjectRef): string {
  return `${resourceName(kindById(kind))} "${name}"`;
}
