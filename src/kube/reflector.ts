/**
 * A copy of a list of objects that follows the API server.
 *
 *     list ─► watch ─┬─ ended, broken ─► watch on from the last version seen
 *      ▲             └─ expired, or broken several times in a row ─┐
 *      └───────────────────────────────────────────────────────────┘ what is gone meanwhile is told, too
 *
 * Neither a list nor an event puts an older object in the place of a newer one. Only where a whole list out of etcd
 * is older than what was seen before, etcd was restored from a backup, and the list counts.
 */
import { LIMITS } from '../catalogue/limits.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import { pause, type Timers } from '../ipam/timers.ts';
import type { ApiOutcome } from './api.ts';
import type { ApiServer, WatchEnd, WatchEvent } from './api-server.ts';
import { backoffMs } from './backoff.ts';
import { listObjects, type ObjectList } from './object-list.ts';
import { isOlder } from './resource-version.ts';
import { withQuery } from './resources.ts';

export interface ObjectName {
  /** Empty for kinds without namespaces. */
  readonly namespace: string;
  readonly name: string;
}

export interface ReflectorParts {
  readonly api: ApiServer;
  /**
   * Of the list, without query (`resourcePath`). Several: the first that is served, for a kind of several
   * versions. Where none is, the list is empty and looked for again from time to time.
   */
  readonly path: string | readonly string[];
  readonly query?: { readonly fieldSelector?: string; readonly labelSelector?: string };
  /** What is kept of an object; the rest is forgotten as soon as it has come. It leaves the names and versions. */
  readonly keep?: (object: KubeObject) => KubeObject;
  /** Where the first list comes from; default: `etcd`. */
  readonly from?: 'etcd' | 'any';
  readonly timers: Timers;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** After every change, in order; `object` undefined: it is gone. `before` undefined: it is new. */
  readonly onChange?: (
    name: ObjectName,
    object: KubeObject | undefined,
    before: KubeObject | undefined,
  ) => void;
  /** After every whole list. */
  readonly onSync?: () => void;
}

/** So many watches in a row of which nothing was heard are enough: the list is read anew. */
const BARREN_WATCHES_MAX = 3;
/** A watch that the server held for this many milliseconds and then ended was a good one, also without events. */
const HELD_MS = 1_000;
/** A kind that is not served is looked for again after this long, then ever more rarely. */
const UNSERVED_FIRST_MS = 500;

export class Reflector {
  /** Resolves after the first whole list; never where `close` comes before it. */
  readonly synced: Promise<void>;
  readonly #parts: ReflectorParts;
  readonly #paths: readonly string[];
  readonly #objects = new Map<string, KubeObject>();
  readonly #closing = new AbortController();
  #resolveSynced!: () => void;
  #isSynced = false;
  #started = false;
  /** Everything up to it was seen. */
  #resourceVersion = '';
  #failure: string | undefined;
  /** The last watch has told something. */
  #heard = false;
  /** Watches in a row of which nothing was heard; the next ones wait longer, also with a new list. */
  #barren = 0;
  /** The kind was not served when it was asked for last. */
  #isMissing = false;

  constructor(parts: ReflectorParts) {
    this.#parts = parts;
    this.#paths = typeof parts.path === 'string' ? [parts.path] : parts.path;
    this.synced = new Promise((resolve) => {
      this.#resolveSynced = resolve;
    });
  }

  /** Begins to follow; a second call does nothing. */
  start(): void {
    if (!this.#started) {
      this.#started = true;
      void this.#follow();
    }
  }

  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** Why the copy may be old, in words; undefined while it is followed. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** All objects, or those of one namespace, in no order; all without `metadata.managedFields`. */
  list(namespace?: string): KubeObject[] {
    const all = [...this.#objects.values()];
    return namespace === undefined
      ? all
      : all.filter(({ metadata }) => metadata.namespace === namespace);
  }

  /** `namespace` is empty for kinds without. */
  get(namespace: string, name: string): KubeObject | undefined {
    return this.#objects.get(keyOf({ namespace, name }));
  }

  /** Follows no more; nothing is told from here on. */
  close(): void {
    this.#closing.abort();
  }

  async #follow(): Promise<void> {
    let failures = 0;
    let missing = 0;
    let from = this.#parts.from ?? 'etcd';
    while (!this.#isClosed) {
      const { path, outcome } = await this.#list(from);
      if (this.#isClosed) {
        return;
      }
      if (outcome.kind === 'ok' && path !== undefined) {
        failures = 0;
        missing = 0;
        this.#isMissing = false;
        this.#takeList(outcome.value);
        await this.#watchOn(path);
      } else if (outcome.kind === 'not-found') {
        this.#takeMissing();
        // In a new cluster the kinds are made about when everything starts.
        await this.#rest(Math.min(LIMITS.unservedKindMs, UNSERVED_FIRST_MS * 2 ** missing));
        missing += 1;
      } else {
        failures += 1;
        this.#failure = textOf(outcome);
        const least = outcome.kind === 'busy' ? outcome.retryAfterMs : 0;
        await this.#rest(least + backoffMs(failures, this.#parts.random));
      }
      // What the server's cache has may be older than what was seen.
      from = 'etcd';
    }
  }

  /** The list at the first path that is served. */
  async #list(
    from: 'etcd' | 'any',
  ): Promise<{ path: string | undefined; outcome: ApiOutcome<ObjectList> }> {
    const { api, query, keep } = this.#parts;
    for (const path of this.#paths) {
      const outcome = await listObjects(api, path, {
        ...query,
        ...(keep === undefined ? {} : { keep }),
        from,
        signal: this.#closing.signal,
      });
      if (outcome.kind !== 'not-found') {
        return { path, outcome };
      }
    }
    return { path: undefined, outcome: { kind: 'not-found' } };
  }

  /** A list that was there is given up only when it is still not served after a while: a server may be starting. */
  #takeMissing(): void {
    if (this.#objects.size > 0 && !this.#isMissing) {
      this.#isMissing = true;
      this.#failure = 'the API server does not serve the kind any more';
    } else {
      this.#takeList({ items: [], resourceVersion: '' });
    }
  }

  /** Watches until the list must be read anew. */
  async #watchOn(path: string): Promise<void> {
    const { api, query = {}, random } = this.#parts;
    for (;;) {
      const begun = performance.now();
      const quiet = !this.#heard;
      this.#heard = false;
      const end: WatchEnd = await api.watch(withQuery(path, query), {
        resourceVersion: this.#resourceVersion,
        signal: this.#closing.signal,
        quiet,
        onOpen: () => {
          this.#failure = undefined;
        },
        onEvent: (event) => {
          this.#heard = true;
          this.#barren = 0;
          this.#takeEvent(event);
        },
      });
      if (this.#isClosed) {
        return;
      }
      if (end.kind === 'ended' && performance.now() - begun >= HELD_MS) {
        this.#barren = 0;
        continue;
      }
      const least = end.kind === 'broken' ? end.retryAfterMs : 0;
      const wait = this.#barren === 0 ? 0 : backoffMs(this.#barren, random);
      this.#barren += 1;
      if (end.kind === 'broken') {
        this.#failure = end.reason;
      }
      await this.#rest(least + wait);
      if (end.kind === 'expired' || this.#barren % BARREN_WATCHES_MAX === 0 || this.#isClosed) {
        return;
      }
    }
  }

  #takeEvent({ type, object }: WatchEvent): void {
    if (this.#isClosed) {
      return;
    }
    const { resourceVersion } = object.metadata;
    if (resourceVersion !== undefined && !isOlder(resourceVersion, this.#resourceVersion)) {
      this.#resourceVersion = resourceVersion;
    }
    if (type === 'BOOKMARK') {
      return;
    }
    const before = this.#objects.get(keyOf(nameOf(object)));
    if (!isOlder(resourceVersion, before?.metadata.resourceVersion)) {
      const { keep = (whole) => whole } = this.#parts;
      this.#put(nameOf(object), type === 'DELETED' ? undefined : keep(object));
    }
  }

  #takeList({ items, resourceVersion }: ObjectList): void {
    const restored = isOlder(resourceVersion, this.#resourceVersion);
    this.#resourceVersion = resourceVersion;
    this.#failure = undefined;
    const listed = new Set<string>();
    for (const item of items) {
      const key = keyOf(nameOf(item));
      listed.add(key);
      const before = this.#objects.get(key);
      const version = item.metadata.resourceVersion;
      const same = before !== undefined && before.metadata.resourceVersion === version;
      if (!same && (restored || !isOlder(version, before?.metadata.resourceVersion))) {
        this.#put(nameOf(item), item);
      }
    }
    for (const [key, object] of [...this.#objects]) {
      if (!listed.has(key)) {
        this.#put(nameOf(object), undefined);
      }
    }
    this.#tellSynced();
  }

  #put(name: ObjectName, object: KubeObject | undefined): void {
    const key = keyOf(name);
    const before = this.#objects.get(key);
    if (object === undefined) {
      this.#objects.delete(key);
    } else {
      // Who wrote which field is half of an object, and nobody asks a copy for it.
      delete (object.metadata as { managedFields?: unknown }).managedFields;
      this.#objects.set(key, object);
    }
    if (object === undefined && before === undefined) {
      return;
    }
    try {
      this.#parts.onChange?.(name, object, before);
    } catch (error) {
      // Neither the copy nor the others that follow it suffer; the process hears of it as of any fault.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #tellSynced(): void {
    this.#isSynced = true;
    this.#resolveSynced();
    this.#parts.onSync?.();
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  async #rest(ms: number): Promise<void> {
    const { signal } = this.#closing;
    let wake = () => {};
    const closed = new Promise<void>((resolve) => {
      wake = resolve;
    });
    signal.addEventListener('abort', wake);
    await Promise.race([pause(this.#parts.timers, ms), closed]);
    signal.removeEventListener('abort', wake);
  }
}

function nameOf({ metadata }: KubeObject): ObjectName {
  return { namespace: metadata.namespace ?? '', name: metadata.name };
}

function keyOf({ namespace, name }: ObjectName): string {
  return `${namespace}/${name}`;
}

function textOf(outcome: ApiOutcome<unknown>): string {
  return 'reason' in outcome ? outcome.reason : outcome.kind;
}
