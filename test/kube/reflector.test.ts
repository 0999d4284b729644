/** Lists and watches against a server that does what a test says. */
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import { systemTimers, type Timers } from '../../src/ipam/timers.ts';
import { ApiServer, type ApiServerOptions, type WatchEvent } from '../../src/kube/api-server.ts';
import { Reflector, type ReflectorParts } from '../../src/kube/reflector.ts';
import { scratchFolder } from '../support/scratch-folder.ts';
import {
  answer,
  ScriptedApiServer,
  type ScriptedRequest,
  statusObject,
} from '../support/scripted-api-server.ts';

const PATH = '/api/v1/pods';

let server: ScriptedApiServer;
const opened: { close(): unknown }[] = [];

beforeEach(async () => {
  server = await ScriptedApiServer.start();
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
  await server.close();
});

function client(limits: ApiServerOptions['limits'] = {}): ApiServer {
  const api = ApiServer.fromKubeconfig(server.kubeconfig(scratchFolder()), {
    limits,
    random: () => 1,
  });
  opened.push(api);
  return api;
}

function pod(name: string, version: number, more: object = {}): KubeObject {
  const metadata = { namespace: 'default', name, resourceVersion: String(version) };
  return { apiVersion: 'v1', kind: 'Pod', metadata, ...more };
}

const line = (type: string, object: unknown) => `${JSON.stringify({ type, object })}\n`;
const bookmark = (version: number) =>
  line('BOOKMARK', { metadata: { resourceVersion: String(version) } });
const isWatch = ({ path }: ScriptedRequest) => path.includes('watch=true');
const listAnswer = (items: KubeObject[], version: number, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'PodList',
  metadata: { resourceVersion: String(version), ...more },
  items: items.map(({ metadata }) => ({ metadata })),
});

describe('a watch', () => {
  async function watched(
    script: (response: ServerResponse, request: ScriptedRequest) => void,
    limits: ApiServerOptions['limits'] = {},
    onEvent: (event: WatchEvent) => void = () => {},
  ) {
    const events: string[] = [];
    server.script = (request, response) => script(response, request);
    const end = await client(limits).watch(PATH, {
      resourceVersion: '7',
      signal: new AbortController().signal,
      onEvent: (event) => {
        const { name, resourceVersion } = event.object.metadata;
        events.push([event.type, name, resourceVersion].join(' ').trim());
        onEvent(event);
      },
    });
    return { end, events };
  }

  test('asks for bookmarks, from the version given, for a limited time', async () => {
    await watched((response) => answer(response, 200, ''), { watchMs: 40_000 });
    expect(server.requests.map(({ path }) => path)).toEqual([
      `${PATH}?watch=true&allowWatchBookmarks=true&resourceVersion=7&timeoutSeconds=40`,
    ]);
  });

  test('gives every event, however the stream is cut', async () => {
    const name = 'pöd';
    const text = Buffer.from(
      line('ADDED', pod(name, 8)) + line('DELETED', pod('b', 9)) + bookmark(12),
    );
    // Byte by byte, so that the two bytes of ö come apart.
    const { end, events } = await watched((response) => {
      response.writeHead(200);
      for (const byte of text) {
        response.write(Buffer.from([byte]));
      }
      response.end();
    });
    expect(events).toEqual([`ADDED ${name} 8`, 'DELETED b 9', 'BOOKMARK  12']);
    expect(end).toEqual({ kind: 'ended' });
  });

  test.each([
    {
      what: '410 as status',
      script: (response: ServerResponse) => answer(response, 410, statusObject(410, 'too old')),
      end: { kind: 'expired' },
    },
    {
      what: '410 as an event',
      script: (response: ServerResponse) =>
        answer(response, 200, line('ERROR', statusObject(410, 'too old'))),
      end: { kind: 'expired' },
    },
    {
      what: 'another error as an event',
      script: (response: ServerResponse) =>
        answer(response, 200, line('ERROR', statusObject(500, 'decode', { retryAfterSeconds: 2 }))),
      end: { kind: 'broken', reason: 'decode', retryAfterMs: 2_000, status: 500 },
    },
    {
      what: '429',
      script: (response: ServerResponse) =>
        answer(response, 429, statusObject(429, 'busy'), { 'retry-after': '5' }),
      end: { kind: 'broken', reason: '429: busy', retryAfterMs: 5_000, status: 429 },
    },
    {
      what: 'a version of the future',
      script: (response: ServerResponse) =>
        answer(response, 504, statusObject(504, 'Too large resource version')),
      end: {
        kind: 'broken',
        reason: '504: Too large resource version',
        retryAfterMs: 0,
        status: 504,
      },
    },
  ])('that is answered with $what ends as $end.kind', async ({ script, end }) => {
    expect((await watched(script)).end).toEqual(end);
  });

  test.each([
    {
      what: 'is cut off',
      script: (response: ServerResponse) => {
        response.writeHead(200);
        response.write(line('ADDED', pod('a', 8)));
        setImmediate(() => response.socket?.destroy());
      },
      events: 1,
    },
    {
      what: 'is not JSON',
      script: (response: ServerResponse) => answer(response, 200, '<html>\n'),
      events: 0,
    },
    {
      what: 'falls silent',
      script: (response: ServerResponse) => {
        response.writeHead(200);
        response.write(line('ADDED', pod('a', 8)));
      },
      events: 1,
    },
    { what: 'is never answered', script: () => {}, events: 0 },
    {
      what: 'tells an event beyond all measure',
      script: (response: ServerResponse) => {
        response.writeHead(200);
        response.write(line('ADDED', pod('a', 8)));
        response.write('x'.repeat(60_000));
      },
      events: 1,
    },
  ])('that $what is broken', async ({ script, events }) => {
    const limits = { apiRequestMs: 100, watchSilenceMs: 100, answerBytesMax: 50_000 };
    const seen = await watched(script, limits);
    expect(seen.end.kind).toBe('broken');
    expect(seen.events).toHaveLength(events);
    await server.idle();
  });

  test('ends when it is called off, with its connection', async () => {
    const control = new AbortController();
    server.script = (_request, response) => {
      response.writeHead(200);
      response.write(line('ADDED', pod('a', 8)));
    };
    const end = await client().watch(PATH, {
      resourceVersion: '7',
      signal: control.signal,
      onEvent: () => control.abort(),
    });
    expect(end).toEqual({ kind: 'ended' });
    await server.idle();
  });
});

/** Timers that ring when the test says so, however long they were set for. */
class HandTimers implements Timers {
  #alarms: (() => void)[] = [];

  now(): number {
    return 0;
  }

  after(_ms: number, wake: () => void): () => void {
    this.#alarms.push(wake);
    return () => {};
  }

  wake(): void {
    for (const alarm of this.#alarms.splice(0)) {
      alarm();
    }
  }
}

describe('a reflector', () => {
  /** What each list in turn answers; the last one again and again. */
  let lists: ((response: ServerResponse, request: ScriptedRequest) => void)[];
  /** What each watch in turn does; the last one again and again. */
  let watches: ((response: ServerResponse, request: ScriptedRequest) => void)[];
  let changes: string[];
  let syncs: number;

  const stays = (response: ServerResponse) => {
    response.writeHead(200);
    response.flushHeaders();
  };
  const lines =
    (...texts: string[]) =>
    (response: ServerResponse) => {
      response.writeHead(200);
      response.write(texts.join(''));
    };
  const lists1 =
    (items: KubeObject[], version: number, more: object = {}) =>
    (response: ServerResponse) =>
      answer(response, 200, listAnswer(items, version, more));

  beforeEach(() => {
    lists = [lists1([], 5)];
    watches = [stays];
    changes = [];
    syncs = 0;
    server.script = (request, response) => {
      const scripts = isWatch(request) ? watches : lists;
      const script = scripts.length > 1 ? scripts.shift()! : scripts[0]!;
      script(response, request);
    };
  });

  function follow(more: Partial<ReflectorParts> = {}): Reflector {
    const api = client({ apiRequestMs: 1_000 });
    const reflector = new Reflector({
      api,
      path: PATH,
      timers: systemTimers(api.clock),
      random: () => 0,
      onChange: ({ name }, object, before) => {
        const versions = [before, object].map((one) => one?.metadata.resourceVersion ?? '-');
        changes.push(`${name} ${versions.join('→')}`);
      },
      onSync: () => {
        syncs += 1;
      },
      ...more,
    });
    opened.unshift(reflector);
    reflector.start();
    return reflector;
  }

  const watchesFrom = () =>
    server.requests
      .filter(isWatch)
      .map(({ path }) => new URLSearchParams(path.split('?')[1]).get('resourceVersion'));
  const listPaths = () =>
    server.requests.filter((request) => !isWatch(request)).map(({ path }) => path);

  test('reads the list in pages and then watches from its version', async () => {
    lists = [lists1([pod('a', 3)], 5, { continue: 'more' }), lists1([pod('b', 4)], 5)];
    const reflector = follow({ query: { fieldSelector: 'spec.nodeName=n' } });
    expect(reflector.isSynced).toBe(false);
    await reflector.synced;
    expect(reflector.isSynced).toBe(true);
    await vi.waitFor(() => expect(watchesFrom()).toEqual(['5']));
    expect(listPaths()).toEqual([
      `${PATH}?fieldSelector=spec.nodeName%3Dn&limit=500`,
      `${PATH}?fieldSelector=spec.nodeName%3Dn&continue=more&limit=500`,
    ]);
    expect(server.requests[2]?.path).toContain('fieldSelector=spec.nodeName%3Dn&watch=true');
    expect(changes).toEqual(['a -→3', 'b -→4']);
    expect(reflector.get('default', 'a')).toEqual(pod('a', 3));
    expect(reflector.list().map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
    expect(reflector.list('other')).toEqual([]);
  });

  test('asks the cache of the server where it may be old, and etcd from then on', async () => {
    watches = [(response) => answer(response, 410, statusObject(410, 'too old')), stays];
    await follow({ from: 'any' }).synced;
    await vi.waitFor(() => expect(syncs).toBe(2));
    expect(listPaths()).toEqual([`${PATH}?resourceVersion=0`, `${PATH}?limit=500`]);
  });

  test('keeps no managed fields', async () => {
    const { metadata, ...rest } = pod('a', 3);
    const managed = { ...metadata, managedFields: [{ manager: 'kubelet' }] };
    lists = [lists1([{ ...rest, metadata: managed }], 5)];
    const reflector = follow();
    await reflector.synced;
    expect(reflector.get('default', 'a')?.metadata).toEqual(metadata);
  });

  test('takes what the watch tells', async () => {
    lists = [lists1([pod('a', 3), pod('b', 4)], 5)];
    watches = [
      lines(
        line('MODIFIED', pod('a', 6)),
        line('DELETED', pod('b', 7)),
        line('ADDED', pod('c', 8)),
      ),
    ];
    const reflector = follow();
    await vi.waitFor(() => expect(changes).toHaveLength(5));
    expect(changes.slice(2)).toEqual(['a 3→6', 'b 4→-', 'c -→8']);
    expect(reflector.get('default', 'b')).toBeUndefined();
  });

  test('goes on after a watch that ended, from the last event or bookmark', async () => {
    watches = [
      (response) => answer(response, 200, line('ADDED', pod('a', 6))),
      (response) => answer(response, 200, bookmark(9)),
      stays,
    ];
    await follow().synced;
    await vi.waitFor(() => expect(watchesFrom()).toEqual(['5', '6', '9']));
    expect(listPaths()).toHaveLength(1);
    // Where nothing was heard yet, silence says nothing, so the first one is shorter.
    const seconds = server.requests
      .filter(isWatch)
      .map(({ path }) => Number(new URLSearchParams(path.split('?')[1]).get('timeoutSeconds')));
    expect(seconds).toEqual([120, 300, 300]);
  });

  test('shows no older object after a newer one', async () => {
    lists = [lists1([pod('a', 30)], 31)];
    watches = [lines(line('MODIFIED', pod('a', 9)), line('DELETED', pod('a', 9)), bookmark(32))];
    const reflector = follow();
    await vi.waitFor(() => expect(watchesFrom()).toEqual(['31']));
    watches = [stays];
    server.cut();
    await vi.waitFor(() => expect(watchesFrom()).toEqual(['31', '32']));
    expect(reflector.get('default', 'a')?.metadata.resourceVersion).toBe('30');
    expect(changes).toEqual(['a -→30']);
  });

  test('tells after 410 what was changed and deleted meanwhile, and nothing that was not', async () => {
    lists = [
      lists1([pod('kept', 1), pod('changed', 2), pod('gone', 3)], 5),
      lists1([pod('kept', 1), pod('changed', 8), pod('new', 9)], 10),
    ];
    watches = [
      (response) => answer(response, 200, line('ERROR', statusObject(410, 'too old'))),
      stays,
    ];
    await follow().synced;
    await vi.waitFor(() => expect(watchesFrom()).toEqual(['5', '10']));
    expect(changes.slice(3)).toEqual(['changed 2→8', 'new -→9', 'gone 3→-']);
    expect(syncs).toBe(2);
  });

  test('believes a list out of etcd that is older than what was seen: a backup was restored', async () => {
    lists = [lists1([pod('a', 30)], 31), lists1([pod('a', 9)], 10)];
    const tooLarge = statusObject(504, 'Too large resource version');
    const refused = (response: ServerResponse) => answer(response, 504, tooLarge);
    watches = [refused, refused, refused, stays];
    const reflector = follow();
    await vi.waitFor(() => expect(syncs).toBe(2));
    expect(reflector.get('default', 'a')?.metadata.resourceVersion).toBe('9');
  });

  test('reads the list again after three watches in a row that broke', async () => {
    watches = [
      ...Array.from({ length: 3 }, () => (response: ServerResponse) => answer(response, 500, {})),
      stays,
    ];
    const reflector = follow();
    await vi.waitFor(() => expect(syncs).toBe(2));
    expect(watchesFrom().slice(0, 3)).toEqual(['5', '5', '5']);
    await vi.waitFor(() => expect(reflector.failure).toBeUndefined());
  });

  test('tries until it has a list, and says why it has none', async () => {
    lists = [
      (response) => answer(response, 403, statusObject(403, 'pods is forbidden')),
      (response) => answer(response, 403, statusObject(403, 'pods is forbidden')),
      lists1([pod('a', 3)], 5),
    ];
    const timers = new HandTimers();
    const reflector = follow({ timers });
    await vi.waitFor(() => expect(reflector.failure).toBe('403: pods is forbidden'));
    expect(reflector.isSynced).toBe(false);
    await vi.waitFor(() => {
      timers.wake();
      expect(reflector.isSynced).toBe(true);
    });
    await reflector.synced;
    expect(reflector.failure).toBeUndefined();
    expect(listPaths()).toHaveLength(3);
  });

  test('begins a list anew of which a page has expired', async () => {
    lists = [
      lists1([pod('a', 3)], 5, { continue: 'more' }),
      (response) => answer(response, 410, statusObject(410, 'the continue token is too old')),
      lists1([pod('b', 4)], 6),
    ];
    const reflector = follow();
    await reflector.synced;
    expect(reflector.list().map(({ metadata }) => metadata.name)).toEqual(['b']);
  });

  test('takes the first version of a kind that is served', async () => {
    const paths = ['/apis/new.example/v3/ippools', '/apis/old.example/v1/ippools'];
    lists = [(response) => answer(response, 404, '404 page not found'), lists1([pod('a', 3)], 5)];
    await follow({ path: paths }).synced;
    await vi.waitFor(() => expect(watchesFrom()).toEqual(['5']));
    expect(server.requests.map(({ path }) => path.split('?')[0])).toEqual([
      paths[0],
      paths[1],
      paths[1],
    ]);
  });

  test('is empty where no version is served, and looks again', async () => {
    lists = [(response) => answer(response, 404, '404 page not found'), lists1([pod('a', 3)], 5)];
    const timers = new HandTimers();
    const reflector = follow({ timers });
    await reflector.synced;
    expect(reflector.list()).toEqual([]);
    await vi.waitFor(() => {
      timers.wake();
      expect(reflector.list()).toHaveLength(1);
    });
  });

  test('keeps what it has where the kind is not served for a moment', async () => {
    const notFound = (response: ServerResponse) => answer(response, 404, '404 page not found');
    const expired = (response: ServerResponse) => answer(response, 410, {});
    lists = [lists1([pod('a', 3)], 5), notFound, lists1([pod('a', 3)], 6), notFound, notFound];
    watches = [expired, stays];
    const timers = new HandTimers();
    const reflector = follow({ timers });
    await vi.waitFor(() => {
      if (reflector.failure === undefined) timers.wake();
      expect(reflector.failure ?? '').toContain('does not serve');
    });
    expect(reflector.list()).toHaveLength(1);
    await vi.waitFor(() => {
      timers.wake();
      expect(watchesFrom()).toEqual(['5', '6']);
    });
    expect(changes).toEqual(['a -→3']);
  });

  test('tells nothing after it was closed', async () => {
    let closed = false;
    watches = [
      (response) => {
        response.once('close', () => {
          closed = true;
        });
        stays(response);
      },
    ];
    const reflector = follow();
    await vi.waitFor(() => expect(watchesFrom()).toEqual(['5']));
    reflector.close();
    await vi.waitFor(() => expect(closed).toBe(true));
    expect(changes).toEqual([]);
    expect(watchesFrom()).toEqual(['5']);
  });
});
