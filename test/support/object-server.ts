/**
 * Lists, watches and single objects as an API server serves them, over HTTP: a script for ScriptedApiServer. Kinds
 * that were never put are not served.
 */
import type { ServerResponse } from 'node:http';
import { type KindId, kindById } from '../../src/dialect/kinds.ts';
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import { resourcePath, resourceTypes } from '../../src/kube/resources.ts';
import { answer, ScriptedApiServer, statusObject } from './scripted-api-server.ts';

interface Served {
  readonly kind: KindId;
  readonly objects: Map<string, KubeObject>;
}

interface Happened {
  readonly path: string;
  readonly type: string;
  readonly version: number;
  readonly object: KubeObject;
}

interface Watch {
  readonly path: string;
  readonly selects: (object: KubeObject) => boolean;
  readonly response: ServerResponse;
}

export class ObjectServer implements AsyncDisposable {
  readonly http: ScriptedApiServer;
  /** By the path of the list in all namespaces. */
  readonly #served = new Map<string, Served>();
  readonly #watches: Watch[] = [];
  /** For watches that begin at an earlier version. */
  readonly #history: Happened[] = [];
  #version = 100;
  /** Requests for single objects, `METHOD path`, in order. */
  readonly reads: string[] = [];
  /** Watches tell nothing until this is false again, as one whose connection hangs. */
  silent = false;

  private constructor(http: ScriptedApiServer) {
    this.http = http;
    http.script = ({ path }, response) => this.#serve(new URL(path, 'http://server'), response);
  }

  static async start(...kinds: KindId[]): Promise<ObjectServer> {
    const server = new ObjectServer(await ScriptedApiServer.start());
    for (const kind of kinds) server.serve(kind);
    return server;
  }

  /** Serves a kind, in the version of its types that `version` names, else the preferred one. */
  serve(kind: KindId, apiVersion?: string): Served {
    const type = resourceTypes(kind).find(
      ({ group, version }) => apiVersion === undefined || `${group}/${version}` === apiVersion,
    );
    const path = resourcePath(type!);
    const served = this.#served.get(path) ?? { kind, objects: new Map() };
    this.#served.set(path, served);
    return served;
  }

  /** Makes or changes an object, and tells the watches. `apiVersion` and `kind` may be left out. */
  put(kind: KindId, object: Partial<KubeObject> & Pick<KubeObject, 'metadata'>): KubeObject {
    const [path, { objects }] = this.#at(kind);
    this.#version += 1;
    const { name, namespace } = object.metadata;
    const key = `${namespace ?? ''}/${name}`;
    const before = objects.get(key);
    const made: KubeObject = {
      apiVersion: kindById(kind).apiVersions[0]!,
      kind: kindById(kind).kinds[0]!,
      ...object,
      metadata: {
        uid: before?.metadata.uid ?? `uid-${this.#version}`,
        ...object.metadata,
        resourceVersion: String(this.#version),
      },
    };
    objects.set(key, made);
    this.#tell(path, before === undefined ? 'ADDED' : 'MODIFIED', made);
    return made;
  }

  delete(kind: KindId, name: string, namespace = ''): void {
    const [path, { objects }] = this.#at(kind);
    const key = `${namespace}/${name}`;
    const before = objects.get(key)!;
    objects.delete(key);
    this.#version += 1;
    const metadata = { ...before.metadata, resourceVersion: String(this.#version) };
    this.#tell(path, 'DELETED', { ...before, metadata });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.http.close();
  }

  #at(kind: KindId): [path: string, served: Served] {
    return [...this.#served].find(([, served]) => served.kind === kind)!;
  }

  #tell(path: string, type: string, object: KubeObject): void {
    const news = { path, type, version: this.#version, object };
    this.#history.push(news);
    for (const watch of this.#watches) {
      this.#send(watch, news);
    }
  }

  #send({ path, selects, response }: Watch, { type, object, ...news }: Happened): void {
    if (!this.silent && path === news.path && selects(object)) {
      response.write(`${JSON.stringify({ type, object })}\n`);
    }
  }

  #serve(url: URL, response: ServerResponse): void {
    const list = this.#served.get(url.pathname);
    if (list === undefined) {
      this.#serveOne(url.pathname, response);
      return;
    }
    const selects = selector(url.searchParams.get('fieldSelector'));
    if (url.searchParams.get('watch') === 'true') {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
      const watch = { path: url.pathname, selects, response };
      const from = Number(url.searchParams.get('resourceVersion'));
      for (const news of this.#history.filter(({ version }) => version > from)) {
        this.#send(watch, news);
      }
      this.#watches.push(watch);
      return;
    }
    answer(response, 200, {
      kind: 'List',
      metadata: { resourceVersion: String(this.#version) },
      // Items of a built-in kind come without it.
      items: [...list.objects.values()].filter(selects).map(({ kind: _, ...item }) => item),
    });
  }

  #serveOne(path: string, response: ServerResponse): void {
    this.reads.push(path);
    for (const [listPath, { objects }] of this.#served) {
      for (const object of objects.values()) {
        const { name, namespace } = object.metadata;
        const at = listPath.lastIndexOf('/');
        const scope = namespace === undefined ? '' : `/namespaces/${namespace}`;
        if (path === `${listPath.slice(0, at)}${scope}${listPath.slice(at)}/${name}`) {
          answer(response, 200, object);
          return;
        }
      }
    }
    answer(response, 404, statusObject(404, 'not found'));
  }
}

/** `metadata.name=…` and `spec.nodeName=…`, which is all that is asked for. */
function selector(text: string | null): (object: KubeObject) => boolean {
  const [field, value] = text?.split('=') ?? [];
  return ({ metadata, spec }) =>
    field === undefined ||
    (field === 'metadata.name' ? metadata.name : (spec as { nodeName?: string })?.nodeName) ===
      value;
}
