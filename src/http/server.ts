/**
 * Routes to a running HTTP server: schemas, limits, Content-Length on every reply, and refusals in
 * the route's own form. The only file that knows fastify.
 */
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify';
import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import { afterNextPoll } from './hang-up.ts';
import type { Reply, Route } from './route.ts';

const JSON_TYPE = 'application/json; charset=utf-8';

export interface HttpServer {
  /** Not listening yet. */
  readonly server: Server;
  /** Stops accepting at once and resolves when what is in flight is answered. */
  close(): Promise<void>;
}

/**
 * Builds a server for the routes; `unknown` shapes the refusal of a path that none of them has. With
 * `tls` it speaks HTTPS only. Throws when a schema is not valid.
 */
export async function buildServer(
  routes: readonly Route[],
  unknown: Route['refuse'],
  tls?: SecureContextOptions,
): Promise<HttpServer> {
  const app: FastifyInstance = fastify({
    // Its type knows either kind of server, not one of the two.
    ...((tls === undefined ? {} : { https: tls }) as object),
    logger: false,
    // Identifiers of requests are only for its own log, which is off.
    genReqId: () => '',
    exposeHeadRoutes: false,
    return503OnClosing: false,
    requestTimeout: LIMITS.requestReadMs,
    bodyLimit: LIMITS.bodyBytesMax,
    // What arrives is judged as it is: nothing converted, nothing dropped, nothing filled in.
    ajv: {
      customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false },
    },
    clientErrorHandler: (error, socket) => refuseBytes(error, socket, unknown),
  });
  const state = new ServerState(app.server);
  readEveryBodyAsJson(app);
  for (const route of routes) {
    addRoute(app, route, state);
  }
  app.setNotFoundHandler((request, reply) => {
    const error = new OrbweaverError('PATH_UNKNOWN', `no ${request.method} ${request.url} here`);
    return send(reply, { ...unknown(error), status: 404 }, state);
  });
  app.setErrorHandler((error: FastifyError, _request, reply) =>
    send(reply, unknown(readFault(error)), state),
  );
  await app.ready();
  return {
    server: app.server,
    close: async () => {
      await state.close();
      await app.close();
    },
  };
}

/**
 * Counts the requests in flight, because a stop waits for those and for nothing else: not for a
 * connection that is kept alive, nor for one that never said a word.
 */
class ServerState {
  readonly #server: Server;
  #inFlight = 0;
  #closing = false;

  constructor(server: Server) {
    this.#server = server;
  }

  get closing(): boolean {
    return this.#closing;
  }

  /** A request has begun; it ends with its response, whether that was delivered or not. */
  began(response: ServerResponse): void {
    this.#inFlight += 1;
    response.once('close', () => {
      this.#inFlight -= 1;
      this.#closeWhenQuiet();
    });
  }

  /**
   * Resolves when the last connection has ended, by force after the longest time that a call may
   * take.
   */
  close(): Promise<void> {
    this.#closing = true;
    return new Promise((resolve) => {
      const force = setTimeout(() => this.#server.closeAllConnections(), LIMITS.callDeadlineMs);
      // An error says that it was not listening, which is as well.
      this.#server.close(() => {
        clearTimeout(force);
        resolve();
      });
      this.#closeWhenQuiet();
    });
  }

  #closeWhenQuiet(): void {
    if (this.#closing && this.#inFlight === 0) {
      this.#server.closeAllConnections();
    }
  }
}

/** Whatever the content type says, a body is JSON; so `curl -d` works as it stands. */
function readEveryBodyAsJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, text, done) => {
    try {
      done(null, JSON.parse(text as string));
    } catch (error) {
      const reason = (error as Error).message.slice(0, 200);
      done(new OrbweaverError('DECODE_FAILURE', `the request is not valid JSON: ${reason}`));
    }
  });
}

function addRoute(app: FastifyInstance, route: Route, state: ServerState): void {
  app.route<{ Querystring: Record<string, string | string[]> }>({
    method: route.method,
    url: route.path,
    bodyLimit: route.bodyBytesMax ?? LIMITS.bodyBytesMax,
    ...(route.bodySchema === undefined ? {} : { schema: { body: route.bodySchema } }),
    errorHandler: (error, _request, reply) => send(reply, route.refuse(readFault(error)), state),
    handler: async (request, reply) => {
      state.began(reply.raw);
      if (route.noticeHangUp === true) {
        await afterNextPoll();
      }
      const { socket } = request.raw;
      const answer = await route.handle({
        body: request.body,
        query: lastOfEach(request.query),
        gone: () => socket.destroyed || socket.readableEnded,
      });
      return send(reply, answer, state);
    },
  });
}

function send(reply: FastifyReply, answer: Reply, state: ServerState): FastifyReply {
  if (state.closing) {
    // Without it an idle keep-alive connection would hold up the stop.
    reply.header('connection', 'close');
  }
  reply.code(answer.status);
  if (answer.contentType === '') {
    return reply.send();
  }
  return (
    reply
      .header('content-type', answer.contentType ?? JSON_TYPE)
      .header('content-length', Buffer.byteLength(answer.body))
      // A text would get a charset added to a type that was given without one.
      .send(answer.contentType === undefined ? answer.body : Buffer.from(answer.body))
  );
}

function lastOfEach(query: Record<string, string | string[]>): Record<string, string> {
  const last: Record<string, string> = {};
  for (const [key, value] of Object.entries(query)) {
    last[key] = Array.isArray(value) ? (value.at(-1) ?? '') : value;
  }
  return last;
}

/** What the framework found wrong, in the words of the catalogue. */
function readFault(error: FastifyError | OrbweaverError): OrbweaverError {
  if (error instanceof OrbweaverError) {
    return error;
  }
  if (error.validation !== undefined) {
    return new OrbweaverError('DECODE_FAILURE', `the request is malformed: ${error.message}`);
  }
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new OrbweaverError('DECODE_FAILURE', 'the request is too large');
  }
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return new OrbweaverError('DECODE_FAILURE', `the request is malformed: ${error.message}`);
  }
  return new OrbweaverError('INTERNAL', error.message, error.stack ?? '', { cause: error });
}

/**
 * Bytes that are no HTTP at all. There is no request to answer, so the socket is written directly.
 */
function refuseBytes(
  error: Error & { code?: string },
  socket: Socket,
  unknown: Route['refuse'],
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const fault = new OrbweaverError('DECODE_FAILURE', `this is not HTTP: ${error.message}`);
  const { body } = unknown(fault);
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nContent-Type: ${JSON_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
