/**
 * An HTTP or HTTPS server on loopback whose every answer a test writes, for what a real API server does only when it
 * is ill: hanging, breaking off, answering nonsense.
 */
import { writeFileSync } from 'node:fs';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { selfSigned } from './self-signed.ts';

export interface ScriptedRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Answers one request, or leaves it without an answer. */
export type Script = (request: ScriptedRequest, response: ServerResponse) => void;

export class ScriptedApiServer {
  readonly url: string;
  /** Of the server's certificate; empty without TLS. */
  readonly authorityPem: string;
  /** Everything that arrived whole, in order. */
  readonly requests: ScriptedRequest[] = [];
  /** What answers; by default an empty object. */
  script: Script = (_request, response) => answer(response, 200, {});
  /** Connections that were accepted. */
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #closed: Promise<void>[] = [];

  private constructor(server: Server, tls: boolean, authorityPem: string) {
    this.#server = server;
    this.authorityPem = authorityPem;
    const { port } = server.address() as AddressInfo;
    this.url = `${tls ? 'https' : 'http'}://127.0.0.1:${port}`;
    server.on('connection', (socket: Socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on('error', () => {});
      this.#closed.push(
        new Promise((resolve) => {
          socket.once('close', () => {
            this.#sockets.delete(socket);
            resolve();
          });
        }),
      );
    });
    server.on('request', (incoming: IncomingMessage, response: ServerResponse) => {
      buffer(incoming).then(
        (body) => {
          const { method = '', url = '', headers } = incoming;
          const request = { method, path: url, headers, body: body.toString('utf8') };
          this.requests.push(request);
          this.script(request, response);
        },
        // The client went before its request was whole.
        () => {},
      );
    });
  }

  /** Starts one on a free port of 127.0.0.1. */
  static async start({ tls = false } = {}): Promise<ScriptedApiServer> {
    const pair = tls ? await selfSigned('127.0.0.1') : undefined;
    const server =
      pair === undefined
        ? createHttpServer()
        : createHttpsServer({ cert: pair.certificate, key: pair.key });
    server.keepAliveTimeout = 0;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new ScriptedApiServer(server as Server, tls, pair?.certificate ?? '');
  }

  /** Writes a kubeconfig for this server into a folder; its path. */
  kubeconfig(folder: string, user: object = {}, cluster: object = {}): string {
    const ca =
      this.authorityPem === ''
        ? {}
        : { 'certificate-authority-data': Buffer.from(this.authorityPem).toString('base64') };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      contexts: [{ name: 'test', context: { cluster: 'c', user: 'u' } }],
      clusters: [{ name: 'c', cluster: { server: this.url, ...ca, ...cluster } }],
      users: [{ name: 'u', user }],
    };
    const file = join(folder, 'kubeconfig');
    writeFileSync(file, JSON.stringify(config));
    return file;
  }

  /** Resolves once every connection that was ever accepted is closed. */
  async idle(): Promise<void> {
    await Promise.all(this.#closed);
  }

  /** Cuts every open connection, without a farewell. */
  cut(): void {
    for (const socket of this.#sockets) {
      socket.resetAndDestroy();
    }
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.cut();
    await closed;
  }
}

/** Sends a whole answer. An object goes as JSON, a text as it is. */
export function answer(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

/** What the API server says where it refuses: a Status object. */
export function statusObject(code: number, message: string, details: object = {}): object {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, message, details };
}
