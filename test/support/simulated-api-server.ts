/**
 * An API server that keeps IPBlocks in memory and does what reference/kubernetes-api.md says of status codes
 * and JSON Patch. A schedule decides when a request takes effect and whether its answer arrives: by default at
 * once; what `holds` picks waits until the test lets it go, loses its answer, or both, in any order.
 */
import { isDeepStrictEqual } from 'node:util';
import type {
  ApiOutcome,
  BlockApi,
  BlockPage,
  ListQuery,
  PatchOperation,
} from '../../src/kube/api.ts';
import { COARSE_LABEL, type IpBlock } from '../../src/kube/ip-block.ts';

export type Verb = 'get' | 'list' | 'create' | 'patch' | 'delete';

/** A request that has left its client. */
export interface HeldRequest {
  readonly client: string;
  readonly verb: Verb;
  /** Of the block; empty for a list. */
  readonly name: string;
  readonly body: unknown;
  /** It has taken effect, if it was to have one. */
  readonly executed: boolean;
  /** Its client has an outcome. */
  readonly answered: boolean;
  /** Takes effect now, once; nobody is told. */
  execute(): void;
  /** Takes effect if it has not, and its client hears of it. */
  answer(): void;
  /** The client gives up waiting. It may still take effect later. */
  lose(): void;
  /** The client hears this, and the request never takes effect. */
  fail(outcome: ApiOutcome<never>): void;
}

/** A client, and how its process dies: nothing that it sends or waits for is answered any more. */
export interface SimulatedClient extends BlockApi {
  die(): void;
}

const OBJECT_BYTES_MAX = 1_500_000;

export class SimulatedApiServer {
  /** Which requests wait for the test. */
  holds: (request: HeldRequest) => boolean = () => false;
  /** Sees every change of a block; undefined: it did not exist before, or does not after. */
  onChange: (before: IpBlock | undefined, after: IpBlock | undefined) => void = () => {};
  /** Requests that wait, or that were answered without having taken effect, in order of arrival. */
  readonly held: HeldRequest[] = [];
  readonly counts: Record<Verb, number> = { get: 0, list: 0, create: 0, patch: 0, delete: 0 };
  readonly #blocks = new Map<string, IpBlock>();
  #revision = 100;
  #uids = 0;

  /** The stored objects, by name. */
  get blocks(): ReadonlyMap<string, IpBlock> {
    return this.#blocks;
  }

  client(client: string): SimulatedClient {
    const life = { alive: true };
    const send = <T>(
      verb: Verb,
      name: string,
      body: unknown,
      work: () => ApiOutcome<T>,
    ): Promise<ApiOutcome<T>> =>
      new Promise((resolve) => {
        if (life.alive) {
          this.#arrive(client, verb, name, body, work, (outcome) => {
            if (life.alive) {
              resolve(structuredClone(outcome));
            }
          });
        }
      });
    return {
      get: (name) => send('get', name, undefined, () => this.#get(name)),
      peek: (name) => send('get', name, undefined, () => this.#get(name)),
      list: (query) => send('list', '', query, () => this.#list(query)),
      create: (block) => send('create', block.metadata.name, block, () => this.#create(block)),
      patch: (name, operations) =>
        send('patch', name, operations, () => this.#patch(name, operations)),
      delete: (name, preconditions) =>
        send('delete', name, preconditions, () => this.#delete(name, preconditions)),
      die: () => {
        life.alive = false;
      },
    };
  }

  /** Somebody edits an object without asking: `kubectl edit`. */
  edit(name: string, change: (block: IpBlock) => IpBlock): void {
    this.#store(change(structuredClone(this.#blocks.get(name) as IpBlock)));
  }

  /** Somebody removes an object, finalizer and all. */
  remove(name: string): void {
    this.#replace(name, undefined);
  }

  /** What there is now, to go back to. */
  backUp(): () => void {
    const revision = this.#revision;
    const blocks = structuredClone([...this.#blocks]);
    return () => {
      this.#revision = revision;
      this.#blocks.clear();
      for (const [name, block] of blocks) {
        this.#blocks.set(name, block);
      }
    };
  }

  #arrive<T>(
    client: string,
    verb: Verb,
    name: string,
    body: unknown,
    work: () => ApiOutcome<T>,
    deliver: (outcome: ApiOutcome<T>) => void,
  ): void {
    this.counts[verb] += 1;
    let outcome: ApiOutcome<T> | undefined;
    let answered = false;
    const forgetWhenOver = () => {
      if (request.executed && request.answered && this.held.includes(request)) {
        this.held.splice(this.held.indexOf(request), 1);
      }
    };
    const tell = (told: ApiOutcome<T>) => {
      if (!answered) {
        answered = true;
        deliver(told);
      }
      forgetWhenOver();
    };
    const request: HeldRequest = {
      client,
      verb,
      name,
      body,
      get executed() {
        return outcome !== undefined;
      },
      get answered() {
        return answered;
      },
      execute: () => {
        outcome ??= work();
        forgetWhenOver();
      },
      answer: () => {
        outcome ??= work();
        tell(outcome);
      },
      lose: () => tell({ kind: 'unknown', reason: 'simulated: no answer in time' }),
      fail: (failure) => {
        outcome ??= failure;
        tell(failure);
      },
    };
    if (this.holds(request)) {
      this.held.push(request);
    } else {
      queueMicrotask(() => request.answer());
    }
  }

  #get(name: string): ApiOutcome<IpBlock> {
    const block = this.#blocks.get(name);
    return block === undefined ? { kind: 'not-found' } : { kind: 'ok', value: block };
  }

  #list({ coarseNetworks, limit, continue: from = '' }: ListQuery): ApiOutcome<BlockPage> {
    const names = [...this.#blocks.keys()].sort().filter((name) => name > from);
    const all = names
      .map((name) => this.#blocks.get(name) as IpBlock)
      .filter(
        ({ metadata }) => coarseNetworks?.includes(metadata.labels?.[COARSE_LABEL] ?? '') ?? true,
      );
    const blocks = all.slice(0, limit);
    const more = all.length > limit ? blocks.at(-1)?.metadata.name : undefined;
    return {
      kind: 'ok',
      value: structuredClone({ blocks, resourceVersion: `${this.#revision}`, continue: more }),
    };
  }

  #create(block: IpBlock): ApiOutcome<IpBlock> {
    const { name } = block.metadata;
    if (this.#blocks.has(name)) {
      return { kind: 'conflict' };
    }
    this.#uids += 1;
    const creationTimestamp = new Date(0).toISOString();
    const metadata = { ...block.metadata, uid: `uid-${this.#uids}`, creationTimestamp };
    return this.#store({ ...structuredClone(block), metadata });
  }

  #patch(name: string, operations: readonly PatchOperation[]): ApiOutcome<IpBlock> {
    const block = this.#blocks.get(name);
    if (block === undefined) {
      return { kind: 'not-found' };
    }
    const patched = structuredClone(block);
    for (const operation of operations) {
      if (!apply(patched, operation)) {
        return { kind: 'test-failed' };
      }
    }
    const same = JSON.stringify(patched) === JSON.stringify(block);
    return same ? { kind: 'ok', value: block } : this.#store(patched);
  }

  #delete(
    name: string,
    { uid, resourceVersion }: { readonly uid: string; readonly resourceVersion: string },
  ): ApiOutcome<void> {
    const block = this.#blocks.get(name);
    if (block === undefined) {
      return { kind: 'not-found' };
    }
    const { metadata } = block;
    if (metadata.uid !== uid || metadata.resourceVersion !== resourceVersion) {
      return { kind: 'conflict' };
    }
    if ((metadata.finalizers ?? []).length === 0) {
      this.#replace(name, undefined);
    } else {
      this.#store({
        ...block,
        metadata: { ...metadata, deletionTimestamp: new Date(0).toISOString() },
      });
    }
    return { kind: 'ok', value: undefined };
  }

  #store(block: IpBlock): ApiOutcome<IpBlock> {
    if (JSON.stringify(block).length > OBJECT_BYTES_MAX) {
      return { kind: 'refused', reason: 'etcdserver: request is too large' };
    }
    this.#revision += 1;
    const metadata = { ...block.metadata, resourceVersion: `${this.#revision}` };
    const stored = { ...block, metadata };
    const ends =
      metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).length === 0;
    this.#replace(metadata.name, ends ? undefined : stored);
    return { kind: 'ok', value: stored };
  }

  #replace(name: string, after: IpBlock | undefined): void {
    const before = this.#blocks.get(name);
    if (after === undefined) {
      this.#revision += 1;
      this.#blocks.delete(name);
    } else {
      this.#blocks.set(name, after);
    }
    this.onChange(before, after);
  }
}

/** One operation of RFC 6902, as the API server has it; false where it fails. */
function apply(document: object, operation: PatchOperation): boolean {
  const keys = operation.path
    .slice(1)
    .split('/')
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = keys.pop() as string;
  let parent = document as Record<string, unknown>;
  for (const key of keys) {
    const next = parent[key];
    if (typeof next !== 'object' || next === null) {
      return false;
    }
    parent = next as Record<string, unknown>;
  }
  switch (operation.op) {
    case 'test':
      // Null passes on an absent member.
      return isDeepStrictEqual(parent[last] ?? null, operation.value);
    case 'add':
      parent[last] = operation.value;
      return true;
    case 'remove': {
      const there = last in parent;
      if (Array.isArray(parent)) {
        parent.splice(Number(last), 1);
      } else {
        delete parent[last];
      }
      return there;
    }
  }
}
