import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { OrbweaverError } from '../../src/catalogue/errors.ts';
import type { Received, Reply, Route } from '../../src/http/route.ts';
import { buildServer, type HttpServer } from '../../src/http/server.ts';
import { listenOnSocket } from '../../src/http/unix-socket.ts';
import { exchange, openSocket, post, readReply } from './raw-request.ts';

const refuse = (error: OrbweaverError): Reply => ({
  status: 400,
  body: JSON.stringify({ code: error.code, message: error.message }),
});

const echo: Route = {
  method: 'POST',
  path: '/echo',
  bodyBytesMax: 1000,
  bodySchema: {
    type: 'object',
    required: ['word'],
    additionalProperties: false,
    properties: { word: { type: 'string', maxLength: 10 }, count: { type: 'integer' } },
  },
  handle: async ({ body }) => ({ status: 200, body: JSON.stringify(body) }),
  refuse,
};

let folder: string;
let path: string;
let http: HttpServer | undefined;

async function serve(...routes: Route[]): Promise<void> {
  http = await buildServer(routes, refuse);
  await listenOnSocket(http.server, path);
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'orbweaver-http-'));
  path = join(folder, 'run', 'cni.sock');
});

afterEach(async () => {
  await http?.close();
  http = undefined;
  rmSync(folder, { recursive: true, force: true });
});

describe('server answers', () => {
  test('a good request with Content-Length in bytes, not characters', async () => {
    await serve(echo);
    const reply = await exchange(path, post('/echo', '{"word":"größe"}'));
    expect(reply.status).toBe(200);
    expect(JSON.parse(reply.body)).toEqual({ word: 'größe' });
    expect(reply.headers.get('content-length')).toBe('18');
  });

  test.each([
    ['text that is no JSON', post('/echo', 'junk'), /not valid JSON/],
    ['an empty body', post('/echo', ''), /malformed|not valid JSON/],
    ['half of a JSON text', post('/echo', '{"word":'), /not valid JSON/],
    ['a list', post('/echo', '[]'), /must be object/],
    ['a missing field', post('/echo', '{}'), /'word'/],
    ['a number where text is due', post('/echo', '{"word":1}'), /word must be string/],
    ['text where a number is due', post('/echo', '{"word":"a","count":"1"}'), /count/],
    ['an unknown field', post('/echo', '{"word":"a","x":1}'), /additional properties/],
    ['a field that is too long', post('/echo', '{"word":"12345678901"}'), /10 characters/],
    ['an announced body above the limit', post('/echo', ' '.repeat(1001)), /too large/],
    ['a path that nobody serves', post('/other', '{}'), /no POST \/other here/],
    ['bytes that are no HTTP', 'this is not http\r\n\r\n', /not HTTP/],
  ])('%s with one clear refusal', async (_name, bytes, message) => {
    await serve(echo);
    const reply = await exchange(path, bytes);
    expect(reply.status).toBeGreaterThanOrEqual(400);
    expect(JSON.parse(reply.body).message).toMatch(message);
  });

  test('a chunked body above the limit with a refusal, before it has ended', async () => {
    await serve(echo);
    const chunk = `${(2000).toString(16)}\r\n${' '.repeat(2000)}\r\n`;
    const reply = await exchange(
      path,
      `POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`,
    );
    expect(JSON.parse(reply.body).message).toMatch(/too large/);
  });

  test('a fault of a handler with INTERNAL, and goes on serving', async () => {
    const broken: Route = {
      ...echo,
      path: '/broken',
      handle: () => Promise.reject(new Error('x')),
    };
    await serve(echo, broken);
    const reply = await exchange(path, post('/broken', '{"word":"a"}'));
    expect(JSON.parse(reply.body)).toEqual({ code: 'INTERNAL', message: 'x' });
    expect((await exchange(path, post('/echo', '{"word":"a"}'))).status).toBe(200);
  });

  test('several requests on one connection', async () => {
    await serve(echo);
    const socket = await openSocket(path);
    for (const word of ['a', 'b', 'c']) {
      const reply = readReply(socket);
      socket.write(post('/echo', JSON.stringify({ word }), ''));
      expect(JSON.parse((await reply).body)).toEqual({ word });
    }
    socket.destroy();
  });
});

/** A route whose requests wait until the test lets them go. */
function heldRoute(): { route: Route; arrived: Promise<Received>; release: () => void } {
  let release!: () => void;
  let arrive!: (received: Received) => void;
  const arrived = new Promise<Received>((resolve) => {
    arrive = resolve;
  });
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const route: Route = {
    method: 'POST',
    path: '/held',
    noticeHangUp: true,
    handle: async (received) => {
      arrive(received);
      await released;
      return { status: 200, body: '{"done":true}' };
    },
    refuse,
  };
  return { route, arrived, release };
}

describe('server and callers that hang up', () => {
  test('a caller who waits is not gone', async () => {
    const { route, arrived, release } = heldRoute();
    await serve(route);
    const socket = await openSocket(path);
    socket.write(post('/held', '{}'));
    expect((await arrived).gone()).toBe(false);
    const reply = readReply(socket);
    release();
    expect((await reply).status).toBe(200);
    socket.destroy();
  });

  test('a caller who hangs up while the request runs is gone', async () => {
    const { route, arrived, release } = heldRoute();
    await serve(route);
    const socket = await openSocket(path);
    socket.write(post('/held', '{}'));
    const received = await arrived;
    socket.destroy();
    await expect.poll(() => received.gone()).toBe(true);
    release();
  });

  test('a request that arrives together with its hang-up is begun as one of the dead', async () => {
    const seen: boolean[] = [];
    const { route } = heldRoute();
    await serve({
      ...route,
      handle: async (received) => {
        seen.push(received.gone());
        return { status: 200, body: '{}' };
      },
    });
    // The client is in another process, so that this one is not polling while bytes and hang-up
    // arrive.
    const { execFileSync } = await import('node:child_process');
    const script = `const s=require('node:net').connect(${JSON.stringify(path)},()=>{s.write(${JSON.stringify(post('/held', '{}'))},()=>{s.destroy()})})`;
    for (let round = 0; round < 3; round += 1) {
      execFileSync(process.execPath, ['-e', script]);
    }
    await expect.poll(() => seen.length).toBe(3);
    expect(seen).toEqual([true, true, true]);
  });
});

describe('server stops', () => {
  test('after it has answered what is in flight, with the socket gone at once', async () => {
    const { route, arrived, release } = heldRoute();
    await serve(route);
    const busy = await openSocket(path);
    const idle = await openSocket(path);
    busy.write(post('/held', '{}', ''));
    await arrived;
    const reply = readReply(busy);
    const closed = http!.close();
    await expect(openSocket(path)).rejects.toThrow(/ENOENT/);
    release();
    expect((await reply).headers.get('connection')).toBe('close');
    await closed;
    idle.destroy();
    busy.destroy();
    http = undefined;
  });
});
