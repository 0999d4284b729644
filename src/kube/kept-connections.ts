/**
 * The connections to one API server, kept for as long as the credentials need the same TLS. The library builds a
 * new pool, and so a new TLS connection, for every request (reference/kubernetes-api.md section 3).
 */
import { type Dispatcher, Pool, ProxyAgent } from 'undici';
import type { TlsSettings } from './credentials.ts';

/**
 * Milliseconds. An idle connection is closed before the server does it (90 s; load balancers often 60 s), so that no
 * request is sent into one that is just being closed: its outcome would be unknown.
 */
const IDLE_MS = 50_000;
/** A peer that is gone is noticed 10 s after this many milliseconds of silence (10 probes a second apart). */
const PROBE_AFTER_MS = 15_000;

export class KeptConnections {
  readonly #origin: string;
  readonly #proxyUrl: string | undefined;
  readonly #connectMs: number;
  readonly #most: number | null;
  #pool: { readonly tls: TlsSettings; readonly dispatcher: Dispatcher } | undefined;
  readonly #retired = new Set<Dispatcher>();

  constructor(options: {
    readonly origin: string;
    readonly proxyUrl: string | undefined;
    /** A connection must stand within this many milliseconds. */
    readonly connectMs: number;
    /** Connections at once; null: as many as there are requests. */
    readonly most: number | null;
  }) {
    this.#origin = options.origin;
    this.#proxyUrl = options.proxyUrl;
    this.#connectMs = options.connectMs;
    this.#most = options.most;
  }

  /** The same as before, unless the settings have changed; what is open on the old one goes on. */
  under(tls: TlsSettings): Dispatcher {
    if (this.#pool !== undefined && equal(this.#pool.tls, tls)) {
      return this.#pool.dispatcher;
    }
    if (this.#pool !== undefined) {
      const { dispatcher } = this.#pool;
      this.#retired.add(dispatcher);
      void dispatcher.close().finally(() => this.#retired.delete(dispatcher));
    }
    const dispatcher = this.#open(tls);
    this.#pool = { tls, dispatcher };
    return dispatcher;
  }

  /** Cuts everything off. */
  async close(): Promise<void> {
    const all = [...this.#retired, ...(this.#pool === undefined ? [] : [this.#pool.dispatcher])];
    this.#pool = undefined;
    await Promise.all(all.map((dispatcher) => dispatcher.destroy()));
  }

  #open(tls: TlsSettings): Dispatcher {
    const defined = Object.fromEntries(
      Object.entries(tls).filter(([, value]) => value !== undefined),
    );
    const connect = {
      ...defined,
      keepAlive: true,
      keepAliveInitialDelay: PROBE_AFTER_MS,
      timeout: this.#connectMs,
    };
    const options = {
      // One connection per request in flight: what is given up is closed with its connection, and nothing else.
      allowH2: false,
      connections: this.#most,
      pipelining: 1,
      keepAliveTimeout: IDLE_MS,
      // Deadlines are those of the requests.
      headersTimeout: 0,
      bodyTimeout: 0,
    };
    return this.#proxyUrl === undefined
      ? new Pool(this.#origin, { ...options, connect })
      : new ProxyAgent({ ...options, uri: this.#proxyUrl, requestTls: connect });
  }
}

function equal(a: TlsSettings, b: TlsSettings): boolean {
  return (
    a.ca === b.ca &&
    a.cert === b.cert &&
    a.key === b.key &&
    a.servername === b.servername &&
    a.rejectUnauthorized === b.rejectUnauthorized
  );
}
