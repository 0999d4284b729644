/**
 * One Kubernetes API server: kept connections, the credentials of a kubeconfig or of the pod, deadlines, and what
 * came of each request (reference/kubernetes-api.md section 2).
 *
 *     request ─ turn (at most so many open) ─ credentials ─ connection ─ sent ─ answer ─► outcome
 *               └──────── given up here: `away`, it never takes effect ──┘ └─ here: `unknown`
 */
import { LIMITS } from '../catalogue/limits.ts';
import type { ApiOutcome } from './api.ts';
import { outcomeOf } from './api-answer.ts';
import { CredentialSource, type Credentials } from './credentials.ts';
import { type Exchange, exchange, type HttpAnswer, type HttpRequest } from './http-exchange.ts';
import { KeptConnections } from './kept-connections.ts';
import { type ClusterAccess, readKubeconfig, serviceAccount } from './kubeconfig.ts';
import { RequestGate } from './request-gate.ts';
import { withQuery } from './resources.ts';
import { ServerClock } from './server-clock.ts';
import { type WatchEnd, type WatchEvent, watchStream } from './watch-stream.ts';

export type { WatchEnd, WatchEvent };

export type PatchType =
  | 'application/json-patch+json'
  | 'application/merge-patch+json'
  | 'application/apply-patch+yaml';

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Default: `application/json`. */
  readonly contentType?: 'application/json' | PatchType;
  /** Milliseconds for everything, the wait for a turn included. Default: LIMITS.apiRequestMs. */
  readonly deadlineMs?: number;
  /** Gives the request up. */
  readonly signal?: AbortSignal;
}

export interface WatchOptions {
  readonly resourceVersion: string;
  readonly onEvent: (event: WatchEvent) => void;
  /** Told when the server has taken the watch. */
  readonly onOpen?: () => void;
  readonly signal: AbortSignal;
  /**
   * Nothing was heard of this list so far. The server sends bookmarks only of kinds to which something happened since
   * it started, so silence says nothing, and the watch is asked for a shorter time.
   */
  readonly quiet?: boolean;
}

export interface ApiServerOptions {
  /** Name and version of the program, for the server's audit log. */
  readonly userAgent?: string;
  /** Instead of those of the catalogue. */
  readonly limits?: Partial<Limits>;
  /** Uniform in [0, 1); spreads the ends of watches. */
  readonly random?: () => number;
}

type Limits = Record<
  | 'apiRequestsMax'
  | 'apiRequestMs'
  | 'answerBytesMax'
  | 'watchMs'
  | 'quietWatchMs'
  | 'watchSilenceMs',
  number
>;

export class ApiServer {
  readonly url: string;
  /** The server's time. */
  readonly clock = new ServerClock();
  readonly #limits: Limits;
  readonly #origin: string;
  readonly #prefix: string;
  readonly #userAgent: string;
  readonly #random: () => number;
  readonly #credentials: CredentialSource;
  readonly #connections: KeptConnections;
  /** Watches have theirs for long, and must not take them from requests. */
  readonly #watchConnections: KeptConnections;
  readonly #gate: RequestGate;
  /** What ends each request and watch that is open. */
  readonly #openNow = new Set<(reason: string) => void>();
  #closed = false;
  #lastAnswerAt = Number.NEGATIVE_INFINITY;
  /** When the first of the requests was begun that have failed since the last answer. */
  #failingSince: number | undefined;

  constructor(access: ClusterAccess, options: ApiServerOptions = {}) {
    const { origin, pathname } = new URL(access.server);
    this.url = access.server;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#origin = origin;
    this.#prefix = pathname === '/' ? '' : pathname;
    this.#userAgent = options.userAgent ?? 'orbweaver';
    this.#random = options.random ?? Math.random;
    this.#credentials = new CredentialSource(access, () => performance.now());
    const { apiRequestMs: connectMs, apiRequestsMax: most } = this.#limits;
    const to = { origin, proxyUrl: access.proxyUrl, connectMs };
    this.#connections = new KeptConnections({ ...to, most });
    this.#watchConnections = new KeptConnections({ ...to, most: null });
    this.#gate = new RequestGate(most);
  }

  /** By the current context of a kubeconfig. Throws KUBECONFIG_INVALID, naming file and field. */
  static fromKubeconfig(file: string, options: ApiServerOptions = {}): ApiServer {
    return new ApiServer(readKubeconfig(file), options);
  }

  /** By the service account of the pod that this runs in. Throws KUBECONFIG_INVALID outside of one. */
  static inCluster(options: ApiServerOptions = {}): ApiServer {
    return new ApiServer(serviceAccount(), options);
  }

  /** Sends a request; never rejects. The value of `ok` is the body, read as JSON. */
  async request<T>(request: ApiRequest): Promise<ApiOutcome<T>> {
    const { deadlineMs = this.#limits.apiRequestMs } = request;
    const begun = performance.now();
    const open = this.#open(request.signal);
    const timer = setTimeout(() => open.giveUp(`no answer within ${deadlineMs} ms`), deadlineMs);
    const ended = await this.#inTurn(request, open.signal);
    clearTimeout(timer);
    open.over();
    if (ended.kind !== 'answered') {
      this.#failed(begun, request.signal);
      const { reason } = ended;
      return ended.kind === 'unsent' ? { kind: 'away', reason } : { kind: 'unknown', reason };
    }
    return outcomeOf(ended, request.contentType === 'application/json-patch+json');
  }

  /** Streams events until the server ends it, the signal aborts, or silence; never rejects. */
  async watch(path: string, options: WatchOptions): Promise<WatchEnd> {
    const { resourceVersion, onEvent, onOpen = () => {}, quiet = false } = options;
    const { watchMs, quietWatchMs, watchSilenceMs, apiRequestMs, answerBytesMax } = this.#limits;
    const begun = performance.now();
    const open = this.#open(options.signal);
    try {
      const credentials = await orAborted(this.#credentials.current(), open.signal);
      // Not all at once: those that began together would begin together again.
      const spread = 0.5 + this.#random() / 2;
      const timeoutSeconds = Math.ceil((spread * (quiet ? quietWatchMs : watchMs)) / 1_000);
      const query = { watch: true, allowWatchBookmarks: true, resourceVersion, timeoutSeconds };
      const end = await watchStream(
        this.#watchConnections.under(credentials.tls),
        this.#httpRequest({ method: 'GET', path: withQuery(path, query) }, credentials),
        {
          signal: open.signal,
          headMs: apiRequestMs,
          silenceMs: watchSilenceMs,
          eventBytesMax: answerBytesMax,
          onEvent,
          onHead: (head) => {
            this.#answered(head);
            if (head.status === 200) {
              onOpen();
            }
          },
        },
      );
      if (end.kind === 'broken' && end.status === undefined) {
        this.#failed(begun, options.signal);
      } else if (end.kind === 'broken' && end.status === 401) {
        await orAborted(this.#credentials.renewed(credentials), open.signal);
      }
      return end;
    } catch (error) {
      return open.signal.aborted
        ? { kind: 'ended' }
        : { kind: 'broken', reason: (error as Error).message, retryAfterMs: 0 };
    } finally {
      open.over();
    }
  }

  /**
   * When the server last answered anything below 500, which a balancer without servers says, too (monotonic
   * milliseconds); minus infinity: never yet.
   */
  get lastAnswerAt(): number {
    return this.#lastAnswerAt;
  }

  /** Whether it was asked at least `ms` milliseconds ago and has answered nothing since. */
  isAway(ms: number): boolean {
    return this.#failingSince !== undefined && performance.now() - this.#failingSince >= ms;
  }

  /** Gives up all requests and watches and closes the connections. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const giveUp of this.#openNow) {
      giveUp('the client is closed');
    }
    await Promise.all([this.#connections.close(), this.#watchConnections.close()]);
  }

  /** A request or watch begins: what ends it early, and a signal that says so. */
  #open(from: AbortSignal | undefined): {
    readonly signal: AbortSignal;
    readonly giveUp: (reason: string) => void;
    readonly over: () => void;
  } {
    const control = new AbortController();
    const giveUp = (reason: string) => control.abort(reason);
    const calledOff = () => giveUp('called off');
    from?.addEventListener('abort', calledOff);
    this.#openNow.add(giveUp);
    if (this.#closed || from?.aborted) {
      giveUp(this.#closed ? 'the client is closed' : 'called off');
    }
    return {
      signal: control.signal,
      giveUp,
      over: () => {
        from?.removeEventListener('abort', calledOff);
        this.#openNow.delete(giveUp);
      },
    };
  }

  #failed(begun: number, calledOff: AbortSignal | undefined): void {
    if (!this.#closed && !calledOff?.aborted) {
      this.#failingSince ??= begun;
    }
  }

  /** Waits for a turn, but not beyond the deadline. */
  #inTurn(request: ApiRequest, signal: AbortSignal): Promise<Exchange> {
    const waits = new Promise<Exchange>((resolve) => {
      signal.addEventListener('abort', () =>
        resolve({ kind: 'unsent', reason: String(signal.reason) }),
      );
    });
    let begun = false;
    const turn = this.#gate.run(async (): Promise<Exchange> => {
      begun = true;
      return signal.aborted
        ? { kind: 'unsent', reason: String(signal.reason) }
        : this.#attempt(request, signal);
    });
    // Once it has begun, it ends by itself on the signal, and says whether anything was sent.
    return Promise.race([turn, waits.then((unsent) => (begun ? turn : unsent))]);
  }

  /** A 401 may come of a token that was renewed meanwhile: read again, once. */
  async #attempt(request: ApiRequest, signal: AbortSignal): Promise<Exchange> {
    let credentials: Credentials;
    try {
      credentials = await orAborted(this.#credentials.current(), signal);
      const first = await this.#send(request, credentials, signal);
      if (first.kind !== 'answered' || first.status !== 401) {
        return first;
      }
      const renewed = await orAborted(this.#credentials.renewed(credentials), signal);
      const same = JSON.stringify(renewed) === JSON.stringify(credentials);
      return same ? first : await this.#send(request, renewed, signal);
    } catch (error) {
      return { kind: 'unsent', reason: (error as Error).message };
    }
  }

  async #send(
    request: ApiRequest,
    credentials: Credentials,
    signal: AbortSignal,
  ): Promise<Exchange> {
    const dispatcher = this.#connections.under(credentials.tls);
    const http = this.#httpRequest(request, credentials);
    const { answerBytesMax } = this.#limits;
    let ended = await exchange(dispatcher, http, signal, answerBytesMax);
    if (ended.kind === 'unsent' && !signal.aborted) {
      // A kept connection may have been closed by the other side a moment ago: another is tried, once.
      ended = await exchange(dispatcher, http, signal, answerBytesMax);
    }
    if (ended.kind === 'answered') {
      this.#answered(ended);
    }
    return ended;
  }

  #httpRequest(
    { method, path, body, contentType }: ApiRequest,
    credentials: Credentials,
  ): HttpRequest {
    return {
      origin: this.#origin,
      method,
      path: `${this.#prefix}${path}`,
      headers: {
        accept: 'application/json',
        'user-agent': this.#userAgent,
        ...(body === undefined ? {} : { 'content-type': contentType ?? 'application/json' }),
        ...credentials.headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    };
  }

  #answered({ status, headers, sentAt, receivedAt }: Omit<HttpAnswer, 'kind' | 'body'>): void {
    if (status < 500) {
      this.#lastAnswerAt = receivedAt;
      this.#failingSince = undefined;
      const { date } = headers;
      this.clock.observe(typeof date === 'string' ? date : undefined, sentAt, receivedAt);
    } else {
      this.#failingSince ??= sentAt;
    }
  }
}

/** The promise, or a rejection with the signal's reason where that is first. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new Error(String(signal.reason)));
    if (signal.aborted) {
      onAbort();
    }
    signal.addEventListener('abort', onAbort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
