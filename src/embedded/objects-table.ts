/** The rows of the applied objects. Writes only inside a unit of the group commit. */
import { type KindId, kindById } from '../dialect/kinds.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import type { Row } from '../sqlite/connection.ts';
import type { Database } from '../sqlite/database.ts';

/** Names one object. `namespace` is empty for cluster-scoped kinds. */
export interface ObjectRef {
  readonly kind: KindId;
  readonly namespace: string;
  readonly name: string;
}

export interface StoredObject {
  readonly object: KubeObject;
  /** The manifest it was last applied from; undefined where it was made by something else. */
  readonly applied: KubeObject | undefined;
}

/** The ref of an object of this kind. */
export function refOf(kind: KindId, object: KubeObject): ObjectRef {
  const { name, namespace } = object.metadata;
  return { kind, namespace: kindById(kind).namespaced ? (namespace ?? 'default') : '', name };
}

export class ObjectsTable {
  readonly #get;
  readonly #all;
  readonly #inNamespace;
  readonly #refsIn;
  readonly #count;
  readonly #put;
  readonly #remove;
  readonly #nextVersion;

  constructor(database: Database) {
    const select = 'SELECT body, applied FROM objects WHERE kind = ?';
    this.#get = database.prepare(`${select} AND namespace = ? AND name = ?`);
    this.#all = database.prepare(`${select} ORDER BY namespace, name`);
    this.#inNamespace = database.prepare(`${select} AND namespace = ? ORDER BY name`);
    this.#refsIn = database.prepare('SELECT kind, name FROM objects WHERE namespace = ?');
    this.#count = database.prepare('SELECT count(*) FROM objects WHERE kind = ?');
    this.#put = database.prepare(`INSERT OR REPLACE INTO objects
      (kind, namespace, name, body, applied) VALUES (?, ?, ?, ?, ?)`);
    this.#remove = database.prepare(
      'DELETE FROM objects WHERE kind = ? AND namespace = ? AND name = ?',
    );
    this.#nextVersion = database.prepare(
      "UPDATE counters SET value = value + 1 WHERE name = 'resourceVersion' RETURNING value",
    );
  }

  get(ref: ObjectRef): StoredObject | undefined {
    const row = this.#get.get(ref.kind, ref.namespace, ref.name);
    return row === undefined ? undefined : storedOf(row);
  }

  /** Objects of a kind by namespace and name; of one namespace, or of all where it is undefined. */
  list(kind: KindId, namespace?: string): KubeObject[] {
    const rows =
      namespace === undefined ? this.#all.all(kind) : this.#inNamespace.all(kind, namespace);
    return rows.map((row) => storedOf(row).object);
  }

  /** Everything in a namespace, of all kinds. */
  refsIn(namespace: string): ObjectRef[] {
    const rows = this.#refsIn.all(namespace) as readonly unknown[] as [KindId, string][];
    return rows.map(([kind, name]) => ({ kind, namespace, name }));
  }

  /** How many objects of a kind there are. */
  count(kind: KindId): number {
    return this.#count.get(kind)![0] as number;
  }

  put(ref: ObjectRef, { object, applied }: StoredObject): void {
    this.#put.run(
      ref.kind,
      ref.namespace,
      ref.name,
      JSON.stringify(object),
      applied === undefined ? null : JSON.stringify(applied),
    );
  }

  remove(ref: ObjectRef): void {
    this.#remove.run(ref.kind, ref.namespace, ref.name);
  }

  /** A resourceVersion above all that were ever given. */
  nextVersion(): string {
    return String(this.#nextVersion.get()![0]);
  }
}

function storedOf([body, applied]: Row): StoredObject {
  return {
    object: JSON.parse(body as string) as KubeObject,
    applied: applied === null ? undefined : (JSON.parse(applied as string) as KubeObject),
  };
}
