/**
 * A proxy in front of an API server that makes a network misbehave on demand: latency, requests and answers held
 * back, answers that are lost after the server has committed, watches that fall silent, a server that is away.
 *
 * It ends TLS on both sides, in HTTP/1.1. A client that shows a certificate is announced to the server as its user,
 * as the server's authenticating-proxy headers want it; a bearer token passes through.
 */

import { readFileSync } from 'node:fs';
import type {
  ClientRequest,
  IncomingMessage,
  OutgoingHttpHeaders,
  ServerResponse,
} from 'node:http';
import { Agent, createServer, type RequestOptions, request, type Server } from 'node:https';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { writeKubeconfig } from './certificates.ts';
import type { ControlPlane } from './control-plane.ts';
import { DelayedLine } from './delayed-line.ts';

/** A request as tests tell it from others. */
export interface ProxiedRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body: string;
  readonly isWatch: boolean;
}

/** A request that came by, and the answer's status once it has one. */
export interface SeenRequest extends ProxiedRequest {
  status: number | undefined;
}

export type Matcher = (request: ProxiedRequest) => boolean;

/** One request, or one answer, that is held back. */
export interface Held {
  /** Resolves once there is one; with `holdReply` the server has answered by then. */
  readonly arrived: Promise<ProxiedRequest>;
  /** Lets it pass. */
  release(): void;
  /** Cuts the client's connection instead: a held request then never reaches the server. */
  drop(): void;
}

/** How a server is away: its port is closed, or nothing comes back. */
export type Away = 'refused' | 'silent';

/** Connections to the server: with the certificate of one who may announce users, and without. */
interface Upstream {
  readonly target: RequestOptions;
  readonly plain: Agent;
  readonly announcing: Agent;
}

interface Trap {
  readonly matches: Matcher;
  readonly side: 'request' | 'reply';
  readonly caught: (request: ProxiedRequest) => void;
  readonly verdict: Promise<'release' | 'drop'>;
}

export class ApiProxy implements AsyncDisposable {
  readonly url: string;
  /** As nodes know it, where there are nodes. */
  readonly nodeUrl: string | undefined;
  /** Of an administrator. */
  readonly kubeconfig: string;
  /** Everything that came by since the start or the last `forget`, in order. */
  readonly seen: SeenRequest[] = [];
  readonly #server: Server;
  readonly #forNodes: NetServer | undefined;
  readonly #upstream: Upstream;
  readonly #sockets = new Set<Socket>();
  readonly #traps: Trap[] = [];
  readonly #losses = new Set<Matcher>();
  #delayMs = 0;
  #away: Away | undefined;
  #watchesAreSilent = false;

  private constructor(
    server: Server,
    upstream: Upstream,
    controlPlane: ControlPlane,
    forNodes: { readonly server: NetServer; readonly url: string } | undefined,
  ) {
    this.#server = server;
    this.#upstream = upstream;
    this.#forNodes = forNodes?.server;
    this.nodeUrl = forNodes?.url;
    forNodes?.server.on('connection', (socket) => server.emit('connection', socket));
    const { address, port } = server.address() as AddressInfo;
    this.url = `https://${address}:${port}`;
    this.kubeconfig = writeKubeconfig(
      controlPlane.run.file('kubeconfigs', `proxy-${port}.json`),
      this.url,
      controlPlane.authorityPem,
      { token: controlPlane.token },
    );
    server.on('connection', (socket) => this.#opened(socket as Socket));
    server.on('request', (incoming, outgoing) => {
      this.#serve(incoming, outgoing).catch(() => outgoing.destroy());
    });
  }

  /** Starts one on a free port of 127.0.0.1, and on one that nodes reach. */
  static async start(controlPlane: ControlPlane): Promise<ApiProxy> {
    const { certificates, site } = controlPlane;
    const addresses = ['127.0.0.1', ...site.addresses].map((address) => `IP:${address}`);
    const own = await certificates.server('api-proxy', addresses);
    const front = await certificates.client('front-proxy', []);
    const ca = certificates.authorityPem;
    const server = createServer({
      ...{ ca, requestCert: true, rejectUnauthorized: false, keepAliveTimeout: 0 },
      ...{ cert: readFileSync(own.certificate), key: readFileSync(own.key) },
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    const target = new URL(controlPlane.url);
    const upstream: Upstream = {
      target: { host: target.hostname, port: target.port },
      plain: new Agent({ ca, keepAlive: true }),
      announcing: new Agent({
        ...{ ca, keepAlive: true, cert: readFileSync(front.certificate) },
        key: readFileSync(front.key),
      }),
    };
    return new ApiProxy(server, upstream, controlPlane, await site.listenForNodes?.());
  }

  /** Adds to every round trip, half of it each way. Events of a watch come half of it later. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Keeps the next request that matches from the server. */
  holdNext(matches: Matcher): Held {
    return this.#hold('request', matches);
  }

  /** Lets the next request that matches through and keeps the answer. */
  holdReply(matches: Matcher): Held {
    return this.#hold('reply', matches);
  }

  /** The server gets what matches, and answers; the client's connection is cut instead. Call the result to end it. */
  swallowReplies(matches: Matcher): () => void {
    this.#losses.add(matches);
    return () => this.#losses.delete(matches);
  }

  /** Open watches, and those to come, deliver nothing more, yet stay open. */
  silenceWatches(): void {
    this.#watchesAreSilent = true;
  }

  /** New watches deliver again; those that were silenced stay silent. */
  allowWatches(): void {
    this.#watchesAreSilent = false;
  }

  /** Takes the server away: connections are cut, or with `silent` nothing that is sent gets through. */
  away(how: Away = 'refused'): void {
    this.#away = how;
    if (how === 'refused') this.cut();
  }

  /** Brings it back. Connections that were silent are cut, as a network's are that has forgotten them. */
  back(): void {
    if (this.#away === 'silent') this.cut();
    this.#away = undefined;
  }

  /** Cuts every connection that clients have. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** How many connections clients have. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Empties `seen`. */
  forget(): void {
    this.seen.length = 0;
  }

  /** Cuts what is open and closes the port. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#forNodes?.close();
    this.cut();
    this.#upstream.plain.destroy();
    this.#upstream.announcing.destroy();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #opened(socket: Socket): void {
    if (this.#away === 'refused') {
      socket.resetAndDestroy();
      return;
    }
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #hold(side: Trap['side'], matches: Matcher): Held {
    const arrived = Promise.withResolvers<ProxiedRequest>();
    const verdict = Promise.withResolvers<'release' | 'drop'>();
    this.#traps.push({ side, matches, caught: arrived.resolve, verdict: verdict.promise });
    return {
      arrived: arrived.promise,
      release: () => verdict.resolve('release'),
      drop: () => verdict.resolve('drop'),
    };
  }

  /** Waits where a trap is set for this request; false where it is to be dropped. */
  async #passes(side: Trap['side'], seen: ProxiedRequest): Promise<boolean> {
    const index = this.#traps.findIndex((trap) => trap.side === side && trap.matches(seen));
    const [trap] = index < 0 ? [] : this.#traps.splice(index, 1);
    trap?.caught(seen);
    return trap === undefined || (await trap.verdict) === 'release';
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await buffer(incoming);
    const path = incoming.url ?? '/';
    const seen: SeenRequest = {
      method: incoming.method ?? 'GET',
      path,
      body: body.toString('utf8'),
      isWatch: /[?&]watch=(true|1)/.test(path),
      status: undefined,
    };
    this.seen.push(seen);
    const line = new DelayedLine(() => this.#delayMs / 2);
    await line.wait();
    if (!(await this.#passes('request', seen))) outgoing.destroy();
    // Silence: it never gets there, and the client waits.
    if (this.#away !== undefined || outgoing.destroyed) return;
    const upstream = this.#send(incoming, seen, body);
    // A client that has gone no longer wants its watch.
    outgoing.once('close', () => upstream.destroy());
    const reply = await replyOf(upstream);
    seen.status = reply.statusCode;
    await this.#answer(seen, reply, outgoing, line);
  }

  #send(incoming: IncomingMessage, { method, path }: SeenRequest, body: Buffer): ClientRequest {
    const { target, plain, announcing } = this.#upstream;
    const user = userOf(incoming.socket as TLSSocket);
    const agent = user === undefined ? plain : announcing;
    const headers = { ...incoming.headers, ...user };
    const upstream = request({ ...target, agent, method, path, headers });
    upstream.end(body);
    return upstream;
  }

  async #answer(
    seen: SeenRequest,
    reply: IncomingMessage,
    outgoing: ServerResponse,
    line: DelayedLine,
  ): Promise<void> {
    if (seen.isWatch && reply.statusCode === 200) {
      this.#pipeWatch(reply, outgoing, line);
      return;
    }
    const whole = await buffer(reply);
    if (!(await this.#passes('reply', seen))) outgoing.destroy();
    if ([...this.#losses].some((matches) => matches(seen))) outgoing.socket?.destroy();
    await line.wait();
    if (this.#away !== undefined || outgoing.destroyed) return;
    outgoing.writeHead(reply.statusCode!, withoutFraming(reply));
    outgoing.end(whole);
  }

  #pipeWatch(reply: IncomingMessage, outgoing: ServerResponse, line: DelayedLine): void {
    let isSilent = false;
    const deliver = (act: () => void) =>
      line.pass(() => {
        isSilent ||= this.#watchesAreSilent || this.#away !== undefined;
        if (!isSilent && !outgoing.destroyed) act();
      });
    deliver(() => {
      outgoing.writeHead(reply.statusCode!, withoutFraming(reply));
      outgoing.flushHeaders();
    });
    reply.on('data', (chunk: Buffer) => deliver(() => outgoing.write(chunk)));
    reply.on('end', () => deliver(() => outgoing.end()));
    reply.on('error', () => deliver(() => outgoing.destroy()));
  }
}

function replyOf(upstream: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    upstream.once('response', resolve);
    upstream.on('error', reject);
  });
}

/** Each side frames its own messages. */
function withoutFraming(reply: IncomingMessage): OutgoingHttpHeaders {
  const { connection, 'transfer-encoding': encoding, 'keep-alive': kept, ...rest } = reply.headers;
  return rest;
}

function userOf(socket: TLSSocket): OutgoingHttpHeaders | undefined {
  if (!socket.authorized) return undefined;
  const { subject } = socket.getPeerCertificate();
  const groups = [subject.O ?? []].flat();
  return { 'x-remote-user': subject.CN, 'x-remote-group': groups };
}
