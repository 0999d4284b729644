/**
 * A cluster's objects in memory, as the controller sees them: versions, preconditions, finalizers, merge patches and
 * watches whose news arrive a turn later. IPBlocks are those of a SimulatedApiServer, which agents of a test write.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ClusterAccess, Feed, FeedOptions, ObjectApi } from '../../src/controller/access.ts';
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import type { ApiOutcome, BlockApi } from '../../src/kube/api.ts';
import { IP_BLOCKS } from '../../src/kube/block-server.ts';
import { type Resource, resourceTypes } from '../../src/kube/resources.ts';
import { SimulatedApiServer } from './simulated-api-server.ts';
import type { VirtualTimers } from './virtual-timers.ts';

export type Write = 'create' | 'replace' | 'mergePatch' | 'delete';

interface Follower {
  readonly list: string;
  readonly objects: Map<string, KubeObject>;
  readonly options: FeedOptions;
  closed: boolean;
}

const BLOCKS = listOf(IP_BLOCKS);

export class SimulatedCluster {
  readonly blocks = new SimulatedApiServer();
  /** Every write that was asked for, with the name of its object. */
  readonly writes: { readonly write: Write; readonly list: string; readonly name: string }[] = [];
  /** What becomes of a write; undefined: what it asks for. */
  refuse: (write: Write, list: string, name: string) => ApiOutcome<never> | undefined = () =>
    undefined;
  /** No request is answered. */
  away = false;
  /** What the server makes of an object that is written: a schema that lacks a field. */
  prune: (object: KubeObject) => KubeObject = (object) => object;
  readonly #timers: VirtualTimers;
  readonly #lists = new Map<string, Map<string, KubeObject>>();
  readonly #followers = new Set<Follower>();
  #revision = 1_000;
  #uids = 0;

  constructor(timers: VirtualTimers) {
    this.#timers = timers;
    this.blocks.onChange = (before, after) => {
      const { name } = (after ?? before)!.metadata;
      this.#tell(BLOCKS, `/${name}`, after as unknown as KubeObject | undefined);
    };
  }

  /** The way in for one controller; `die` ends it as SIGKILL does. */
  access(): ClusterAccess & { die(): void } {
    const life = { alive: true };
    const blocks = this.blocks.client('controller');
    const answer = <T>(work: () => ApiOutcome<T>): Promise<ApiOutcome<T>> =>
      new Promise((resolve) => {
        queueMicrotask(() => {
          if (life.alive) {
            resolve(
              this.away ? { kind: 'unknown', reason: 'simulated: away' } : structuredClone(work()),
            );
          }
        });
      });
    const followers: Follower[] = [];
    return {
      objects: this.#objects(answer),
      blocks: this.#blockApi(blocks),
      clock: this.#timers,
      follow: (resource, options = {}) => {
        const follower = this.#follow(resource, options);
        followers.push(follower);
        return feedOf(follower);
      },
      eachPage: async (resource, read) => {
        read([...this.#list(listOf(resource)).values()].map((object) => structuredClone(object)));
        return !this.away;
      },
      die: () => {
        life.alive = false;
        blocks.die();
        for (const follower of followers) {
          follower.closed = true;
        }
      },
    };
  }

  /** Somebody else writes an object, as `kubectl replace` does: version and preconditions do not matter. */
  put(resource: Resource, object: KubeObject): KubeObject {
    const list = listOf(resource);
    const key = keyOf(object);
    const before = this.#list(list).get(key);
    const { uid, creationTimestamp } = before?.metadata ?? this.#birth();
    return this.#store(list, {
      ...structuredClone(object),
      metadata: {
        uid: uid ?? '',
        creationTimestamp: creationTimestamp ?? '',
        ...structuredClone(object.metadata),
      },
    });
  }

  /** Somebody else deletes it; a finalizer holds it. */
  remove(resource: Resource, name: string, namespace = ''): void {
    const list = listOf(resource);
    const object = this.#list(list).get(`${namespace}/${name}`);
    if (object !== undefined) {
      this.#delete(list, object);
    }
  }

  get(resource: Resource, name: string, namespace = ''): KubeObject | undefined {
    return this.#list(listOf(resource)).get(`${namespace}/${name}`);
  }

  /** By name. */
  all(resource: Resource): KubeObject[] {
    return [...this.#list(listOf(resource)).values()].sort((a, b) =>
      keyOf(a) < keyOf(b) ? -1 : 1,
    );
  }

  #objects(answer: <T>(work: () => ApiOutcome<T>) => Promise<ApiOutcome<T>>): ObjectApi {
    const write = (
      what: Write,
      resource: Resource,
      place: { readonly namespace?: string; readonly name: string },
      work: (list: string, found: KubeObject | undefined) => ApiOutcome<KubeObject>,
    ) => {
      const list = listOf(resource);
      const key = `${place.namespace ?? ''}/${place.name}`;
      this.writes.push({ write: what, list, name: place.name });
      return answer(
        () => this.refuse(what, list, place.name) ?? work(list, this.#list(list).get(key)),
      );
    };
    return {
      get: (resource, { namespace = '', name }) =>
        answer(() => {
          const object = this.#list(listOf(resource)).get(`${namespace}/${name}`);
          return object === undefined ? { kind: 'not-found' } : { kind: 'ok', value: object };
        }),
      create: (resource, object) =>
        write('create', resource, object.metadata, (list, found) =>
          found === undefined
            ? {
                kind: 'ok',
                value: this.#store(list, {
                  ...structuredClone(object),
                  metadata: { ...structuredClone(object.metadata), ...this.#birth() },
                }),
              }
            : { kind: 'conflict' },
        ),
      replace: (resource, object) =>
        write('replace', resource, object.metadata, (list, found) =>
          this.#change(list, found, object.metadata, () => structuredClone(object)),
        ),
      mergePatch: (resource, place, patch) =>
        write('mergePatch', resource, place, (list, found) => {
          const { metadata = {} } = patch as { metadata?: Partial<KubeObject['metadata']> };
          return this.#change(list, found, metadata, (object) =>
            withStatusOnly(object, merged(object, patch) as KubeObject, place.subresource),
          );
        }),
      delete: async (resource, place, { preconditions = {} } = {}) => {
        const outcome = await write('delete', resource, place, (list, found) =>
          this.#change(list, found, preconditions, (object) => {
            this.#delete(list, object);
            return undefined;
          }),
        );
        return outcome.kind === 'ok' ? { kind: 'ok', value: undefined } : outcome;
      },
    };
  }

  #change(
    list: string,
    found: KubeObject | undefined,
    { uid, resourceVersion }: { readonly uid?: string; readonly resourceVersion?: string },
    next: (object: KubeObject) => KubeObject | undefined,
  ): ApiOutcome<KubeObject> {
    if (found === undefined) {
      return { kind: 'not-found' };
    }
    const { metadata } = found;
    const stale = resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion;
    if (stale || (uid !== undefined && uid !== metadata.uid)) {
      return { kind: 'conflict' };
    }
    const object = next(found);
    return { kind: 'ok', value: object === undefined ? found : this.#store(list, object) };
  }

  #store(list: string, object: KubeObject): KubeObject {
    const key = keyOf(object);
    const before = this.#list(list).get(key);
    const pruned = this.prune(object);
    const finalizers = pruned.metadata.finalizers ?? [];
    if (pruned.metadata.deletionTimestamp !== undefined && finalizers.length === 0) {
      this.#list(list).delete(key);
      this.#tell(list, key, undefined);
      return pruned;
    }
    const unchanged = before && { ...pruned, metadata: { ...pruned.metadata } };
    if (before !== undefined && unchanged !== undefined) {
      unchanged.metadata.resourceVersion = before.metadata.resourceVersion ?? '';
      if (isDeepStrictEqual(unchanged, before)) {
        return before;
      }
    }
    this.#revision += 1;
    const metadata = { ...pruned.metadata, resourceVersion: `${this.#revision}` };
    const stored = { ...pruned, metadata };
    this.#list(list).set(key, stored);
    this.#tell(list, key, stored);
    return stored;
  }

  #delete(list: string, object: KubeObject): void {
    const key = keyOf(object);
    if ((object.metadata.finalizers ?? []).length === 0) {
      this.#list(list).delete(key);
      this.#tell(list, key, undefined);
    } else {
      const deletionTimestamp = new Date(this.#timers.now()).toISOString();
      this.#store(list, { ...object, metadata: { ...object.metadata, deletionTimestamp } });
    }
  }

  #birth(): { uid: string; creationTimestamp: string } {
    this.#uids += 1;
    const made = new Date(this.#timers.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    return { uid: `uid-${this.#uids}`, creationTimestamp: made };
  }

  #list(list: string): Map<string, KubeObject> {
    if (list === BLOCKS) {
      const blocks = [...this.blocks.blocks] as unknown as [string, KubeObject][];
      return new Map(blocks.map(([name, block]) => [`/${name}`, block]));
    }
    const objects = this.#lists.get(list) ?? new Map<string, KubeObject>();
    this.#lists.set(list, objects);
    return objects;
  }

  #follow(resource: Resource, options: FeedOptions): Follower {
    const list = listOf(resource);
    const follower: Follower = { list, objects: new Map(), options, closed: false };
    this.#followers.add(follower);
    for (const [key, object] of this.#list(list)) {
      deliver(follower, key, structuredClone(object));
    }
    return follower;
  }

  #tell(list: string, key: string, object: KubeObject | undefined): void {
    const copy = structuredClone(object);
    queueMicrotask(() => {
      for (const follower of this.#followers) {
        if (follower.list === list) {
          deliver(follower, key, copy);
        }
      }
    });
  }

  #blockApi(client: BlockApi): BlockApi {
    const away = async <T>(work: () => Promise<ApiOutcome<T>>): Promise<ApiOutcome<T>> =>
      this.away ? { kind: 'unknown', reason: 'simulated: away' } : work();
    return {
      get: (name) => away(() => client.get(name)),
      peek: (name) => away(() => client.peek(name)),
      list: (query) => away(() => client.list(query)),
      create: (block) => away(() => client.create(block)),
      patch: (name, operations) => away(() => client.patch(name, operations)),
      delete: (name, preconditions) => away(() => client.delete(name, preconditions)),
    };
  }
}

function feedOf(follower: Follower): Feed {
  return {
    synced: Promise.resolve(),
    isSynced: true,
    list: (namespace) =>
      [...follower.objects.values()].filter(
        ({ metadata }) => namespace === undefined || metadata.namespace === namespace,
      ),
    get: (namespace, name) => follower.objects.get(`${namespace}/${name}`),
    close: () => {
      follower.closed = true;
    },
  };
}

function deliver(follower: Follower, key: string, object: KubeObject | undefined): void {
  const [namespace = '', name = ''] = key.split('/');
  const { options, objects } = follower;
  if (follower.closed || (options.namespace !== undefined && options.namespace !== namespace)) {
    return;
  }
  const before = objects.get(key);
  const kept = object && (options.keep?.(object) ?? object);
  if (kept === undefined) {
    objects.delete(key);
  } else {
    objects.set(key, kept);
  }
  if (kept !== undefined || before !== undefined) {
    options.onChange?.({ namespace, name }, kept, before);
  }
}

function listOf(resource: Resource): string {
  const { group, plural } = resourceTypes(resource)[0]!;
  return group === '' ? plural : `${plural}.${group}`;
}

function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

/** A subresource `status` changes nothing else. */
function withStatusOnly(
  before: KubeObject,
  after: KubeObject,
  subresource: string | undefined,
): KubeObject {
  return subresource === 'status' ? { ...before, status: after.status } : after;
}

/** RFC 7396. */
function merged(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) {
    return structuredClone(patch);
  }
  const result: Record<string, unknown> =
    typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) {
      delete result[key];
    } else {
      result[key] = merged(result[key], value);
    }
  }
  return result;
}
