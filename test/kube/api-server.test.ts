/** The API client against a server that does what a test says: what came of a request, and what was sent at all. */
import { writeFileSync } from 'node:fs';
import { createServer as createProxyServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ApiOutcome } from '../../src/kube/api.ts';
import { type ApiRequest, ApiServer, type ApiServerOptions } from '../../src/kube/api-server.ts';
import { scratchFolder } from '../support/scratch-folder.ts';
import { answer, ScriptedApiServer, statusObject } from '../support/scripted-api-server.ts';

let server: ScriptedApiServer;
let api: ApiServer;
const opened: { close(): Promise<void> }[] = [];

const QUICK = { apiRequestMs: 200 };
const GET: ApiRequest = { method: 'GET', path: '/api/v1/nodes/n' };
const POST: ApiRequest = { method: 'POST', path: '/api/v1/nodes', body: { a: 1 } };
const PATCH: ApiRequest = {
  method: 'PATCH',
  path: '/api/v1/nodes/n',
  contentType: 'application/json-patch+json',
  body: [],
};

function client(
  options: ApiServerOptions = {},
  user: object = {},
  cluster: object = {},
): ApiServer {
  const made = ApiServer.fromKubeconfig(server.kubeconfig(scratchFolder(), user, cluster), options);
  opened.push(made);
  return made;
}

beforeEach(async () => {
  server = await ScriptedApiServer.start();
  api = client();
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
  await server.close();
});

describe('an answer', () => {
  const causes = { causes: [{ reason: 'FieldValueInvalid', field: 'spec' }] };
  const rows: {
    what: string;
    request: ApiRequest;
    status: number;
    body: unknown;
    headers?: Record<string, string>;
    outcome: ApiOutcome<unknown>;
  }[] = [
    {
      what: '200 with an object',
      request: GET,
      status: 200,
      body: { a: 1 },
      outcome: { kind: 'ok', value: { a: 1 } },
    },
    {
      what: '200 with warnings, one of them twice',
      request: POST,
      status: 200,
      body: { a: 1 },
      headers: {
        warning: '299 - "say \\"b\\", not c", 199 - "of a proxy", 299 - "d, e", 299 - "d, e"',
      },
      outcome: { kind: 'ok', value: { a: 1 }, warnings: ['say "b", not c', 'd, e'] },
    },
    {
      what: '200 with a header that is no warning',
      request: POST,
      status: 200,
      body: { a: 1 },
      headers: { warning: 'take care' },
      outcome: { kind: 'ok', value: { a: 1 } },
    },
    {
      what: '201',
      request: POST,
      status: 201,
      body: { a: 1 },
      outcome: { kind: 'ok', value: { a: 1 } },
    },
    {
      what: '404',
      request: GET,
      status: 404,
      body: statusObject(404, 'nodes "n" not found'),
      outcome: { kind: 'not-found' },
    },
    {
      what: '409',
      request: POST,
      status: 409,
      body: statusObject(409, 'already exists'),
      outcome: { kind: 'conflict' },
    },
    {
      what: '410 to a continued list',
      request: GET,
      status: 410,
      body: statusObject(410, 'too old'),
      outcome: { kind: 'expired' },
    },
    {
      what: '422 without causes to a JSON Patch',
      request: PATCH,
      status: 422,
      body: statusObject(422, 'the server rejected our request due to an error in our request'),
      outcome: { kind: 'test-failed' },
    },
    {
      what: '422 with causes to a JSON Patch',
      request: PATCH,
      status: 422,
      body: statusObject(422, 'spec: Invalid value', causes),
      outcome: { kind: 'refused', reason: '422: spec: Invalid value', status: 422 },
    },
    {
      what: '422 without causes to anything else',
      request: POST,
      status: 422,
      body: statusObject(422, 'no'),
      outcome: { kind: 'refused', reason: '422: no', status: 422 },
    },
    {
      what: '400',
      request: PATCH,
      status: 400,
      body: statusObject(400, 'error decoding patch'),
      outcome: { kind: 'refused', reason: '400: error decoding patch', status: 400 },
    },
    {
      what: '403',
      request: GET,
      status: 403,
      body: statusObject(403, 'nodes is forbidden'),
      outcome: { kind: 'refused', reason: '403: nodes is forbidden', status: 403 },
    },
    {
      what: '413 without a Status object',
      request: POST,
      status: 413,
      body: 'Request Entity Too Large\n',
      outcome: { kind: 'refused', reason: '413: Request Entity Too Large', status: 413 },
    },
    {
      what: '429 with Retry-After',
      request: POST,
      status: 429,
      body: statusObject(429, 'Too many requests'),
      headers: { 'retry-after': '3' },
      outcome: { kind: 'busy', retryAfterMs: 3_000 },
    },
    {
      what: '429 without Retry-After',
      request: POST,
      status: 429,
      body: '',
      outcome: { kind: 'busy', retryAfterMs: 1_000 },
    },
    {
      what: 'a Retry-After of an hour, which is not waited for',
      request: POST,
      status: 429,
      body: '',
      headers: { 'retry-after': '3600' },
      outcome: { kind: 'busy', retryAfterMs: 30_000 },
    },
    {
      what: '503 with Retry-After',
      request: POST,
      status: 503,
      body: '',
      headers: { 'retry-after': '1' },
      outcome: { kind: 'busy', retryAfterMs: 1_000 },
    },
    {
      what: '503 with the wait in its Status object',
      request: POST,
      status: 503,
      body: statusObject(503, 'unable to handle', { retryAfterSeconds: 2 }),
      outcome: { kind: 'busy', retryAfterMs: 2_000 },
    },
    {
      what: '503 without Retry-After, which a proxy says after the request broke off',
      request: POST,
      status: 503,
      body: 'upstream reset',
      outcome: { kind: 'unknown', reason: '503: upstream reset' },
    },
    {
      what: '500 of etcd for an object that is too large',
      request: POST,
      status: 500,
      body: statusObject(500, 'etcdserver: request is too large'),
      outcome: { kind: 'refused', reason: '500: etcdserver: request is too large', status: 500 },
    },
    {
      what: '500 of etcd without space',
      request: POST,
      status: 500,
      body: statusObject(500, 'etcdserver: mvcc: database space exceeded'),
      outcome: {
        kind: 'refused',
        reason: '500: etcdserver: mvcc: database space exceeded',
        status: 500,
      },
    },
    {
      what: '500 of etcd with too many requests',
      request: POST,
      status: 500,
      body: statusObject(500, 'etcdserver: too many requests'),
      outcome: { kind: 'busy', retryAfterMs: 1_000 },
    },
    {
      what: '500 of etcd that may have written',
      request: POST,
      status: 500,
      body: statusObject(500, 'etcdserver: request timed out'),
      outcome: { kind: 'unknown', reason: '500: etcdserver: request timed out' },
    },
    {
      what: '504',
      request: POST,
      status: 504,
      body: '',
      outcome: { kind: 'unknown', reason: '504: ' },
    },
    {
      what: '201 with half an object',
      request: POST,
      status: 201,
      body: '{"a": ',
      outcome: { kind: 'unknown', reason: 'the answer of 201 is not JSON' },
    },
  ];
  test.each(rows)(
    'of $what is $outcome.kind',
    async ({ request, status, body, headers, outcome }) => {
      server.script = (_request, response) => answer(response, status, body, headers);
      expect(await api.request(request)).toEqual(outcome);
    },
  );
});

test('sends method, path, body and types as they are given', async () => {
  await api.request({ ...PATCH, path: '/apis/g/v1/things/a%20b?fieldManager=x', body: [1, 'ä'] });
  const [request] = server.requests;
  expect(request).toMatchObject({
    method: 'PATCH',
    path: '/apis/g/v1/things/a%20b?fieldManager=x',
    body: '[1,"ä"]',
    headers: {
      'content-type': 'application/json-patch+json',
      accept: 'application/json',
      'user-agent': 'orbweaver',
    },
  });
});

test('puts the path of the server in front', async () => {
  const behind = client({}, {}, { server: `${server.url}/k8s/clusters/c-1/` });
  await behind.request(GET);
  expect(server.requests.map(({ path }) => path)).toEqual(['/k8s/clusters/c-1/api/v1/nodes/n']);
});

describe('a request of which something was sent is unknown', () => {
  test('where the server hangs, and its connection is closed', async () => {
    let closed = false;
    server.script = (_request, response) => {
      response.once('close', () => {
        closed = true;
      });
    };
    const quick = client({ limits: QUICK });
    expect(await quick.request(POST)).toEqual({
      kind: 'unknown',
      reason: 'no answer within 200 ms',
    });
    await server.idle();
    expect(closed).toBe(true);
  });

  test.each([
    {
      what: 'the connection is reset before the answer',
      script: (response: ServerResponse) => response.socket?.resetAndDestroy(),
    },
    {
      what: 'the connection is closed before the answer',
      script: (response: ServerResponse) => response.socket?.destroy(),
    },
    {
      what: 'the answer breaks off',
      script: (response: ServerResponse) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{"a": 1');
        setImmediate(() => response.socket?.destroy());
      },
    },
  ])('where $what', async ({ script }) => {
    server.script = (_request, response) => script(response);
    const outcome = await api.request(POST);
    expect(outcome.kind).toBe('unknown');
    expect(server.requests).toHaveLength(1);
  });

  test('where the answer is longer than the limit, and it is not read to its end', async () => {
    const endless = client({ limits: { answerBytesMax: 100_000 } });
    let ended = false;
    server.script = (_request, response) => {
      response.writeHead(200);
      response.once('close', () => {
        ended = true;
      });
      const more = () => {
        while (!ended && response.write('x'.repeat(10_000))) {}
      };
      response.on('drain', more);
      more();
    };
    expect(await endless.request(GET)).toEqual({
      kind: 'unknown',
      reason: 'an answer of more than 100000 bytes (answerBytesMax)',
    });
    await expect.poll(() => ended).toBe(true);
    server.script = (_request, response) => answer(response, 200, { a: 'x'.repeat(90_000) });
    expect((await endless.request(GET)).kind).toBe('ok');
  });

  test('where the caller calls it off', async () => {
    const control = new AbortController();
    server.script = () => control.abort();
    const outcome = await api.request({ ...POST, signal: control.signal });
    expect(outcome).toEqual({ kind: 'unknown', reason: 'called off' });
  });

  test('where the client is closed', async () => {
    server.script = () => void api.close();
    expect(await api.request(POST)).toEqual({ kind: 'unknown', reason: 'the client is closed' });
  });
});

describe('a request of which nothing was sent is away', () => {
  test('where nobody listens', async () => {
    await server.close();
    const outcome = await api.request(POST);
    expect(outcome).toMatchObject({
      kind: 'away',
      reason: expect.stringContaining('ECONNREFUSED'),
    });
  });

  test('where the server does not take part in TLS', async () => {
    const mute = createServer();
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const { port } = mute.address() as AddressInfo;
    const quick = client({ limits: QUICK }, {}, { server: `https://127.0.0.1:${port}` });
    expect((await quick.request(POST)).kind).toBe('away');
    mute.close();
  });

  test('where the certificate is of an authority that is not trusted', async () => {
    const tls = await ScriptedApiServer.start({ tls: true });
    const distrusting = client({}, {}, { server: tls.url });
    const outcome = await distrusting.request(POST);
    expect(outcome).toMatchObject({ kind: 'away', reason: expect.stringContaining('self-signed') });
    expect(tls.requests).toEqual([]);
    await tls.close();
  });

  test('where its turn does not come in time', async () => {
    server.script = () => {};
    const narrow = client({ limits: { apiRequestsMax: 1 } });
    const first = narrow.request({ ...POST, deadlineMs: 300 });
    const second = await narrow.request({ ...GET, deadlineMs: 50 });
    expect(second).toEqual({ kind: 'away', reason: 'no answer within 50 ms' });
    expect((await first).kind).toBe('unknown');
    expect(server.requests.map(({ method }) => method)).toEqual(['POST']);
  });

  test('where it is called off before', async () => {
    const outcome = await api.request({ ...POST, signal: AbortSignal.abort() });
    expect(outcome).toEqual({ kind: 'away', reason: 'called off' });
    expect(server.requests).toEqual([]);
  });

  test('where the client is closed before', async () => {
    await api.close();
    expect(await api.request(POST)).toEqual({ kind: 'away', reason: 'the client is closed' });
  });

  test('where the token file is not there', async () => {
    const lost = client({}, { tokenFile: 'no-such-file' });
    expect(await lost.request(POST)).toMatchObject({
      kind: 'away',
      reason: expect.stringContaining('no-such-file'),
    });
  });
});

describe('a 401', () => {
  const folder = () => {
    const path = scratchFolder();
    return { path, token: join(path, 'token') };
  };

  test('is asked again with the token that is in the file by now', async () => {
    const { path, token } = folder();
    writeFileSync(token, 'old\n');
    const rotating = ApiServer.fromKubeconfig(server.kubeconfig(path, { tokenFile: 'token' }));
    opened.push(rotating);
    server.script = ({ headers }, response) =>
      headers.authorization === 'Bearer new'
        ? answer(response, 200, { a: 1 })
        : answer(response, 401, statusObject(401, 'Unauthorized'));
    writeFileSync(token, 'old\n');
    expect((await rotating.request(GET)).kind).toBe('refused');
    writeFileSync(token, 'new\n');
    expect(await rotating.request(POST)).toEqual({ kind: 'ok', value: { a: 1 } });
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer old',
      'Bearer old',
      'Bearer new',
    ]);
  });

  test('is told where no other token is there', async () => {
    server.script = (_request, response) =>
      answer(response, 401, statusObject(401, 'Unauthorized'));
    const known = client({}, { token: 'fixed' });
    expect(await known.request(GET)).toEqual({
      kind: 'refused',
      reason: '401: Unauthorized',
      status: 401,
    });
    expect(server.requests).toHaveLength(1);
  });
});

describe('connections', () => {
  beforeEach(async () => {
    await server.close();
    server = await ScriptedApiServer.start({ tls: true });
  });

  test('are kept: 200 requests one after the other go over two at most', async () => {
    const tls = client();
    for (let sent = 0; sent < 200; sent += 1) {
      expect((await tls.request(sent % 2 === 0 ? GET : POST)).kind).toBe('ok');
    }
    // A second is opened where the first has not quite ended its request when the next one comes.
    expect(server.connections).toBeLessThanOrEqual(2);
  });

  test('are no more than requests are open at once', async () => {
    const tls = client({ limits: { apiRequestsMax: 8 } });
    const sent = Array.from({ length: 200 }, () => tls.request(POST));
    expect((await Promise.all(sent)).every(({ kind }) => kind === 'ok')).toBe(true);
    expect(server.connections).toBeLessThanOrEqual(8);
  });

  test('are made anew for a request after the server has cut them', async () => {
    const tls = client();
    await tls.request(GET);
    server.cut();
    await server.idle();
    expect((await tls.request(GET)).kind).toBe('ok');
    expect(server.connections).toBe(2);
  });
});

test('goes through the proxy that the kubeconfig names', async () => {
  const tls = await ScriptedApiServer.start({ tls: true });
  const asked: string[] = [];
  const proxy = createProxyServer();
  proxy.on('connect', ({ url = '' }, socket) => {
    asked.push(url);
    const { port } = new URL(tls.url);
    const through = connect(Number(port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      through.pipe(socket).pipe(through);
    });
    socket.on('error', () => through.destroy());
    through.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const { port } = proxy.address() as AddressInfo;
  const file = tls.kubeconfig(scratchFolder(), {}, { 'proxy-url': `http://127.0.0.1:${port}` });
  const proxied = ApiServer.fromKubeconfig(file);
  expect(await proxied.request(GET)).toEqual({ kind: 'ok', value: {} });
  expect((await proxied.request(POST)).kind).toBe('ok');
  expect(new Set(asked)).toEqual(new Set([new URL(tls.url).host]));
  await proxied.close();
  await tls.close();
  proxy.close();
});

describe('being away', () => {
  test('is nothing that an unasked server is', () => {
    expect(api.isAway(0)).toBe(false);
    expect(api.lastAnswerAt).toBe(Number.NEGATIVE_INFINITY);
  });

  test('begins with the first request that fails, and ends with the next answer', async () => {
    await api.request(GET);
    const first = api.lastAnswerAt;
    expect(api.isAway(0)).toBe(false);
    server.script = (_request, response) => response.socket?.destroy();
    await api.request(GET);
    expect(api.isAway(0)).toBe(true);
    expect(api.isAway(3_600_000)).toBe(false);
    expect(api.lastAnswerAt).toBe(first);
    server.script = (_request, response) => answer(response, 403, {});
    await api.request(GET);
    expect(api.isAway(0)).toBe(false);
    expect(api.lastAnswerAt).toBeGreaterThan(first);
  });

  test('is not ended by a balancer that has no server behind it', async () => {
    server.script = (_request, response) => answer(response, 503, 'no server');
    await api.request(GET);
    expect(api.isAway(0)).toBe(true);
  });

  test('is not begun by a request that its caller called off', async () => {
    await api.request({ ...GET, signal: AbortSignal.abort() });
    expect(api.isAway(0)).toBe(false);
  });
});

test('takes the time from the answers', async () => {
  const date = 'Wed, 01 Jan 2025 00:00:00 GMT';
  server.script = (_request, response) => answer(response, 200, {}, { date });
  expect(api.clock.isSet).toBe(false);
  await api.request(GET);
  expect(api.clock.isSet).toBe(true);
  expect(Math.abs(api.clock.now() - Date.parse(date))).toBeLessThan(60_000);
});
